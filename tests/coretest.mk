# The core in a world: units, dialogues, places, exploration, simulation.
check_LIBRARIES += tests/libworld.a
tests_libworld_a_SOURCES = \
	tests/sim/world.c tests/sim/world.h tests/sim/world_private.h \
	tests/sim/check.c tests/sim/check.h \
	tests/sim/check_engine.c \
	tests/sim/check_conflict.c \
	tests/sim/check_handoff.c \
	tests/sim/check_checkpoint.c \
	tests/sim/check_message.c \
	tests/sim/check_path.c \
	tests/sim/check_rebalance.c \
	tests/sim/check_member.c tests/sim/check_names.c \
	tests/sim/check_place.c \
	tests/sim/check_registry.c \
	tests/sim/check_sealed.c \
	tests/sim/check_service.c \
	tests/sim/check_specs.c \
	tests/sim/keys.c tests/sim/keys.h \
	tests/sim/world_clock.c \
	tests/sim/world_dial.c \
	tests/sim/world_disk.c tests/sim/world_record.c \
	tests/sim/world_ahead.c \
	tests/sim/world_event.c tests/sim/world_guest.c \
	tests/sim/world_hash.c \
	tests/sim/world_mail.c \
	tests/sim/world_net.c \
	tests/sim/world_observe.c tests/sim/world_observe.h \
	tests/sim/record.c tests/sim/record.h \
	tests/sim/world_place.c \
	tests/sim/world_proc.c \
	tests/sim/world_state.c \
	tests/sim/world_view.c tests/sim/world_view.h \
	tests/sim/world_way.c \
	supervisord/node/effect_copy.c supervisord/node/effect_copy.h
tests_libworld_a_CPPFLAGS = $(AM_CPPFLAGS) $(NANOPB_CFLAGS)
CORE_TEST_CPPFLAGS = $(AM_CPPFLAGS) $(NANOPB_CFLAGS)
CORE_TEST_LIBS = tests/libworld.a libcore.a libbase.a $(NANOPB_LIBS) $(XXHASH_LIBS)

check_PROGRAMS += tests/dialogue/dialogue
tests_dialogue_dialogue_SOURCES = tests/dialogue/dialogue.c \
	tests/dialogue/golden.c tests/dialogue/golden.h \
	tests/dialogue/script.c tests/dialogue/script.h \
	tests/dialogue/show.c tests/dialogue/words.c
tests_dialogue_dialogue_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_dialogue_dialogue_LDADD = $(CORE_TEST_LIBS)

