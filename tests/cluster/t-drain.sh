#!/bin/bash
# A drain as an operator sees it: what it would do, how far the states are,
# asked on the host that drains and on one that only looks on, the table at the
# end, whose bytes are those of the files, what is left behind, and services that
# ask to stay or have nothing to carry.
BUDGET=120
POLICY="allow_root = yes"
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "python3 is not installed"
BLOB_MB=48
RATE=80mbit # of the link, so that the way takes seconds
cluster_begin alpha beta gamma
for h in alpha beta gamma; do
	mkdir -p "$T/$h/lib"
done
host_start alpha beta gamma
for h in alpha beta gamma; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done
# The third only looks on.
check "cordon gamma" ctl gamma node cordon gamma
check "cordon beta" ctl gamma node cordon beta
head -c ${BLOB_MB}M /dev/urandom >"$T/alpha/lib/blob"
cat >"$T/s.yaml" <<END
services:
  blob:
    command: [/bin/sleep, "500007"]
    user: root
    working_dir: $T/%H/lib
    handoff: {state_path: blob, required: true, max_size: 1GiB}
  plain:
    command: [/bin/sleep, "500008"]
    user: root
END
check "apply" ctl alpha apply -f "$T/s.yaml"
wait_for 30 "both are ready" ready_count_is alpha 2
check "uncordon beta" ctl gamma node uncordon beta
ip netns exec "$NS-alpha" tc qdisc add dev eth0 root tbf rate $RATE \
	burst 256kb latency 50ms || skip "tc cannot limit a link here"

plan_has() {
	ctl gamma node drain "$1" --dry-run >"$T/plan" 2>&1
	cat "$T/plan"
	grep -q "$2" "$T/plan"
}

step "what a drain would do, before anything moved"
check "the size of a state is not known" \
	plan_has alpha '^blob *alpha *beta *unknown until it is written'
check "plain has none" plan_has alpha '^plain *alpha *beta *no state'

step "a drain of alpha, asked at gamma"
ctl gamma node drain alpha -y >"$T/drain.out" 2>"$T/drain.err" &
drain=$!
says() {
	ctl "$1" status blob >"$T/status" 2>&1
	cat "$T/status"
	grep -q 'moving to beta: [0-9.]* [KM]iB of 48.0 MiB, [0-9.]* [KM]iB/s' \
		"$T/status"
}
wait_for 30 "gamma tells how far it is" says gamma
check "alpha too" says alpha
check "and beta" says beta
far=$(json gamma '.instances[0].move.bytes' status blob)
check "the document has it: $far bytes" test "$far" -gt 0 -a \
	"$far" -lt $((BLOB_MB << 20))
wait $drain
code=$?
cat "$T/drain.out" "$T/drain.err"
check "drained" test $code = 0
check "lines told the way" grep -q \
	'^blob  alpha → beta  [0-9.]* MiB of 48.0 MiB, [0-9.]* MiB/s' \
	"$T/drain.out"
lines=$(grep -c '^blob  alpha → beta  .* of ' "$T/drain.out")
check "one a second at most: $lines" test "$lines" -ge 1 -a "$lines" -le 20
check "the table has the bytes" grep -q \
	'^blob *alpha *beta *48.0 MiB *[0-9]*s *ready' "$T/drain.out"
check "and those of what has no state" grep -q \
	'^plain *alpha *beta *0 B *[0-9.]*m*s *ready' "$T/drain.out"
check "the last line" test "$(tail -n 1 "$T/drain.out")" = drained

step "what is known of the sizes now"
check "undrain" ctl gamma node undrain alpha
check "beta knows how large it was" \
	plan_has beta '^blob *beta *alpha *48.0 MiB, [0-9ms ]* ago'

step "back, and the document of a drain"
check "drain beta" ctl beta node drain beta -y -o json
cp "$T/check.out" "$T/drain.json"
blob_is() {
	[ "$(jq -r ".moved[] | select(.name == \"blob\") | .$1" \
		"$T/drain.json")" = "$2" ]
}
check "bytes" blob_is bytes $((BLOB_MB << 20))
check "the old copy spared nearly all of the way" test "$(jq \
	'.moved[] | select(.name == "blob") | .sent' "$T/drain.json")" -lt \
	$((4 << 20))
check "result" test "$(jq -r .result "$T/drain.json")" = drained

step "what the moves left behind"
aside_is() {
	ctl gamma status blob >"$T/status" 2>&1
	cat "$T/status"
	[ "$(sed -n 's/^older state of blob on \([a-z]*\): \([^,]*\), \([^,]*\), .*/\1 \2 \3/p' \
		"$T/status" | sort)" = "$(printf '%s\n' "$@")" ]
}
old_of() {
	ls -d "$T/$1"/lib/blob.skep-stale-*
}
check "one on each host, as status says" aside_is \
	"alpha $(old_of alpha) 48.0 MiB" "beta $(old_of beta) 48.0 MiB"
check "and node show" sh -c "'$SKEPCTL' -s '$T/gamma/run/skepd.sock' \
	node show beta | grep -q '^older state of blob on beta: .*48.0 MiB'"
rm "$(old_of alpha)"
check "one that was removed is listed no more" aside_is \
	"beta $(old_of beta) 48.0 MiB"

step "a service that answers by sd_notify"
cat >"$T/asker" <<END
#!/usr/bin/python3
import os, signal, socket
def say(text):
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	s.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])
def asked(number, frame):
	say("X_SKEP_HANDOFF=" + open("$T/answer").read().strip())
signal.signal(signal.SIGUSR1, asked)
say("READY=1")
while True:
	signal.pause()
