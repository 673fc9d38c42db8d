/* What outlives a restart of the node: records of the core, and history.
 *
 * The loop's thread queues writes and never waits; a thread of its own takes
 * all that are queued into one transaction (group commit) and then posts the
 * highest number, which the node gives to the core as STORED.  Events alone
 * wait a tenth of a second for more, as nothing waits for them.  A disk that is
 * full or slow is retried with back-off and said once; what waits for it
 * waits.  The queue is bounded: beyond STORE_QUEUE_MAX a write is refused and
 * the node ends itself (the keeper starts a new one, services live on);
 * events are left out from half of that on, and counted.
 *
 * A damaged file is moved aside to PATH.corrupt-N, loudly, and a new one is
 * started: instances come back from the keeper, desired state from the peers
 * and from services.d.
 *
 * Threads: every function is for the loop's thread; callbacks run there too.
 */
#ifndef SKEP_NODE_STORE_H
#define SKEP_NODE_STORE_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "core/input.h"
#include "node/events.h"
#include "sys/err.h"

#define STORE_QUEUE_MAX	 (64u << 20) /* bytes that may wait */
#define STORE_EVENTS_MAX 100000	     /* newest events that are kept */

/* Tables of the shell, numbered behind those of the core. */
enum store_table {
	STORE_FILES = TABLE_COUNT, /* services.d: name -> applied digest */
	STORE_QUARANTINE,	   /* digest -> why it is not taken in */
	STORE_TABLE_COUNT,
};

struct store;

/* Whom to tell. */
struct store_hooks {
	void *context; /* first argument of both */
	/* Every write up to and including 'seq' is durable. */
	void (*on_stored)(void *context, uint64_t seq);
	/* The file is damaged and was moved aside: only a new start helps. */
	void (*on_broken)(void *context, const char *why);
};

/* Opens PATH and checks it; the thread does not run yet.  'hooks' is copied.
 * -EPROTO when a newer version of skep wrote it. */
int store_open(struct ev_loop *loop, const char *path,
	const struct store_hooks *hooks, struct store **out, struct err *err);
/* Writes what is queued, if the disk takes it, and ends; NULL accepted. */
void store_free(struct store *s);

/* One stored record; the bytes are borrowed during the call. */
typedef void store_load_fn(
	void *context, unsigned table, struct bytes key, struct bytes value);
/* Reads a table in the order of its keys; only before 'store_start'. */
int store_load(struct store *s, unsigned table, store_load_fn *fn,
	void *context, struct err *err);
/* As above for all tables of the core. */
int store_load_all(
	struct store *s, store_load_fn *fn, void *context, struct err *err);

/* Starts the thread. */
int store_start(struct store *s, struct err *err);

/* Queues a write (bytes are copied); 'value.data' NULL deletes.  'seq' is the
 * core's number, 0 for records of the shell.  -ENOBUFS when too much waits. */
int store_put(struct store *s, unsigned table, struct bytes key,
	struct bytes value, uint64_t seq);

/* Queues an event and gives it its id, which is returned. */
uint64_t store_add_event(struct store *s, const struct event *event);

/* Which events. */
struct store_query {
	const char *name; /* NULL: all; a service finds its instances */
	bool has_missed;  /* also what was not told, whomever it is about */
	uint64_t since_id;
	int64_t since_wall_ms;
	uint32_t count_max;
};
/* Answers behind all writes queued so far, from a thread and a connection of
 * its own, so that a long answer holds no write up: 'done' gets the events
 * oldest first, or -errno as count.  'q' is copied.  A query that is open when
 * the store is freed is answered with -ECANCELED. */
void store_query_events(struct store *s, const struct store_query *q,
	events_done_fn *done, void *context);

/* How the store fares. */
struct store_stats {
	uint64_t transactions;	 /* committed */
	uint64_t writes;	 /* records and events committed */
	uint64_t failures;	 /* transactions that had to be repeated */
	uint64_t queued_size;	 /* bytes that wait */
	uint64_t events_dropped; /* left out because too much waited */
};
void store_get_stats(struct store *s, struct store_stats *out);
/* For how long the oldest write has been waiting for the disk; 0: none is. */
int64_t store_stalled_ms(struct store *s);

/* For tests: asked before each commit on the store's thread; what is not 0
 * fails the commit with that -errno.  Only before 'store_start'. */
typedef int store_fault_fn(void *context);
void store_set_fault(struct store *s, store_fault_fn *fn, void *context);

#endif
