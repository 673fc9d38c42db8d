# sys: the few things that every shell needs: errors, log lines, message
# sockets, clocks, units, skep.conf.  libc only; conf.c also inih.
noinst_LIBRARIES += libsys.a
libsys_a_SOURCES = \
	supervisord/sys/capability.c supervisord/sys/capability.h \
	supervisord/sys/clock.c supervisord/sys/clock.h \
	supervisord/sys/err.c supervisord/sys/err.h \
	supervisord/sys/event_kinds.c supervisord/sys/event_kinds.h \
	supervisord/sys/files.c supervisord/sys/files.h \
	supervisord/sys/ipc.c supervisord/sys/ipc.h \
	supervisord/sys/keyfile.c supervisord/sys/keyfile.h \
	supervisord/sys/kproto.c supervisord/sys/kproto.h \
	supervisord/sys/logmarks.c supervisord/sys/logmarks.h \
	supervisord/sys/nearest.c supervisord/sys/nearest.h \
	supervisord/sys/peer.c supervisord/sys/peer.h \
	supervisord/sys/probe.c supervisord/sys/probe.h \
	supervisord/sys/process.c supervisord/sys/process.h \
	supervisord/sys/procstat.c supervisord/sys/procstat.h \
	supervisord/sys/say.c supervisord/sys/say.h \
	supervisord/sys/statestream.c supervisord/sys/statestream.h \
	supervisord/sys/units.c supervisord/sys/units.h

# conf: skep.conf.  A library of its own, so that only those who link it need
# inih; the keeper does, so libc and inih are all it may use.
noinst_LIBRARIES += libconf.a
libconf_a_CFLAGS = $(AM_CFLAGS) $(INIH_CFLAGS)
libconf_a_SOURCES = \
	supervisord/sys/conf.c supervisord/sys/conf.h \
	supervisord/sys/conf_dirs.c supervisord/sys/conf_dirs.h \
	supervisord/sys/conf_doc.c \
	supervisord/sys/conf_read.c supervisord/sys/conf_read.h \
	supervisord/sys/conf_value.c supervisord/sys/conf_value.h
CONF_LIBS = libconf.a libsys.a libbase.a $(INIH_LIBS)

# plugin: the loader of placement strategies.  Apart, since the keeper loads
# nothing.
noinst_LIBRARIES += libplugin.a
libplugin_a_SOURCES = \
	supervisord/sys/plugin_host.c supervisord/sys/plugin_host.h
