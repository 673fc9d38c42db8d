#!/bin/sh
# Every state of small worlds.  With "long", of less small ones.
set -e
if [ "$1" = long ]; then
	limit=${SECONDS_EACH:-600}
	states() { tests/sim/states -m 12000000 -t "$limit" "$@"; }
	states power=2
	states crash=1 early=1
	states crash=2
	states power=1 reset=1
	states cut=1 early=1
	states -b loss=2 twice=1 crash=1
	states -w owner power=1
	states -w owner crash=1
	exit 0
fi
states() { tests/sim/states -m 200000 -t 10 "$@"; }
states early=1 reset=2
states crash=1
states power=1 gone=1
states wipe=1 power=1
states cut=1
states -b loss=2 twice=1
states -w owner reset=1
states -w owner gone=1
states -w owner -m 12000 power=1 # as far as that leads
