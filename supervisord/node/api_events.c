/* Events and history, of one host or of all, at once or followed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/glob.h"
#include "node/api_merge.h"
#include "node/feeds.h"

#define EVENTS_DEFAULT 100
#define STREAM_CHUNK   65536 /* bytes of kept events put out at a time */

/* One answer in the making; belongs to its call. */
struct events_reply {
	struct call *call;
	struct merge *merge;
	char self[NODE_NAME_MAX + 1]; /* this host's name */
	bool is_follow;
	bool is_sse;	       /* server-sent events instead of NDJSON */
	struct stream *stream; /* NULL before the answer and after it */
	json_t *kept;	       /* followed: what was there at the beginning */
	size_t kept_next;      /* the first of them that is not put out */
};

static bool
parse_number(struct call *c, const char *key, uint64_t max, uint64_t *out)
{
	char *end;
	const char *text = call_query(c, key);
	if (!text)
		return true;
	errno = 0;
	uint64_t value = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || value > max) {
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"%s: '%s' is not a number from 0 to %llu", key, text,
			(unsigned long long)max);
		return false;
	}
	*out = value;
	return true;
}

static bool
parse_query(struct call *c, struct query *q, const char *name)
{
	uint64_t count = EVENTS_DEFAULT;
	*q = (struct query){.kind = QUERY_EVENTS};
	if (name && strlen(name) > QUERY_NAME_MAX) {
		call_reply_error(
			c, MHD_HTTP_BAD_REQUEST, "invalid", "name: too long");
		return false;
	}
	const char *fault =
		name && glob_is_pattern(name) ? glob_fault(name) : NULL;
	if (fault) {
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"name: '%s': %s", name, fault);
		return false;
	}
	snprintf(q->name, sizeof(q->name), "%s", name ? name : "");
	const char *since = call_query(c, "since");
	if (since && !api_parse_since(since, &q->since_wall_ms)) {
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"since: '%s' is neither a duration like 10m nor a "
			"time like 2026-01-31T10:00:00Z",
			since);
		return false;
	}
	if (since)
		count = FEED_EVENTS_MAX;
	if (!parse_number(c, "since_id", INT64_MAX, &q->since_id) ||
		!parse_number(c, "n", FEED_EVENTS_MAX, &count))
		return false;
	q->count = (uint32_t)count;
	q->is_follow = call_query_flag(c, "follow");
	return true;
}

/* Whose events: a host's name, or "" for all.  Ids are those of one host, so
 * that who counts by them means this one. */
static const char *
parse_node(struct call *c, const char *self)
{
	const char *node = call_query(c, "node");
	if (node)
		return node;
	return call_query(c, "since_id") ? self : "";
}

static bool
wants_sse(struct call *c)
{
	const char *accept = MHD_lookup_connection_value(
		c->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	return accept && strstr(accept, "text/event-stream");
}

static void
reply_free(void *data)
{
	struct events_reply *r = data;
	if (r->merge)
		merge_free(r->merge);
	json_decref(r->kept);
	free(r);
}

/* --- followed --- */

static void
put_event(void *context, json_t *event)
{
	struct events_reply *r = context;
	struct api_text out = {0};
	const char *host = json_string_value(json_object_get(event, "host"));
	const char *kind = json_string_value(json_object_get(event, "kind"));
	json_int_t id = json_integer_value(json_object_get(event, "id"));
	/* 'since_id' counts this host's events: only they have an id here. */
	if (r->is_sse && id > 0 && host && strcmp(host, r->self) == 0)
		api_text_printf(&out, "id: %lld\n", (long long)id);
	if (r->is_sse)
		api_text_printf(&out, "event: %s\ndata: ", kind ? kind : "");
	api_text_add_line(&out, json_incref(event));
	if (r->is_sse)
		api_text_add(&out, "\n", 1);
	stream_add(r->stream, out.data, out.size);
	api_text_fini(&out);
}

static bool
put_kept(struct events_reply *r)
{
	size_t count = json_array_size(r->kept);
	if (r->kept_next == count)
		return false;
	while (r->kept_next < count && r->stream->out.size < STREAM_CHUNK)
		put_event(r, json_array_get(r->kept, r->kept_next++));
	return true;
}

static void
events_refill(struct stream *s)
{
	struct events_reply *r = s->owner;
	if (put_kept(r) || merge_take_live(r->merge, put_event, r))
		return;
	if (merge_is_cut(r->merge))
		stream_end(s);
}

static void
events_close(struct stream *s)
{
	struct events_reply *r = s->owner;
	r->stream = NULL;
	merge_free(r->merge);
	r->merge = NULL;
}

static void
start_stream(struct events_reply *r)
{
	r->kept = merge_take_kept(r->merge);
	r->stream = call_stream(r->call,
		r->is_sse ? "text/event-stream" : "application/x-ndjson", r,
		events_refill, events_close);
	r->stream->beat = r->is_sse ? ":\n\n" : "\n";
}

/* --- at once --- */

static void
reply_at_once(struct events_reply *r)
{
	enum reply_code code = REPLY_OK;
	const char *error = merge_own_error(r->merge, &code);
	if (error) {
		call_reply_error(r->call, (unsigned)reply_code_http(code),
			reply_code_name(code), "%s", error);
		return;
	}
	json_t *o = json_object();
	json_object_set_new(o, "events", merge_take_kept(r->merge));
	json_object_set_new(o, "missing", merge_missing(r->merge));
	call_reply_json(r->call, MHD_HTTP_OK, o);
}

static void
on_change(struct call *c)
{
	struct events_reply *r = c->data;
	if (r->stream)
		stream_wake(r->stream);
	else if (c->response || !merge_is_ready(r->merge))
		return; /* answered, or not yet */
	else if (r->is_follow)
		start_stream(r);
	else
		reply_at_once(r);
}

static void
answer(struct call *c, const char *name)
{
	struct query q;
	struct cluster_view cluster;
	struct node_view v;
	if (!parse_query(c, &q, name))
		return;
	view_cluster(c->api->node->core, &cluster);
	const char *node = parse_node(c, cluster.node);
	if (*node && !api_find_node(c->api, node, &v)) {
		call_reply_error(c, MHD_HTTP_NOT_FOUND, "not_found",
			"there is no host %.64s", node);
		return;
	}
	struct events_reply *r = calloc(1, sizeof(*r));
	CHECK(r);
	r->call = c;
	snprintf(r->self, sizeof(r->self), "%s", cluster.node);
	r->is_follow = q.is_follow;
	r->is_sse = wants_sse(c);
	c->data = r;
	c->data_free = reply_free;
	r->merge = merge_new(c, node, &q, on_change);
	on_change(c);
}

void
api_get_events(struct call *c)
{
	answer(c, call_query(c, "name"));
}

void
api_get_history(struct call *c)
{
	answer(c, c->captures[0]);
}
