#!/bin/bash
# Services that do not want to stop: when status says "stopped" nothing of them
# is left, and history says what it took.
BUDGET=90
. "$(dirname "$0")/lib.sh"
DEFAULTS="expect = 1"
cluster_begin alpha
D=$T/w
mkdir -m 0777 "$D"

# Doubles itself seven times, each in a session of its own and deaf.
cat >"$D/crowd" <<END
#!/bin/bash
trap '' TERM
n=\$1
while [ "\$n" -gt 0 ]; do
	n=\$((n - 1))
	setsid "$D/crowd" \$n &
done
touch "$D/crowd.\$\$"
while :; do sleep 700001; done
END
chmod 755 "$D/crowd"

cat >"$T/s.yaml" <<END
services:
  forks-twice: &one
    command: [/bin/sh, -c, "(setsid sh -c 'setsid sleep 700001 & setsid sleep 700001 & exit 0' &); exec sleep 700001"]
    user: root
    stop_timeout: 1s
  deaf:
    <<: *one
    command: [/bin/sh, -c, "trap '' TERM INT HUP; while :; do sleep 700001; done"]
  leaves-some:
    <<: *one
    command: [/bin/sh, -c, "(trap '' TERM; while :; do sleep 700001; done) & setsid sleep 700001 & trap 'exit 0' TERM; while :; do sleep 0.1; done"]
  closes-all:
    <<: *one
    command: [/bin/bash, -c, "for fd in /proc/self/fd/*; do n=\${fd##*/}; [ \$n -gt 2 ] && eval \"exec \$n>&-\"; done; exec 0<&- 1>&- 2>&-; exec sleep 700001"]
  stops-itself:
    <<: *one
    command: [/bin/sh, -c, "kill -STOP \$\$; exec sleep 700001"]
  crowd:
    <<: *one
    command: [$D/crowd, "7"]
END
ALL="forks-twice deaf leaves-some closes-all stops-itself crowd"

state_is() {
	[ "$(field alpha "$1" state)" = "$2" ]
}

# The control group of an instance, by one of its processes.
group_of() {
	sed -n 's/^0:://p' "/proc/$(field alpha "$1" pid)/cgroup"
}

# What runs in it, or below.
left_in() {
	find "$(find_cgroup2)$1" -name cgroup.procs -exec cat {} + 2>/dev/null
}

# "stopped" is seen first and the processes are counted afterwards: so the
# word must have been true.
is_stopped_truly() {
	state_is "$1" stopped || return 1
	[ -z "$(left_in "$2")" ] || fail "$1 is 'stopped' and runs: $(
		for p in $(left_in "$2"); do tr '\0' ' ' <"/proc/$p/cmdline"; done)"
}

# stop_it NAME GROUP
stop_it() {
	local group=$2
	check "$1 has a group of its own" test -d "$(find_cgroup2)$group"
	check "skepctl stop $1" ctl alpha stop "$1"
	wait_for 20 "it is stopped, and nothing is left" \
		is_stopped_truly "$1" "$group"
	check "nor its group" test ! -d "$(find_cgroup2)$group"
}

told_killed() {
	ctl alpha history "$1" | grep -q 'stop_timeout passed'
}

host_start alpha
wait_for 30 "alpha answers" ctl alpha status
check "apply" ctl alpha apply -f "$T/s.yaml"
for s in $ALL; do
	wait_for 20 "$s is ready" state_is "$s" ready
done
is_crowded() {
	[ "$(find "$D" -name 'crowd.*' | wc -l)" = 128 ]
}
wait_for 30 "crowd is 128 processes" is_crowded
is_halted() {
	grep -q '^State:.T' "/proc/$(field alpha stops-itself pid)/status"
}
wait_for 20 "stops-itself has stopped itself" is_halted

for s in $ALL; do
	step "$s"
	stop_it "$s" "$(group_of "$s")"
done
for s in deaf leaves-some crowd; do
	wait_for 10 "history of $s tells of the kill" told_killed "$s"
done
for s in closes-all stops-itself; do
	check "$s needed none" bash -c "! '$SKEPCTL' -s \
		'$T/alpha/run/skepd.sock' history $s | grep -q 'stop_timeout passed'"
done
check "no process is left anywhere" process_count_is 'sleep 700001' 0

# has_controller NAME: in the cgroups that skepd makes.
has_controller() {
	grep -qw "$1" "$CG/cgroup.controllers"
}

# greedy NAME LIMIT FILE WANT COMMAND: stops one that runs into a limit which
# is verified to be in force first.
greedy() {
	local group
	rm -f "$D/go"
	cat >"$T/greedy.yaml" <<-END
		services:
		  $1:
		    command: [/bin/sh, -c, "until [ -e $D/go ]; do sleep 0.05; done; $5"]
		    user: root
		    stop_timeout: 1s
		    resources: {$2}
	END
	check "apply" ctl alpha apply -f "$T/greedy.yaml"
	wait_for 20 "$1 is ready" state_is "$1" ready
	group=$(group_of "$1")
	check "$2 is in force" test "$(cat "$(find_cgroup2)$group/$3")" = "$4"
	touch "$D/go"
	wait_for 20 "it is at its limit" "at_limit_$1" "$(find_cgroup2)$group"
	stop_it "$1" "$group"
}

at_limit_bomb() {
	[ "$(cat "$1/pids.current")" -ge 30 ]
}

at_limit_eater() {
	ctl alpha history eater | grep -q 'for memory'
}

step "a fork bomb within pids_max"
if has_controller pids; then
	greedy bomb "pids_max: 32" pids.max 32 \
		'b() { b | b & }; while :; do b; sleep 0.01; done'
else
	say "    skipped: no pids controller"
fi
step "one that eats memory up to memory_max"
if has_controller memory; then
	greedy eater "memory_max: 32MiB" memory.max 33554432 \
		'exec tail -c 1G /dev/zero'
else
	say "    skipped: no memory controller"
fi
finish
