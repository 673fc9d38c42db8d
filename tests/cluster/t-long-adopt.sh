#!/bin/bash
# t-adopt.sh with 200 services and 100 rounds.
BUDGET=1200
export LONG_BUDGET=$BUDGET ROUNDS=100 COUNTERS=150 FLAPPERS=49 PAUSE=0.2
exec bash "$(dirname "$0")/t-adopt.sh"
