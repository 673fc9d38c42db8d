#!/bin/bash
# Services that are given at run time, and key/value, on three hosts: one name
# is one running instance, placed by its hash, found or started in one request
# with one winner; names of any bytes that names may have, and a clear word
# about those that may not; keys that all hosts hold.
BUDGET=120
. "$(dirname "$0")/lib.sh"
cluster_begin alpha beta gamma
host_start alpha beta gamma
for h in alpha beta gamma; do
	wait_for 30 "$h sees three alive" alive_count_is "$h" 3
done
run_name() {
	ctl "$1" --timeout 20s register "$2" --user root -- \
		/bin/sleep "$3"
}
# api HOST METHOD PATH [BODY]: the answer, and a line with its status.
api() {
	curl -s -m 30 --unix-socket "$T/$1/run/skepd.sock" -X "$2" \
		-w '\n%{http_code}\n' ${4:+--data-binary "$4"} \
		"http://localhost$3"
}
# answers STATUS TEXT HOST METHOD PATH [BODY]: with that status and text.
answers() {
	local status=$1 text=$2
	shift 2
	api "$@" >"$T/answer"
	[ "$(tail -n 1 "$T/answer")" = "$status" ] &&
		grep -qF -- "$text" "$T/answer" || {
		cat "$T/answer"
		return 1
	}
}
escape() {
	jq -rn --arg n "$1" '$n | @uri'
}
place_of() {
	json "$1" '.instances[0].node' where "$2"
}
says_the_same() {
	local first
	first=$(place_of alpha "$1")
	[ -n "$first" ] && [ "$first" != null ] &&
		[ "$(place_of beta "$1")" = "$first" ] &&
		[ "$(place_of gamma "$1")" = "$first" ]
}

step "registered on each host, placed by hash, started there"
for i in 1 2 3 4 5 6 7 8 9; do
	h=${HOSTS[$((i % 3))]}
	check "$h registers device/$i" run_name "$h" "device/$i" "31000$i"
done
check "nine run" process_count_is 'sleep 31000' 9
for i in 1 2 3 4 5 6 7 8 9; do
	wait_for 10 "all say where device/$i is" says_the_same "device/$i"
done
check "on more than one host" test \
	"$(processes 'sleep 31000' | awk '{ print $1 }' | sort -u | wc -l)" -gt 1

step "a name that is taken"
run_name beta device/1 329999 >"$T/out" 2>&1
check "is refused" test $? = 1
check "with its place" grep -q "on $(place_of beta device/1)" "$T/out"
check "the code is already_registered" answers 409 already_registered \
	gamma POST /v1/names '{"name":"device/1","command":["/bin/true"]}'
check "find gives the place" answers 200 '"result":"found"' gamma POST \
	/v1/names '{"name":"device/1","command":["/bin/true"],"find":true}'
check "nothing more runs" process_count_is 'sleep 329999' 0

step "metadata of a service"
check "register" ctl beta --timeout 20s register said/1 --user root \
	--meta '{"rack": "r 1", "floor": 3}' -- /bin/sleep 328888
found_said() {
	[ "$(ctl "$1" -o name list 'said/*' --meta 'rack=r 1')" = said/1 ]
}
for h in alpha beta gamma; do
	wait_for 10 "$h finds it" found_said "$h"
done
check "by what is text there" test \
	"$(ctl gamma -o name list --meta floor=3)" = said/1
check "where tells it" test \
	"$(json alpha '.instances[0].meta.floor' where said/1)" = 3
check "no object" answers 400 "meta" alpha POST /v1/names \
	'{"name":"said/2","command":["/bin/true"],"meta":[1]}'
check "no text" answers 400 "meta" alpha POST /v1/names \
	'{"name":"said/2","command":["/bin/true"],"meta":{"a":{"b":1}}}'
check "unregister" ctl gamma unregister said/1

step "what waits for its next start is found, too"
failing='{"name":"failing","command":["/bin/sh","-c","sleep 1; exit 1"],
	"user":"root","find":true,
	"restart":{"delay_function":"constant","delay":"20s"}}'
check "it starts" answers 200 '"result":"registered"' alpha POST /v1/names \
	"$failing"
is_waiting() {
	[ "$(json beta '.instances[0].state' where failing)" = backoff ]
}
wait_for 30 "it waits" is_waiting
check "it is found" answers 200 '"result":"found"' gamma POST /v1/names \
	"$failing"
check "it is said how it is" grep -q '"state":"backoff"' "$T/answer"
check "it can go" ctl alpha -q unregister failing

