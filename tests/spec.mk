# spec and skep.conf: every file of spec/good and spec/bad, the table, the
# schema, and the fuzz targets replayed over the corpora.
EXTRA_DIST += spec/good spec/bad tests/fuzz/conf

if HAVE_CHECK
spec_tests = tests/unit/test_spec tests/unit/test_spec_files \
	tests/unit/test_spec_schema tests/unit/test_conf \
	tests/unit/test_nearest tests/unit/test_cron
check_PROGRAMS += $(spec_tests)
TESTS += $(spec_tests)

tests_unit_test_spec_SOURCES = tests/unit/test_spec.c
tests_unit_test_spec_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_spec_LDADD = $(SPEC_LIBS) $(CHECK_LIBS)
tests_unit_test_spec_files_SOURCES = tests/unit/test_spec_files.c
tests_unit_test_spec_files_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_spec_files_LDADD = $(SPEC_LIBS) $(CHECK_LIBS)
tests_unit_test_spec_schema_SOURCES = tests/unit/test_spec_schema.c
tests_unit_test_spec_schema_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS) \
	$(JANSSON_CFLAGS)
tests_unit_test_spec_schema_LDADD = $(SPEC_LIBS) $(CHECK_LIBS) \
	$(JANSSON_LIBS)
tests_unit_test_conf_SOURCES = tests/unit/test_conf.c
tests_unit_test_conf_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_conf_LDADD = $(CONF_LIBS) $(CHECK_LIBS)
tests_unit_test_nearest_SOURCES = tests/unit/test_nearest.c
tests_unit_test_nearest_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_nearest_LDADD = libsys.a $(CHECK_LIBS)
tests_unit_test_cron_SOURCES = tests/unit/test_cron.c
tests_unit_test_cron_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_cron_LDADD = $(SPEC_LIBS) $(CHECK_LIBS)
check_DATA += skep-service.schema.json
endif

# Each fuzz target with a main of its own that replays a corpus.
check_PROGRAMS += tests/fuzz/replay_spec tests/fuzz/replay_conf
TESTS += tests/fuzz/replay_spec.sh tests/fuzz/replay_conf.sh
dist_check_SCRIPTS += tests/fuzz/replay_spec.sh tests/fuzz/replay_conf.sh
tests_fuzz_replay_spec_SOURCES = tests/fuzz/fuzz_spec.c tests/fuzz/replay.c \
	tests/fuzz/fuzz.h
tests_fuzz_replay_spec_LDADD = $(SPEC_LIBS)
tests_fuzz_replay_conf_SOURCES = tests/fuzz/fuzz_conf.c tests/fuzz/replay.c \
	tests/fuzz/fuzz.h
tests_fuzz_replay_conf_LDADD = $(CONF_LIBS)

# `make fuzz-spec` and `make fuzz-conf` build the real things with clang.
FUZZ_CC = clang -g -O1 -fsanitize=fuzzer,address,undefined
FUZZ_BUILD = $(FUZZ_CC) $(DEFS) $(AM_CPPFLAGS) $(CPPFLAGS) $(YAML_CFLAGS) \
	$(INIH_CFLAGS) -std=gnu11
fuzz_base = $(srcdir)/supervisord/sys/capability.c \
	$(srcdir)/supervisord/sys/err.c \
	$(srcdir)/supervisord/sys/event_kinds.c \
	$(srcdir)/supervisord/sys/nearest.c \
	$(srcdir)/supervisord/sys/units.c $(srcdir)/supervisord/base/hash.c \
	$(srcdir)/supervisord/base/duration.c \
	$(srcdir)/supervisord/base/glob.c $(srcdir)/supervisord/base/hours.c \
	$(srcdir)/supervisord/base/name.c \
	$(srcdir)/supervisord/base/name_part.c
fuzz-spec: tests/fuzz/fuzz_spec.c $(libspec_a_SOURCES)
	$(AM_V_CCLD)$(FUZZ_BUILD) -o $@ $(srcdir)/tests/fuzz/fuzz_spec.c \
		$(addprefix $(srcdir)/,$(filter %.c,$(libspec_a_SOURCES))) \
		$(fuzz_base) $(YAML_LIBS)
fuzz-conf: tests/fuzz/fuzz_conf.c $(libconf_a_SOURCES)
	$(AM_V_CCLD)$(FUZZ_BUILD) -o $@ $(srcdir)/tests/fuzz/fuzz_conf.c \
		$(addprefix $(srcdir)/,$(filter %.c,$(libconf_a_SOURCES))) \
		$(fuzz_base) $(INIH_LIBS)
CLEANFILES += fuzz-spec fuzz-conf
