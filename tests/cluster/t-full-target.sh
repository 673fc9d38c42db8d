#!/bin/bash
# The disk of the host that a state would go to has no room for it: the move is
# called off before anything travels, who asks is told why and how much is
# missing, and the service goes on where it was, with its state.
BUDGET=120
POLICY="allow_root = yes
allowed_users = nobody"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/disks.sh"
. "$(dirname "$0")/aside.sh"
BYTES=20000000
cluster_begin alpha beta
trap disks_cleanup EXIT
disk_make beta || skip "no loop device here"
counter_runs $BYTES

step "the counter is to move, and beta has 9 MB left"
check "9 MB are left" fallocate -l \
	$(($(df --output=avail -B1 "$T/beta/state" | tail -n 1) - 9000000)) \
	"$T/beta/state/fill"
check "move" ctl alpha move counter beta
wait_for 30 "its state is put aside" grep -q '^put aside' "$T/out"
WHY='beta: no room for it: 2[0-9]* bytes are needed in [^ ]*, [0-9]* are free'
tells() {
	ctl alpha "$@" >"$T/told" 2>&1
	cat "$T/told"
	grep -q "$WHY" "$T/told"
}
wait_for 30 "status says why" tells status counter
check "why too" tells why counter
check "and its history" tells history counter
goes_on() {
	local at
	at=$(sed -n 's/^put aside //p' "$T/out" | head -n 1)
	[ "$(grep '^start' "$T/out" | sed -n 2p)" = "start $at alpha" ]
}
wait_for 30 "it goes on at alpha with what it had put aside" goes_on
check "nothing of it was written there" test \
	"$(ls "$T/beta/state/dumps" | wc -l)" = 0

step "there is room again"
disk_free beta
check "move" ctl alpha move counter beta
wait_for 60 "it runs on beta" has_moved
began_with_it() {
	[ "$(grep '^start' "$T/out" | tail -n 1)" = \
		"start $(sed -n 's/^put aside //p' "$T/out" | tail -n 1) beta" ]
}
wait_for 10 "with what it had put aside last" began_with_it
finish
