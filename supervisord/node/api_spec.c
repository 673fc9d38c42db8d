#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "node/api_private.h"
#include "spec/spec.h"

/* Reads the body (YAML; JSON is YAML) as services.  NULL: replied. */
static struct spec_set *
parse_body(struct call *c)
{
	struct spec_set *set = NULL;
	struct err err = {0};
	const char *name = call_query(c, "file");
	int rc = spec_parse_buffer(name && *name ? name : "body",
		c->body.data ? c->body.data : "", c->body.size, &set, &err);
	if (rc == 0)
		return set;
	call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid", "%s", err.text);
	return NULL;
}

static bool
set_has(const struct spec_set *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->items[i]->name, name) == 0)
			return true;
	return false;
}

/* Names of the cluster's services that 'set' lacks, malloced. */
struct names {
	char (*items)[INSTANCE_NAME_MAX + 1];
	size_t count;
};

static struct names
names_to_prune(struct call *c, const struct spec_set *set)
{
	struct names names = {0};
	const struct entry *e = NULL;
	if (!call_query_flag(c, "prune"))
		return names;
	while ((e = specs_walk(c->api->node->core, ENTRY_SERVICE, e))) {
		struct service_value v;
		bool is_runtime = specs_get_service(e, &v) && v.is_runtime;
		if (is_runtime || set_has(set, e->name))
			continue;
		names.items = realloc(
			names.items, (names.count + 1) * sizeof(*names.items));
		CHECK(names.items);
		snprintf(names.items[names.count++], sizeof(*names.items), "%s",
			e->name);
	}
	return names;
}

/* --- apply --- */

/* One POST /v1/services under way. */
struct apply {
	size_t pending;	 /* answers to come, and 1 while they are asked */
	json_t *results; /* one object per service, in the file's order */
	unsigned status; /* HTTP status of the first failure, or 200 */
	enum reply_code code;
	char message[600];
};

static void
apply_free(void *data)
{
	struct apply *a = data;
	json_decref(a->results);
	free(a);
}

static void
apply_finish(struct call *c)
{
	struct apply *a = c->data;
	if (--a->pending)
		return;
	json_t *o = json_object();
	if (a->status >= 400) {
		json_t *error = json_object();
		api_json_put(error, "code", reply_code_name(a->code));
		api_json_put(error, "message", a->message);
		json_object_set_new(o, "error", error);
	}
	json_object_set(o, "services", a->results);
	api_json_put_hex(o, "index", view_plan_index(c->api->node->core));
	call_reply_json(c, a->status, o);
}

static void
on_applied(struct call *c, size_t index, enum reply_code code, const char *text)
{
	struct apply *a = c->data;
	json_t *o = json_array_get(a->results, index);
	unsigned status = (unsigned)reply_code_http(code);
	bool is_delete = json_is_true(json_object_get(o, "delete"));
	json_object_del(o, "delete");
	api_json_put(o, "result",
		is_delete && code == REPLY_OK ? "deleted"
					      : reply_code_name(code));
	api_json_put(o, "message", text);
	if (status >= 400 && a->status < 400) {
		a->status = status;
		a->code = code;
		snprintf(a->message, sizeof(a->message), "%s: %s",
			json_string_value(json_object_get(o, "name")), text);
	}
	apply_finish(c);
}

static size_t
apply_expect(struct apply *a, const char *name, bool is_delete)
{
	json_t *o = json_object();
	api_json_put(o, "name", name);
	api_json_put_bool(o, "delete", is_delete);
	json_array_append_new(a->results, o);
	a->pending++;
	return json_array_size(a->results) - 1;
}

/* Steps the core with 'in', a SPEC_SET that says all but the service. */
static void
ask_spec(struct call *c, struct input *in, const struct spec *spec,
	call_answer_fn *fn, size_t index)
{
	char *body = malloc(SPEC_BODY_MAX + 1);
	struct spec_policy *policy = malloc(sizeof(*policy));
	CHECK(body && policy);
	int size = spec_to_body(spec, body, SPEC_BODY_MAX + 1);
	CHECK(size >= 0);
	spec_policy_from(spec, policy);
	in->kind = INPUT_SPEC_SET;
	if (!in->spec_set.name)
		in->spec_set.name = spec->name;
	in->spec_set.digest = spec_digest(spec);
	in->spec_set.run_digest = spec_run_digest(spec);
	in->spec_set.policy = policy;
	in->spec_set.body = (struct bytes){body, (size_t)size};
	in->spec_set.source.file = "";
	in->spec_set.actor = call_actor(c);
	call_ask(c, in, fn, index);
	free(policy);
	free(body);
}

void
call_ask_spec(struct call *c, const struct spec *spec, call_answer_fn *fn,
	size_t index)
{
	struct input in = {.spec_set = {.request = 0}};
	ask_spec(c, &in, spec, fn, index);
}

void
call_ask_runtime(struct call *c, const struct spec *spec, const char *name,
	int64_t timeout_ms, call_answer_fn *fn)
{
	struct input in = {.spec_set = {.name = name,
				   .is_runtime = true,
				   .timeout_ms = timeout_ms}};
	ask_spec(c, &in, spec, fn, 0);
}

static void
apply_spec(struct call *c, const struct spec *spec)
{
	call_ask_spec(c, spec, on_applied,
		apply_expect(c->data, spec->name, false));
}

