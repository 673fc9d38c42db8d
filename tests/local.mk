# tests
include tests/member.mk
