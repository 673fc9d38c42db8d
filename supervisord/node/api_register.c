/* POST /v1/names with a command: a service that is given at run time
 * (core/runtime.h).
 *
 * The core says who may have the name; then this waits, with the asker, until
 * the service is ready or has failed, and answers with its place.  One that
 * this call brought in and that does not start is taken back, with the reason
 * that the host which tried it has told in its events. */
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/name.h"
#include "core/tracked.h"
#include "node/api_merge.h"
#include "node/api_private.h"
#include "node/api_register.h"
#include "spec/spec.h"
#include "sys/units.h"

#define LOOK_S	       0.05
#define TIMEOUT_MS     30000 /* when nobody says */
#define TIMEOUT_MAX_MS 600000
#define COMING_S       10.0 /* for what another host was granted */
#define EVENTS_MAX     20 /* of a service that failed, looked at */

/* One under way. */
struct registering {
	struct call *call;
	char name[RUNTIME_NAME_MAX + 1];
	struct ev_timer look;
	ev_tstamp began;
	ev_tstamp until;
	bool is_seen;	     /* the desired state has had it */
	bool finds;	     /* whoever has the name is as good */
	bool is_ours;	     /* this call brought it in */
	bool is_unplaced;    /* no host may take it, and none has tried */
	struct merge *merge; /* its events, when it failed; or NULL */
	char trouble[NOTE_TEXT_MAX + 1];
	char message[2 * NOTE_TEXT_MAX + 128]; /* why it failed */
};

static void
registering_free(void *data)
{
	struct registering *r = data;
	ev_timer_stop(r->call->api->node->loop, &r->look);
	if (r->merge)
		merge_free(r->merge);
	free(r);
}

/* --- Answers --- */

/* Where it is: of a service what its view says, of a process its row. */
static void
put_place(struct call *c, const char *name, json_t *o)
{
	struct instance_view v;
	struct core *core = c->api->node->core;
	api_json_put(o, "name", name);
	if (view_instance(core, name, &v)) {
		api_json_put(o, "node", v.node);
		api_json_put(o, "state", v.state);
		api_json_put_int(o, "pid", v.pid);
		api_json_put_int(o, "epoch", (int64_t)v.epoch);
		return;
	}
	const struct row *row = tracked_find(core, name);
	if (!row)
		return;
	api_json_put(o, "node", member_get(core, row->origin)->name);
	api_json_put(o, "state", "ready");
	api_json_put_int(o, "pid", row->value.pid);
	api_json_put_int(o, "epoch", (int64_t)row->value.epoch);
}

static void
reply_place(struct registering *r, const char *result)
{
	json_t *o = json_object();
	api_json_put(o, "result", result);
	put_place(r->call, r->name, o);
	call_reply_json(r->call, MHD_HTTP_OK, o);
}

/* An error that says where the name is, as well. */
static void
reply_error(struct registering *r, unsigned status, const char *code,
	const char *message)
{
	json_t *error = json_object();
	api_json_put(error, "code", code);
	api_json_put(error, "message", message);
	json_t *o = json_object();
	json_object_set_new(o, "error", error);
	put_place(r->call, r->name, o);
	call_reply_json(r->call, status, o);
}

/* --- Failures --- */

static bool
is_trouble(const char *kind)
{
	static const char *const kinds[] = {"start_failed", "exited", "failed",
		"refused", "unhealthy", "hook_failed", NULL};
	for (size_t i = 0; kinds[i]; i++)
		if (strcmp(kinds[i], kind) == 0)
			return true;
	return false;
}

/* The last that a host told of what is wrong, "" if none did. */
static json_t *
last_trouble(json_t *events)
{
	for (size_t i = json_array_size(events); i-- > 0;) {
		json_t *event = json_array_get(events, i);
		const char *kind =
			json_string_value(json_object_get(event, "kind"));
		if (kind && is_trouble(kind))
			return event;
	}
	return NULL;
}

static void
reply_failed(
	struct call *c, size_t index, enum reply_code code, const char *text)
{
	struct registering *r = c->data;
	(void)index;
	(void)code;
	(void)text;
	if (r->is_unplaced)
		reply_error(r, MHD_HTTP_SERVICE_UNAVAILABLE,
			"no_node_available", r->message);
	else
		reply_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "start_failed",
			r->message);
}

