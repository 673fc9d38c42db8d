#!/bin/bash
# One host: 40 instances from one file; deaths are answered and counted and
# hurt nobody else; stubborn ones are stopped with nothing left; node and
# logger may die.
BUDGET=90
. "$(dirname "$0")/lib.sh"
cluster_begin alpha
cat >"$T/many.yaml" <<END
services:
  many:
    command: [/bin/sleep, "100001"]
    user: root
    replicas: 37
  looper:
    command: [/bin/sh, -c, "echo looping; exit 3"]
    user: root
    restart: {delay: 100ms, max_delay: 1s, jitter: 0%}
  stubborn:
    command: [/bin/sh, -c, "trap '' TERM; (trap '' TERM; sleep 100002) & (setsid sleep 100002 &) ; while :; do sleep 100003; done"]
    user: root
    stop_timeout: 1s
  talker:
    command: [/bin/sh, -c, "i=0; while :; do i=\$((i+1)); echo line \$i; sleep 0.002; done"]
    user: root
END

step "40 instances from one file"
host_start alpha
wait_for 30 "alpha answers" ctl alpha status
check "apply" ctl alpha apply -f "$T/many.yaml"
wait_for 20 "37 sleepers, stubborn and talker are ready" \
	process_count_is 'sleep 100001' 37
wait_for 20 "status counts them" bash -c "
	[ \$('$SKEPCTL' -s '$T/alpha/run/skepd.sock' -o json status |
	jq '[.instances[] | select(.state==\"ready\")] | length') -ge 39 ]"

step "kill -9 of an instance: a new one, counted, neighbours untouched"
processes 'sleep 100001' | sort >"$T/before"
victim=$(field alpha many@5 pid)
kill -9 "$victim"
is_restarted() {
	[ "$(field alpha many@5 restarts)" = 1 ] &&
		[ "$(field alpha many@5 state)" = ready ] &&
		[ "$(field alpha many@5 pid)" != "$victim" ]
}
wait_for 10 "many@5 runs again, restarts 1" is_restarted
processes 'sleep 100001' | sort >"$T/after"
check "exactly one process changed" \
	test "$(comm -23 "$T/before" "$T/after" | wc -l)" = 1

step "a crash-looper backs off to its cap"
backs_off() {
	[ "$(field alpha looper restarts)" -ge 5 ]
}
wait_for 30 "looper was restarted five times" backs_off
at_the_cap() {
	ctl alpha history looper | grep -q 'next start in 1000 ms'
}
wait_for 30 "it waits for 1 s, its cap, and no longer" at_the_cap
check "never longer" test "$(ctl alpha history looper |
	grep -c 'next start in [0-9]\{5,\} ms')" = 0
check "no neighbour was restarted" test "$(field alpha many@6 restarts)" = 0

step "kill -9 of node and logger: nothing is touched, no line is lost"
processes 'sleep 100001' | sort >"$T/before"
node=$(processes skep-node | awk '{print $2}')
logger=$(processes skep-logger | awk '{print $2}')
kill -9 "$node" "$logger"
wait_for 20 "alpha answers again" ctl alpha status
wait_for 20 "37 are ready" bash -c "
	[ \$('$SKEPCTL' -s '$T/alpha/run/skepd.sock' -o json status |
	jq '[.instances[] | select(.service==\"many\" and .state==\"ready\")] | length') = 37 ]"
processes 'sleep 100001' | sort >"$T/after"
check "the same processes" cmp "$T/before" "$T/after"
lines_after() {
	[ "$(wc -l <"$T/alpha/log/talker.log")" -gt "$1" ]
}
wait_for 20 "the log goes on" lines_after \
	$(($(wc -l <"$T/alpha/log/talker.log") + 200))
check "no line is missing or doubled" awk '
	{ if ($2 != NR) { print "line " NR " is " $0; exit 1 } }' \
	<(head -n -1 "$T/alpha/log/talker.log")

step "stop ends with nothing left"
check "stubborn has processes" test \
	"$(processes 'sleep 100002' | wc -l)" -ge 2
check "stop" ctl alpha stop stubborn
wait_for 20 "nothing of it is left" process_count_is 'sleep 10000[23]' 0
is_stopped() {
	[ "$(field alpha stubborn state)" = stopped ]
}
wait_for 10 "status says stopped" is_stopped

step "delete ends everything"
check "delete" ctl alpha delete many
wait_for 20 "no sleeper is left" process_count_is 'sleep 100001' 0
finish
