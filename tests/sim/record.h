/* Recordings of a simulated world: one file for each start of each host, in
 * the format of 'skepctl debug record' (core/trace.h).
 */
#ifndef SKEP_TESTS_SIM_RECORD_H
#define SKEP_TESTS_SIM_RECORD_H

#include "tests/sim/world.h"

/* Records everything from now on into 'folder' (borrowed for the world's
 * life), as FOLDER/SEED-HOST-START.skeptrc; NULL: does nothing.  Hosts must
 * not have started.  A world with 'on_minority' cannot be recorded: it sets a
 * core's settings behind the core's back. */
void world_record(struct world *w, const char *folder);

#endif
