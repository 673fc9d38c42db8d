#!/bin/bash
# Two copies meet after a cut: the one that loses gives its state, and the one
# that won, which had to start with nothing, goes on from it, or, where a hook
# joins them, from both.  What that one had written is kept and listed by all,
# also after a loss of power.
BUDGET=180
DEFAULTS="minority_hold = 3s"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/counters.sh"
cluster_begin alpha beta gamma
host_start alpha beta gamma
for h in alpha beta gamma; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done
counters 12 'restart: {reset_after: 3s}'
# Four whose hook adds the two numbers, and two whose hook fails.
mkdir -m 777 "$T/pair" "$T/torn"
cat >"$T/pairs.yaml" <<END
services:
  pair: &pair
    command: ["$COUNTER", "$T/%p/%i"]
    user: root
    replicas: 4
    handoff: {timeout: 10s}
    restart: {reset_after: 3s}
    hooks:
      timeout: 20s
      resolve_conflict:
        - /bin/sh
        - -c
        - >-
          echo \$((\$(cat "\$SKEP_STATE_MINE") +
          \$(cat "\$SKEP_STATE_THEIRS"))) >"\$SKEP_STATE_OUT"
  torn:
    <<: *pair
    replicas: 2
    hooks: {resolve_conflict: [/bin/sh, -c, "echo torn; exit 3"]}
END
check "apply those with hooks" ctl alpha apply -f "$T/pairs.yaml"
wait_for 20 "18 are ready" ready_count_is alpha 18
wait_for 30 "all agree" where_agrees alpha beta gamma
here='[.instances[] | select(.node == "gamma" and .service == "counter")]'
mine=$(json gamma "$here | length" status)
name=$(json gamma "$here | first | .name" status)
[ "$mine" -gt 0 ] || fail "gamma runs nothing"
say "    gamma runs $mine of 12, $name among them"

step "gamma is cut off; both sides count"
unplug gamma
wait_for 60 "both sides run what gamma ran" process_count_is counter 36
name=${name#*@}
# owner FILE: who ran it before the cut; last FILE: what it gave out last.
owner() {
	awk 'NR == 1 { print $3 }' "$T/$1"
}
last() {
	awk -v host="$(owner "$1")" '$3 == host { n = $1 }
		END { print n + 0 }' "$T/$1"
}
had=$(last "out/$name")
say "    counter@$name had come to $had"

step "they meet: one copy each, which goes on from what the other one had"
plug gamma
wait_for 60 "three are alive" alive_count_is alpha 3
wait_for 60 "each runs once" process_count_is counter 18
# own INSTANCE HOST: the root of the state of the copy that won there, as alpha
# lists it.
own() {
	json alpha "first(.instances[] | select(.name == \"$1\")) |
		first(.kept_states[] | select(.node == \"$2\")) | .root" status
}
# goes_on INSTANCE FILE OWN THEIRS: behind the last number that the copy which
# won gave out itself stands the next one: of its own so many times, and of the
# copy that lost so many times.
goes_on() {
	local winner root own
	winner=$(field alpha "$1" node)
	[ "$winner" != "$(owner "$2")" ] || return 1
	root=$(own "$1" "$winner")
	[ -n "$root" ] || return 1
	own=$(cat "$T/$winner/state/dumps/$root")
	awk -v host="$winner" -v own="$own" -v lost="$(last "$2")" \
		-v a="$3" -v b="$4" '
		$3 != host { next }
		was == own && $1 == a * own + b * lost + 1 { found = 1 }
		{ was = $1 }
		END { exit !found }' "$T/$2"
}
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
	wait_for 60 "$n goes on from its other copy's last number" \
		goes_on "counter@$n" "out/$n" 0 1
done
check "the count went on after the cut" test "$(last "out/$name")" -ge "$had"
wait_for 30 "all are ready" ready_count_is alpha 18
check "an event tells it" grep -q 'it goes on from the state of the copy that' \
	<(for h in alpha beta gamma; do ctl $h history "counter@$name"; done)

step "what a hook made of both is gone on from, and if it fails the own one"
# kept_is HOST INSTANCE COUNT: so many states does HOST list of it.
kept_is() {
	[ "$(json "$1" "first(.instances[] | select(.name == \"$2\")) |
		.kept_states | length" status)" = "$3" ]
}
for n in 1 2 3 4; do
	wait_for 60 "pair $n goes on from the sum" \
		goes_on "pair@$n" "pair/$n" 1 1
	wait_for 60 "its loser lets go" kept_is beta "pair@$n" 1
done
for n in 1 2; do
	wait_for 60 "torn $n goes on from its own" \
		goes_on "torn@$n" "torn/$n" 1 0
	winner=$(field alpha "torn@$n" node)
	check "its winner says why" grep -q 'not joined, both are kept: hooks.*3' \
		<(ctl "$winner" why "torn@$n")
	check "and so does an event" grep -q 'own state, and both are kept' \
		<(ctl "$winner" history "torn@$n")
	check "what the hook said is in the log" grep -q torn \
		<(ctl "$winner" logs "torn@$n")
done

step "what the winners had written is kept; the losers let go of theirs"
# kept HOST: of how many counters HOST lists one kept state.
kept() {
	json "$1" '[.instances[] | select(.service == "counter") |
		select(.kept_states | length == 1)] | length' status
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
for n in 1 2; do
	check "torn $n has both kept" kept_is gamma "torn@$n" 2
done
# What has the same bytes is one file.
check "delete" ctl alpha delete counter pair torn
is_dropped() {
	[ ! -e "$file" ]
}
wait_for 30 "its file goes" is_dropped
finish
