/* Items that made the node crash, and are not taken in any more.
 *
 * Before something from outside is taken in (a stored or received entry, a
 * service) its digest is announced to the keeper; when the node dies with an
 * announced digest twice in a row, the keeper tells the next node, and that
 * one leaves the item out and says so.  A changed item has another digest and
 * is tried again.  The list is kept in the store and shown in status.
 */
#ifndef SKEP_NODE_QUARANTINE_H
#define SKEP_NODE_QUARANTINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "sys/kproto.h"

#define QUARANTINE_MAX	   256
#define QUARANTINE_CRASHES 2 /* in a row on the same item */

/* One item; 'kind' and 'name' are "" until it was met again. */
struct quarantined {
	uint64_t digest;
	int64_t since_wall_ms;
	char reason[160]; /* how the node died */
	char kind[24];	  /* "record", "frame", "service", "start" */
	char name[160];	  /* key or sender */
};

/* How the quarantine reaches the world. */
struct quarantine_hooks {
	void *context;
	/* Tells the keeper what is about to be taken in; 0: nothing. */
	void (*announce)(void *context, uint64_t digest);
	/* Keeps an item for the next start. */
	void (*keep)(void *context, struct bytes key, struct bytes value);
};

struct quarantine;

struct quarantine *quarantine_new(const struct quarantine_hooks *hooks);
void quarantine_free(struct quarantine *q);

/* Gives back a kept item; what makes no sense is left out. */
void quarantine_load(struct quarantine *q, struct bytes value);

/* The keeper's word on how the last node died. */
void quarantine_on_crash(struct quarantine *q, const struct kproto_crash *crash,
	int64_t wall_ms);

/* Asks before an item is taken in: false when it is quarantined, otherwise it
 * is announced until 'quarantine_leave'.  'kind' and 'name' say what it is. */
bool quarantine_enter(struct quarantine *q, struct bytes item, const char *kind,
	const char *name);
void quarantine_leave(struct quarantine *q);

/* Calls 'fn' for each item. */
typedef void quarantined_fn(void *context, const struct quarantined *item);
void quarantine_walk(
	const struct quarantine *q, quarantined_fn *fn, void *context);

#endif
