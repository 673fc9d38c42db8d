# Everything that a registry must do, in the order of its list: names (1 to 16),
# and how they are replicated.  For t-rows-*.sh, which say on how many hosts:
# NAMES.
. "$(dirname "$0")/lib.sh"
ANSWERER=$SKEP_BUILD/tests/cluster/answerer
SEEK=$SKEP_BUILD/tests/cluster/seek
[ -x "$ANSWERER" ] && [ -x "$SEEK" ] || fail "$ANSWERER is not built"
POLICY="allow_root = yes
allowed_users = nobody"
# shellcheck disable=SC2086
cluster_begin $NAMES
COUNT=${#HOSTS[@]} FIRST=${HOSTS[0]} SECOND=${HOSTS[1]} LAST=${HOSTS[-1]}

# on_all COMMAND HOST-INDEPENDENT-ARGS...: COMMAND HOST ARGS succeeds for each.
on_all() {
	local h command=$1
	shift
	for h in "${HOSTS[@]}"; do
		"$command" "$h" "$@" || return 1
	done
}
# place HOST NAME [OPTION]: "NODE PID STATE", or nothing.
place() {
	json "$1" '.instances[0] | "\(.node) \(.pid) \(.state)"' where "${@:2}" \
		2>/dev/null
}
is_at() { [ "$(place "$1" "$2")" = "$3" ]; }
is_nowhere() { ! ctl "$1" where "$2" >/dev/null 2>&1; }
# What libskep finds in the memory of that host.
seek() { "$SEEK" "$T/$1/run/registry" "${@:2}"; }
is_found_at() { [[ $(seek "$1" where "$2") == "$3 "* ]]; }
lists() { [ "$(ctl "$1" -o name list "${@:3}" | wc -l)" = "$2" ]; }
shows() { [ "$(ctl "$1" kv get "$2")" = "$3" ]; }
members_are() {
	[ "$(json "$1" '[.members[] | select(.ready)] | length' \
		group members "$2")" = "$3" ]
}
# refused CODE TEXT HOST ARGS...: skepctl fails so, and says that.
refused() {
	local code
	ctl "${@:3}" >"$T/refused" 2>&1
	code=$?
	[ "$code" = "$1" ] && grep -q -- "$2" "$T/refused" && return
	echo "exit $code, and said:"
	cat "$T/refused"
	return 1
}
# all_at_once COMMAND ARGS...: COMMAND HOST ARGS on each, and the output of each
# in a file of its own.
all_at_once() {
	local h command=$1 jobs=()
	shift
	for h in "${HOSTS[@]}"; do
		"$command" "$h" "$@" >"$T/said.$h" 2>&1 &
		jobs+=($!)
	done
	for h in "${jobs[@]}"; do
		wait "$h" || {
			cat "$T"/said.*
			return 1
		}
	done
}
# run HOST NAME SECONDS [OPTION...]: the name of a program that sleeps.
run() {
	ctl "$1" -o json register "$2" "${@:4}" --user root -- /bin/sleep "$3"
}

step "$COUNT hosts"
host_start "${HOSTS[@]}"
wait_for 60 "all see all" on_all alive_count_is "$COUNT"
follow "$LAST" >"$T/followed" 2>&1 &
FOLLOWER=$!

step "1, 2: one name is one process, started by the host that its hash owns"
for h in "${HOSTS[@]}"; do
	check "$h registers one" run "$h" "own/$h" 410001
done
check "so many run" process_count_is 'sleep 410001' "$COUNT"
wait_for 20 "all say where" where_agrees "${HOSTS[@]}"
is_home() {
	[ "$(json "$1" '.instances[0] | .duty == .node' where "own/$2")" = true ]
}
for h in "${HOSTS[@]}"; do
	check "own/$h is where its hash says, on each host's word" \
		on_all is_home "$h"
done

step "3, 9: a process that runs gets a name; its end frees it everywhere"
spawn
check "register" ctl "$SECOND" register lamp --pid "$PID"
wait_for 20 "all know it" on_all is_at lamp "$SECOND $PID ready"
kill -9 "$PID"
wait_for 20 "no host has it" on_all is_nowhere lamp

step "4: find or start, all at once: one winner, and all are told where"
all_at_once run shared 420001 --find || fail "somebody got no place"
check "one registered it, the others found it" test \
	"$(cat "$T"/said.* | jq -r .result | sort | uniq -c | tr -s ' \n' ' ')" \
	= " $((COUNT - 1)) found 1 registered "
check "one place" test "$(cat "$T"/said.* | jq -r .node | sort -u | wc -l)" = 1
check "one process" process_count_is 'sleep 420001' 1
at=$(json "$FIRST" '.instances[0].node' where shared)

step "5, 6: from the memory of each host; and from the host that decides"
wait_for 20 "libskep finds it on each" on_all is_found_at shared "$at"
authoritative() {
	[ "$(json "$1" '.instances[0] | "\(.node) \(.pid) \(.state)"' where \
		--authoritative shared)" = "$(processes 'sleep 420001') ready" ]
}
check "who decides says the same" on_all authoritative
unplug "$LAST"
check "without a network: libskep" is_found_at "$LAST" shared "$at"
check "... and skepctl" is_at "$LAST" shared "$(place "$at" shared)"
plug "$LAST"
wait_for 60 "all see all" on_all alive_count_is "$COUNT"

step "7, 14: lists, by pattern and by what is said of a name"
for h in "${HOSTS[@]}"; do
	spawn
	check "$h registers a device" ctl "$h" register "device/$h" \
		--pid "$PID" --meta "{\"rack\": \"r-$h\", \"kind\": \"lamp\"}"
done
wait_for 20 "by pattern" on_all lists "$COUNT" 'device/*'
wait_for 20 "by metadata" on_all lists "$COUNT" --meta kind=lamp
check "by both" on_all lists 1 'device/*' --meta "rack=r-$LAST"
check "with their hosts" test "$(json "$FIRST" \
	'[.names[].node] | unique | length' list 'device/*')" = "$COUNT"

step "8: stopped and forgotten by name, from any host"
check "stop" ctl "$LAST" stop own/"$FIRST"
wait_for 20 "it runs no more" process_count_is 'sleep 410001' $((COUNT - 1))
is_said_stopped() {
	[ "$(json "$1" '.instances[0].state' where --authoritative \
		own/"$FIRST")" = stopped ]
}
wait_for 10 "who decides says so" on_all is_said_stopped
check "start" ctl "$SECOND" start own/"$FIRST"
wait_for 20 "it runs again" process_count_is 'sleep 410001' "$COUNT"
check "unregister" ctl "$SECOND" -q unregister own/"$LAST" device/"$FIRST"
wait_for 20 "the service is gone" on_all is_nowhere own/"$LAST"
wait_for 20 "... its process as well" process_count_is 'sleep 410001' \
	$((COUNT - 1))
wait_for 20 "the name of a process is free" on_all is_nowhere device/"$FIRST"

step "10: messages and requests, from anywhere, by name"
cat >"$T/services.yaml" <<END
services:
  ear:
    command: [$ANSWERER]
    user: nobody
    replicas: $COUNT
    groups: [ears]
  mute:
    command: [/bin/sleep, "430001"]
    user: nobody
END
check "apply" ctl "$FIRST" apply -f "$T/services.yaml"
answers() { [ "$(ctl "$1" call "$2" who --timeout 5s)" = "$2" ]; }
wait_for 60 "each host asks one" on_all answers ear@1
sends() { ctl "$1" send ear@2 hello --ack; }
check "each sends to one" on_all sends
check "nobody has that name" refused 1 'nothing has that name' "$LAST" \
	send nobody-there x
wait_for 20 "who does not read is known" on_all is_found_at mute \
	"$(json "$FIRST" '.instances[0].node' where mute)"
check "who does not read: timeout" refused 5 "in time" "$SECOND" call mute x \
	--timeout 1s

step "11: groups, by spec and at run time"
# libskep finds just these.
are_found() { diff <(seek "$1" members "$2" | sort) <(json "$1" \
	'.members[] | "\(.name) \(.node)"' group members "$2" | sort); }
wait_for 20 "all know the members" on_all members_are ears "$COUNT"
wait_for 20 "libskep finds them on each" on_all are_found ears
check "join" ctl "$SECOND" group join night mute
check "... and another one" ctl "$LAST" group join night ear@1
wait_for 20 "all know two" on_all members_are night 2
check "leave" ctl "$FIRST" group leave night ear@1
wait_for 20 "all know one" on_all members_are night 1
wait_for 20 "libskep as well" on_all are_found night
check "join again" ctl "$LAST" group join night ear@1

check "a process that has a name" ctl "$FIRST" group join lamps \
	device/"$LAST"
check "... and another one" ctl "$FIRST" group join lamps device/"$SECOND"
wait_for 20 "all know two lamps" on_all members_are lamps 2
wait_for 20 "libskep as well" on_all are_found lamps
check "leave" ctl "$SECOND" group leave lamps device/"$SECOND"
check "a name that is taken away is in no group" \
	ctl "$SECOND" -q unregister device/"$SECOND"
wait_for 20 "all know one lamp" on_all members_are lamps 1

step "12: publish, and ask all of a group"
check "publish" ctl "$LAST" publish ears news
asks_all() {
	ctl "$1" -o json multicall ears who --timeout 5s >"$T/answers" &&
		[ "$(jq '[.answers[] | select(.code == "ok")] | length' \
			"$T/answers")" = "$COUNT" ]
}
check "each host asks all" on_all asks_all
ctl "$SECOND" -o json multicall night who --timeout 1s >"$T/answers" 2>&1
check "who does not answer is named" test \
	"$(jq -r '.answers[] | "\(.name) \(.code)"' "$T/answers" | sort |
		tr '\n' ' ')" = "ear@1 ok mute timeout "

