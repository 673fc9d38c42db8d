#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "node/api_private.h"
#include "spec/spec.h"
#include "sys/units.h"

/* Reads a text from a body; "" if it is not there, NULL (replied) if it is no
 * text or missing although needed. */
static const char *
body_text(struct call *c, json_t *body, const char *key, bool is_needed)
{
	json_t *value = json_object_get(body, key);
	if (json_is_string(value))
		return json_string_value(value);
	if (!value && !is_needed)
		return "";
	call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
		value ? "'%s' must be a string" : "the body needs '%s'", key);
	return NULL;
}

static void
ask(struct call *c, enum request_op op, const char *name, const char *arg,
	int64_t number)
{
	struct input in = {.kind = INPUT_REQUEST};
	in.request = (struct input_request){.op = op,
		.name = name,
		.arg = arg,
		.number = number,
		.actor = call_actor(c)};
	call_ask(c, &in, NULL, 0);
}

/* --- verbs on names --- */

static void
verb_plain(struct call *c, enum request_op op)
{
	static const char *const keys[] = {NULL};
	json_t *body = call_body_object(c, keys);
	if (!body)
		return;
	ask(c, op, c->captures[0], "", 0);
	json_decref(body);
}

static void
verb_signal(struct call *c)
{
	static const char *const keys[] = {"signal", NULL};
	json_t *body = call_body_object(c, keys);
	if (!body)
		return;
	int signal;
	const char *text = body_text(c, body, "signal", true);
	if (text && units_parse_signal(text, &signal) == 0)
		ask(c, REQUEST_SIGNAL, c->captures[0], "", signal);
	else if (text)
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"'%s' is not a signal", text);
	json_decref(body);
}

static void
verb_move(struct call *c)
{
	static const char *const keys[] = {"node", NULL};
	json_t *body = call_body_object(c, keys);
	if (!body)
		return;
	const char *node = body_text(c, body, "node", true);
	if (node)
		ask(c, REQUEST_MOVE, c->captures[0], node, 0);
	json_decref(body);
}

/* A service's key 'enabled', for all of its instances and for good. */
static void
set_enabled(struct call *c, const struct entry *e, bool is_enabled)
{
	struct service_value value;
	struct spec *spec = NULL;
	struct err err = {0};
	if (!specs_get_service(e, &value) ||
		spec_from_body(value.body.data, value.body.size, &spec, &err)) {
		call_reply_error(c, MHD_HTTP_CONFLICT, "conflict",
			"%s is of a newer version than this host can read",
			e->name);
		return;
	}
	spec->is_enabled = is_enabled;
	if (value.is_runtime)
		call_reply_error(c, MHD_HTTP_CONFLICT, "conflict",
			"%s was registered at run time: use start and stop, "
			"or unregister",
			e->name);
	else
		call_ask_spec(c, spec, NULL, 0);
	spec_free(spec);
}

static void
verb_enabled(struct call *c, bool is_enabled)
{
	static const char *const keys[] = {NULL};
	const char *name = c->captures[0];
	json_t *body = call_body_object(c, keys);
	if (!body)
		return;
	const struct entry *e =
		specs_find(c->api->node->core, ENTRY_SERVICE, name);
	if (e)
		set_enabled(c, e, is_enabled);
	else if (strchr(name, '@'))
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"'%s' is one instance; only a whole service is enabled "
			"or disabled",
			name);
	else
		call_reply_error(c, MHD_HTTP_NOT_FOUND, "not_found",
			"there is no service '%s'", name);
	json_decref(body);
}

void
api_post_name_verb(struct call *c)
{
	const char *verb = c->captures[1];
	if (strcmp(verb, "start") == 0)
		verb_plain(c, REQUEST_START);
	else if (strcmp(verb, "stop") == 0)
		verb_plain(c, REQUEST_STOP);
	else if (strcmp(verb, "restart") == 0)
		verb_plain(c, REQUEST_RESTART);
	else if (strcmp(verb, "reload") == 0)
		verb_plain(c, REQUEST_RELOAD);
	else if (strcmp(verb, "enable") == 0)
		verb_enabled(c, true);
	else if (strcmp(verb, "disable") == 0)
		verb_enabled(c, false);
	else if (strcmp(verb, "signal") == 0)
		verb_signal(c);
	else if (strcmp(verb, "move") == 0)
		verb_move(c);
	else if (!api_post_name_mail(c))
		call_reply_error(c, MHD_HTTP_NOT_FOUND, "not_found",
			"there is no verb '%s' for names", verb);
}

/* --- verbs on nodes --- */

/* A whole number from 'min' to 'max', or 0 when it is left out; -1: answered,
 * it is none. */
