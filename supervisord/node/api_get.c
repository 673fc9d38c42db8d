#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "core/settings.h"
#include "node/api_private.h"
#include "node/status_sources.h"

static struct core *
core_of(const struct call *c)
{
	return c->api->node->core;
}

static json_t *
cluster_json(struct call *c)
{
	struct cluster_view v;
	view_cluster(core_of(c), &v);
	json_t *o = api_json_cluster(&v);
	api_json_put_bool(o, "booted", c->api->node->is_booted);
	return o;
}

/* A row; what waits for a schedule that will not come here says so. */
static void
add_row(struct call *c, struct api_rows *rows, struct instance_view *v)
{
	const struct node *n = c->api->node;
	if (v->is_wanted && strcmp(v->state, "ready") != 0)
		(void)node_schedule_fault(n, v->service, v->why, sizeof v->why);
	api_rows_add(rows, core_of(c), v);
}

/* The instances that the query's name, node and state let through. */
static void
add_instances(struct call *c, struct api_rows *rows)
{
	const char *name = call_query(c, "name");
	const char *node = call_query(c, "node");
	const char *state = call_query(c, "state");
	uint32_t cursor = 0;
	struct instance_view v;
	while (view_instance_next(core_of(c), &cursor, &v)) {
		if (name && !api_name_matches(name, &v))
			continue;
		if (node && strcmp(node, v.node) != 0)
			continue;
		if (state && strcmp(state, v.state) != 0)
			continue;
		add_row(c, rows, &v);
	}
}

static json_t *
nodes_json(struct call *c)
{
	json_t *list = json_array();
	uint32_t count = view_node_count(core_of(c));
	for (uint32_t i = 0; i < count; i++) {
		struct node_view v;
		if (view_node(core_of(c), i, &v))
			json_array_append_new(list, api_json_node(&v));
	}
	return list;
}

static void
add_quarantined(void *context, const struct quarantine_item *item)
{
	json_t *o = json_object();
	api_json_put_hex(o, "digest", item->digest);
	api_json_put(o, "kind", item->kind);
	api_json_put(o, "name", item->name);
	api_json_put(o, "text", item->text);
	api_json_put_time(o, "since", item->since_wall_ms);
	json_array_append_new(context, o);
}

static void
add_broken_file(void *context, const struct specdir_error *e)
{
	json_t *o = json_object();
	api_json_put(o, "file", e->file);
	api_json_put(o, "text", e->text);
	api_json_put_time(o, "since", e->since_wall_ms);
	json_array_append_new(context, o);
}

static json_t *
keeper_json(const struct node *n)
{
	json_t *o = json_object();
	api_json_put(o, "version", n->keeper_version);
	api_json_put_int(o, "crashes", n->keeper_crashes);
	api_json_put_int(o, "boottime_ms", (int64_t)n->keeper_start_ms);
	return o;
}

void
api_get_status(struct call *c)
{
	struct node *n = c->api->node;
	struct api_rows rows = {0};
	json_t *quarantined = json_array();
	json_t *files = json_array();
	node_quarantine_walk(n, add_quarantined, quarantined);
	specdir_errors_walk(n, add_broken_file, files);
	json_t *o = json_object();
	json_object_set_new(o, "cluster", cluster_json(c));
	json_object_set_new(o, "nodes", nodes_json(c));
	json_object_set_new(o, "quarantined", quarantined);
	json_object_set_new(o, "files", files);
	api_json_put(o, "weaker", n->weaker_why);
	json_object_set_new(o, "keeper", keeper_json(n));
	add_instances(c, &rows);
	call_reply_rows(c, o, &rows);
}

static void
count_one(json_t *o, const char *key)
{
	json_t *old = json_object_get(o, key);
	json_object_set_new(o, key, json_integer(json_integer_value(old) + 1));
}

/* The age of the oldest that counts among a service's instances, null when
 * one has none; and how many are late. */
static void
add_checkpoint(struct call *c, json_t *o, const struct instance_view *v)
{
	struct checkpoint_view view;
	if (!v->has_checkpoints || !view_checkpoint(core_of(c), v->name, &view))
		return;
	json_t *checkpoints = json_object_get(o, "checkpoints");
	if (!checkpoints) {
		checkpoints = json_pack("{s:i, s:i}", "age_ms", 0, "late", 0);
		json_object_set_new(o, "checkpoints", checkpoints);
	}
	json_t *age = json_object_get(checkpoints, "age_ms");
	if (view.is_late)
		count_one(checkpoints, "late");
	if (view.age_ms < 0)
		json_object_set_new(checkpoints, "age_ms", json_null());
	else if (json_is_integer(age) &&
		 json_integer_value(age) < (json_int_t)view.age_ms)
		api_json_put_int(checkpoints, "age_ms", view.age_ms);
}

