#!/bin/bash
# Fifty services give out consecutive numbers, somebody on each host takes them
# all the time, and things happen to the hosts, for an hour: see accountant.sh.
BUDGET=4500
EVENTS=${EVENTS:-6000} RUN_S=${RUN_S:-3600}
. "$(dirname "$0")/accountant.sh"
