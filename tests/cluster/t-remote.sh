#!/bin/bash
# Three hosts: what an instance wrote and what happened is told on every host,
# wherever it was; a reader is told when the host that it reads from is gone,
# and goes along when the instance moves.
BUDGET=90
. "$(dirname "$0")/lib.sh"
cluster_begin alpha beta gamma
talker() {
	cat <<-END
		  talker-$1:
		    command:
		      - /bin/sh
		      - -c
		      - >-
		        echo "\$SKEP_NODE speaks"; n=0;
		        while :; do n=\$((n + 1)); echo "line \$n";
		        sleep 0.1; done
		    user: root
		    placement: {pin: $1}
	END
}
{
	echo "services:"
	talker alpha
	talker beta
	talker gamma
	cat <<-END
		  mute:
		    command: [/bin/sleep, "300001"]
		    user: root
	END
} >"$T/talkers.yaml"
not() {
	! "$@"
}

step "three hosts, one talker on each"
host_start alpha beta gamma
for h in alpha beta gamma; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done
check "apply" ctl alpha apply -f "$T/talkers.yaml"
wait_for 20 "four are ready" ready_count_is alpha 4
wait_for 10 "where is the same on all hosts" where_agrees alpha beta gamma
holder_of() {
	field alpha "$1" node
}
for h in alpha beta gamma; do
	check "$h holds its talker" test "$(holder_of talker-$h)" = $h
done

step "logs -n of every talker on every host"
has_logs() {
	ctl "$1" logs -n 9999 "$2" >"$T/logs" &&
		[ "$(head -n 1 "$T/logs")" = "$3 speaks" ] &&
		grep -q '^line 5$' "$T/logs"
}
for h in alpha beta gamma; do
	for on in alpha beta gamma; do
		wait_for 10 "on $h: that of $on" has_logs $h \
			talker-$on $on
	done
done
exactly_three() {
	[ "$(ctl alpha logs -n 3 talker-beta | grep -c '^line')" = 3 ]
}
check "-n 3 are three lines" exactly_three
says_nothing() {
	[ -z "$(ctl "$1" logs mute)" ]
}
for h in alpha beta gamma; do
	check "on $h: mute has said nothing" says_nothing $h
done
no_output() {
	ctl alpha logs --node gamma talker-beta 2>&1 |
		grep -q "gamma: there is no output"
}
check "gamma has no files of beta's talker, and says so" no_output

step "logs -f from another host"
follow() {
	timeout 90 "$SKEPCTL" -s "$T/$1/run/skepd.sock" logs -f -n 1 \
		"$2" >"$3" 2>"$3.err"
	echo $? >"$3.code"
}
follow alpha talker-beta "$T/of-beta" &
follow alpha talker-gamma "$T/of-gamma" &
goes_on() {
	[ "$(wc -l <"$1")" -ge 20 ]
}
wait_for 20 "twenty lines of beta's talker" goes_on "$T/of-beta"
wait_for 20 "twenty lines of gamma's talker" goes_on "$T/of-gamma"
in_order() {
	awk '/^line/ { if (last && $2 != last + 1) exit 1; last = $2 }' "$1"
}
check "none is missing, none twice" in_order "$T/of-beta"

step "events of all hosts on every host"
ready_on_all() {
	[ "$(json "$1" '[.events[] | select(.kind == "ready" and
		(.name | startswith("talker-"))) | .host] | unique |
		join(" ")' events --since 1h)" = "alpha beta gamma" ]
}
for h in alpha beta gamma; do
	wait_for 10 "$h tells of all three" ready_on_all $h
done
times_rise() {
	[ "$(json beta '[.events[].time_ms] | . == sort' events)" = true ]
}
check "in the order of their times" times_rise
only_gamma() {
	[ "$(json alpha '[.events[].host] | unique | join(" ")' \
		events --node gamma)" = gamma ]
}
check "--node gamma gives gamma's" only_gamma
knows_history() {
	json "$1" '.events[].kind' history talker-gamma |
		grep -q ready
}
check "history of an instance elsewhere" knows_history alpha
timeout 90 "$SKEPCTL" -s "$T/alpha/run/skepd.sock" -o json events -f \
	>"$T/followed" 2>/dev/null &
