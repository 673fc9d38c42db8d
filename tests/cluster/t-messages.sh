#!/bin/bash
# Groups and messages between real services on three hosts: send, call,
# publish, multicall with a dead member, a moving one, a slow one, and one that
# claims to be another.
BUDGET=120
. "$(dirname "$0")/lib.sh"
POLICY="allow_root = yes
allowed_users = nobody"
cluster_begin alpha beta gamma
mkdir -p "$T/heard" "$T/chief"
chmod 777 "$T/heard"

# Writes down what it hears, and answers what is asked.
cat >"$T/listener" <<'END'
#!/bin/sh
[ ! -e "$HEARD/.slow" ] || sleep 1
while "$SKEPCTL" recv >"$HEARD/.$SKEP_NAME"; do
	read -r number from <"$HEARD/.$SKEP_NAME"
	text=$(sed 1d "$HEARD/.$SKEP_NAME")
	echo "$from: $text" >>"$HEARD/$SKEP_NAME"
	[ "$number" = 0 ] ||
		"$SKEPCTL" reply "$number" "$SKEP_NAME heard $text"
done
END
# Does what stands in a file, with the rights of its service, and nothing else.
cat >"$T/doer" <<'END'
#!/bin/sh
while :; do
	if mv "$HEARD/do" "$HEARD/doing" 2>/dev/null; then
		sh "$HEARD/doing" >"$HEARD/out" 2>&1
		echo "$?" >"$HEARD/.code"
		mv "$HEARD/.code" "$HEARD/code"
	fi
	sleep 0.05
done
END
chmod 755 "$T/listener" "$T/doer"
cat >"$T/services.yaml" <<END
services:
  ear:
    command: [$T/listener]
    user: nobody
    replicas: 6
    groups: [ears]
    environment: {HEARD: $T/heard, SKEPCTL: $SKEPCTL}
  mute:
    command: [/bin/sleep, "600001"]
    user: nobody
    groups: [ears, mutes]
  hand:
    command: [$T/doer]
    user: nobody
    environment: {HEARD: $T/heard, SKEPCTL: $SKEPCTL}
  chief:
    command: [$T/doer]
    environment: {HEARD: $T/chief, SKEPCTL: $SKEPCTL}
END

# as_hand COMMAND: runs it inside the service 'hand'; its output in 'out'.
as_hand() { inside "$T/heard" "$1"; }
# as_chief COMMAND: the same inside 'chief', which is root and may do anything.
as_chief() { inside "$T/chief" "$1"; }
inside() {
	rm -f "$1/code"
	echo "$2" >"$1/.do"
	mv "$1/.do" "$1/do"
	wait_for 40 "done inside a service: $2" test -e "$1/code"
	HAND_CODE=$(cat "$1/code")
}
members_are() {
	[ "$(json "$1" '[.members[] | select(.ready)] | length' \
		group members "$2")" = "$3" ]
}
heard() {
	grep -qx -- "$2" "$T/heard/$1" 2>/dev/null
}
lines_are() {
	[ "$(wc -l <"$T/heard/$1")" = "$2" ]
}

step "groups by spec, the same on all hosts"
host_start alpha beta gamma
for h in alpha beta gamma; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done
check "apply" ctl alpha apply -f "$T/services.yaml"
wait_for 30 "nine are ready" ready_count_is alpha 9
for h in alpha beta gamma; do
	wait_for 10 "$h knows seven ears" members_are $h ears 7
done
home=$(field alpha ear@1 node)
case $home in alpha) other=beta ;; *) other=alpha ;; esac

step "send: from anywhere, to anywhere"
check "from another host" ctl $other send ear@1 hello --ack
check "from its own" ctl "$home" send ear@1 "hello here" --ack
echo "from a pipe" | ctl $other send ear@1 --ack ||
	fail "a message from standard input"
wait_for 10 "it has the first" heard ear@1 '-: hello'
wait_for 10 "... and the last" heard ear@1 '-: from a pipe'

step "recv waits while skep-node starts again"
ear=$(field alpha ear@1 pid)
kill_node() {
	local pid
	pid=$(processes '^[^ ]*skep-node ' | awk -v h="$home" '$1 == h {
		print $2; exit }')
	[ -n "$pid" ] && kill -9 "$pid"
}
check "kill its skep-node" kill_node
heard_after() {
	ctl $other send ear@1 "after its end" --ack --timeout 5s 2>/dev/null
}
wait_for 30 "it takes another" heard_after
wait_for 10 "it has it" heard ear@1 '-: after its end'
check "it is the same process" test "$(field alpha ear@1 pid)" = "$ear"

step "send: from services, and to nobody"
as_hand "$SKEPCTL send ear@2 'from a service' --ack"
check "a service sends" test "$HAND_CODE" = 0
wait_for 10 "its name stands there" heard ear@2 'hand: from a service'
if ctl alpha send nobody-there x 2>"$T/err"; then
	fail "a message to nobody was taken"
