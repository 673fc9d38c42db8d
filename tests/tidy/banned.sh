#!/bin/sh
# Calls that have no place here, each with what to use.
. "${srcdir:-.}/tests/tidy/lib.sh"
code=$srcdir/tests/tidy/code.awk

# ban FOLDERS CALLS REPLACEMENT
ban() {
	# shellcheck disable=SC2046,SC2086
	(cd "$srcdir" && awk -f "tests/tidy/code.awk" $(srcdir=. c_files $1)) |
		grep -E "(^|[^A-Za-z0-9_>.])($2)[[:space:]]*\(" |
		sed "s|\$| -- use $3|" >banned.found
	complain_of_lines <banned.found
	rm -f banned.found
}

product="supervisord spec plugins etc"
all="$product tests"
ban "$product" 'v?sprintf' 'snprintf'
ban "$product" 'strn?cat|stpcpy' 'snprintf, or memcpy with a checked size'
ban "$all" 'gets' 'fgets or getline'
ban "$product" 'ato[ifl]|atoll' 'sys/units.h or strtol with its end checked'
ban "$product" 's?rand|s?random|[dlm]rand48|rand_r' 'base/prng.h'
ban "$product" 'system|popen|wordexp' 'a request to the keeper'
# skepctl has no loop: it asks, and asks again.
ban "supervisord/base supervisord/core supervisord/keeper supervisord/logger
	supervisord/mover supervisord/node supervisord/sys spec" \
	'u?sleep|nanosleep' 'a timer of the loop'
ban "$all" 'strtok|localtime|gmtime|ctime|asctime|inet_ntoa' \
	'the function of the same name that ends in _r, or inet_ntop'
ban "$all" 'alloca|mktemp|tmpnam|tempnam' 'an array with a bound, or mkstemp'
ban "$product" 'assert' 'CHECK of base/check.h'
ban "$product" 'signal_handler|siglongjmp|longjmp|setjmp' 'a result'
(cd "$srcdir" && grep -n '#include <assert.h>' $(srcdir=. c_files)) |
	sed 's|$| -- use base/check.h|' >banned.found
complain_of_lines <banned.found
rm -f banned.found
[ -f "$code" ] || complain "$code is missing"
exit $status
