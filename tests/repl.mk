# What proves replication: the pure allocator and durations, the wire, the
# registry and the desired state in a small network of cores.
EXTRA_DIST += tests/repl.mk tests/tidy/purity.sh
TESTS += tests/tidy/purity.sh
if HAVE_CHECK
REPL_TESTS = tests/unit/test_buddy tests/unit/test_duration \
	tests/unit/test_wire tests/unit/test_registry \
	tests/unit/test_specs tests/unit/test_settings \
	tests/unit/test_names tests/unit/test_changes
check_PROGRAMS += $(REPL_TESTS) tests/fuzz/fuzz_wire
TESTS += $(REPL_TESTS) tests/fuzz/fuzz_wire

tests_unit_test_buddy_SOURCES = tests/unit/test_buddy.c
tests_unit_test_buddy_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_buddy_LDADD = libbase.a $(CHECK_LIBS)

tests_unit_test_duration_SOURCES = tests/unit/test_duration.c
tests_unit_test_duration_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_duration_LDADD = libsys.a libbase.a $(CHECK_LIBS)

REPL_CPPFLAGS = $(AM_CPPFLAGS) $(NANOPB_CFLAGS) -I$(srcdir)/tests/unit
REPL_STUB = tests/unit/core_stub.c tests/unit/core_stub.h
REPL_LIBS = libcore.a libbase.a $(NANOPB_LIBS)

tests_unit_test_wire_SOURCES = tests/unit/test_wire.c $(REPL_STUB)
tests_unit_test_wire_CPPFLAGS = $(REPL_CPPFLAGS)
tests_unit_test_wire_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_wire_LDADD = $(REPL_LIBS) $(CHECK_LIBS)

tests_unit_test_registry_SOURCES = tests/unit/test_registry.c $(REPL_STUB)
tests_unit_test_registry_CPPFLAGS = $(REPL_CPPFLAGS)
tests_unit_test_registry_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_registry_LDADD = $(REPL_LIBS) $(CHECK_LIBS)

tests_unit_test_specs_SOURCES = tests/unit/test_specs.c $(REPL_STUB)
tests_unit_test_specs_CPPFLAGS = $(REPL_CPPFLAGS)
tests_unit_test_specs_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_specs_LDADD = $(REPL_LIBS) $(CHECK_LIBS)

tests_unit_test_settings_SOURCES = tests/unit/test_settings.c $(REPL_STUB)
tests_unit_test_settings_CPPFLAGS = $(REPL_CPPFLAGS)
tests_unit_test_settings_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_settings_LDADD = $(REPL_LIBS) $(CHECK_LIBS)

tests_unit_test_names_SOURCES = tests/unit/test_names.c $(REPL_STUB)
tests_unit_test_names_CPPFLAGS = $(REPL_CPPFLAGS)
tests_unit_test_names_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_names_LDADD = $(REPL_LIBS) $(CHECK_LIBS)

tests_unit_test_changes_SOURCES = tests/unit/test_changes.c $(REPL_STUB)
tests_unit_test_changes_CPPFLAGS = $(REPL_CPPFLAGS)
tests_unit_test_changes_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_changes_LDADD = $(REPL_LIBS) $(CHECK_LIBS)

tests_fuzz_fuzz_wire_SOURCES = tests/fuzz/fuzz_wire.c $(REPL_STUB)
tests_fuzz_fuzz_wire_CPPFLAGS = $(REPL_CPPFLAGS)
tests_fuzz_fuzz_wire_LDADD = $(REPL_LIBS)
endif