DIALOGUES = $(srcdir)/tests/dialogue/*.txt
EXTRA_DIST += tests/dialogue/run $(DIALOGUES)
TESTS += tests/dialogue/run

PLACES = $(srcdir)/tests/place/*.in
EXTRA_DIST += tests/place/run $(PLACES) \
	$(srcdir)/tests/place/*.plan $(srcdir)/tests/place/*.why
TESTS += tests/place/run
check_PROGRAMS += tests/place/place
tests_place_place_SOURCES = tests/place/place.c plugins/ring.c \
	tests/dialogue/golden.c tests/dialogue/golden.h \
	tests/dialogue/script.c tests/dialogue/script.h \
	tests/dialogue/show.c tests/dialogue/words.c
tests_place_place_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_place_place_LDADD = $(CORE_TEST_LIBS)

check_PROGRAMS += tests/sim/sim
tests_sim_sim_SOURCES = tests/sim/sim.c \
	tests/sim/converge.c tests/sim/converge.h \
	tests/sim/fault_host.c tests/sim/fault_net.c \
	tests/sim/fault_process.c \
	tests/sim/fault_machine.c tests/sim/fault_stream.c \
	tests/sim/soak.c tests/sim/soak.h \
	tests/sim/storm.c tests/sim/storm.h \
	tests/sim/swarm.c tests/sim/swarm.h \
	tests/sim/trace.c tests/sim/trace.h \
	tests/sim/work_mail.c tests/sim/work_node.c \
	tests/sim/work_names.c \
	tests/sim/work_service.c tests/sim/work_spec.c \
	tests/dialogue/script.h tests/dialogue/words.c
tests_sim_sim_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_sim_sim_LDADD = $(CORE_TEST_LIBS)

EXTRA_DIST += tests/unit/hrw_golden.inc
if HAVE_CHECK
core_tests = tests/unit/test_restart tests/unit/test_pattern \
	tests/unit/test_text tests/unit/test_place_hrw \
	tests/unit/test_named
core_test_cflags = $(AM_CFLAGS) $(CHECK_CFLAGS)
core_test_ldadd = libcore.a libbase.a $(CHECK_LIBS) \
	$(NANOPB_LIBS) $(XXHASH_LIBS)
check_PROGRAMS += $(core_tests)
TESTS += $(core_tests)
tests_unit_test_restart_SOURCES = tests/unit/test_restart.c tests/unit/panic.c
tests_unit_test_restart_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_unit_test_restart_CFLAGS = $(core_test_cflags)
tests_unit_test_restart_LDADD = $(core_test_ldadd)
tests_unit_test_pattern_SOURCES = tests/unit/test_pattern.c tests/unit/panic.c
tests_unit_test_pattern_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_unit_test_pattern_CFLAGS = $(core_test_cflags)
tests_unit_test_pattern_LDADD = $(core_test_ldadd)
tests_unit_test_text_SOURCES = tests/unit/test_text.c tests/unit/panic.c
tests_unit_test_text_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_unit_test_text_CFLAGS = $(core_test_cflags)
tests_unit_test_text_LDADD = $(core_test_ldadd)
tests_unit_test_place_hrw_SOURCES = tests/unit/test_place_hrw.c tests/unit/panic.c
tests_unit_test_place_hrw_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_unit_test_place_hrw_CFLAGS = $(core_test_cflags)
tests_unit_test_place_hrw_LDADD = $(core_test_ldadd)
tests_unit_test_named_SOURCES = tests/unit/test_named.c tests/unit/panic.c
tests_unit_test_named_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_unit_test_named_CFLAGS = $(core_test_cflags)
tests_unit_test_named_LDADD = $(core_test_ldadd)
endif

if HAVE_CHECK
check_PROGRAMS += tests/unit/test_lifecycle
TESTS += tests/unit/test_lifecycle
tests_unit_test_lifecycle_SOURCES = tests/unit/test_lifecycle.c \
	tests/dialogue/script.h tests/dialogue/words.c
tests_unit_test_lifecycle_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_unit_test_lifecycle_CFLAGS = $(core_test_cflags)
tests_unit_test_lifecycle_LDADD = $(CORE_TEST_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/test_tracked
TESTS += tests/unit/test_tracked
tests_unit_test_tracked_SOURCES = tests/unit/test_tracked.c
tests_unit_test_tracked_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_unit_test_tracked_CFLAGS = $(core_test_cflags)
tests_unit_test_tracked_LDADD = $(CORE_TEST_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/test_multicall
TESTS += tests/unit/test_multicall
tests_unit_test_multicall_SOURCES = tests/unit/test_multicall.c \
	tests/dialogue/script.c tests/dialogue/script.h \
	tests/dialogue/show.c tests/dialogue/words.c
tests_unit_test_multicall_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_unit_test_multicall_CFLAGS = $(core_test_cflags)
tests_unit_test_multicall_LDADD = $(CORE_TEST_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/test_checkpoint
TESTS += tests/unit/test_checkpoint
tests_unit_test_checkpoint_SOURCES = tests/unit/test_checkpoint.c \
	tests/dialogue/script.c tests/dialogue/script.h \
	tests/dialogue/show.c tests/dialogue/words.c
tests_unit_test_checkpoint_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_unit_test_checkpoint_CFLAGS = $(core_test_cflags)
tests_unit_test_checkpoint_LDADD = $(CORE_TEST_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/test_adopt
TESTS += tests/unit/test_adopt
tests_unit_test_adopt_SOURCES = tests/unit/test_adopt.c \
	tests/dialogue/script.c tests/dialogue/script.h \
	tests/dialogue/show.c tests/dialogue/words.c
tests_unit_test_adopt_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_unit_test_adopt_CFLAGS = $(core_test_cflags)
tests_unit_test_adopt_LDADD = $(CORE_TEST_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/test_conflict
TESTS += tests/unit/test_conflict
tests_unit_test_conflict_SOURCES = tests/unit/test_conflict.c \
	tests/dialogue/script.c tests/dialogue/script.h \
	tests/dialogue/show.c tests/dialogue/words.c
tests_unit_test_conflict_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_unit_test_conflict_CFLAGS = $(core_test_cflags)
tests_unit_test_conflict_LDADD = $(CORE_TEST_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/test_view_move
TESTS += tests/unit/test_view_move
tests_unit_test_view_move_SOURCES = tests/unit/test_view_move.c \
	tests/dialogue/script.c tests/dialogue/script.h \
	tests/dialogue/show.c tests/dialogue/words.c
tests_unit_test_view_move_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_unit_test_view_move_CFLAGS = $(core_test_cflags)
tests_unit_test_view_move_LDADD = $(CORE_TEST_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/test_view_rest
TESTS += tests/unit/test_view_rest
tests_unit_test_view_rest_SOURCES = tests/unit/test_view_rest.c \
	tests/dialogue/script.c tests/dialogue/script.h \
	tests/dialogue/show.c tests/dialogue/words.c
tests_unit_test_view_rest_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_unit_test_view_rest_CFLAGS = $(core_test_cflags)
tests_unit_test_view_rest_LDADD = $(CORE_TEST_LIBS) $(CHECK_LIBS)
endif

# All recorded transcripts and plans anew; the diff is for review.
.PHONY: golden sim soak
golden: tests/dialogue/dialogue tests/place/place
	tests/dialogue/dialogue --golden $(DIALOGUES)
	tests/place/place --golden $(PLACES)

# make sim SEED=7 NODES=5 HOURS=1 FAULTS='crash cut=10s' SIMFLAGS=-v \
#	RECORD=FOLDER
SEED = 1
sim: tests/sim/sim
	tests/sim/sim -s $(SEED) $(NODES:%=-n %) $(HOURS:%=-H %) \
		$(if $(FAULTS),-f '$(FAULTS)') $(SIMFLAGS)

# make soak SEED=1000000 SOAK_SECONDS=3600 COUNT=20000 WORKERS=4
SOAK_SECONDS = 0
SOAK_SEED = 1
SOAK_FAILURES = soak-failures.txt
WORKERS = 2
soak: tests/sim/sim
	tests/sim/sim -q -s $(SOAK_SEED) -S $(SOAK_SECONDS) \
		$(COUNT:%=-c %) -j $(WORKERS) $(NODES:%=-n %) \
		$(if $(FAULTS),-f '$(FAULTS)') -o $(SOAK_FAILURES) $(SIMFLAGS)

EXTRA_DIST += tests/sim/run tests/sim/seeds.txt tests/sim/open.txt \
	tests/sim/FOUND.md
TESTS += tests/sim/run

check_PROGRAMS += tests/sim/explore
EXTRA_DIST += tests/sim/explore.sh
TESTS += tests/sim/explore.sh
tests_sim_explore_SOURCES = tests/sim/explore.c tests/dialogue/script.h \
	tests/dialogue/words.c
tests_sim_explore_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_sim_explore_LDADD = $(CORE_TEST_LIBS)
check_PROGRAMS += tests/sim/explore_adopt
tests_sim_explore_adopt_SOURCES = tests/sim/explore_adopt.c \
	tests/dialogue/script.c tests/dialogue/script.h \
	tests/dialogue/show.c tests/dialogue/words.c
tests_sim_explore_adopt_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_sim_explore_adopt_LDADD = $(CORE_TEST_LIBS)

# make sim-scale NODES=1000 NAMES=10000: minutes and gigabytes
NAMES = 10000
check_PROGRAMS += tests/sim/scale
tests_sim_scale_SOURCES = tests/sim/scale.c tests/sim/phase.c \
	tests/sim/phase.h tests/sim/scale_audit.c \
	tests/sim/scale_audit.h tests/dialogue/script.h \
	tests/dialogue/words.c
tests_sim_scale_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_sim_scale_LDADD = $(CORE_TEST_LIBS)
.PHONY: sim-scale
sim-scale: tests/sim/scale
	tests/sim/scale $(NODES:%=-n %) -N $(NAMES)

# make sim-many NAMES=1000000: names of processes, churn, a join; as above
EXTRA_DIST += tests/sim/many.sh
TESTS += tests/sim/many.sh
check_PROGRAMS += tests/sim/many
tests_sim_many_SOURCES = tests/sim/many.c tests/sim/phase.c \
	tests/sim/phase.h tests/sim/scale_audit.c tests/sim/scale_audit.h
tests_sim_many_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_sim_many_LDADD = $(CORE_TEST_LIBS)
.PHONY: sim-many
sim-many: tests/sim/many
	tests/sim/many $(NODES:%=-n %) -N $(NAMES)

# The same seeds under other compilers: make sim-hashes COUNT=20
#	HASHES='gcc-O2 clang-O2'
EXTRA_DIST += tests/sim/hashes.sh
.PHONY: sim-hashes
sim-hashes: tests/sim/sim
	HASHES_ROOT=$(srcdir) HASHES_JOBS=$(JOBS) \
	HASHES_SOURCES="$(filter %.c,$(libbase_a_SOURCES) \
		$(libcore_a_SOURCES) $(nodist_libcore_a_SOURCES) \
		$(tests_libworld_a_SOURCES) $(tests_sim_sim_SOURCES))" \
	HASHES_FLAGS="$(DEFS) $(DEFAULT_INCLUDES) $(INCLUDES) \
		$(CORE_TEST_CPPFLAGS) $(CPPFLAGS) -std=gnu11" \
	HASHES_LIBS="$(NANOPB_LIBS) $(XXHASH_LIBS)" \
		$(srcdir)/tests/sim/hashes.sh $(or $(COUNT),20) 1 $(HASHES)

# A day of hosts that are slow, and of nothing else.
EXTRA_DIST += tests/sim/starve.sh
.PHONY: sim-starve
sim-starve: tests/sim/sim
	$(srcdir)/tests/sim/starve.sh $(or $(COUNT),3) $(SEED)

# Every state of small worlds, over the real cores: a few seconds' worth of
# them in 'make check', as much as there is time for in 'make explore'.
check_PROGRAMS += tests/sim/states
EXTRA_DIST += tests/sim/states.sh
TESTS += tests/sim/states.sh
.PHONY: explore
explore: tests/sim/states
	$(srcdir)/tests/sim/states.sh long
tests_sim_states_SOURCES = tests/sim/states.c \
	tests/sim/acts.c tests/sim/acts.h \
	tests/sim/pages.c tests/sim/pages.h \
	tests/sim/tiny.c tests/sim/tiny.h \
	tests/sim/tiny_first.c tests/sim/tiny_look.c \
	tests/sim/tiny_net.c tests/sim/tiny_proc.c \
	tests/dialogue/script.h tests/dialogue/words.c
tests_sim_states_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_sim_states_LDADD = libcore.a libbase.a $(NANOPB_LIBS) $(XXHASH_LIBS)

# Seeded bugs in the core, and what finds each; make sim-mutants JOBS=2.
JOBS = 2
MUTANTS = $(srcdir)/tests/sim/mutants/*.patch
EXTRA_DIST += tests/sim/mutants/run tests/sim/mutants/applies \
	tests/sim/mutants/README $(MUTANTS)
TESTS += tests/sim/mutants/applies
.PHONY: sim-mutants
sim-mutants: tests/sim/sim tests/unit/test_registry tests/dialogue/dialogue \
	tests/sim/states
	CC="$(CC)" MUTANT_FLAGS="$(DEFS) $(DEFAULT_INCLUDES) $(INCLUDES) \
		$(CORE_TEST_CPPFLAGS) $(CPPFLAGS) $(AM_CFLAGS) $(CFLAGS)" \
	MUTANT_OBJECTS="$(tests_sim_sim_OBJECTS)" \
	MUTANT_STATES_OBJECTS="$(tests_sim_states_OBJECTS)" \
	MUTANT_DIALOGUE_OBJECTS="$(tests_dialogue_dialogue_OBJECTS)" \
	MUTANT_REGISTRY_OBJECTS="$(tests_unit_test_registry_OBJECTS)" \
	MUTANT_CHECK_LIBS="$(CHECK_LIBS)" \
	MUTANT_LDFLAGS="$(AM_LDFLAGS) $(LDFLAGS)" \
	MUTANT_LIBS="$(NANOPB_LIBS) $(XXHASH_LIBS) $(LIBS)" \
		$(srcdir)/tests/sim/mutants/run $(JOBS) $(ONLY)
