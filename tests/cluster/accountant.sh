# What t-accountant.sh runs for two minutes and t-long-accountant.sh for an hour.
#
# GIVERS services give out consecutive numbers, each from a state that only
# lives in its memory and moves with it; half of them have checkpoints.  On
# every host a client takes numbers from all of them, where its own skepd says
# that they are.  Meanwhile EVENTS random things happen: hosts are drained and
# undrained, lose their power and get it back, are replaced by new ones, are
# cut from each other, are parted from all others; parts of skepd and programs
# are killed; disks are full or slow.  The draws come from SEED alone (printed),
# what they meet does not.  Then all is mended, and one host after the other
# loses its power while the others have no trouble: nothing may be lost then but
# what status had announced.  In the end judge.py says of everything that was
# written down whether a number was given twice or lost that must not be.
POLICY="allow_root = yes
allowed_users = nobody"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/disks.sh"
SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
EVENTS=${EVENTS:-200}
GIVERS=${GIVERS:-50}
RUN_S=${RUN_S:-100}   # seconds in which they happen, about
ALL="alpha beta gamma delta epsilon" # the last one joins later
FIRST=7501 MIDDLE=$((7500 + GIVERS / 2)) LAST=$((7500 + GIVERS))
GIVER=$SKEP_BUILD/tests/cluster/giver
[ -x "$GIVER" ] || fail "$GIVER is not built"
command -v python3 >/dev/null || skip "python3 is not installed"

# --- What is written down ---

now() {
	echo "${EPOCHREALTIME/[.,]/}"
}
# event WORD...: for the judge and for whoever reads.
event() {
	echo "event $(now) $*" >>"$T/events"
}

accountant_cleanup() {
	touch "$T/enough"
	disks_cleanup
}

# --- Processes ---

# parts HOST NAME: the processes of that part of skepd.
parts() {
	local pid name
	for pid in $(cat "$CG/$1/cgroup.procs" 2>/dev/null); do
		read -r name <"/proc/$pid/comm" || continue
		[ "$name" = "$2" ] && echo "$pid"
	done 2>/dev/null
}
# givers HOST: one line "PID NAME" for each program that runs there.
givers() {
	local pid name
	for pid in $(find "$CG/$1" -mindepth 2 -name cgroup.procs \
		-exec cat {} + 2>/dev/null); do
		read -r name <"/proc/$pid/comm" || continue
		[ "$name" = giver ] || continue
		while read -r -d '' name; do
			[ "${name#SKEP_NAME=}" = "$name" ] ||
				echo "$pid ${name#SKEP_NAME=}"
		done <"/proc/$pid/environ"
	done 2>/dev/null
}
# The directory of each, which is the same on all hosts, while all run.
note_places() {
	local h pid
	for h in $ALL; do
		for pid in $(givers "$h" | awk '{ print $1 }'); do
			tr '\0' '\n' <"/proc/$pid/environ" | awk -F= '
				$1 == "SKEP_NAME" { name = $2 }
				$1 == "SKEP_STATE_OUT" { split($2, part, "/") }
				END { for (i in part) if (part[i] == "work")
					print part[i + 1], name }'
		done
	done >"$T/places"
}
# What was put aside here and is not sealed, because the disk is full: nothing
# of that could be written down either.  Nor can it be until the store and the
# seals are tried again, seconds after the disk has room.
unsealed_names() {
	local state
	[ -n "${FULL[$1]}" ] || [ $((SECONDS - ${FREED[$1]:--99})) -lt 10 ] ||
		return 0
	for state in "$T/$1/state/work"/*/state; do
		[ -e "$state" ] || continue
		state=${state%/state}
		awk -v place="${state##*/}" '$1 == place { print $2 }' \
			"$T/places"
	done
}
givers_are() {
	local h
	[ "$(for h in $ALL; do givers "$h"; done | awk '{ print $2 }' |
		sort | tee "$T/running" | uniq | wc -l)" = "$1" ] &&
		[ "$(wc -l <"$T/running")" = "$1" ]
}
# The states that only this host's disk holds: moves from here that are not
# committed, and what came and did not start yet.  The second byte of a record
# of a move is its state (core/handoff.h): 3 stopping, 5 frozen.  That of an
# owner says whether it has a state (core/instance.c).
sealed_names() {
	rm -rf "$T/$1/copy"
	mkdir "$T/$1/copy"
	cp "$T/$1/state/skep.db"* "$T/$1/copy/" 2>/dev/null
	python3 - "$T/$1/copy/skep.db" <<-'PY'
		import sqlite3, struct, sys
		def behind_text(value, at):
		    return at + 4 + struct.unpack_from("<I", value, at)[0] + 1
		def is_staged(value):
		    at = behind_text(value, behind_text(value, 1) + 5)
		    return value[at + 41 + (8 if value[0] > 1 else 0)]
		store = sqlite3.connect(sys.argv[1])
		for key, value in store.execute("SELECT key, value FROM handoff"):
		    if value[1] in (3, 5):
		        print(bytes(key).decode())
		for key, value in store.execute("SELECT key, value FROM owner"):
		    if is_staged(value):
		        print(bytes(key).decode())
	PY
}
# What it says of others, for the judge.
told() {
	python3 - "$T/$1/state/skep.db" "$1" >>"$T/told" <<-'PY'
		import sqlite3, sys
		for ms, kind, name in sqlite3.connect(sys.argv[1]).execute(
		        "SELECT wall_ms, kind, name FROM events WHERE kind IN"
		        " ('node_down', 'node_up') ORDER BY id"):
		    print("event", ms * 1000, kind[5:], name, sys.argv[2])
	PY
}
# The power goes: everything stands still, is looked at, and is gone.
lose_power() {
	local h=$1 n=0
	disk_fast "$h"
	echo 1 >"$CG/$h/cgroup.freeze"
	until grep -q 'frozen 1' "$CG/$h/cgroup.events"; do
		n=$((n + 1))
		[ $n -lt 600 ] || fail "$h does not freeze"
		sleep 0.01
	done
	unplug "$h"
	event died "$h" $({ givers "$h" | awk '{ print $2 }'
		sealed_names "$h"
		unsealed_names "$h"; } | sort -u)
	power_off "$h"
	echo 0 >"$CG/$h/cgroup.freeze"
}
power_on() {
	event powered "$1"
	host_start "$1"
	POWER[$1]=on
}

