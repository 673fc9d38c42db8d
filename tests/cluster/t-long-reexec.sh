#!/bin/bash
# t-reexec.sh with 200 services and 30 rounds.
BUDGET=600
export LONG_BUDGET=$BUDGET ROUNDS=30 COUNTERS=150 FLAPPERS=49 PAUSE=0.2
exec bash "$(dirname "$0")/t-reexec.sh"
