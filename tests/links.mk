# What proves keys, connections, links and states in motion.
EXTRA_DIST += tests/links.mk tests/fuzz/fuzz_frame.c
if HAVE_CHECK
LINKS_TESTS = tests/unit/test_keyfile tests/unit/test_frame \
	tests/unit/test_links tests/unit/test_bulk tests/unit/test_bulk_kept
check_PROGRAMS += $(LINKS_TESTS)
TESTS += $(LINKS_TESTS)

tests_unit_test_keyfile_SOURCES = tests/unit/test_keyfile.c
tests_unit_test_keyfile_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_keyfile_LDADD = libsys.a libbase.a $(CHECK_LIBS)

tests_unit_test_frame_SOURCES = tests/unit/test_frame.c
tests_unit_test_frame_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_frame_LDADD = libnodenet.a libsys.a libbase.a $(CHECK_LIBS)

tests_unit_test_links_SOURCES = tests/unit/test_links.c \
	tests/unit/net_world.c tests/unit/net_world.h
tests_unit_test_links_CPPFLAGS = $(AM_CPPFLAGS) $(NANOPB_CFLAGS)
tests_unit_test_links_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_links_LDADD = libnodenet.a $(NODENET_LIBS) $(CHECK_LIBS)

tests_unit_test_bulk_SOURCES = tests/unit/test_bulk.c \
	tests/unit/bulk_world.c tests/unit/bulk_world.h \
	tests/unit/net_world.c tests/unit/net_world.h
tests_unit_test_bulk_CPPFLAGS = $(AM_CPPFLAGS) $(NANOPB_CFLAGS)
tests_unit_test_bulk_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_bulk_LDADD = libnodenet.a $(NODENET_LIBS) $(CHECK_LIBS)

tests_unit_test_bulk_kept_SOURCES = tests/unit/test_bulk_kept.c \
	tests/unit/bulk_world.c tests/unit/bulk_world.h \
	tests/unit/net_world.c tests/unit/net_world.h
tests_unit_test_bulk_kept_CPPFLAGS = $(AM_CPPFLAGS) $(NANOPB_CFLAGS)
tests_unit_test_bulk_kept_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) \
	$(OPENSSL_CFLAGS)
tests_unit_test_bulk_kept_LDADD = libnodenet.a $(NODENET_LIBS) $(CHECK_LIBS)
endif