# --- What happens ---

declare -A POWER DRAINED PARTED FULL FREED SLOW
CUT_A='' CUT_B=''

# hosts WORD...: LIST is those for which all of these hold.
hosts() {
	local h word
	LIST=()
	for h in $ALL; do
		for word in "$@"; do
			case $word in
			on | off | new) [ "${POWER[$h]}" = "$word" ] ;;
			whole) [ -z "${PARTED[$h]}" ] ;;
			parted) [ -n "${PARTED[$h]}" ] ;;
			active) [ -z "${DRAINED[$h]}" ] ;;
			drained) [ -n "${DRAINED[$h]}" ] ;;
			full) [ -n "${FULL[$h]}" ] ;;
			slow) [ -n "${SLOW[$h]}" ] ;;
			esac || continue 2
		done
		LIST+=("$h")
	done
}
# has COUNT WORD...: whether there are more than that.
has() {
	hosts "${@:2}"
	[ ${#LIST[@]} -gt "$1" ]
}
# draw WORD...: H is one of these hosts.
draw() {
	hosts "$@"
	H=${LIST[RANDOM % ${#LIST[@]}]}
}
# ask ARGS...: of a host that can be asked.
ask() {
	hosts on whole
	timeout 10 "$SKEPCTL" -s "$T/${LIST[0]}/run/skepd.sock" "$@" \
		>>"$T/asked" 2>&1
}

# Each of these has "can", whether it can happen, and "do".
can_drain() { ! has 1 drained && has 2 on whole active; }
do_drain() {
	draw on whole active
	ask node drain "$H" -y --detach --deadline 20s && DRAINED[$H]=yes
}
can_undrain() { has 0 drained; }
do_undrain() {
	draw drained
	ask node undrain "$H" && DRAINED[$H]=
}
can_kill() { true; }
do_kill() {
	local kinds=(skep-node skep-node skep-mover skep-logger) pid kind
	draw on
	kind=${kinds[RANDOM % 4]}
	H="$H $kind"
	pid=$(parts "${H% *}" "$kind" | head -n 1)
	[ -n "$pid" ] && kill -9 "$pid" 2>/dev/null
}
can_keeper() { true; }
do_keeper() {
	local pids
	draw on
	pids=$(parts "$H" skepd)
	[ -n "$pids" ] || return 1 # it is about to be one
	kill -9 $pids 2>/dev/null
	wait_for 30 "$H: its helpers leave" no_keeper "$H"
	keeper_start "$H"
}
can_program() { true; }
do_program() {
	local list one
	draw on
	mapfile -t list < <(givers "$H")
	[ ${#list[@]} -gt 0 ] || return 1
	one=${list[RANDOM % ${#list[@]}]}
	event killed "$H" "${one#* }"
	kill -9 "${one% *}"
}
can_power() { ! has 0 off && ! has 0 parted; }
do_power() {
	draw on
	lose_power "$H"
	POWER[$H]=off SLOW[$H]=''
}
can_on() { has 0 off; }
do_on() {
	draw off
	power_on "$H"
}
can_join() { has 0 new; }
do_join() {
	draw new
	power_on "$H"
}
# A host that is gone for good, and a new one of its name.
can_replace() { has 0 off; }
do_replace() {
	draw off
	ask node forget "$H" -y || return 1
	disk_free "$H"
	told "$H"
	find "$T/$H/state" -mindepth 1 -delete
	FULL[$H]='' DRAINED[$H]=
	power_on "$H"
}
# Two that do not hear each other; all others hear both.
can_cut() { [ -z "$CUT_A" ] && has 2 on whole; }
do_cut() {
	draw on whole
	CUT_A=$H
	draw on whole
	CUT_B=$H
	H="$CUT_A $CUT_B"
	[ "$CUT_A" != "$CUT_B" ] || { CUT_A=; return 1; }
	event cut "$CUT_A" "$CUT_B"
	cut "$CUT_A" "$CUT_B"
	[ $((RANDOM % 2)) = 0 ] || CUT_ONE_WAY=yes
	[ -n "${CUT_ONE_WAY:-}" ] || cut "$CUT_B" "$CUT_A"
}
can_heal() { [ -n "$CUT_A" ]; }
do_heal() {
	H="$CUT_A $CUT_B"
	heal "$CUT_A"
	[ -n "${CUT_ONE_WAY:-}" ] || heal "$CUT_B"
	event healed "$CUT_A" "$CUT_B"
	CUT_A='' CUT_ONE_WAY=''
}
can_part() { ! has 0 off && ! has 0 parted &&
	has 3 on; }
do_part() {
	draw on
	event parted "$H"
	unplug "$H"
	PARTED[$H]=yes
}
can_plug() { has 0 parted; }
do_plug() {
	draw parted
	plug "$H"
	event joined "$H"
	PARTED[$H]=
}
can_fill() { [ -n "$HAS_DISKS" ] && ! has 0 full; }
do_fill() {
	draw on
	disk_fill "$H"
	FULL[$H]=yes
}
can_free() { has 0 full; }
do_free() {
	draw full
	disk_free "$H"
	FULL[$H]='' FREED[$H]=$SECONDS
}
can_slow() { [ -n "$HAS_DISKS" ] && ! has 0 slow; }
do_slow() {
	draw on
	disk_slow "$H"
	SLOW[$H]=yes
}
can_fast() { has 0 slow; }
do_fast() {
	draw slow
	disk_fast "$H"
	SLOW[$H]=
}
# How often each is drawn when it can be.
DRAWN="drain*8 undrain*6 kill*8 keeper*2 program*3 power*3 on*4 join*2 \
	replace*1 cut*3 heal*4 part*1 plug*3 fill*2 free*3 slow*2 fast*3"

happen() {
	local word list=() n
	for word in $DRAWN; do
		can_${word%\**} || continue
		for ((n = 0; n < ${word#*\*}; n++)); do
			list+=("${word%\**}")
		done
	done
	word=${list[RANDOM % ${#list[@]}]}
	H=
	if do_$word; then
		event done "$word" $H
		HAPPENED[$word]=$((${HAPPENED[$word]:-0} + 1))
	else
		event vain "$word" $H
		VAIN=$((VAIN + 1))
	fi
}
mend_all() {
	local h
	[ -z "$CUT_A" ] || do_heal
	hosts slow
	for h in "${LIST[@]}"; do disk_fast "$h"; done
	hosts full
	for h in "${LIST[@]}"; do disk_free "$h"; done
	hosts parted
	for h in "${LIST[@]}"; do
		plug "$h"
		event joined "$h"
		PARTED[$h]=
	done
	for h in $ALL; do
		[ "${POWER[$h]}" = on ] || power_on "$h"
	done
	hosts drained
	for h in "${LIST[@]}"; do
		wait_for 60 "undrain $h" ask node undrain "$h"
	done
}

# Host $1 says of every service with checkpoints what would be lost.
all_announced() {
	[ "$(json "$1" '[.instances[] | select(.state == "ready" and
		.checkpoint.loss_ms != null)] | length' status)" = \
		$((GIVERS - MIDDLE + FIRST - 1)) ]
}
# What is said from now on, judge.py believes: the loss before is older than
# its BEFORE_S.
LOST_AT=0
is_calm() {
	[ "$(elapsed_ms)" -gt $((LOST_AT + 5500)) ]
}
# lose_alone HOST OTHER
lose_alone() {
	wait_for 60 "the loss before is known to all" is_calm
	wait_for 60 "a checkpoint of each is held" all_announced "$2"
	wait_for 60 "all give" all_gave_since "$(now)"
	LOST_AT=$(elapsed_ms)
	lose_power "$1"
	wait_for 60 "$2 misses $1" alive_count_is "$2" 4
	wait_for 60 "all are ready without $1" ready_count_is "$2" "$GIVERS"
	power_on "$1"
	wait_for 60 "$2 sees $1" alive_count_is "$2" 5
}

# --- The test ---

RANDOM=$SEED
cluster_begin $ALL
trap accountant_cleanup EXIT
say "SEED=$SEED EVENTS=$EVENTS GIVERS=$GIVERS"
HAS_DISKS=yes
for h in $ALL; do
	disk_make "$h" || HAS_DISKS=
	POWER[$h]=on DRAINED[$h]='' PARTED[$h]='' FULL[$h]='' SLOW[$h]=''
done
[ -n "$HAS_DISKS" ] || say "no disks of their own here: none full, none slow"
POWER[epsilon]=new
: >"$T/events"
install -m 0666 /dev/null "$T/starts"
cat >"$T/givers.yaml" <<END
services:
  giver:
    command: ["$GIVER", "%i", "$T/starts"]
    user: nobody
    instances: [$(seq -s ', ' -f '"%g"' $FIRST $MIDDLE)]
    restart: {delay: 100ms, max_delay: 1s}
    handoff: {required: true, timeout: 10s}
  keeper:
    command: ["$GIVER", "%i", "$T/starts"]
    user: nobody
    instances: [$(seq -s ', ' -f '"%g"' $((MIDDLE + 1)) $LAST)]
    restart: {delay: 100ms, max_delay: 1s}
    handoff: {required: true, timeout: 10s}
    checkpoint: {every: 1s, signal: SIGUSR2, replicas: 1}
END
FIRST_HOSTS=${ALL% *}
host_start $FIRST_HOSTS
for h in $FIRST_HOSTS; do
	wait_for 60 "$h sees four alive" alive_count_is "$h" 4
done
check "apply" ctl alpha apply -f "$T/givers.yaml"
wait_for 60 "all are ready" ready_count_is alpha "$GIVERS"
note_places
check "each has its place" test "$(wc -l <"$T/places")" = "$GIVERS"

addresses=$(for h in $ALL; do echo "$h=$(address_of "$h")"; done)
names=$(seq -s , -f 'giver@%g' $FIRST $MIDDLE),$(
	seq -s , -f 'keeper@%g' $((MIDDLE + 1)) $LAST)
takers=()
for h in $ALL; do
	nsenter --net="/run/netns/$NS-$h" \
		python3 "$SKEP_SOURCE/tests/cluster/taker.py" \
		"$T/$h/run/skepd.sock" "$T/numbers.$h" "$T/enough" \
		"$names" $addresses 2>"$T/taker.$h" &
	takers+=($!)
done
# All services gave to somebody after that time.
all_gave_since() {
	[ "$(cat "$T"/numbers.* | awk -v since="$1" '$1 == "got" && $8 > since {
		print $2 }' | sort -u | wc -l)" = "$GIVERS" ]
}
wait_for 60 "all have given" all_gave_since 0

step "$EVENTS events"
declare -A HAPPENED
VAIN=0
began=$(elapsed_ms)
for ((n = 1; n <= EVENTS; n++)); do
	happen
	# The next one comes at a moment that is drawn.
	at=$((began + RUN_S * 1000 * n / EVENTS - RUN_S * 500 / EVENTS +
		RUN_S * 1000 / EVENTS * (RANDOM % 100) / 100))
	left=$((at - $(elapsed_ms)))
	[ $left -le 0 ] || sleep "$((left / 1000)).$(printf %03d $((left % 1000)))"
done
say "    in $((($(elapsed_ms) - began) / 1000)) s, $VAIN in vain:$(
	for word in "${!HAPPENED[@]}"; do
		echo -n " $word ${HAPPENED[$word]}"
	done)"

step "all is mended"
mend_all
for h in $ALL; do
	wait_for 120 "$h sees five alive" alive_count_is "$h" 5
done
wait_for 120 "all are ready" ready_count_is alpha "$GIVERS"
wait_for 60 "all agree" where_agrees $ALL
wait_for 60 "each runs once" givers_are "$GIVERS"
step "each host goes once, and nothing else happens"
other=alpha
for h in epsilon delta gamma beta alpha; do
	[ "$h" != alpha ] || other=beta
	lose_alone "$h" "$other"
done
wait_for 60 "all agree" where_agrees $ALL
wait_for 60 "each runs once" givers_are "$GIVERS"
event end
wait_for 60 "all give" all_gave_since "$(now)"
touch "$T/enough"
wait "${takers[@]}"
check "no client met what is not a number" test -z \
	"$(cat "$T"/taker.*)"

step "what was written down"
for h in $ALL; do
	told "$h"
done
if ! python3 "$SKEP_SOURCE/tests/cluster/judge.py" "$T/starts" "$T/events" \
	"$T/told" "$T"/numbers.*; then
	TAIL=0 fail "SEED=$SEED: it is judged wrong"
fi
finish
