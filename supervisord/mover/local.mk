# mover: moves one service's state, as that service's user.  libarchive for
# directories; it alone maps that.
skeplibexec_PROGRAMS += skep-mover
MOVER_TREE = supervisord/mover/tree.h \
	supervisord/mover/tree_pack.c \
	supervisord/mover/tree_unpack.c
skep_mover_SOURCES = \
	supervisord/mover/get.c \
	supervisord/mover/main.c \
	supervisord/mover/mover.h \
	supervisord/mover/place.c \
	supervisord/mover/put.c \
	$(MOVER_TREE)
skep_mover_CFLAGS = $(AM_CFLAGS) $(ARCHIVE_CFLAGS)
skep_mover_LDADD = libsys.a libbase.a $(ARCHIVE_LIBS)
