# keeper: skepd, the parent of every service.  libc and inih, nothing else:
# tests/unit/keeper-needed looks at the binary.
noinst_LIBRARIES += libkeeper.a
libkeeper_a_SOURCES = \
	supervisord/keeper/adopt.c supervisord/keeper/adopt.h \
	supervisord/keeper/ahead.c supervisord/keeper/ahead.h \
	supervisord/keeper/caps.c supervisord/keeper/caps.h \
	supervisord/keeper/cgroup.c supervisord/keeper/cgroup.h \
	supervisord/keeper/child.c supervisord/keeper/child.h \
	supervisord/keeper/closer.c supervisord/keeper/closer.h \
	supervisord/keeper/crash.c supervisord/keeper/crash.h \
	supervisord/keeper/dirs.c supervisord/keeper/dirs.h \
	supervisord/keeper/env.c supervisord/keeper/env.h \
	supervisord/keeper/fifo.c supervisord/keeper/fifo.h \
	supervisord/keeper/file.c supervisord/keeper/file.h \
	supervisord/keeper/former.c supervisord/keeper/former.h \
	supervisord/keeper/handoff.c supervisord/keeper/handoff.h \
	supervisord/keeper/helper.c supervisord/keeper/helper.h \
	supervisord/keeper/ids.c supervisord/keeper/ids.h \
	supervisord/keeper/instance.c supervisord/keeper/instance.h \
	supervisord/keeper/keeper.h \
	supervisord/keeper/kept.c supervisord/keeper/kept.h \
	supervisord/keeper/launch.c supervisord/keeper/launch.h \
	supervisord/keeper/leave.c supervisord/keeper/leave.h \
	supervisord/keeper/limits.c supervisord/keeper/limits.h \
	supervisord/keeper/loan.c supervisord/keeper/loan.h \
	supervisord/keeper/lock.c supervisord/keeper/lock.h \
	supervisord/keeper/logs.c supervisord/keeper/logs.h \
	supervisord/keeper/loop.c supervisord/keeper/loop.h \
	supervisord/keeper/mover.c supervisord/keeper/mover.h \
	supervisord/keeper/leader.c supervisord/keeper/leader.h \
	supervisord/keeper/nofile.c supervisord/keeper/nofile.h \
	supervisord/keeper/notice.c supervisord/keeper/notice.h \
	supervisord/keeper/notify.c supervisord/keeper/notify.h \
	supervisord/keeper/options.c supervisord/keeper/options.h \
	supervisord/keeper/outbox.c supervisord/keeper/outbox.h \
	supervisord/keeper/policy.c supervisord/keeper/policy.h \
	supervisord/keeper/proc.c supervisord/keeper/proc.h \
	supervisord/keeper/record.c supervisord/keeper/record.h \
	supervisord/keeper/result.c supervisord/keeper/result.h \
	supervisord/keeper/run.c supervisord/keeper/run.h \
	supervisord/keeper/said.c supervisord/keeper/said.h \
	supervisord/keeper/standby.c supervisord/keeper/standby.h \
	supervisord/keeper/startcopy.c supervisord/keeper/startcopy.h \
	supervisord/keeper/hook.c supervisord/keeper/hook.h \
	supervisord/keeper/reexec.c supervisord/keeper/reexec.h \
	supervisord/keeper/rules.c supervisord/keeper/rules.h \
	supervisord/keeper/session.c supervisord/keeper/session.h \
	supervisord/keeper/sockets.c supervisord/keeper/sockets.h \
	supervisord/keeper/spawn.c supervisord/keeper/spawn.h \
	supervisord/keeper/stop.c supervisord/keeper/stop.h \
	supervisord/keeper/systemd.c supervisord/keeper/systemd.h \
	supervisord/keeper/workdir.c supervisord/keeper/workdir.h
libkeeper_a_CPPFLAGS = $(AM_CPPFLAGS) -DSKEP_LIBEXECDIR=\"$(skeplibexecdir)\"

sbin_PROGRAMS += skepd
skepd_SOURCES = supervisord/keeper/main.c
skepd_LDADD = libkeeper.a $(CONF_LIBS)
# Symbols are resolved once, in the keeper, and not in each child again.
skepd_LDFLAGS = $(AM_LDFLAGS) -Wl,-z,now
