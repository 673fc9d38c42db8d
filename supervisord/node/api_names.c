/* /v1/names: everything that has a name, and names of processes. */
#include "node/api_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/glob.h"
#include "base/name.h"
#include "core/tracked.h"
#include "core/tracked_place.h"
#include "node/api_register.h"
#include "node/service_meta.h"
#include "sys/units.h"

#define FILTERS_MAX 8
#define PIECE_SIZE  32768 /* of a list, in one go */
#define LOOKS_MAX   512	  /* names that it may have, in one go */

/* --- Documents --- */

json_t *
api_name_row(const struct core *core, const struct row *row)
{
	json_t *o = json_object();
	api_json_put(o, "name", row->name);
	api_json_put(o, "kind", "process");
	api_json_put(o, "node", member_get(core, row->origin)->name);
	api_json_put_int(o, "pid", row->value.pid);
	api_json_put(o, "state", "ready");
	api_json_put_int(o, "epoch", (int64_t)row->value.epoch);
	api_json_put_time(o, "since", row->value.since_wall_ms);
	json_object_set_new(o, "meta", api_json_meta(row_meta(row)));
	return o;
}

/* Where a name is, if the core's sentence says so. */
static void
put_place(json_t *o, const char *text)
{
	struct tracked_place p;
	tracked_place_read(text, &p);
	if (p.node[0])
		api_json_put(o, "node", p.node);
	if (p.pid)
		api_json_put_int(o, "pid", p.pid);
	if (p.state[0])
		api_json_put(o, "state", p.state);
}

/* A name that is taken, and of no process, is a service's. */
static const char *
taken_text(const char *text, char *buffer, size_t size)
{
	struct tracked_place p;
	tracked_place_read(text, &p);
	if (!p.node[0] || p.pid)
		return text;
	snprintf(buffer, size, "it is a service, on %s", p.node);
	return buffer;
}

json_t *
api_name_answer(const char *name, enum reply_code code, const char *text)
{
	char buffer[NODE_NAME_MAX + 32];
	json_t *o = json_object();
	api_json_put(o, "name", name);
	if (reply_code_http(code) < 400) {
		api_json_put(o, "result", reply_code_name(code));
		return o;
	}
	json_t *error = json_object();
	api_json_put(error, "code", reply_code_name(code));
	api_json_put(error, "message",
		code == REPLY_EXISTS ? taken_text(text, buffer, sizeof buffer)
				     : text);
	put_place(error, text);
	json_object_set_new(o, "error", error);
	return o;
}

/* --- Lists --- */

/* What a list lets through. */
struct filter {
	char *pattern; /* NULL: all */
	char *keys[FILTERS_MAX];
	char *values[FILTERS_MAX];
	size_t count;
};

/* A list on its way. */
struct listing {
	struct filter filter;
	struct api_text names; /* of processes, each with its NUL */
	size_t at;	       /* the next of these */
	uint32_t cursor;       /* of the instances */
	bool has_instances;    /* all of them were told */
	bool has_begun;
};

static char *
copy(const char *text)
{
	char *out = strdup(text);
	CHECK(out);
	return out;
}

static enum MHD_Result
take_argument(void *context, enum MHD_ValueKind kind, const char *key,
	const char *value)
{
	struct filter *f = context;
	(void)kind;
	if (strncmp(key, "meta.", 5) != 0 || f->count == FILTERS_MAX)
		return MHD_YES;
	f->keys[f->count] = copy(key + 5);
	f->values[f->count++] = copy(value ? value : "");
	return MHD_YES;
}

static void
filter_fini(struct filter *f)
{
	free(f->pattern);
	for (size_t i = 0; i < f->count; i++) {
		free(f->keys[i]);
		free(f->values[i]);
	}
}

/* Whether a value is what a filter says, which is a text. */
static bool
is_value(const json_t *value, const char *text)
{
	if (json_is_string(value))
		return strcmp(json_string_value(value), text) == 0;
	char *encoded = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
	bool is_same = encoded && strcmp(encoded, text) == 0;
	free(encoded);
	return is_same;
}

static bool
has_meta(const struct filter *f, struct bytes meta)
{
	bool is_good = f->count == 0 || meta.size > 0;
	if (f->count == 0 || !is_good)
		return is_good;
	json_t *o = api_json_meta(meta);
	for (size_t i = 0; i < f->count && is_good; i++)
		is_good =
			is_value(json_object_get(o, f->keys[i]), f->values[i]);
	json_decref(o);
	return is_good;
}

