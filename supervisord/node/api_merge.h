/* The events of several hosts as one list.
 *
 * Each host's feed gives first what it has kept, then, followed, what comes.
 * When all have given what they kept, or MERGE_WAIT_S have passed, that is
 * put in the order of its wall times; what comes later is taken as it comes.
 * A follower's host that is lost is told of by an event of kind
 * "events_lost", and asked again, from where it stopped, once it is back; a
 * host that is new joins in.
 *
 * The merge belongs to a call; its owner hears of it through 'on_change'.
 */
#ifndef SKEP_NODE_API_MERGE_H
#define SKEP_NODE_API_MERGE_H

#include <jansson.h>

#include "node/api_private.h"

#define MERGE_WAIT_S 8.0	 /* for what the hosts have kept */
#define MERGE_MAX    (32u << 20) /* bytes of it, altogether */

struct merge; /* private */

/* Asks 'node', or all hosts that can be asked when it is "".  'on_change' is
 * called from the loop when there is more to take; what is there already is
 * not told of. */
struct merge *merge_new(struct call *c, const char *node,
	const struct query *query, void (*on_change)(struct call *c));
void merge_free(struct merge *m);

/* Whether what was kept is all here; the rest gives nothing before that. */
bool merge_is_ready(const struct merge *m);

/* Takes the kept events, in order, the last 'query->count' of them. */
json_t *merge_take_kept(struct merge *m);

/* Hosts whose events are not among them: an array of {host, error}; new. */
json_t *merge_missing(const struct merge *m);

/* The text why this very host, or the only one that was asked, gave nothing,
 * and its code; NULL: it did. */
const char *merge_own_error(const struct merge *m, enum reply_code *code);

/* Takes what has come since: calls 'each' for every event (borrowed), 64 KiB
 * at most from each host.  Returns false when there was nothing. */
bool merge_take_live(struct merge *m,
	void (*each)(void *context, json_t *event), void *context);

/* Whether events were lost because they were read too slowly. */
bool merge_is_cut(const struct merge *m);

#endif
