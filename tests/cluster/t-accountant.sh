#!/bin/bash
# Two minutes of t-long-accountant.sh: see accountant.sh.  The draws are the same
# each time, so that a run that fails can be made again; SEED=N takes others.
BUDGET=900
EVENTS=${EVENTS:-200} RUN_S=${RUN_S:-100} SEED=${SEED:-32}
. "$(dirname "$0")/accountant.sh"
