/* Groups: who is in them, and an operator's word. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "node/api_private.h"

static int
compare(const void *a, const void *b)
{
	const struct group_view *x = a, *y = b;
	return strcmp(x->member, y->member);
}

/* The members in the order of their names; malloced. */
static struct group_view *
collect(struct core *core, const char *group, size_t *count)
{
	size_t room = 16;
	struct group_view *list = malloc(room * sizeof *list);
	const struct membership *cursor = NULL;
	CHECK(list);
	*count = 0;
	while (view_group_next(core, group, &cursor, &list[*count])) {
		if (++*count < room)
			continue;
		room *= 2;
		list = realloc(list, room * sizeof *list);
		CHECK(list);
	}
	qsort(list, *count, sizeof *list, compare);
	return list;
}

/* GET /v1/groups/GROUP: a group without members is an empty one. */
void
api_get_group(struct call *c)
{
	size_t count;
	struct group_view *list =
		collect(c->api->node->core, c->captures[0], &count);
	json_t *members = json_array();
	for (size_t i = 0; i < count; i++) {
		const struct group_view *v = &list[i];
		json_t *o = json_object();
		api_json_put(o, "name", v->member);
		api_json_put(o, "node", v->node);
		api_json_put_int(o, "pid", v->pid);
		api_json_put(o, "state", v->state);
		api_json_put_bool(o, "ready", v->is_ready);
		api_json_put_int(o, "epoch", (int64_t)v->epoch);
		api_json_put_time(o, "since", v->since_wall_ms);
		json_array_append_new(members, o);
	}
	free(list);
	json_t *o = json_object();
	api_json_put(o, "group", c->captures[0]);
	json_object_set_new(o, "members", members);
	call_reply_json(c, MHD_HTTP_OK, o);
}

/* POST /v1/groups/GROUP/join or /leave {"name": "..."} */
void
api_post_group(struct call *c)
{
	static const char *const keys[] = {"name", NULL};
	const char *verb = c->captures[1];
	bool is_join = strcmp(verb, "join") == 0;
	if (api_post_group_mail(c))
		return;
	if (!is_join && strcmp(verb, "leave") != 0) {
		call_reply_error(c, MHD_HTTP_NOT_FOUND, "not_found",
			"there is no verb '%s' for groups", verb);
		return;
	}
	json_t *body = call_body_object(c, keys);
	if (!body)
		return;
	const char *name = json_string_value(json_object_get(body, "name"));
	struct input in = {.kind = INPUT_REQUEST};
	in.request = (struct input_request){
		.op = is_join ? REQUEST_GROUP_JOIN : REQUEST_GROUP_LEAVE,
		.name = name,
		.arg = c->captures[0],
		.actor = call_actor(c)};
	if (name)
		call_ask(c, &in, NULL, 0);
	else
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"the body needs 'name', a string");
	json_decref(body);
}
