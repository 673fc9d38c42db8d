#!/bin/bash
# NAMES names of processes on three hosts: what they cost, an empty fourth host
# that joins, a hundred rows that a host missed, and CHURN_S seconds in which
# RATE names a second are registered and as many taken back.
#
# The RATE is demanded where three nodes and the three who ask have a core each;
# with fewer, as large a part of it as there are of these cores.  FLOOR says
# another one, for a machine that others use too.
BUDGET=2400
NAMES=${NAMES:-1000000} RATE=${RATE:-50000} CHURN_S=${CHURN_S:-600}
CORES_WANTED=6
# As many names are there then as at the end, also where requests take a second.
SETTLE_S=$((CHURN_S / 5 < 15 ? 15 : CHURN_S / 5))
# Those that are kept for 2 s, and what is left of others until all know it.
NAMES_MAX=$((NAMES + RATE * 10))
. "$(dirname "$0")/lib.sh"
HERE=$(cd "$(dirname "$0")" && pwd)
SEEK=$SKEP_BUILD/tests/cluster/seek
[ -x "$SEEK" ] || fail "$SEEK is not built"
three="alpha beta gamma"
# shellcheck disable=SC2086
cluster_begin $three delta

names_of() { "$SEEK" "$T/$1/run/registry" info | awk '{ print $1 }'; }
names_are() { [ "$(names_of "$1")" = "$2" ]; }
node_of() { processes skep-node | awk -v h="$1" '$1 == h { print $2 }'; }
# CPU of a host's node so far, in hundredths of a second.
ticks_of() { awk '{ print $14 + $15 }' "/proc/$(node_of "$1")/stat"; }
# Bytes over a host's wire so far, both ways.
bytes_of() {
	ip -n "$NS" -j -s link show "$(eval "echo \$PORT_$1")" |
		jq '.[0].stats64 | .rx.bytes + .tx.bytes'
}
# The same of all three.
all_ticks() {
	local h sum=0
	for h in $three; do
		sum=$((sum + $(ticks_of "$h")))
	done
	echo "$sum"
}
rss_sum() {
	local h sum=0
	for h in $three; do
		sum=$((sum + $(rss_of "$(node_of "$h")")))
	done
	echo "$sum"
}

step "three hosts, $NAMES names"
# shellcheck disable=SC2086
host_start $three
for h in $three; do
	wait_for 60 "$h sees three alive" alive_count_is "$h" 3
	spawn
	eval "P_$h=$PID"
done
before=$(rss_sum)
each=$((NAMES / 3))
for h in $three; do
	seq "$each" | awk -v h="$h" -v pid="$(eval "echo \$P_$h")" \
		'{ printf "{\"name\":\"device-%07u.%s\",\"pid\":%d}\n",
			$1, h, pid }' >"$T/lines.$h"
done
began=$(elapsed_ms)
jobs=()
for h in $three; do
	"$SKEPCTL" -s "$T/$h/run/skepd.sock" register -f "$T/lines.$h" \
		>"$T/out.$h" 2>&1 &
	jobs+=($!)
done
for job in "${jobs[@]}"; do
	wait "$job" || fail "register: $(tail -n 3 "$T"/out.*)"
done
took=$(($(elapsed_ms) - began))
total=$((each * 3))
say "    $((total * 1000 / took)) registered a second, at all three hosts"
for h in $three; do
	wait_for 60 "$h has all" names_are "$h" $total
done
say "    $((($(rss_sum) - before) * 1024 / 3 / total)) bytes of memory a name" \
	"on each host, with $(stat -c %s "$T/alpha/run/registry" |
		awk -v n=$total '{ printf "%d", $1 / n }') of libskep's file"

step "an empty host joins"
began=$(elapsed_ms)
host_start delta
wait_for 60 "delta has all" names_are delta $total
say "    $(($(elapsed_ms) - began)) ms from the start of skepd, with" \
	"$(($(bytes_of delta) / total)) bytes a name on the wire"
wait_for 60 "all see four" alive_count_is delta 4

step "a hundred rows that a host missed"
unplug delta
for h in alpha beta gamma; do
	wait_for 60 "$h has lost it" alive_count_is "$h" 3
done
for ((i = 0; i < 100; i++)); do
	echo "{\"name\":\"missed/$i\",\"pid\":$P_alpha}"
done >"$T/missed"
check "registered meanwhile" "$SKEPCTL" -s "$T/alpha/run/skepd.sock" \
	register -f "$T/missed"
