# Members, in a small world of cores on fake time.
if HAVE_CHECK
check_LIBRARIES += tests/libstory.a
tests_libstory_a_SOURCES = tests/sim/story.c tests/sim/story.h
tests_libstory_a_CPPFLAGS = $(AM_CPPFLAGS) $(NANOPB_CFLAGS)
tests_libstory_a_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

member_tests = tests/unit/test_member tests/unit/test_member_detect \
	tests/unit/test_member_hold tests/unit/test_replicas \
	tests/unit/test_world
member_test_cppflags = $(AM_CPPFLAGS) $(NANOPB_CFLAGS)
member_test_cflags = $(AM_CFLAGS) $(CHECK_CFLAGS)
member_test_ldadd = tests/libstory.a tests/libworld.a libcore.a libbase.a \
	$(CHECK_LIBS) $(NANOPB_LIBS) $(XXHASH_LIBS)
check_PROGRAMS += $(member_tests)
TESTS += $(member_tests)
tests_unit_test_member_CPPFLAGS = $(member_test_cppflags)
tests_unit_test_member_CFLAGS = $(member_test_cflags)
tests_unit_test_member_LDADD = $(member_test_ldadd)
tests_unit_test_world_CPPFLAGS = $(member_test_cppflags)
tests_unit_test_world_CFLAGS = $(member_test_cflags)
tests_unit_test_world_LDADD = $(member_test_ldadd)
tests_unit_test_member_detect_CPPFLAGS = $(member_test_cppflags)
tests_unit_test_member_detect_CFLAGS = $(member_test_cflags)
tests_unit_test_member_detect_LDADD = $(member_test_ldadd)
tests_unit_test_member_hold_CPPFLAGS = $(member_test_cppflags)
tests_unit_test_member_hold_CFLAGS = $(member_test_cflags)
tests_unit_test_member_hold_LDADD = $(member_test_ldadd)
tests_unit_test_replicas_CPPFLAGS = $(member_test_cppflags)
tests_unit_test_replicas_CFLAGS = $(member_test_cflags)
tests_unit_test_replicas_LDADD = $(member_test_ldadd)
endif
