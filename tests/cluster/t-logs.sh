#!/bin/bash
# Reading output over moves, restarts, rotations, crashes and a lost host: of
# what could be told, nothing is missing and nothing comes twice.
BUDGET=120
. "$(dirname "$0")/lib.sh"
cluster_begin alpha beta gamma
cat >"$T/counter" <<'END'
#!/bin/bash
# Counts; its last line says how far it came.
n=0
trap 'echo "$SKEP_NODE $SKEP_EPOCH end $n"; exit 0' TERM
while :; do
	n=$((n + 1))
	echo "$SKEP_NODE $SKEP_EPOCH line $n"
	sleep 0.01
done
END
chmod 755 "$T/counter"
cat >"$T/services.yaml" <<END
services:
  count:
    command: [$T/counter]
    user: root
    logs: {max_size: 8KiB, max_files: 20, compress: true}
  pair:
    command: [/bin/sh, -c, "while :; do echo I am %n; sleep 0.2; done"]
    user: root
    replicas: 2
END
not() {
	! "$@"
}

step "three hosts, a counter"
host_start alpha beta gamma
for h in alpha beta gamma; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done
check "apply" ctl alpha apply -f "$T/services.yaml"
wait_for 20 "three are ready" ready_count_is alpha 3

# follow HOST FILE ARGUMENTS...
follow() {
	local host=$1 file=$2
	shift 2
	timeout 110 "$SKEPCTL" -s "$T/$host/run/skepd.sock" logs -f "$@" \
		>"$file" 2>"$file.err"
	echo $? >"$file.code"
}
holder() {
	field "$1" count node
}
# Lines "HOST EPOCH line N" of each epoch count on by one, from 1 on but for
# the first; "end N" is their last, and 'ends' says how many must have one.
is_whole() {
	awk -v ends="$2" '
		function fail(what) {
			print what ": " $0
			bad = 1
			exit 1
		}
		/^-/ { next }
		NF != 4 { fail("what is this") }
		{ key = $1 " " $2 }
		key in closed { fail("behind the end") }
		$3 == "line" && key in last && $4 != last[key] + 1 {
			fail("out of order")
		}
		$3 == "line" && !(key in last) && count++ && $4 != 1 {
			fail("its beginning is missing")
		}
		$3 == "line" { last[key] = $4 }
		$3 == "end" && $4 != last[key] { fail("not the end") }
		$3 == "end" { closed[key] = 1; n++ }
		END {
			if (!bad && n < ends) print n " ends of " ends
			exit bad || n < ends
		}' "$1"
}

# has_lines FILE COUNT
has_lines() {
	[ "$(wc -l <"$1")" -ge "$2" ]
}

# On the host that keeps running to the end.
reader=alpha
follow $reader "$T/text" -n 1 count &
follow $reader "$T/json" -n 1 -o json count &
follow $reader "$T/pair" -n 1 pair &
wait_for 20 "lines come" has_lines "$T/text" 50

step "it moves, twice, and is restarted between"
move_to() {
	check "move to $1" ctl alpha move count "$1"
	arrived() {
		grep -q "^--- on $1 since " <(tail -n +"$((seen + 1))" \
			"$T/text") && tail -n 1 "$T/text" |
			grep -q "^$1 [0-9]* line"
	}
	wait_for 20 "the reader is there" arrived "$1"
}
seen=$(wc -l <"$T/text")
to=beta
[ "$(holder alpha)" = beta ] && to=gamma
move_to $to
first=$to
check "restart" ctl alpha restart count
epochs_are() {
	[ "$(awk '$3 == "line" { print $1, $2 }' "$T/text" | sort -u |
		wc -l)" -ge "$1" ]
}
wait_for 20 "the third epoch" epochs_are 3
seen=$(wc -l <"$T/text")
move_to alpha
check "every epoch is whole" is_whole "$T/text" 3
seen=$(wc -l <"$T/text")
move_to $first
check "back again, every epoch is whole" is_whole "$T/text" 4

step "the node of its host is killed"
broken=$(grep -c '^-- skep: ' "$T/text")
kill_node() {
	local pid
	pid=$(processes '^[^ ]*skep-node ' | awk -v h="$first" '$1 == h {
		print $2; exit }')
	[ -n "$pid" ] && kill -9 "$pid"
}
check "kill its skep-node" kill_node
reads_on() {
	[ "$(grep -c '^-- skep: ' "$T/text")" -gt "$broken" ] &&
		[ "$(sed '1,/^-- skep: /d' "$T/text" | grep -c line)" -gt 100 ]
}
wait_for 30 "it is read again" reads_on
check "every epoch is whole" is_whole "$T/text" 4

step "its host loses its power"
seen=$(wc -l <"$T/text")
power_off $first
goes_on() {
	tail -n +"$((seen + 1))" "$T/text" | grep -q '^--- on ' &&
		tail -n 1 "$T/text" | grep -qv "^$first "
}
wait_for 30 "it goes on elsewhere" goes_on
told() {
	tail -n +"$((seen + 1))" "$T/text" | grep -q "^-- skep: $first: "
}
check "and the reader is told what may be missing" told
wait_for 20 "more of it" has_lines "$T/text" $((seen + 100))
check "what came is whole" is_whole "$T/text" 4

step "the same as JSON"
json_as_text() {
	jq -r 'select(.stream == "output") | .text' "$T/json" >"$T/json.text"
	is_whole "$T/json.text" 4
}
check "every epoch is whole" json_as_text
json_is_right() {
	jq -e 'select(.stream == "output" and (.text | test("line"))) |
		(.text | split(" ")) as $w |
		.host == $w[0] and .epoch == ($w[1] | tonumber) and
		.instance == "count" and .time_ms > 1600000000000' \
		"$T/json" >"$T/right" && ! grep -q false "$T/right"
}
check "host and epoch of each line are right" json_is_right
marked() {
	jq -r 'select(.stream == "skep") | .text' "$T/json" |
		grep -q "^--- on $first since "
}
check "markers are in it" marked

step "several instances"
both() {
	grep -q '^pair@1 | I am pair@1$' "$T/pair" &&
		grep -q '^pair@2 | I am pair@2$' "$T/pair"
}
wait_for 10 "both are told apart" both

step "since a time, over rotated and compressed files"
holder_has_gz() {
	ls "$T/$(holder alpha)"/log/count.log.*.gz
}
wait_for 30 "a compressed file" holder_has_gz
since_is_whole() {
	ctl alpha logs --since 10m count >"$T/since" &&
		is_whole "$T/since" 0 &&
		zcat -f "$T/$(holder alpha)"/log/count.log* | wc -l |
		awk -v n="$(wc -l <"$T/since")" '{ exit n < $1 - 100 }'
}
check "all of it" since_is_whole
mid=$(date -u +%Y-%m-%dT%H:%M:%SZ)
later() {
	[ "$(date +%s)" -ge $(($(date -d "$mid" +%s) + 3)) ]
}
wait_for 10 "three seconds" later
some() {
	ctl alpha logs --since "$mid" count >"$T/some"
	local n
	n=$(wc -l <"$T/some")
	[ "$n" -gt 50 ] && [ "$n" -lt "$(wc -l <"$T/since")" ] &&
		is_whole "$T/some" 0
}
check "some of it" some
check "the readers never ended" not test -e "$T/text.code"
finish
