/* What this host can tell a reader, as feeds: the same for its own API and
 * for other hosts that ask (query.h). */
#ifndef SKEP_NODE_FEEDS_H
#define SKEP_NODE_FEEDS_H

#include "node/feed.h"
#include "node/node.h"
#include "node/query.h"

#define FEED_LINES_MAX	10000	   /* "the last so many" lines of output */
#define FEED_EVENTS_MAX 100000	   /* and events */
#define FEED_WAIT_MAX	(1u << 20) /* bytes of new events nobody has read */

/* The output of instance 'query->name' from the files of skep-logger here:
 * its last lines, and what follows.  REPLY_NOT_FOUND when there is none. */
enum reply_code feed_logs_open(struct node *n, const struct query *query,
	struct feed **out, char *text);

/* This host's events, a line of JSON each (api_json_event); an empty line
 * stands behind those that were kept. */
enum reply_code feed_events_open(struct node *n, const struct query *query,
	struct feed **out, char *text);

/* The moves away from this host (moves.h), as one array of JSON. */
struct feed *feed_moves_new(struct node *n);

/* The sizes of states that it knows, in the same form. */
struct feed *feed_sizes_new(struct node *n);

/* The older states that lie beside the state_path of each instance that
 * 'query->name' means ("": of all) on this host (aside.h), in the same form;
 * read on a thread. */
enum reply_code feed_aside_open(struct node *n, const struct query *query,
	struct feed **out, char *text);

/* Starts the threads of those who read files, for the first of them. */
enum reply_code feeds_need_readers(struct node *n, char *text);

/* A feed of one text, which it takes and leaves empty. */
struct api_text;
struct feed *feed_text_new(struct api_text *text);

/* Whichever is asked for; 'context' is the node (query_open_fn). */
enum reply_code feeds_open(void *context, const struct query *query,
	struct feed **out, char *text);

#endif
