/* Questions between hosts that a reader waits for: the output of an instance,
 * events.
 *
 * One query is one connection (wire.proto, Query): the asker dials, both say
 * Hello, the asked one answers from a feed of its own, piece by piece, until
 * the feed ends or the connection closes.  To the asker the answer is a feed
 * too, so that who reads output does not mind where it comes from.
 *
 * At most QUERY_WINDOW bytes are on the way: the asker says what it has read,
 * and without that nothing is read at the source either.  An accepted query
 * shows a sign of life every QUERY_BEAT_MS; an asker that hears nothing for
 * QUERY_SILENT_MS gives up, and tells in one sentence.  Rights are looked at
 * where the question is asked: knowing the cluster's key is enough here.
 *
 * All callbacks come from the loop, never from within a call of queries_*,
 * and not after 'queries_free'.
 */
#ifndef SKEP_NODE_QUERY_H
#define SKEP_NODE_QUERY_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "node/conn.h"
#include "node/dial.h"
#include "node/feed.h"

#define QUERY_WINDOW	 262144u /* bytes sent and not yet read */
#define QUERY_SERVED_MAX 64u	 /* answered at once */
#define QUERY_ASKED_MAX	 256u	 /* asked at once */
#define QUERY_BEAT_MS	 1000
#define QUERY_SILENT_MS	 5000
#define QUERY_NAME_MAX	 255 /* of names with '@', or given at run time */

/* What is asked; the numbers are those on the wire. */
enum query_kind {
	QUERY_LOGS = 1,
	QUERY_EVENTS = 2,
	/* Answered by one array of JSON; no other member counts. */
	QUERY_MOVES = 3,
	QUERY_SIZES = 4, /* of states */
	/* The same, about what 'name' means, "" for all. */
	QUERY_ASIDE = 5, /* older states beside a state_path */
};

struct query {
	enum query_kind kind;
	char name[QUERY_NAME_MAX + 1]; /* events: "" for all */
	uint32_t count;		       /* the last so many lines or events */
	bool is_follow;
	int64_t since_wall_ms; /* 0: from the beginning (events), or the last
				  'count' lines (logs) */
	uint64_t epoch_min;    /* logs only, before the two above: what epochs
				  from this one on have written; 0: any */
	uint64_t file;	       /* logs only, before all others: from the ... */
	uint64_t at;	       /* ... place that a feed told; 0: none */
	bool is_json;	       /* logs only: each line as an object */
	uint64_t since_id;     /* events only; those behind it */
};

struct queries; /* private */

/* Opens the answer to a query of another host: REPLY_OK and '*out', or a
 * refusal and 'text' (at least NOTE_TEXT_MAX + 1 bytes). */
typedef enum reply_code query_open_fn(void *context, const struct query *query,
	struct feed **out, char *text);

/* What a host is to others; copied, but for 'context'. */
struct queries_config {
	const char *cluster; /* other clusters are refused */
	const char *node;    /* this host's name */
	query_open_fn *open;
	void *context;	   /* of 'open' */
	int64_t silent_ms; /* 0: QUERY_SILENT_MS */
};

/* 'dialler' is borrowed (links_get_dialler). */
struct queries *queries_new(struct ev_loop *loop, const struct dialler *dialler,
	const struct queries_config *config);

/* Ends all connections at once.  Feeds that 'queries_ask' gave must be closed
 * before; to be called before 'links_free'.  NULL is accepted. */
void queries_free(struct queries *q);

/* Takes over a connection that brings a query: the 'on_query' of links. */
void queries_on_conn(struct queries *q, struct conn *c, struct bytes hello);

/* Asks host 'node' at 'address'; everything is copied.  The feed is begun
 * when the other host has accepted the query.  It ends with the code and
 * sentence of that host, with REPLY_NO_NODE when there is no way to it, with
 * REPLY_TIMEOUT when it falls silent, and with REPLY_FULL when too much is
 * being asked already. */
struct feed *queries_ask(struct queries *q, const char *node,
	const char *address, const struct query *query);

/* Queries that are answered here at present. */
unsigned queries_served(const struct queries *q);

#endif
