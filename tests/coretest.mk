# The core in a world: units, dialogues, places, exploration, simulation.
check_LIBRARIES += tests/libworld.a
tests_libworld_a_SOURCES = \
	tests/sim/world.c tests/sim/world.h tests/sim/world_private.h \
	tests/sim/world_check.c \
	tests/sim/world_disk.c \
	tests/sim/world_event.c \
	tests/sim/world_net.c \
	tests/sim/world_proc.c \
	tests/sim/world_view.c tests/sim/world_view.h \
	supervisord/node/effect_copy.c supervisord/node/effect_copy.h
tests_libworld_a_CPPFLAGS = $(AM_CPPFLAGS) $(NANOPB_CFLAGS)
CORE_TEST_CPPFLAGS = $(AM_CPPFLAGS) $(NANOPB_CFLAGS)
CORE_TEST_LIBS = tests/libworld.a libcore.a libbase.a $(NANOPB_LIBS) $(XXHASH_LIBS)

check_PROGRAMS += tests/dialogue/dialogue
tests_dialogue_dialogue_SOURCES = tests/dialogue/dialogue.c \
	tests/dialogue/script.c tests/dialogue/script.h \
	tests/dialogue/words.c
tests_dialogue_dialogue_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_dialogue_dialogue_LDADD = $(CORE_TEST_LIBS)

DIALOGUES = $(srcdir)/tests/dialogue/*.txt
EXTRA_DIST += tests/dialogue/run $(DIALOGUES)
TESTS += tests/dialogue/run

check_PROGRAMS += tests/sim/sim
tests_sim_sim_SOURCES = tests/sim/sim.c tests/dialogue/script.h \
	tests/dialogue/words.c
tests_sim_sim_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
tests_sim_sim_LDADD = $(CORE_TEST_LIBS)
