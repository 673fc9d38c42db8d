#!/bin/bash
# Names in shared memory: what libskep finds on each of three hosts while a
# service moves, its host dies, and skep-node is killed and starts again.
BUDGET=90
. "$(dirname "$0")/lib.sh"
SEEK=$SKEP_BUILD/tests/cluster/seek
[ -x "$SEEK" ] || skip "$SEEK is not built"
# Long, so that a node that starts again is no reason.
DEFAULTS="restart_grace = 30s"
cluster_begin alpha beta gamma
cat >"$T/s.yaml" <<END
services:
  one: {command: [/bin/sleep, "310007"], user: root}
  many: {command: [/bin/sleep, "310008"], user: root, replicas: 20}
END

one_of() { # HOST PROGRAM
	local p
	for p in $(cat "$CG/$1/cgroup.procs"); do
		[ "$(cat "/proc/$p/comm")" = "$2" ] && echo "$p"
	done
}

seek() { # HOST WORD...
	"$SEEK" "$T/$1/run/registry" "${@:2}"
}

go_on() { # HOST WORD...: in the background, until it is killed
	exec timeout $BUDGET "$SEEK" "$T/$1/run/registry" "${@:2}"
}

holder() { ctl alpha -o json status one | jq -r '.instances[0].node'; }

is_at() { # HOST WHERE: with the pid that it has
	local said
	said=$(seek "$1" where one) || return
	[[ $said == "$2 "* ]] &&
		[[ $said == "$(processes '^/bin/sleep 310007') ready "* ]]
}

all_say() { # WHERE
	local h
	for h in alpha beta gamma; do
		is_at $h "$1" || return 1
	done
}

lists() { # HOST COUNT
	[ "$(seek "$1" list many@ | wc -l)" = "$2" ] &&
		[ "$(seek "$1" match 'many@1?' | wc -l)" = 10 ]
}

as_status() { # HOST: every name with the host that status says
	ctl alpha -o json status | jq -r '.instances[] |
		select(.state == "ready") | "\(.name) \(.node)"' |
		sort >"$T/said"
	seek "$1" list "" | sort >"$T/found"
	diff "$T/said" "$T/found"
}

age_ms() { seek "$1" info | awk '{ print $2 }'; }

host_start alpha beta gamma
wait_for 30 "alpha sees three alive" alive_count_is alpha 3
check "apply" ctl alpha apply -f "$T/s.yaml"
wait_for 30 "all are ready" ready_count_is alpha 21
at=$(holder)
wait_for 10 "each host says where one is" all_say "$at"
for h in alpha beta gamma; do
	wait_for 10 "$h lists what status lists" as_status $h
	check "$h lists by prefix and pattern" lists $h 20
	check "anybody may read it" test "$(stat -c %a "$T/$h/run/registry")" = 644
done
check "what is not there is not found" test "$(seek alpha where two; echo $?)" = 3
check "and it is alive" test "$(age_ms alpha)" -lt 10000

step "a name that was given at run time"
name='capteur é/1 "[x]"'
check "register" ctl beta --timeout 20s register "$name" --user root -- \
	/bin/sleep 310009
for h in alpha beta gamma; do
	wait_for 10 "$h finds it" seek $h where "$name"
	check "and by a pattern" test \
		"$(seek $h match 'capteur ?/*\]"' | wc -l)" = 1
done
check "unregister" ctl gamma unregister "$name"
forgotten() { [ "$(seek "$1" where "$name" 2>&1; echo $?)" = \
	"$(printf 'seek: No such file or directory\n3')" ]; }
for h in alpha beta gamma; do
	wait_for 20 "$h finds it no more" forgotten $h
done

step "a process that has a name"
sleep 310010 &
process=$!
check "register" ctl beta register "device 7" --pid $process \
	--meta '{"kind":"lamp"}'
tracked() { [[ $(seek "$1" where "device 7") == "beta $process ready "* ]]; }
for h in alpha beta gamma; do
	wait_for 10 "$h finds it" tracked $h
