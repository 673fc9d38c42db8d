#!/bin/sh
# Every header compiles alone; the ones that others may include, in C++ too.
. "${srcdir:-.}/tests/tidy/lib.sh"
CC=${CC:-$(makefile_value CC)}
found=headers.found
export CC srcdir found
flags="-fsyntax-only -D_GNU_SOURCE -include config.h -I. -Isupervisord
	-I$srcdir -I$srcdir/supervisord -I$srcdir/plugins/include
	-I$srcdir/supervisord/client/include
	-I$srcdir/tests -I$srcdir/tests/unit"
for library in NANOPB CHECK JANSSON MHD OPENSSL SQLITE YAML INIH; do
	flags="$flags $(makefile_value ${library}_CFLAGS)"
done
export flags
: >$found

compile='
	# shellcheck disable=SC2086
	echo "#include \"$1\"" |
		$CC -x c -std=gnu11 -Wall -Wextra -Werror $flags - 2>&1 ||
		echo "$1: does not compile alone"'
c_files | grep '\.h$' | xargs -P 2 -n 1 sh -c "$compile" compile >>$found

CXX=${CXX:-g++}
if command -v "$CXX" >/dev/null; then
	for header in $(cd "$srcdir" && find plugins/include -name '*.h'); do
		# shellcheck disable=SC2086
		echo "#include \"$header\"" | $CXX -x c++ -std=c++11 -Wall \
			-Wextra -Werror $flags - 2>&1 ||
			echo "$header: does not compile in C++"
	done >>$found
fi
complain_of_lines <$found
rm -f $found
exit $status
