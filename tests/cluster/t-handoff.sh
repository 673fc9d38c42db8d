#!/bin/bash
# Drain of a host running 20 counters: no number missing, none twice, whoever is
# killed in the middle.
BUDGET=180
POLICY="allow_root = yes
allowed_users = nobody"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/counters.sh"
cluster_begin alpha beta gamma
host_start alpha beta gamma
for h in alpha beta gamma; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done
counters 60

step "drain beta"
say "    counters on beta: $(count_on alpha beta)"
check "drain --dry-run says where" ctl alpha node drain beta --dry-run
check "drain" ctl alpha node drain beta -y
check "drained means: nothing runs there" test \
	"$(processes counter | grep -c '^beta')" = 0
check "drained means: all sixty are ready" ready_count_is alpha 60
check "no number is missing, none twice" no_number_lost
lines=$(wc -l "$T"/out/* | sort -n | head -n 1 | awk '{print $1}')
wait_for 20 "all count on" all_count_on $((lines + 50))
check "beta takes nothing back" test "$(count_on alpha beta)" = 0

step "undrain"
check "undrain" ctl alpha node undrain beta
counter=$(json alpha 'first(.instances[] | select(.node == "alpha")) | .name' status)
check "move $counter to beta" ctl alpha move "$counter" beta
is_on_beta() {
	[ "$(field alpha "$counter" node)" = beta ] &&
		[ "$(field alpha "$counter" state)" = ready ]
}
wait_for 20 "it runs on beta" is_on_beta
wait_for 10 "no number is missing" no_number_lost

step "a state that is too large for a move"
mkdir -m 777 "$T/large"
cat >"$T/large.yaml" <<END
services:
  large:
    command: ["$COUNTER", "$T/large/0"]
    user: root
    handoff: {timeout: 10s, max_size: 1}
END
check "apply" ctl alpha apply -f "$T/large.yaml"
large_counts_to() {
	[ "$(wc -l <"$T/large/0")" -gt "$1" ]
}
wait_for 20 "it counts" large_counts_to 100
other=beta
[ "$(field alpha large node)" = beta ] && other=gamma
check "move" ctl alpha move large "$other"
is_too_large() {
	ctl alpha history large | grep -q "larger than handoff.max_size"
}
wait_for 30 "it is called off" is_too_large
lines=$(wc -l <"$T/large/0")
wait_for 20 "it counts on" large_counts_to $((lines + 50))
check "no number is missing, none twice" eval \
	'head -n -1 "$T/large/0" | awk "\$1 != NR { exit 1 }"'
check "it is where it was" test "$(field alpha large node)" != "$other"
check "delete" ctl alpha delete large

# said HOST TEXT: how often its skepd did; skepctl may take longer than a drain.
said() {
	grep -c -- "$2" "$T/$1/skepd.log"
}
# drain_begins HOST OTHER: asked at the other, until some have left and not all.
drain_begins() {
	local moved drained
	check "some are on $1" test "$(count_on "$2" "$1")" -ge 10
	moved=$(said "$1" "moved: $1 -> .*, ready")
	drained=$(said "$1" "$1 node_state: drained")
	ctl "$2" node drain "$1" -y --detach --max-parallel 2 &
	is_moving() {
		[ "$(said "$1" "moved: $1 -> .*, ready")" -gt "$moved" ]
	}
	wait_for 30 "some have left $1" is_moving "$1"
	check "and not all" test \
		"$(said "$1" "$1 node_state: drained")" = "$drained"
}
node_dies() {
	kill -9 "$(processes skep-node | awk -v h="$1" '$1 == h { print $2 }')"
}

step "drain alpha; its node is killed in the middle"
drain_begins alpha gamma
node_dies alpha
wait_for 60 "alpha is drained" is_drained gamma alpha
wait_for 30 "all sixty are ready" ready_count_is gamma 60
check "nothing runs there" test \
	"$(processes counter | grep -c '^alpha')" = 0
wait_for 10 "no number is missing, none twice" no_number_lost
check "undrain" ctl gamma node undrain alpha

step "drain gamma; the nodes it goes to are killed in the middle"
drain_begins gamma gamma
node_dies alpha
node_dies beta
wait_for 90 "gamma is drained" is_drained gamma gamma
wait_for 30 "all sixty are ready" ready_count_is gamma 60
check "nothing runs there" test \
	"$(processes counter | grep -c '^gamma')" = 0
wait_for 10 "no number is missing, none twice" no_number_lost
check "undrain" ctl gamma node undrain gamma

step "a counter that never answers moves without its state"
cat >"$T/mute.yaml" <<END
services:
  mute:
    command: ["$COUNTER", -m, "$T/out-mute"]
    user: root
    handoff: {timeout: 1s}
    placement: {pin: alpha}
END
check "apply" ctl alpha apply -f "$T/mute.yaml"
is_mute_on() {
	[ "$(field beta mute node)" = "$1" ] &&
		[ "$(field beta mute state)" = ready ]
}
wait_for 20 "it runs on alpha" is_mute_on alpha
sed -i 's/pin: alpha/pin: beta/' "$T/mute.yaml"
check "apply, pinned to beta" ctl alpha apply -f "$T/mute.yaml"
wait_for 30 "it runs on beta" is_mute_on beta
check "history says why it came without" bash -c "
	'$SKEPCTL' -s '$T/alpha/run/skepd.sock' history mute |
	grep -q 'no answer to the handoff signal'"

step "a symlink in place of the state gives nothing away"
cat >"$T/thief.yaml" <<END
services:
  thief:
    command: [/bin/sh, -c, "trap 'ln -s /etc/shadow \$SKEP_STATE_OUT' USR1; while :; do sleep 0.1; done"]
    user: nobody
    handoff: {timeout: 5s}
    placement: {pin: alpha}
END
check "apply" ctl alpha apply -f "$T/thief.yaml"
is_thief_on() {
	[ "$(field beta thief node)" = "$1" ] &&
		[ "$(field beta thief state)" = ready ]
}
wait_for 20 "it runs on alpha" is_thief_on alpha
sed -i 's/pin: alpha/pin: beta/' "$T/thief.yaml"
check "apply, pinned to beta" ctl alpha apply -f "$T/thief.yaml"
is_called_off() {
	ctl alpha history thief | grep -q 'called off'
}
wait_for 30 "the move is called off, with its reason" is_called_off
ctl alpha history thief | grep 'called off' | tail -n 1
check "no sealed state holds a password" bash -c \
	"! grep -rqs 'root:' '$T'/*/state/dumps '$T'/*/state/work"
is_kept() {
	[ -L "$(echo "$T"/alpha/state/work/*/state.skep-unsealed)" ]
}
wait_for 20 "what could not be sealed is kept for people" is_kept
check "and they are told where" eval \
	'ctl alpha history thief | grep -q "could not be sealed.*skep-unsealed"'

