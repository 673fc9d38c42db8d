#!/bin/bash
# Events: by patterns over names, to a program of the administrator's, and to a
# follower that falls behind.
BUDGET=120
. "$(dirname "$0")/lib.sh"
cluster_begin alpha
cat >"$T/pager" <<END
#!/bin/sh
read -r line && echo "\$line" >>"$T/paged"
[ -e "$T/slow" ] && exec sleep 1000
exit 0
END
chmod 755 "$T/pager"
: >"$T/paged"
chmod 666 "$T/paged"
cat >"$T/s.yaml" <<END
services:
  web:
    command: [/bin/sleep, "100001"]
    user: root
    replicas: 2
    placement: {pin: alpha}
  other:
    command: [/bin/sleep, "100001"]
    user: root
  yes:
    command: [/bin/sh, -c, "exit 3"]
    user: root
    restart: {attempts: 2, delay: 10ms, mode: fail}
    placement: {pin: alpha}
END

step "a program is told of what it asked for, and of nothing else"
EVENTS_CONF="alert_command = $T/pager
alert_kinds = failed, applied
alert_names = web*, [x-z]*"
host_start alpha
wait_for 30 "alpha answers" ctl alpha status
check "apply" ctl alpha apply -f "$T/s.yaml"
paged() {
	jq -r '.kind + " " + .name' "$T/paged" | sort | tr '\n' ',' |
		grep -qx "$1"
}
wait_for 30 "it was told" paged 'applied web,applied yes,failed yes,'

step "patterns over names"
names() {
	[ "$(ctl alpha -o json events "$1" | jq -r '.events[].name' |
		sort -u | tr '\n' ',')" = "$2" ]
}
wait_for 20 "instances are ready" names 'w[a-e]b@*' 'web@1,web@2,'
check "a service" names web 'web,web@1,web@2,'
check "one character" names 'othe?' 'other,'
check "nothing" names '?ther?' ''
if ctl alpha events 'web[' 2>"$T/err"; then
	fail "a pattern that is none was taken"
fi
check "it says why" grep -q "a '\[' in it has no '\]'" "$T/err"

step "a program hangs"
touch "$T/slow"
echo 'services: {web: {command: [/bin/sleep, "100002"], user: root, placement: {pin: alpha}}}' \
	>"$T/w.yaml"
check "apply" ctl alpha apply -f "$T/w.yaml"
wait_for 20 "it hangs" process_count_is 'sleep 1000 $' 1
rm "$T/slow"
check "apply" ctl alpha apply -f "$T/s.yaml"
step "a follower that falls behind is told what it missed"
# Long names fill what waits for the follower sooner.
long=noisy$(printf 'x%.0s' {1..57})
cat >"$T/noisy.yaml" <<END
services:
  $long:
    command: [/bin/sh, -c, "exit 0"]
    user: root
    instances: [$(seq -s, -f "$(printf 'y%.0s' {1..40})%02g" 40)]
    restart: {delay: 1ms, max_delay: 1ms, jitter: 0%, attempts: 0}
    placement: {pin: alpha}
END
mkfifo "$T/slow.fifo"
follow alpha >"$T/slow.fifo" &
follower=$!
exec 7<"$T/slow.fifo"
check "apply" ctl alpha apply -f "$T/noisy.yaml"
last_id() {
	ctl alpha -o json events -n 1 | jq '.events[-1].id'
}
# It reads, or its connection would be closed, but far too little.
many_more() {
	dd bs=4096 count=1 <&7 >>"$T/read" 2>/dev/null
	[ "$(last_id)" -gt "$1" ]
}
wait_for 60 "thousands of events" many_more $(($(last_id) + 12000))
check "stop" ctl alpha stop "$long"
timeout 60 sed -u '/events_missed/q' <&7 >>"$T/read"
check "it was told" grep -q events_missed "$T/read"
tail -1 "$T/read" | jq -r .text >"$T/text"
check "how many, and which" grep -qE \
	'^[0-9]+ events came faster than they were read; ids [0-9]+ to [0-9]+$' \
	"$T/text"
exec 7<&-
kill "$follower" 2>/dev/null
wait "$follower"
first=$(grep -oE 'ids [0-9]+' "$T/text" | tr -dc 0-9)
curl -s --unix-socket "$T/alpha/run/skepd.sock" \
	"http://skep/v1/events?since_id=$((first - 1))&n=1000" >"$T/again"
check "the first of them can be had" \
	[ "$(jq '[.events[].id] | min' "$T/again")" -ge "$first" ]

step "it is killed, and the next event comes"
wait_for 60 "it was told of the later one" paged \
	'applied web,applied web,applied web,applied yes,failed yes,'

step "a kind that there is not is refused"
printf '[events]\nalert_kinds = faild\n' >"$T/bad.conf"
if "$SKEPD" --check-config -c "$T/bad.conf" 2>"$T/err"; then
	fail "a kind that there is not was taken"
fi
check "the key and the word are named" grep -q \
	"events.alert_kinds: there is no kind 'faild'; did you mean 'failed'?" \
	"$T/err"
finish