static int64_t
body_count(
	struct call *c, json_t *body, const char *key, int64_t min, int64_t max)
{
	const json_t *value = json_object_get(body, key);
	if (!value)
		return 0;
	int64_t n = json_integer_value(value);
	if (json_is_integer(value) && n >= min && n <= max)
		return n;
	call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
		"'%s' must be a whole number, %lld or more", key,
		(long long)min);
	return -1;
}

/* The request that the body asks for; false: answered, it is wrong. */
static bool
read_drain(struct call *c, json_t *body, struct input_request *r)
{
	const json_t *force = json_object_get(body, "force");
	if (force && !json_is_boolean(force)) {
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"'force' must be true or false");
		return false;
	}
	int64_t ms = body_count(c, body, "deadline_ms", 0, INT64_MAX);
	if (ms < 0)
		return false;
	int64_t parallel = body_count(c, body, "max_parallel", 1, UINT32_MAX);
	if (parallel < 0)
		return false;
	r->arg = body_text(c, body, "reason", false);
	r->number = ms;
	r->max_parallel = (uint32_t)parallel;
	r->is_forced = json_is_true(force);
	return r->arg;
}

static void
verb_drain(struct call *c)
{
	static const char *const keys[] = {
		"reason", "deadline_ms", "force", "max_parallel", NULL};
	struct input in = {.kind = INPUT_REQUEST};
	json_t *body = call_body_object(c, keys);
	if (!body)
		return;
	in.request = (struct input_request){.op = REQUEST_DRAIN,
		.name = c->captures[0],
		.actor = call_actor(c)};
	if (!read_drain(c, body, &in.request))
		goto out;
	if (call_query_flag(c, "dry_run"))
		api_dry_drain(c, c->captures[0]);
	else
		call_ask(c, &in, NULL, 0);
out:
	json_decref(body);
}

static void
verb_with_reason(struct call *c, enum request_op op)
{
	static const char *const keys[] = {"reason", NULL};
	json_t *body = call_body_object(c, keys);
	if (!body)
		return;
	const char *reason = body_text(c, body, "reason", false);
	if (reason)
		ask(c, op, c->captures[0], reason, 0);
	json_decref(body);
}

/* The verbs of /v1/nodes/NODE/VERB that the core answers. */
static const struct {
	const char *verb;
	enum request_op op;
	enum api_role role;
} node_verbs[] = {
	{"cordon", REQUEST_CORDON, ROLE_OPERATE},
	{"uncordon", REQUEST_UNCORDON, ROLE_OPERATE},
	{"drain", REQUEST_DRAIN, ROLE_OPERATE},
	{"undrain", REQUEST_UNDRAIN, ROLE_OPERATE},
	{"leave", REQUEST_LEAVE, ROLE_ADMIN},
	{"forget", REQUEST_FORGET, ROLE_ADMIN},
	{"confirm-down", REQUEST_CONFIRM_DOWN, ROLE_ADMIN},
};

#define NODE_VERB_COUNT (sizeof(node_verbs) / sizeof(node_verbs[0]))

enum api_role
api_node_verb_role(const char *verb)
{
	for (size_t i = 0; i < NODE_VERB_COUNT; i++)
		if (strcmp(node_verbs[i].verb, verb) == 0)
			return node_verbs[i].role;
	return ROLE_NONE;
}

void
api_post_node_verb(struct call *c)
{
	const char *verb = c->captures[1];
	for (size_t i = 0; i < NODE_VERB_COUNT; i++) {
		if (strcmp(node_verbs[i].verb, verb) != 0)
			continue;
		if (node_verbs[i].op == REQUEST_DRAIN)
			verb_drain(c);
		else if (node_verbs[i].op == REQUEST_CORDON)
			verb_with_reason(c, REQUEST_CORDON);
		else
			verb_plain(c, node_verbs[i].op);
		return;
	}
	call_reply_error(c, MHD_HTTP_NOT_FOUND, "not_found",
		"there is no verb '%s' for nodes", verb);
}

/* POST /v1/nodes {"address": "HOST:PORT"}: joins that host's cluster. */
void
api_post_nodes(struct call *c)
{
	static const char *const keys[] = {"address", NULL};
	json_t *body = call_body_object(c, keys);
	if (!body)
		return;
	const char *address = body_text(c, body, "address", true);
	if (address)
		ask(c, REQUEST_JOIN, address, "", 0);
	json_decref(body);
}

/* PUT /v1/cluster/KEY {"value": "..."} */
void
api_put_cluster(struct call *c)
{
	static const char *const keys[] = {"value", NULL};
	json_t *body = call_body_object(c, keys);
	if (!body)
		return;
	const char *value = body_text(c, body, "value", true);
	if (value)
		ask(c, REQUEST_CLUSTER_SET, c->captures[0], value, 0);
	json_decref(body);
}
