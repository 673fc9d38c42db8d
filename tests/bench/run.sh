#!/bin/bash
# The numbers of this machine, ours beside the floor and the peers that are
# installed (s6, runit, supervisor).
#
#   run.sh [ROW...]      rows: start memory death status log loss move states
#                        core lookup
#
# Everything of one row is measured in this one run: compare the rows of one
# table, never two tables.  Services are `stamp', which says when it lives.
set -u

: "${SKEP_BUILD:=$PWD}"    # where skepd and the programs of this folder are
: "${SERVICES:=500}"
: "${MANY:=2000}"          # for what each further one costs
: "${ROUNDS:=3}"           # of the starts
: "${DEATHS:=50}"
: "${LOSSES:=3}"
: "${MOVES:=5}"
: "${NAMES:=1000000}"      # in the registry
: "${LOG_MIB:=200}"         # output of one service
: "${REST_S:=3}"           # after the starts, before anything is weighed
HERE=$(cd "$(dirname "$0")" && pwd)
TOOLS=$SKEP_BUILD/tests/bench
DRIVE=$TOOLS/drive
STAMP=$TOOLS/stamp
ROWS=${*:-start memory death status log loss move states core lookup}

B=$(mktemp -d "${TMPDIR:-/tmp}/skep-bench.XXXXXX")
# Sockets, FIFOs and the like live in memory, as in /run; what must be
# durable stays on the disk.
M=$(mktemp -d /dev/shm/skep-bench.XXXXXX 2>/dev/null || mktemp -d)
chmod 755 "$B" "$M"

cleanup() {
	trap - EXIT
	end_peer
	rm -rf "$B" "$M"
}
trap cleanup EXIT
trap 'exit 143' TERM INT

wants() {
	case " $ROWS " in *" $1 "*) true ;; *) false ;; esac
}

# row WHAT UNIT WHO: numbers on standard input, a line of the table out.
row() {
	sort -n | awk -v what="$1" -v unit="$2" -v who="$3" '
		{ v[NR] = $1 }
		END {
			if (NR == 0) {
				printf "%-34s %-22s not measured\n", what, who
				exit
			}
			m = NR % 2 ? v[(NR + 1) / 2] : \
				(v[NR / 2] + v[NR / 2 + 1]) / 2
			printf "%-34s %-22s %3d %12.2f %12.2f .. %.2f %s\n",
				what, who, NR, m, v[1], v[NR], unit
		}'
}

note() {
	printf '%-34s %-22s %s\n' "$1" "$2" "$3"
}

# --- Peers: prepare_NAME COUNT makes $P ready, command_NAME says what to run

prepare_floor() { :; }
command_floor() { echo "$TOOLS/floor $1 $STAMP $P/fifo"; }

prepare_s6() {
	local i
	for ((i = 0; i < $1; i++)); do
		mkdir -p "$P/scan/$i"
		printf '#!/bin/sh\nexec %s %s %s\n' "$STAMP" "$P/fifo" "$i" \
			>"$P/scan/$i/run"
		chmod 755 "$P/scan/$i/run"
	done
}
command_s6() { echo "s6-svscan -c 4000 $P/scan"; }

prepare_runit() { prepare_s6 "$1"; }
command_runit() { echo "runsvdir $P/scan"; }

prepare_supervisord() {
	cat >"$P/conf" <<-END
		[supervisord]
		nodaemon = true
		logfile = $P/log
		pidfile = $P/pid
		childlogdir = $P
		[unix_http_server]
		file = $P/sock
		[rpcinterface:supervisor]
		supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
		[supervisorctl]
		serverurl = unix://$P/sock
		[program:many]
		command = $STAMP $P/fifo %(process_num)d
		process_name = many_%(process_num)d
		numprocs = $1
		stdout_logfile = NONE
		stderr_logfile = NONE
	END
}
command_supervisord() { echo "supervisord -c $P/conf"; }

