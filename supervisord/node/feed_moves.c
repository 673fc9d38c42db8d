/* Moves away from this host as JSON, for its own API and for other hosts. */
#include <string.h>

#include "node/api_private.h"
#include "node/feeds.h"
#include "node/moves.h"

/* What is being written down. */
struct telling {
	const char *from;
	json_t *list;
};

/* A number, or null when it is not known. */
static void
put_known(json_t *o, const char *key, bool is_known, uint64_t value)
{
	json_object_set_new(o, key,
		is_known ? json_integer((json_int_t)value) : json_null());
}

static void
add_move(void *context, const struct move_item *m)
{
	struct telling *t = context;
	json_t *o = json_object();
	api_json_put(o, "name", m->name);
	api_json_put(o, "from", t->from);
	api_json_put(o, "to", m->to);
	api_json_put(o, "state", m->state);
	api_json_put_bool(o, "over", m->is_over);
	api_json_put(o, "why", "");
	put_known(o, "size", m->has_size, m->size);
	put_known(o, "bytes", m->has_size, m->bytes);
	put_known(o, "sent", m->has_size, m->sent);
	put_known(o, "rate", m->has_size, m->rate);
	put_known(o, "took_ms", m->took_ms >= 0, (uint64_t)m->took_ms);
	put_known(o, "ago_ms", m->ago_ms >= 0, (uint64_t)m->ago_ms);
	json_array_append_new(t->list, o);
}

/* One that is to go, if it is still here and does not go yet. */
static void
add_waiting(struct telling *t, const struct instance_view *v)
{
	if (strcmp(v->node, t->from) != 0 || !*v->why ||
		strcmp(v->state, "handoff") == 0 ||
		strncmp(v->why, "moving", 6) == 0)
		return;
	struct move_item item = {.name = v->name,
		.to = "",
		.state = "waits",
		.took_ms = -1,
		.ago_ms = -1};
	add_move(t, &item);
	json_t *o = json_array_get(t->list, json_array_size(t->list) - 1);
	api_json_put(o, "why", v->why);
	api_json_put_bool(o, "stays", v->has_late_move && v->is_left_alone);
	put_known(o, "again_ms", v->has_late_move && v->move_again_ms >= 0,
		(uint64_t)v->move_again_ms);
}

/* What waits to go, and what keeps it here: other hosts are not told that by
 * rows.  Of a host that drains that is all that is there, else what an operator
 * moved. */
static void
add_all_waiting(struct node *n, struct telling *t)
{
	struct instance_view v;
	struct node_view host;
	uint32_t cursor = 0;
	const struct entry *late = NULL;
	if (view_node(n->core, MEMBER_SELF, &host) &&
		host.intent == INTENT_DRAINING) {
		while (view_instance_next(n->core, &cursor, &v))
			add_waiting(t, &v);
		return;
	}
	while (view_late_next(n->core, &late, &v))
		add_waiting(t, &v);
}

static void
add_size(void *context, const char *name, uint64_t size, int64_t ago_ms)
{
	json_t *o = json_object();
	api_json_put(o, "name", name);
	api_json_put_int(o, "size", (int64_t)size);
	api_json_put_int(o, "ago_ms", ago_ms);
	json_array_append_new(context, o);
}

/* A feed of 'list', which it takes. */
static struct feed *
feed_list_new(json_t *list)
{
	struct api_text text = {0};
	api_text_add_line(&text, list);
	return feed_text_new(&text);
}

struct feed *
feed_moves_new(struct node *n)
{
	struct telling t = {n->conf.node.name, json_array()};
	moves_walk(n, add_move, &t);
	add_all_waiting(n, &t);
	return feed_list_new(t.list);
}

struct feed *
feed_sizes_new(struct node *n)
{
	json_t *list = json_array();
	moves_walk_sizes(n, add_size, list);
	return feed_list_new(list);
}
