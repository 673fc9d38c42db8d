/* What a host tells all others about itself: its capacity, its labels, its
 * version, and how far its drain has come.  Travels as the meta of the host's
 * own ROW_NODE row.
 */
#ifndef SKEP_CORE_FACTS_H
#define SKEP_CORE_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "core/member.h"

/* How far a drain has come; the name is what the API shows. */
#define DRAIN_PROGRESSES(X)                                                    \
	X(DRAIN_NONE, "")                                                      \
	X(DRAIN_RUNNING, "draining")                                           \
	X(DRAIN_DONE, "drained")                                               \
	X(DRAIN_OVERDUE, "undrainable") /* deadline passed, some are left */

enum drain_progress {
#define X(progress, name) progress,
	DRAIN_PROGRESSES(X)
#undef X
	DRAIN_PROGRESS_COUNT,
};

/* The facts of one host.  'labels' holds "key=value" texts, each with its
 * NUL, one after the other. */
struct node_facts {
	uint32_t weight;
	char version[32];
	enum drain_progress progress;
	uint32_t drain_total;
	uint32_t drain_left;
	uint32_t drain_stuck;
	uint32_t rebalance_moving; /* under way from here (rebalance.h) */
	uint32_t rebalance_left;   /* to go now, not begun */
	uint64_t rebalance_done;   /* the last pass that is over here */
	char labels[256];
	uint32_t labels_size;
};

struct core;

/* Publishes our own facts as they are now; does nothing if others know them
 * already. */
void facts_publish(struct core *c);

/* The facts of a member; defaults (weight 100, no labels) while it has not
 * told. */
void facts_get(const struct core *c, member_id id, struct node_facts *out);

const char *drain_progress_name(enum drain_progress progress);

#endif
