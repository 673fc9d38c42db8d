#!/bin/bash
# t-states.sh with Redis of 100 MB, PostgreSQL of 1 GB, and a state of 5 GB.
# Needs 30 GB in TMPDIR.
BUDGET=1800
export LONG_BUDGET=$BUDGET REDIS_MB=100 POSTGRES_MB=1000 BLOB_MB=5000 \
	RATE=1gbit PATIENCE=600
exec bash "$(dirname "$0")/t-states.sh"
