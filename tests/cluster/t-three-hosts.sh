#!/bin/bash
# Three hosts, sixty instances: everything where plan said, the same answer
# everywhere; nothing changes without a reason; a cluster that was switched
# off comes back where it was.
BUDGET=150
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/services.sh"
cluster_begin alpha beta gamma
sixty "$T/sixty.yaml"

step "hosts started one after the other find each other"
host_start gamma
host_start alpha
host_start beta
for h in alpha beta gamma; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done

step "apply on one host: all ready, each where plan said"
json alpha '[.items[] | [.instance, .node]] | sort' \
	plan -f "$T/sixty.yaml" >"$T/planned"
check "plan says start for 60" \
	test "$(jq length <"$T/planned")" = 60
check "apply" ctl alpha apply -f "$T/sixty.yaml"
wait_for 20 "sixty are ready on alpha's word" all_sixty_ready alpha
check "goal: ready 5 s after apply (took $LAST_WAIT_MS ms)" true
wait_for 10 "each runs exactly once" sixty_run_once
json alpha '[.instances[] | [.name, .node]] | sort' status >"$T/actual"
check "each is where plan said" diff "$T/planned" "$T/actual"
wait_for 10 "where is the same on all hosts" where_agrees alpha beta gamma

step "the same file again, or only other labels: nothing restarts"
processes '200001\|redis\|nginx' | sort >"$T/before"
check "apply again, on another host" ctl beta apply -f "$T/sixty.yaml"
LABEL=day sixty "$T/labels.yaml"
old_entry=$(ctl gamma debug dump | grep "^entry service sleeper ")
check "plan of other labels restarts nothing" test \
	"$(json beta '[.items[] | select(.action == "restart")] | length' \
	plan -f "$T/labels.yaml")" = 0
check "apply other labels" ctl gamma apply -f "$T/labels.yaml"
entry_of() {
	ctl "$1" debug dump | grep '^entry service sleeper '
}
label_is_known() {
	[ "$(entry_of alpha)" = "$(entry_of gamma)" ] &&
		[ "$(entry_of beta)" = "$(entry_of gamma)" ] &&
		[ "$(entry_of gamma)" != "$old_entry" ]
}
wait_for 10 "all hosts have the new entry" label_is_known
processes '200001\|redis\|nginx' | sort >"$T/after"
check "the same processes" diff "$T/before" "$T/after"

step "all three powered off and on, one late"
json alpha '[.instances[] | [.name, .node]] | sort' status >"$T/before"
power_off alpha beta gamma
host_start beta
host_start gamma
wait_for 60 "beta sees two alive" alive_count_is beta 2
host_start alpha
wait_for 60 "alpha sees three alive" alive_count_is alpha 3
wait_for 60 "sixty are ready" all_sixty_ready alpha
wait_for 10 "each runs exactly once" sixty_run_once
json alpha '[.instances[] | [.name, .node]] | sort' status >"$T/after"
check "the same hosts, alpha's own waited for it" diff "$T/before" "$T/after"

step "all three powered off and on together: the same hosts"
cp "$T/after" "$T/before"
power_off gamma alpha beta
host_start alpha beta gamma
wait_for 60 "sixty are ready" all_sixty_ready gamma
wait_for 10 "each runs exactly once" sixty_run_once
json alpha '[.instances[] | [.name, .node]] | sort' status >"$T/after"
check "the same hosts" diff "$T/before" "$T/after"

step "an old host with old files overwrites nothing"
power_off gamma
wait_for 30 "alpha sees two alive" alive_count_is alpha 2
cat >"$T/gamma/services.d/old.yaml" <<END
services:
  sleeper:
    command: [/bin/sleep, "299999"]
    user: root
    replicas: 3
END
host_start gamma
wait_for 30 "alpha sees three alive" alive_count_is alpha 3
declared_differently() {
	ctl gamma events | grep -q declared_differently
}
wait_for 20 "gamma says: declared differently" declared_differently
wait_for 20 "sixty are ready" all_sixty_ready gamma
check "nobody runs the old command" process_count_is 'sleep 299999' 0
finish