static void
apply_delete(struct call *c, const char *name)
{
	struct input in = {.kind = INPUT_SPEC_DEL};
	in.spec_del.name = name;
	in.spec_del.actor = call_actor(c);
	call_ask(c, &in, on_applied, apply_expect(c->data, name, true));
}

/* Whether the state that a plan was made from still holds. */
static bool
check_index(struct call *c)
{
	const char *text = call_query(c, "check_index");
	if (!text)
		return true;
	char *end;
	uint64_t now = view_plan_index(c->api->node->core);
	uint64_t wanted = strtoull(text, &end, 16);
	if (!*text || *end) {
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"check_index: '%s' is not an index that plan printed",
			text);
		return false;
	}
	if (wanted == now)
		return true;
	call_reply_error(c, MHD_HTTP_CONFLICT, "conflict",
		"the desired state changed since the plan (index %016" PRIx64
		", now %016" PRIx64 "): plan again",
		wanted, now);
	return false;
}

void
api_post_services(struct call *c)
{
	if (!check_index(c))
		return;
	struct spec_set *set = parse_body(c);
	if (!set)
		return;
	struct apply *a = calloc(1, sizeof(*a));
	CHECK(a);
	*a = (struct apply){
		.pending = 1, .results = json_array(), .status = MHD_HTTP_OK};
	c->data = a;
	c->data_free = apply_free;
	struct names prune = names_to_prune(c, set);
	for (size_t i = 0; i < set->count; i++)
		apply_spec(c, set->items[i]);
	for (size_t i = 0; i < prune.count; i++)
		apply_delete(c, prune.items[i]);
	free(prune.items);
	spec_set_free(set);
	apply_finish(c);
}

void
api_delete_service(struct call *c)
{
	struct input in = {.kind = INPUT_SPEC_DEL};
	in.spec_del.name = c->captures[0];
	in.spec_del.actor = call_actor(c);
	call_ask(c, &in, NULL, 0);
}

/* --- plan --- */

/* A plan in the making. */
struct plan {
	json_t *services;
	json_t *items;
	int64_t changes;
};

static const char *
service_change(struct core *core, const struct spec *spec)
{
	struct service_value now;
	const struct entry *e = specs_find(core, ENTRY_SERVICE, spec->name);
	if (!e)
		return "create";
	if (!specs_get_service(e, &now) || now.digest != spec_digest(spec))
		return "update";
	return "nothing";
}

static void
plan_put_service(struct plan *p, const char *name, const char *action)
{
	json_t *o = json_object();
	api_json_put(o, "name", name);
	api_json_put(o, "action", action);
	json_array_append_new(p->services, o);
	if (strcmp(action, "nothing") != 0)
		p->changes++;
}

static void
plan_put_items(struct plan *p, struct core *core, const char *service,
	const struct spec_policy *policy, uint64_t digest, uint64_t run_digest)
{
	uint32_t cursor = 0;
	struct plan_item item;
	while (view_plan(
		core, service, policy, digest, run_digest, &cursor, &item)) {
		json_t *o = json_object();
		api_json_put(o, "service", service);
		api_json_put(o, "instance", item.instance);
		api_json_put(o, "action", plan_action_name(item.action));
		api_json_put(o, "node", item.node);
		api_json_put(o, "why", item.why);
		json_array_append_new(p->items, o);
	}
}

static void
plan_set(struct plan *p, struct core *core, const struct spec_set *set)
{
	struct spec_policy *policy = malloc(sizeof(*policy));
	CHECK(policy);
	for (size_t i = 0; i < set->count; i++) {
		const struct spec *spec = set->items[i];
		plan_put_service(p, spec->name, service_change(core, spec));
		spec_policy_from(spec, policy);
		plan_put_items(p, core, spec->name, policy, spec_digest(spec),
			spec_run_digest(spec));
	}
	free(policy);
}

void
api_post_plan(struct call *c)
{
	struct core *core = c->api->node->core;
	struct spec_set *set = parse_body(c);
	if (!set)
		return;
	struct plan plan = {.services = json_array(), .items = json_array()};
	struct names prune = names_to_prune(c, set);
	plan_set(&plan, core, set);
	for (size_t i = 0; i < prune.count; i++) {
		plan_put_service(&plan, prune.items[i], "delete");
		plan_put_items(&plan, core, prune.items[i], NULL, 0, 0);
	}
	free(prune.items);
	spec_set_free(set);
	json_t *o = json_object();
	json_object_set_new(o, "services", plan.services);
	json_object_set_new(o, "items", plan.items);
	api_json_put_int(o, "changes", plan.changes);
	api_json_put_hex(o, "index", view_plan_index(core));
	call_reply_json(c, MHD_HTTP_OK, o);
}

void
api_post_validate(struct call *c)
{
	struct spec_set *set = parse_body(c);
	if (!set)
		return;
	json_t *list = json_array();
	for (size_t i = 0; i < set->count; i++) {
		json_t *o = json_object();
		api_json_put(o, "name", set->items[i]->name);
		api_json_put_int(o, "instances",
			(int64_t)spec_instance_count(set->items[i]));
		api_json_put_hex(o, "digest", spec_digest(set->items[i]));
		json_array_append_new(list, o);
	}
	spec_set_free(set);
	json_t *o = json_object();
	json_object_set_new(o, "services", list);
	call_reply_json(c, MHD_HTTP_OK, o);
}
