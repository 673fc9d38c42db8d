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

/* The hosts that can be asked; 'has_moves_only': this one, and of the others
 * those that have a move. */
static json_t *
hosts_to_ask(struct core *core, bool has_moves_only)
{
	json_t *hosts = json_array();
	uint32_t count = view_node_count(core);
	for (uint32_t i = 0; i < count; i++) {
		struct node_view v;
		if (view_node(core, i, &v) && api_is_reachable(&v) &&
			(!has_moves_only || v.is_self || has_moves(core, i)))
			json_array_append_new(hosts, json_string(v.name));
	}
	return hosts;
}

/* Asks the host that the call names, or all of them. */
static void
gather(struct call *c, const struct query *query, gather_fn *done)
{
	const char *node = call_query(c, "node");
	struct node_view v;
	if (node && !call_find_node(c, node, &v))
		return;
	json_t *hosts = node ? json_pack("[s]", node)
			     : hosts_to_ask(c->api->node->core,
				       query->kind == QUERY_MOVES);
	call_gather(c, query, hosts, done);
}

static void
reply(struct call *c, const char *key, json_t *list, json_t *missing)
{
	json_t *o = json_object();
	json_object_set_new(o, key, list);
	json_object_set_new(o, "missing", missing);
	call_reply_json(c, MHD_HTTP_OK, o);
}

static void
reply_moves(struct call *c, json_t *list, json_t *missing)
{
	reply(c, "moves", list, missing);
}

static void
reply_aside(struct call *c, json_t *list, json_t *missing)
{
	reply(c, "aside", list, missing);
}

void
api_get_moves(struct call *c)
{
	const struct query query = {.kind = QUERY_MOVES};
	gather(c, &query, reply_moves);
}

void
api_get_aside(struct call *c)
{
	struct query query = {.kind = QUERY_ASIDE};
	const char *name = call_query(c, "name");
	snprintf(query.name, sizeof query.name, "%s", name ? name : "");
	gather(c, &query, reply_aside);
}
