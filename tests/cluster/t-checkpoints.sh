#!/bin/bash
# Checkpoints of every kind, and all that can go wrong with one: the host that
# wrote it dies, the disk of one that keeps it is full, or rots, or all that
# keep it are away.  What a service counts is lost as far as was said before,
# and no further.
BUDGET=180
POLICY="allow_root = yes"
. "$(dirname "$0")/lib.sh"
HOSTS3="alpha beta gamma"
DISK_MB=32 # of each host, for states
BLOB_MB=5
cluster_begin $HOSTS3
trap 'unmount; cluster_cleanup' EXIT
unmount() {
	for h in $HOSTS3; do
		umount -l "$T/$h/state/dumps" 2>/dev/null
	done
}
for h in $HOSTS3; do
	mkdir -p "$T/$h/state/dumps" "$T/$h/lib"
	chown nobody "$T/$h/state/dumps"
	mount -t tmpfs -o "size=${DISK_MB}m,mode=700,uid=nobody" dumps \
		"$T/$h/state/dumps" || skip "cannot mount a tmpfs"
done
mkdir -m 777 "$T/out" "$T/put"
head -c ${BLOB_MB}M /dev/urandom >"$T/blob"

# counter.sh NAME [BLOB]: counts, and puts its number, behind which is BLOB,
# aside when it is asked or when put/NAME says so; that goes then.
echo "T=$T" >"$T/counter.sh"
cat >>"$T/counter.sh" <<'END'
n=0
asked=
out=$T/out/$1
live=$T/$SKEP_NODE/lib/$1.live
[ -z "${SKEP_STATE_IN:-}" ] || read -r n _ <"$SKEP_STATE_IN"
n=$((10#$n))
echo "start $n ${SKEP_STATE_KIND:-nothing} $SKEP_NODE" >>"$out"
trap 'asked=yes' USR2
trap 'exit 0' TERM
while :; do
	n=$((n + 1))
	printf '%016d\n' $n >"$live.tmp" && mv "$live.tmp" "$live"
	echo "$n" >>"$out"
	if [ -n "$asked" ] || [ -e "$T/put/$1" ]; then
		asked=
		{ printf '%016d\n' $n; [ -z "${2:-}" ] || cat "$2"; } \
			>"$SKEP_CHECKPOINT_OUT.tmp"
		mv "$SKEP_CHECKPOINT_OUT.tmp" "$SKEP_CHECKPOINT_OUT"
		rm -f "$T/put/$1"
		echo "kept $n" >>"$out"
	fi
	sleep 0.1
done
END
cat >"$T/all.yaml" <<END
services:
  signalled:
    command: ["/bin/bash", "$T/counter.sh", "signalled"]
    user: root
    checkpoint: {every: 1s, signal: SIGUSR2, replicas: 2}
  commanded:
    command: ["/bin/bash", "$T/counter.sh", "commanded"]
    user: root
    checkpoint:
      every: 1s
      command: ["/bin/sh", "-c", "cat $T/%H/lib/commanded.live >\$SKEP_CHECKPOINT_OUT"]
  placed:
    command: ["/bin/bash", "$T/counter.sh", "placed"]
    user: root
    handoff: {state_path: "$T/%H/lib/placed.db"}
    checkpoint:
      every: 1s
      command: ["/bin/sh", "-c", "cd $T/%H/lib && cp placed.live placed.tmp && mv placed.tmp placed.db"]
  itself:
    command: ["/bin/bash", "$T/counter.sh", "itself"]
    user: root
    checkpoint: {every: 1s, replicas: 2}
  large:
    command: ["/bin/bash", "$T/counter.sh", "large", "$T/blob"]
    user: root
    checkpoint: {every: 1s, replicas: 2}
  waiter:
    command: ["/bin/bash", "$T/counter.sh", "waiter"]
    user: root
    checkpoint: {every: 1s, replicas: 1, takeover: wait}
END
ALL="signalled commanded placed itself large waiter"
host_start $HOSTS3
for h in $HOSTS3; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done
check "apply" ctl alpha apply -f "$T/all.yaml"
wait_for 20 "all are ready" ready_count_is alpha 6

EYE=alpha # whom we ask
node_of() {
	field $EYE "$1" node
}
# held HOST NAME: the number in the newest that the host keeps, or 0.
held() {
	local f n best=0
	for f in "$T/$1/state/dumps/"*.for."$2"; do
		f=${f%.for.*}
		[ -e "$f" ] || continue
		read -r n <"$f"
		n=$((10#$n))
		[ $n -gt $best ] && best=$n
	done
	echo $best
}
holds() { # HOST NAME NUMBER: at least that
	[ "$(held "$1" "$2")" -ge "$3" ]
}
holders() { # NAME: the hosts that do not run it
	echo $HOSTS3 | tr ' ' '\n' | grep -vx "$(node_of "$1")"
}
all_hold() { # NAME NUMBER
	local h
	for h in $(holders "$1"); do
		holds "$h" "$1" "$2" || return 1
	done
}
next_of() { # NAME: where it would go
	json $EYE ".moves[] | select(.name == \"$1\") | .to" \
		node drain --dry-run "$(node_of "$1")"
}
kept_last() {
	awk '/^kept/ { n = $2 } END { print n + 0 }' "$T/out/$1"
}
has_kept() { # NAME NUMBER: one above that
	[ "$(kept_last "$1")" -gt "$2" ]
}
# put NAME: has it put one aside, and waits for that.
put() {
	local before
	before=$(kept_last "$1")
	touch "$T/put/$1"
	wait_for 10 "$1 puts one aside" has_kept "$1" "$before"
}
starts() {
	grep -c '^start' "$T/out/$1"
}
has_started() {
	[ "$(starts "$1")" -gt "$2" ]
}
# began NAME: what its last start began with, and of which kind that was.
began() {
	awk '/^start/ { n = $2 " " $3 } END { print n }' "$T/out/$1"
}
said() { # HOST WORDS...: an event with these words, in this order
	ctl "$1" events -n 200 | grep -q "$2"
}

step "each of them is kept by the others, however it is made"
for s in itself large waiter; do
	put $s
done
for s in signalled commanded placed itself large; do
	wait_for 20 "$s is kept by both" all_hold $s 1
done
for s in itself large; do
	wait_for 10 "the newest of $s is" all_hold $s "$(kept_last $s)"
done

step "only what changed travels: one of $((BLOB_MB + 1)) MiB"
came() { # HOST: bytes
	ip -n "$NS-$1" -s -j link show eth0 | jq '.[0].stats64.rx.bytes'
}
read -r h1 h2 < <(echo $(holders large))
before1=$(came $h1) before2=$(came $h2)
put large
wait_for 20 "large is kept by both" all_hold large "$(kept_last large)"
came1=$(($(came $h1) - before1)) came2=$(($(came $h2) - before2))
say "    $h1 got $came1 bytes, $h2 got $came2"
check "that is less than half of it" test $((came1 > came2 ? came1 : came2)) \
	-lt $((BLOB_MB * 1048576 / 2))

step "the disk of $h1, which keeps it, is full; then that of the one that runs it"
fill() {
	dd if=/dev/zero "of=$T/$1/state/dumps/filler" bs=16k 2>/dev/null
	true
}
had=$(held $h1 large)
fill $h1
put large
kept=$(kept_last large)
wait_for 20 "$h2 has the newest" holds $h2 large "$kept"
wait_for 20 "$h1 says why it has not" \
	said $h1 'large .*not fetched .*no room for it'
check "$h1 has the one before" holds $h1 large "$had"
rm "$T/$h1/state/dumps/filler"
wait_for 30 "with room it has the newest" holds $h1 large "$kept"
runner=$(node_of large)
fill $runner
put large
wait_for 20 "$runner says why it took none" \
	said $runner 'large .*none was taken: no room for it'
check "both have the one before" all_hold large "$kept"
rm "$T/$runner/state/dumps/filler"
put large
wait_for 20 "with room the next one is kept" all_hold large "$(kept_last large)"

# floor NAME: what is announced: all that are to keep it have as much.
floor() {
	local h n least=
	for h in $(holders "$1"); do
		n=$(held "$h" "$1")
		[ "$n" -lt "${least:-$((n + 1))}" ] && least=$n
	done
	echo "$least"
}
on_host() { # HOST: the services that it runs
	json $EYE ".instances[] | select(.node == \"$1\") | .name" status
}
# lose HOST...: they lose power; what they ran, but for SPARED, goes on
# elsewhere, with what was announced at least.
lose() {
	local h s n
	declare -A floors was
	for h in "$@"; do
		for s in $(on_host "$h"); do
			floors[$s]=$(floor "$s")
			was[$s]=$(starts "$s")
		done
	done
	power_off "$@"
	for s in "${!floors[@]}"; do
		[ "$s" != "${SPARED:-}" ] || continue
		wait_for 30 "$s goes on" has_started "$s" "${was[$s]}"
		read -r n _ < <(began "$s")
		say "    $s: announced ${floors[$s]}, begins with $(began "$s")"
		check "no more is lost than was said" test "$n" -ge "${floors[$s]}"
	done
}
come_back() {
	host_start "$@"
	for h in $HOSTS3; do
		wait_for 30 "$h sees three alive" alive_count_is $h 3
	done
	wait_for 40 "all are ready" ready_count_is $EYE 6
	for h in $HOSTS3; do
		wait_for 20 "$h agrees" where_agrees $EYE $h
	done
}

step "a host dies, and the copy of the next one is damaged"
put itself
kept=$(kept_last itself)
wait_for 20 "itself is kept by both" all_hold itself "$kept"
next=$(next_of itself)
runner=$(node_of itself)
EYE=$next
for f in "$T/$next/state/dumps/"*.for.itself; do
	printf 9 | dd "of=${f%.for.*}" bs=1 seek=4 conv=notrunc 2>/dev/null
done
lose $runner
check "it began with the other copy" test "$(began itself)" = "$kept checkpoint"
wait_for 10 "$next says that its own was damaged" \
	said $next 'itself .*was damaged'
come_back $runner

step "takeover: wait waits for the host that has what was announced"
put waiter
kept=$(kept_last waiter)
has_one_holder() {
	local h
	for h in $(holders waiter); do
		holds $h waiter "$kept" && HOLDER=$h && return
	done
	return 1
}
wait_for 20 "waiter is kept by one" has_one_holder
RUNNER=$(node_of waiter)
EYE=$(holders waiter | grep -vx $HOLDER)
before=$(starts waiter)
SPARED=waiter lose $RUNNER $HOLDER
why_is() { # WORDS
	ctl $EYE why waiter | grep -q "$1"
}
wait_for 30 "$EYE waits" why_is 'does not run.*takeover: wait'
check "it has not begun" test "$(starts waiter)" = "$before"
host_start $HOLDER
wait_for 40 "with $HOLDER it goes on" has_started waiter "$before"
check "with what it has" test "$(began waiter)" = "$kept checkpoint"

step "an operator ends the wait"
come_back $RUNNER
put waiter
kept=$(kept_last waiter)
wait_for 20 "waiter is kept by one" has_one_holder
RUNNER=$(node_of waiter)
EYE=$(holders waiter | grep -vx $HOLDER)
before=$(starts waiter)
SPARED=waiter lose $RUNNER $HOLDER
wait_for 30 "$EYE waits" why_is 'does not run.*takeover: wait'
check "restart" ctl $EYE restart waiter
wait_for 20 "it goes on with less" has_started waiter "$before"
read -r n _ < <(began waiter)
check "less it is" test "$n" -lt "$kept"
check "and that is said" said $EYE 'waiter .*it starts \(from an older\|without a\) checkpoint'
finish
