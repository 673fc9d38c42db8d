#!/bin/sh
# Every manual page is well formed, and every command and key is in one.
. "${srcdir:-.}/tests/tidy/lib.sh"
pages="$(cd "$srcdir" && find supervisord etc -name '*.[1-9]')"
built="etc/man/skep.conf.5 etc/man/skep.yaml.5"

for page in $built; do
	grep -q '^\.It Cm' "$page" || complain "$page: no keys in it"
done
for command in $(./skepctl --help |
	sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p' | sort -u); do
	grep -q -- "$command" "$srcdir/supervisord/ctl/man/skepctl.1" ||
		complain "skepctl.1: nothing about '$command'"
done
if ! command -v mandoc >/dev/null; then
	[ $status = 0 ] || exit 1
	echo "no mandoc: the form was not checked"
	exit 77
fi
for page in $pages; do
	[ -f "$srcdir/$page" ] && page=$srcdir/$page
	mandoc -Tlint -W error "$page" || complain "$page: mandoc says so"
done
for page in $built; do
	mandoc -Tlint -W error "$page" || complain "$page: mandoc says so"
done
exit $status
