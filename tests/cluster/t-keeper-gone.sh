#!/bin/bash
# A host whose keeper alone is gone: its services live, so the others wait for
# restart_grace before they take over.
BUDGET=60
. "$(dirname "$0")/lib.sh"
DEFAULTS="restart_grace = 6s"
cluster_begin alpha beta gamma
cat >"$T/s.yaml" <<END
services:
  sleeper: {command: [/bin/sleep, "300001"], user: root, replicas: 9}
END
host_start alpha beta gamma
wait_for 30 "alpha sees three alive" alive_count_is alpha 3
check "apply" ctl alpha apply -f "$T/s.yaml"
wait_for 20 "nine are ready" ready_count_is alpha 9

own=$(json alpha '[.instances[] | select(.node == "gamma")] | length' status)
step "keeper, node and logger of gamma are killed, its services live"
for p in skepd skep-node skep-logger; do
	processes "$p" | awk '$1 == "gamma" { print $2 }'
done | sort -u | xargs kill -9
began=$(elapsed_ms)
wait_for 30 "the $own that gamma had run elsewhere too" process_count_is \
	'^/bin/sleep 300001' $((9 + own))
waited=$(($(elapsed_ms) - began))
check "it waited for restart_grace ($waited ms)" test "$waited" -ge 5500

step "skepd of gamma is there again: it adopts, and one copy of each stays"
host_start gamma
wait_for 30 "gamma sees three alive" alive_count_is gamma 3
wait_for 30 "nine processes" process_count_is '^/bin/sleep 300001' 9
wait_for 20 "nine are ready" ready_count_is gamma 9
wait_for 20 "all agree where" where_agrees alpha beta gamma
finish
