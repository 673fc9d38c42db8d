# mover: moves one service's state, as that service's user.  libc only.
skeplibexec_PROGRAMS += skep-mover
skep_mover_SOURCES = \
	supervisord/mover/get.c \
	supervisord/mover/main.c \
	supervisord/mover/mover.h \
	supervisord/mover/place.c \
	supervisord/mover/put.c
skep_mover_LDADD = libsys.a libbase.a
