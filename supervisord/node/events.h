/* History: every NOTE of the core, kept in the store with wall time, and
 * handed to whoever follows.
 */
#ifndef SKEP_NODE_EVENTS_H
#define SKEP_NODE_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "core/effect.h"
#include "sys/err.h"

/* The kind of events that tell of others that are not told. */
#define EVENTS_MISSED "events_missed"

struct node;

/* One event as kept; texts are the receiver's to copy. */
struct event {
	uint64_t id;	 /* rises by one per event of this host */
	int64_t wall_ms; /* when */
	const char *kind; /* note_kind_name */
	const char *name; /* instance, service or node */
	uint64_t epoch;
	const char *text;
	uint32_t uid;	 /* who asked; 0/0/"" for skep itself */
	uint32_t pid;
	const char *host;
};

/* A follower; embedded by its owner. */
struct event_follower {
	struct list link; /* events.c's */
	void (*on_event)(struct event_follower *f, const struct event *e);
};

/* Called by apply for each NOTE: keeps it (asynchronously) and tells the
 * followers. */
void events_on_note(struct node *n, const struct effect_note *note);

void events_follow(struct node *n, struct event_follower *f);
void events_unfollow(struct node *n, struct event_follower *f);

/* Reads kept events, oldest first: with this 'name' (NULL: all; a service's
 * name also finds its instances; a pattern is one of base/glob.h), with id >
 * 'since_id' and wall_ms >= 'since_wall_ms', the last 'count_max' of those;
 * with 'has_missed' those that tell of events that were not told, too.
 * Calls 'done' with count (or -errno) on the loop's thread when the store has
 * answered. */
typedef void events_done_fn(void *context, const struct event *events,
	int count);
void events_query(struct node *n, const char *name, uint64_t since_id,
	int64_t since_wall_ms, uint32_t count_max, bool has_missed,
	events_done_fn *done, void *context);

#endif
