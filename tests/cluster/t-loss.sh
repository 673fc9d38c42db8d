#!/bin/bash
# Loss and healing: power, links in both and in one direction, the keeper.
BUDGET=180
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/services.sh"
DEFAULTS="minority_hold = 3s"
cluster_begin alpha beta gamma
sixty "$T/sixty.yaml"
host_start alpha beta gamma
wait_for 30 "alpha sees three alive" alive_count_is alpha 3
wait_for 30 "gamma sees three alive" alive_count_is gamma 3
check "apply" ctl alpha apply -f "$T/sixty.yaml"
wait_for 20 "sixty are ready" all_sixty_ready alpha

# No instance's row is on a host that is not alive.
sixty_ready_elsewhere() {
	all_sixty_ready "$1" && [ "$(json "$1" \
		"[.instances[] | select(.node == \"$2\")] | length" status)" = 0 ]
}

step "a host loses power: its services are ready elsewhere, none twice"
power_off gamma
wait_for 20 "sixty are ready without gamma" sixty_ready_elsewhere alpha gamma
say "    goal: a lost host's services ready within 4 s: $LAST_WAIT_MS ms"
wait_for 5 "each runs exactly once" sixty_run_once
host_start gamma
wait_for 30 "gamma is back" alive_count_is alpha 3
wait_for 30 "gamma agrees" where_agrees alpha beta gamma

step "a link is cut for 20 s and heals: one copy each, all rows agree"
unplug gamma
cut_at=$(elapsed_ms)
wait_for 30 "both sides run everything" process_count_is '^/bin/sleep 200001' 110
is_20_s() {
	[ $(($(elapsed_ms) - cut_at)) -ge 20000 ]
}
wait_for 30 "the cut lasts 20 s" is_20_s
plug gamma
wait_for 60 "gamma is back" alive_count_is alpha 3
wait_for 60 "each runs exactly once" sixty_run_once
wait_for 30 "sixty are ready" all_sixty_ready beta
dumps_agree() {
	local h
	for h in alpha beta gamma; do
		ctl $h debug dump >"$T/dump.$h" || return 1
	done
	cmp "$T/dump.alpha" "$T/dump.beta" && cmp "$T/dump.alpha" "$T/dump.gamma"
}
wait_for 30 "debug dump compares equal on all three" dumps_agree

step "an asymmetric cut: beta does not hear alpha; nobody dies of it"
processes '^/bin/sleep 200001' | sort >"$T/before"
cut beta alpha
is_link_lost() {
	[ "$(json gamma '[.nodes[] | select(.state != "alive")] | length' \
		node list)" = 0 ] && ! json alpha \
		'.nodes[] | select(.name == "beta") | .linked' node list |
		grep -q true
}
wait_for 30 "alpha has no link to beta, gamma has both" is_link_lost
heal beta
wait_for 30 "alpha sees three alive" alive_count_is alpha 3
wait_for 30 "beta sees three alive" alive_count_is beta 3
processes '^/bin/sleep 200001' | sort >"$T/after"
check "the same processes" diff "$T/before" "$T/after"

step "two of three lose power: the survivor holds, says why, takes over"
power_off alpha beta
is_lonely() {
	ctl gamma status | grep -qi 'lost at once'
}
wait_for 20 "gamma holds and says why" is_lonely
wait_for 40 "sixty are ready on gamma" process_count_is \
	'^/bin/sleep 200001' 55
host_start alpha beta
wait_for 40 "gamma sees three alive" alive_count_is gamma 3
wait_for 40 "each runs exactly once" sixty_run_once

step "on_minority = keep: the survivor does not, until confirm-down"
check "cluster set" ctl gamma cluster set on_minority keep
is_set() {
	json $1 '.settings.on_minority' cluster show | grep -q keep
}
for h in alpha beta; do
	wait_for 10 "$h knows" is_set $h
done
own=$(json gamma '[.instances[] | select(.node == "gamma")] | length' status)
power_off alpha beta
holds_for_good() {
	json gamma '.nodes[] | select(.self) | .hold' node list |
		grep -q keep
}
wait_for 40 "gamma keeps its own only" holds_for_good
check "nothing was taken over" test \
	"$(processes '200001\|redis-server\|nginx: master' | wc -l)" = "$own"
check "confirm-down alpha" ctl gamma node confirm-down alpha -y
check "confirm-down beta" ctl gamma node confirm-down beta -y
wait_for 30 "sixty are ready" all_sixty_ready gamma
finish
