# What the numbers are measured with; `make bench' prints them.
bench_programs = tests/bench/drive tests/bench/floor tests/bench/stamp \
	tests/bench/core tests/bench/logload tests/bench/lookup
EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs)
EXTRA_DIST += tests/bench.mk tests/bench/run.sh tests/bench/cluster.sh \
	tests/bench/moves.sh tests/bench/answer.py

tests_bench_drive_SOURCES = tests/bench/drive.c
tests_bench_floor_SOURCES = tests/bench/floor.c
tests_bench_stamp_SOURCES = tests/bench/stamp.c
tests_bench_logload_SOURCES = tests/bench/logload.c
tests_bench_logload_LDADD = libsys.a libbase.a
tests_bench_lookup_SOURCES = tests/bench/lookup.c
tests_bench_lookup_LDADD = libskep.a libnode.a libsys.a libbase.a \
	$(XXHASH_LIBS)
tests_bench_core_SOURCES = tests/bench/core.c \
	tests/unit/core_stub.c tests/unit/core_stub.h
tests_bench_core_CPPFLAGS = $(AM_CPPFLAGS) $(NANOPB_CFLAGS) \
	-I$(srcdir)/tests/unit
tests_bench_core_LDADD = libcore.a libbase.a $(NANOPB_LIBS) $(XXHASH_LIBS)

# ROWS picks some of them: start memory death status log loss move states core lookup.
bench: all $(bench_programs)
	SKEP_BUILD=$(abs_builddir) bash $(srcdir)/tests/bench/run.sh $(ROWS)
.PHONY: bench