fi
check "nobody has that name" grep -q 'nothing has that name' "$T/err"
head -c 65537 /dev/zero | ctl alpha send ear@1 2>"$T/err" &&
	fail "a message of 65537 bytes was taken"
check "65536 bytes are the most" grep -q '65536' "$T/err"
head -c 65536 /dev/zero | tr '\0' z | ctl $other send ear@3 --ack ||
	fail "a message of 65536 bytes"

step "order: of one sender to one name"
i=0
while [ $i -lt 40 ]; do
	i=$((i + 1))
	echo "$SKEPCTL send ear@4 n$i || exit 1"
done >"$T/forty"
as_hand "sh $T/forty"
check "forty were sent" test "$HAND_CODE" = 0
wait_for 20 "forty came" lines_are ear@4 40
i=0
while [ $i -lt 40 ]; do
	i=$((i + 1))
	echo "hand: n$i"
done >"$T/wanted"
check "in their order" diff "$T/wanted" "$T/heard/ear@4"

step "call: an answer, or a clear end"
check "an operator asks" test \
	"$(ctl $other call ear@1 what)" = "ear@1 heard what"
as_hand "$SKEPCTL call ear@5 who"
check "a service asks" test "$(cat "$T/heard/out")" = "ear@5 heard who"
started=$(elapsed_ms)
ctl alpha call mute what --timeout 2s 2>"$T/err"
check "who does not read: timeout" test $? = 5
check "... within its time" test $(($(elapsed_ms) - started)) -lt 4000

step "publish and multicall"
check "publish" ctl beta publish ears news
for i in 1 2 3 4 5 6; do
	wait_for 10 "ear@$i has the news" heard "ear@$i" '-: news'
done
started=$(elapsed_ms)
ctl gamma -o json multicall ears roll --timeout 3s >"$T/answers" 2>"$T/err"
check "one does not answer: 1" test $? = 1
check "within its time" test $(($(elapsed_ms) - started)) -lt 5000
check "six answered" test \
	"$(jq '[.answers[] | select(.code == "ok")] | length' "$T/answers")" = 6
check "the mute one is named" test \
	"$(jq -r '.answers[] | select(.code != "ok") | .name' \
		"$T/answers")" = mute

step "a host dies in the midst of a multicall: its members are named"
victim=gamma
[ "$(field alpha hand node)" = gamma ] && victim=beta
asker=alpha
[ "$(field alpha hand node)" = alpha ] && asker=alpha
[ $victim = $asker ] && asker=beta
doomed=$(json alpha "[.instances[] | select(.node == \"$victim\") |
	select(.name | startswith(\"ear\")) | .name] | length" status)
for p in $(processes "$T/listener" | sed -n "s/^$victim //p"); do
	kill -STOP "$p"
done
ctl $asker -o json multicall ears again --timeout 12s >"$T/answers" \
	2>"$T/err" &
asking=$!
sleep_until_asked() {
	[ "$(grep -l -- '-: again' "$T/heard"/ear@* | wc -l)" -ge 1 ]
}
wait_for 10 "the others answer" sleep_until_asked
power_off $victim
wait $asking
check "it ends, and says that some did not" test $? = 1
check "all seven are told of" test "$(jq '.answers | length' "$T/answers")" = 7
check "those on $victim did not answer" test \
	"$(jq '[.answers[] | select(.code != "ok") |
		select(.name != "mute")] | length' "$T/answers")" -ge "$doomed"
host_start $victim
wait_for 60 "three are alive" alive_count_is $asker 3
wait_for 60 "nine are ready" ready_count_is $asker 9
wait_for 20 "seven are in the group" members_are $asker ears 7

step "a moving service: messages wait for it, none twice"
home=$(field alpha ear@6 node)
case $home in alpha) away=beta ;; *) away=alpha ;; esac
: >"$T/heard/ear@6"
# The new copy takes its time.  What the old one took before it was stopped went
# with it, so the first is sent when that has gone.
touch "$T/heard/.slow"
check "move" ctl $away move ear@6 $away
has_left() { [ "$(field "$home" ear@6 node)" != "$home" ]; }
wait_for 10 "it leaves $home" has_left
i=0
while [ $i -lt 10 ]; do
	i=$((i + 1))
	ctl gamma send ear@6 "m$i" --ack --timeout 25s ||
		fail "message $i to the moving service"
done
wait_for 10 "it runs on $away" test "$(field alpha ear@6 node)" = $away
i=0
while [ $i -lt 10 ]; do
	i=$((i + 1))
	echo "-: m$i"
done >"$T/wanted"
wait_for 10 "ten came" lines_are ear@6 10
check "each once, in their order" diff "$T/wanted" "$T/heard/ear@6"
rm "$T/heard/.slow"