check "restart beta's talker" ctl gamma restart talker-beta
sees_restart() {
	jq -r 'select(.host == "beta" and .kind == "exited" or
		.kind == "stopped") | .host' <"$T/followed" | grep -q beta
}
wait_for 20 "a follower on alpha sees it happen on beta" sees_restart

step "what is refused is no event"
check "a bad setting is refused" not ctl alpha cluster set bogus 1
check "a good one is taken" ctl alpha cluster set expect 3
settings_told() {
	json beta '.events[] | select(.kind == "operator") | .text' \
		events --since 1h >"$T/operators"
	grep -q 'expect' "$T/operators" && ! grep -q bogus "$T/operators"
}
wait_for 10 "only that one is told" settings_told

step "gamma loses its power while its output is read"
power_off gamma
is_told() {
	grep -q '^-- skep: .*gamma' "$T/of-gamma"
}
wait_for 15 "the reader is told" is_told
check "and waits for it" not test -e "$T/of-gamma.code"
before_loss() {
	sed '/^-- skep/q' "$T/of-gamma" >"$T/before"
	in_order "$T/before"
}
check "none was missing before" before_loss
check "beta's stream goes on" not test -e "$T/of-beta.code"
lost_told() {
	grep -q '"events_lost"' "$T/followed"
}
wait_for 15 "the follower of events is told" lost_told
gamma_is_missing() {
	ctl beta logs --node gamma talker-gamma 2>&1 | grep -q "cannot be asked"
}
wait_for 15 "gamma cannot be asked" gamma_is_missing

step "back again, its events go on"
before=$(wc -l <"$T/followed")
host_start gamma
wait_for 30 "alpha sees three alive" alive_count_is alpha 3
gamma_told() {
	tail -n +"$((before + 1))" "$T/followed" |
		jq -r 'select(.kind != "events_lost") | .host' |
		grep -q gamma
}
wait_for 20 "the follower hears of gamma again" gamma_told

# What was written before the loss and not read then comes first; the talker
# that was started anew counts from one again.
goes_on_there() {
	sed -n '/^--- on gamma since /,$p' "$T/of-gamma" |
		sed -n '/^gamma speaks$/,$p' >"$T/after"
	grep -q '^line 9$' "$T/after"
}
wait_for 20 "and of its output" goes_on_there
sed '/^gamma speaks$/,$d' "$T/of-gamma" >"$T/until"
check "what was left unread at the loss is there, too" in_order "$T/until"
check "and all since its first line" in_order "$T/after"
begins_with_one() {
	[ "$(grep -m 1 '^line' "$T/after")" = "line 1" ]
}
check "from the first" begins_with_one

step "an instance that moves takes its reader along"
from=$(holder_of mute)
to=beta
[ "$from" = beta ] && to=alpha
reader=gamma
follow $reader mute "$T/of-mute" &
# A node on $from has its file open; it says nothing that would tell.
is_read() {
	find /proc/[0-9]*/fd -lname "$T/$from/log/mute.log" \
		-printf '%h/../comm\0' 2>"$T/find.err" |
		xargs -0 -r cat | grep -x skep-node
}
wait_for 20 "$from's node reads what it writes" is_read
check "move" ctl alpha move mute $to
has_mute_moved() {
	[ "$(holder_of mute)" = $to ]
}
wait_for 20 "it moves" has_mute_moved
names_it() {
	grep -q "^--- on $to since " "$T/of-mute"
}
wait_for 20 "the stream names $to" names_it
check "the end on $from was told" not grep "^-- skep: $from" "$T/of-mute"
check "and goes on" not test -e "$T/of-mute.code"
finish
