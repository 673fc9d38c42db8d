#!/bin/sh
# Storms are recorded, host by host; fresh cores and the recordings give the
# same effects, bit for bit, at every step.  Then one byte is turned, and one
# recording cut, and both are refused.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

for seed in 3 7 9; do
	RECORD=$work tests/sim/sim -s $seed -t 20 >"$work/out"
done
tests/sim/replay "$work"/*.skeptrc >"$work/out"
tail -n 3 "$work/out"
files=$(wc -l <"$work/out")
[ "$files" -ge 9 ] || { echo "only $files recordings" >&2; exit 1; }

for file in "$work"/7-*.skeptrc; do
	./skepctl replay --check "$file" >"$work/ctl" || exit 1
	grep -q 'each with the recorded effects' "$work/ctl"
done

some=$(ls -S "$work"/*.skeptrc | head -n 1)
size=$(wc -c <"$some")
head -c $((size / 2)) "$some" >"$work/cut"
! tests/sim/replay "$work/cut" 2>"$work/why" || exit 1
grep -q 'breaks off' "$work/why"
{ head -c $((size / 2)) "$some"; printf 'xxxx'
	tail -c +$((size / 2 + 5)) "$some"; } >"$work/damaged"
! tests/sim/replay "$work/damaged" 2>"$work/why" || exit 1
grep -q 'damaged' "$work/why"
