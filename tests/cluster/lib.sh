# A cluster of real skepds, one network namespace and one cgroup per host.
#
# Sourced by the tests in this folder.  What happens here is real and not
# deterministic: nothing sleeps for a fixed time to let things settle, every
# wait names what it waits for and how long it took.
#
# A host is a name; host number i has the address 10.SUBNET.0.i on a bridge in
# a namespace of its own.  "Power loss" means: the link goes down first, then
# every process of the host is killed.
set -u

: "${SKEP_BUILD:=$PWD}"   # where skepd and skepctl were built
: "${SKEP_SOURCE:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${BUDGET:=120}"        # seconds for the whole test, printed

SKEPD=$SKEP_BUILD/skepd
SKEPCTL=$SKEP_BUILD/skepctl
NAME=$(basename "$0" .sh)
BEGAN=$(date +%s%N)
STEP=nothing
HOSTS=()

fail() {
	echo "FAIL $NAME: $*"
	for h in "${HOSTS[@]}"; do
		echo "--- $h: last lines of skepd"
		tail -n "${TAIL:-12}" "$T/$h/skepd.log" 2>/dev/null
	done
	exit 1
}

skip() {
	echo "SKIP $NAME: $*"
	exit 77
}

say() {
	echo "$NAME: $*"
}

# step TEXT: what is being shown now.
step() {
	STEP=$*
	say "$(elapsed_ms) ms: $*"
}

elapsed_ms() {
	echo $((($(date +%s%N) - BEGAN) / 1000000))
}

# wait_for SECONDS TEXT COMMAND...: until the command succeeds; prints how
# long that took, or fails.
wait_for() {
	local limit=$1 text=$2 began
	shift 2
	began=$(date +%s%N)
	until "$@" >"$T/wait.out" 2>&1; do
		if (($(date +%s%N) - began > limit * 1000000000)); then
			echo "--- the last attempt said:"
			tail -n 30 "$T/wait.out"
			fail "$text: not within $limit s ($STEP)"
		fi
		sleep 0.05
	done
	LAST_WAIT_MS=$((($(date +%s%N) - began) / 1000000))
	say "    $text: after $LAST_WAIT_MS ms (limit $limit s)"
}

# check TEXT COMMAND...: once.
check() {
	local text=$1
	shift
	"$@" >"$T/check.out" 2>&1 || {
		tail -n 30 "$T/check.out"
		fail "$text ($STEP)"
	}
	say "    $text"
}

SPAWNED=()
# spawn: a process outside all hosts that somebody might register; its pid in
# $PID.
spawn() {
	setsid sleep 100003 </dev/null >/dev/null 2>&1 &
	PID=$!
	disown
	SPAWNED+=("$PID")
}

cluster_cleanup() {
	local h pid
	trap - EXIT
	for pid in "${SPAWNED[@]}"; do
		kill -9 "$pid" 2>/dev/null
	done
	for h in "${HOSTS[@]}"; do
		kill_cgroup "$CG/$h"
		ip netns del "$NS-$h" 2>/dev/null
	done
	ip netns del "$NS" 2>/dev/null
	for h in "${HOSTS[@]}"; do
		find "$CG/$h" -depth -type d -exec rmdir {} \; 2>/dev/null
	done
	rmdir "$CG" 2>/dev/null
	[ -n "${KEEP:-}" ] && say "kept: $T" || rm -rf "$T"
}

# Kills everything below a cgroup and waits until it is empty.
kill_cgroup() {
	[ -d "$1" ] || return 0
	echo 1 >"$1/cgroup.kill" 2>/dev/null
	local n=0
	while grep -q 'populated 1' "$1/cgroup.events" 2>/dev/null; do
		n=$((n + 1))
		[ $n -gt 600 ] && return 1
		sleep 0.05
	done
	return 0
}

find_cgroup2() {
	awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts
}

