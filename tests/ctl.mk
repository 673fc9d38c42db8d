# What proves the control API and skepctl.
EXTRA_DIST += tests/ctl.mk tests/fuzz/http

check_PROGRAMS += tests/unit/ctl_server tests/unit/ctl_mailbox \
	tests/fuzz/replay_http
tests_unit_ctl_server_SOURCES = tests/unit/ctl_server.c
tests_unit_ctl_mailbox_SOURCES = tests/unit/ctl_mailbox.c
tests_fuzz_replay_http_SOURCES = tests/fuzz/fuzz_http.c \
	tests/fuzz/replay.c tests/fuzz/fuzz.h
tests_fuzz_replay_http_LDADD = libctl.a libsys.a libbase.a
dist_check_SCRIPTS += tests/unit/test_ctl.sh tests/fuzz/replay_http.sh
TESTS += tests/unit/test_ctl.sh tests/fuzz/replay_http.sh

if HAVE_CHECK
check_PROGRAMS += tests/unit/test_api tests/unit/test_api_clients \
	tests/unit/test_api_mail \
	tests/unit/test_http \
	tests/unit/test_table
TESTS += tests/unit/test_api tests/unit/test_api_clients \
	tests/unit/test_api_mail \
	tests/unit/test_http tests/unit/test_table
API_TEST_LIBS = libnodeapi.a libnodenet.a libctl.a libspec.a libsys.a libbase.a \
	$(MHD_LIBS) $(JANSSON_LIBS) $(YAML_LIBS) $(XXHASH_LIBS) $(ZLIB_LIBS) \
	$(EV_LIBS) $(CHECK_LIBS)
API_TEST_SOURCES = tests/unit/api_client.c tests/unit/api_client.h \
	tests/unit/api_stub.c tests/unit/api_stub.h \
	tests/unit/api_stub_mail.c \
	supervisord/core/tracked_place.c
tests_unit_test_api_SOURCES = tests/unit/test_api.c $(API_TEST_SOURCES)
tests_unit_test_api_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_api_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_api_LDADD = $(API_TEST_LIBS)
tests_unit_test_api_clients_SOURCES = tests/unit/test_api_clients.c $(API_TEST_SOURCES)
tests_unit_test_api_clients_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_api_clients_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_api_clients_LDADD = $(API_TEST_LIBS)
tests_unit_test_api_mail_SOURCES = tests/unit/test_api_mail.c $(API_TEST_SOURCES)
tests_unit_test_api_mail_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_api_mail_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_api_mail_LDADD = $(API_TEST_LIBS)
tests_unit_test_http_SOURCES = tests/unit/test_http.c
tests_unit_test_http_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_http_LDADD = libctl.a libsys.a libbase.a $(CHECK_LIBS)
tests_unit_test_table_SOURCES = tests/unit/test_table.c
tests_unit_test_table_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_table_LDADD = libctl.a libsys.a libbase.a $(CHECK_LIBS)
endif
