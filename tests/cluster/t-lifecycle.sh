#!/bin/bash
# One host, the whole stack: readiness by each way, liveness with thresholds,
# the watchdog, hooks in their order with their variables, depends_on, a
# schedule, and a stop with stop_command.
BUDGET=120
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "python3 is not installed"
POLICY=$(printf "allow_root = yes\nallowed_users = nobody")
cluster_begin alpha
D=$T/services
mkdir -p "$D"
chmod 777 "$D"

# Answers GET by what stands in a file: $1 port, $2 file.
cat >"$D/server.py" <<'END'
import http.server, sys, os

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            code = int(open(sys.argv[2]).read())
        except (OSError, ValueError):
            code = 503
        self.send_response(code)
        self.end_headers()

    def log_message(self, *args):
        pass

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
END

# One datagram to NOTIFY_SOCKET, and a wait until it is taken in.
cat >"$D/say.py" <<'END'
import array, os, socket, sys

s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["NOTIFY_SOCKET"])
s.send("\n".join(sys.argv[1:]).encode())
r, w = os.pipe()
s.sendmsg([b"BARRIER=1"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                            array.array("i", [w]))])
os.close(w)
os.read(r, 1)
END

# Waits until a file is there.
cat >"$D/await" <<'END'
#!/bin/sh
while ! [ -e "$1" ]; do sleep 0.05; done
END
chmod 755 "$D/await"

state_is() {
	[ "$(field alpha "$1" state)" = "$2" ]
}

restarts_are() {
	[ "$(field alpha "$1" restarts)" = "$2" ]
}

in_file() {
	grep -q -- "$2" "$1"
}

host_start alpha
wait_for 30 "alpha answers" ctl alpha status

step "readiness, each way: not ready before, ready after"
cat >"$T/ready.yaml" <<END
services:
  by-notify:
    command: [/bin/sh, -c, "$D/await $D/go; python3 $D/say.py READY=1 STATUS=fine; exec sleep 1000001"]
    user: root
    type: notify
  by-fd:
    command: [/bin/sh, -c, "$D/await $D/go; echo >&7; exec sleep 1000001"]
    user: root
    readiness: {fd: 7}
  by-line:
    command: [/bin/sh, -c, "echo starting; $D/await $D/go; echo listening on 80; exec sleep 1000001"]
    user: root
    readiness: {log_line: "^listening on [0-9]+"}
  by-exec:
    command: [/bin/sleep, "1000001"]
    user: root
    readiness: {exec: [/bin/test, -e, $D/go], period: 100ms}
  by-http:
    command: [python3, $D/server.py, "18080", $D/code]
    user: root
    readiness: {http: {port: 18080, path: /}, period: 100ms}
  by-tcp:
    command: [/bin/sh, -c, "$D/await $D/go; exec python3 $D/server.py 18081 $D/code"]
    user: root
    readiness: {tcp: {port: 18081}, period: 100ms}
  plain:
    command: [/bin/sleep, "1000001"]
    user: root
  later:
    command: [/bin/sleep, "1000002"]
    user: root
    depends_on: {by-notify: {condition: ready}, by-http: {condition: ready}}
END
check "apply" ctl alpha apply -f "$T/ready.yaml"
wait_for 20 "the one without readiness is ready" state_is plain ready
WAYS="by-notify by-fd by-line by-exec by-http by-tcp"
for s in $WAYS; do
	wait_for 20 "$s is starting" state_is "$s" starting
done
check "later waits" test "$(processes 'sleep 1000002' | wc -l)" = 0
pid=$(field alpha by-fd pid)
node=$(processes skep-node)
new_node() {
	[ -n "$(processes skep-node)" ] && [ "$(processes skep-node)" != "$node" ]
}
check "daemon-reexec meanwhile" ctl alpha daemon-reexec
wait_for 20 "there is a new skep-node" new_node
wait_for 20 "alpha answers" ctl alpha status
check "nothing was started again" test "$(field alpha by-fd pid)" = "$pid"
echo 200 >"$D/code"
touch "$D/go"
for s in $WAYS later; do
	wait_for 20 "$s is ready" state_is "$s" ready
done
for s in $WAYS; do
	check "$s was started once" restarts_are "$s" 0
done

step "readiness outlives the daemons"
ctl alpha status >/dev/null
kill -9 $(processes skep-node | awk '{print $2}') \
	$(processes skep-logger | awk '{print $2}')
wait_for 20 "all are ready again" ready_count_is alpha 8
check "delete" ctl alpha delete $WAYS later plain
wait_for 20 "none is left" process_count_is 'sleep 100000' 0

