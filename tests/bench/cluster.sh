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

# A move that starts the new copy first: the longest time that a client had no
# answer of either.  The floor is that of the same client, as long, while the
# copy stays where it is.
cat >"$T/first.yaml" <<END
services:
  first:
    command: [/usr/bin/env, python3, "$here/answer.py", serve, "7500"]
    user: root
    readiness: {log_line: "^up"}
    handoff: {mode: restart, order: start-first}
END
check "apply" ctl alpha apply -f "$T/first.yaml"
wait_for 60 "it answers" ctl alpha wait ready first
# ask_begins / ask_ends: the client is asking; the longest silence is in $SILENT.
ask_begins() {
	rm -f "$T/enough" "$T/silent"
	ip netns exec "$NS-alpha" python3 "$here/answer.py" ask 7500 \
		"$T/enough" "$(address_of alpha)" "$(address_of beta)" \
		"$(address_of gamma)" >"$T/silent" &
	ASKER=$!
	until grep -qs begun "$T/silent"; do sleep 0.01; done
}
ask_ends() {
	sleep 0.2 # so that the old copy's end is in it
	touch "$T/enough"
	wait $ASKER
	SILENT=$(tail -n 1 "$T/silent")
}
gaps= floor=
for ((i = 0; i < MOVES; i++)); do
	to=beta
	[ "$(node_of first)" = beta ] && to=alpha
	ask_begins
	began=$(date +%s%N)
	check "move" ctl alpha move first $to
	wait_for 60 "first is on $to" is_ready_on first $to
	ask_ends
	gaps="$gaps $SILENT"
	took=$((($(date +%s%N) - began) / 1000000))
	ask_begins
	sleep $((took / 1000)).$(printf %03d $((took % 1000)))
	ask_ends
	floor="$floor $SILENT"
done
echo "|nobody answers, start-first move|ms|floor|$floor"
echo "|nobody answers, start-first move|ms|skep|$gaps"
exit 0
