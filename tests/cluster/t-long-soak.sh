#!/bin/bash
# Nothing grows: 100,000 restarts, 10,000 applies, 1,000 crashes of node and
# logger.  Memory, descriptors, cgroups, files and rows are printed before and
# after, and the difference is bounded.
#
# SOAK_PERCENT=1 does a hundredth of it, and takes a minute.  What is counted
# as a restart is a start after an end: skepd's counter per instance, summed.
BUDGET=7200
. "$(dirname "$0")/lib.sh"
PERCENT=${SOAK_PERCENT:-100}
RESTARTS=$((1000 * PERCENT))
APPLIES=$((100 * PERCENT))
CRASHES=$((10 * PERCENT))
WORKERS=20 # that crash and start again at a time
STEADY=5   # that nothing may touch
DEFAULTS="expect = 1"
command -v python3 >/dev/null || skip "needs python3 to read the store"
cluster_begin alpha
MEASURES=$T/measures

# --- What is measured

pid_of() {
	local p
	for p in $(cat "$CG/alpha/cgroup.procs"); do
		[ "$(cat "/proc/$p/comm" 2>/dev/null)" = "$1" ] && echo "$p"
	done
}

fds_of() {
	find "/proc/$(pid_of "$1")/fd" -mindepth 1 | wc -l
}

count_files() {
	find "$T/alpha/$1" -type "$2" | wc -l
}

# rows: of all tables but 'events', which is bounded by itself.
rows() {
	python3 - "$T/alpha/state/skep.db" "$1" <<-'END'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1], timeout=30)
	tables = [r[0] for r in db.execute(
	    "SELECT name FROM sqlite_master WHERE type = 'table'")]
	chosen = [t for t in tables if (t == "events") == (sys.argv[2] == "events")]
	print(sum(db.execute(f"SELECT count(*) FROM {t}").fetchone()[0]
	          for t in chosen))
	END
}

# measure LABEL: appends "LABEL NAME VALUE" lines.
measure() {
	local p
	for p in skepd skep-node skep-logger; do
		echo "$1 rss-kB-$p $(rss_of "$(pid_of $p)")"
		echo "$1 fds-$p $(fds_of $p)"
	done >>"$MEASURES"
	cat >>"$MEASURES" <<-END
		$1 cgroups $(find "$CG/alpha" -type d | wc -l)
		$1 processes $(find "$CG/alpha" -name cgroup.procs \
			-exec cat {} + | wc -l)
		$1 fifos $(count_files run p)
		$1 run-files $(count_files run f)
		$1 state-files $(count_files state f)
		$1 work-dirs $(count_files state d)
		$1 rows $(rows others)
		$1 events $(rows events)
	END
}

value() {
	awk -v l="$1" -v n="$2" '$1 == l && $2 == n { print $3 }' "$MEASURES"
}

# bounded NAME GROWTH: what it may have grown by since 'first'.
bounded() {
	local first last
	first=$(value first "$1")
	last=$(value last "$1")
	check "$(printf '%-22s %8d, then %8d (%+d, at most +%d)' "$1" "$first" \
		"$last" $((last - first)) "$2")" \
		test $((last - first)) -le "$2"
}

# --- What is done

crash_yaml() {
	cat >"$T/crash.yaml" <<-END
		services:
		  crash:
		    command: [/bin/false]
		    user: root
		    replicas: $WORKERS
		    restart: {policy: always, delay: 0ms, max_delay: 0ms}
	END
}

restarts() {
	json alpha '[.instances[] | select(.service == "crash") | .restarts] |
		add // 0' status
}

restarts_are() {
	[ "$(restarts)" -ge "$1" ]
}

