#!/bin/bash
# Peers that are not what they should be: refused with a line of each kind,
# memory flat, the cluster undisturbed.
BUDGET=120
. "$(dirname "$0")/lib.sh"
cluster_begin alpha beta gamma
cat >"$T/s.yaml" <<END
services:
  sleeper: {command: [/bin/sleep, "400001"], user: root, replicas: 9}
END
host_start alpha beta gamma
wait_for 30 "alpha sees three alive" alive_count_is alpha 3
check "apply" ctl alpha apply -f "$T/s.yaml"
wait_for 20 "nine are ready" ready_count_is alpha 9
processes '^/bin/sleep 400001' | sort >"$T/before"
node=$(processes skep-node | awk '$1 == "alpha" { print $2 }')
fds() {
	ls "/proc/$node/fd" | wc -l
}
logged() {
	grep -qi -- "$1" "$T/alpha/skepd.log"
}

step "a wrong key"
host_make mallory
"$SKEPCTL" keygen "$T/other.key" >/dev/null
install -o nobody -m 0400 "$T/other.key" "$T/mallory/cluster.key"
host_start mallory
wait_for 20 "alpha says so" logged 'key'
power_off mallory

step "another cluster's name"
install -o nobody -m 0400 "$T/cluster.key" "$T/mallory/cluster.key"
CLUSTER=elsewhere host_start mallory
wait_for 20 "alpha says so" logged 'elsewhere'
power_off mallory
rm -rf "$T/mallory/state"

step "a name already taken"
sed -i 's/^name = mallory/name = beta/' "$T/mallory/skep.conf"
mallory_as_beta() {
	(
		echo 0 >"$CG/mallory/cgroup.procs"
		exec nsenter --net="/run/netns/$NS-mallory" "$SKEPD" \
			-c "$T/mallory/skep.conf" --helper-user nobody \
			--libexec-dir "$SKEP_BUILD"
	) >>"$T/mallory/skepd.log" 2>&1 &
}
host_conf mallory
sed -i 's/^name = mallory/name = beta/' "$T/mallory/skep.conf"
ip -n "$NS" link set "$(eval "echo \$PORT_mallory")" up
mallory_as_beta
told() {
	grep -qi 'taken\|another host' "$T/mallory/skepd.log"
}
wait_for 20 "the claimant is told" told
power_off mallory

step "garbage, half-open connections, huge frames, 10,000 connects"
ip -n "$NS" link set "$(eval "echo \$PORT_mallory")" up
fds_before=$(fds)
rss_before=$(rss_of "$node")
ip netns exec "$NS-mallory" python3 - "$(address_of alpha)" <<'PY'
import os, socket, sys
host = (sys.argv[1], 7400)
def connect():
    s = socket.socket()
    s.settimeout(10)
    s.connect(host)
    return s
for n in range(50):
    s = connect(); s.sendall(os.urandom(4096)); s.close()
for n in range(20):
    s = connect(); s.sendall(b"\x7f\xff\xff\xff\x00\x01" * 100); s.close()
half = [connect() for n in range(100)]
for n in range(10000):
    connect().close()
PY
still_good() {
	alive_count_is alpha 3 && ready_count_is alpha 9
}
wait_for 30 "alpha still answers and sees three" still_good
fds_are_back() {
	[ "$(fds)" -le $((fds_before + 5)) ]
}
wait_for 30 "descriptors are back ($fds_before before)" fds_are_back
say "    resident memory: $rss_before kB before, $(rss_of "$node") kB after"
check "memory is flat" test "$(rss_of "$node")" -le $((rss_before + 16384))
check "few lines were logged: $(wc -l <"$T/alpha/skepd.log")" test \
	"$(wc -l <"$T/alpha/skepd.log")" -le 400
processes '^/bin/sleep 400001' | sort >"$T/after"
check "the same processes" diff "$T/before" "$T/after"
finish
