#!/bin/sh
# A move with state, one with checkpoints, and one that starts first, with a
# fault at every point; and a copy that goes on from the state of another.
tests/sim/explore && tests/sim/explore -c && tests/sim/explore -f &&
	exec tests/sim/explore_adopt
