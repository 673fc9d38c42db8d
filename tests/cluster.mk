# Tests with real daemons, run by `make check-cluster' (contrib/targets.mk).
EXTRA_DIST += \
	tests/cluster/accountant.sh \
	tests/cluster/adopt.sh \
	tests/cluster/aside.sh \
	tests/cluster/churn.py \
	tests/cluster/counters.sh \
	tests/cluster/disks.sh \
	tests/cluster/judge.py \
	tests/cluster/judge.sh \
	tests/cluster/lib.sh \
	tests/cluster/rows.sh \
	tests/cluster/run \
	tests/cluster/services.sh \
	tests/cluster/systemd.sh \
	tests/cluster/t-systemd.sh \
	tests/cluster/taker.py \
	tests/cluster/t-accountant.sh \
	tests/cluster/t-adopt.sh \
	tests/cluster/t-full-disk.sh tests/cluster/t-full-target.sh \
	tests/cluster/t-long-accountant.sh \
	tests/cluster/t-long-soak.sh \
	tests/cluster/t-long-adopt.sh \
	tests/cluster/t-long-million.sh \
	tests/cluster/t-long-reexec.sh \
	tests/cluster/t-long-states.sh \
	tests/cluster/t-states.sh \
	tests/cluster/writer.py \
	tests/cluster/t-drain.sh \
	tests/cluster/t-checkpoint.sh \
	tests/cluster/t-conflict.sh \
	tests/cluster/t-checkpoints.sh \
	tests/cluster/t-handlers.sh \
	tests/cluster/t-handoff-kill.sh \
	tests/cluster/t-handoff.sh \
	tests/cluster/t-hostile.sh \
	tests/cluster/t-keeper-gone.sh \
	tests/cluster/t-lifecycle.sh \
	tests/cluster/ask.py tests/cluster/t-names.sh \
	tests/cluster/t-lookup.sh \
	tests/cluster/t-loss.sh \
	tests/cluster/t-node-late.sh \
	tests/cluster/t-one-host.sh \
	tests/cluster/t-order.sh \
	tests/cluster/t-policy.sh \
	tests/cluster/t-programs.sh \
	tests/cluster/t-rebalance.sh \
	tests/cluster/t-reexec.sh \
	tests/cluster/t-restart.sh \
	tests/cluster/t-events.sh \
	tests/cluster/t-logs.sh \
	tests/cluster/t-messages.sh \
	tests/cluster/t-mover-gone.sh \
	tests/cluster/t-record.sh \
	tests/cluster/t-redis-checkpoint.sh \
	tests/cluster/t-register.sh tests/cluster/t-register-seven.sh \
	tests/cluster/t-registry-seven.sh \
	tests/cluster/t-remote.sh \
	tests/cluster/t-rows-seven.sh tests/cluster/t-rows-three.sh \
	tests/cluster/t-shutdown.sh \
	tests/cluster/t-start-first.sh \
	tests/cluster/t-stop.sh \
	tests/cluster/t-three-hosts.sh

# The accountant's service, and its judge.
GIVER_BUILD = tests/cluster/giver
check_PROGRAMS += $(GIVER_BUILD)
tests_cluster_giver_SOURCES = tests/cluster/giver.c
TESTS += tests/cluster/judge.sh

# A member of a group.
ANSWERER_BUILD = tests/cluster/answerer
check_PROGRAMS += $(ANSWERER_BUILD)
tests_cluster_answerer_SOURCES = tests/cluster/answerer.c
tests_cluster_answerer_LDADD = libskep.a

# What asks libskep.
SEEK_BUILD = tests/cluster/seek
check_PROGRAMS += $(SEEK_BUILD)
tests_cluster_seek_SOURCES = tests/cluster/seek.c
tests_cluster_seek_LDADD = libskep.a

# A second build of what daemon-reexec replaces, of another version.
EXTRA_DIST += tests/cluster/next.h
NEXT_BUILD = tests/cluster/next/skepd tests/cluster/next/skep-node \
	tests/cluster/next/skep-logger
check_PROGRAMS += $(NEXT_BUILD)
tests_cluster_next_skepd_CPPFLAGS = $(AM_CPPFLAGS) \
	-include $(srcdir)/tests/cluster/next.h \
	-DSKEP_LIBEXECDIR=\"$(skeplibexecdir)\"
tests_cluster_next_skepd_SOURCES = supervisord/keeper/main.c \
	supervisord/keeper/helper.c supervisord/keeper/options.c \
	supervisord/keeper/reexec.c supervisord/keeper/session.c \
	supervisord/sys/kproto.c
tests_cluster_next_skepd_LDADD = $(skepd_LDADD)
tests_cluster_next_skep_node_CPPFLAGS = $(skep_node_CPPFLAGS) \
	-include $(srcdir)/tests/cluster/next.h
tests_cluster_next_skep_node_CFLAGS = $(skep_node_CFLAGS)
tests_cluster_next_skep_node_SOURCES = $(skep_node_SOURCES) \
	supervisord/node/keeper_greet.c supervisord/node/keeper_link.c \
	supervisord/sys/kproto.c
tests_cluster_next_skep_node_LDADD = $(skep_node_LDADD)
tests_cluster_next_skep_logger_CPPFLAGS = $(AM_CPPFLAGS) \
	-include $(srcdir)/tests/cluster/next.h
tests_cluster_next_skep_logger_SOURCES = $(skep_logger_SOURCES)
tests_cluster_next_skep_logger_LDADD = $(skep_logger_LDADD)
