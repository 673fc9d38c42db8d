#!/bin/bash
# A host whose skepd or skep-node starts again on purpose tells the others,
# who do not suspect it meanwhile.
BUDGET=90
. "$(dirname "$0")/lib.sh"
# Long, so that a slow machine is no reason.
DEFAULTS="restart_grace = 30s"
cluster_begin alpha beta gamma
cat >"$T/s.yaml" <<END
services:
  sleeper: {command: [/bin/sleep, "300007"], user: root, replicas: 6}
END

one_of() { # HOST PROGRAM
	local p
	for p in $(cat "$CG/$1/cgroup.procs"); do
		[ "$(cat "/proc/$p/comm")" = "$2" ] && echo "$p"
	done
}

# When the node of beta that answers was started, and by whom it is known.
incarnation() { json "$1" '.nodes[] | select(.name == "beta") | .incarnation' \
	node list; }

back_since() { # INCARNATION: with another one, seen by all, all alive
	local h
	for h in alpha beta gamma; do
		alive_count_is $h 3 || return 1
		[ "$(incarnation $h)" -gt "$1" ] || return 1
	done
}

told() { # HOST KIND: how often its skep-node said that of beta
	grep -c "skep-node .*: beta $2" "$T/$1/skepd.log"
}

nobody_minded() {
	! grep 'node_suspect\|node_down' "$T"/*/skepd.log
}

heard() { # TIMES
	[ "$(told alpha node_restarting)" = "$1" ] &&
		[ "$(told gamma node_restarting)" = "$1" ]
}

# planned TIMES COMMAND...: beta starts again by it.
planned() {
	local before
	before=$(incarnation alpha)
	check "$2 ${*:3}" "${@:2}"
	wait_for 30 "beta is back, by another node" back_since "$before"
	check "alpha and gamma were told" heard "$1"
	check "and did not suspect it" nobody_minded
	wait_for 20 "six are ready" ready_count_is alpha 6
	processes '^/bin/sleep 300007' | sort >"$T/now"
	check "no service was touched" diff "$T/before" "$T/now"
}

again() { # as systemctl restart does it
	kill -QUIT "$(one_of beta skepd)"
	wait_for 20 "skepd has ended" no_keeper beta
	host_start beta
}

host_start alpha beta gamma
wait_for 30 "alpha sees three alive" alive_count_is alpha 3
check "apply" ctl alpha apply -f "$T/s.yaml"
wait_for 20 "six are ready" ready_count_is alpha 6
processes '^/bin/sleep 300007' | sort >"$T/before"
check "six run" test "$(wc -l <"$T/before")" = 6
# Whoever came late when the cluster formed is not what this is about.
check "nobody was suspected" nobody_minded

step "daemon-reexec"
planned 1 ctl beta daemon-reexec
step "skepd ends, leaves its services, and is started again"
before=$(incarnation alpha)
again
wait_for 30 "beta is back" back_since "$before"
check "alpha and gamma were told" heard 2
check "and did not suspect it" nobody_minded
step "skep-node is told to end"
planned 3 kill -TERM "$(one_of beta skep-node)"

step "one that dies does not tell, and is suspected"
kill -STOP "$(one_of beta skepd)"
kill -9 "$(one_of beta skep-node)"
suspected() { [ "$(told alpha node_suspect)" -gt 0 ]; }
wait_for 30 "alpha suspects it" suspected
kill -CONT "$(one_of beta skepd)"
wait_for 30 "alpha sees three alive" alive_count_is alpha 3
check "nobody was told" heard 3
finish
