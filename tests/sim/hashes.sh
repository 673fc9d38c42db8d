#!/bin/bash
# One seed, one run: the simulator built by two compilers, without and with
# optimisation, and under the sanitizers, must come to the same event hashes.
#
#	hashes.sh [COUNT [FIRST]]	in the build folder, by 'make sim-hashes'
#
# Each of the six variants runs COUNT storms from seed FIRST on, and two with
# 50 hosts.  Exits 1 when one differs from the first variant in any line that
# a storm prints, and 77 when there is nothing to compare with.
set -u
count=${1:-60}
first=${2:-1}
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
run() {
	for seed in $(seq "$first" $((first + count - 1))); do
		"$1" -s "$seed" 2>&1 || echo "seed $seed failed"
	done
	for seed in "$first" $((first + 1)); do
		"$1" -s "$seed" -n 50 -t 30 2>&1 || echo "seed $seed failed"
	done
}

reference=
compared=0
status=0
while read -r name compiler flags; do
	command -v "$compiler" >/dev/null || continue
	# shellcheck disable=SC2086
	if ! build "$name" "$compiler" $flags; then
		echo "$name does not build"
		exit 1
	fi
	run "$folder/$name/sim" >"$folder/$name.said"
	rm -rf "${folder:?}/$name"
	if [ -z "$reference" ]; then
		reference=$name
	elif diff "$folder/$reference.said" "$folder/$name.said" \
		>"$folder/diff"; then
		compared=$((compared + 1))
	else
		echo "$name differs from $reference:"
		head -n 4 "$folder/diff"
		status=1
	fi
	printf '%-10s %s storms, %s\n' "$name" \
		"$(wc -l <"$folder/$name.said")" \
		"$(cksum <"$folder/$name.said" | cut -d' ' -f1)"
done <<END
gcc-O2 gcc -O2
gcc-O0 gcc -O0
clang-O2 clang -O2
clang-O0 clang -O0
gcc-asan gcc -O1 -g -fsanitize=address -fno-omit-frame-pointer
gcc-ubsan gcc -O1 -g -fsanitize=undefined -fno-sanitize-recover=all
END
[ "$status" = 0 ] || exit 1
[ "$compared" -gt 0 ] || exit 77