step "liveness: http, tcp and exec, each after its threshold"
rm -f "$D/go" "$D/sick"
cat >"$T/live.yaml" <<END
services:
  live-http:
    command: [python3, $D/server.py, "18080", $D/code]
    user: root
    readiness: {tcp: {port: 18080}, period: 100ms}
    liveness: {http: {port: 18080, path: /}, period: 100ms, timeout: 2s, failure_threshold: 3}
    restart: {delay: 100ms}
  live-tcp:
    command: [/bin/sh, -c, "python3 $D/server.py 18081 $D/code & echo \$! >$D/tcp.pid; exec sleep 1000003"]
    user: root
    readiness: {tcp: {port: 18081}, period: 100ms}
    liveness: {tcp: {port: 18081}, period: 100ms, timeout: 2s, failure_threshold: 2}
    restart: {delay: 100ms}
  live-exec:
    command: [/bin/sleep, "1000004"]
    user: nobody
    liveness: {exec: [/bin/sh, -c, "id -un >>$D/who; ! [ -e $D/sick ] || { echo it has a fever; exit 1; }"], period: 100ms, failure_threshold: 2}
    restart: {delay: 100ms}
END
check "apply" ctl alpha apply -f "$T/live.yaml"
for s in live-http live-tcp; do
	wait_for 20 "$s is ready" state_is "$s" ready
done
echo 500 >"$D/code"
wait_for 20 "live-http is restarted" bash -c "
	[ \$('$SKEPCTL' -s '$T/alpha/run/skepd.sock' -o json status |
	jq '.instances[] | select(.name==\"live-http\") | .restarts') -ge 1 ]"
echo 200 >"$D/code"
wait_for 20 "its history says why" bash -c "
	'$SKEPCTL' -s '$T/alpha/run/skepd.sock' history live-http |
	grep -q '3 in a row'"
wait_for 20 "live-http is ready again" state_is live-http ready
kill -9 "$(cat "$D/tcp.pid")"
at_least_once() {
	[ "$(field alpha "$1" restarts)" -ge 1 ]
}
wait_for 20 "live-tcp is restarted" at_least_once live-tcp
wait_for 20 "live-tcp is ready again" state_is live-tcp ready
touch "$D/sick"
wait_for 20 "live-exec is restarted" at_least_once live-exec
rm "$D/sick"
wait_for 20 "live-exec is ready again" state_is live-exec ready
wait_for 20 "its history has the probe's words" bash -c "
	'$SKEPCTL' -s '$T/alpha/run/skepd.sock' history live-exec |
	grep -q 'fever'"
check "its probes ran as its user" test "$(sort -u "$D/who")" = nobody
check "delete" ctl alpha delete live-http live-tcp live-exec
wait_for 20 "none is left" process_count_is "1000003|1000004|server.py" 0

step "watchdog: who falls silent is restarted"
cat >"$T/dog.yaml" <<END
services:
  dog:
    command: [/bin/sh, -c, "python3 $D/say.py READY=1; while [ -e $D/barking ]; do python3 $D/say.py WATCHDOG=1; sleep 0.1; done; exec sleep 1000005"]
    user: root
    type: notify
    watchdog: 3s
    restart: {delay: 100ms}
END
touch "$D/barking"
check "apply" ctl alpha apply -f "$T/dog.yaml"
wait_for 20 "dog is ready" state_is dog ready
rm "$D/barking"
wait_for 30 "dog is restarted" at_least_once dog
touch "$D/barking"
wait_for 20 "its history says why" bash -c "
	'$SKEPCTL' -s '$T/alpha/run/skepd.sock' history dog |
	grep -q 'WATCHDOG=1'"
check "delete" ctl alpha delete dog
wait_for 20 "none is left" process_count_is "$D/say.py|1000005" 0

step "MAINPID: a daemon that leaves its first process behind"
cat >"$T/heir.yaml" <<END
services:
  heir:
    command: [/bin/sh, -c, "sleep 1000008 & python3 $D/say.py MAINPID=\$! READY=1; exit 0"]
    user: root
    type: notify
    restart: {delay: 100ms}
END
# The pid in status is that of the one process that sleeps.
shows_heir() {
	[ "$(field alpha heir state)" = ready ] &&
		[ "alpha $(field alpha heir pid)" = "$(processes 'sleep 1000008')" ]
}
check "apply" ctl alpha apply -f "$T/heir.yaml"
wait_for 20 "status shows the heir" shows_heir
heir=$(field alpha heir pid)
# shellcheck disable=SC2046
kill -9 $(cat "$CG/alpha/cgroup.procs")
host_start alpha
wait_for 20 "the next skepd shows it too" shows_heir
check "it is the same process" test "$(field alpha heir pid)" = "$heir"
kill -9 "$heir"
wait_for 20 "its end is noticed" at_least_once heir
wait_for 20 "the next one has an heir of its own" shows_heir
wait_for 20 "its history says how" bash -c "
	'$SKEPCTL' -s '$T/alpha/run/skepd.sock' history heir |
	grep -q SIGKILL"
