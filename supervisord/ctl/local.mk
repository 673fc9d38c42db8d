# ctl: skepctl.  Everything but main is a library, so that tests link it.
noinst_LIBRARIES += libctl.a
libctl_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(NANOPB_CFLAGS) \
	-DPLUGIN_DIR='"$(skeplibdir)"'
libctl_a_SOURCES = \
	supervisord/ctl/aside.c \
	supervisord/ctl/cmd_cluster.c \
	supervisord/ctl/cmd_drain.c \
	supervisord/ctl/cmd_group.c \
	supervisord/ctl/cmd_host.c \
	supervisord/ctl/cmd_kv.c \
	supervisord/ctl/cmd_logs.c \
	supervisord/ctl/cmd_names.c \
	supervisord/ctl/cmd_mail.c \
	supervisord/ctl/mailbox.c supervisord/ctl/mailbox.h \
	supervisord/ctl/cmd_node.c supervisord/ctl/cmd_node.h \
	supervisord/ctl/cmd_rebalance.c \
	supervisord/ctl/cmd_record.c \
	supervisord/ctl/cmd_register.c \
	supervisord/ctl/cmd_replay.c \
	supervisord/ctl/cmd_spec.c \
	supervisord/ctl/cmd_status.c \
	supervisord/ctl/cmd_verb.c \
	supervisord/ctl/commands.c \
	supervisord/ctl/ctl.h \
	supervisord/ctl/http.c supervisord/ctl/http.h \
	supervisord/ctl/moves.c \
	supervisord/ctl/options.c \
	supervisord/ctl/ready.c \
	supervisord/ctl/replay_text.c supervisord/ctl/replay_text.h \
	supervisord/ctl/session.c \
	supervisord/ctl/show.c \
	supervisord/ctl/table.c supervisord/ctl/table.h \
	supervisord/ctl/waiting.c

bin_PROGRAMS += skepctl
skepctl_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
skepctl_SOURCES = supervisord/ctl/main.c
skepctl_LDADD = libctl.a libcore.a libplugin.a libspec.a libconf.a \
	libsys.a libbase.a $(JANSSON_LIBS) $(YAML_LIBS) $(INIH_LIBS) \
	$(NANOPB_LIBS) $(XXHASH_LIBS) -ldl

dist_man_MANS += supervisord/ctl/man/skepctl.1 \
	supervisord/ctl/man/skep-api.7
