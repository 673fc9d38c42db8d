/* /v1/kv: the cluster's key/value (core/kv.h). */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/name.h"
#include "node/api_private.h"

/* Every answer says what a write means. */
static void
put_consistency(json_t *o)
{
	api_json_put(o, "consistency", "last-writer-wins");
}

static json_t *
entry_json(const struct entry *e)
{
	json_t *o = json_object();
	api_json_put(o, "key", e->name);
	json_t *value =
		json_stringn(e->value.size ? e->value.data : "", e->value.size);
	json_object_set_new(o, "value", value ? value : json_null());
	api_json_put_hex(o, "version", e->stamp);
	api_json_put(o, "writer", e->writer);
	api_json_put_time(o, "modified", (int64_t)(e->stamp >> 16));
	return o;
}

static int
compare_keys(const void *a, const void *b)
{
	const struct entry *const *x = a;
	const struct entry *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

/* What the query lets through, in the order of the keys; malloced. */
static const struct entry **
find_matching(struct call *c, size_t *count)
{
	const char *prefix = call_query(c, "prefix");
	const char *pattern = call_query(c, "match");
	const struct entry **found = NULL;
	const struct entry *e = NULL;
	*count = 0;
	while ((e = specs_walk(c->api->node->core, ENTRY_KV, e))) {
		if (prefix && strncmp(e->name, prefix, strlen(prefix)) != 0)
			continue;
		if (pattern && fnmatch(pattern, e->name, 0) != 0)
			continue;
		if ((*count & (*count - 1)) == 0) /* full: twice as much */
			found = realloc(found,
				(*count ? 2 * *count : 1) * sizeof(*found));
		CHECK(found);
		found[(*count)++] = e;
	}
	if (*count)
		qsort(found, *count, sizeof(*found), compare_keys);
	return found;
}

void
api_get_kv(struct call *c)
{
	size_t count;
	const struct entry **found = find_matching(c, &count);
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, entry_json(found[i]));
	free(found);
	json_t *o = json_object();
	json_object_set_new(o, "keys", list);
	put_consistency(o);
	call_reply_json(c, MHD_HTTP_OK, o);
}

/* Whether the path's key can be one; if not the call is answered. */
static bool
check_key(struct call *c)
{
	size_t at;
	struct bytes key = {c->captures[0], strlen(c->captures[0])};
	const char *fault = name_fault(key, RUNTIME_NAME_MAX, &at);
	if (fault)
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"not a key: %s at byte %zu; a key is 1 to %d bytes of "
			"UTF-8 without control characters",
			fault, at, RUNTIME_NAME_MAX);
	return !fault;
}

void
api_get_kv_key(struct call *c)
{
	if (!check_key(c))
		return;
	const struct entry *e =
		specs_find(c->api->node->core, ENTRY_KV, c->captures[0]);
	if (!e) {
		call_reply_error(c, MHD_HTTP_NOT_FOUND, "not_found",
			"there is no key '%s'", c->captures[0]);
		return;
	}
	json_t *o = entry_json(e);
	put_consistency(o);
	call_reply_json(c, MHD_HTTP_OK, o);
}

static void
on_written(struct call *c, size_t index, enum reply_code code, const char *text)
{
	(void)index;
	if (code != REPLY_OK && code != REPLY_UNCHANGED) {
		call_reply_code(c, code, text);
		return;
	}
	json_t *o = json_object();
	api_json_put(o, "result", reply_code_name(code));
	api_json_put(o, "key", c->captures[0]);
	if (*text)
		api_json_put_hex(o, "version", strtoull(text, NULL, 16));
	put_consistency(o);
	call_reply_json(c, MHD_HTTP_OK, o);
}

static void
ask(struct call *c, enum request_op op, const char *value, bool has_condition)
{
	struct input in = {.kind = INPUT_REQUEST};
	in.request = (struct input_request){.op = op,
		.name = c->captures[0],
		.arg = value,
		.is_forced = has_condition,
		.actor = call_actor(c)};
	call_ask(c, &in, on_written, 0);
}

/* PUT /v1/kv/KEY {"value": "..."}; ?if=VERSION is refused by the core. */
void
api_put_kv_key(struct call *c)
{
	static const char *const keys[] = {"value", NULL};
	if (!check_key(c))
		return;
	json_t *body = call_body_object(c, keys);
	if (!body)
		return;
	const json_t *value = json_object_get(body, "value");
	if (json_is_string(value))
		ask(c, REQUEST_KV_SET, json_string_value(value),
			call_query(c, "if") != NULL);
	else
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"the body needs 'value', a string of at most %d bytes",
			KV_VALUE_MAX);
	json_decref(body);
}

void
api_delete_kv_key(struct call *c)
{
	if (check_key(c))
		ask(c, REQUEST_KV_DELETE, "", call_query(c, "if") != NULL);
}
