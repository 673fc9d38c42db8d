#!/bin/bash
# The disk has no room to seal a state, and the node crashes as well: the state
# waits where its service put it, and no copy begins without it.
BUDGET=90
POLICY="allow_root = yes
allowed_users = nobody"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/disks.sh"
. "$(dirname "$0")/aside.sh"
WAITS='its state waits for room'
cluster_begin alpha beta
trap disks_cleanup EXIT
disk_make alpha || skip "no loop device here"
counter_runs 6000000

step "alpha is drained, its disk has room for one such state, not for two"
check "9 MB are left" fallocate -l \
	$(($(df --output=avail -B1 "$T/alpha/state" | tail -n 1) - 9000000)) \
	"$T/alpha/state/fill"
check "drain" ctl beta node drain alpha -y --detach
wait_for 30 "its state is put aside" grep -q '^put aside' "$T/out"
wait_for 30 "it waits for room" has_said "$WAITS" 1
check "which was looked at before anything was written" \
	grep -q "$WAITS.*: no room for it: [0-9]* bytes are needed" \
	"$T/alpha/skepd.log"

step "and the node crashes"
kill -9 "$(part_of_alpha skep-node)"
said=$(said_of_it "$WAITS")
wait_for 40 "the next one waits too" has_said "$WAITS" $((said + 1))
check "nothing began again" has_not_begun_again

step "there is room again"
disk_free alpha
counter_has_moved
finish
