#!/bin/sh
# Replays the corpus of fuzz_spec.
set -e
HOME=${HOME:-/nonexistent}
export HOME
exec tests/fuzz/replay_spec "${srcdir:-.}/spec/good" "${srcdir:-.}/spec/bad"
