#!/bin/bash
# Who reads a state that was put aside is killed in the midst of it, twice: the
# state waits where its service put it, and no copy begins without it.
BUDGET=120
POLICY="allow_root = yes
allowed_users = nobody"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/aside.sh"
cluster_begin alpha beta
counter_runs 300000000

step "alpha is drained, and the mover is killed"
kill_mover() {
	local mover
	mover=$(part_of_alpha skep-mover)
	[ -n "$mover" ] && kill -9 "$mover"
}
check "drain" ctl beta node drain alpha -y --detach
for n in 1 2; do
	wait_for 60 "a mover reads" kill_mover
	wait_for 30 "its state is to be read again" has_said \
		'its state waits to be read again' $n
done
check "nothing began again" has_not_begun_again

step "the third mover is left alone"
counter_has_moved
finish