/* Takes it back if this call brought it, and says why it did not start. */
static void
fail(struct registering *r)
{
	if (!r->is_ours) {
		reply_failed(r->call, 0, REPLY_OK, "");
		return;
	}
	r->is_ours = false; /* and is not taken back again */
	struct input in = {.kind = INPUT_REQUEST};
	in.request = (struct input_request){.op = REQUEST_UNREGISTER,
		.name = r->name,
		.arg = "",
		.actor = call_actor(r->call)};
	call_ask(r->call, &in, reply_failed, 0);
}

/* What hosts told of it at last is the reason. */
static void
take_reason(struct registering *r)
{
	json_t *events = merge_take_kept(r->merge);
	json_t *event = last_trouble(events);
	const char *text = json_string_value(json_object_get(event, "text"));
	const char *kind = json_string_value(json_object_get(event, "kind"));
	const char *host = json_string_value(json_object_get(event, "host"));
	if (event)
		snprintf(r->message, sizeof(r->message), "%s on %s: %s",
			kind ? kind : "", host ? host : "?",
			text && *text ? text : r->trouble);
	else
		snprintf(r->message, sizeof(r->message), "%s", r->trouble);
	json_decref(events);
}

static void
on_events(struct call *c)
{
	struct registering *r = c->data;
	if (c->response || c->is_gone || r->message[0] ||
		!merge_is_ready(r->merge))
		return;
	take_reason(r);
	fail(r);
}

/* Asks all hosts what they told of it, and answers then. */
static void
ask_why(struct registering *r, const char *trouble)
{
	struct query q = {.kind = QUERY_EVENTS, .count = EVENTS_MAX};
	ev_timer_stop(r->call->api->node->loop, &r->look);
	snprintf(q.name, sizeof(q.name), "%s", r->name);
	snprintf(r->trouble, sizeof(r->trouble), "%s", trouble);
	r->merge = merge_new(r->call, "", &q, on_events);
	on_events(r->call);
}

/* --- Waiting --- */

/* What the time that was given came to. */
static void
time_out(struct registering *r, const struct instance_view *v)
{
	char message[NOTE_TEXT_MAX + 512];
	snprintf(message, sizeof(message),
		"it is %s, not ready%s%s; it stays registered, 'unregister' "
		"takes it away",
		v->state, *v->why ? ": " : "", v->why);
	reply_error(r, MHD_HTTP_GATEWAY_TIMEOUT, "timeout", message);
}

/* No host may take it, as far as this one knows; some may have tried. */
static void
reply_unplaced(struct registering *r)
{
	char why[2048];
	struct core *core = r->call->api->node->core;
	if (!view_why(core, r->name, why, sizeof(why)))
		why[0] = '\0';
	if (view_is_refused(core, r->name)) {
		ask_why(r, why);
		return;
	}
	ev_timer_stop(r->call->api->node->loop, &r->look);
	r->is_unplaced = true;
	snprintf(r->message, sizeof(r->message), "%s", why);
	fail(r);
}

/* Whether who only wants to find it is answered: it ran, and will again. */
static bool
is_found(const struct registering *r, const struct instance_view *v)
{
	return strcmp(v->state, "ready") == 0 ||
	       (!r->is_ours && r->finds && strcmp(v->state, "backoff") == 0);
}

static bool
has_failed(const struct instance_view *v)
{
	return strcmp(v->state, "backoff") == 0 ||
	       strcmp(v->state, "failed") == 0 ||
	       strcmp(v->state, "refused") == 0 ||
	       (strcmp(v->state, "exited") == 0 && v->status != 0);
}

/* It is not here.  To whom the name was granted may have written it, and this
 * host has not heard of that yet. */
static void
look_for(struct registering *r)
{
	struct ev_loop *loop = r->call->api->node->loop;
	ev_tstamp now = ev_now(loop);
	bool may_come =
		!r->is_seen && now < r->until && now < r->began + COMING_S;
	if (may_come)
		return;
	ev_timer_stop(loop, &r->look);
	reply_error(r, MHD_HTTP_CONFLICT, "conflict",
		r->is_seen ? "it was unregistered before it was ready"
			   : "another host registers it, and did not bring it "
			     "in in time");
}

