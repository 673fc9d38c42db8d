#!/bin/bash
# The recipe of a Redis that survives its host: a client writes while copies
# are taken; then the host loses its power.  What was written before the last
# checkpoint is there, and what is lost is what status had announced.
BUDGET=90
POLICY="allow_root = yes
allowed_users = nobody"
. "$(dirname "$0")/lib.sh"
command -v redis-server >/dev/null || skip "redis-server is not installed"
HOSTS3="alpha beta gamma"
cluster_begin $HOSTS3
for h in $HOSTS3; do
	for d in "" redis; do
		mkdir -p "$T/$h/lib/$d"
		chown nobody "$T/$h/lib/$d"
	done
done
host_start $HOSTS3
for h in $HOSTS3; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done
# As it is shipped; only user and place are others here, and it is taken more
# often.
sed -e "s,/var/lib,$T/%H/lib,; s,user: .*,user: nobody," \
	-e 's/every: 30s/every: 2s/' \
	"$SKEP_SOURCE/etc/examples/redis-checkpoint.yaml" >"$T/redis.yaml"
check "apply" ctl alpha apply -f "$T/redis.yaml"
wait_for 30 "it runs" ready_count_is alpha 1
redis() {
	nsenter --net="/run/netns/$NS-$1" timeout 5 redis-cli -p 6382 "${@:2}"
}
host=$(field alpha redis-checkpoint node)
check "it gets 20,000 keys" redis "$host" eval \
	'for i = 1, 20000 do redis.call("set", "key" .. i, i) end' 0

# Each number is written down with the time at which it was asked for.
count_all_the_time() {
	local n
	while n=$(date +%s%3N) && [ ! -e "$T/enough" ] &&
		redis "$host" rpush written "$n" >/dev/null 2>&1; do
		echo "$n"
	done
}
count_all_the_time >"$T/counted" &
counter=$!

# One of the other hosts tells, as an operator would ask when the first died.
other=alpha
[ "$host" != alpha ] || other=beta
checkpoint() {
	field "$other" redis-checkpoint "checkpoint.$1"
}
is_counted() {
	[ "$(checkpoint acked.number)" -ge "$1" ] && [ "$(checkpoint have)" = 2 ]
}
wait_for 30 "three count, the newest is on both others" is_counted 3
# Of a run that goes on all is told.
says() {
	"${@:2}" | tee "$T/said" | grep -q -- "$1"
}
check "status tells" says "newest is on . of 2 hosts; if $host died now" \
	ctl "$other" status redis-checkpoint
check "why tells" says "other hosts. If $host died now, it would begin with" \
	ctl "$other" why redis-checkpoint
metrics() {
	curl -s --unix-socket "$T/$other/run/skepd.sock" http://skepd/metrics
}
if command -v curl >/dev/null; then
	check "it is measured" says '^skep_checkpoint_age_seconds{.*} [0-9]' \
		metrics
	check "it is not late" says '^skep_checkpoint_late{.*} 0$' metrics
fi

step "its host loses power"
power_off "$host"
touch "$T/enough"
wait $counter
# What is there is not overtaken by anything now; the row of the dead is known.
next_of() {
	local node
	node=$(field "$other" redis-checkpoint node)
	[ -n "$node" ] && [ "$node" != "$host" ] &&
		[ "$(field "$other" redis-checkpoint state)" = ready ]
}
announced=$(checkpoint next.time_ms)
wait_for 30 "it runs elsewhere" next_of
to=$(field "$other" redis-checkpoint node)
check "all keys came" test "$(redis "$to" dbsize)" -ge 20000
redis "$to" lrange written 0 -1 >"$T/written"
last=$(tail -n 1 "$T/written")
say "    written $(wc -l <"$T/counted"), there $(wc -l <"$T/written");" \
	"sealed at $announced, the last one there is of $last"
is_a_beginning() {
	head -n "$(wc -l <"$T/written")" "$T/counted" | cmp - "$T/written"
}
check "what is there is what was written first" is_a_beginning
# A copy takes a moment from its beginning, which is what it holds, to its seal.
check "what is lost is younger than was announced" \
	test "$last" -ge $((announced - 5000))
check "and nothing younger is there" test "$last" -le "$announced"
finish
