# What proves skep.h, which services include.
EXTRA_DIST += tests/client.mk
dist_check_SCRIPTS += tests/tidy/client.sh
TESTS += tests/tidy/client.sh

if HAVE_CHECK
check_PROGRAMS += tests/unit/test_client
TESTS += tests/unit/test_client
endif
tests_unit_test_client_SOURCES = tests/unit/test_client.c
tests_unit_test_client_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_client_LDADD = libscratch.a libsys.a libbase.a \
	$(CHECK_LIBS)