/* {SERVICE: {"instances": N, "ready": N, "done": N, "checkpoints": {...}}} */
static json_t *
service_counts(struct call *c)
{
	json_t *counts = json_object();
	uint32_t cursor = 0;
	struct instance_view v;
	while (view_instance_next(core_of(c), &cursor, &v)) {
		json_t *o = json_object_get(counts, v.service);
		if (!o) {
			o = json_pack("{s:i, s:i, s:i}", "instances", 0,
				"ready", 0, "done", 0);
			json_object_set_new(counts, v.service, o);
		}
		count_one(o, "instances");
		if (strcmp(v.state, "ready") == 0)
			count_one(o, "ready");
		if (v.is_done)
			count_one(o, "done");
		add_checkpoint(c, o, &v);
	}
	return counts;
}

static void
put_source(json_t *o, const struct service_value *v)
{
	json_t *source = json_object();
	api_json_put(source, "file", v->source_file);
	api_json_put(source, "node", v->source_node);
	json_object_set_new(o, "source", source);
}

static json_t *
service_json(struct call *c, const struct entry *e, bool with_spec)
{
	struct service_value v;
	json_t *o = json_object();
	api_json_put(o, "name", e->name);
	api_json_put_int(o, "stamp", (int64_t)e->stamp);
	api_json_put(o, "writer", e->writer);
	bool is_readable = specs_get_service(e, &v);
	api_json_put_bool(o, "readable", is_readable);
	if (!is_readable)
		return o;
	api_json_put_hex(o, "digest", v.digest);
	api_json_put_hex(o, "run_digest", v.run_digest);
	api_json_put_bool(o, "enabled", v.policy.is_enabled);
	api_json_put_bool(o, "runtime", v.is_runtime);
	put_source(o, &v);
	struct override_value override;
	const struct entry *oe =
		specs_find(core_of(c), ENTRY_OVERRIDE, e->name);
	api_json_put_bool(o, "stopped",
		oe && specs_get_override(oe, &override) && override.is_stopped);
	if (with_spec) {
		json_t *spec = json_loadb(v.body.data, v.body.size, 0, NULL);
		json_object_set_new(o, "spec", spec ? spec : json_null());
	}
	return o;
}

static int
compare_by_name(const void *a, const void *b)
{
	json_t *const *x = a;
	json_t *const *y = b;
	return strcmp(json_string_value(json_object_get(*x, "name")),
		json_string_value(json_object_get(*y, "name")));
}

/* A copy of 'list' (released) in the order of its objects' names. */
static json_t *
sort_by_name(json_t *list)
{
	size_t count = json_array_size(list);
	json_t **items = calloc(count + 1, sizeof(json_t *));
	CHECK(items);
	for (size_t i = 0; i < count; i++)
		items[i] = json_array_get(list, i);
	qsort(items, count, sizeof(json_t *), compare_by_name);
	json_t *sorted = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append(sorted, items[i]);
	free(items);
	json_decref(list);
	return sorted;
}

void
api_get_services(struct call *c)
{
	json_t *list = json_array();
	json_t *counts = service_counts(c);
	const struct entry *e = NULL;
	while ((e = specs_walk(core_of(c), ENTRY_SERVICE, e))) {
		json_t *o = service_json(c, e, false);
		json_object_set_new(o, "checkpoints", json_null());
		json_object_update(o, json_object_get(counts, e->name));
		json_array_append_new(list, o);
	}
	json_decref(counts);
	json_t *o = json_object();
	json_object_set_new(o, "services", sort_by_name(list));
	api_json_put_hex(o, "index", view_plan_index(core_of(c)));
	call_reply_json(c, MHD_HTTP_OK, o);
}

static void
add_named(struct call *c, const char *name, struct api_rows *rows)
{
	uint32_t cursor = 0;
	struct instance_view v;
	while (view_instance_next(core_of(c), &cursor, &v))
		if (api_name_matches(name, &v))
			add_row(c, rows, &v);
}

