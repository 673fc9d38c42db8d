# tests
include tests/keeper.mk
include tests/logger.mk
include tests/node.mk
