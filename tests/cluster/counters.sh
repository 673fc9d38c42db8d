# Counters that stamp every number into a file outside, and what must hold of
# these files whatever happens to the hosts.

COUNTER=$SKEP_BUILD/examples/counter
[ -x "$COUNTER" ] || COUNTER=$SKEP_BUILD/etc/examples/counter
[ -x "$COUNTER" ] || fail "the counter example is not built"

# counters N [LINE]: applies N of them on alpha, each with LINE in its spec, and
# waits until all count.
counters() {
	mkdir -m 777 "$T/out"
	cat >"$T/counters.yaml" <<END
services:
  counter:
    command: ["$COUNTER", "$T/out/%i"]
    user: root
    replicas: $1
    handoff: {timeout: 10s}
    ${2:-}
END
	check "apply" ctl alpha apply -f "$T/counters.yaml"
	wait_for 20 "$1 counters are ready" ready_count_is alpha "$1"
	wait_for 20 "every counter has counted to 100" all_count_on 100
}

# Every file holds 1, 2, 3, ... without a gap and without a double.
no_number_lost() {
	local f
	for f in "$T"/out/*; do
		head -n -1 "$f" | awk -v f="$f" '$1 != NR {
			print f ": line " NR " is " $1; exit 1 }' || return 1
	done
}
all_count_on() {
	local f
	for f in "$T"/out/*; do
		[ "$(wc -l <"$f")" -gt "$1" ] || return 1
	done
}
is_drained() {
	json "$1" ".nodes[] | select(.name == \"$2\") | .progress" node list |
		grep -qx drained
}
count_on() {
	json "$1" "[.instances[] | select(.node == \"$2\")] | length" status
}
