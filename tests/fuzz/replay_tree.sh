#!/bin/sh
# Replays the corpus of fuzz_tree.
exec tests/fuzz/replay_tree "${srcdir:-.}/tests/fuzz/tree"