END
chmod 755 "$T/asker"
cat >"$T/asker.yaml" <<END
services:
  asker:
    command: [$T/asker]
    user: root
    readiness: {notify: systemd}
    handoff: {signal: SIGUSR1, required: true, timeout: 20s}
END
check "apply" ctl alpha apply -f "$T/asker.yaml"
wait_for 30 "asker is ready" ctl alpha wait ready asker --timeout 30s
check "undrain beta" ctl gamma node undrain beta
check "it is on alpha" test "$(field gamma asker node)" = alpha
echo ignore >"$T/answer"
ctl gamma node drain alpha -y --deadline 6s >"$T/drain.out" 2>"$T/drain.err"
code=$?
cat "$T/drain.out" "$T/drain.err"
check "who asks to stay is left, which is no drain" test $code = 5
check "and the reason is told" grep -q \
	'^asker *alpha *- .*stays: the service asked to stay where it is' \
	"$T/drain.out"
check "undrain" ctl gamma node undrain alpha
check "restart" ctl gamma restart asker --wait
check "it is on alpha" test "$(field gamma asker node)" = alpha
echo restart >"$T/answer"
check "drain alpha" ctl gamma node drain alpha -y
cp "$T/check.out" "$T/drain.out"
check "who has nothing to carry goes" grep -q \
	'^asker *alpha *beta *0 B .* ready' "$T/drain.out"

step "a process that is only tracked stays, and is told"
check "undrain alpha" ctl gamma node undrain alpha
spawn
check "register" ctl beta register proc --pid $PID
TRACKED='is a process that is only tracked; it does not move'
wait_for 10 "gamma's plan has it" plan_has beta "^proc *beta *- *- *$TRACKED"
drain_of_beta() {
	ctl gamma node drain beta -y "$@" >"$T/drain.out" 2>"$T/drain.err"
	code=$?
	cat "$T/drain.out" "$T/drain.err"
}
drain_of_beta --deadline 25s
check "that is no whole drain" test $code = 5
check "the table says why" grep -q \
	"^proc *beta *- .*stays: $TRACKED" "$T/drain.out"
check "and has what went" grep -q '^plain *beta *alpha .*ready' \
	"$T/drain.out"
progress_is() {
	[ "$(json gamma ".nodes[] | select(.name == \"$1\") | .progress" \
		node list)" = "$2" ]
}
check "the node is drained all the same" progress_is beta drained
check "and the process lives" kill -0 $PID
drain_of_beta
check "without a deadline it is 1" test $code = 1
drain_of_beta --force
check "who forces it has it done" test $code = 0
kill -9 $PID
is_clean() {
	drain_of_beta --deadline 5s
	[ $code = 0 ] && [ "$(tail -n 1 "$T/drain.out")" = drained ]
}
wait_for 20 "without it, too" is_clean

step "what --force stops is named, in time or not"
check "undrain beta" ctl gamma node undrain beta
cat >"$T/pinned.yaml" <<END
services:
  pinned:
    command: [/bin/sleep, "500009"]
    user: root
    placement: {pin: beta}
END
check "apply" ctl alpha apply -f "$T/pinned.yaml"
wait_for 30 "pinned is ready" ctl alpha wait ready pinned --timeout 30s
drain_of_beta --force --deadline 1s
check "it is named" grep -q '^left on beta: pinned' "$T/drain.err"
wait_for 20 "the node is drained" progress_is beta drained

# refused CODE TEXT ARGUMENT...: asked of gamma, which has nothing to do with it.
refused() {
	local code=$1 text=$2 got
	shift 2
	ctl gamma "$@" >"$T/wait.out" 2>"$T/wait.err"
	got=$?
	cat "$T/wait.out" "$T/wait.err"
	[ $got = "$code" ] && grep -q "$text" "$T/wait.err"
}
step "a wait for what will not be ends with the reason"
check "undrain beta" ctl gamma node undrain beta
check "asker is on alpha" test "$(field gamma asker node)" = alpha
echo ignore >"$T/answer"
SECONDS=0
check "a move that is given up" refused 1 \
	'asker does not go to beta: the service asked to stay where it is' \
	move asker beta --wait --timeout 40s
cat >"$T/bad.yaml" <<END
services:
  fails:
    command: [/bin/sh, -c, "exit 3"]
    user: root
    placement: {pin: alpha}
    restart: {attempts: 1, mode: fail, delay: 10ms}
  lacks:
    command: [/no/such/program]
    user: root
    placement: {pin: alpha}
END
check "attempts that are used up" refused 1 \
	"'fails' is failed on alpha: exited 3; its attempts are used up" \
	apply -f "$T/bad.yaml" --wait --timeout 60s
check "and what the only host refuses" grep -q \
	"'lacks' is unplaced: alpha: .*/no/such/program" "$T/wait.err"
check "long before its time" test $SECONDS -lt 30
sed -e 's/fails:/new:/' -e 's/pin: alpha/pin: nosuchhost/' "$T/bad.yaml" \
	>"$T/new.yaml"
check "a plan says why there is no host" sh -c "'$SKEPCTL' \
	-s '$T/gamma/run/skepd.sock' plan -f '$T/new.yaml' | grep -q \
	'^new .*no host is eligible: it is pinned to nosuchhost, and no host'"
check "why says how it ended" sh -c "'$SKEPCTL' -s '$T/gamma/run/skepd.sock' \
	why fails | grep -q 'Its last run exited 3. Its attempts are used up'"
check "and the host itself what it lacks" sh -c "'$SKEPCTL' \
	-s '$T/alpha/run/skepd.sock' why lacks |
	grep -q 'alpha cannot run this spec: .*/no/such/program'"
finish
