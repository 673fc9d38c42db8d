#!/bin/bash
# Fifty services give out consecutive numbers, somebody on each host takes them
# all the time, and things happen to the hosts: see accountant.sh.
BUDGET=300
. "$(dirname "$0")/accountant.sh"
