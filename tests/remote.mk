# What proves queries between hosts.
EXTRA_DIST += tests/remote.mk
if HAVE_CHECK
check_PROGRAMS += tests/unit/test_query tests/unit/test_api_remote \
	tests/unit/test_api_given \
	tests/unit/test_aside
TESTS += tests/unit/test_query tests/unit/test_api_remote \
	tests/unit/test_api_given \
	tests/unit/test_aside

tests_unit_test_query_SOURCES = tests/unit/test_query.c \
	tests/unit/net_world.c tests/unit/net_world.h
tests_unit_test_query_CPPFLAGS = $(AM_CPPFLAGS) $(NANOPB_CFLAGS)
tests_unit_test_query_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_query_LDADD = libnodenet.a $(NODENET_LIBS) $(CHECK_LIBS)

tests_unit_test_api_remote_SOURCES = tests/unit/test_api_remote.c \
	$(API_TEST_SOURCES)
tests_unit_test_api_remote_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_api_remote_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_api_remote_LDADD = $(API_TEST_LIBS)

tests_unit_test_aside_SOURCES = tests/unit/test_aside.c
tests_unit_test_aside_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_aside_LDADD = libnodeapi.a $(CHECK_LIBS)

tests_unit_test_api_given_SOURCES = tests/unit/test_api_given.c \
	$(API_TEST_SOURCES)
tests_unit_test_api_given_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_api_given_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_api_given_LDADD = $(API_TEST_LIBS)
endif
