# Containers that take memory in proportion to what is in them, and the small
# functions of base.
EXTRA_DIST += tests/memory.mk

MEMORY_TESTS = tests/unit/test_map tests/unit/test_slots \
	tests/unit/test_lookup tests/unit/test_hex tests/unit/test_name \
	tests/unit/test_glob tests/unit/test_name_part tests/unit/test_base64
if HAVE_CHECK
check_PROGRAMS += $(MEMORY_TESTS)
TESTS += $(MEMORY_TESTS)
endif

tests_unit_test_map_SOURCES = tests/unit/test_map.c
tests_unit_test_map_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_map_LDADD = libbase.a $(CHECK_LIBS)
tests_unit_test_lookup_SOURCES = tests/unit/test_lookup.c
tests_unit_test_lookup_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_lookup_LDADD = libbase.a $(CHECK_LIBS)
tests_unit_test_slots_SOURCES = tests/unit/test_slots.c
tests_unit_test_slots_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_slots_LDADD = libbase.a $(CHECK_LIBS)
tests_unit_test_hex_SOURCES = tests/unit/test_hex.c
tests_unit_test_hex_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_hex_LDADD = libbase.a $(CHECK_LIBS)
tests_unit_test_base64_SOURCES = tests/unit/test_base64.c
tests_unit_test_base64_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_base64_LDADD = libbase.a $(CHECK_LIBS)
tests_unit_test_glob_SOURCES = tests/unit/test_glob.c
tests_unit_test_glob_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_glob_LDADD = libbase.a $(CHECK_LIBS)
tests_unit_test_name_SOURCES = tests/unit/test_name.c
tests_unit_test_name_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_name_LDADD = libbase.a $(CHECK_LIBS)
tests_unit_test_name_part_SOURCES = tests/unit/test_name_part.c \
	tests/unit/panic.c
tests_unit_test_name_part_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_name_part_LDADD = libbase.a $(CHECK_LIBS) $(XXHASH_LIBS)
