/* START: from the message to a running program or a reason why not. */
#ifndef SKEP_KEEPER_LAUNCH_H
#define SKEP_KEEPER_LAUNCH_H

#include <stdint.h>

#include "keeper/instance.h"
#include "keeper/loop.h"
#include "keeper/spawn.h"
#include "sys/kproto.h"

struct keeper;

/* What came with a START, borrowed; -1: it did not. */
struct state_fds {
	int own;    /* what SKEP_STATE_IN gets */
	int theirs; /* what is to be joined with it */
};

/* Carries out one START, 'body' as it came; answers by messages to the node. */
void launch_start(struct keeper *k, const struct kproto_start *start,
	struct bytes body, const struct state_fds *states);

/* Forks the child of a start and returns what is known of it; 'report_fd' is
 * our end of its reports, the caller's. */
int launch_fork(struct instance *i, const struct kproto_start *start,
	const struct state_fds *states, struct spawned *child, int *report_fd,
	struct err *err);

/* The same by the standby, 'body' being 'start'; the child says later who it
 * is. */
int launch_by_standby(struct instance *i, const struct kproto_start *start,
	struct bytes body, int *report_fd, struct err *err);

/* Callbacks of an instance: its child's report, the bound of its start, and
 * the death of a child that was still launching. */
void launch_on_report(struct watch *w, uint32_t events);
void launch_on_deadline(struct timer *t);
void launch_on_child_gone(struct instance *i);

#endif
