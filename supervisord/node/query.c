#include "node/query.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "node/query_private.h"

struct queries *
queries_new(struct ev_loop *loop, const struct dialler *dialler,
	const struct queries_config *config)
{
	struct queries *q = calloc(1, sizeof *q);
	CHECK(q);
	q->loop = loop;
	q->dialler = dialler;
	snprintf(q->cluster, sizeof q->cluster, "%s", config->cluster);
	snprintf(q->node, sizeof q->node, "%s", config->node);
	q->open = config->open;
	q->context = config->context;
	q->silent_ms = config->silent_ms ? config->silent_ms : QUERY_SILENT_MS;
	list_init(&q->asked);
	list_init(&q->served);
	return q;
}

void
queries_free(struct queries *q)
{
	if (!q)
		return;
	query_served_end_all(q);
	query_asked_end_all(q);
	free(q);
}

unsigned
queries_served(const struct queries *q)
{
	return q->served_count;
}

void
query_say_hello(struct queries *q, struct conn *c)
{
	message_send_hello(c, q->cluster, q->node, PURPOSE_QUERY);
}
