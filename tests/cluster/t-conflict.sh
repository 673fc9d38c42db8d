#!/bin/bash
# Two copies meet after a cut: the one that loses gives its state, and the one
# that won, which had to start with nothing, goes on from it.  What that one had
# written is kept and listed by all, also after a loss of power.
BUDGET=150
DEFAULTS="minority_hold = 3s"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/counters.sh"
cluster_begin alpha beta gamma
host_start alpha beta gamma
for h in alpha beta gamma; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done
counters 12 'restart: {reset_after: 3s}'
wait_for 30 "all agree" where_agrees alpha beta gamma
mine=$(json gamma '[.instances[] | select(.node == "gamma")] | length' status)
name=$(json gamma 'first(.instances[] | select(.node == "gamma")) | .name' \
	status)
[ "$mine" -gt 0 ] || fail "gamma runs nothing"
say "    gamma runs $mine of 12, $name among them"

step "gamma is cut off; both sides count"
unplug gamma
wait_for 60 "both sides run what gamma ran" process_count_is counter 24
name=${name#*@}
# owner N: who ran number N before the cut; last N: what it gave out last.
owner() {
	awk 'NR == 1 { print $3 }' "$T/out/$1"
}
last() {
	awk -v host="$(owner "$1")" '$3 == host { n = $1 }
		END { print n + 0 }' "$T/out/$1"
}
had=$(last "$name")
say "    counter@$name had come to $had"

step "they meet: one copy each, which goes on from what the other one had"
plug gamma
wait_for 60 "three are alive" alive_count_is alpha 3
wait_for 60 "each runs once" process_count_is counter 12
# own N: the state of the copy that won, as alpha lists it: HOST ROOT.
own() {
	json alpha "first(.instances[] | select(.name == \"counter@$1\")) |
		first(.kept_states[] | select(.node == \"$2\")) |
		.node + \" \" + .root" status
}
# goes_on N: behind the last number that the copy which won gave out itself
# stands the next one of the copy that lost.
goes_on() {
	local winner root own
	winner=$(field alpha "counter@$1" node)
	[ "$winner" != "$(owner "$1")" ] || return 1
	read -r _ root <<<"$(own "$1" "$winner")"
	[ -n "$root" ] || return 1
	own=$(cat "$T/$winner/state/dumps/$root")
	awk -v host="$winner" -v own="$own" -v lost="$(last "$1")" '
		$3 != host { next }
		was == own && $1 == lost + 1 { found = 1 }
		{ was = $1 }
		END { exit !found }' "$T/out/$1"
}
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
	wait_for 60 "$n goes on from its other copy's last number" goes_on $n
done
check "the count went on after the cut" test "$(last "$name")" -ge "$had"
wait_for 30 "all are ready" ready_count_is alpha 12
check "an event tells it" grep -q 'it goes on from the state of the copy that' \
	<(for h in alpha beta gamma; do ctl $h history "counter@$name"; done)

step "what the winners had written is kept; the losers let go of theirs"
# kept HOST: of how many instances HOST lists one kept state.
kept() {
	json "$1" '[.instances[] | select(.kept_states | length == 1)] |
		length' status
}
all_kept() {
	[ "$(kept "$1")" = 12 ]
}
for h in alpha beta gamma; do
	wait_for 60 "$h lists a state of each" all_kept $h
done
check "status says conflict" test "$(field beta "counter@$name" conflict)" = \
	true
check "why says it" grep -q 'an earlier copy' <(ctl alpha why "counter@$name")
# The file that HOST names for the instance.
file_of() {
	json "$1" "first(.instances[] | select(.name == \"counter@$name\")) |
		.kept_states[0] | \"$T/\" + .node + \"/state/dumps/\" + .root" \
		status
}
file=$(file_of alpha)
check "it is a file" test -f "$file"
count=$(cat "$file")

step "all hosts lose power: it is still there"
power_off alpha beta gamma
host_start alpha beta gamma
for h in alpha beta gamma; do
	wait_for 60 "$h sees three alive" alive_count_is $h 3
	wait_for 30 "$h lists a state of each" all_kept $h
done
check "the same file" test "$(file_of beta)" = "$file"
check "with the same count" test "$(cat "$file")" = "$count"

step "deleted, nothing is kept"
check "delete" ctl alpha delete counter
is_dropped() {
	[ ! -e "$file" ]
}
wait_for 30 "its file goes" is_dropped
finish
