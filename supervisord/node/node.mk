# The shell of skep-node.  What can be tested alone is a library; what knows
# the whole program is linked once.
noinst_LIBRARIES += libnode.a
libnode_a_CPPFLAGS = $(AM_CPPFLAGS) $(NANOPB_CFLAGS)
libnode_a_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
libnode_a_SOURCES = \
	supervisord/node/apply.c supervisord/node/apply.h \
	supervisord/node/effect_copy.c supervisord/node/effect_copy.h \
	supervisord/node/events.h \
	supervisord/node/identity.c supervisord/node/identity.h \
	supervisord/node/keeper_greet.c \
	supervisord/node/keeper_link.c supervisord/node/keeper_link.h \
	supervisord/node/keeper_private.h \
	supervisord/node/keeper_report.c supervisord/node/keeper_report.h \
	supervisord/node/launch.c supervisord/node/launch.h \
	supervisord/node/node.h \
	supervisord/node/quarantine.c supervisord/node/quarantine.h \
	supervisord/node/recorder.c supervisord/node/recorder.h \
	supervisord/node/reggroups.c supervisord/node/reggroups.h \
	supervisord/node/regtable.c \
	supervisord/node/regwriter.c supervisord/node/regwriter.h \
	supervisord/node/regwriter_private.h \
	supervisord/node/requests.c supervisord/node/requests.h \
	supervisord/node/specdir.c supervisord/node/specdir.h \
	supervisord/node/store.c supervisord/node/store.h \
	supervisord/node/store_db.c supervisord/node/store_db.h
# What a program with libnode.a needs behind it; between the two goes the
# core, for those who need it.
NODE_LIBS = libplugin.a libspec.a libconf.a libsys.a libbase.a \
	$(SQLITE_LIBS) $(YAML_LIBS) $(INIH_LIBS) $(XXHASH_LIBS) \
	$(EV_LIBS) $(AX_PTHREAD_LIBS) -ldl

skeplibexec_PROGRAMS += skep-node
skep_node_CPPFLAGS = $(AM_CPPFLAGS) $(NANOPB_CFLAGS) \
	-DPLUGIN_DIR='"$(skeplibdir)"'
skep_node_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
skep_node_SOURCES = \
	supervisord/node/boot.c \
	supervisord/node/carry.c \
	supervisord/node/events.c \
	supervisord/node/health.c supervisord/node/health.h \
	supervisord/node/heap.c supervisord/node/heap.h \
	supervisord/node/mail.c supervisord/node/mail.h \
	supervisord/node/mailbox.c supervisord/node/mailbox.h \
	supervisord/node/mailbox_private.h \
	supervisord/node/mailbox_talk.c \
	supervisord/node/main.c \
	supervisord/node/moves.c \
	supervisord/node/orders.c supervisord/node/orders.h \
	supervisord/node/publish.c supervisord/node/publish.h \
	supervisord/node/node.c supervisord/node/node_private.h \
	supervisord/node/prober.c supervisord/node/prober.h \
	supervisord/node/recording.c supervisord/node/recording.h \
	supervisord/node/schedule.c supervisord/node/schedule.h \
	supervisord/node/states.c \
	supervisord/node/status_sources.c \
	supervisord/node/tracks.c supervisord/node/tracks.h \
	supervisord/node/whose.c supervisord/node/whose.h
skep_node_LDADD = libnodeapi.a libnodenet.a libnode.a libcore.a libplugin.a libspec.a \
	libconf.a libsys.a libbase.a $(SQLITE_LIBS) $(YAML_LIBS) \
	$(INIH_LIBS) $(MHD_LIBS) $(JANSSON_LIBS) $(OPENSSL_LIBS) \
	$(NANOPB_LIBS) $(XXHASH_LIBS) $(ZLIB_LIBS) $(EV_LIBS) \
	$(AX_PTHREAD_LIBS) -ldl
EXTRA_DIST += supervisord/node/node.mk
