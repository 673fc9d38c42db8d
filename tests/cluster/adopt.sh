# What t-adopt.sh and t-long-adopt.sh share: services that tell on us, and
# kills of all of skepd at random moments.
#
# "count" prints its pid and 1, 2, 3, ... and at SIGTERM "end"; "flap" prints
# a few numbers and "end" and exits 1, "once" exits 0; each holds a lock of its own, so that a
# second copy of an instance is noticed by the copies themselves.

# adopt_services COUNTERS FLAPPERS PAUSE: writes the spec and the scripts.
adopt_services() {
	mkdir -m 0777 "$T/w"
	cat >"$T/w/count" <<-END
		#!/bin/bash
		exec 9>"$T/w/\$SKEP_NAME.lock"
		flock -n 9 || echo "\$SKEP_NAME \$\$" >>"$T/w/doubles"
		echo "\$SKEP_NAME \$\$ \$1" >>"$T/w/starts"
		exec 8<> <(:)
		trap 'echo "\$\$ end"; exit 0' TERM
		n=0
		while [ "\$1" = count ] || [ \$n -lt 20 ]; do
			n=\$((n + 1))
			echo "\$\$ \$n"
			read -r -t "\$2" -u 8
		done
		echo "\$\$ end"
		echo "\$SKEP_NAME \$\$" >>"$T/w/ends"
		[ "\$1" = once ] && exit 0
		exit 1
	END
	chmod 755 "$T/w/count"
	cat >"$T/s.yaml" <<-END
		services:
		  count:
		    command: [$T/w/count, count, "$3"]
		    user: root
		    replicas: $1
		    restart: {policy: always, delay: 10ms, max_delay: 50ms}
		  flap:
		    command: [$T/w/count, flap, "0.02"]
		    user: root
		    replicas: $2
		    restart: {policy: always, delay: 10ms, max_delay: 100ms}
		  once:
		    command: [$T/w/count, once, "0.05"]
		    user: root
		    type: oneshot
		    restart: {policy: on-failure}
	END
}

# kill_all HOST: keeper, node and logger at once, by what is in the keeper's
# own cgroup; services are beneath it.
kill_all() {
	# shellcheck disable=SC2046
	kill -9 $(cat "$CG/$1/cgroup.procs") 2>/dev/null
}

# pids_of SERVICE: of the counters, as they said themselves.
pids_of() {
	awk -v s="$1@" 'index($1, s) == 1 { print $2 }' "$T/w/starts" | sort
}

# A random number of milliseconds up to $1, slept.
random_nap() {
	local ms=$((RANDOM % $1))
	sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
}

all_are_ready() {
	local ready
	ready=$(json "$1" '[.instances[] |
		select(.service == "count" and .state == "ready")] | length' \
		status) || return 1
	[ "$ready" = "$2" ]
}

# adopt_round HOST COUNTERS: kills all, starts skepd again.
adopt_round() {
	random_nap 400
	kill_all "$1"
	until no_keeper "$1"; do sleep 0.01; done
	random_nap 300
	host_start "$1"
	wait_for 30 "all counters are ready" all_are_ready "$1" "$2"
}

# logs_are_whole DIR: no number is missing in any run, except at the end of
# one that ended while nobody looked, and then the log says so.
logs_are_whole() {
	awk '
	/output may be missing/ { next }
	NF != 2 { print FILENAME ": odd line: " $0; bad++; next }
	$2 == "end" { ended[FILENAME, $1] = 1; next }
	$2 != last[FILENAME, $1] + 1 {
		print FILENAME ": " $0 " after " last[FILENAME, $1] + 0; bad++
	}
	{ last[FILENAME, $1] = $2; lines++ }
	!((FILENAME, $1) in seen) { seen[FILENAME, $1] = 1; runs++ }
	END {
		for (k in seen) {
			if (!(k in ended)) cut++
		}
		print lines " lines, " runs " runs, " cut + 0 " cut short"
		exit bad > 0
	}' "$1"/*.log
}

# told_of_cuts DIR: every file with a run that lacks its end says so.
told_of_cuts() {
	local f
	for f in "$1"/*.log; do
		awk -v f="$f" '
		/output may be missing/ { told++; next }
		$2 == "end" { ended[$1] = 1 }
		{ seen[$1] = 1 }
		END {
			for (p in seen) cut += !(p in ended)
			if (cut > told) {
				print f ": " cut " cut, told " told + 0
				exit 1
			}
		}' "$f" || return 1
	done
}