step "a slow receiver fills its own mailbox, and nobody else's"
head -c 60000 /dev/zero | tr '\0' s >"$T/large"
home=$(field alpha mute node)
full=0
i=0
while [ $i -lt 100 ] && [ $full = 0 ]; do
	i=$((i + 1))
	ctl "$home" send mute <"$T/large" 2>"$T/err" ||
		full=$(grep -c 'mailbox is full\|does not take' "$T/err")
done
check "mute is full after $i messages" test "$full" = 1
check "ear@1 is not" test "$(ctl $asker call ear@1 fine)" = "ear@1 heard fine"

step "who speaks for another one is refused; who is no service too"
cat >"$T/forge.py" <<'END'
import os, socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(os.environ["SKEP_MAILBOX"])
to, sender = b"ear@2", sys.argv[1].encode()
try:
    s.send(struct.pack("=HHHHHHIIIQ", 2, 0, 0, len(to), len(sender), 0, 7,
                       5000, 0, 0) + to + sender + b"forged")
except OSError:
    pass
p = s.recv(70000)
op, flags, code, name, text = struct.unpack("=HHHHH", p[:10])
print(code, p[32 + name:32 + name + text].decode())
END
chmod 644 "$T/forge.py"
as_hand "python3 $T/forge.py ear@1"
check "a forged sender is refused" grep -q \
	'3 this process belongs to hand: it cannot speak for ear@1' \
	"$T/heard/out"
as_hand "python3 $T/forge.py hand"
check "its own name is not" grep -q '^0 ' "$T/heard/out"
home=$(field alpha hand node)
SKEP_MAILBOX=$T/$home/run/mailbox.sock python3 "$T/forge.py" hand \
	>"$T/out" || fail "no answer to one who is no service"
check "no service, no mailbox" grep -q '^3 .*belongs to no service' "$T/out"
check "nothing forged came" test \
	"$(grep -c 'ear@1: forged' "$T/heard/ear@2")" = 0

step "by the control socket a service speaks for itself as well"
ASK="python3 $(cd "$(dirname "$0")" && pwd)/ask.py"
as_chief "SKEP_MAILBOX= $SKEPCTL send ear@2 'by its socket' --ack"
check "root inside a service sends" test "$HAND_CODE" = 0
wait_for 10 "its name stands there" heard ear@2 'chief: by its socket'
as_chief "$ASK \$SKEP_SOCKET POST '/v1/names/ear@2/send?from=ear@1' forged"
check "a forged sender is refused" grep -q \
	'this process belongs to chief: it cannot speak for ear@1' \
	"$T/chief/out"
as_chief "$ASK \$SKEP_SOCKET POST '/v1/names/ear@2/send?from=chief' its-own"
wait_for 10 "its own name is not" heard ear@2 'chief: its-own'
# Its child has the connection, and it has ended: that is nobody's word.
cat >"$T/orphan.py" <<'END'
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["SKEP_SOCKET"])
parent = os.getpid()
if os.fork():
    os._exit(0)
while os.getppid() == parent:
    time.sleep(0.01)
s.sendall(b"POST /v1/names/ear@2/send HTTP/1.1\r\nHost: x\r\n"
          b"Content-Length: 6\r\n\r\nforged")
answer = s.recv(65536)
with open(sys.argv[1] + ".new", "wb") as out:
    out.write(answer)
os.rename(sys.argv[1] + ".new", sys.argv[1])
END
as_chief "python3 $T/orphan.py $T/orphan"
wait_for 10 "an orphan is answered" test -e "$T/orphan"
check "... that it speaks for nobody" grep -q 'has ended' "$T/orphan"
as_chief "$SKEPCTL -o json status"
check "it may look, as its user may" test "$HAND_CODE" = 0
check "nothing forged came" test \
	"$(grep -c '\(ear@1\|chief\|-\): forged' "$T/heard/ear@2")" = 0

step "half a packet, and more connections than one may have"
cat >"$T/flood.py" <<'END'
import os, socket, struct
def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(os.environ["SKEP_MAILBOX"])
    return s
half = connect()
half.send(b"half")
print("half", struct.unpack("=HHH", half.recv(70000)[:6])[2])
idle = [connect() for i in range(300)]
refused = 0
for s in idle[256:]:
    s.settimeout(10)
    refused += struct.unpack("=HHH", s.recv(70000)[:6])[2] == 5  # full: it passes
print("refused", refused)
END
chmod 644 "$T/flood.py"
as_hand "python3 $T/flood.py"
check "half a packet is invalid" grep -qx 'half 2' "$T/heard/out"
check "the 257th is one too many" grep -qx 'refused 44' "$T/heard/out"
check "nobody else has less" test \
	"$(ctl $asker call ear@1 still)" = "ear@1 heard still"

step "joined at run time, until its process ends"
check "join" ctl beta group join night ear@1
wait_for 10 "in the group" members_are gamma night 1
pid=$(json alpha '.members[0].pid' group members night)
check "it answers there" ctl alpha multicall night x
kill "$pid"
wait_for 20 "its end ends it" members_are gamma night 0
finish
