/* Events and history, at once or followed.
 *
 * A follower listens from the moment it asks; what happens before the store
 * has answered is held back and sent behind the kept events, without those
 * that the answer contained already.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "node/api_private.h"

#define EVENTS_DEFAULT 100
#define EVENTS_MAX     100000

/* What was asked for. */
struct events_query {
	char name[INSTANCE_NAME_MAX + 1]; /* "" for all */
	uint64_t since_id;
	int64_t since_wall_ms;
	uint32_t count;
	bool is_sse; /* server-sent events instead of NDJSON */
};

/* One follower, owned by its stream. */
struct follow {
	struct event_follower follower; /* first: events.c hands it back */
	struct stream *stream;
	struct events_query query;
	struct api_text held; /* events since the question, until the answer */
	bool is_answered;     /* the store answered */
	uint64_t held_from;   /* id of the first event in 'held', 0: none */
	uint64_t sent;	      /* last id that the answer contained */
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
parse_query(struct call *c, struct events_query *q, const char *name)
{
	uint64_t count = EVENTS_DEFAULT;
	*q = (struct events_query){0};
	if (name && strlen(name) > INSTANCE_NAME_MAX) {
		call_reply_error(
			c, MHD_HTTP_BAD_REQUEST, "invalid", "name: too long");
		return false;
	}
	strcpy(q->name, name ? name : "");
	const char *since = call_query(c, "since");
	if (since && !api_parse_since(since, &q->since_wall_ms)) {
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"since: '%s' is neither a duration like 10m nor a "
			"time like 2026-01-31T10:00:00Z",
			since);
		return false;
	}
	if (since)
		count = EVENTS_MAX;
	const char *accept = MHD_lookup_connection_value(
		c->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	q->is_sse = accept && strstr(accept, "text/event-stream");
	if (!parse_number(c, "since_id", INT64_MAX, &q->since_id) ||
		!parse_number(c, "n", EVENTS_MAX, &count))
		return false;
	q->count = (uint32_t)count;
	return true;
}

/* Whether an event is about 'name' or an instance of the service 'name'. */
static bool
is_about(const struct event *e, const char *name)
{
	size_t length = strlen(name);
	return !length ||
	       (strncmp(e->name, name, length) == 0 &&
		       (e->name[length] == '\0' || e->name[length] == '@'));
}

static void
add_line(struct api_text *out, const struct event *e, bool is_sse)
{
	json_t *o = api_json_event(e);
	char *line = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(o);
	CHECK(line);
	if (is_sse)
		api_text_printf(out, "id: %llu\nevent: %s\ndata: %s\n\n",
			(unsigned long long)e->id, e->kind, line);
	else
		api_text_printf(out, "%s\n", line);
	free(line);
}

/* --- followed --- */

static void
on_event(struct event_follower *follower, const struct event *e)
{
	struct follow *f = container_of(follower, struct follow, follower);
	if (!is_about(e, f->query.name))
		return;
	struct api_text line = {0};
	if (f->is_answered) {
		if (e->id > f->sent) {
			add_line(&line, e, f->query.is_sse);
			stream_add(f->stream, line.data, line.size);
		}
	} else if (f->held.size < API_STREAM_MAX) {
		/* The id in front decides later whether it is news. */
		api_text_add(&f->held, &e->id, sizeof(e->id));
		add_line(&line, e, f->query.is_sse);
		api_text_add(&f->held, &line.size, sizeof(line.size));
		api_text_add(&f->held, line.data, line.size);
	}
	api_text_fini(&line);
}

static void
release_held(struct follow *f)
{
	if (f->held.size == 0)
		return;
	const char *at = f->held.data;
	const char *end = at + f->held.size;
	while (at < end) {
		uint64_t id;
		size_t size;
		memcpy(&id, at, sizeof(id));
		memcpy(&size, at + sizeof(id), sizeof(size));
		at += sizeof(id) + sizeof(size);
		if (id > f->sent)
			stream_add(f->stream, at, size);
		at += size;
	}
	api_text_fini(&f->held);
}

static void
follow_close(struct stream *s)
{
	struct follow *f = s->owner;
	events_unfollow(s->call->api->node, &f->follower);
	api_text_fini(&f->held);
	free(f);
}

static void
on_kept_for_follow(void *context, const struct event *events, int count)
{
	struct call *c = context;
	if (!call_release(c) || !c->stream)
		return;
	struct follow *f = c->stream->owner;
	f->is_answered = true;
	for (int i = 0; i < count; i++) {
		struct api_text line = {0};
		add_line(&line, &events[i], f->query.is_sse);
		stream_add(f->stream, line.data, line.size);
		api_text_fini(&line);
		f->sent = events[i].id;
	}
	release_held(f);
}

static void
follow(struct call *c, const struct events_query *q)
{
	struct follow *f = calloc(1, sizeof(*f));
	CHECK(f);
	f->query = *q;
	f->follower.on_event = on_event;
	f->stream = call_stream(c,
		q->is_sse ? "text/event-stream" : "application/x-ndjson", f,
		NULL, follow_close);
	f->stream->beat = q->is_sse ? ":\n\n" : "\n";
	events_follow(c->api->node, &f->follower);
	call_hold(c);
	events_query(c->api->node, *q->name ? f->query.name : NULL, q->since_id,
		q->since_wall_ms, q->count, on_kept_for_follow, c);
}

/* --- at once --- */

static void
on_kept(void *context, const struct event *events, int count)
{
	struct call *c = context;
	if (!call_release(c))
		return;
	if (count < 0) {
		call_reply_error(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "failed",
			"the store did not answer: %s", strerror(-count));
		return;
	}
	json_t *list = json_array();
	for (int i = 0; i < count; i++)
		json_array_append_new(list, api_json_event(&events[i]));
	json_t *o = json_object();
	json_object_set_new(o, "events", list);
	call_reply_json(c, MHD_HTTP_OK, o);
}

static void
answer(struct call *c, const char *name)
{
	struct events_query q;
	if (!parse_query(c, &q, name))
		return;
	if (call_query_flag(c, "follow")) {
		follow(c, &q);
		return;
	}
	call_hold(c);
	events_query(c->api->node, *q.name ? q.name : NULL, q.since_id,
		q.since_wall_ms, q.count, on_kept, c);
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
