#!/bin/bash
# A fourth host joins: what belongs to it moves there by itself, two at a time,
# and every counter counts on.  Then the same when an operator asks for it.
BUDGET=150
POLICY="allow_root = yes
allowed_users = nobody"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/counters.sh"
cluster_begin alpha beta gamma delta
host_start alpha beta gamma
for h in alpha beta gamma; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done
counters 24

# How many do not run where they belong, as HOST says.
misplaced() {
	json "$1" '.instances | length' rebalance --dry-run
}
misplaced_is() {
	[ "$(misplaced "$1")" = "$2" ]
}
moving() {
	json "$1" '[.nodes[].moving] | add' rebalance --dry-run
}
says() {
	"$@" 2>&1 | tee "$T/said"
}

step "off: it says what would go, and moves nothing"
check "all run where they belong" misplaced_is beta 0
host_start delta
for h in alpha beta gamma delta; do
	wait_for 30 "$h sees four alive" alive_count_is $h 4
done
planned() {
	[ "$(misplaced alpha)" -gt 0 ] && [ "$(misplaced delta)" = "$(misplaced alpha)" ]
}
wait_for 20 "some belong to other hosts now" planned
many=$(misplaced alpha)
json alpha '[.instances[] | [.name, .to]] | sort' rebalance --dry-run \
	>"$T/planned"
says ctl gamma rebalance -y >/dev/null
check "a pass is refused, with the remedy" grep -q \
	'cluster set rebalance manual' "$T/said"
check "nothing runs on delta" test "$(count_on alpha delta)" = 0

step "auto: $many go, two at a time"
check "set" ctl beta cluster set rebalance_max 2
check "set" ctl beta cluster set rebalance_hold 2s
check "set" ctl beta cluster set rebalance auto
most=0
looks=0
all_gone() {
	local now
	now=$(moving gamma)
	looks=$((looks + 1))
	[ "$now" -gt "$most" ] && most=$now
	misplaced_is gamma 0
}
wait_for 90 "everything runs where it belongs" all_gone
# A move may take less time than there is between two looks.
check "never more than two at a time, in $looks looks: $most" test \
	"$most" -le 2
wait_for 10 "all are ready" ready_count_is alpha 24
json alpha "[.instances[] | select(.name as \$n | $(jq -c '[.[][0]]' \
	"$T/planned") | index(\$n)) | [.name, .node]] | sort" \
	status >"$T/actual"
check "each where the dry run said" diff "$T/planned" "$T/actual"
check "no number is missing, none twice" no_number_lost
lines=$(wc -l "$T"/out/* | sort -n | head -n 1 | awk '{print $1}')
wait_for 20 "all count on" all_count_on $((lines + 50))
told() {
	local name
	for name in $(jq -r '.[][0]' "$T/planned"); do
		ctl delta history "$name" | grep 'moved.*rebalanced' || return 1
	done
}
wait_for 10 "the history of each tells why" told

step "manual: nothing by itself, one pass when asked"
check "set" ctl beta cluster set rebalance manual
check "drain delta" ctl alpha node drain delta -y
check "undrain" ctl alpha node undrain delta
wait_for 20 "some belong to delta" planned
says ctl alpha rebalance -y >/dev/null
# More may be due by now than were a moment ago.
check "the pass names what it moves" grep -q ' → ' "$T/said"
check "all run where they belong" misplaced_is alpha 0
wait_for 10 "all are ready" ready_count_is alpha 24
wait_for 10 "no number is missing, none twice" no_number_lost
says ctl beta rebalance -y >/dev/null
check "another one has nothing to do" grep -q 'nothing is to move' "$T/said"
finish
