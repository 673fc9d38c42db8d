# Recordings: the codec, and bytes from anybody.
EXTRA_DIST += tests/trace.mk tests/fuzz/trace
if HAVE_CHECK
check_PROGRAMS += tests/unit/test_trace
TESTS += tests/unit/test_trace
tests_unit_test_trace_SOURCES = tests/unit/test_trace.c tests/unit/panic.c
tests_unit_test_trace_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_unit_test_trace_CFLAGS = $(core_test_cflags)
tests_unit_test_trace_LDADD = $(core_test_ldadd)

check_PROGRAMS += tests/unit/test_recorder
TESTS += tests/unit/test_recorder
tests_unit_test_recorder_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_unit_test_recorder_CFLAGS = $(core_test_cflags)
tests_unit_test_recorder_LDADD = libnode.a libcore.a $(NODE_LIBS) \
	$(CHECK_LIBS) $(NANOPB_LIBS)
endif

check_PROGRAMS += tests/fuzz/replay_trace
TESTS += tests/fuzz/replay_trace.sh
dist_check_SCRIPTS += tests/fuzz/replay_trace.sh
tests_fuzz_replay_trace_SOURCES = tests/fuzz/fuzz_trace.c tests/fuzz/replay.c \
	tests/fuzz/fuzz.h tests/unit/panic.c
tests_fuzz_replay_trace_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_fuzz_replay_trace_LDADD = libcore.a libbase.a $(NANOPB_LIBS) \
	$(XXHASH_LIBS)

# Simulated hosts are recorded, and replayed.
check_PROGRAMS += tests/sim/replay
tests_sim_replay_SOURCES = tests/sim/replay.c plugins/ring.c
tests_sim_replay_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_sim_replay_LDADD = libcore.a libbase.a $(NANOPB_LIBS) $(XXHASH_LIBS)
TESTS += tests/sim/record.sh
dist_check_SCRIPTS += tests/sim/record.sh

# `make fuzz-trace', as fuzz-spec and fuzz-conf (tests/spec.mk).
fuzz-trace: tests/fuzz/fuzz_trace.c $(libcore_a_SOURCES) \
		$(nodist_libcore_a_SOURCES)
	$(AM_V_CCLD)$(FUZZ_BUILD) $(NANOPB_CFLAGS) -o $@ \
		$(srcdir)/tests/fuzz/fuzz_trace.c \
		$(srcdir)/tests/unit/panic.c \
		$(addprefix $(srcdir)/,$(filter %.c,$(libcore_a_SOURCES))) \
		$(addprefix $(srcdir)/,$(filter %.c,$(libbase_a_SOURCES))) \
		$(filter %.c,$(nodist_libcore_a_SOURCES)) \
		$(NANOPB_LIBS) $(XXHASH_LIBS)
CLEANFILES += fuzz-trace
