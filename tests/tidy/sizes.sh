#!/bin/sh
# Nothing is longer than it may be: lines, functions, files.
. "${srcdir:-.}/tests/tidy/lib.sh"
here=$srcdir/tests/tidy/sizes.awk
for file in $(c_files); do
	LC_ALL=C.UTF-8 awk -f "$here" "$srcdir/$file"
done >sizes.found
complain_of_lines <sizes.found
rm -f sizes.found
exit $status
