# tests
include tests/spec.mk