step "find or start from all hosts at once: one winner"
for round in 1 2 3; do
	for h in alpha beta gamma; do
		ctl "$h" -o json register "race $round" --find \
			--user root -- /bin/sleep "33000$round" \
			>"$T/race.$h" 2>&1 &
		eval "RACER_$h=$!"
	done
	for h in alpha beta gamma; do
		wait "$(eval "echo \$RACER_$h")" || {
			cat "$T/race.$h"
			fail "$h got no place in round $round"
		}
	done
	cat "$T"/race.* | jq -r .result | sort | tr '\n' ' ' >"$T/results"
	check "round $round: one registered it" test \
		"$(cat "$T/results")" = "found found registered "
	check "round $round: all got the same place" test \
		"$(cat "$T"/race.* | jq -r .node | sort -u | wc -l)" = 1
	check "round $round: one runs" process_count_is "sleep 33000$round" 1
done

step "what cannot start, and where nothing can"
ctl alpha register broken --user root -- /no/such/program >"$T/out" 2>&1
check "is refused" test $? = 1
check "with the reason" grep -q "/no/such/program" "$T/out"
is_gone() {
	! ctl "$1" where "$2"
}
for h in alpha beta gamma; do
	wait_for 10 "nothing is left of it on $h" is_gone "$h" broken
done
check "the code is start_failed" answers 500 start_failed beta POST \
	/v1/names '{"name":"broken","user":"root","command":["/no/such/one"]}'
wait_for 10 "nothing is left of it" is_gone gamma broken
check "user: none is refused by policy with its key" answers 500 \
	start_failed beta POST /v1/names \
	'{"name":"nobody-there","user":"no-such-user","command":["/bin/true"]}'
for h in alpha beta gamma; do
	check "cordon $h" ctl alpha node cordon "$h"
done
check "no_node_available" answers 503 no_node_available alpha POST /v1/names \
	'{"name":"nowhere","user":"root","command":["/bin/sleep","340001"],"timeout":"2s"}'
for h in alpha beta gamma; do
	check "uncordon $h" ctl alpha node uncordon "$h"
done
wait_for 10 "nothing is left of it" is_gone gamma nowhere
not_ready='{"name":"slow","user":"root","command":["/bin/sleep","340002"],
	"readiness":{"notify":"systemd"},"timeout":"1s"}'
check "timeout" answers 504 timeout beta POST /v1/names "$not_ready"
check "it stays, and says so" grep -q "stays registered" "$T/answer"
check "unregister it" ctl gamma unregister slow

step "names of all kinds, each with its log"
long=$(printf 'n%.0s' $(seq 255))
slashes=$(printf '/%.0s' $(seq 255))
for name in "$long" "$slashes" "ein schöner Name" ".hidden" "a/../b" \
	"user@host@x" "100%"; do
	check "register ${name:0:30}" ctl alpha register "$name" --user root \
		-- /bin/sh -c 'echo "I am $SKEP_NAME"; exec sleep 350001'
	wait_for 10 "all say where it is" says_the_same "$name"
	log_is_there() {
		ctl beta logs "$name" | grep -qF "I am $name"
	}
	wait_for 10 "its log is found" log_is_there
	check "status knows it" ctl gamma status "$name"
	check "why knows it" ctl gamma why "$name"
	check "restart it" ctl gamma restart "$name" --wait
	check "unregister it" ctl beta unregister "$name"
done
wait_for 20 "none of them runs" process_count_is 'sleep 350001' 0

step "a keeper that ends, and one that is replaced, know them again"
odd="so ein @ Name/ü 100%"
check "register it" ctl alpha register "$odd" --user root -- /bin/sleep 355001
wait_for 10 "all say where it is" says_the_same "$odd"
home=$(place_of alpha "$odd")
processes 'sleep 355001' >"$T/before"
kill -9 $(keeper_of "$home")
wait_for 20 "nothing of skepd runs there" no_keeper "$home"
keeper_start "$home"
is_ready() {
	[ "$(json "$home" '.instances[0].state' where "$odd")" = ready ]
}
wait_for 20 "it is ready on its host" is_ready
check "daemon-reexec" ctl "$home" daemon-reexec
wait_for 20 "it is ready on its host" is_ready
processes 'sleep 355001' >"$T/after"
check "the same process" diff "$T/before" "$T/after"
other=$(echo alpha beta gamma | tr ' ' '\n' | grep -v "$home" | head -n 1)
check "move it" ctl alpha move "$odd" "$other" --wait
check "once" process_count_is 'sleep 355001' 1
check "stop it" ctl alpha stop "$odd" --wait
check "start it" ctl beta start "$odd" --wait
check "unregister it" ctl gamma unregister "$odd"
wait_for 20 "it is gone" process_count_is 'sleep 355001' 0

step "names that are not for services"
check "SERVICE@INSTANCE is refused" answers 400 SERVICE@INSTANCE alpha POST \
	/v1/names '{"name":"web@1","command":["/bin/true"]}'

step "names that are none"
post() {
	answers 400 "$1" alpha POST /v1/names \
		"{\"name\":\"$2\",\"command\":[\"/bin/true\"]}"
}
check "0 bytes" post "it is empty" ""
check "256 bytes" post "it is too long, at byte 255" "n$long"
check "a newline" post "control character, at byte 1" 'a\nb'
check "NUL" post '\\u0000 is not allowed' 'a\u0000b'
check "invalid UTF-8" post "unable to decode byte 0xff" "$(printf 'a\377')"
printf '{"name":"%s","command":["/bin/true"]}' \
	"$(head -c 1000000 /dev/zero | tr '\0' n)" >"$T/huge"
