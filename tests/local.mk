# tests: one file per part, each level of the house style inside.
include tests/bench.mk
include tests/client.mk
include tests/cluster.mk
include tests/contrib.mk
include tests/coretest.mk
include tests/ctl.mk
include tests/keeper.mk
include tests/links.mk
include tests/logger.mk
include tests/member.mk
include tests/memory.mk
include tests/node.mk
include tests/remote.mk
include tests/repl.mk
include tests/spec.mk
include tests/trace.mk
