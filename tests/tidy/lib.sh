# What the tidy tests share.  They run in the build folder with $srcdir set,
# as `make check' does it.
: "${srcdir:=.}"
status=0

# The C files below the given folders, or all of ours.
c_files() {
	[ $# -gt 0 ] || set -- supervisord spec plugins etc tests
	(cd "$srcdir" && find "$@" -name '*.[ch]' | sort)
}

# A finding: "FILE:LINE: what is wrong".
complain() {
	echo "$*"
	status=1
}

# Turns findings on standard input into a verdict.
complain_of_lines() {
	lines=$(cat)
	[ -z "$lines" ] || complain "$lines"
}

# The value of a variable in the Makefile of this build.
makefile_value() {
	sed -n "s/^$1 = //p" Makefile
}
