#!/bin/bash
# Checkpoints: a host loses power, and what its services had counted up to the
# last checkpoint is there on the next host; what is lost is younger than that.
BUDGET=150
POLICY="allow_root = yes"
. "$(dirname "$0")/lib.sh"
cluster_begin alpha beta gamma
mkdir -m 777 "$T/out"
cat >"$T/keeper.sh" <<'END'
# keeper.sh FILE: counts into FILE, and keeps the number when it is asked to.
n=0
asked=
[ -z "${SKEP_STATE_IN:-}" ] || read -r n _ <"$SKEP_STATE_IN"
echo "start $n ${SKEP_STATE_KIND:-nothing} $SKEP_NODE" >>"$1"
trap 'asked=yes' USR2
trap 'exit 0' TERM
while :; do
	n=$((n + 1))
	echo "$n" >>"$1"
	if [ -n "$asked" ]; then
		asked=
		{ echo "$n"; head -c "${SIZE:-0}" /dev/zero; } \
			>"$SKEP_CHECKPOINT_OUT.tmp"
		mv "$SKEP_CHECKPOINT_OUT.tmp" "$SKEP_CHECKPOINT_OUT"
		echo "kept $n" >>"$1"
	fi
	sleep 0.05
done
END
cat >"$T/keepers.yaml" <<END
services:
  keeper:
    command: ["/bin/bash", "$T/keeper.sh", "$T/out/%i"]
    user: root
    replicas: 6
    checkpoint: {every: 2s, signal: SIGUSR2, replicas: 1}
END
host_start alpha beta gamma
for h in alpha beta gamma; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done
check "apply" ctl alpha apply -f "$T/keepers.yaml"
wait_for 20 "six are ready" ready_count_is alpha 6

# How many files have at least so many lines that match.
all_have() {
	local f
	for f in "$T"/out/*; do
		[ "$(grep -c "$2" "$f")" -ge "$1" ] || return 1
	done
}
wait_for 30 "each was kept three times" all_have 3 '^kept'

step "a host loses power"
on_gamma=$(json alpha '.instances[] | select(.node == "gamma") | .name' status)
say "    on gamma: $(echo $on_gamma)"
check "some run on gamma" test -n "$on_gamma"
power_off gamma
have_begun_again() {
	local i
	for i in $on_gamma; do
		[ "$(grep -c '^start' "$T/out/${i#keeper@}")" -ge 2 ] || return 1
	done
}
wait_for 20 "they run elsewhere" have_begun_again
# The first number after the second start, what had been kept before it, and
# whether what is lost is younger than the last but one that was kept.
lost_is_young() {
	local i
	for i in $on_gamma; do
		awk -v name="$i" '
		/^kept/ { before = last; last = $2; next }
		/^start/ && ++starts == 2 {
			print "    " name ": counted " n ", begins again with " \
				$2 " (" $3 ")"
			exit !($3 == "checkpoint" && $2 >= before && $2 <= n)
		}
		/^[0-9]/ { n = $1 }' "$T/out/${i#keeper@}" || return 1
	done
}
check "what is lost is younger than a checkpoint" lost_is_young
finish
