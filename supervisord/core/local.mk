# core: every decision of the cluster, pure.  tests/tidy/purity.sh looks.
noinst_LIBRARIES += libcore.a
libcore_a_CPPFLAGS = $(AM_CPPFLAGS) $(NANOPB_CFLAGS)
libcore_a_SOURCES = \
	supervisord/core/changes.c \
	supervisord/core/changes.h \
	supervisord/core/checkpoint.c \
	supervisord/core/checkpoint.h \
	supervisord/core/checkpoint_hold.c \
	supervisord/core/checkpoint_private.h \
	supervisord/core/checkpoint_take.c \
	supervisord/core/claim.c \
	supervisord/core/claim.h \
	supervisord/core/claim_grant.c \
	supervisord/core/conflict.c \
	supervisord/core/conflict.h \
	supervisord/core/conflict_adopt.c \
	supervisord/core/conflict_join.c \
	supervisord/core/conflict_private.h \
	supervisord/core/conflict_view.c \
	supervisord/core/checkpoint_word.c \
	supervisord/core/core.c \
	supervisord/core/core.h \
	supervisord/core/core_private.h \
	supervisord/core/decide.c \
	supervisord/core/depends.c \
	supervisord/core/depends.h \
	supervisord/core/drain.c \
	supervisord/core/duty.c \
	supervisord/core/duty.h \
	supervisord/core/effect.c \
	supervisord/core/effect.h \
	supervisord/core/ending.c \
	supervisord/core/facts.c \
	supervisord/core/facts.h \
	supervisord/core/group.c \
	supervisord/core/group.h \
	supervisord/core/group_private.h \
	supervisord/core/group_run.c \
	supervisord/core/handoff.c \
	supervisord/core/handoff.h \
	supervisord/core/handoff_ask.c \
	supervisord/core/handoff_first.c \
	supervisord/core/handoff_private.h \
	supervisord/core/handoff_rows.c \
	supervisord/core/handoff_source.c \
	supervisord/core/handoff_target.c \
	supervisord/core/handoff_yield.c \
	supervisord/core/input.h \
	supervisord/core/instance.c \
	supervisord/core/instance.h \
	supervisord/core/instance_hook.c \
	supervisord/core/instance_epoch.c \
	supervisord/core/instance_life.c \
	supervisord/core/instance_release.c \
	supervisord/core/instance_staged.c \
	supervisord/core/kv.c \
	supervisord/core/kv.h \
	supervisord/core/member.c \
	supervisord/core/member.h \
	supervisord/core/member_detect.c \
	supervisord/core/member_hello.c \
	supervisord/core/member_hold.c \
	supervisord/core/member_clock.c \
	supervisord/core/member_stall.c \
	supervisord/core/member_link.c \
	supervisord/core/member_news.c \
	supervisord/core/member_ops.c \
	supervisord/core/member_private.h \
	supervisord/core/message.c \
	supervisord/core/message.h \
	supervisord/core/message_ask.c \
	supervisord/core/message_inbox.c \
	supervisord/core/message_private.h \
	supervisord/core/named.c \
	supervisord/core/named.h \
	supervisord/core/names.c \
	supervisord/core/names.h \
	supervisord/core/operate.c \
	supervisord/core/operate.h \
	supervisord/core/pattern.c \
	supervisord/core/pattern.h \
	supervisord/core/place.c \
	supervisord/core/place.h \
	supervisord/core/place_hrw.c \
	supervisord/core/plan.c \
	supervisord/core/rebalance.c \
	supervisord/core/rebalance.h \
	supervisord/core/rebalance_view.c \
	supervisord/core/registry.c \
	supervisord/core/registry.h \
	supervisord/core/registry_log.c \
	supervisord/core/registry_private.h \
	supervisord/core/registry_row.c \
	supervisord/core/registry_send.c \
	supervisord/core/rest.c \
	supervisord/core/rest.h \
	supervisord/core/restart.c \
	supervisord/core/restart.h \
	supervisord/core/running.c supervisord/core/running.h \
	supervisord/core/runtime.c \
	supervisord/core/runtime.h \
	supervisord/core/sealed.c \
	supervisord/core/sealed.h \
	supervisord/core/settings.c \
	supervisord/core/settings.h \
	supervisord/core/specs.c \
	supervisord/core/specs.h \
	supervisord/core/specs_cache.c \
	supervisord/core/specs_private.h \
	supervisord/core/specs_repair.c \
	supervisord/core/specs_tree.c \
	supervisord/core/specs_value.c \
	supervisord/core/text.c \
	supervisord/core/text.h \
	supervisord/core/tracked.c \
	supervisord/core/tracked.h \
	supervisord/core/tracked_place.c \
	supervisord/core/tracked_place.h \
	supervisord/core/trace.c \
	supervisord/core/trace.h \
	supervisord/core/trace_digest.c \
	supervisord/core/trace_head.c \
	supervisord/core/trace_input.c \
	supervisord/core/trace_private.h \
	supervisord/core/view.c \
	supervisord/core/view.h \
	supervisord/core/view_group.c \
	supervisord/core/view_checkpoint.c \
	supervisord/core/view_move.c \
	supervisord/core/view_name.c \
	supervisord/core/view_rest.c \
	supervisord/core/wire.c \
	supervisord/core/wire.h
nodist_libcore_a_SOURCES = \
	supervisord/core/wire.pb.c supervisord/core/wire.pb.h \
	supervisord/core/trace.pb.c supervisord/core/trace.pb.h

# The messages: nanopb makes structs and tables of wire.proto and, for
# recordings, of trace.proto.
EXTRA_DIST += supervisord/core/wire.proto supervisord/core/wire.options \
	supervisord/core/trace.proto supervisord/core/trace.options
BUILT_SOURCES += supervisord/core/wire.pb.h supervisord/core/trace.pb.h
CLEANFILES += supervisord/core/wire.pb.c supervisord/core/wire.pb.h \
	supervisord/core/trace.pb.c supervisord/core/trace.pb.h

supervisord/core/wire.pb.c: supervisord/core/wire.proto \
		supervisord/core/wire.options
	$(AM_V_GEN)$(MKDIR_P) supervisord/core && \
	$(NANOPB_GENERATOR) -q -I $(srcdir)/supervisord/core \
		-D supervisord/core $(srcdir)/supervisord/core/wire.proto
supervisord/core/wire.pb.h: supervisord/core/wire.pb.c
	@test -f $@ || { rm -f supervisord/core/wire.pb.c; \
		$(MAKE) $(AM_MAKEFLAGS) supervisord/core/wire.pb.c; }

supervisord/core/trace.pb.c: supervisord/core/trace.proto \
		supervisord/core/trace.options supervisord/core/wire.proto \
		supervisord/core/wire.pb.h
	$(AM_V_GEN)$(MKDIR_P) supervisord/core && \
	$(NANOPB_GENERATOR) -q -I $(srcdir)/supervisord/core \
		-D supervisord/core $(srcdir)/supervisord/core/trace.proto
supervisord/core/trace.pb.h: supervisord/core/trace.pb.c
	@test -f $@ || { rm -f supervisord/core/trace.pb.c; \
		$(MAKE) $(AM_MAKEFLAGS) supervisord/core/trace.pb.c; }
