/* What a drain would do: what goes where, and how much of it there is. */
#include <string.h>

#include "core/duty.h"
#include "core/instance.h"
#include "core/tracked.h"
#include "node/api_gather.h"

#define TRACKED_TOLD_MAX 100 /* names of processes; there can be a million */

static bool
find_service(struct core *core, const char *name, struct service_value *service)
{
	const struct entry *e = specs_find(core, ENTRY_SERVICE, name);
	return e && specs_get_service(e, service);
}

/* Where the drain would send it; NULL for nowhere. */
static const char *
next_home(struct core *core, const struct instance_view *v,
	const struct service_value *service)
{
	struct instance *i = instance_find(core, v->name);
	member_id from = member_find(core, v->node);
	if (!i || from == MEMBER_NONE)
		return NULL;
	member_id to = duty_host_without(core, i, service, from);
	return to == MEMBER_NONE ? NULL : member_get(core, to)->name;
}

/* Puts what is known of the size of its state, which is how large it was when
 * it was moved last: nobody knows what it will write. */
static void
put_size(json_t *o, const char *name, bool carries, json_t *sizes)
{
	size_t i;
	json_t *s;
	api_json_put_bool(o, "carries", carries);
	json_object_set_new(o, "size", carries ? json_null() : json_integer(0));
	json_object_set_new(o, "size_ago_ms", json_null());
	json_array_foreach(sizes, i, s)
	{
		const char *of = json_string_value(json_object_get(s, "name"));
		if (!carries || !of || strcmp(of, name) != 0)
			continue;
		json_object_set(o, "size", json_object_get(s, "size"));
		json_object_set(o, "size_ago_ms", json_object_get(s, "ago_ms"));
	}
}

static json_t *
move_json(struct core *core, const struct instance_view *v, json_t *sizes)
{
	struct service_value service = {0};
	bool has = find_service(core, v->service, &service);
	const char *to = has ? next_home(core, v, &service) : NULL;
	json_t *o = json_object();
	api_json_put(o, "name", v->name);
	api_json_put(o, "from", v->node);
	api_json_put(o, "to", to);
	api_json_put(o, "why", to ? "" : "no other eligible host; see why");
	/* One whose description cannot be read may. */
	put_size(o, v->name,
		!has || (service.policy.handoff.is_present &&
				!service.policy.handoff.starts_first),
		sizes);
	return o;
}

/* Puts what stays because it is no service: how many, and some of them. */
static void
put_tracked(json_t *o, struct core *core, const char *node)
{
	json_t *list = json_array();
	json_int_t count = 0;
	member_id id = member_find(core, node);
	const struct row *row = NULL;
	while (id != MEMBER_NONE && (row = registry_walk(core, id, row))) {
		if (row->value.kind != ROW_TRACKED ||
			tracked_find(core, row->name) != row)
			continue;
		if (count++ >= TRACKED_TOLD_MAX)
			continue;
		json_t *one = json_object();
		api_json_put(one, "name", row->name);
		api_json_put_int(one, "pid", row->value.pid);
		api_json_put(one, "why",
			"is a process that is only tracked; it does not move");
		json_array_append_new(list, one);
	}
	json_object_set_new(o, "tracked", list);
	json_object_set_new(o, "tracked_count", json_integer(count));
}

/* The sizes have come, or will not. */
static void
reply(struct call *c, json_t *sizes, json_t *missing)
{
	struct core *core = c->api->node->core;
	json_t *list = json_array();
	uint32_t cursor = 0;
	struct instance_view v;
	while (view_instance_next(core, &cursor, &v))
		if (strcmp(v.node, c->captures[0]) == 0)
			json_array_append_new(list, move_json(core, &v, sizes));
	json_decref(sizes);
	json_t *o = json_object();
	json_object_set_new(o, "moves", list);
	put_tracked(o, core, c->captures[0]);
	json_object_set_new(o, "missing", missing);
	call_reply_json(c, MHD_HTTP_OK, o);
}

void
api_dry_drain(struct call *c, const char *node)
{
	const struct query query = {.kind = QUERY_SIZES};
	struct node_view v;
	if (call_find_node(c, node, &v))
		call_gather(c, &query, json_pack("[s]", node), reply);
}
