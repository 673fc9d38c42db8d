/* Rebalancing: what would go where, and a pass. */
#include "node/api_private.h"

#include "core/rebalance.h"
#include "core/settings.h"

static json_t *
hosts_json(const struct core *core, bool *is_through)
{
	json_t *list = json_array();
	struct rebalance_host h;
	uint32_t cursor = 0;
	*is_through = true;
	while (rebalance_host_next(core, &cursor, &h)) {
		json_t *o = json_object();
		api_json_put(o, "name", h.name);
		api_json_put_int(o, "moving", h.moving);
		api_json_put_int(o, "left", h.left);
		api_json_put_bool(o, "through", h.is_through);
		json_array_append_new(list, o);
		*is_through &= h.is_through;
	}
	return list;
}

static json_t *
instances_json(struct core *core)
{
	json_t *list = json_array();
	struct rebalance_item item;
	uint32_t cursor = 0;
	while (rebalance_view_next(core, &cursor, &item)) {
		json_t *o = json_object();
		api_json_put(o, "name", item.name);
		api_json_put(o, "from", item.from);
		api_json_put(o, "to", item.to);
		api_json_put_bool(o, "goes", item.goes);
		api_json_put(o, "why", item.why);
		json_array_append_new(list, o);
	}
	return list;
}

/* What does not run where it belongs, and how far the last pass is. */
void
api_get_rebalance(struct call *c)
{
	char setting[16];
	bool is_through;
	struct core *core = c->api->node->core;
	json_t *o = json_object();
	json_t *hosts = hosts_json(core, &is_through);
	api_json_put(o, "rebalance",
		settings_text(core, "rebalance", setting, sizeof setting));
	api_json_put_int(o, "pass", (int64_t)rebalance_pass_number(core));
	api_json_put_bool(o, "through", is_through);
	json_object_set_new(o, "nodes", hosts);
	json_object_set_new(o, "instances", instances_json(core));
	call_reply_json(c, MHD_HTTP_OK, o);
}

/* Asks for a pass. */
void
api_post_rebalance(struct call *c)
{
	static const char *const keys[] = {NULL};
	struct input in = {.kind = INPUT_REQUEST};
	json_t *body = call_body_object(c, keys);
	if (!body)
		return;
	in.request = (struct input_request){.op = REQUEST_REBALANCE,
		.name = "",
		.arg = "",
		.actor = call_actor(c)};
	call_ask(c, &in, NULL, 0);
	json_decref(body);
}