static bool
is_wanted(const struct filter *f, const char *name)
{
	return !f->pattern || glob_matches(f->pattern, name);
}

/* The names of processes, as they are now: the list is told in pieces. */
static void
collect(struct listing *l, const struct core *core)
{
	for (member_id id = 0; id < view_node_count(core); id++) {
		const struct row *row = NULL;
		while ((row = registry_walk(core, id, row)) != NULL)
			if (row->value.kind == ROW_TRACKED &&
				is_wanted(&l->filter, row->name) &&
				tracked_find(core, row->name) == row)
				api_text_add(&l->names, row->name,
					strlen(row->name) + 1);
	}
}

static void
add(struct listing *l, struct stream *s, json_t *o)
{
	struct api_text text = {0};
	api_text_add(&text, l->has_begun ? ",\n" : "\n", l->has_begun ? 2 : 1);
	l->has_begun = true;
	api_text_add_json(&text, o);
	stream_add(s, text.data, text.size);
	api_text_fini(&text);
}

static json_t *
instance_json(const struct instance_view *v, struct bytes meta)
{
	json_t *o = json_object();
	api_json_put(o, "name", v->name);
	api_json_put(o, "kind", "service");
	api_json_put(o, "node", v->node);
	api_json_put_int(o, "pid", v->pid);
	api_json_put(o, "state", v->state);
	api_json_put_int(o, "epoch", (int64_t)v->epoch);
	api_json_put_time(o, "since", v->since_wall_ms);
	json_object_set_new(o, "meta", api_json_meta(meta));
	return o;
}

static void
add_instance(struct listing *l, struct stream *s, struct core *core,
	const struct instance_view *v)
{
	if (!is_wanted(&l->filter, v->name))
		return;
	const struct bytes meta = service_meta(core, v->service);
	if (has_meta(&l->filter, meta))
		add(l, s, instance_json(v, meta));
}

static void
add_tracked(struct listing *l, struct stream *s, const struct core *core)
{
	const char *name = l->names.data + l->at;
	const struct row *row = tracked_find(core, name);
	l->at += strlen(name) + 1;
	if (row && has_meta(&l->filter, row_meta(row)))
		add(l, s, api_name_row(core, row));
}

/* Looks at the next name; false: there is none. */
static bool
look(struct listing *l, struct stream *s, struct core *core)
{
	struct instance_view v;
	if (!l->has_instances) {
		l->has_instances = !view_instance_next(core, &l->cursor, &v);
		if (!l->has_instances)
			add_instance(l, s, core, &v);
		return true;
	}
	if (l->at == l->names.size)
		return false;
	add_tracked(l, s, core);
	return true;
}

static void
refill(struct stream *s)
{
	struct listing *l = s->owner;
	struct core *core = s->call->api->node->core;
	for (int i = 0; i < LOOKS_MAX && s->out.size < PIECE_SIZE; i++) {
		if (look(l, s, core))
			continue;
		stream_add(s, "\n]}\n", 4);
		stream_end(s);
		return;
	}
	/* Nothing in all of these: with a space between two names the
	 * connection stays awake, and others have their turn. */
	if (s->out.size == 0)
		stream_add(s, " ", 1);
}

static void
close_listing(struct stream *s)
{
	struct listing *l = s->owner;
	filter_fini(&l->filter);
	api_text_fini(&l->names);
	free(l);
}

void
api_get_names(struct call *c)
{
	const char *pattern = call_query(c, "match");
	const char *fault = pattern ? glob_fault(pattern) : NULL;
	if (fault) {
		call_reply_error(
			c, MHD_HTTP_BAD_REQUEST, "invalid", "match: %s", fault);
		return;
	}
	struct listing *l = calloc(1, sizeof *l);
	CHECK(l);
	l->filter.pattern = pattern ? copy(pattern) : NULL;
	MHD_get_connection_values(c->connection, MHD_GET_ARGUMENT_KIND,
		take_argument, &l->filter);
	collect(l, c->api->node->core);
	struct stream *s =
		call_stream(c, "application/json", l, refill, close_listing);
	stream_add(s, "{\"names\":[", 10);
}

/* --- One name --- */

