#!/bin/sh
# etc/skep.conf says what the parser's table says, and is good.
. "${srcdir:-.}/tests/tidy/lib.sh"
etc/man/keytables sample | diff -u "$srcdir/etc/skep.conf" - ||
	complain "etc/skep.conf differs from the table: make golden-conf"
./skepd --check-config -c "$srcdir/etc/skep.conf" ||
	complain "skepd refuses etc/skep.conf"
exit $status
