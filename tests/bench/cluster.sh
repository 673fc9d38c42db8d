#!/bin/bash
# Rows of three hosts: power loss and planned moves.  Prints lines
# "|what|unit|who|numbers" for run.sh, and everything else for people.
BUDGET=180
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../cluster/lib.sh"
STAMP=$SKEP_BUILD/tests/bench/stamp
: "${LOSSES:=3}"
: "${MOVES:=5}"
MIB=1048576
cluster_begin alpha beta gamma
mkfifo -m 622 "$T/fifo"
exec 3<>"$T/fifo"

cat >"$T/many.yaml" <<END
services:
  many:
    command: [$STAMP, $T/fifo, "%i"]
    user: root
    replicas: 60
  plain:
    command: [$STAMP, $T/fifo, plain]
    user: root
  state:
    command: [$STAMP, $T/fifo, state, "$MIB"]
    user: root
    handoff: {mode: resume}
END

# Where the stamps go: a reader that ends with the cluster.
cat <&3 >"$T/stamps" &
READER=$!
trap 'kill $READER; cluster_cleanup' EXIT

starts() {
	grep -c ' start ' "$T/stamps"
}
starts_are() {
	[ "$(starts)" -ge "$1" ]
}
is_dead() {
	[ "$(json "$1" ".nodes[] | select(.name == \"$2\") | .state" \
		node list)" = dead ]
}
node_of() {
	field alpha "$1" node
}

host_start alpha beta gamma
wait_for 30 "all are there" alive_count_is alpha 3
check "apply" ctl alpha apply -f "$T/many.yaml"
wait_for 60 "all are ready" ready_count_is alpha 62

dead= elsewhere=
for ((i = 0; i < LOSSES; i++)); do
	lost=$(json alpha '[.instances[] | select(.node == "gamma")] | length' \
		status)
	before=$(starts)
	began=$(date +%s%N)
	power_off gamma
	wait_for 30 "gamma is dead" is_dead alpha gamma
	dead="$dead $((($(date +%s%N) - began) / 1000000))"
	wait_for 30 "$lost started elsewhere" starts_are $((before + lost))
	elsewhere="$elsewhere $((($(date +%s%N) - began) / 1000000))"
	wait_for 60 "all are ready" ready_count_is alpha 62
	host_start gamma
	wait_for 60 "gamma is back" alive_count_is alpha 3
	# It takes something again, so that the next loss is one.
	for n in $(seq 1 20); do
		ctl alpha move "many@$n" gamma >/dev/null
	done
	moved() {
		[ "$(json alpha '[.instances[] | select(.node == "gamma" and
			.state == "ready")] | length' status)" -ge 20 ]
	}
	wait_for 60 "20 are on gamma" moved
done
echo "|host loss to DEAD|ms|skep|$dead"
echo "|host loss to started elsewhere|ms|skep|$elsewhere"

# gap NAME: from the last 'leave' of the old to the 'start' of the new.
gap() {
	grep "^$1 " "$T/stamps" | tail -n 2 | awk '
		$3 == "leave" { left = $4 }
		$3 == "start" { printf " %.3f", ($4 - left) / 1e6 }'
}
is_ready_on() {
	[ "$(field alpha "$1" node)" = "$2" ] &&
		[ "$(field alpha "$1" state)" = ready ]
}
for name in plain state; do
	gaps=
	for ((i = 0; i < MOVES; i++)); do
		to=beta
		[ "$(node_of $name)" = beta ] && to=alpha
		check "move" ctl alpha move $name $to
		wait_for 60 "$name is on $to" is_ready_on $name $to
		gaps="$gaps$(gap $name)"
	done
	echo "|no copy runs, move of $name|ms|skep|$gaps"
done
floor=
# start_floor: runs the service itself, until it said so.
start_floor() {
	"$STAMP" "$T/fifo" floor &
	FLOOR=$!
	until grep -q "^floor $FLOOR start" "$T/stamps"; do :; done
}
for ((i = 0; i < MOVES; i++)); do
	start_floor
	kill $FLOOR
	wait $FLOOR
	start_floor
	floor="$floor$(gap floor)"
	kill $FLOOR
	wait $FLOOR
done
echo "|no copy runs, stop and start|ms|floor|$floor"
exit 0
