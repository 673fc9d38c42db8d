# client: what programs include that skep starts, and libskep, which any
# program may link.  It needs libc and nothing else.
skepinclude_HEADERS += supervisord/client/include/skep/skep.h \
	supervisord/client/include/skep/mail.h \
	supervisord/client/include/skep/mailbox.h \
	supervisord/client/include/skep/registry.h

libskep_sources = \
	supervisord/base/glob.c supervisord/base/glob.h \
	supervisord/client/mail.c \
	supervisord/client/members.c \
	supervisord/client/packet.h \
	supervisord/client/reader.h \
	supervisord/client/regfile.h \
	supervisord/client/registry.c \
	supervisord/client/walk.c \
	supervisord/client/watch.c
lib_LTLIBRARIES += libskep.la
libskep_la_SOURCES = $(libskep_sources)
libskep_la_CFLAGS = $(AM_CFLAGS)
libskep_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=$(srcdir)/supervisord/client/libskep.map
EXTRA_libskep_la_DEPENDENCIES = supervisord/client/libskep.map
EXTRA_DIST += supervisord/client/libskep.map

# The static one.  Flags of their own give the objects of both their own names.
lib_LIBRARIES += libskep.a
libskep_a_SOURCES = $(libskep_sources)
libskep_a_CFLAGS = $(AM_CFLAGS) -fPIC

pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = supervisord/client/skep.pc
dist_man_MANS += supervisord/client/man/libskep.3 \
	supervisord/client/man/skep-mail.3 \
	supervisord/client/man/skep-mailbox.7
