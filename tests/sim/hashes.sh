#!/bin/bash
# One seed, one run: the simulator built by two compilers, without and with
# optimisation, and under the sanitizers, must come to the same event hashes.
#
#	hashes.sh [COUNT [FIRST [VARIANT...]]]	by 'make sim-hashes'
#
# Each variant (all six, if none is named) runs COUNT storms from seed FIRST
# on, the first variant twice, and one with 50 hosts unless COUNT is small.
# Exits 1 when one differs from the first variant, or that from itself, in any
# line that a storm prints, and 77 when there is nothing to compare with.
set -u
count=${1:-20}
first=${2:-1}
variants=${*:3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

build() { # NAME COMPILER FLAGS...
	name=$1
	compiler=$2
	shift 2
	mkdir "$folder/$name"
	for source in $HASHES_SOURCES; do
		[ -f "$source" ] || source=$HASHES_ROOT/$source
		object=$folder/$name/$(echo "$source" | tr / _).o
		# shellcheck disable=SC2086
		echo "$compiler" $HASHES_FLAGS -w "$@" -c -o "$object" "$source"
	done | xargs -P "${HASHES_JOBS:-2}" -I@ sh -c @ || return 1
	# shellcheck disable=SC2086
	"$compiler" "$@" -o "$folder/$name/sim" "$folder/$name"/*.o $HASHES_LIBS
}

# What all storms print, in the order of their seeds.
run() { # SIM
	for seed in $(seq "$first" $((first + count - 1))); do
		"$1" -s "$seed" 2>&1 || echo "seed $seed failed"
	done
	[ "$count" -lt 10 ] || "$1" -s "$((first + 1))" -n 50 -t 30 2>&1 ||
		echo "50 hosts failed"
}

reference=
compared=0
failed=0
while read -r name compiler flags; do
	command -v "$compiler" >/dev/null || continue
	[[ -z $variants || " $variants " = *" $name "* ]] || continue
	began=$(date +%s)
	# shellcheck disable=SC2086
	if ! build "$name" "$compiler" $flags; then
		echo "$name does not build"
		exit 1
	fi
	run "$folder/$name/sim" >"$folder/$name.said"
	if [ -z "$reference" ] &&
		! run "$folder/$name/sim" | diff "$folder/$name.said" -; then
		echo "$name says something else the second time"
		failed=$((failed + 1))
	fi
	rm -rf "${folder:?}/$name"
	if [ -z "$reference" ]; then
		reference=$name
	elif diff "$folder/$reference.said" "$folder/$name.said" \
		>"$folder/diff"; then
		compared=$((compared + 1))
	else
		echo "$name differs from $reference:"
		head -n 4 "$folder/diff"
		failed=$((failed + 1))
	fi
	printf '%-10s %s storms, %s, %s s\n' "$name" \
		"$(wc -l <"$folder/$name.said")" \
		"$(cksum <"$folder/$name.said" | cut -d' ' -f1)" \
		"$(($(date +%s) - began))"
done <<END
gcc-O2 gcc -O2
gcc-O0 gcc -O0
clang-O2 clang -O2
clang-O0 clang -O0
gcc-asan gcc -O1 -g -fsanitize=address -fno-omit-frame-pointer
gcc-ubsan gcc -O1 -g -fsanitize=undefined -fno-sanitize-recover=all
END
echo "$compared passed, $failed failed, 0 skipped"
[ "$failed" = 0 ] || exit 1
[ "$compared" -gt 0 ] || exit 77
