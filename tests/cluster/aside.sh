# A counter on alpha that puts its number and many bytes more aside when it is
# asked, and beta, which goes on with them.
#
# Each number that it counts is a line of $T/out, and so is "start N HOST", with
# the number that it began with, and "put aside N".

# counter_runs BYTES: it counts on alpha.  After cluster_begin.
counter_runs() {
	install -m 666 /dev/null "$T/out"
	cat >"$T/counter.sh" <<-'END'
		n=0
		[ -z "${SKEP_STATE_IN:-}" ] || read -r n <"$SKEP_STATE_IN"
		echo "start $n $SKEP_NODE" >>"$1"
		trap 'asked=yes' USR1
		trap 'exit 0' TERM
		while [ -z "${asked:-}" ]; do
			n=$((n + 1))
			echo "$n" >>"$1"
			sleep 0.1
		done
		{ echo "$n"; yes | head -c "$2"; } >"$SKEP_STATE_OUT.tmp"
		echo "put aside $n" >>"$1"
		mv "$SKEP_STATE_OUT.tmp" "$SKEP_STATE_OUT"
		while :; do sleep 0.1; done
	END
	cat >"$T/counter.yaml" <<-END
		services:
		  counter:
		    command: [/bin/bash, "$T/counter.sh", "$T/out", "$1"]
		    user: nobody
		    handoff: {required: true}
	END
	host_start alpha beta
	wait_for 30 "alpha sees two alive" alive_count_is alpha 2
	wait_for 30 "beta sees two alive" alive_count_is beta 2
	check "cordon beta" ctl beta node cordon beta
	check "apply" ctl beta apply -f "$T/counter.yaml"
	wait_for 30 "it runs" ready_count_is beta 1
	check "on alpha" test "$(field beta counter node)" = alpha
	check "uncordon beta" ctl beta node uncordon beta
	wait_for 20 "it counts" has_counted 10
}
has_counted() {
	[ "$(grep -c '^[0-9]' "$T/out")" -ge "$1" ]
}
# part_of_alpha PROGRAM: its process.
part_of_alpha() {
	local pid name
	for pid in $(cat "$CG/alpha/cgroup.procs"); do
		read -r name <"/proc/$pid/comm" && [ "$name" = "$1" ] &&
			echo "$pid"
	done 2>/dev/null
}
# said_of_it TEXT: how often alpha's skepd did.
said_of_it() {
	grep -c "$1" "$T/alpha/skepd.log"
}
has_said() {
	[ "$(said_of_it "$1")" -ge "$2" ]
}
has_not_begun_again() {
	[ "$(grep -c '^start' "$T/out")" = 1 ]
}
has_moved() {
	[ "$(field beta counter node)" = beta ] && ready_count_is beta 1
}
# It has moved to beta with what it had put aside first.
counter_has_moved() {
	local at
	wait_for 60 "it runs on beta" has_moved
	at=$(sed -n 's/^put aside //p' "$T/out" | head -n 1)
	check "with what it had put aside ($at)" test \
		"$(grep '^start' "$T/out" | sed -n '2s/ [a-z]*$//p')" = "start $at"
}
