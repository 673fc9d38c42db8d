#!/bin/bash
# The registry on seven hosts: names of processes, with one winner and freed at
# their end; metadata and patterns; key/value; events; a group of MEMBERS of
# which one in a hundred is dead, asked all at once; and two hosts that die.
BUDGET=240
. "$(dirname "$0")/lib.sh"
MEMBERS=${MEMBERS:-1000}
ANSWERER=$SKEP_BUILD/tests/cluster/answerer
[ -x "$ANSWERER" ] || fail "$ANSWERER is not built"
names="h1 h2 h3 h4 h5 h6 h7"
POLICY="allow_root = yes
allowed_users = nobody"
cluster_begin $names

# all_say WORD ARGS...: each host of $alive prints just that.
all_say() {
	local h
	for h in $alive; do
		[ "$(ctl "$h" "${@:2}" 2>/dev/null)" = "$1" ] || return 1
	done
}
# all_count NUMBER PATTERN: each lists so many names.
all_count() {
	local h
	for h in $alive; do
		[ "$(ctl "$h" -o name list "$2" | wc -l)" = "$1" ] || return 1
	done
}
none_has() {
	local h
	for h in $alive; do
		ctl "$h" where "$1" >/dev/null 2>&1 && return 1
	done
	true
}
place() {
	json "$1" '.instances[0] | "\(.node) \(.pid)"' where "${@:2}" 2>/dev/null
}
all_place() {
	local h
	for h in $alive; do
		[ "$(place "$h" "$1")" = "$2" ] || return 1
	done
}

step "seven hosts"
alive=$names
host_start $names
for h in $names; do
	wait_for 60 "$h sees seven alive" alive_count_is "$h" 7
done
follow h7 'own/*' >"$T/followed" 2>&1 &
FOLLOWER=$!

step "each host has a process; they race for twenty names"
for h in $names; do
	spawn
	eval "P_$h=$PID"
	check "$h registers its own" ctl "$h" register "own/$h" --pid "$PID" \
		--meta "{\"rack\": \"r${h#h}\"}"
done
race() {
	local n
	for n in $(seq 20); do
		ctl "$1" register "race/$n" --pid "$2" >>"$T/race.$1" 2>&1 &&
			echo "$n" >>"$T/won"
	done
	true
}
racers=()
for h in $names; do
	race "$h" "$(eval "echo \$P_$h")" &
	racers+=($!)
done
wait "${racers[@]}"
check "each has one winner" diff <(sort -n "$T/won") <(seq 20)
check "the losers were told where it is" test \
	"$(cat "$T"/race.* | grep -c 'registered on h[1-7], process')" = 120
wait_for 20 "all list twenty" all_count 20 'race/*'
wait_for 20 "... and seven of their own" all_count 7 'own/*'
for h in $names; do
	wait_for 20 "own/$h is known" all_place "own/$h" \
		"$h $(eval "echo \$P_$h")"
	check "who decides says the same" test \
		"$(place h1 --authoritative "own/$h")" = \
		"$h $(eval "echo \$P_$h")"
done
check "by metadata" test \
	"$(ctl h2 -o name list 'own/*' --meta rack=r5)" = own/h5
told() {
	[ "$(jq -r 'select(.kind == "registered") | .name' "$T/followed" |
		sort -u | wc -l)" = 7 ]
}
wait_for 20 "a follower on h7 heard of seven" told

step "a process ends: its name is free on all"
kill -9 "$P_h4"
wait_for 20 "own/h4 is free" none_has own/h4
spawn
check "another host takes it" ctl h6 register own/h4 --pid "$PID"
wait_for 20 "all know it there" all_place own/h4 "h6 $PID"

step "key/value"
check "set on h3" ctl h3 kv set color blue
wait_for 20 "all have it" all_say blue kv get color
check "set on h5" ctl h5 kv set color grey
wait_for 20 "all have that" all_say grey kv get color

step "a group of $MEMBERS on seven hosts"
cat >"$T/services.yaml" <<END
services:
  ear:
    command: [$ANSWERER]
    user: nobody
    replicas: $MEMBERS
    groups: [ears]
END
check "apply" ctl h1 apply -f "$T/services.yaml"
wait_for 120 "all are ready" ready_count_is h1 "$MEMBERS"
members_are() {
	local h
	for h in $alive; do
		[ "$(json "$h" '[.members[] | select(.ready)] | length' \
			group members ears)" = "$1" ] || return 1
	done
}
wait_for 60 "all hosts know all members" members_are "$MEMBERS"
# asked HOST: the codes of a multicall, and for how many milliseconds it took.
asked() {
	local since
	since=$(elapsed_ms)
	ctl "$1" -o json multicall ears who --timeout 10s >"$T/answers" \
		2>"$T/err"
	CODE=$? TOOK=$(($(elapsed_ms) - since))
	jq -r '.answers[] | "\(.code) \(.name)"' "$T/answers" | sort >"$T/told"
}
all_answer() {
	asked h3
	[ "$CODE" = 0 ]
}
wait_for 60 "each of them answers" all_answer
say "$MEMBERS answers: $TOOK ms"
check "so many" test "$(grep -c '^ok ' "$T/told")" = "$MEMBERS"

step "one in a hundred is dead"
processes "$ANSWERER" | awk 'NR % 100 == 50 { print $2 }' >"$T/dead"
check "there are some" test -s "$T/dead"
: >"$T/dead.names"
while read -r pid; do
	kill -STOP "$pid"
	tr '\0' '\n' <"/proc/$pid/environ" | sed -n 's/^SKEP_NAME=//p' \
		>>"$T/dead.names"
done <"$T/dead"
asked h3
say "$(wc -l <"$T/dead") of $MEMBERS dead: $TOOK ms"
check "that is told by its exit code" test "$CODE" = 1
check "complete within its timeout" test "$TOOK" -lt 12000
check "all but they answered" test "$(grep -c '^ok ' "$T/told")" = \
	$((MEMBERS - $(wc -l <"$T/dead")))
check "they are named" diff <(sort "$T/dead.names") \
	<(awk '$1 != "ok" { print $2 }' "$T/told" | sort)
while read -r pid; do
	kill -CONT "$pid"
done <"$T/dead"

step "a node begins anew: libskep connects again"
kill -KILL "$(processes skep-node | awk '$1 == "h1" { print $2 }')"
wait_for 60 "each of them answers" all_answer
check "so many" test "$(grep -c '^ok ' "$T/told")" = "$MEMBERS"

step "two hosts die"
power_off h2 h6
alive="h1 h3 h4 h5 h7"
for h in h2 h6; do
	wait_for 30 "own/$h is free" none_has "own/$h"
done
wait_for 120 "all members run on five" members_are "$MEMBERS"
wait_for 60 "each of them answers" all_answer
check "key/value is there" all_say grey kv get color
kill "$FOLLOWER" 2>/dev/null
finish
