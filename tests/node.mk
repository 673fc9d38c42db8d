# What proves the shell of skep-node, piece by piece.
EXTRA_DIST += tests/node.mk
if HAVE_CHECK
node_tests = \
	tests/unit/test_apply \
	tests/unit/test_identity \
	tests/unit/test_keeper_link \
	tests/unit/test_launch \
	tests/unit/test_node \
	tests/unit/test_peer \
	tests/unit/test_plugin_host \
	tests/unit/test_quarantine \
	tests/unit/test_specdir \
	tests/unit/test_store \
	tests/unit/test_tracks
check_PROGRAMS += $(node_tests)
TESTS += $(node_tests)
NODE_TEST_LIBS = libscratch.a libnode.a $(NODE_LIBS) $(CHECK_LIBS)

tests_unit_test_apply_SOURCES = tests/unit/test_apply.c
tests_unit_test_apply_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_apply_LDADD = $(NODE_TEST_LIBS)
tests_unit_test_identity_SOURCES = tests/unit/test_identity.c
tests_unit_test_identity_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_identity_LDADD = $(NODE_TEST_LIBS)
tests_unit_test_keeper_link_SOURCES = tests/unit/test_keeper_link.c
tests_unit_test_keeper_link_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_keeper_link_LDADD = $(NODE_TEST_LIBS)
tests_unit_test_launch_SOURCES = tests/unit/test_launch.c
tests_unit_test_launch_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_launch_LDADD = $(NODE_TEST_LIBS)
# Runs ./skep-node, which `make check' has built by then.
tests_unit_test_node_SOURCES = tests/unit/test_node.c
tests_unit_test_node_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_node_LDADD = $(NODE_TEST_LIBS)
tests_unit_test_peer_SOURCES = tests/unit/test_peer.c
tests_unit_test_peer_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_peer_LDADD = libscratch.a libsys.a libbase.a $(CHECK_LIBS)
tests_unit_test_quarantine_SOURCES = tests/unit/test_quarantine.c
tests_unit_test_quarantine_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_quarantine_LDADD = $(NODE_TEST_LIBS)
tests_unit_test_specdir_SOURCES = tests/unit/test_specdir.c
tests_unit_test_specdir_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_specdir_LDADD = libscratch.a libnode.a libcore.a \
	$(NODE_LIBS) $(NANOPB_LIBS) $(CHECK_LIBS)
tests_unit_test_store_SOURCES = tests/unit/test_store.c
tests_unit_test_store_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_store_LDADD = $(NODE_TEST_LIBS)
tests_unit_test_tracks_SOURCES = tests/unit/test_tracks.c \
	supervisord/node/tracks.c supervisord/node/tracks.h
tests_unit_test_tracks_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_tracks_LDADD = $(NODE_TEST_LIBS)

# The loader with plugins of every kind of wrong.
tests_unit_test_plugin_host_SOURCES = tests/unit/test_plugin_host.c
tests_unit_test_plugin_host_CPPFLAGS = $(AM_CPPFLAGS) \
	-DPLUGIN_BUILD_DIR='"$(abs_builddir)"'
tests_unit_test_plugin_host_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_plugin_host_LDADD = $(NODE_TEST_LIBS)
EXTRA_tests_unit_test_plugin_host_DEPENDENCIES = $(sample_plugins) ring.la

sample_plugins = \
	tests/plugins/bad_name.la \
	tests/plugins/bad_ops.la \
	tests/plugins/bad_size.la \
	tests/plugins/new_minor.la \
	tests/plugins/no_rank.la \
	tests/plugins/no_symbol.la \
	tests/plugins/noop.la \
	tests/plugins/old_abi.la
check_LTLIBRARIES += $(sample_plugins)
# '-rpath' makes libtool build a module of what is not installed.
SAMPLE_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
tests_plugins_bad_name_la_SOURCES = tests/plugins/bad_name.c \
	tests/plugins/sample.h
tests_plugins_bad_name_la_LDFLAGS = $(SAMPLE_LDFLAGS)
tests_plugins_bad_ops_la_SOURCES = tests/plugins/bad_ops.c
tests_plugins_bad_ops_la_LDFLAGS = $(SAMPLE_LDFLAGS)
tests_plugins_bad_size_la_SOURCES = tests/plugins/bad_size.c
tests_plugins_bad_size_la_LDFLAGS = $(SAMPLE_LDFLAGS)
tests_plugins_new_minor_la_SOURCES = tests/plugins/new_minor.c
tests_plugins_new_minor_la_LDFLAGS = $(SAMPLE_LDFLAGS)
tests_plugins_no_rank_la_SOURCES = tests/plugins/no_rank.c
tests_plugins_no_rank_la_LDFLAGS = $(SAMPLE_LDFLAGS)
tests_plugins_no_symbol_la_SOURCES = tests/plugins/no_symbol.c
tests_plugins_no_symbol_la_LDFLAGS = $(SAMPLE_LDFLAGS)
tests_plugins_noop_la_SOURCES = tests/plugins/noop.c
tests_plugins_noop_la_LDFLAGS = $(SAMPLE_LDFLAGS)
tests_plugins_old_abi_la_SOURCES = tests/plugins/old_abi.c
tests_plugins_old_abi_la_LDFLAGS = $(SAMPLE_LDFLAGS)
endif