static void
on_located(struct call *c, size_t index, enum reply_code code, const char *text)
{
	(void)index;
	if (code != REPLY_OK) {
		call_reply_code(c, code, text);
		return;
	}
	json_t *o = json_object(), *one = json_object(), *list = json_array();
	api_json_put(one, "name", c->captures[0]);
	put_place(one, text);
	/* A host of an older version does not say how it is; of services it
	 * names no process. */
	if (!json_object_get(one, "state"))
		api_json_put(one, "state",
			json_object_get(one, "pid") ? "ready" : "unknown");
	json_array_append_new(list, one);
	json_object_set_new(o, "instances", list);
	api_json_put_bool(o, "authoritative", true);
	api_json_put(o, "message", text);
	call_reply_json(c, MHD_HTTP_OK, o);
}

void
api_locate(struct call *c)
{
	struct input in = {.kind = INPUT_REQUEST};
	in.request = (struct input_request){.op = REQUEST_LOCATE,
		.name = c->captures[0],
		.arg = "",
		.actor = call_actor(c)};
	call_ask(c, &in, on_located, 0);
}

bool
api_get_tracked(struct call *c)
{
	const struct core *core = c->api->node->core;
	const struct row *row = tracked_find(core, c->captures[0]);
	if (!row)
		return false;
	json_t *o = json_object(), *list = json_array();
	json_array_append_new(list, api_name_row(core, row));
	json_object_set_new(o, "instances", list);
	call_reply_json(c, MHD_HTTP_OK, o);
	return true;
}

/* --- Words --- */

/* The metadata as it is kept: one form for one meaning. */
static bool
read_meta(const json_t *meta, struct name_word *out, char *why)
{
	if (!meta)
		return true;
	if (!json_is_object(meta)) {
		snprintf(why, NOTE_TEXT_MAX, "'meta' must be an object");
		return false;
	}
	if (json_object_size(meta) == 0)
		return true;
	out->meta = json_dumps(meta, JSON_COMPACT | JSON_SORT_KEYS);
	CHECK(out->meta);
	if (strlen(out->meta) <= ROW_META_MAX)
		return true;
	snprintf(why, NOTE_TEXT_MAX,
		"'meta' takes %zu bytes, and %d is the most", strlen(out->meta),
		ROW_META_MAX);
	return false;
}

static bool
read_name(const json_t *value, struct name_word *out, char *why)
{
	size_t at;
	out->name = json_string_value(value);
	if (!out->name) {
		snprintf(why, NOTE_TEXT_MAX, "'name' must be a string");
		return false;
	}
	const char *fault =
		name_fault((struct bytes){out->name, json_string_length(value)},
			RUNTIME_NAME_MAX, &at);
	if (fault)
		snprintf(why, NOTE_TEXT_MAX,
			"'name' is no name: %s, at byte %zu (names are 1 to %d "
			"bytes of UTF-8 without control characters)",
			fault, at, RUNTIME_NAME_MAX);
	return !fault;
}

static bool
read_rest(const json_t *o, struct name_word *out, char *why)
{
	const json_t *pid = json_object_get(o, "pid");
	const json_t *timeout = json_object_get(o, "timeout");
	const char *op = json_string_value(json_object_get(o, "op"));
	out->is_end = op && strcmp(op, "unregister") == 0;
	if (op && !out->is_end && strcmp(op, "register") != 0)
		snprintf(why, NOTE_TEXT_MAX,
			"'op' is register or unregister, not '%.64s'", op);
	else if (pid && (!json_is_integer(pid) || json_integer_value(pid) < 1 ||
				json_integer_value(pid) > INT32_MAX))
		snprintf(why, NOTE_TEXT_MAX, "'pid' must be a number above 0");
	else if (timeout &&
		 (!json_is_string(timeout) ||
			 units_parse_duration(json_string_value(timeout),
				 &out->timeout_ms) != 0))
		snprintf(why, NOTE_TEXT_MAX,
			"'timeout' must be a duration such as \"5s\"");
	else if (!pid && !out->is_end)
		snprintf(why, NOTE_TEXT_MAX, "'pid' is missing");
	else
		out->pid = (pid_t)json_integer_value(pid);
	return !*why;
}

bool
api_name_word_read(const json_t *o, struct name_word *out, char *why)
{
	static const char *const keys[] = {
		"name", "pid", "meta", "timeout", "op"};
	const char *key;
	json_t *value;
	memset(out, 0, sizeof *out);
	*why = '\0';
	if (!json_is_object(o)) {
		snprintf(why, NOTE_TEXT_MAX, "it must be a JSON object");
		return false;
	}
	json_object_foreach((json_t *)(uintptr_t)o, key, value)
	{
		size_t i = 0, count = sizeof keys / sizeof *keys;
		while (i < count && strcmp(keys[i], key) != 0)
			i++;
		if (i < count)
			continue;
		snprintf(why, NOTE_TEXT_MAX, "unknown key '%.64s'", key);
		return false;
	}
	if (read_name(json_object_get(o, "name"), out, why) &&
		read_rest(o, out, why) &&
		read_meta(json_object_get(o, "meta"), out, why))
		return true;
	api_name_word_fini(out);
	return false;
}

