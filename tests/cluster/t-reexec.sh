#!/bin/bash
# Another version of skepd goes on in the same process: services notice
# nothing, and not a byte of output is missing.
BUDGET=120
[ -n "${LONG_BUDGET:-}" ] && BUDGET=$LONG_BUDGET
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/adopt.sh"
ROUNDS=${ROUNDS:-6}
COUNTERS=${COUNTERS:-10}
FLAPPERS=${FLAPPERS:-5}
DEFAULTS="expect = 1"
cluster_begin alpha
mkdir "$T/bin" "$T/old" "$T/new"
programs="skepd skep-node skep-logger skep-mover"
[ -x "$SKEP_BUILD/tests/cluster/next/skepd" ] ||
	fail "the second build is missing: make check TESTS="
for p in $programs; do
	cp "$SKEP_BUILD/$p" "$T/old/$p"
	cp "$SKEP_BUILD/$p" "$T/new/$p"
done
cp "$SKEP_BUILD"/tests/cluster/next/* "$T/new/"
version=$("$T/old/skepd" --version | awk '{ print $2 }')
next=$("$T/new/skepd" --version | awk '{ print $2 }')
check "two versions: $version and $next" test "$version" != "$next"

# install_from DIR: as a package manager does, by renames.
install_from() {
	local p
	for p in $programs; do
		cp "$1/$p" "$T/bin/$p.new"
		mv "$T/bin/$p.new" "$T/bin/$p"
	done
}

keeper_version() {
	json alpha '.keeper.version' status
}

node_version() {
	ctl alpha version | awk '$1 == "skepd" { print $2 }'
}

node_is() {
	ctl alpha version
	[ "$(node_version)" = "$1" ]
}

install_from "$T/old"
SKEPD=$T/bin/skepd
SKEP_BUILD=$T/bin
adopt_services "$COUNTERS" "$FLAPPERS" "${PAUSE:-0.01}"
host_start alpha
wait_for 30 "alpha is there" alive_count_is alpha 1
check "apply" ctl alpha apply -f "$T/s.yaml"
wait_for 30 "all counters are ready" all_are_ready alpha "$COUNTERS"
starts_are() { [ "$(pids_of count | wc -l)" = "$COUNTERS" ]; }
wait_for 30 "all counters run" starts_are
pids_of count >"$T/before"
keeper=$(keeper_of alpha)

for round in $(seq "$ROUNDS"); do
	if ((round % 2)); then from=new want=$next; else from=old want=$version; fi
	step "round $round: to $want"
	random_nap 300
	install_from "$T/$from"
	check "daemon-reexec" ctl alpha daemon-reexec
	cat "$T/check.out"
	check "skepd is $want" test "$(keeper_version)" = "$want"
	wait_for 20 "skep-node is $want" node_is "$want"
	check "skepd is the same process" test "$(keeper_of alpha)" = "$keeper"
	wait_for 30 "all counters are ready" all_are_ready alpha "$COUNTERS"
done

step "the files are replaced and nobody says so; then skep-node crashes"
if ((ROUNDS % 2)); then from=old want=$version; else from=new want=$next; fi
install_from "$T/$from"
kill -9 "$(for p in $(cat "$CG/alpha/cgroup.procs"); do
	[ "$(cat "/proc/$p/comm")" = skep-node ] && echo "$p"
done)"
wait_for 60 "skep-node is $want" node_is "$want"
check "skepd went with it" test "$(keeper_version)" = "$want"
check "in the same process" test "$(keeper_of alpha)" = "$keeper"
check "it says why" grep -q "skep-node is of another version" \
	"$T/alpha/skepd.log"
wait_for 30 "all counters are ready" all_are_ready alpha "$COUNTERS"

step "a program that does not work"
printf '#!/bin/false\n' >"$T/bin/skepd.new"
chmod 755 "$T/bin/skepd.new"
mv "$T/bin/skepd.new" "$T/bin/skepd"
ctl alpha daemon-reexec >"$T/refused" 2>&1
check "is refused ($(cat "$T/refused"))" grep -q -- '--check-config failed' \
	"$T/refused"
check "skepd is the same process" test "$(keeper_of alpha)" = "$keeper"
wait_for 30 "all counters are ready" all_are_ready alpha "$COUNTERS"

step "what the services say"
pids_of count >"$T/after"
check "no counter was started a second time" diff "$T/before" "$T/after"
check "no instance ran twice at a time" test ! -e "$T/w/doubles"
check "the oneshot ran once" test "$(grep -c ' once$' "$T/w/starts")" = 1
flaps=$(grep -c ' flap$' "$T/w/starts")
check "the others were restarted by their policy ($flaps starts)" \
	test "$flaps" -gt $((2 * FLAPPERS))
check "nothing counts as a crash" \
	test "$(json alpha '.keeper.crashes' status)" = 0

step "skepctl shutdown"
check "skepd ends" ctl alpha shutdown -y
wait_for 10 "nothing is left" no_keeper alpha
processes "$T/w/count" >"$T/left"
check "no service either" test ! -s "$T/left"
check "no number is missing" logs_are_whole "$T/alpha/log"
cat "$T/check.out"
no_tale() { ! grep -r "output may be missing" "$T/alpha/log"; }
check "and nothing may be" no_tale
finish
