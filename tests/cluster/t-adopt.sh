#!/bin/bash
# Services outlive every part of skepd: keeper, node and logger are killed
# together, again and again, at random moments.
BUDGET=120
[ -n "${LONG_BUDGET:-}" ] && BUDGET=$LONG_BUDGET
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/adopt.sh"
ROUNDS=${ROUNDS:-20}
COUNTERS=${COUNTERS:-10}
FLAPPERS=${FLAPPERS:-5}
DEFAULTS="expect = 1"
cluster_begin alpha
adopt_services "$COUNTERS" "$FLAPPERS" "${PAUSE:-0.02}"
host_start alpha
wait_for 30 "alpha is there" alive_count_is alpha 1
check "apply" ctl alpha apply -f "$T/s.yaml"
wait_for 30 "all counters are ready" all_are_ready alpha "$COUNTERS"
starts_are() { [ "$(pids_of count | wc -l)" = "$COUNTERS" ]; }
wait_for 30 "all counters run" starts_are
pids_of count >"$T/before"

for round in $(seq "$ROUNDS"); do
	step "round $round of $ROUNDS"
	adopt_round alpha "$COUNTERS"
done

step "what the services say"
pids_of count >"$T/after"
check "no counter was started a second time" diff "$T/before" "$T/after"
all_live() {
	local pid
	while read -r pid; do
		[ -d "/proc/$pid" ] || { echo "$pid is gone"; return 1; }
	done <"$T/before"
}
check "and all of them live" all_live
check "no instance ran twice at a time" test ! -e "$T/w/doubles"
check "the oneshot ran once" test "$(grep -c ' once$' "$T/w/starts")" = 1
flaps=$(grep -c ' flap$' "$T/w/starts")
check "the others were restarted by their policy ($flaps starts)" \
	test "$flaps" -gt $((2 * FLAPPERS))

step "a kill -9 of a service that the keeper did not start"
victim=$(head -n 1 "$T/before")
kill -9 "$victim"
restarted() { [ "$(pids_of count | wc -l)" = $((COUNTERS + 1)) ]; }
wait_for 20 "it is started again" restarted
told_how() { ctl alpha events -n 200 | grep -q 'count@.*killed by SIGKILL'; }
wait_for 20 "and its end is told as it was" told_how

step "skepd stops all"
kill -TERM "$(keeper_of alpha)"
wait_for 40 "nothing is left" no_keeper alpha
# The killed one had no time to say "end".
sed -i "/^$victim /d" "$T"/alpha/log/count@*.log
check "no number is missing" logs_are_whole "$T/alpha/log"
cat "$T/check.out"
check "what may be missing is told" told_of_cuts "$T/alpha/log"
finish
