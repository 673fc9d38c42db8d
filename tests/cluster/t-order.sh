#!/bin/bash
# Hosts started one after the other, in any order, with the same files in
# services.d on each: one copy of everything.
BUDGET=90
. "$(dirname "$0")/lib.sh"
cluster_begin alpha beta gamma
for h in alpha beta gamma; do
	cat >"$T/$h/services.d/s.yaml" <<-END
		services:
		  sleeper: {command: [/bin/sleep, "600001"], user: root, replicas: 7}
		  single: {command: [/bin/sleep, "600002"], user: root}
	END
done

for order in "gamma alpha beta" "beta gamma alpha"; do
	step "one after the other: $order"
	# The first one founds: it knows of nobody but itself.
	first=${order%% *}
	JOIN=$(address_of "$first"):7400
	count=0
	for h in $order; do
		host_start "$h"
		count=$((count + 1))
		wait_for 30 "$first sees $count alive" \
			alive_count_is "$first" $count
		wait_for 30 "eight are ready" ready_count_is "$first" 8
		wait_for 10 "sleeper: one copy each" \
			process_count_is 'sleep 600001' 7
		wait_for 10 "single: one copy" process_count_is 'sleep 600002' 1
	done
	wait_for 10 "where is the same on all hosts" \
		where_agrees alpha beta gamma
	power_off alpha beta gamma
	for h in alpha beta gamma; do
		rm -rf "$T/$h/state"
	done
done
finish
