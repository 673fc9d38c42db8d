#!/bin/sh
# Replays the corpus of fuzz_http.
exec tests/fuzz/replay_http "${srcdir:-.}/tests/fuzz/http"
