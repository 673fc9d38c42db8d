#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "node/api_private.h"
#include "sys/clock.h"
#include "sys/units.h"

json_t *
api_json_text(const char *text)
{
	json_t *json = json_string(text ? text : "");
	if (json)
		return json;
	/* Some program's message that is not UTF-8: keep what is ASCII. */
	char *copy = strdup(text);
	CHECK(copy);
	for (char *p = copy; *p; p++)
		if (*p & 0x80)
			*p = '?';
	json = json_string(copy);
	free(copy);
	return json;
}

void
api_json_put(json_t *o, const char *key, const char *text)
{
	json_object_set_new(o, key, api_json_text(text));
}

void
api_json_put_int(json_t *o, const char *key, int64_t value)
{
	json_object_set_new(o, key, json_integer((json_int_t)value));
}

void
api_json_put_bool(json_t *o, const char *key, bool value)
{
	json_object_set_new(o, key, json_boolean(value));
}

void
api_json_put_hex(json_t *o, const char *key, uint64_t value)
{
	char text[17];
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)value);
	json_object_set_new(o, key, json_string(text));
}

void
api_json_put_time(json_t *o, const char *key, int64_t wall_ms)
{
	char name[64];
	char text[40] = "";
	struct tm tm;
	time_t seconds = (time_t)(wall_ms / 1000);
	snprintf(name, sizeof(name), "%s_ms", key);
	if (wall_ms <= 0 || !gmtime_r(&seconds, &tm)) {
		json_object_set_new(o, key, json_null());
		json_object_set_new(o, name, json_null());
		return;
	}
	size_t length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + length, sizeof(text) - length, ".%03dZ",
		(int)(wall_ms % 1000));
	api_json_put(o, key, text);
	api_json_put_int(o, name, wall_ms);
}

static const char *
intent_name(enum node_intent intent)
{
	switch (intent) {
	case INTENT_ACTIVE:
		return "active";
	case INTENT_CORDONED:
		return "cordoned";
	case INTENT_DRAINING:
		return "draining";
	}
	return "unknown";
}

/* A duration; null when it is negative ("none"). */
static void
put_duration(json_t *o, const char *key, int64_t ms)
{
	json_object_set_new(
		o, key, ms < 0 ? json_null() : json_integer((json_int_t)ms));
}

json_t *
api_json_node(const struct node_view *v)
{
	json_t *o = json_object();
	api_json_put(o, "name", v->name);
	api_json_put(o, "state", v->state);
	api_json_put(o, "intent", intent_name(v->intent));
	api_json_put(o, "reason", v->reason);
	api_json_put(o, "progress", v->progress);
	api_json_put(o, "address", v->address);
	api_json_put(o, "hold", v->hold);
	api_json_put(o, "hold_text", v->hold_text);
	put_duration(o, "hold_left_ms", v->hold_left_ms);
	api_json_put_bool(o, "self", v->is_self);
	api_json_put_bool(o, "linked", v->is_linked);
	api_json_put_int(o, "incarnation", (int64_t)v->incarnation);
	api_json_put_int(o, "weight", v->weight);
	api_json_put_int(o, "instances", v->instances);
	put_duration(o, "heard_ms", v->heard_ms);
	api_json_put_int(o, "log_position", (int64_t)v->log_position);
	api_json_put_int(o, "clock_off_ms", v->clock_off_ms);
	api_json_put(o, "version", v->version);
	api_json_put_int(o, "drain_total", v->drain_total);
	api_json_put_int(o, "drain_left", v->drain_left);
	api_json_put_int(o, "drain_stuck", v->drain_stuck);
	return o;
}

