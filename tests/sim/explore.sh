#!/bin/sh
# A move with state, one with checkpoints, and one that starts first, with a
# fault at every point; and a copy that goes on from the state of another, alone
# or joined with its own.
tests/sim/explore && tests/sim/explore -c && tests/sim/explore -f &&
	tests/sim/explore_adopt && exec tests/sim/explore_adopt -j
