#!/bin/bash
# Names on seven hosts: all register at a time, all want the same ones, and each
# name is one running instance that all hosts know; when two hosts die, too.
BUDGET=120
. "$(dirname "$0")/lib.sh"
names="h1 h2 h3 h4 h5 h6 h7"
cluster_begin $names
host_start $names
for h in $names; do
	wait_for 60 "$h sees seven alive" alive_count_is "$h" 7
done

step "each registers eight of its own, all at a time"
for h in $names; do
	for i in 1 2 3 4 5 6 7 8; do
		ctl "$h" -q register "own/$h/$i" --user root -- \
			/bin/sleep 410001
	done >"$T/own.$h" 2>&1 &
	eval "OWN_$h=$!"
done
for h in $names; do
	wait "$(eval "echo \$OWN_$h")" || {
		cat "$T/own.$h"
		fail "$h could not register"
	}
done
check "fifty-six run" process_count_is 'sleep 410001' 56
check "on all hosts" test \
	"$(processes 'sleep 410001' | awk '{ print $1 }' | sort -u | wc -l)" = 7
wait_for 20 "all say where they are" where_agrees $names

step "all find or start the same, all at a time"
for i in 1 2 3 4 5 6 7 8; do
	for h in $names; do
		ctl "$h" -o json register "shared/$i" --find --user root -- \
			/bin/sleep 420001 >"$T/shared.$h.$i" 2>&1 &
	done
	for job in $(jobs -p); do
		wait "$job" || {
			cat "$T"/shared.*."$i"
			fail "somebody got no place"
		}
	done
	check "shared/$i: one registered it, six found it" test \
		"$(cat "$T"/shared.*."$i" | jq -r .result | sort | uniq -c |
			tr -s ' \n' ' ')" = " 6 found 1 registered "
	check "shared/$i: all got one place" test \
		"$(cat "$T"/shared.*."$i" | jq -r .node | sort -u | wc -l)" = 1
done
check "eight run" process_count_is 'sleep 420001' 8

step "two hosts die: their names start elsewhere, once each"
power_off h3 h6
all_run() {
	process_count_is 'sleep 410001' 56 && process_count_is 'sleep 420001' 8
}
wait_for 60 "all run on five" all_run
wait_for 20 "all say where they are" where_agrees h1 h2 h4 h5 h7
check "and one more can be registered" ctl h1 register after --user root -- \
	/bin/sleep 430001

step "all are forgotten, from one host"
check "unregister" ctl h2 -q unregister after \
	$(for i in 1 2 3 4 5 6 7 8; do echo "shared/$i"; done)
wait_for 20 "eight and one are gone" process_count_is 'sleep 4[23]0001' 0
finish
