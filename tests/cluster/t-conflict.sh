#!/bin/bash
# Two copies meet after a cut: the one that loses gives its state, which is kept
# on its host and listed by all, also after a loss of power.
BUDGET=150
DEFAULTS="minority_hold = 3s"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/counters.sh"
cluster_begin alpha beta gamma
host_start alpha beta gamma
for h in alpha beta gamma; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done
counters 12
wait_for 30 "all agree" where_agrees alpha beta gamma
mine=$(json gamma '[.instances[] | select(.node == "gamma")] | length' status)
name=$(json gamma 'first(.instances[] | select(.node == "gamma")) | .name' \
	status)
[ "$mine" -gt 0 ] || fail "gamma runs nothing"
say "    gamma runs $mine of 12, $name among them"

step "gamma is cut off; both sides count"
unplug gamma
wait_for 60 "both sides run what gamma ran" process_count_is counter 24
# The last number that gamma's copy gave out.
last() {
	awk '$3 == "gamma" { n = $1 } END { print n + 0 }' \
		"$T/out/${name#*@}"
}
had=$(last)
say "    $name had come to $had"

step "they meet: one copy each, and what the losers gave is kept"
plug gamma
wait_for 60 "three are alive" alive_count_is alpha 3
wait_for 60 "each runs once" process_count_is counter 12
wait_for 30 "all are ready" ready_count_is alpha 12
# kept HOST: how many instances HOST lists a kept state of.
kept() {
	json "$1" '[.instances[] | select(.kept_states | length > 0)] | length' \
		status
}
all_kept() {
	[ "$(kept "$1")" = 12 ]
}
for h in alpha beta gamma; do
	wait_for 30 "$h lists a state of each" all_kept $h
done
check "status says conflict" test "$(field beta "$name" conflict)" = true
check "why says it" grep -q 'copy that lost' <(ctl alpha why "$name")
# The file that HOST names for INSTANCE.
file_of() {
	json "$1" "first(.instances[] | select(.name == \"$2\")) |
		.kept_states[0] | \"$T/\" + .node + \"/state/dumps/\" + .root" \
		status
}
file=$(file_of alpha "$name")
check "it is a file" test -f "$file"
check "its count went on after the cut" test "$(last)" -ge "$had"
check "what is kept is the last that it gave out" test "$(cat "$file")" = \
	"$(last)"
check "an event tells it" grep -q 'is kept here for 7 days' \
	<(for h in alpha beta gamma; do ctl $h history "$name"; done)

step "all hosts lose power: it is still there"
power_off alpha beta gamma
host_start alpha beta gamma
for h in alpha beta gamma; do
	wait_for 60 "$h sees three alive" alive_count_is $h 3
	wait_for 30 "$h lists a state of each" all_kept $h
done
check "the same file" test "$(file_of beta "$name")" = "$file"
check "with the same count" test "$(cat "$file")" = "$(last)"

step "deleted, nothing is kept"
check "delete" ctl alpha delete counter
is_dropped() {
	[ ! -e "$file" ]
}
wait_for 30 "its file goes" is_dropped
finish
