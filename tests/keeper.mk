# What proves the keeper: codec, policy, paths, and a keeper whose helpers a
# test plays.
EXTRA_DIST += tests/keeper.mk
dist_check_SCRIPTS += tests/unit/keeper-needed
TESTS += tests/unit/keeper-needed
if HAVE_CHECK
check_PROGRAMS += tests/unit/test_kproto tests/unit/test_policy \
	tests/unit/test_cgroup tests/keeper/standin tests/keeper/probe \
	tests/keeper/test_keeper tests/keeper/test_adopt \
	tests/keeper/test_run tests/keeper/notifier tests/keeper/test_resolve \
	tests/keeper/test_end tests/keeper/test_kept \
	tests/keeper/test_notify tests/unit/test_notice \
	tests/unit/test_limits tests/unit/test_loan tests/unit/test_workdir \
	tests/keeper/test_rights tests/keeper/test_checkpoint
TESTS += tests/unit/test_kproto tests/unit/test_policy \
	tests/unit/test_cgroup tests/keeper/test_keeper \
	tests/keeper/test_adopt tests/keeper/test_run tests/keeper/test_resolve \
	tests/keeper/test_end tests/keeper/test_kept \
	tests/keeper/test_notify tests/unit/test_notice \
	tests/unit/test_limits tests/unit/test_loan tests/unit/test_workdir \
	tests/keeper/test_rights tests/keeper/test_checkpoint

tests_unit_test_kproto_SOURCES = tests/unit/test_kproto.c
tests_unit_test_kproto_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_kproto_LDADD = libsys.a libbase.a $(CHECK_LIBS)

tests_unit_test_policy_SOURCES = tests/unit/test_policy.c
tests_unit_test_policy_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_policy_LDADD = libkeeper.a $(CONF_LIBS) $(CHECK_LIBS)

tests_unit_test_cgroup_SOURCES = tests/unit/test_cgroup.c
tests_unit_test_cgroup_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_cgroup_LDADD = libkeeper.a $(CONF_LIBS) $(CHECK_LIBS)

tests_keeper_standin_SOURCES = tests/keeper/standin.c
tests_keeper_standin_LDADD = libsys.a libbase.a

tests_unit_test_limits_SOURCES = tests/unit/test_limits.c
tests_unit_test_limits_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_limits_LDADD = libkeeper.a $(CONF_LIBS) $(CHECK_LIBS)

tests_unit_test_loan_SOURCES = tests/unit/test_loan.c
tests_unit_test_loan_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_loan_LDADD = libkeeper.a $(CONF_LIBS) $(CHECK_LIBS)

tests_unit_test_workdir_SOURCES = tests/unit/test_workdir.c
tests_unit_test_workdir_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_workdir_LDADD = libkeeper.a $(CONF_LIBS) $(CHECK_LIBS)

tests_unit_test_notice_SOURCES = tests/unit/test_notice.c
tests_unit_test_notice_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_notice_LDADD = libkeeper.a $(CONF_LIBS) $(CHECK_LIBS)

# The tests that play the keeper's helpers share their world.
keeper_world = tests/keeper/world.c tests/keeper/world.h
keeper_world_cppflags = $(AM_CPPFLAGS) \
	-DSKEPD_PATH=\"$(abs_builddir)/skepd\" \
	-DSTANDIN_PATH=\"$(abs_builddir)/tests/keeper/standin\" \
	-DPROBE_PATH=\"$(abs_builddir)/tests/keeper/probe\"

tests_keeper_notifier_SOURCES = tests/keeper/notifier.c

tests_keeper_test_notify_SOURCES = tests/keeper/test_notify.c \
	tests/keeper/stranger.c tests/keeper/stranger.h $(keeper_world)
tests_keeper_test_notify_CPPFLAGS = $(keeper_world_cppflags)
tests_keeper_test_notify_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_keeper_test_notify_LDADD = libsys.a libbase.a $(CHECK_LIBS)

tests_keeper_test_rights_SOURCES = tests/keeper/test_rights.c $(keeper_world)
tests_keeper_test_rights_CPPFLAGS = $(keeper_world_cppflags)
tests_keeper_test_rights_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_keeper_test_rights_LDADD = libsys.a libbase.a $(CHECK_LIBS)

tests_keeper_test_checkpoint_SOURCES = tests/keeper/test_checkpoint.c \
	$(keeper_world)
tests_keeper_test_checkpoint_CPPFLAGS = $(keeper_world_cppflags)
tests_keeper_test_checkpoint_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_keeper_test_checkpoint_LDADD = libsys.a libbase.a $(CHECK_LIBS)

tests_keeper_probe_SOURCES = tests/keeper/probe.c

tests_keeper_test_keeper_SOURCES = tests/keeper/test_keeper.c $(keeper_world)
tests_keeper_test_keeper_CPPFLAGS = $(keeper_world_cppflags)
tests_keeper_test_keeper_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_keeper_test_keeper_LDADD = libsys.a libbase.a $(CHECK_LIBS)

tests_keeper_test_run_SOURCES = tests/keeper/test_run.c $(keeper_world)
tests_keeper_test_run_CPPFLAGS = $(keeper_world_cppflags)
tests_keeper_test_run_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_keeper_test_run_LDADD = libsys.a libbase.a $(CHECK_LIBS)

tests_keeper_test_resolve_SOURCES = tests/keeper/test_resolve.c $(keeper_world)
tests_keeper_test_resolve_CPPFLAGS = $(keeper_world_cppflags)
tests_keeper_test_resolve_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_keeper_test_resolve_LDADD = libsys.a libbase.a $(CHECK_LIBS)

tests_keeper_test_adopt_SOURCES = tests/keeper/test_adopt.c $(keeper_world)
tests_keeper_test_adopt_CPPFLAGS = $(keeper_world_cppflags)
tests_keeper_test_adopt_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_keeper_test_adopt_LDADD = libsys.a libbase.a $(CHECK_LIBS)

tests_keeper_test_kept_SOURCES = tests/keeper/test_kept.c $(keeper_world)
tests_keeper_test_kept_CPPFLAGS = $(keeper_world_cppflags)
tests_keeper_test_kept_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_keeper_test_kept_LDADD = libsys.a libbase.a $(CHECK_LIBS)

tests_keeper_test_end_SOURCES = tests/keeper/test_end.c $(keeper_world)
tests_keeper_test_end_CPPFLAGS = $(keeper_world_cppflags)
tests_keeper_test_end_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_keeper_test_end_LDADD = libsys.a libbase.a $(CHECK_LIBS)
endif