# cluster_begin HOST...: makes the hosts, starts nothing.
cluster_begin() {
	[ "$(id -u)" = 0 ] || skip "needs root for network namespaces"
	[ -x "$SKEPD" ] || fail "$SKEPD is not built"
	local mount
	mount=$(find_cgroup2)
	[ -n "$mount" ] || skip "no cgroup v2 here"
	T=$(mktemp -d "${TMPDIR:-/tmp}/skep-$NAME.XXXXXX")
	chmod 755 "$T"
	NS=skept$$
	CG=$mount/skep-test-$$
	SUBNET=$((1 + $$ % 250))
	mkdir "$CG" || skip "cannot make a cgroup in $mount"
	ip netns add "$NS" || skip "cannot make a network namespace"
	trap cluster_cleanup EXIT
	ip netns exec "$NS" true || skip "cannot enter a network namespace"
	trap 'exit 143' TERM INT
	ip -n "$NS" link add br0 type bridge forward_delay 0
	ip -n "$NS" link set br0 up
	"$SKEPCTL" keygen "$T/cluster.key" >/dev/null ||
		fail "skepctl keygen"
	for h in "$@"; do
		host_make "$h"
	done
	say "budget $BUDGET s, files in $T"
}

# host_make HOST: a namespace with an address, directories, a skep.conf.
host_make() {
	local h=$1 i=$((${#HOSTS[@]} + 1))
	HOSTS+=("$h")
	eval "ADDRESS_$h=10.$SUBNET.0.$i"
	ip netns add "$NS-$h"
	ip -n "$NS" link add "v$i" type veth peer name eth0 netns "$NS-$h"
	ip -n "$NS" link set "v$i" master br0 up
	ip -n "$NS-$h" addr add "10.$SUBNET.0.$i/24" dev eth0
	ip -n "$NS-$h" link set eth0 up
	ip -n "$NS-$h" link set lo up
	eval "PORT_$h=v$i"
	mkdir -p "$T/$h/services.d" "$CG/$h"
	install -o nobody -m 0400 "$T/cluster.key" "$T/$h/cluster.key"
	host_conf "$h"
}

address_of() {
	eval "echo \$ADDRESS_$1"
}

# host_conf HOST: writes skep.conf; DEFAULTS, POLICY and EVENTS_CONF are lines of
# those sections.
host_conf() {
	local h=$1 join=
	for other in "${HOSTS[@]}"; do
		join="$join${join:+, }$(address_of "$other"):7400"
	done
	cat >"$T/$h/skep.conf" <<-END
		[node]
		name = $h
		listen = $(address_of "$h"):7400
		state_dir = $T/$h/state
		run_dir = $T/$h/run
		log_dir = $T/$h/log
		services_dir = $T/$h/services.d
		names_max = ${NAMES_MAX:-20000}
		[cluster]
		name = ${CLUSTER:-test}
		join = ${JOIN:-$join}
		key_file = $T/$h/cluster.key
		[defaults]
		${DEFAULTS:-}
		[policy]
		${POLICY:-allow_root = yes}
		[events]
		${EVENTS_CONF:-}
		[debug]
		faults = no
	END
}

# host_start HOST...: powers it on.
host_start() {
	local h
	for h in "$@"; do
		host_conf "$h"
		ip -n "$NS" link set "$(eval "echo \$PORT_$h")" up
		keeper_start "$h"
	done
}

# keeper_start HOST: runs skepd there, as when it ended.
keeper_start() {
	(
		echo 0 >"$CG/$1/cgroup.procs"
		exec nsenter --net="/run/netns/$NS-$1" "$SKEPD" \
			-c "$T/$1/skep.conf" --helper-user nobody \
			--libexec-dir "$SKEP_BUILD"
	) >>"$T/$1/skepd.log" 2>&1 &
	disown $!
}

# power_off HOST...: the link first, then every process.
power_off() {
	local h
	for h in "$@"; do
		ip -n "$NS" link set "$(eval "echo \$PORT_$h")" down
	done
	for h in "$@"; do
		kill_cgroup "$CG/$h" || fail "$h: processes survive SIGKILL"
		# A host that lost its power has no /run.
		rm -rf "$T/$h/run"
	done
}

# unplug / plug HOST: its link to everybody.
unplug() {
	ip -n "$NS" link set "$(eval "echo \$PORT_$1")" down
}

plug() {
	ip -n "$NS" link set "$(eval "echo \$PORT_$1")" up
}

# cut A B: A hears nothing from B any more (one way).
cut() {
	ip netns exec "$NS-$1" nft add table inet skeptest
	ip netns exec "$NS-$1" nft add chain inet skeptest in \
		'{ type filter hook input priority 0; }'
	ip netns exec "$NS-$1" nft add rule inet skeptest in \
		ip saddr "$(address_of "$2")" drop
}

heal() {
	ip netns exec "$NS-$1" nft delete table inet skeptest
}

# ctl HOST ARGS...
ctl() {
	local h=$1
	shift
	timeout 30 "$SKEPCTL" -s "$T/$h/run/skepd.sock" "$@"
}

# follow HOST ARGS...: skepctl -o json events --follow, for as long as the test;
# to be called with '&'.
follow() {
	local h=$1
	shift
	exec "$SKEPCTL" -s "$T/$h/run/skepd.sock" -o json events --follow "$@"
}

# json HOST FILTER ARGS...: skepctl -o json ARGS through jq.
json() {
	local h=$1 filter=$2
	shift 2
	ctl "$h" -o json "$@" | jq -r "$filter"
}

# field HOST INSTANCE FIELD
field() {
	json "$1" "first(.instances[] | select(.name == \"$2\")) | .$3" status
}

alive_count_is() {
	[ "$(json "$1" '[.nodes[] | select(.state == "alive")] | length' \
		node list)" = "$2" ]
}

ready_count_is() {
	[ "$(json "$1" '[.instances[] | select(.state == "ready")] | length' \
		status)" = "$2" ]
}

# The same answer to "what runs where" on all the given hosts.
where_agrees() {
	local h first= this
	for h in "$@"; do
		this=$(json "$h" \
			'[.instances[] | [.name, .node, .epoch, .state]] | sort' \
			status) || return 1
		[ -z "$first" ] && first=$this
		[ "$this" = "$first" ] || {
			diff <(echo "$first") <(echo "$this")
			return 1
		}
	done
}

# rss_of PID: what it has in memory, in kB.
rss_of() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$1/status"
}

# Cluster-wide processes whose command line matches, one line "host pid" each.
processes() {
	local h pid
	for h in "${HOSTS[@]}"; do
		find "$CG/$h" -name cgroup.procs -exec cat {} + 2>/dev/null |
			while read -r pid; do
				{ tr '\0' ' ' <"/proc/$pid/cmdline"; } \
					2>/dev/null | grep -q -- "$1" &&
					echo "$h $pid"
			done
	done
	true
}

process_count_is() {
	[ "$(processes "$1" | wc -l)" = "$2" ]
}

finish() {
	local ms
	ms=$(elapsed_ms)
	[ "$ms" -le $((BUDGET * 1000)) ] ||
		fail "took $ms ms, its budget is $BUDGET s"
	echo "PASS $NAME: $ms ms of $BUDGET s"
	exit 0
}

# keeper_of HOST: its skepd, and not what that has forked and is about to exec.
keeper_of() {
	local p parent
	for p in $(cat "$CG/$1/cgroup.procs"); do
		parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$p/status" \
			2>/dev/null)
		[ "$(cat "/proc/$p/comm" 2>/dev/null)" = skepd ] &&
			[ "$(cat "/proc/$parent/comm" 2>/dev/null)" != skepd ] &&
			echo "$p"
	done
}

# no_keeper HOST: nothing of skepd runs there; services may.
no_keeper() {
	[ -z "$(cat "$CG/$1/cgroup.procs")" ]
}
