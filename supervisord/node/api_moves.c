/* Moves under way, from the hosts that give something away, and what moves
 * leave behind, from all. */
#include <stdio.h>

#include "node/api_gather.h"

/* Whether something is stopped there for a move, as its rows say. */
static bool
has_moves(struct core *core, uint32_t index)
{
	const struct row *r = NULL;
	while ((r = registry_walk(core, index, r)))
		if (r->value.kind == ROW_INSTANCE &&
			r->value.state == ROW_HANDOFF)
			return true;
	return false;
}

/* This host, and those that have a move: the others are not asked. */
static json_t *
hosts_with_moves(struct call *c)
{
	struct core *core = c->api->node->core;
	json_t *hosts = json_array();
	uint32_t count = view_node_count(core);
	for (uint32_t i = 0; i < count; i++) {
		struct node_view v;
		if (view_node(core, i, &v) && api_is_reachable(&v) &&
			(v.is_self || has_moves(core, i)))
			json_array_append_new(hosts, json_string(v.name));
	}
	return hosts;
}

static void
reply(struct call *c, json_t *list, json_t *missing)
{
	json_t *o = json_object();
	json_object_set_new(o, "moves", list);
	json_object_set_new(o, "missing", missing);
	call_reply_json(c, MHD_HTTP_OK, o);
}

void
api_get_moves(struct call *c)
{
	const struct query query = {.kind = QUERY_MOVES};
	const char *node = call_query(c, "node");
	struct node_view v;
	if (node && !api_find_node(c->api, node, &v)) {
		call_reply_error(c, MHD_HTTP_NOT_FOUND, "not_found",
			"there is no node '%s'", node);
		return;
	}
	json_t *hosts = node ? json_pack("[s]", node) : hosts_with_moves(c);
	call_gather(c, &query, hosts, reply);
}

/* --- What lies aside --- */

static json_t *
hosts_reachable(struct call *c)
{
	struct core *core = c->api->node->core;
	json_t *hosts = json_array();
	uint32_t count = view_node_count(core);
	for (uint32_t i = 0; i < count; i++) {
		struct node_view v;
		if (view_node(core, i, &v) && api_is_reachable(&v))
			json_array_append_new(hosts, json_string(v.name));
	}
	return hosts;
}

static void
reply_aside(struct call *c, json_t *list, json_t *missing)
{
	json_t *o = json_object();
	json_object_set_new(o, "aside", list);
	json_object_set_new(o, "missing", missing);
	call_reply_json(c, MHD_HTTP_OK, o);
}

void
api_get_aside(struct call *c)
{
	struct query query = {.kind = QUERY_ASIDE};
	const char *node = call_query(c, "node");
	const char *name = call_query(c, "name");
	struct node_view v;
	if (node && !api_find_node(c->api, node, &v)) {
		call_reply_error(c, MHD_HTTP_NOT_FOUND, "not_found",
			"there is no node '%s'", node);
		return;
	}
	snprintf(query.name, sizeof query.name, "%s", name ? name : "");
	json_t *hosts = node ? json_pack("[s]", node) : hosts_reachable(c);
	call_gather(c, &query, hosts, reply_aside);
}
