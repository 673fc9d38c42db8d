#!/bin/sh
# Many names of processes in one world: 20,000, over three hosts and over five.
# 'make sim-many' has a million.
set -e
tests/sim/many -N 20000 -c 20 -s 1
tests/sim/many -N 20000 -c 20 -s 2 -n 5
