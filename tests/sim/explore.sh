#!/bin/sh
# A move with state, and one that starts first, with a fault at every point.
tests/sim/explore && exec tests/sim/explore -f