bytes=$(bytes_of delta)
plug delta
wait_for 60 "delta has them" names_are delta $((total + 100))
say "    $(($(bytes_of delta) - bytes)) bytes on its wire until then, new" \
	"connections and heartbeats among them"
power_off delta
wait_for 60 "it is gone" alive_count_is alpha 3

step "$RATE registered and as many taken back each second, for $CHURN_S s"
cores=$(nproc)
floor=$RATE
[ "$cores" -ge $CORES_WANTED ] || floor=$((RATE * cores / CORES_WANTED))
# Who asks goes by the clock, and its last request may be late.
floor=${FLOOR:-$((floor - floor / 20))}
say "    $cores cores of $CORES_WANTED: no less than $floor a second"
# Requests that are kept: for 2 s.
keep=10
for h in $three; do
	python3 "$HERE/churn.py" "$T/$h/run/skepd.sock" "churn/$h/" \
		"$(eval "echo \$P_$h")" $((RATE / 3)) "$CHURN_S" $keep \
		>"$T/churn.$h" 2>&1 &
	eval "CHURN_$h=$!"
done
is_churning() { kill -0 "$CHURN_alpha" 2>/dev/null; }
# What it takes until gamma finds what alpha has registered.
lag() {
	local since
	since=$(elapsed_ms)
	timeout 60 "$SKEPCTL" -q -s "$T/alpha/run/skepd.sock" \
		register "lag/$1" --pid "$P_alpha" || return
	echo "registered $(($(elapsed_ms) - since))"
	since=$(elapsed_ms)
	until "$SEEK" "$T/gamma/run/registry" where "lag/$1" >"$T/lag" 2>&1; do
		[ $(($(elapsed_ms) - since)) -lt 30000 ] || return
	done
	echo "known $(($(elapsed_ms) - since))"
}
median() {
	awk -v w="$1" '$1 == w { print $2 }' "$T/lags" | sort -n |
		awk '{ v[NR] = $1 } END { printf "%d (most %d)",
			v[int((NR + 1) / 2)], v[NR] }'
}
: >"$T/lags"
n=0 early=
began=$(elapsed_ms)
first=$(rss_sum) ticks=$(all_ticks)
for h in $three; do
	eval "TICKS_$h=$(ticks_of "$h")"
done
while is_churning; do
	n=$((n + 1))
	lag $n >>"$T/lags" || fail "lag/$n: $(tail -n 3 "$T/lags")"
	for h in $three; do
		alive_count_is "$h" 3 || fail "$h lost somebody"
	done
	# What comes at first is room that is kept.
	[ -n "$early" ] || [ $(($(elapsed_ms) - began)) -lt \
		$((SETTLE_S * 1000)) ] || early=$(rss_sum)
	late=$(rss_sum)
	sleep 1
done
took=$(($(elapsed_ms) - began))
ticks=$(($(all_ticks) - ticks))
rate=0 count=0
for h in $three; do
	wait "$(eval "echo \$CHURN_$h")" || fail "churn: $(cat "$T/churn.$h")"
	read -r s done refused slowest <"$T/churn.$h"
	check "$h refused nothing" test "$refused" = 0
	rate=$((rate + $(awk -v d="$done" -v s="$s" \
		'BEGIN { printf "%d", d / s }')))
	count=$((count + done))
	say "    $h: $done in $s s, the slowest request took $slowest ms," \
		"node's CPU $((($(ticks_of "$h") - $(eval "echo \$TICKS_$h")) \
			* 1000 / took)) %"
done
say "    $rate a second, of $RATE that were asked for;" \
	"$((ticks * 10000 / count)) us of CPU for each that came and went, on" \
	"all three hosts together"
say "    ms until it is registered: $(median registered)," \
	"until another host's libskep has it: $(median known)"
early=${early:-$late}
say "    memory of the nodes: $first kB before, $early kB after $SETTLE_S s," \
	"$late kB at the end"
# Besides the names of before those that are kept for 2 s, and those whose end
# not all know yet; and for what is on its way as much as the nodes began with.
check "no more than what is there takes" test "$late" -le \
	$((first + before + (first - before) * RATE * 5 / total))
check "no growth" test "$late" -le $((early + early / 20))
check "no less than $floor a second" test "$rate" -ge "$floor"
for h in $three; do
	wait_for 60 "$h has what is left" names_are "$h" $((total + 100 + n))
done
finish