void
api_name_word_fini(struct name_word *word)
{
	free(word->meta);
	word->meta = NULL;
}

static void
unregister(struct call *c, const char *name, node_reply_fn *done, void *context)
{
	struct node *n = c->api->node;
	if (c->peer.role < ROLE_OPERATE &&
		!tracks_is_owner(n->tracks, name, c->peer.uid)) {
		done(context, REPLY_FORBIDDEN,
			"only its owner, on its host, and operators may take "
			"that name away");
		return;
	}
	struct input in = {.kind = INPUT_REQUEST};
	in.request = (struct input_request){.op = REQUEST_UNREGISTER,
		.name = name,
		.arg = "",
		.actor = call_actor(c)};
	node_request(n, &in, done, context);
}

void
api_name_word_do(struct call *c, const struct name_word *word,
	node_reply_fn *done, void *context)
{
	if (word->is_end) {
		unregister(c, word->name, done, context);
		return;
	}
	const struct tracks_ask ask = {.name = word->name,
		.pid = word->pid,
		.meta = {word->meta, word->meta ? strlen(word->meta) : 0},
		.timeout_ms = word->timeout_ms,
		.actor = call_actor(c),
		.is_any = c->peer.role >= ROLE_OPERATE};
	tracks_register(c->api->node->tracks, &ask, done, context);
}

/* --- One word --- */

/* Who waits for the answer to one word. */
struct waiter {
	struct call *call;
	char name[RUNTIME_NAME_MAX + 1];
};

static void
on_done(void *context, enum reply_code code, const char *text)
{
	struct waiter *w = context;
	if (call_release(w->call)) {
		json_t *o = api_name_answer(w->name, code, text);
		if (code < REPLY_NOT_FOUND)
			api_json_put(o, "message", text);
		call_reply_json(w->call, (unsigned)reply_code_http(code), o);
	}
	free(w);
}

static void
do_word(struct call *c, const struct name_word *word)
{
	struct waiter *w = calloc(1, sizeof *w);
	CHECK(w);
	w->call = c;
	strcpy(w->name, word->name);
	call_hold(c);
	api_name_word_do(c, word, on_done, w);
}

static bool
is_lines(struct call *c)
{
	const char *type = MHD_lookup_connection_value(
		c->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);
	return type && (strncmp(type, "application/x-ndjson", 20) == 0 ||
			       strncmp(type, "application/jsonl", 17) == 0);
}

/* A word with a command is about a service. */
static void
register_service(struct call *c, json_t *body)
{
	if (c->peer.role >= ROLE_OPERATE)
		call_register_service(c, body);
	else
		call_reply_error(c, MHD_HTTP_FORBIDDEN, "forbidden",
			"uid %u may register processes of its own only; a "
			"service needs the group of api.%s of skep.conf",
			(unsigned)c->peer.uid, api_role_key(ROLE_OPERATE));
}

void
api_post_names(struct call *c)
{
	char why[NOTE_TEXT_MAX];
	struct name_word word;
	json_error_t error;
	if (is_lines(c)) {
		api_post_names_bulk(c);
		return;
	}
	json_t *o = json_loadb(c->body.size ? c->body.data : "", c->body.size,
		JSON_REJECT_DUPLICATES, &error);
	if (!o)
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"the body is not JSON: line %d: %s", error.line,
			error.text);
	else if (json_object_get(o, "command"))
		register_service(c, o);
	else if (!api_name_word_read(o, &word, why))
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid", "%s", why);
	else {
		do_word(c, &word);
		api_name_word_fini(&word);
	}
	json_decref(o);
}

void
api_delete_name(struct call *c)
{
	size_t at;
	const char *name = c->captures[0];
	const char *fault = name_fault(
		(struct bytes){name, strlen(name)}, RUNTIME_NAME_MAX, &at);
	if (fault)
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"that is no name: %s, at byte %zu", fault, at);
	else
		do_word(c, &(struct name_word){.is_end = true, .name = name});
}
