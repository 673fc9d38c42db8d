# tests
include tests/keeper.mk
include tests/links.mk
