#!/bin/sh
# The core does no I/O: what libcore.a wants from outside is memory and text
# functions, nanopb and 'panic'; everything else it has from itself and
# libbase.a.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
core=${1:-libcore.a}
base=${2:-libbase.a}
nm=${NM:-nm}

for lib in "$core" "$base"; do
	test -f "$lib" || { echo "purity: no $lib here" >&2; exit 1; }
done
"$nm" --defined-only "$core" "$base" | awk 'NF == 3 { print $3 }' |
	sort -u >"$work/defined"
"$nm" -u "$core" "$base" | awk 'NF == 2 { print $2 }' |
	sort -u >"$work/undefined"
test -s "$work/defined" || { echo "purity: nm shows nothing" >&2; exit 1; }
allowed='^(mem(cpy|move|set|cmp|chr)|str(len|nlen|cmp|ncmp|cpy|ncpy|chr|rchr|spn|cspn|pbrk|str)'
allowed="$allowed"'|pb_[a-z0-9_]+|panic|__stack_chk_(fail|guard)'
allowed="$allowed"'|_GLOBAL_OFFSET_TABLE_|__(asan|ubsan|tsan|sanitizer)_.*'
allowed="$allowed"'|_?__(gcov|llvm)_.*|__mem(cpy|move|set)_chk)$'
if comm -13 "$work/defined" "$work/undefined" |
	grep -Ev "$allowed" >"$work/impure"; then
	echo "purity: the core must not call:" >&2
	sed 's/^/	/' "$work/impure" >&2
	for symbol in $(cat "$work/impure"); do
		"$nm" -A -u "$core" "$base" | grep -w "$symbol" >&2
	done
	exit 1
fi
echo "purity: $(wc -l <"$work/undefined") symbols wanted, all of them pure"
