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
 *
 * A time zone that has no file on this host is a fault: such a service is left
 * to hosts that have it.
 */
#ifndef SKEP_NODE_SCHEDULE_H
#define SKEP_NODE_SCHEDULE_H

#include <ev.h>

#include "core/core.h"

struct schedules;

/* What is due; an input for the core. */
typedef void schedule_fn(void *context, struct input *in);

/* That a service does not run by this host's clock, and why; once for each
 * time zone that the service is given. */
typedef void schedule_fault_fn(
	void *context, const char *service, const char *why);

/* Watches the services that 'core' (borrowed) knows. */
struct schedules *schedules_new(struct ev_loop *loop, struct core *core,
	schedule_fn *say, schedule_fault_fn *tell, void *context);
/* Why this host runs nothing by the schedule of 'service', as a sentence;
 * false when it does, or there is none.  's' may be NULL. */
bool schedules_fault(
	const struct schedules *s, const char *service, char *out, size_t size);
void schedules_free(struct schedules *s);

#endif