step "13: metadata, and keys with values"
says_lamp() { [ "$(json "$1" '.instances[0].meta.kind' where \
	"device/$LAST")" = lamp ]; }
check "what is said of a name, on each host" on_all says_lamp
check "set" ctl "$LAST" kv set color blue
wait_for 20 "all have it" on_all shows color blue
check "set elsewhere" ctl "$FIRST" kv set color grey
wait_for 20 "all have that" on_all shows color grey

step "15: who follows hears what is registered, and what no more"
# heard KIND NAME...
heard() {
	local n
	for n in "${@:2}"; do
		jq -r --arg kind "$1" 'select(.kind == $kind) | .name' \
			"$T/followed" | grep -qx "$n" || return 1
	done
}
wait_for 20 "registered" heard registered lamp device/"$FIRST" device/"$SECOND"
wait_for 20 "unregistered" heard unregistered lamp device/"$FIRST" \
	device/"$SECOND"

step "16: clear ends: the name is taken, no start, no host, no time"
check "taken" refused 1 "it is registered, on $at" "$LAST" register shared \
	--user root -- /bin/true
check "it cannot start" refused 1 /no/such/program "$SECOND" register broken \
	--user root -- /no/such/program
wait_for 20 "nothing is left of it" on_all is_nowhere broken
cat >"$T/slow.json" <<'END'
{"name":"slow","user":"root","command":["/bin/sleep","440001"],
 "readiness":{"notify":"systemd"},"timeout":"1s"}
