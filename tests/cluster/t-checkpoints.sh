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
finish