static void
look(struct registering *r)
{
	struct instance_view v;
	struct ev_loop *loop = r->call->api->node->loop;
	const struct core *core = r->call->api->node->core;
	r->is_seen |= specs_find(core, ENTRY_SERVICE, r->name) != NULL;
	bool is_known = view_instance(r->call->api->node->core, r->name, &v) &&
			v.is_declared;
	bool is_done =
		is_known && strcmp(v.state, "exited") == 0 && !has_failed(&v);
	if (!is_known && specs_find(core, ENTRY_SERVICE, r->name)) {
		ev_timer_stop(loop, &r->look);
		reply_error(r, MHD_HTTP_CONFLICT, "already_registered",
			"it is a declared service of several instances");
	} else if (!is_known) {
		look_for(r);
	} else if (is_found(r, &v) || is_done) {
		ev_timer_stop(loop, &r->look);
		reply_place(r, r->is_ours ? "registered" : "found");
	} else if (has_failed(&v)) {
		ask_why(r, *v.why ? v.why : "it did not start, or ended");
	} else if (strcmp(v.state, "unplaced") == 0) {
		reply_unplaced(r);
	} else if (ev_now(loop) >= r->until) {
		ev_timer_stop(loop, &r->look);
		time_out(r, &v);
	}
}

static void
on_look(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	struct registering *r = container_of(w, struct registering, look);
	if (!r->call->is_gone && !r->call->response)
		look(r);
}

static void
on_answer(struct call *c, size_t index, enum reply_code code, const char *text)
{
	(void)index;
	struct registering *r = c->data;
	const char *name = reply_code_name(code);
	r->is_ours = code == REPLY_OK;
	if (!r->is_ours && (code != REPLY_EXISTS || !r->finds)) {
		reply_error(r, (unsigned)reply_code_http(code), name, text);
		return;
	}
	if (!specs_find(c->api->node->core, ENTRY_SERVICE, r->name) &&
		tracked_find(c->api->node->core, r->name)) {
		reply_place(r, "found");
		return;
	}
	ev_timer_again(c->api->node->loop, &r->look);
}

/* --- Asking --- */

/* How long to wait, or -1: answered, it makes no sense. */
static int64_t
take_timeout(struct call *c, json_t *body)
{
	int64_t ms = TIMEOUT_MS;
	const json_t *value = json_object_get(body, "timeout");
	if (!value)
		return ms;
	const char *text = json_string_value(value);
	bool is_good = text && units_parse_duration(text, &ms) == 0 && ms > 0 &&
		       ms <= TIMEOUT_MAX_MS;
	json_object_del(body, "timeout");
	if (is_good)
		return ms;
	call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
		"'timeout' must be a duration such as \"10s\", 10m at most");
	return -1;
}

/* The service that the rest of a body describes; NULL: answered. */
static struct spec_set *
parse_service(struct call *c, json_t *body)
{
	struct spec_set *set = NULL;
	struct err err = {0};
	json_t *o = json_pack("{s:{s:O}}", "services", "service", body);
	CHECK(o);
	char *text = json_dumps(o, JSON_COMPACT);
	CHECK(text);
	int rc = spec_parse_buffer("body", text, strlen(text), &set, &err);
	free(text);
	json_decref(o);
	if (rc == 0)
		return set;
	call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid", "%s", err.text);
	return NULL;
}

static void
ask(struct call *c, struct registering *r, const struct spec *spec, int64_t ms)
{
	ev_timer_init(&r->look, on_look, 0.0, LOOK_S);
	r->began = ev_now(c->api->node->loop);
	r->until = r->began + (double)ms / 1000.0;
	c->data = r;
	c->data_free = registering_free;
	call_ask_runtime(c, spec, r->name, ms, on_answer);
}

void
call_register_service(struct call *c, json_t *body)
{
	const json_t *name = json_object_get(body, "name");
	const json_t *find = json_object_get(body, "find");
	if (!json_is_string(name) || (find && !json_is_boolean(find))) {
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid", "%s",
			json_is_string(name) ? "'find' must be true or false"
					     : "the body needs 'name', a text");
		return;
	}
	size_t at;
	struct bytes text = {json_string_value(name), json_string_length(name)};
	const char *fault = name_fault(text, RUNTIME_NAME_MAX, &at);
	if (fault) {
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"that is no name: %s, at byte %zu (names are 1 to %d "
			"bytes of UTF-8 without control characters)",
			fault, at, RUNTIME_NAME_MAX);
		return;
	}
	struct registering *r = calloc(1, sizeof(*r));
	CHECK(r);
	r->call = c;
	r->finds = json_is_true(find);
	memcpy(r->name, text.data, text.size);
	json_object_del(body, "name");
	json_object_del(body, "find");
	int64_t ms = take_timeout(c, body);
	struct spec_set *set = ms > 0 ? parse_service(c, body) : NULL;
	if (!set) {
		free(r);
		return;
	}
	ask(c, r, set->items[0], ms);
	spec_set_free(set);
}
