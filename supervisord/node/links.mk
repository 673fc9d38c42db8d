# Connections to other hosts and states in motion, as a library of their own
# so that tests can hold two ends in one process.
noinst_LIBRARIES += libnodenet.a
libnodenet_a_CPPFLAGS = $(AM_CPPFLAGS) $(NANOPB_CFLAGS)
libnodenet_a_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
libnodenet_a_SOURCES = \
	supervisord/node/bulk.c supervisord/node/bulk.h \
	supervisord/node/bulk_private.h \
	supervisord/node/conn.c supervisord/node/conn.h \
	supervisord/node/dial.c supervisord/node/dial.h \
	supervisord/node/dumps.c supervisord/node/dumps.h \
	supervisord/node/dumps_old.c supervisord/node/dumps_private.h \
	supervisord/node/feed.c supervisord/node/feed.h \
	supervisord/node/fetch.c \
	supervisord/node/frame.c supervisord/node/frame.h \
	supervisord/node/given.c \
	supervisord/node/guests.c \
	supervisord/node/links.c supervisord/node/links.h \
	supervisord/node/links_private.h \
	supervisord/node/message.c supervisord/node/message.h \
	supervisord/node/pace.c supervisord/node/pace.h \
	supervisord/node/pool.c supervisord/node/pool.h \
	supervisord/node/query.c supervisord/node/query.h \
	supervisord/node/query_ask.c supervisord/node/query_private.h \
	supervisord/node/query_serve.c \
	supervisord/node/queue.c supervisord/node/queue.h \
	supervisord/node/serve.c \
	supervisord/node/tls.c supervisord/node/tls.h
EXTRA_DIST += supervisord/node/links.mk
# What links with libnodenet.a needs behind it.
NODENET_LIBS = libcore.a libsys.a libbase.a $(OPENSSL_LIBS) $(NANOPB_LIBS) \
	$(EV_LIBS) $(XXHASH_LIBS) $(AX_PTHREAD_LIBS)
