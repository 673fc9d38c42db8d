#!/bin/bash
# Names of running processes: one host gets a name, all know it, and it is free
# everywhere when its process ends.
BUDGET=150
. "$(dirname "$0")/lib.sh"
cluster_begin alpha beta gamma

# where HOST NAME: "node pid state", or nothing.
where() {
	json "$1" '.instances[0] | "\(.node) \(.pid) \(.state)"' \
		where "$2" 2>/dev/null
}
is_at() {
	for h in alpha beta gamma; do
		[ "$(where $h "$1")" = "$2" ] || return 1
	done
}
is_free() {
	for h in alpha beta gamma; do
		ctl $h where "$1" >/dev/null 2>&1 && return 1
	done
	true
}
# api HOST METHOD PATH [BODY [TYPE]]: "status body".
api() {
	python3 "$(dirname "$0")/ask.py" "$T/$1/run/skepd.sock" "$2" "$3" \
		"${@:4}"
}

step "three hosts"
host_start alpha beta gamma
for h in alpha beta gamma; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done

step "a process gets a name, and every host knows it"
spawn
one=$PID
name='device/17 "ä"'
check "register" ctl alpha register "$name" --pid "$one" \
	--meta '{"room": "b12", "floor": 3}'
wait_for 5 "all know it" is_at "$name" "alpha $one ready"
check "the host that decides says the same" test \
	"$(json gamma '.instances[0] | "\(.node) \(.pid)"' where \
	--authoritative "$name")" = "alpha $one"
check "again: nothing new" ctl alpha register "$name" --pid "$one" \
	--meta '{"floor": 3, "room": "b12"}'
spawn
two=$PID
if ctl beta register "$name" --pid "$two" 2>"$T/err"; then
	fail "a second process got the name"
fi
check "the loser is told who has it" \
	grep -q "registered on alpha, process $one" "$T/err"
ctl alpha register other --pid "$one" --meta '{"room": "c1"}' ||
	fail "a second name for the process"

step "lists by pattern and by metadata"
listed() {
	[ "$(ctl gamma -o name list "$@" | sort | tr '\n' ',')" = "$want" ]
}
want="$name,"
wait_for 5 "pattern" listed 'device/*'
check "metadata" listed --meta room=b12
check "a number" listed --meta floor=3
want=""
check "pattern and metadata" listed 'oth*' --meta room=b12
if ctl gamma list '[' 2>"$T/err"; then
	fail "a pattern that is none was taken"
fi

step "two hosts race for each of thirty names: one wins each"
race() {
	for n in $(seq 30); do
		ctl "$1" -o json register "race/$n" --pid "$2" \
			>>"$T/race.$1" 2>&1 && echo "$n" >>"$T/won.$1"
	done
	true
}
: >"$T/won.beta"
: >"$T/won.gamma"
race beta "$one" &
first=$!
race gamma "$two" &
wait "$first" "$!"
cat "$T/won.beta" "$T/won.gamma" | sort -n >"$T/won"
seq 30 | sort -n >"$T/all"
check "each name has one winner" diff "$T/won" "$T/all"
raced() {
	[ "$(ctl alpha -o name list 'race/*' | wc -l)" = 30 ]
}
wait_for 5 "and one holder" raced

step "any host takes a name away, and its process lives on"
check "unregister" ctl gamma unregister other
wait_for 5 "it is free" is_free other
check "the process lives" kill -0 "$one"
check "another gets it at once" ctl beta register other --pid "$two"

step "lines: 5000 names, answers in their order"
for n in $(seq 5000); do
	echo "{\"name\": \"bulk/$n\", \"pid\": $two}"
done >"$T/lines"
sed -i '777s/.*/{"name": "bulk\/777", "pid": 0}/; 778s/.*/no json/' "$T/lines"
started=$(elapsed_ms)
ctl alpha -o json register -f "$T/lines" >"$T/answers" 2>"$T/err"
[ $? = 1 ] || fail "lines with errors: $(cat "$T/err")"
say "    5000 lines in $(($(elapsed_ms) - started)) ms"
check "an answer to each line" test "$(grep -c '^{' "$T/answers")" = 5000
grep '^{' <"$T/answers" | jq -r .name |
	sed 's/^$/bulk\/778/' >"$T/order"
seq 5000 | sed 's/^/bulk\//' >"$T/all"
check "in their order" diff -q "$T/order" "$T/all"
check "two refused" test \
	"$(grep -c '"error"' "$T/answers")" = 2
bulk_count_is() {
	[ "$(ctl "$1" -o name list 'bulk/*' | wc -l)" = "$2" ]
}
wait_for 20 "gamma knows all of them" bulk_count_is gamma 4998

step "skep-node is killed: its names are never gone, elsewhere and here"
node=$(pgrep -P "$(keeper_of alpha)" -x skep-node)
(while [ ! -e "$T/watched" ]; do
	[ "$(where beta "$name")" = "alpha $one ready" ] || echo gone
done) >"$T/flicker" &
watcher=$!
check "kill" kill -9 "$node"
back() {
	[ "$(where alpha "$name")" = "alpha $one ready" ]
}
wait_for 20 "alpha has it again" back
wait_for 20 "alpha sees three alive" alive_count_is alpha 3
touch "$T/watched"
wait "$watcher"
check "beta had it all the time" test ! -s "$T/flicker"
wait_for 20 "and all others" bulk_count_is alpha 4998

