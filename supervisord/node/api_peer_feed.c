/* Feeds of this host and of others, for the handlers that stream them. */
#include <stdio.h>
#include <string.h>

#include "node/api_private.h"
#include "node/feeds.h"

bool
api_find_node(struct api *api, const char *name, struct node_view *out)
{
	struct core *core = api->node->core;
	uint32_t count = view_node_count(core);
	for (uint32_t i = 0; i < count; i++)
		if (view_node(core, i, out) && strcmp(out->name, name) == 0)
			return true;
	return false;
}

bool
call_find_node(struct call *c, const char *name, struct node_view *out)
{
	if (api_find_node(c->api, name, out))
		return true;
	call_reply_error(c, MHD_HTTP_NOT_FOUND, "not_found",
		"there is no node '%s'", name);
	return false;
}

bool
api_is_reachable(const struct node_view *v)
{
	return v->is_self || strcmp(v->state, "alive") == 0 ||
	       strcmp(v->state, "suspect") == 0;
}

enum reply_code
api_feed_open(struct api *api, const char *node, const struct query *query,
	struct feed **out, char *text)
{
	struct node_view v;
	if (!api_find_node(api, node, &v)) {
		snprintf(text, NOTE_TEXT_MAX, "there is no host %.64s", node);
		return REPLY_NOT_FOUND;
	}
	if (v.is_self)
		return feeds_open(api->node, query, out, text);
	if (!api_is_reachable(&v) || !*v.address) {
		snprintf(text, NOTE_TEXT_MAX,
			"%s cannot be asked: it is %s, as far as this host "
			"knows",
			v.name, v.state);
		return REPLY_NO_NODE;
	}
	*out = queries_ask(api->node->queries, v.name, v.address, query);
	return REPLY_OK;
}
