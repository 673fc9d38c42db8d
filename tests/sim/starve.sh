#!/bin/bash
# Nobody is called dead who is only slow: five hosts, each with a fifth of its
# CPU, and 3 % of all frames late by a retransmission, for a simulated day.
#
#	starve.sh [COUNT [FIRST]]	by 'make sim-starve', in the build folder
#
# Exits 1 when a storm of these seeds fails, when any death was declared, or
# when a service was lost.
set -u
count=${1:-3}
said=$(tests/sim/sim -q -s "${2:-1}" -c "$count" -n 5 -H 24 -f starve) ||
	failed=yes
echo "$said"

# WHAT: the number in that row of the table.
counted() {
	sed -n "s/^$1  *\([0-9]*\).*/\1/p" <<<"$said"
}

[ "$(counted 'simulated hours')" -ge $((count * 24)) ] || failed=yes
[ "$(counted 'deaths declared')" = 0 ] || failed=yes
[ "$(counted 'services lost')" = 0 ] || failed=yes
[ -z "${failed:-}" ]
