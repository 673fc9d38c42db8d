# What proves skep.h, which services include.
EXTRA_DIST += tests/client.mk
dist_check_SCRIPTS += tests/tidy/client.sh
TESTS += tests/tidy/client.sh

if HAVE_CHECK
check_PROGRAMS += tests/unit/test_client tests/unit/test_regwriter \
	tests/unit/test_regtorture tests/unit/test_mail \
	tests/unit/test_reggroups
TESTS += tests/unit/test_client tests/unit/test_regwriter \
	tests/unit/test_regtorture tests/unit/test_mail \
	tests/unit/test_reggroups
endif
tests_unit_test_mail_SOURCES = tests/unit/test_mail.c
tests_unit_test_mail_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_mail_LDADD = libskep.a libscratch.a libsys.a libbase.a \
	$(CHECK_LIBS) $(AX_PTHREAD_LIBS)
tests_unit_test_client_SOURCES = tests/unit/test_client.c
tests_unit_test_client_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_client_LDADD = libscratch.a libsys.a libbase.a \
	$(CHECK_LIBS)

# The registry's file: its writer and libskep together.
tests_unit_test_regwriter_SOURCES = tests/unit/test_regwriter.c
tests_unit_test_regwriter_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_regwriter_LDADD = libskep.a libnode.a libscratch.a libsys.a \
	libbase.a $(XXHASH_LIBS) $(CHECK_LIBS)
tests_unit_test_reggroups_SOURCES = tests/unit/test_reggroups.c
tests_unit_test_reggroups_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_reggroups_LDADD = $(tests_unit_test_regwriter_LDADD)
tests_unit_test_regtorture_SOURCES = tests/unit/test_regtorture.c
tests_unit_test_regtorture_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_regtorture_LDADD = $(tests_unit_test_regwriter_LDADD) \
	$(AX_PTHREAD_LIBS)
