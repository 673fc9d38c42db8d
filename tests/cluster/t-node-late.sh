#!/bin/bash
# A skep-node that ended and is not back for longer than the others' patience:
# its keeper holds the door, takes their connections, and nobody says Hello.
# They wait restart_grace for it; nothing runs twice, nothing moves.
BUDGET=90
POLICY="allow_root = yes
allowed_users = nobody"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/counters.sh"
cluster_begin alpha beta gamma

# Its node begins only while nothing holds it.
mkdir "$T/libexec"
for program in skep-logger skep-mover; do
	ln -s "$SKEP_BUILD/$program" "$T/libexec/$program"
done
cat >"$T/libexec/skep-node" <<-END
	#!/bin/sh
	while [ -e "$T/hold" ]; do sleep 0.05; done
	exec "$SKEP_BUILD/skep-node" "\$@"
END
chmod 755 "$T/libexec/skep-node"
host_start alpha beta
SKEP_BUILD=$T/libexec host_start gamma
for h in alpha beta gamma; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done
counters 12
check "set" ctl beta cluster set restart_grace 30s
where() {
	json "$1" '[.instances[] | [.name, .node, .epoch]] | sort' status
}
where alpha >"$T/before"

step "the node of gamma ends, and is away for three times their patience"
sees() {
	json "$1" '.nodes[] | select(.name == "gamma") | .state' node list
}
is_suspect() {
	[ "$(sees "$1")" = suspect ]
}
touch "$T/hold"
kill -9 "$(processes 'skep-node ' | awk '$1 == "gamma" { print $2 }')"
killed=$(elapsed_ms)
wait_for 10 "alpha suspects it" is_suspect alpha
wait_for 10 "beta suspects it" is_suspect beta
is_late() {
	[ $(($(elapsed_ms) - killed)) -ge 6000 ]
}
wait_for 10 "six seconds are over" is_late
for h in alpha beta; do
	check "$h suspects it, no more" is_suspect $h
done

step "it comes"
rm "$T/hold"
for h in alpha beta gamma; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done
wait_for 20 "all are ready" ready_count_is alpha 12
where alpha >"$T/after"
check "nothing moved or began again" diff "$T/before" "$T/after"
nobody_said() {
	! ctl "$1" events | grep -q node_down
}
for h in alpha beta; do
	check "$h never held it for dead" nobody_said $h
done
check "no number is missing, none twice" no_number_lost
lines=$(wc -l "$T"/out/* | sort -n | head -n 1 | awk '{print $1}')
wait_for 20 "all count on" all_count_on $((lines + 20))
finish