done
kill $process
untracked() { ! seek "$1" where "device 7"; }
for h in alpha beta gamma; do
	wait_for 10 "$h finds it no more" untracked $h
done

step "what a service says of itself"
says() { [ "$(seek "$1" meta "$2")" = "$3" ]; }
pid=$(processes '^/bin/sleep 310007')
sed -i 's/user: root}/user: root, meta: {team: mail, n: 7}}/' "$T/s.yaml"
check "apply" ctl beta apply -f "$T/s.yaml"
for h in alpha beta gamma; do
	wait_for 10 "$h knows" says $h one '{"n":"7","team":"mail"}'
done
check "it runs on" test "$(processes '^/bin/sleep 310007')" = "$pid"
check "said of none" says alpha many@1 ""
check "found by it" test "$(ctl gamma -o name list --meta team=mail)" = one
check "by a number" test "$(ctl gamma -o name list --meta n=7)" = one
check "nothing else is" test -z "$(ctl gamma -o name list --meta team=web)"
check "where tells it" test \
	"$(json beta '.instances[0].meta.team' where one)" = mail
sed -i 's/, meta: {team: mail, n: 7}//' "$T/s.yaml"
check "apply without" ctl alpha apply -f "$T/s.yaml"
for h in alpha beta gamma; do
	wait_for 10 "$h knows" says $h one ""
done

step "a drain moves it; who watches is told"
go_on gamma watch one >"$T/watched" &
watcher=$!
check "drain" ctl alpha node drain "$at" -y
to=$(holder)
check "it moved" test "$to" != "$at"
wait_for 10 "each host says where it is now" all_say "$to"
told() { tail -n 1 "$T/watched" | grep -q "^$to .* ready "; }
wait_for 10 "the watcher as well" told
kill $watcher
check "undrain" ctl alpha node undrain "$at"
wait_for 30 "all are ready" ready_count_is alpha 21

step "skep-node of alpha starts again, told and killed: readers go on"
own=$(json alpha '[.instances[] | select(.node == "alpha")][0].name' status)
go_on alpha keep one >"$T/kept" 2>&1 &
keeper=$!
go_on alpha keep "$own" >"$T/kept.own" 2>&1 &
own_keeper=$!
first=$(stat -c %i "$T/alpha/run/registry")
another() { [ "$(stat -c %i "$T/alpha/run/registry")" != "$1" ]; }
check "daemon-reexec" ctl alpha daemon-reexec
wait_for 30 "another file is there" another "$first"
first=$(stat -c %i "$T/alpha/run/registry")
kill -9 "$(one_of alpha skep-node)"
wait_for 30 "another file is there" another "$first"
wait_for 30 "alpha sees three alive" alive_count_is alpha 3
kill -TERM $keeper $own_keeper
wait $keeper $own_keeper
for f in kept kept.own; do
	check "no look missed it: $(cat "$T/$f")" \
		grep -q '^[0-9]* looks, 0 missing, 0 older$' "$T/$f"
done
wait_for 10 "each host says where it is" all_say "$(holder)"
wait_for 10 "alpha lists what status lists" as_status alpha

step "without skep-node"
kill -STOP "$(one_of alpha skepd)"
kill -9 "$(one_of alpha skep-node)"
old() { [ "$(age_ms alpha)" -gt 2500 ]; }
wait_for 20 "lookups say how old their word is" old
check "and go on" seek alpha where one
kill -CONT "$(one_of alpha skepd)"
fresh() { [ "$(age_ms alpha)" -lt 2000 ]; }
wait_for 30 "a new one speaks" fresh
wait_for 30 "alpha sees three alive" alive_count_is alpha 3

step "a host dies: its names are elsewhere"
to=$(holder)
for h in alpha beta gamma; do
	[ $h = "$to" ] || seer=$h
done
power_off "$to"
moved() {
	local said
	said=$(seek "$seer" where one) && [[ $said == *" ready "* ]] &&
		[[ $said != "$to "* ]]
}
wait_for 60 "$seer finds it elsewhere" moved
gone() { ! seek "$seer" list "" | grep " $to\$"; }
wait_for 30 "and nothing on $to" gone
finish
