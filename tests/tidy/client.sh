#!/bin/sh
# What programs include compiles in every C and C++ that people may use, alone
# and twice, without a definition of ours.
. "${srcdir:-.}/tests/tidy/lib.sh"
include=$srcdir/supervisord/client/include
warnings="-pedantic -Wall -Wextra -Wconversion -Wshadow -Werror"

# compiles COMPILER LANGUAGE STANDARD [FLAG...]: stdio.h first or after it.
compiles() {
	compiler=$1 language=$2 standard=$3
	shift 3
	command -v "$compiler" >/dev/null || return 0
	printf '#include <skep/%s>\n' skep.h skep.h registry.h registry.h |
		sed '$a int main(void) { return skep_ready() < 0; }' |
		"$compiler" -x "$language" "-std=$standard" $warnings "$@" \
			-I "$include" -fsyntax-only - 2>&1 ||
		complain "skep.h or registry.h: $compiler -std=$standard $* refuses it"
}

for standard in c99 c11 gnu11 c17; do
	compiles "${CC:-cc}" c $standard
	compiles clang c $standard
done
compiles "${CC:-cc}" c c11 -D_POSIX_C_SOURCE=200809L -include stdio.h
for standard in c++11 gnu++17 c++20; do
	compiles "${CXX:-g++}" c++ $standard
done

# What it needs and does not get is said in words.
printf '#include <stdio.h>\n#include <skep/skep.h>\n' |
	${CC:-cc} -x c -std=c11 -I "$include" -fsyntax-only - 2>&1 |
	grep -q 'include it first' ||
	complain "skep.h: included late, it does not say what it needs"
exit $status
