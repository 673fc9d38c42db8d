#!/bin/bash
# A live node is recorded under load: services are applied, killed, moved by a
# drain, its node dies.  Fresh cores give every recorded effect again, bit for
# bit; the simulator's program takes the same files.
BUDGET=120
. "$(dirname "$0")/lib.sh"
cluster_begin alpha beta gamma
cat >"$T/load.yaml" <<END
services:
  many:
    command: [/bin/sleep, "100001"]
    user: root
    replicas: 12
  looper:
    command: [/bin/sh, -c, "exit 3"]
    user: root
    restart: {delay: 100ms, max_delay: 1s}
END

# record HOST FILE [ARG...]: in the background; its id is in RECORDER.
record() {
	local h=$1 file=$2
	shift 2
	"$SKEPCTL" -s "$T/$h/run/skepd.sock" debug record "$file" "$@" \
		>"$file.out" 2>&1 &
	RECORDER=$!
}

records() {
	grep -q '^recording into' "$1.out"
}

is_gone() {
	! kill -0 "$1" 2>/dev/null
}

# recorded FILE: the recorder ended well, and both programs replay its file.
recorded() {
	wait_for 30 "the recorder ends" is_gone "$RECORDER"
	check "the recording is here" wait "$RECORDER"
	check "only its owner reads it" \
		test "$(stat -c %a "$1")" = 600
	check "skepctl replays it" "$SKEPCTL" replay "$1"
	cp "$T/check.out" "$1.lines"
	say "    $(tail -n 2 "$1.lines" | tr '\n' '.')"
	check "and its invariants hold" "$SKEPCTL" replay --check "$1"
	if [ -x "$SKEP_BUILD/tests/sim/replay" ]; then
		check "the simulator's program takes it" \
			"$SKEP_BUILD/tests/sim/replay" "$1"
	fi
}

step "three hosts"
host_start alpha beta gamma
wait_for 60 "all are alive" alive_count_is alpha 3
check "apply" ctl alpha apply -f "$T/load.yaml"
wait_for 60 "twelve are ready" ready_count_is alpha 12
processes 'sleep 100001' | sort >"$T/before"

step "beta is recorded; only its node starts again"
record beta "$T/beta.skeptrc"
wait_for 30 "beta records" records "$T/beta.skeptrc"
wait_for 30 "it is one of three" alive_count_is beta 3
processes 'sleep 100001' | sort >"$T/after"
check "no service was touched" cmp "$T/before" "$T/after"
check "a second recording is refused" bash -c "
	! '$SKEPCTL' -s '$T/beta/run/skepd.sock' debug record '$T/two' \
		2>'$T/two.err' && grep -q 'under way' '$T/two.err' &&
	[ ! -e '$T/two' ]"

step "kills, edits, a drain"
for victim in $(processes 'sleep 100001' | awk '$1 == "beta" {print $2}'); do
	kill -9 "$victim"
done
wait_for 30 "twelve are ready again" ready_count_is beta 12
sed -i 's/100001/100002/' "$T/load.yaml"
check "apply an edit" ctl beta apply -f "$T/load.yaml"
wait_for 60 "all run the edit" process_count_is 'sleep 100002' 12
check "drain beta" ctl alpha drain beta --deadline 30s -y
is_empty() {
	[ "$(processes 'sleep 100002' | grep -c beta)" = 0 ]
}
wait_for 30 "nothing is left on beta" is_empty
check "and back" ctl alpha node undrain beta
check "delete" ctl beta delete looper

step "an interrupt ends the recording"
kill -INT "$RECORDER"
recorded "$T/beta.skeptrc"
for word in 'link-up' 'recv WIRE_ENTRIES' 'exited many@' 'spec-set many' \
	'start many@'; do
	check "it holds '$word'" bash -c \
		"'$SKEPCTL' replay -v '$T/beta.skeptrc' | grep -q '$word'"
done
check "the node keeps no copy" test ! -e "$T/beta/state/recording.skeptrc"

step "a recording ends by itself after its time"
record alpha "$T/alpha.skeptrc" --for 2s
recorded "$T/alpha.skeptrc"
check "it says why" grep -q 'its time was over' "$T/alpha.skeptrc.lines"

step "the node dies while it is recorded"
record gamma "$T/gamma.skeptrc"
wait_for 30 "gamma records" records "$T/gamma.skeptrc"
wait_for 30 "it is one of three" alive_count_is gamma 3
kill -9 "$(processes skep-node | awk '$1 == "gamma" {print $2}')"
wait_for 30 "the recorder ends" is_gone "$RECORDER"
check "what was written is here" wait "$RECORDER"
breaks_off() {
	! "$SKEPCTL" replay "$T/gamma.skeptrc" >"$T/gamma.lines" 2>&1 &&
		grep -q 'breaks off' "$T/gamma.lines" &&
		! grep -q 'differs' "$T/gamma.lines"
}
check "it replays up to where it breaks off" breaks_off
check "and holds the boot" grep -q -- '-> node_up' "$T/gamma.lines"
finish
