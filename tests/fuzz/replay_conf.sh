#!/bin/sh
# Replays the corpus of fuzz_conf.
set -e
HOME=${HOME:-/nonexistent}
export HOME
exec tests/fuzz/replay_conf "${srcdir:-.}/tests/fuzz/conf"