END
check "timeout" test "$(curl -s --unix-socket "$T/$LAST/run/skepd.sock" \
	-d @"$T/slow.json" http://skepd/v1/names | jq -r .error.code)" = timeout
check "unregister it" ctl "$FIRST" -q unregister slow
for h in "${HOSTS[@]}"; do
	check "cordon $h" ctl "$FIRST" node cordon "$h"
done
check "no host" refused 1 'No host is eligible' "$SECOND" \
	register broken --user root -- /bin/sleep 450001
for h in "${HOSTS[@]}"; do
	check "uncordon $h" ctl "$LAST" node uncordon "$h"
done

step "replication: a host that was away hears what it missed"
equal() {
	local h
	for h in "${HOSTS[@]}"; do
		ctl "$h" debug dump >"$T/dump.$h" 2>/dev/null || return 1
		diff "$T/dump.$FIRST" "$T/dump.$h" || return 1
	done
}
wait_for 30 "all hold the same" equal
unplug "$LAST"
for i in 1 2 3 4 5 6 7 8; do
	spawn
	ctl "$FIRST" -q register "away/$i" --pid "$PID" >"$T/out" 2>&1 ||
		fail "away/$i: $(cat "$T/out")"
done
check "a key meanwhile" ctl "$SECOND" kv set color green
kill -9 "$PID"
plug "$LAST"
wait_for 60 "all see all" on_all alive_count_is "$COUNT"
wait_for 30 "seven of eight" on_all lists 7 'away/*'
wait_for 20 "the key" on_all shows color green
wait_for 30 "all hold the same" equal

step "replication: what one host says is heard in its order"
for i in $(seq 20); do
	spawn
	ctl "$SECOND" -q register "row/$i" --pid "$PID" &&
		ctl "$SECOND" -q unregister "row/$i" || fail "row/$i"
done
in_order() {
	jq -r 'select(.name != null and (.name | startswith("row/"))) |
		select(.kind == "registered" or .kind == "unregistered") |
		"\(.kind) \(.name)"' "$T/followed" >"$T/order"
	[ "$(wc -l <"$T/order")" -ge 40 ]
}
wait_for 20 "a follower elsewhere heard of all" in_order
check "in their order" diff "$T/order" <(for i in $(seq 20); do
	echo "registered row/$i"
	echo "unregistered row/$i"
done)
kill "$FOLLOWER" 2>/dev/null
finish