step "what a service wrote before it was asked is no answer"
# The first time it has no state to give, and writes one too late; then it needs
# a while.
cat >"$T/late" <<'END'
#!/bin/sh
[ -z "$SKEP_STATE_IN" ] || cp "$SKEP_STATE_IN" "$1.got"
put() {
	sleep 0.3
	echo "$1" >"$SKEP_STATE_OUT.new"
	mv "$SKEP_STATE_OUT.new" "$SKEP_STATE_OUT"
}
asked() {
	if [ -e "$1.asked" ]; then
		put new
	else
		: >"$1.asked"
		: >"$SKEP_STATE_OUT.ignore"
		put old
	fi
}
trap 'asked "$1"' USR1
while :; do sleep 0.1; done
END
chmod 755 "$T/late"
cat >"$T/late.yaml" <<END
services:
  late:
    command: ["$T/late", "$T/large/late"]
    user: nobody
    handoff: {timeout: 20s, required: true}
    placement: {pin: alpha}
END
check "apply" ctl alpha apply -f "$T/late.yaml" --wait
sed -i 's/pin: alpha/pin: beta/' "$T/late.yaml"
check "apply, pinned to beta" ctl alpha apply -f "$T/late.yaml"
has_written_late() {
	ctl alpha history late | grep -q 'asked to stay' &&
		[ -e "$(echo "$T"/alpha/state/work/*/state)" ]
}
wait_for 30 "it has nothing to give, and writes something later" \
	has_written_late
wait_for 60 "it is asked once more, and gives it" test -e "$T/large/late.got"
check "what it wrote then has arrived" grep -q new "$T/large/late.got"

step "a host that takes states loses power in the middle of a drain"
check "delete" ctl alpha delete mute thief late
check "beta is empty at first" ctl alpha node drain beta -y
check "undrain" ctl alpha node undrain beta
check "it is the only one that takes them" ctl alpha node cordon gamma
drain_begins alpha gamma
power_off beta
check "uncordon" ctl alpha node uncordon gamma
wait_for 90 "alpha is drained" is_drained gamma alpha
counters_without_beta() {
	[ "$(json gamma '[.instances[] | select(.service == "counter" and
		.state == "ready" and .node != "beta")] | length' status)" = 60 ]
}
wait_for 30 "all sixty are ready, none on beta" counters_without_beta
# was_given FILE: whether its counter had been given to beta for good.
was_given() {
	ctl alpha history "counter@$(basename "$1")" |
		grep -q 'committed, to beta'
}
# What beta had is gone with it: it goes on from what beta was given, or begins
# anew.  Nothing else does, and no number is missing or there twice.
only_what_beta_had_is_lost() {
	local f from
	for f in "$T"/out/*; do
		from=$(head -n -1 "$f" | awk '
			NR > 1 && $1 != last + 1 {
				is_back = node == "beta" && $1 == first
				is_good = ($1 == 1 || is_back) && !breaks++
				print is_good ? node : "after " last " on " \
					node " came " $1 " on " $3
			}
			$3 != node { first = $1 }
			{ last = $1; node = $3 }')
		case $from in
		"") ;;
		beta) ;;
		alpha) was_given "$f" || {
			echo "$f begins anew, and beta did not have it"
			return 1
		} ;;
		*)
			echo "$f: $from"
			return 1
			;;
		esac
	done
}
check "what beta did not have has all its numbers" only_what_beta_had_is_lost
lines=$(wc -l "$T"/out/* | sort -n | head -n 1 | awk '{print $1}')
wait_for 20 "all count on" all_count_on $((lines + 50))
check "and still" only_what_beta_had_is_lost
finish
