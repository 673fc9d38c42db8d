# tests
include tests/keeper.mk
include tests/logger.mk