void
api_get_service(struct call *c)
{
	const char *name = c->captures[0];
	const struct entry *e = specs_find(core_of(c), ENTRY_SERVICE, name);
	if (!e) {
		call_reply_error(c, MHD_HTTP_NOT_FOUND, "not_found",
			"there is no service '%s'", name);
		return;
	}
	struct api_rows rows = {0};
	add_named(c, name, &rows);
	call_reply_rows(c, service_json(c, e, true), &rows);
}

void
api_get_instances(struct call *c)
{
	struct api_rows rows = {0};
	add_instances(c, &rows);
	call_reply_rows(c, json_object(), &rows);
}

/* An instance's name gives that instance, a service's all of its instances:
 * always a list, so that a script needs no case distinction. */
void
api_get_name(struct call *c)
{
	const char *name = c->captures[0];
	struct instance_view v;
	struct api_rows rows = {.has_meta = true};
	if (call_query_flag(c, "authoritative")) {
		api_locate(c);
		return;
	}
	if (view_instance(core_of(c), name, &v))
		add_row(c, &rows, &v);
	else
		add_named(c, name, &rows);
	if (rows.count == 0 && api_get_tracked(c))
		return;
	if (rows.count == 0)
		call_reply_error(c, MHD_HTTP_NOT_FOUND, "not_found",
			"nothing is named '%s'", name);
	else
		call_reply_rows(c, json_object(), &rows);
}

static void
add_schedule_fault(struct call *c, const char *name, char *text, size_t size)
{
	char fault[NOTE_TEXT_MAX];
	struct instance_view v;
	size_t used = strlen(text);
	if (view_instance(core_of(c), name, &v) &&
		node_schedule_fault(
			c->api->node, v.service, fault, sizeof fault))
		snprintf(text + used, size - used, "  %s.", fault);
}

static void
put_why(struct call *c, json_t *list, const char *name)
{
	char text[4096];
	if (!view_why(core_of(c), name, text, sizeof(text)))
		return;
	add_schedule_fault(c, name, text, sizeof text);
	json_t *o = json_object();
	api_json_put(o, "name", name);
	api_json_put(o, "why", text);
	json_array_append_new(list, o);
}

void
api_get_why(struct call *c)
{
	const char *name = c->captures[0];
	json_t *list = json_array();
	put_why(c, list, name);
	uint32_t cursor = 0;
	struct instance_view v;
	while (json_array_size(list) == 0 || cursor) {
		if (!view_instance_next(core_of(c), &cursor, &v))
			break;
		if (strcmp(v.service, name) == 0 && strcmp(v.name, name) != 0)
			put_why(c, list, v.name);
	}
	if (json_array_size(list) == 0) {
		json_decref(list);
		call_reply_error(c, MHD_HTTP_NOT_FOUND, "not_found",
			"nothing is named '%s'", name);
		return;
	}
	json_t *o = json_object();
	json_object_set_new(o, "names", list);
	call_reply_json(c, MHD_HTTP_OK, o);
}

void
api_get_nodes(struct call *c)
{
	json_t *o = json_object();
	json_object_set_new(o, "nodes", sort_by_name(nodes_json(c)));
	call_reply_json(c, MHD_HTTP_OK, o);
}

void
api_get_node(struct call *c)
{
	struct node_view v;
	if (call_find_node(c, c->captures[0], &v))
		call_reply_json(c, MHD_HTTP_OK, api_json_node(&v));
}

void
api_get_cluster(struct call *c)
{
	json_t *settings = json_object();
	const char *key;
	for (unsigned i = 0; (key = settings_key(i)); i++) {
		char buffer[PATTERNS_SIZE];
		api_json_put(settings, key,
			settings_text(core_of(c), key, buffer, sizeof(buffer)));
	}
	json_t *o = json_object();
	json_object_set_new(o, "cluster", cluster_json(c));
	json_object_set_new(o, "settings", settings);
	call_reply_json(c, MHD_HTTP_OK, o);
}

void
api_get_health(struct call *c)
{
	if (!c->api->node->is_booted) {
		call_reply_error(c, MHD_HTTP_SERVICE_UNAVAILABLE, "starting",
			"the node has not read its store yet");
		return;
	}
	json_t *o = json_object();
	api_json_put(o, "status", "ok");
	call_reply_json(c, MHD_HTTP_OK, o);
}
