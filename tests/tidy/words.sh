#!/bin/sh
# Nothing unfinished, nothing about who made it or where, in the whole tree.
. "${srcdir:-.}/tests/tidy/lib.sh"

# never PATTERN WHY.  Patterns are written so that they do not find
# themselves.
never() {
	(cd "$srcdir" && grep -rnEI "$1" --exclude-dir=.git \
		--exclude-dir='build*' --exclude-dir='variant-*' \
		--exclude-dir=autom4te.cache --exclude-dir='skep-[0-9]*' \
		--exclude='Makefile*' --exclude=configure --exclude='*~' --exclude='config.*' \
		--exclude='*.m4' --exclude=libtool --exclude='*.log' \
		--exclude='*.trs' .ci .clang-format .editorconfig *) |
		cut -c 1-160 | sed "s|\$| -- $2|" >words.found
	complain_of_lines <words.found
	rm -f words.found
}

never '(^|[^A-Za-z])(TO[D]O|FIX[M]E|X[X]X|HA[C]K)([^A-Za-z]|$)' \
	'finish it, or put it into the list in HACKING.md'
never '(^|[^A-Za-z0-9_.}s-])/(ho[m]e|Us[e]rs|ro[o]t|wo[r]k)/' 'a path of one machine'
never '[Cc]o-[Aa]uthored-[Bb]y|[Aa]ssist[a]nt|[Ll]anguage [m]odel' \
	'the tree says what it is, not how it was made'
exit $status
