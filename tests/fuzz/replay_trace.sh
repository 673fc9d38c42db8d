#!/bin/sh
# Replays the corpus of fuzz_trace.
exec tests/fuzz/replay_trace "${srcdir:-.}/tests/fuzz/trace"
