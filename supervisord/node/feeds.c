#include "node/feeds.h"

#include <stdio.h>
#include <string.h>

enum reply_code
feeds_open(
	void *context, const struct query *query, struct feed **out, char *text)
{
	switch (query->kind) {
	case QUERY_LOGS:
		return feed_logs_open(context, query, out, text);
	case QUERY_EVENTS:
		return feed_events_open(context, query, out, text);
	case QUERY_MOVES:
		*out = feed_moves_new(context);
		return REPLY_OK;
	case QUERY_ASIDE:
		return feed_aside_open(context, query, out, text);
	case QUERY_SIZES:
		*out = feed_sizes_new(context);
		return REPLY_OK;
	}
	snprintf(text, NOTE_TEXT_MAX, "queries of this kind are unknown here");
	return REPLY_INVALID;
}
