# tests
include tests/keeper.mk
