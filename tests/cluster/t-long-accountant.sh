#!/bin/bash
# t-accountant.sh for an hour.
BUDGET=4500
EVENTS=${EVENTS:-6000} RUN_S=${RUN_S:-3600}
. "$(dirname "$0")/accountant.sh"
