# Members, in a small world of cores on fake time.
if HAVE_CHECK
check_PROGRAMS += tests/unit/test_member
TESTS += tests/unit/test_member
tests_unit_test_member_SOURCES = tests/unit/test_member.c \
	tests/unit/member_core.c $(WORLD_SOURCES)
tests_unit_test_member_CPPFLAGS = $(AM_CPPFLAGS) $(NANOPB_CFLAGS)
tests_unit_test_member_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_member_LDADD = libcore.a libbase.a $(CHECK_LIBS) \
	$(NANOPB_LIBS) $(XXHASH_LIBS)
endif
