/* What query.c (the front), query_ask.c and query_serve.c share. */
#ifndef SKEP_NODE_QUERY_PRIVATE_H
#define SKEP_NODE_QUERY_PRIVATE_H

#include "node/message.h"
#include "node/query.h"
#include "sys/say.h"

#define QUERY_PIECE_SIZE  16384u /* bytes of data in one QueryData */
#define QUERY_QUESTION_MS 10000	 /* for the Query after the Hello */

struct queries {
	struct ev_loop *loop;	       /* borrowed */
	const struct dialler *dialler; /* borrowed */
	char cluster[CLUSTER_NAME_MAX + 1];
	char node[NODE_NAME_MAX + 1];
	query_open_fn *open;
	void *context;
	int64_t silent_ms;
	struct list asked;  /* of struct asked, query_ask.c */
	struct list served; /* of struct served, query_serve.c */
	unsigned asked_count;
	unsigned served_count;
	struct say_limit refuse_says;
};

/* Sends this host's Hello for a query. */
void query_say_hello(struct queries *q, struct conn *c);

/* Ends everything of query_ask.c and query_serve.c. */
void query_asked_end_all(struct queries *q);
void query_served_end_all(struct queries *q);

#endif