check "1 MB" answers 400 "too long" alpha POST /v1/names "@$T/huge"
# No argument of a program is that long.  What was answered before the other
# end was closed stands behind the reset.
asked_for_1_mb() {
	python3 - "$T/$1/run/skepd.sock" <<'END'
import socket
import sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(30)
s.connect(sys.argv[1])
try:
    s.sendall(b"GET /v1/names/%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"n" * 10**6))
except (BrokenPipeError, ConnectionResetError):
    pass
for attempt in range(2):
    try:
        print(s.recv(4096).split()[1].decode())
        break
    except ConnectionResetError:
        pass
END
}
check "a path of 1 MB" test "$(asked_for_1_mb alpha)" = 414
check "%00 in a path" answers 400 "no NUL" alpha GET /v1/names/a%00b

step "stop and forget from any host; what is declared is not forgotten so"
cat >"$T/web.yaml" <<END
services:
  web:
    command: [/bin/sleep, "360001"]
    user: root
END
check "apply" ctl alpha apply -f "$T/web.yaml" --wait
ctl beta unregister web >"$T/out" 2>&1
check "unregister is refused" test $? = 1
check "with a hint" grep -q "skepctl delete web" "$T/out"
check "its name cannot be registered" answers 409 already_registered beta \
	POST /v1/names '{"name":"web","command":["/bin/true"]}'
printf 'services: {"race": {command: /bin/true, user: root}}\n' >"$T/race.yaml"
check "register race" run_name alpha race 370001
ctl beta apply -f "$T/race.yaml" >"$T/out" 2>&1
check "apply over it is refused" grep -q "unregister race" "$T/out"
check "prune leaves it alone" ctl beta apply -f "$T/web.yaml" --prune
check "it runs" process_count_is 'sleep 370001' 1
check "unregister it" ctl gamma unregister race
wait_for 10 "it is gone" process_count_is 'sleep 370001' 0

step "key/value: written anywhere, read everywhere"
kv_is() {
	[ "$(ctl "$1" kv get "$2")" = "$3" ]
}
check "set on alpha" ctl alpha kv set "color/of sky" blue
for h in beta gamma; do
	wait_for 10 "$h has it" kv_is "$h" "color/of sky" blue
done
check "set on beta" ctl beta kv set "color/of sky" grey
wait_for 10 "alpha has it" kv_is alpha "color/of sky" grey
check "a key of 255 bytes" ctl gamma kv set "$slashes" v
wait_for 10 "alpha has it" kv_is alpha "$slashes" v
check "a value of 4096 bytes" ctl alpha kv set big \
	"$(head -c 4096 /dev/zero | tr '\0' v)"
check "one more is refused" answers 400 "4097 bytes" alpha PUT /v1/kv/big \
	"{\"value\":\"$(head -c 4097 /dev/zero | tr '\0' v)\"}"
check "a condition is refused" answers 501 "last writer wins" alpha PUT \
	"/v1/kv/big?if=1" '{"value":"x"}'
check "what a write means is said" answers 200 \
	'"consistency":"last-writer-wins"' alpha GET /v1/kv/big
check "256 bytes" answers 400 "too long" alpha PUT \
	"/v1/kv/$(escape "$slashes/")" '{"value":"x"}'
unplug gamma
check "gamma writes alone" ctl gamma kv set lonely gamma
check "delete on alpha meanwhile" ctl alpha kv delete big
plug gamma
wait_for 30 "alpha has it after healing" kv_is alpha lonely gamma
big_is_gone() {
	! ctl gamma kv get big
}
wait_for 30 "and gamma knows what was deleted" big_is_gone
check "list by pattern" test \
	"$(json beta '.keys | length' kv list 'color/*')" = 1

step "a host that dies: its names start elsewhere; keys outlive a power cut"
victim=$(place_of alpha device/1)
rest=$(echo alpha beta gamma | tr ' ' '\n' | grep -v "$victim")
asked=$(echo "$rest" | head -n 1)
power_off "$victim"
nine_run() {
	[ "$(for h in $rest; do processes 'sleep 31000' |
		grep "^$h "; done | wc -l)" = 9 ]
}
wait_for 60 "nine run on the others" nine_run
power_off $rest
host_start alpha beta gamma
wait_for 60 "nine run after all were off" process_count_is 'sleep 31000' 9
wait_for 20 "the key is there" kv_is "$asked" lonely gamma
for i in 1 2 3 4 5 6 7 8 9; do
	check "unregister device/$i" ctl "$victim" unregister "device/$i"
done
wait_for 20 "all is gone" process_count_is 'sleep 31000' 0
finish
