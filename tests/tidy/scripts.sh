#!/bin/sh
# Every script of the tree can be read by its shell; and by shellcheck, where
# there is one.
. "${srcdir:-.}/tests/tidy/lib.sh"
cd "$srcdir" || exit 1
for script in .ci/run contrib/* contrib/lib/* etc/examples/*.sh \
	etc/man/*.sh tests/tidy/*.sh tests/cluster/*; do
	[ -f "$script" ] || continue
	case $(head -n 1 "$script") in
	'#!/bin/sh'*) sh -n "$script" ;;
	'#!/bin/bash'*) bash -n "$script" ;;
	*) [ "${script%.sh}" = "$script" ] || bash -n "$script" ;;
	esac || complain "$script: cannot be read"
	case $script in
	contrib/install-deps | contrib/check | contrib/quickstart | .ci/run)
		[ -x "$script" ] || complain "$script: not executable" ;;
	esac
done
exit $status
