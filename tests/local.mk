# tests: one file per part, each level of the house style inside.
include tests/keeper.mk
include tests/links.mk
include tests/logger.mk
include tests/spec.mk
# tests
include tests/member.mk