prepare_skep() {
	mkdir -p "$P/services.d" "$D"
	chown nobody "$D"
	"$SKEP_BUILD/skepctl" keygen "$P/cluster.key" >/dev/null
	[ "$(id -u)" != 0 ] || chown nobody "$P/cluster.key"
	cat >"$P/skep.conf" <<-END
		[node]
		name = alpha
		listen = 127.0.0.1:$((20000 + $$ % 20000))
		state_dir = $D/state
		run_dir = $P/run
		log_dir = $P/log
		services_dir = $P/services.d
		[cluster]
		name = bench
		key_file = $P/cluster.key
		[policy]
		allow_root = yes
	END
	cat >"$P/services.d/many.yaml" <<-END
		services:
	END
	local left=$1 n=0 count
	while [ "$left" -gt 0 ]; do
		count=$((left > 500 ? 500 : left))
		cat >>"$P/services.d/many.yaml" <<-END
			  many$n:
			    command: [$STAMP, $P/fifo, "%n"]
			    user: $(id -un)
			    replicas: $count
			    restart: {reset_after: 1s}
		END
		left=$((left - count)) n=$((n + 1))
	done
	sed -i 's/^\t*//' "$P/services.d/many.yaml"
}
command_skep() {
	echo "$SKEP_BUILD/skepd -c $P/skep.conf $(helper_user)" \
		"--libexec-dir $SKEP_BUILD"
}

helper_user() {
	[ "$(id -u)" != 0 ] || echo "--helper-user nobody"
}

program_of() {
	case $1 in
	floor) echo "$TOOLS/floor" ;;
	s6) echo s6-svscan ;;
	runit) echo runsvdir ;;
	skep) echo "$SKEP_BUILD/skepd" ;;
	*) echo "$1" ;;
	esac
}

# The peers of a row that are installed; says which are not.
installed() {
	local p
	for p in "$@"; do
		command -v "$(program_of "$p")" >/dev/null && echo "$p"
	done
}

# begin_peer NAME COUNT VERB [ARGS...]: runs drive; the peer stays.
begin_peer() {
	local name=$1 count=$2 verb=$3
	shift 3
	P=$M/$name D=$B/$name
	rm -rf "$P" "$D"
	mkdir -p "$P"
	mkfifo "$P/fifo"
	"prepare_$name" "$count"
	# shellcheck disable=SC2046 # words on purpose
	timeout 100 "$DRIVE" "$verb" "$P/fifo" "$count" "$@" -- \
		$("command_$name" "$count")
}

end_peer() {
	local f
	for f in "$M"/*/fifo.pid; do
		[ -f "$f" ] || continue
		"$DRIVE" end "$(cat "$f")"
		rm -f "$f"
	done
}

# --- Rows of one host

# Starts, and what the supervisor weighs then; one further weight at a larger
# number tells what each service adds.
bench_start() {
	local peer i
	for peer in $(installed floor skep s6 runit supervisord); do
		: >"$B/ms"
		: >"$B/kb"
		for ((i = 0; i < ROUNDS; i++)); do
			[ "$peer$i" = supervisord2 ] && break
			begin_peer "$peer" "$SERVICES" start >>"$B/ms"
			sleep "$REST_S"
			"$DRIVE" weigh "$(cat "$P/fifo.pid")" >>"$B/kb"
			end_peer
		done
		row "start $SERVICES services" ms "$peer" <"$B/ms"
		cp "$B/kb" "$B/kb.$peer"
	done
}

bench_memory() {
	local peer
	for peer in $(installed skep s6 runit supervisord); do
		[ -s "$B/kb.$peer" ] || continue
		row "PSS for $SERVICES services" kB "$peer" <"$B/kb.$peer"
	done
	for peer in $(installed floor skep s6 runit supervisord); do
		[ -s "$B/kb.$peer" ] || continue
		bench_many "$peer"
	done
}

# Many services at once: starts, weight, what they cost at rest.
bench_many() {
	local peer=$1 base
	base=$(sort -n "$B/kb.$peer" | head -n 1)
	if ! begin_peer "$peer" "$MANY" start >"$B/ms" 2>/dev/null; then
		note "start $MANY services" "$peer" "does not do so many"
		end_peer
		return
	fi
	row "start $MANY services" ms "$peer" <"$B/ms"
	if [ "$peer" != floor ]; then
		sleep "$REST_S"
		"$DRIVE" weigh "$(cat "$P/fifo.pid")" | awk -v base="$base" \
			-v n=$((MANY - SERVICES)) \
			'{ print ($1 - base) * 1024 / n }' |
			row "PSS per further service" bytes "$peer"
		"$DRIVE" wakes "$(cat "$P/fifo.pid")" 10 |
			row "wake-ups at rest, $MANY services" /s "$peer"
	fi
	[ "$peer" = skep ] || [ "$peer" = supervisord ] &&
		wants status && bench_status "$peer"
	end_peer
}

# milliseconds COMMAND...: how long it took.
milliseconds() {
	local began
	began=$(date +%s%N)
	"$@" >/dev/null 2>&1
	awk -v ns=$(($(date +%s%N) - began)) 'BEGIN { print ns / 1e6 }'
}

bench_status() {
	local i rounds=10
	[ "$1" = skep ] || rounds=3
	for ((i = 0; i < rounds; i++)); do
		if [ "$1" = skep ]; then
			milliseconds "$SKEP_BUILD/skepctl" \
				-s "$P/run/skepd.sock" status
		else
			milliseconds supervisorctl -c "$P/conf" status
		fi
	done | row "status of $MANY services" ms "$1"
}

bench_death() {
	local peer
	for peer in $(installed floor skep s6 runit supervisord); do
		begin_peer "$peer" 10 deaths "$DEATHS" |
			row "death to next exec" ms "$peer"
		end_peer
	done
}

# --- Output into files

# load_NAME MIB DIR: one run, "MIB/S CPU".
LOAD=$TOOLS/logload
load_floor() { "$LOAD" "$1" pipe sh -c "exec cat >$2/log"; }
load_skep() { "$LOAD" "$1" skep "$2" "$SKEP_BUILD/skep-logger"; }
load_s6() { "$LOAD" "$1" pipe s6-log n5 s20971520 "$2"; }
load_runit() {
	printf 's20971520\nn5\n' >"$2/config"
	"$LOAD" "$1" pipe svlogd "$2" 2>/dev/null
}
load_supervisord() {
	cat >"$2/conf" <<-END
		[supervisord]
		nodaemon = true
		logfile = $2/own
		pidfile = $2/pid
		[program:load]
		command = $LOAD $1 flood
		autorestart = false
		startsecs = 0
		stdout_logfile = $2/log
		stdout_logfile_maxbytes = 20MB
		stdout_logfile_backups = 5
	END
	sed -i 's/^\t*//' "$2/conf"
	"$LOAD" "$1" daemon "$2/log" supervisord -c "$2/conf" 2>/dev/null
}
logger_of() {
	case $1 in
	floor) echo cat ;;
	skep) echo "$SKEP_BUILD/skep-logger" ;;
	s6) echo s6-log ;;
	runit) echo svlogd ;;
	*) echo "$1" ;;
	esac
}

