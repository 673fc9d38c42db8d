# What proves the logger, the mover, and the files they stand on.
EXTRA_DIST += tests/logger.mk
if HAVE_CHECK
check_LIBRARIES += libscratch.a
libscratch_a_SOURCES = \
	tests/lib/logger_player.c tests/lib/logger_player.h \
	tests/lib/scratch.c tests/lib/scratch.h
libscratch_a_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

logger_tests = \
	tests/unit/test_files \
	tests/unit/test_logfile \
	tests/unit/test_logger \
	tests/unit/test_logkeep \
	tests/unit/test_logtail \
	tests/unit/test_marks \
	tests/unit/test_mover \
	tests/unit/test_mover_path \
	tests/unit/test_mover_join \
	tests/unit/test_mover_tree \
	tests/unit/test_statestream \
	tests/unit/test_stream
check_PROGRAMS += $(logger_tests)
TESTS += $(logger_tests)

tests_unit_test_files_SOURCES = tests/unit/test_files.c
tests_unit_test_files_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_files_LDADD = \
	libscratch.a libsys.a libbase.a $(CHECK_LIBS)

tests_unit_test_logfile_SOURCES = tests/unit/test_logfile.c
tests_unit_test_logfile_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_logfile_LDADD = \
	liblogger.a libscratch.a libsys.a libbase.a $(CHECK_LIBS) \
	$(ZLIB_LIBS) $(AX_PTHREAD_LIBS)

# Runs ./skep-logger, which `make check' has built by then.
tests_unit_test_logger_SOURCES = tests/unit/test_logger.c
tests_unit_test_logger_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_logger_LDADD = \
	libscratch.a libsys.a libbase.a $(CHECK_LIBS)

# So does this one.
tests_unit_test_logkeep_SOURCES = tests/unit/test_logkeep.c
tests_unit_test_logkeep_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(ZLIB_CFLAGS) \
	-DHANG_LIBRARY='"./tests/lib/.libs/hang.so"'
tests_unit_test_logkeep_LDADD = \
	libscratch.a libsys.a libbase.a $(CHECK_LIBS) $(ZLIB_LIBS)

tests_unit_test_logtail_SOURCES = tests/unit/test_logtail.c
tests_unit_test_logtail_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_logtail_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(ZLIB_CFLAGS)
tests_unit_test_logtail_LDADD = \
	libnodeapi.a libscratch.a libspec.a libsys.a libbase.a $(JANSSON_LIBS) \
	$(ZLIB_LIBS) $(YAML_LIBS) $(EV_LIBS) $(CHECK_LIBS)

tests_unit_test_marks_SOURCES = tests/unit/test_marks.c
tests_unit_test_marks_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_marks_LDADD = \
	liblogger.a libscratch.a libsys.a libbase.a $(CHECK_LIBS) \
	$(ZLIB_LIBS) $(AX_PTHREAD_LIBS)

check_LTLIBRARIES += tests/lib/hang.la
tests_lib_hang_la_SOURCES = tests/lib/hang.c
tests_lib_hang_la_LDFLAGS = -module -avoid-version -rpath /nowhere

tests_unit_test_mover_SOURCES = tests/unit/test_mover.c
tests_unit_test_mover_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_mover_LDADD = \
	libscratch.a libsys.a libbase.a $(CHECK_LIBS)
tests_unit_test_mover_path_SOURCES = tests/unit/test_mover_path.c
tests_unit_test_mover_path_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_mover_path_LDADD = \
	libscratch.a libsys.a libbase.a $(CHECK_LIBS)

tests_unit_test_mover_join_SOURCES = tests/unit/test_mover_join.c
tests_unit_test_mover_join_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_mover_join_LDADD = \
	libscratch.a libsys.a libbase.a $(CHECK_LIBS)

tests_unit_test_mover_tree_SOURCES = tests/unit/test_mover_tree.c $(MOVER_TREE)
tests_unit_test_mover_tree_CFLAGS = \
	$(AM_CFLAGS) $(CHECK_CFLAGS) $(ARCHIVE_CFLAGS)
tests_unit_test_mover_tree_LDADD = \
	libscratch.a libsys.a libbase.a $(CHECK_LIBS) $(ARCHIVE_LIBS)

check_PROGRAMS += tests/fuzz/replay_tree
TESTS += tests/fuzz/replay_tree.sh
dist_check_SCRIPTS += tests/fuzz/replay_tree.sh
EXTRA_DIST += tests/fuzz/tree
tests_fuzz_replay_tree_SOURCES = tests/fuzz/fuzz_tree.c tests/fuzz/replay.c \
	tests/fuzz/fuzz.h tests/unit/panic.c $(MOVER_TREE)
tests_fuzz_replay_tree_CFLAGS = $(AM_CFLAGS) $(ARCHIVE_CFLAGS)
tests_fuzz_replay_tree_LDADD = libsys.a libbase.a $(ARCHIVE_LIBS)

# `make fuzz-tree', as fuzz-spec and fuzz-conf (tests/spec.mk).
fuzz-tree: tests/fuzz/fuzz_tree.c $(MOVER_TREE)
	$(AM_V_CCLD)$(FUZZ_BUILD) $(ARCHIVE_CFLAGS) -o $@ \
		$(srcdir)/tests/fuzz/fuzz_tree.c \
		$(addprefix $(srcdir)/,$(filter %.c,$(MOVER_TREE))) \
		$(srcdir)/tests/unit/panic.c \
		$(srcdir)/supervisord/sys/files.c $(fuzz_base) $(ARCHIVE_LIBS)
CLEANFILES += fuzz-tree

tests_unit_test_statestream_SOURCES = \
	tests/fuzz/fuzz_statestream.c \
	tests/unit/test_statestream.c
tests_unit_test_statestream_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_statestream_LDADD = libsys.a libbase.a $(CHECK_LIBS)

tests_unit_test_stream_SOURCES = tests/unit/test_stream.c
tests_unit_test_stream_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_stream_LDADD = \
	liblogger.a libscratch.a libsys.a libbase.a $(CHECK_LIBS) \
	$(ZLIB_LIBS) $(AX_PTHREAD_LIBS)
endif
