#!/bin/sh
# Who may include whom: the arrows of ARCHITECTURE.md.
. "${srcdir:-.}/tests/tidy/lib.sh"

# may FOLDER PATTERN: what files of the folder may include in quotes.
may() {
	(cd "$srcdir" && grep -n '^#include "' $(srcdir=. c_files "$1")) |
		grep -Ev "#include \"($2)" |
		sed 's|$| -- an arrow in the wrong direction|' >arrows.found
	complain_of_lines <arrows.found
	rm -f arrows.found
}

# may_system FOLDER PATTERN: the same for includes in angle brackets.
may_system() {
	(cd "$srcdir" && grep -n '^#include <' $(srcdir=. c_files "$1")) |
		grep -Ev "#include <($2)>" |
		sed 's|$| -- not for a pure part|' >arrows.found
	complain_of_lines <arrows.found
	rm -f arrows.found
}

may supervisord/base 'base/'
may supervisord/client 'client/|skep/(registry|mail|mailbox)\.h|base/glob\.h'
may supervisord/core 'base/|core/|spec/policy\.h|skep/plugin\.h'
may supervisord/sys 'base/|sys/|skep/plugin\.h'
may spec 'base/|sys/|spec/'
may supervisord/keeper 'base/|sys/|keeper/'
may supervisord/logger 'base/|sys/|logger/'
may supervisord/mover 'base/|sys/|mover/'
may supervisord/prober 'base/|sys/'
may supervisord/node 'base/|sys/|core/|spec/|node/|skep/(plugin|registry|mailbox)\.h|client/(regfile|packet)\.h'
may supervisord/ctl 'base/|sys/|core/|spec/|ctl/|skep/mailbox\.h|client/packet\.h'
may plugins 'skep/plugin\.h|base/'
pure='std(bool|def|int|arg|noreturn)\.h|limits\.h|inttypes\.h|string\.h'
may_system supervisord/base "$pure|xxhash\.h"
may_system supervisord/core "$pure|signal\.h|pb(_(en|de)code|_common)?\.h"
may_system plugins/include 'std(int|def|bool)\.h'
exit $status