bench_log() {
	local peer i
	for peer in floor skep s6 runit supervisord; do
		command -v "$(logger_of $peer)" >/dev/null || continue
		: >"$B/load"
		for ((i = 0; i < ROUNDS; i++)); do
			mkdir "$B/load.d"
			load_$peer "$LOG_MIB" "$B/load.d" >>"$B/load"
			rm -rf "$B/load.d"
		done
		cut -d ' ' -f 1 "$B/load" |
			row "$LOG_MIB MiB of output" MiB/s "$peer"
		cut -d ' ' -f 2 "$B/load" |
			row "processor for output" us/MiB "$peer"
	done
}

# A name of a million, from another process; the floor is one load at a place
# that is only known by then, in as much memory.
bench_lookup() {
	local what="lookup, $NAMES names" per_s
	for per_s in 0 50000; do
		"$TOOLS/lookup" "$NAMES" $per_s >"$B/look" 2>/dev/null
		[ $per_s = 0 ] || what="$what, $per_s changes/s"
		looked floor | row "$what" ns floor
		looked known | row "$what" ns skep
		looked unknown | row "  of one that is not there" ns skep
	done
	looked list | row "list by prefix, $NAMES names" ms skep
	looked size | row "file, per name" B skep
}
looked() {
	sed -n "s/^$1 //p" "$B/look"
}

printf '%-34s %-22s %3s %12s %12s\n' WHAT WHO N MEDIAN "MIN .. MAX"
if wants start || wants memory; then bench_start; fi
if wants memory || wants status; then bench_memory; fi
if wants death; then bench_death; fi
if wants log; then bench_log; fi
if wants core; then "$TOOLS/core"; fi
if wants lookup; then bench_lookup; fi
# namespaces SCRIPT NAME: rows that need real hosts.
namespaces() {
	if [ "$(id -u)" != 0 ]; then
		note "$2" skep "needs root for network namespaces"
		return
	fi
	bash "$HERE/$1" 2>"$B/$1.err" | grep '^|' |
		while IFS='|' read -r _ what unit who numbers; do
			tr ' ' '\n' <<<"$numbers" | grep . |
				row "$what" "$unit" "$who"
		done
}
if wants loss || wants move; then namespaces cluster.sh "loss, move"; fi
if wants states; then namespaces moves.sh states; fi