step "a process ends: its names are free everywhere"
check "kill" kill -9 "$one"
wait_for 5 "the name is free" is_free "$name"
check "kill" kill -9 "$two"
wait_for 20 "5000 names are free" bulk_count_is beta 0
spawn
check "another process gets it, elsewhere" \
	ctl gamma register "$name" --pid "$PID"
wait_for 5 "all know it" is_at "$name" "gamma $PID ready"

step "a process that ends while no node looks"
spawn
late=$PID
check "register" ctl beta register late --pid "$late"
node=$(pgrep -P "$(keeper_of beta)" -x skep-node)
check "stop the node" kill -STOP "$node"
check "end the process" kill -9 "$late"
check "kill the node" kill -9 "$node"
wait_for 20 "the name is free" is_free late

step "names and services exclude each other"
cat >"$T/s.yaml" <<END
services:
  web:
    command: [/bin/sleep, "100001"]
    user: root
END
spawn
check "register" ctl alpha register web --pid "$PID"
wait_for 5 "all know it" is_at web "alpha $PID ready"
if ctl beta apply -f "$T/s.yaml" 2>"$T/err"; then
	fail "a service took a name that was taken"
fi
check "it says why" grep -q "registered on alpha" "$T/err"
check "unregister" ctl beta unregister web
wait_for 5 "it is free" is_free web
check "apply" ctl beta apply -f "$T/s.yaml" --wait
if ctl alpha register web --pid "$PID" 2>"$T/err"; then
	fail "a process took the name of a service"
fi

step "errors say what is wrong"
refused() { # TEXT WORDS...
	local want=$1
	shift
	ctl alpha "$@" 2>"$T/err" && return 1
	grep -q "$want" "$T/err"
}
check "no process" refused "no process 4194303" register x --pid 4194303
check "process 0" refused "above 0" register x --pid 0
check "no object" refused "not a JSON object" register x --pid 1 --meta '[]'
check "no pid" refused "pid" register x
long=$(printf 'n%.0s' $(seq 255))
check "255 bytes" ctl alpha register "$long" --pid "$PID"
check "and their end" ctl beta unregister "$long"
check "256 bytes" refused "too long, at byte 255" register "${long}n" \
	--pid "$PID"
check "nothing" refused "empty" register "" --pid "$PID"
check "newline" refused "control character, at byte 1" register $'a\nb' \
	--pid "$PID"
body_is() { # STATUS TEXT BODY
	api alpha POST /v1/names "$3" >"$T/out"
	head -n 1 "$T/out" | grep -qx "$1" && grep -q "$2" "$T/out"
}
check "NUL" body_is 400 invalid '{"name": "a\u0000b", "pid": 1}'
check "bytes that are no UTF-8" body_is 400 invalid \
	$'{"name": "a\xff", "pid": 1}'
check "an unknown key" body_is 400 "unknown key" \
	'{"name": "a", "pid": 1, "x": 1}'
check "a name of 1 MB" body_is 400 "too long" "@1000000"
check "unregister nothing" refused "nothing is registered" unregister nobody
check "where nothing" refused "nothing is named" where nobody

step "half a request, and another's process"
python3 - "$T/alpha/run/skepd.sock" <<'END' || fail "half a request"
import socket, sys
for text in (b"POST /v1/names HTTP/1.1\r\nHost: x\r\nContent-Len",
             b"POST /v1/names HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
             b"Content-Type: application/x-ndjson\r\n\r\n{\"name\": \"half"):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.sendall(text)
    s.close()
END
check "alpha answers" ctl alpha status

step "ten thousand clients that say nothing"
idle_alpha() {
	exec python3 - "$T/alpha/run/skepd.sock" "$T/idle" <<'END'
import resource, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (11000, 11000))
all = []
for n in range(10000):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    all.append(s)
open(sys.argv[2], "w").close()
time.sleep(600)
END
}
node=$(processes skep-node | awk '$1 == "alpha" { print $2 }')
before=$(rss_of "$node")
idle_alpha &
idle=$!
wait_for 60 "they are there" test -e "$T/idle"
began=$SECONDS
check "alpha answers" ctl alpha status
check "and registers" ctl alpha register amid --pid "$PID"
check "nor do they wait for the others' end" test $((SECONDS - began)) -lt 10
wait_for 5 "all know it" is_at amid "alpha $PID ready"
say "$((($(rss_of "$node") - before) / 100)) kB for each hundred of them"
kill "$idle"
wait "$idle" 2>/dev/null
check "nobody was taken for dead" alive_count_is beta 3
check "and it goes" ctl beta unregister amid

step "a host that is lost takes its names with it"
check "register" ctl gamma register lost --pid "$PID"
wait_for 5 "all know it" is_at lost "gamma $PID ready"
power_off gamma
gone_at_two() {
	! ctl alpha where lost >/dev/null 2>&1 &&
		! ctl beta where lost >/dev/null 2>&1
}
wait_for 30 "it is free" gone_at_two
check "and another host gives it" ctl beta register lost --pid "$PID"
finish
