#!/bin/bash
# Drains of one host after the other; each time both nodes that take the
# states are killed at a random moment.  No number is missing, none twice.
BUDGET=100
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/counters.sh"
cluster_begin alpha beta gamma
host_start alpha beta gamma
for h in alpha beta gamma; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done
counters 60

for h in gamma alpha beta gamma alpha; do
	step "drain $h; the other nodes are killed"
	ctl $h node drain $h -y --detach
	sleep "0.0$((RANDOM % 10))" # the moment of the fault, drawn
	for o in alpha beta gamma; do
		[ $o = $h ] || kill -9 "$(processes skep-node |
			awk -v o=$o '$1 == o { print $2 }')"
	done
	wait_for 60 "$h is drained" is_drained $h $h
	wait_for 30 "all sixty are ready" ready_count_is $h 60
	wait_for 10 "no number is missing, none twice" no_number_lost
	check "undrain" ctl $h node undrain $h
done
finish
