#!/bin/bash
# The disk has no room to seal a state, and the node crashes as well: the state
# waits where its service put it, and no copy begins without it.
BUDGET=90
POLICY="allow_root = yes
allowed_users = nobody"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/disks.sh"
cluster_begin alpha beta
trap disks_cleanup EXIT
disk_make alpha || skip "no loop device here"
install -m 666 /dev/null "$T/out"
# Counts into FILE; puts its number aside with 6 MB more.
cat >"$T/counter.sh" <<'END'
n=0
[ -z "${SKEP_STATE_IN:-}" ] || read -r n <"$SKEP_STATE_IN"
echo "start $n $SKEP_NODE" >>"$1"
trap 'asked=yes' USR1
trap 'exit 0' TERM
while [ -z "${asked:-}" ]; do
	n=$((n + 1))
	echo "$n" >>"$1"
	sleep 0.1
done
{ echo "$n"; yes | head -c 6000000; } >"$SKEP_STATE_OUT.tmp"
echo "put aside $n" >>"$1"
mv "$SKEP_STATE_OUT.tmp" "$SKEP_STATE_OUT"
while :; do sleep 0.1; done
END
cat >"$T/counter.yaml" <<END
services:
  counter:
    command: [/bin/bash, "$T/counter.sh", "$T/out"]
    user: nobody
    handoff: {required: true}
END
host_start alpha beta
wait_for 30 "alpha sees two alive" alive_count_is alpha 2
wait_for 30 "beta sees two alive" alive_count_is beta 2
check "cordon beta" ctl beta node cordon beta
check "apply" ctl beta apply -f "$T/counter.yaml"
wait_for 30 "it runs" ready_count_is beta 1
check "on alpha" test "$(field beta counter node)" = alpha
check "uncordon beta" ctl beta node uncordon beta
has_counted() {
	[ "$(grep -c '^[0-9]' "$T/out")" -ge "$1" ]
}
wait_for 20 "it counts" has_counted 10

step "alpha is drained, its disk has room for one such state, not for two"
check "9 MB are left" fallocate -l \
	$(($(df --output=avail -B1 "$T/alpha/state" | tail -n 1) - 9000000)) \
	"$T/alpha/state/fill"
check "drain" ctl beta node drain alpha -y --detach
waits() {
	[ "$(grep -c 'its state waits for room' "$T/alpha/skepd.log")" -ge "$1" ]
}
wait_for 30 "its state is put aside" grep -q '^put aside' "$T/out"
wait_for 30 "it waits for room" waits 1

step "and the node crashes"
node_of_alpha() {
	local pid name
	for pid in $(cat "$CG/alpha/cgroup.procs"); do
		read -r name <"/proc/$pid/comm" && [ "$name" = skep-node ] &&
			echo "$pid"
	done
}
kill -9 "$(node_of_alpha)"
said=$(grep -c 'its state waits for room' "$T/alpha/skepd.log")
wait_for 40 "the next one waits too" waits $((said + 1))
check "nothing began again" test "$(grep -c '^start' "$T/out")" = 1

step "there is room again"
disk_free alpha
has_moved() {
	[ "$(field beta counter node)" = beta ] && ready_count_is beta 1
}
wait_for 60 "it runs on beta" has_moved
at=$(sed -n 's/^put aside //p' "$T/out" | head -n 1)
check "with what it had put aside ($at)" test \
	"$(grep '^start' "$T/out" | sed -n '2s/ [a-z]*$//p')" = "start $at"
finish
