# A cluster on this machine: one folder and one loopback port per node.
# Sourced by contrib/quickstart and contrib/sandbox, which set:
#
#   BUILD     where skepd, its helpers and skepctl were built
#   CLUSTER   an existing folder for everything that the nodes write
#   NODES     the names of the nodes
#
# Waits are for a condition, have a limit, and print how long they took.

# Which user runs skep-node and skep-logger when we are root.
HELPER_USER=${HELPER_USER:-nobody}

# free_ports COUNT: as many ports of 127.0.0.1 that nobody uses now.
free_ports() {
	python3 - "$1" <<-END
		import socket, sys
		held = [socket.socket() for _ in range(int(sys.argv[1]))]
		for s in held:
		    s.bind(("127.0.0.1", 0))
		print(*[s.getsockname()[1] for s in held])
	END
}

# cluster_make: the key, and a skep.conf for every node.
cluster_make() {
	local ports node join=
	ports=($(free_ports $(wc -w <<<"$NODES"))) || return 1
	chmod 755 "$CLUSTER"
	"$BUILD/skepctl" -q keygen "$CLUSTER/cluster.key" || return 1
	if [ "$(id -u)" = 0 ]; then
		# skep-node reads it, and nobody else may.
		chown "$HELPER_USER" "$CLUSTER/cluster.key" || return 1
	fi
	for node in $NODES; do
		join="$join${join:+, }127.0.0.1:${ports[0]}"
		eval "PORT_$node=${ports[0]}"
		ports=("${ports[@]:1}")
	done
	for node in $NODES; do
		mkdir -p "$CLUSTER/$node/services.d"
		node_conf "$node" "$join" >"$CLUSTER/$node/skep.conf"
	done
}

# node_conf NODE JOIN
node_conf() {
	local at=$CLUSTER/$1
	cat <<-END
		[node]
		name = $1
		listen = 127.0.0.1:$(eval "echo \$PORT_$1")
		state_dir = $at/state
		run_dir = $at/run
		log_dir = $at/log
		services_dir = $at/services.d
		names_max = 10000
		[cluster]
		name = quickstart
		join = $2
		key_file = $CLUSTER/cluster.key
		[defaults]
		expect = $(wc -w <<<"$NODES")
		minority_hold = 3s
		restart_grace = 2s
	END
	if [ "$(id -u)" = 0 ]; then
		# A demonstration only: these services have no user of their
		# own, and root is who runs it.
		printf '[policy]\nallow_root = yes\n'
	fi
}

# node_start NODE
node_start() {
	local at=$CLUSTER/$1
	local as=()
	[ "$(id -u)" = 0 ] && as=(--helper-user "$HELPER_USER")
	"$BUILD/skepd" -c "$at/skep.conf" --libexec-dir "$BUILD" \
		"${as[@]}" >>"$at/skepd.log" 2>&1 </dev/null &
	echo $! >"$at/pid"
	# Not a job of this shell: it need not say how that one ended.
	disown $!
}

# Every descendant of a process, itself first.
descendants() {
	local pid child
	echo "$1"
	for pid in /proc/"$1"/task/*/children; do
		for child in $(cat "$pid" 2>/dev/null); do
			descendants "$child"
		done
	done
}

# node_power_off NODE: the keeper, its helpers and all its services at once,
# as if the plug were pulled.  What was in run_dir is gone too.
node_power_off() {
	local at=$CLUSTER/$1 keeper
	keeper=$(cat "$at/pid")
	# It starts nothing more while we look for what there is.
	kill -STOP "$keeper"
	# shellcheck disable=SC2046
	kill -KILL $(descendants "$keeper") 2>/dev/null
	rm -rf "$at/run" "$at/pid"
}

is_gone() {
	local pid
	for pid; do
		[ -d "/proc/$pid" ] && return 1
	done
	return 0
}

# cluster_stop: every node ends and takes its services along.
cluster_stop() {
	local node pids=
	for node in $NODES; do
		[ -f "$CLUSTER/$node/pid" ] &&
			pids="$pids $(cat "$CLUSTER/$node/pid")"
	done
	[ -n "$pids" ] || return 0
	# shellcheck disable=SC2086
	kill -TERM $pids 2>/dev/null
	# shellcheck disable=SC2086
	wait_until 30 "every node has ended" is_gone $pids
}

# ctl NODE ARGUMENT...: skepctl, asking that node.
ctl() {
	local node=$1
	shift
	"$BUILD/skepctl" -s "$CLUSTER/$node/run/skepd.sock" "$@"
}

# instances NODE FILTER: what that node knows of instances, through jq.
instances() {
	ctl "$1" -o json status | jq -er ".instances[] | $2"
}

nodes_alive() {
	[ "$(ctl "$1" -o json node list |
		jq '[.nodes[] | select(.state == "alive")] | length')" = "$2" ]
}

# node_is ASKED NODE STATE
node_is() {
	[ "$(ctl "$1" -o json node list | jq -r --arg node "$2" \
		'.nodes[] | select(.name == $node) | .state')" = "$3" ]
}

# all_ready NODE: every instance that shall run and can does so.
all_ready() {
	[ "$(ctl "$1" -o json status | jq '[.instances[] |
		select(.service != "crasher" and .service != "once") |
		.state == "ready"] | length > 0 and all')" = true ]
}

# wait_until SECONDS TEXT COMMAND...: returns 1 when the limit is reached.
wait_until() {
	local limit=$1 text=$2 began ms
	shift 2
	began=$(date +%s%N)
	until "$@" >/dev/null 2>&1; do
		ms=$((($(date +%s%N) - began) / 1000000))
		if [ $ms -gt $((limit * 1000)) ]; then
			echo "    $text: NOT within $limit s"
			return 1
		fi
		sleep 0.1
	done
	ms=$((($(date +%s%N) - began) / 1000000))
	printf '    %s: after %d.%d s\n' "$text" $((ms / 1000)) \
		$((ms % 1000 / 100))
}
