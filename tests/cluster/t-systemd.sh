#!/bin/bash
# The units of contrib/systemd under a systemd of our own: services outlive
# every reload, restart and end of skepd.service, and are stopped before the
# network goes.
BUDGET=120
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/systemd.sh"
SOURCE=$HERE/../..
box_possible
mount=$(find_cgroup2)
T=$(mktemp -d "${TMPDIR:-/tmp}/skep-$NAME.XXXXXX")
chmod 755 "$T"
CG=$mount/skep-test-$$
mkdir "$CG" || skip "cannot make a cgroup in $mount"
HOSTS=()

cleanup() {
	trap - EXIT
	kill_cgroup "$CG/box"
	find "$CG" -depth -type d -exec rmdir {} \; 2>/dev/null
	[ -n "${KEEP:-}" ] && say "kept: $T" || rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 143' TERM INT
say "budget $BUDGET s, files in $T"

# --- What is in the box

# dir_of VARIABLE: where this build installs what, and looks for it.
dir_of() {
	make -s -C "$SKEP_BUILD" --no-print-directory \
		--eval "print-dir: ; @echo \$($1)" print-dir
}

# unit NAME: a unit of the administrator's, from standard input.
unit() {
	sed 's/^	*//' >"$OWN/etc/systemd/system/$1"
}

enable() {
	mkdir -p "$OWN/etc/systemd/system/multi-user.target.wants"
	ln -s "$2/$1" "$OWN/etc/systemd/system/multi-user.target.wants/$1"
}

# The network of the box is a unit that says when it came and went.
network_unit() {
	unit network.service <<-END
		[Unit]
		Wants=network-online.target
		Before=network.target network-online.target
		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=/out/note network up
		ExecStop=/out/note network down
		[Install]
		WantedBy=multi-user.target
	END
	enable network.service /etc/systemd/system
}

# What is written into /out/notes: "WHO WHAT PID MILLISECONDS".
note_program() {
	cat >"$OWN/out/note" <<-'END'
		#!/bin/bash
		read -r up _ </proc/uptime
		echo "$1 $2 ${3:-$$} ${up/./}" >>/out/notes
	END
	cat >"$OWN/out/serve" <<-'END'
		#!/bin/bash
		trap '/out/note "$SKEP_NAME" end $$; exit 0' TERM
		/out/note "$SKEP_NAME" start $$
		exec 8<> <(:)
		while :; do read -r -t 1 -u 8; done
	END
	chmod 755 "$OWN/out/note" "$OWN/out/serve"
	: >"$OWN/out/notes"
}

skep_conf() {
	mkdir -p "$OWN/etc/skep/services.d"
	"$SKEPCTL" keygen "$OWN/etc/skep/cluster.key" >/dev/null ||
		fail "skepctl keygen"
	chown "$(awk -F: '$1 == "skep" { print $3 }' "$OWN/etc/passwd")" \
		"$OWN/etc/skep/cluster.key"
	printf '%s\n' '[node]' 'name = alpha' 'listen = 127.0.0.1:7400' \
		'names_max = 20000' '[cluster]' 'name = box' \
		'[policy]' 'allow_root = yes' >"$OWN/etc/skep/skep.conf"
	cat >"$OWN/etc/skep/services.d/serve.yaml" <<-END
		services:
		  serve:
		    command: [/out/serve]
		    user: root
		    replicas: $COUNT
	END
}

units_of_skep() {
	local f
	for f in skepd.service skep-shutdown.service; do
		box_install "$SKEP_BUILD/contrib/systemd/$f" "$UNITS/$f" 644
		cp "$SKEP_BUILD/contrib/systemd/$f" "$BOX_DIR/units/"
		enable "$f" "$UNITS"
		# Only so that a failure shows why.
		mkdir -p "$OWN/etc/systemd/system/$f.d"
		printf '[Service]\nStandard%s=append:/out/skepd.log\n' \
			Output >"$OWN/etc/systemd/system/$f.d/log.conf"
	done
	# With the drain when the host goes down, which nothing else may begin.
	mkdir -p "$OWN/etc/systemd/system/skep-shutdown.service.d"
	sed 's/--deadline 60s/--deadline 2s/' \
		"$SKEP_BUILD/contrib/systemd/skep-drain.conf" \
		>"$OWN/etc/systemd/system/skep-shutdown.service.d/drain.conf"
	systemd-sysusers --root="$OWN" \
		"$SOURCE/contrib/systemd/sysusers/skep.conf" \
		>"$T/sysusers.log" 2>&1 || {
		cat "$T/sysusers.log"
		fail "systemd-sysusers refuses sysusers/skep.conf"
	}
}

COUNT=3
BOX_DIR=$T/box
OWN=$BOX_DIR/own
LIBEXEC=$(dir_of skeplibexecdir)
case $LIBEXEC in
/usr/*) ;;
*) skip "built for '$LIBEXEC', which is not below /usr" ;;
esac
box_make "$BOX_DIR"
for p in skep-node skep-logger skep-mover skep-prober; do
	[ ! -x "$SKEP_BUILD/$p" ] || box_install "$SKEP_BUILD/$p" "$LIBEXEC/$p"
done
box_install "$SKEPD" "$(dir_of sbindir)/skepd"
box_install "$SKEPCTL" "$(dir_of bindir)/skepctl"
units_of_skep
network_unit
note_program
skep_conf
NOTES=$OWN/out/notes

# --- What is asked of it

failed() {
	tail -n 30 "$OWN/out/skepd.log"
	box systemctl --no-pager status skepd.service skep-shutdown.service
	cat "$T/box.log"
}

# property UNIT NAME
property() {
	box systemctl show -P "$2" "$1"
}

property_is() {
	[ "$(property "$1" "$2")" = "$3" ] || {
		echo "$2 of $1 is $(property "$1" "$2")"
		return 1
	}
}

ready() {
	[ "$(box skepctl -o json status | jq '[.instances[] |
		select(.state == "ready")] | length')" = "$1" ]
}

# note_of WHO WHAT: when, the last time.
note_of() {
	awk -v who="$1" -v what="$2" '
		$1 == who && $2 == what { at = $4 }
		END { print at }' "$NOTES"
}

starts() {
	awk '$1 ~ /^serve@/ && $2 == "start" { print $3 }' "$NOTES" | sort
}

# The same services as before, all alive.
untouched() {
	starts | diff "$T/before" - || return 1
	! grep '^serve@.* end ' "$NOTES" || return 1
	# shellcheck disable=SC2046
	box kill -0 $(cat "$T/before")
}

keeper() {
	property skepd.service MainPID
}

keeper_is_not() {
	local now
	now=$(keeper)
	[ "$now" != 0 ] && [ "$now" != "$1" ] &&
		property_is skepd.service ActiveState active
}

step "boot"
box_start
wait_for 30 "multi-user.target is reached" \
	property_is multi-user.target ActiveState active
check "skepd.service runs" property_is skepd.service ActiveState active
wait_for 30 "$COUNT services are ready" ready $COUNT
starts >"$T/before"
check "$COUNT were started" test "$(wc -l <"$T/before")" = $COUNT
in_order() {
	local before=$1
	shift
	for at; do
		echo "$before, then $at"
		[ "$before" -le "$at" ] || return 1
		before=$at
	done
}
check "after the network" in_order "$(note_of network up)" \
	"$(note_of serve@1 start)"
check "no unit failed" test -z "$(box systemctl --failed --plain --no-legend)"

step "systemctl reload"
first=$(keeper)
sed -i 's/^name = alpha/&\nweight = 77/' "$OWN/etc/skep/skep.conf"
weight_is() { box skepctl -o json node list | grep -q "\"weight\": *$1\>"; }
check "reload" box systemctl reload skepd.service
check "skepd is the same process" test "$(keeper)" = "$first"
wait_for 20 "skepd has read its configuration anew" \
	weight_is 77
wait_for 30 "the services are ready" ready $COUNT
check "and untouched" untouched
echo nonsense >>"$OWN/etc/skep/skep.conf"
not() { ! "$@"; }
check "a broken skep.conf is refused" not box systemctl reload skepd.service
check "skepd is the same process" test "$(keeper)" = "$first"
sed -i '$d' "$OWN/etc/skep/skep.conf"

step "systemctl restart"
check "restart" box systemctl restart skepd.service
check "skepd is another process" keeper_is_not "$first"
wait_for 30 "the services are ready" ready $COUNT
check "and untouched" untouched

step "skep-shutdown.service by hand"
check "it cannot be stopped" not box systemctl stop skep-shutdown.service
check "nor restarted" not box systemctl restart skep-shutdown.service
check "nor by what restarts what was updated" not \
	box systemctl try-restart skep-shutdown.service
check "the services are untouched" untouched
intent_is() {
	[ "$(box skepctl -o json node list | jq -r '.nodes[0].intent')" = "$1" ]
}
check "and no drain has begun" intent_is active

step "skepd crashes"
crashed=$(keeper)
check "kill -9" box kill -9 "$crashed"
wait_for 20 "skepd is another process" keeper_is_not "$crashed"
wait_for 30 "the services are ready" ready $COUNT
check "and untouched" untouched

step "skepd hangs"
mkdir -p "$OWN/etc/systemd/system/skepd.service.d"
printf '[Service]\nWatchdogSec=2s\n' \
	>"$OWN/etc/systemd/system/skepd.service.d/watchdog.conf"
check "the watchdog is set to 2 s" box systemctl daemon-reload
check "restart" box systemctl restart skepd.service
awake=$(keeper)
wait_for 30 "the services are ready" ready $COUNT
set_at=$(date +%s)
longer() { [ $(($(date +%s) - set_at)) -ge 5 ]; }
wait_for 10 "more than its time has passed" longer
check "skepd lives: it gives signs of life" test "$(keeper)" = "$awake"
check "SIGSTOP" box kill -STOP "$awake"
wait_for 60 "skepd is another process" keeper_is_not "$awake"
wait_for 30 "the services are ready" ready $COUNT
check "and untouched" untouched

step "systemctl stop"
check "stop" box systemctl stop skepd.service
check "skepd.service has ended well" \
	property_is skepd.service ActiveState inactive
check "skepd is gone" test -z "$(box ps -C skepd,skep-node,skep-logger -o pid=)"
check "the services run on" untouched
check "start" box systemctl start skepd.service
wait_for 30 "the services are ready" ready $COUNT
check "and untouched" untouched

step "a service ends while no skepd runs"
crashed=$(keeper)
victim=$(head -n 1 "$T/before")
check "kill -9 of both" box kill -9 "$crashed" "$victim"
wait_for 20 "skepd is another process" keeper_is_not "$crashed"
one_more() { [ "$(starts | wc -l)" = $((COUNT + 1)) ]; }
wait_for 30 "the service is started again" one_more
wait_for 30 "the services are ready" ready $COUNT
# What a pidfd in the store of systemd knows, from Linux 6.15 on.
told_how() {
	box skepctl events -n 100 | grep -q "serve@.*$1"
}
if [ "$(printf '%s\n' 6.15 "$(uname -r)" | sort -V | head -n 1)" = 6.15 ]; then
	wait_for 10 "its end is told as it was" told_how "killed by SIGKILL"
fi

step "skepctl shutdown"
check "shutdown" box skepctl shutdown --yes
wait_for 20 "skepd.service has ended well" \
	property_is skepd.service ActiveState inactive
gone() { [ -z "$(box ps -C serve -o pid=)" ]; }
wait_for 20 "the services have ended" gone
ends() { grep -c '^serve@.* end ' "$NOTES"; }
check "each was asked to" test "$(ends)" = $COUNT
check "start" box systemctl start skepd.service
wait_for 30 "the services are ready" ready $COUNT
check "no unit failed" test -z "$(box systemctl --failed --plain --no-legend)"

step "the host goes down"
box systemctl poweroff >/dev/null 2>&1
wait_for 60 "process 1 has ended" box_is_over
check "each service was asked to end" test "$(ends)" = $((2 * COUNT))
check "what could not move was named" grep -q 'left on alpha: serve@1' \
	"$OWN/out/skepd.log"
for i in $(seq $COUNT); do
	check "serve@$i ended before the network went" in_order \
		"$(note_of "serve@$i" end)" "$(note_of network down)"
done

step "the next boot"
: >"$NOTES"
box_start
wait_for 30 "multi-user.target is reached" \
	property_is multi-user.target ActiveState active
wait_for 60 "the services are ready" ready $COUNT
check "each was started once" test "$(starts | wc -l)" = $COUNT
check "after the network" in_order "$(note_of network up)" \
	"$(note_of serve@1 start)"
check "the drain is over" intent_is active

finish
