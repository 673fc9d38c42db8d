#!/bin/sh
# Every state of small worlds.  With "long", of less small ones, as far as there
# is time; what was cut off is counted.
set -e
if [ "$1" = long ]; then
	limit=${SECONDS_EACH:-600}
	walks=0
	cut=0
	states() {
		walks=$((walks + 1))
		tests/sim/states -m 12000000 -t "$limit" "$@" || {
			[ $? = 3 ] && cut=$((cut + 1))
		}
	}
	states power=2
	states crash=1 early=1
	states crash=2
	states power=1 reset=1
	states cut=1 early=1
	states -b loss=2 twice=1 crash=1
	states answers=1 crash=1
	states -p hmode=ignore answers=1 crash=1
	states -p required power=1 gone=1 answers=1
	states undrain=1 power=1
	states undrain=1 crash=1
	states undrain=1 cut=1
	states -w first crash=2
	states -w first wipe=1 power=1
	states -w first crash=1 power=1
	states -w first -p readiness crash=1 reset=1 early=1
	states -w first -b loss=1 twice=1 crash=1
	states -w first ends=1 crash=1
	states -w first -n 3 crash=1
	states -w first -n 3 power=1
	states -w owner power=1
	states -w owner crash=1
	echo "$cut of $walks walks were cut off"
	exit 0
fi
# All of it, or it fails: no walk of these may be cut off.
states() { tests/sim/states -m 400000 -t 3600 "$@"; }
states early=1 reset=2
states crash=1
states power=1 gone=1
states wipe=1 power=1
states cut=1
states -b loss=2 twice=1
# What the process says to its handoff signal, other than its state.
states answers=2 ends=1
states answers=1 power=1
states -b answers=1 twice=1
states answers=2 early=1
states -p hmode=restart answers=2
states -p hmode=ignore answers=2
states -p required answers=2
# The move is a drain that is called off.
states undrain=1 early=1
# The new copy before the old one ends.
states -w first -p readiness early=1 reset=2
states -w first -p readiness crash=1
states -w first power=1 gone=1
states -w first wipe=1
states -w first cut=1
states -w first -b loss=2 twice=2
states -w first ends=2
states -w first undrain=1 power=1
states -w first -n 3 reset=1
states -w owner reset=1
states -w owner gone=1
states -a -w owner -m 12000 power=1 # as far as that leads
