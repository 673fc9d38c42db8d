# sys: the few things that every shell needs: errors, log lines, message
# sockets, clocks, units, skep.conf.  libc only; conf.c also inih.
noinst_LIBRARIES += libsys.a
libsys_a_SOURCES = \
	supervisord/sys/clock.c supervisord/sys/clock.h \
	supervisord/sys/err.c supervisord/sys/err.h \
	supervisord/sys/ipc.c supervisord/sys/ipc.h \
	supervisord/sys/nearest.c supervisord/sys/nearest.h \
	supervisord/sys/say.c supervisord/sys/say.h \
	supervisord/sys/units.c supervisord/sys/units.h
