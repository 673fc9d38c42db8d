# What proves keys, connections, links and states in motion.
EXTRA_DIST += tests/links.mk
if HAVE_CHECK
check_PROGRAMS += tests/unit/test_links
TESTS += tests/unit/test_links
tests_unit_test_links_SOURCES = tests/unit/test_links.c \
	tests/unit/net_world.c tests/unit/net_world.h
tests_unit_test_links_CPPFLAGS = $(AM_CPPFLAGS) $(NANOPB_CFLAGS)
tests_unit_test_links_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_links_LDADD = libnodenet.a $(NODENET_LIBS) $(CHECK_LIBS)
endif