ready_are() {
	[ "$(json alpha "[.instances[] | select(.service == \"$1\" and
		.state == \"ready\")] | length" status)" = "$2" ]
}

none_left() {
	[ "$(json alpha "[.instances[] | select(.service == \"$1\")] |
		length" status)" = 0 ]
}

# Nor has the keeper anything of them: only the steady ones have a FIFO.
is_forgotten() {
	[ "$(count_files run p)" = $STEADY ] && return 0
	grep -hE '^(name|state|epoch)=' "$T"/alpha/run/instances/* | paste - - -
	return 1
}

# do_delete SERVICE
do_delete() {
	check "delete" ctl alpha delete "$1"
	wait_for 30 "none of them is left" none_left "$1"
	wait_for 30 "skepd has let go of them" is_forgotten
}

# do_restarts COUNT
do_restarts() {
	check "apply" ctl alpha apply -f "$T/crash.yaml"
	wait_for $((60 + $1 / 20)) "$1 restarts" restarts_are "$1"
	say "    $(restarts) restarts"
	do_delete crash
}

# do_applies COUNT: every tenth starts its two instances anew.
do_applies() {
	local i
	for ((i = 1; i <= $1; i++)); do
		cat >"$T/change.yaml" <<-END
			services:
			  change:
			    command: [/bin/sleep, "30000$((i / 10 % 10))"]
			    user: root
			    replicas: 2
			    labels: {turn: "$i"}
		END
		ctl alpha apply -q -f "$T/change.yaml" >"$T/apply.out" 2>&1 || {
			cat "$T/apply.out"
			fail "apply $i of $1"
		}
	done
	wait_for 30 "its instances are ready" ready_are change 2
	do_delete change
}

# is_another NAME PID
is_another() {
	local now
	now=$(pid_of "$1")
	[ -n "$now" ] && [ "$now" != "$2" ]
}

# do_crashes COUNT: node and logger in turn, each as soon as it is there.
do_crashes() {
	local i node logger
	for ((i = 2; i <= $1; i += 2)); do
		node=$(pid_of skep-node) logger=$(pid_of skep-logger)
		kill -9 "$node" "$logger"
		until is_another skep-node "$node" &&
			is_another skep-logger "$logger"; do
			sleep 0.05
			[ -n "$(pid_of skepd)" ] || fail "skepd is gone"
		done
	done
	wait_for 60 "alpha answers" alive_count_is alpha 1
	wait_for 60 "its services are ready" ready_are steady $STEADY
}

pids_of_steady() {
	processes '^/bin/sleep 400001' | sort
}

cat >"$T/steady.yaml" <<END
services:
  steady:
    command: [/bin/sleep, "400001"]
    user: root
    replicas: $STEADY
END
crash_yaml
host_start alpha
wait_for 30 "alpha is there" alive_count_is alpha 1
check "apply" ctl alpha apply -f "$T/steady.yaml"
wait_for 30 "they are ready" ready_are steady $STEADY
pids_of_steady >"$T/before"

step "warming up: a hundredth of each"
do_restarts 1000
do_applies 100
do_crashes 10
measure first

step "$RESTARTS restarts"
do_restarts $RESTARTS
measure restarts
step "$APPLIES applies"
do_applies $APPLIES
measure applies
step "$CRASHES crashes of node and logger"
do_crashes $CRASHES
measure crashes
# A fresh node has nothing that has grown: it works once more.
do_restarts 1000
do_applies 100
measure last

step "what has grown"
column -t "$MEASURES" 2>/dev/null || cat "$MEASURES"
for p in skepd skep-node skep-logger; do
	bounded rss-kB-$p 2048
done
bounded fds-skepd 2
bounded fds-skep-node 2
# Up to 15 further threads, each with its own four tools, where disks are slow.
bounded fds-skep-logger 62
for n in cgroups processes fifos run-files state-files work-dirs; do
	bounded $n 0
done
bounded rows 10
check "events are bounded" test "$(value last events)" -le 110000
pids_of_steady >"$T/after"
check "nothing touched the steady ones" diff "$T/before" "$T/after"
finish