json_t *
api_json_cluster(const struct cluster_view *v)
{
	json_t *o = json_object();
	api_json_put(o, "name", v->cluster);
	api_json_put(o, "node", v->node);
	api_json_put_int(o, "members", v->members);
	api_json_put_int(o, "alive", v->alive);
	api_json_put_int(o, "services", v->services);
	api_json_put_int(o, "instances", v->instances);
	api_json_put_int(o, "ready", v->ready);
	api_json_put_int(o, "done", v->done);
	api_json_put_int(o, "unplaced", v->unplaced);
	api_json_put(o, "hold", v->hold);
	api_json_put(o, "hold_text", v->hold_text);
	put_duration(o, "hold_left_ms", v->hold_left_ms);
	api_json_put_hex(o, "spec_root", v->spec_root);
	api_json_put_hex(o, "settings_digest", v->settings_digest);
	api_json_put_hex(o, "view_digest", v->view_digest);
	api_json_put_int(o, "resets", (int64_t)v->resets);
	api_json_put_int(o, "unknown_frames", (int64_t)v->unknown_frames);
	return o;
}

/* One checkpoint, or null.  What a run left at its end is its last one, and
 * bears no number; of what was acknowledged the size is not told. */
static json_t *
snapshot_json(const struct snapshot *s, bool has_size)
{
	if (s->epoch == 0)
		return json_null();
	bool is_last = s->number == CHECKPOINT_LAST;
	json_t *o = json_object();
	api_json_put_int(o, "epoch", (int64_t)s->epoch);
	api_json_put_bool(o, "last", is_last);
	json_object_set_new(o, "number",
		is_last ? json_null() : json_integer((json_int_t)s->number));
	if (has_size)
		api_json_put_int(o, "size", (int64_t)s->size);
	api_json_put_time(o, "time", s->wall_ms);
	return o;
}

json_t *
api_json_checkpoint(const struct checkpoint_view *v)
{
	json_t *o = json_object();
	json_t *next = snapshot_json(&v->next, true);
	if (json_is_object(next))
		api_json_put(next, "node", v->next_node);
	json_object_set_new(o, "acked", snapshot_json(&v->acked, false));
	put_duration(o, "age_ms", v->age_ms);
	api_json_put_int(o, "every_ms", v->every_ms);
	api_json_put_int(o, "have", v->have);
	api_json_put_bool(o, "late", v->is_late);
	put_duration(o, "loss_ms", v->loss_ms);
	api_json_put_int(o, "named", v->named);
	json_object_set_new(o, "newest", snapshot_json(&v->newest, true));
	json_object_set_new(o, "next", next);
	api_json_put_bool(o, "waits", v->is_waiting);
	api_json_put_int(o, "wanted", v->wanted);
	return o;
}

json_t *
api_json_meta(struct bytes meta)
{
	json_t *o =
		meta.size ? json_loadb(meta.data, meta.size, 0, NULL) : NULL;
	return o ? o : json_object();
}

json_t *
api_json_event(const struct event *e, const char *host)
{
	json_t *o = json_object();
	api_json_put(o, "host", host);
	api_json_put_int(o, "id", (int64_t)e->id);
	api_json_put_time(o, "time", e->wall_ms);
	api_json_put(o, "kind", e->kind);
	api_json_put(o, "name", e->name);
	api_json_put_int(o, "epoch", (int64_t)e->epoch);
	api_json_put(o, "text", e->text);
	if (e->pid == 0) {
		json_object_set_new(o, "actor", json_null());
		return o;
	}
	json_t *actor = json_object();
	api_json_put_int(actor, "uid", e->uid);
	api_json_put_int(actor, "pid", e->pid);
	api_json_put(actor, "host", e->host);
	json_object_set_new(o, "actor", actor);
	return o;
}

bool
api_parse_since(const char *text, int64_t *wall_ms_out)
{
	int64_t ago;
	if (units_parse_duration(text, &ago) == 0) {
		*wall_ms_out = clock_wall_ms() - ago;
		return true;
	}
	struct tm tm = {0};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!end)
		return false;
	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if (strcmp(end, "Z") != 0)
		return false;
	*wall_ms_out = (int64_t)timegm(&tm) * 1000;
	return true;
}

bool
api_name_matches(const char *name, const struct instance_view *v)
{
	return strcmp(name, v->name) == 0 || strcmp(name, v->service) == 0;
}
