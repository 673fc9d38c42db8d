#!/bin/sh
# A move with state, one with checkpoints, and one that starts first, with a
# fault at every point.
tests/sim/explore && tests/sim/explore -c && exec tests/sim/explore -f
