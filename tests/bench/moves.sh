#!/bin/bash
# Rows of moves: how long no copy runs, by size of the state, and how long the
# drain of a host takes.  Prints lines "|what|unit|who|numbers" for run.sh, and
# everything else for people.
#
# The floor is the same program, which writes its state, ends, and is started
# again and reads it, on the same disk and without skep.
BUDGET=900
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../cluster/lib.sh"
STAMP=$SKEP_BUILD/tests/bench/stamp
: "${MOVES:=5}"
: "${SIZES:=0 1 100 1000}" # MiB
: "${DRAINED:=200}"	   # services
: "${DRAINS:=3}"
cluster_begin alpha beta
mkfifo -m 622 "$T/fifo"
exec 3<>"$T/fifo"
cat <&3 >"$T/stamps" &
READER=$!
trap 'kill $READER; cluster_cleanup' EXIT

# gap NAME: from the last 'leave' of the old to the 'start' of the new.
gap() {
	grep "^$1 " "$T/stamps" | tail -n 2 | awk '
		$3 == "leave" { left = $4 }
		$3 == "start" { printf " %.3f", ($4 - left) / 1e6 }'
}
lines_are() {
	[ "$(grep -c "^$1 .* $2 " "$T/stamps")" -ge "$3" ]
}
label() {
	if [ "$1" = 0 ]; then echo "no state"; else echo "$1 MiB"; fi
}
is_ready_on() {
	[ "$(field alpha "$1" node)" = "$2" ] &&
		[ "$(field alpha "$1" state)" = ready ]
}

# --- By hand ---

# begin_by_hand NAME MIB: starts it, with its state if there is one.
begin_by_hand() {
	local count
	count=$(grep -c "^$1 .* start " "$T/stamps")
	local args=("$1")
	[ "$2" = 0 ] || args+=($(($2 * 1048576)))
	SKEP_STATE_OUT=$T/by-hand.state \
		SKEP_STATE_IN=$([ -e "$T/by-hand.in" ] && echo "$T/by-hand.in") \
		"$STAMP" "$T/fifo" "${args[@]}" &
	BY_HAND=$!
	until lines_are "$1" start $((count + 1)); do sleep 0.001; done
}
# end_by_hand MIB: asks for its state as skep does, and ends it.
end_by_hand() {
	if [ "$1" != 0 ]; then
		kill -USR1 $BY_HAND
		until [ -e "$T/by-hand.state" ]; do sleep 0.001; done
	fi
	kill $BY_HAND
	wait $BY_HAND
	[ "$1" = 0 ] || mv "$T/by-hand.state" "$T/by-hand.in"
}
floor_of() {
	local gaps= i
	rm -f "$T/by-hand.in"
	begin_by_hand "floor-$1" "$1"
	for ((i = 0; i < MOVES; i++)); do
		end_by_hand "$1"
		begin_by_hand "floor-$1" "$1"
		gaps="$gaps$(gap "floor-$1")"
	done
	end_by_hand "$1"
	rm -f "$T/by-hand.in"
	echo "|no copy runs, $(label "$1")|ms|floor|$gaps"
}

# --- By skep ---

service_of() {
	echo "  size-$1:"
	if [ "$1" = 0 ]; then
		echo "    command: [$STAMP, $T/fifo, size-0]"
	else
		echo "    command: [$STAMP, $T/fifo, size-$1, \"$(($1 * 1048576))\"]"
		echo "    handoff: {mode: resume, timeout: 5m, max_size: 4GiB}"
	fi
	echo "    user: root"
	echo "    start_timeout: 5m"
}
move_of() {
	local gaps= i to count
	for ((i = 0; i < MOVES; i++)); do
		count=$(grep -c "^size-$1 .* start " "$T/stamps")
		to=beta
		[ "$(field alpha "size-$1" node)" = beta ] && to=alpha
		check "move" ctl alpha move "size-$1" $to
		wait_for 300 "$(label "$1") is on $to" is_ready_on "size-$1" $to
		# Without readiness it counts as ready while it still reads.
		wait_for 300 "it has read its state" lines_are "size-$1" \
			start $((count + 1))
		gaps="$gaps$(gap "size-$1")"
	done
	echo "|no copy runs, $(label "$1")|ms|skep|$gaps"
}

host_start alpha beta
wait_for 30 "both are there" alive_count_is alpha 2
{
	echo "services:"
	for size in $SIZES; do service_of "$size"; done
} >"$T/sizes.yaml"
check "apply" ctl alpha apply -f "$T/sizes.yaml"
wait_for 60 "all are ready" ready_count_is alpha "$(wc -w <<<"$SIZES")"
for size in $SIZES; do
	floor_of "$size"
	move_of "$size"
done
check "delete" ctl alpha delete $(for s in $SIZES; do echo "size-$s"; done)

# --- A drain ---

cat >"$T/drained.yaml" <<END
services:
  drained:
    command: [$STAMP, $T/fifo, "drained", "4096"]
    user: root
    replicas: $DRAINED
    handoff: {mode: resume}
END
check "cordon beta" ctl alpha node cordon beta
check "apply" ctl alpha apply -f "$T/drained.yaml"
wait_for 120 "all are ready" ready_count_is alpha "$DRAINED"
check "uncordon beta" ctl alpha node uncordon beta
times=
from=alpha other=beta
for ((i = 0; i < DRAINS; i++)); do
	began=$(date +%s%N)
	check "drain $from" timeout 300 "$SKEPCTL" \
		-s "$T/$other/run/skepd.sock" node drain $from -y
	times="$times $((($(date +%s%N) - began) / 1000000))"
	check "all are ready" ready_count_is $other "$DRAINED"
	check "undrain $from" ctl $other node undrain $from
	swap=$from from=$other other=$swap
done
echo "|drain of $DRAINED services|ms|skep|$times"

# All at once: asked, ended, started again.
times=
restart_all() {
	local i
	PIDS=()
	for ((i = 0; i < DRAINED; i++)); do
		SKEP_STATE_OUT=$T/hand.$i "$STAMP" "$T/fifo" hand 4096 &
		PIDS+=($!)
	done
}
states_are_there() {
	[ "$(find "$T" -maxdepth 1 -name 'hand.[0-9]*' ! -name '*.tmp' |
		wc -l)" = "$DRAINED" ]
}
restart_all
wait_for 60 "all run by hand" lines_are hand start "$DRAINED"
for ((i = 1; i <= DRAINS; i++)); do
	began=$(date +%s%N)
	kill -USR1 "${PIDS[@]}"
	until states_are_there; do sleep 0.001; done
	kill "${PIDS[@]}"
	wait "${PIDS[@]}"
	rm -f "$T"/hand.*
	restart_all
	until lines_are hand start $((DRAINED * (i + 1))); do sleep 0.001; done
	times="$times $((($(date +%s%N) - began) / 1000000))"
done
kill "${PIDS[@]}"
echo "|drain of $DRAINED services|ms|floor|$times"
exit 0
