#!/bin/bash
# order: start-first.  While a host is drained the old copy serves until the
# new one is ready; one that never becomes ready takes nothing away from it.
BUDGET=120
POLICY="allow_root = yes
allowed_users = nobody"
. "$(dirname "$0")/lib.sh"
HOSTS3="alpha beta gamma"
cluster_begin $HOSTS3
mkdir "$T/up" && chmod 1777 "$T/up"
host_start $HOSTS3
for h in $HOSTS3; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done

# A copy is up from its word to its end: a file says so.
cat >"$T/web.sh" <<'EOF'
up=$1/$SKEP_NODE.$SKEP_EPOCH
trap 'rm -f "$up"; exit 0' TERM
[ ! -e "$1/not-on-$SKEP_NODE" ] || exec sleep 3600
sleep 1
touch "$up"
echo it works
while :; do sleep 0.1; done
EOF
cat >"$T/web.yaml" <<EOF
services:
  web:
    command: [/bin/sh, "$T/web.sh", "$T/up"]
    user: nobody
    readiness: {log_line: "it works"}
    start_timeout: 3s
    handoff: {mode: restart, order: start-first}
EOF
check "apply" ctl alpha apply -f "$T/web.yaml"
wait_for 20 "it runs" ready_count_is alpha 1

# Looks all the time whether a copy is up.
watch() {
	local looks=0
	while [ ! -e "$T/enough" ] && kill -0 $$ 2>/dev/null; do
		ls "$T/up" | grep -q '^[a-z]*\.' || echo "none at look $looks"
		looks=$((looks + 1))
		echo "$looks" >"$T/looks"
	done
}
watch >"$T/gaps" 2>&1 &
watcher=$!
looked_more() {
	[ "$(cat "$T/looks" 2>/dev/null || echo 0)" -gt "$1" ]
}
wait_for 10 "somebody looks" looked_more 10

runs_not_on() {
	! processes web.sh | grep -q "^$1 "
}
step "each host is drained in turn"
for round in 1 2 3; do
	from=$(field alpha web node)
	check "drain $from" ctl alpha node drain "$from" -y
	to=$(field alpha web node)
	check "it is ready on $to" test "$to" != "$from"
	check "nothing of it is left on $from" runs_not_on "$from"
	check "undrain $from" ctl alpha node undrain "$from"
done
looks=$(cat "$T/looks")
wait_for 10 "they look on" looked_more $((looks + 10))
check "a copy was up at each look" test ! -s "$T/gaps"

step "the new copy never becomes ready"
here=$(field alpha web node)
epoch=$(field alpha web epoch)
for h in $HOSTS3; do
	[ "$h" = "$here" ] || touch "$T/up/not-on-$h"
done
drain_fails() {
	! ctl alpha node drain "$here" -y --deadline 15s >"$T/drain.out" 2>&1
}
check "the drain says that it failed" drain_fails
check "and what it could not move" grep -q web "$T/drain.out"
runs_on() {
	[ "$(field alpha web node)" = "$here" ] &&
		[ "$(field alpha web epoch)" = "$epoch" ] &&
		[ "$(field alpha web state)" = ready ]
}
wait_for 20 "the same copy runs on" runs_on
tells() {
	ctl "$here" history web | grep -q "$1"
}
check "its history says why" tells "the new copy was not ready in time"
check "undrain" ctl alpha node undrain "$here"
nothing_elsewhere() {
	local h
	for h in $HOSTS3; do
		[ "$h" = "$here" ] || runs_not_on "$h" || return 1
	done
}
wait_for 20 "nothing of it is elsewhere" nothing_elsewhere
check "a copy was up at each look" test ! -s "$T/gaps"
touch "$T/enough"
wait $watcher
say "    $(cat "$T/looks") looks"
finish