check "delete" ctl alpha delete heir
wait_for 20 "none is left" process_count_is 'sleep 1000008' 0

step "hooks, in their order, with their variables"
cat >"$T/hooks.yaml" <<END
services:
  hooked:
    command: [/bin/sh, -c, "trap 'exit 7' TERM; echo main >>$D/order; while :; do sleep 0.1; done"]
    user: root
    environment: {COLOUR: blue}
    stop_command: [/bin/sh, -c, "echo stop \$MAINPID >>$D/order"]
    hooks:
      pre_start: [/bin/sh, -c, "echo pre_start \$COLOUR >>$D/order"]
      post_start: [/bin/sh, -c, "echo post_start \$MAINPID >>$D/order"]
      pre_stop: [/bin/sh, -c, "echo pre_stop \$MAINPID >>$D/order"]
      post_stop: [/bin/sh, -c, "echo post_stop \$SERVICE_RESULT \$EXIT_CODE \$EXIT_STATUS >>$D/order"]
      timeout: 20s
  broken:
    command: [/bin/sleep, "1000006"]
    user: root
    restart: {delay: 10s}
    hooks: {pre_start: [/bin/sh, -c, "echo no luck; exit 4"]}
END
check "apply" ctl alpha apply -f "$T/hooks.yaml"
wait_for 20 "hooked is ready" state_is hooked ready
wait_for 20 "its program began" in_file "$D/order" main
pid=$(field alpha hooked pid)
check "stop" ctl alpha stop hooked
wait_for 20 "hooked is stopped" state_is hooked stopped
wait_for 20 "post_stop ran" in_file "$D/order" post_stop
printf '%s\n' "pre_start blue" main "post_start $pid" "pre_stop $pid" \
	"stop $pid" "post_stop exit-code exited 7" >"$D/expected"
# The program and post_start run side by side.
check "in order, with their variables" cmp \
	<(grep -v '^main$' "$D/order") <(grep -v '^main$' "$D/expected")
check "the program ran once" test "$(grep -c '^main$' "$D/order")" = 1
wait_for 20 "a failed pre_start is told" bash -c "
	'$SKEPCTL' -s '$T/alpha/run/skepd.sock' history broken |
	grep -q 'pre_start'"
wait_for 20 "its words are in the log" in_file "$T/alpha/log/broken.log" \
	'no luck'
check "its program did not run" process_count_is 'sleep 1000006' 0
check "delete" ctl alpha delete hooked broken

step "stop_command does the stopping; what it leaves gets the signal"
cat >"$T/stop.yaml" <<END
services:
  polite:
    command: [/bin/sh, -c, "trap '' TERM; $D/await $D/leave; echo left; exit 0"]
    user: root
    stop_timeout: 20s
    stop_command: [/bin/sh, -c, "touch $D/leave"]
END
check "apply" ctl alpha apply -f "$T/stop.yaml"
wait_for 20 "polite is ready" state_is polite ready
check "stop" ctl alpha stop polite
wait_for 15 "polite is stopped" state_is polite stopped
check "by its own word" in_file "$T/alpha/log/polite.log" left
check "delete" ctl alpha delete polite

step "depends_on: completed; a schedule by interval"
cat >"$T/order.yaml" <<END
services:
  migrate:
    command: [/bin/sh, -c, "$D/await $D/migrated"]
    user: root
    type: oneshot
  after:
    command: [/bin/sleep, "1000007"]
    user: root
    depends_on: {migrate: {condition: completed}}
  tick:
    command: [/bin/sh, -c, "date +%%s%%N >>$D/ticks"]
    user: root
    type: oneshot
    schedule: {interval: 1s}
END
check "apply" ctl alpha apply -f "$T/order.yaml"
ticked() {
	[ "$(wc -l <"$D/ticks")" -ge 3 ]
}
wait_for 30 "tick ran three times" ticked
check "not more often than it should" awk '
	NR == 1 { first = $1 }
	$1 - first < (NR - 2) * 1000000000 { print NR, $1 - first; exit 1 }
	' "$D/ticks"
check "after waits for migrate" process_count_is 'sleep 1000007' 0
touch "$D/migrated"
wait_for 20 "after is ready" state_is after ready
check "delete" ctl alpha delete migrate after tick
finish
