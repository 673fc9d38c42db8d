#!/bin/bash
# Everything that a registry must do, on three hosts: see rows.sh.
BUDGET=120
NAMES="alpha beta gamma"
. "$(dirname "$0")/rows.sh"
