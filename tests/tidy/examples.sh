#!/bin/sh
# The examples are good files, and the counters hand their state over.
. "${srcdir:-.}/tests/tidy/lib.sh"
for file in "$srcdir"/etc/examples/*.yaml; do
	./skepctl -q validate "$file" || complain "$file: is refused"
done

T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT

# wait_until TEXT COMMAND...: half a minute at most.
wait_until() {
	text=$1 tries=0
	shift
	until "$@"; do
		tries=$((tries + 1))
		if [ $tries -gt 600 ]; then
			complain "$text: not within 30 s"
			return 1
		fi
		sleep 0.05
	done
}

has_lines() {
	[ -f "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]
}

# moves NAME COMMAND...: counts, hands off, is silent, goes on elsewhere.
moves() {
	name=$1 numbers=$T/$1.numbers
	shift
	SKEP_STATE_OUT=$T/$name.out "$@" "$numbers" &
	pid=$!
	wait_until "$name counts" has_lines "$numbers" 2
	kill -USR1 $pid
	wait_until "$name hands off" test -f "$T/$name.out"
	kill -TERM $pid
	wait $pid || complain "$name: ended with $?"
	last=$(tail -n 1 "$numbers" | cut -d ' ' -f 1)
	[ "$(cat "$T/$name.out")" = "$last" ] ||
		complain "$name: state $(cat "$T/$name.out"), written $last"
	SKEP_STATE_IN=$T/$name.out "$@" "$numbers" &
	pid=$!
	wait_until "$name goes on" has_lines "$numbers" $((last + 2))
	kill -TERM $pid
	wait $pid || complain "$name: ended with $?"
	awk '$1 != NR { print "line " NR " is " $1; exit 1 }' "$numbers" ||
		complain "$name: a number is missing, or there twice"
}

moves counter examples/counter -r 1000
moves counter-sh sh "$srcdir/etc/examples/counter.sh"

# One that never answers.
SKEP_STATE_OUT=$T/mute.out examples/counter -m "$T/mute.numbers" &
pid=$!
wait_until "mute counts" has_lines "$T/mute.numbers" 1
kill -USR1 $pid
wait_until "mute counts on" has_lines "$T/mute.numbers" \
	$(($(wc -l <"$T/mute.numbers") + 20))
[ ! -e "$T/mute.out" ] || complain "mute: it answered"
kill -TERM $pid
wait $pid || complain "mute: ended with $?"
exit $status
