#!/bin/bash
# The ends of skepd that somebody asked for: one that leaves the services (as
# systemctl restart does), shutdown, and shutdown --drain.
BUDGET=120
. "$(dirname "$0")/lib.sh"
DEFAULTS="expect = 2"
cluster_begin alpha beta
cat >"$T/polite" <<END
#!/bin/bash
exec 8<> <(:)
trap 'echo "\$SKEP_NODE \$SKEP_NAME" >>$T/farewells; exit 0' USR2
while :; do read -r -t 1 -u 8; done
END
chmod 755 "$T/polite"
cat >"$T/s.yaml" <<END
services:
  polite:
    command: [$T/polite]
    user: root
    replicas: 6
    stop_signal: SIGUSR2
END

# What runs on HOST, by process.
here() {
	processes "$T/polite" | awk -v h="$1" '$1 == h { print $2 }' | sort
}

six_run() {
	[ "$(processes "$T/polite" | wc -l)" = 6 ]
}

both_are_alive() {
	alive_count_is alpha 2 && alive_count_is beta 2
}

host_start alpha beta
wait_for 30 "both are alive" both_are_alive
check "apply" ctl alpha apply -f "$T/s.yaml"
wait_for 30 "six are ready" ready_count_is alpha 6
here alpha >"$T/before"
here beta >"$T/before.beta"
check "some on alpha ($(wc -l <"$T/before"))" test -s "$T/before"
check "some on beta ($(wc -l <"$T/before.beta"))" test -s "$T/before.beta"

step "SIGQUIT, and skepd is started again at once"
kill -QUIT "$(keeper_of alpha)"
wait_for 20 "skepd has ended" no_keeper alpha
host_start alpha
wait_for 30 "both are alive" both_are_alive
wait_for 30 "six are ready" ready_count_is alpha 6
here alpha >"$T/after"
here beta >"$T/after.beta"
check "alpha's services are the same processes" diff "$T/before" "$T/after"
check "and beta's" diff "$T/before.beta" "$T/after.beta"
check "nobody was asked to stop" test ! -e "$T/farewells"
check "it does not count as a crash" \
	test "$(json alpha '.keeper.crashes' status)" = 0

step "shutdown"
check "skepctl shutdown" ctl alpha shutdown -y
wait_for 10 "skepd has ended" no_keeper alpha
check "nothing of it runs" test -z "$(here alpha)"
check "each got its own stop signal" test \
	"$(grep -c '^alpha' "$T/farewells")" = "$(wc -l <"$T/before")"
wait_for 30 "beta has all" six_run
host_start alpha
wait_for 30 "both are alive" both_are_alive
wait_for 30 "six are ready" ready_count_is beta 6
stops_told() {
	json alpha '[.events[] | select(.kind == "stopped" and .host == "alpha")] |
		length' events
}
check "alpha knows of its last stops" \
	test "$(stops_told)" = "$(wc -l <"$T/before")"

step "shutdown --drain of beta"
here beta >"$T/before"
check "beta has some ($(wc -l <"$T/before"))" test -s "$T/before"
check "skepctl shutdown --drain" ctl beta shutdown --drain -y --timeout 60s
wait_for 10 "skepd has ended" no_keeper beta
check "all six run on alpha" test "$(here alpha | wc -l)" = 6
host_start beta
wait_for 30 "both are alive" both_are_alive
takes_again() {
	[ "$(json alpha '.nodes[] | select(.name == "beta") | .intent' \
		node list)" = active ]
}
wait_for 60 "beta takes instances again" takes_again
check "nothing ran twice" six_run

step "shutdown of what depends on each other, and has hooks"
cat >"$T/hook" <<END
#!/bin/bash
echo "\$SKEP_NODE \$SKEP_NAME \$1" >>$T/farewells
END
chmod 755 "$T/hook"
cat >"$T/chain.yaml" <<END
services:
  base: &one
    command: [$T/polite]
    user: root
    stop_signal: SIGUSR2
    placement: {pin: alpha}
    stop_command: [$T/hook, stop_command]
    hooks:
      pre_stop: [$T/hook, pre_stop]
      post_stop: [$T/hook, post_stop]
  mid: {<<: *one, depends_on: {base: {}}}
  top: {<<: *one, depends_on: {mid: {condition: started}}}
END

chain_up() {
	local name
	wait_for 30 "both are alive" both_are_alive
	for name in base mid top; do
		wait_for 30 "$name is ready" \
			ctl alpha wait ready $name --timeout 30s
	done
	rm -f "$T/farewells"
}

# How the chain says good-bye, when the node sees to it ("with hooks"), or
# skepd itself does.
good_byes() {
	local name
	for name in top mid base; do
		[ $# = 0 ] || printf '%s pre_stop\n%s stop_command\n' $name $name
		echo $name
		[ $# = 0 ] || echo "$name post_stop"
	done
}

said_is() {
	sed -n 's/^alpha \(base\|mid\|top\)/\1/p' "$T/farewells" >"$T/order"
	good_byes "$@" >"$T/wanted"
	diff "$T/wanted" "$T/order"
}

check "apply" ctl alpha apply -f "$T/chain.yaml"
chain_up
check "skepctl shutdown" ctl alpha shutdown -y
wait_for 20 "skepd has ended" no_keeper alpha
check "the top goes first, each with all its hooks" said_is with hooks
check "skepd had nothing to stop itself" \
	test "$(grep -c 'without hooks' "$T/alpha/skepd.log")" = 0

step "the same by SIGTERM"
host_start alpha
chain_up
kill -TERM "$(keeper_of alpha)"
wait_for 20 "skepd has ended" no_keeper alpha
check "the same" said_is with hooks

node_pid() {
	local p
	for p in $(cat "$CG/$1/cgroup.procs"); do
		[ "$(cat "/proc/$p/comm")" = skep-node ] && echo "$p"
	done
}

step "a skep-node that hangs"
host_start alpha
chain_up
kill -STOP "$(node_pid alpha)"
kill -TERM "$(keeper_of alpha)"
wait_for 40 "skepd has ended" no_keeper alpha
check "is no reason to wait for ever, and the order is the same" said_is
check "it is said" grep -q "skep-node is gone.*without hooks" \
	"$T/alpha/skepd.log"
check "nothing is left" test -z "$(here alpha)"
finish
