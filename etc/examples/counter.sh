#!/bin/sh
# The counter again, in shell: counter.sh FILE counts once a second.
n=0
silent=
asked=
if [ -n "${SKEP_STATE_IN:-}" ]; then
	read -r n <"$SKEP_STATE_IN"
fi

# The answer to SIGUSR1: the state aside, on the disk, and renamed.
hand_off() {
	asked=
	echo "$n" >"$SKEP_STATE_OUT.tmp" &&
		sync "$SKEP_STATE_OUT.tmp" &&
		mv "$SKEP_STATE_OUT.tmp" "$SKEP_STATE_OUT" &&
		silent=yes
}

# Signals only leave a note: a number is never half written.
trap 'asked=yes' USR1
trap 'exit 0' TERM
while :; do
	if [ -n "$asked" ]; then
		hand_off
	fi
	if [ -z "$silent" ]; then
		n=$((n + 1))
		echo "$n $(date +%s) ${SKEP_NODE:--}" >>"$1"
	fi
	sleep 1 &
	[ -n "$asked" ] || wait $!
done
