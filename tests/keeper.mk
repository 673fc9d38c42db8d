# What proves the keeper: codec, policy, paths, and a keeper with a fake node.
EXTRA_DIST += tests/keeper.mk
if HAVE_CHECK
check_PROGRAMS += tests/unit/test_kproto
TESTS += tests/unit/test_kproto
tests_unit_test_kproto_SOURCES = tests/unit/test_kproto.c
tests_unit_test_kproto_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_kproto_LDADD = libsys.a libbase.a $(CHECK_LIBS)
endif
