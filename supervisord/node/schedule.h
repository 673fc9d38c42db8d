/* The clock of scheduled services: says DUE to the core.
 *
 * Once a second it looks whether a schedule has come due by this host's wall
 * clock and tells the core the instant ('slot').  Every host does so for every
 * scheduled service; the slots are equal on all of them, whatever their clocks
 * say, and the core decides who runs it, once.
 *
 * What came due while the node was not running is not made up for; of several
 * slots that passed at once (a clock that was set, a host that slept) only the
 * newest is told.
 */
#ifndef SKEP_NODE_SCHEDULE_H
#define SKEP_NODE_SCHEDULE_H

#include <ev.h>

#include "core/core.h"

struct schedules;

/* What is due; an input for the core. */
typedef void schedule_fn(void *context, struct input *in);

/* Watches the services that 'core' (borrowed) knows. */
struct schedules *schedules_new(struct ev_loop *loop, struct core *core,
	schedule_fn *say, void *context);
void schedules_free(struct schedules *s);

#endif
