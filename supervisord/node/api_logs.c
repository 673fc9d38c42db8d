/* The output of instances, wherever they are, as one stream.
 *
 * One instance's bytes go through as they come.  Of several, and as JSON,
 * whole lines are put out, each with its instance.  What skep itself has to
 * say stands on lines of its own: "--- on HOST since TIME ---" where an
 * instance has come to another host, "-- skep: ..." where something is
 * missing; as JSON their "stream" is "skep".
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/name_part.h"
#include "node/api_logway.h"
#include "node/feeds.h"
#include "sys/clock.h"

#define READ_SIZE     16384
#define FILL_SIZE     65536 /* put out at a time */
#define LINE_MAX_SIZE 65536 /* of a line with others beside it: cut there */
#define LINES_DEFAULT 100
#define SOURCES_MAX   256

/* One instance. */
struct source {
	struct log_way way;   /* 'owner' is the reply */
	struct api_text line; /* not yet whole */
	bool is_mid_line;
};

/* One reader; belongs to its call. */
struct log_reply {
	struct call *call;
	struct source *sources;
	size_t count;
	size_t turn; /* who is read first next time */
	bool is_json;
	struct stream *stream; /* NULL before the answer and after it */
};

static void
reply_free(void *data)
{
	struct log_reply *r = data;
	for (size_t i = 0; i < r->count; i++) {
		log_way_fini(&r->sources[i].way);
		api_text_fini(&r->sources[i].line);
	}
	free(r->sources);
	free(r);
}

/* --- what is put out --- */

/* A whole line, with its newline. */
static void
put_line(struct log_reply *r, struct source *s, const char *text, size_t size)
{
	if (!r->is_json && r->count > 1) {
		const char *name = s->way.query.name;
		stream_add(r->stream, name, strlen(name));
		stream_add(r->stream, " | ", 3);
	}
	stream_add(r->stream, text, size);
}

/* The rest of a line that nobody will end. */
static void
end_line(struct log_reply *r, struct source *s)
{
	if (s->is_mid_line)
		stream_add(r->stream, "\n", 1);
	s->is_mid_line = false;
	if (s->line.size == 0)
		return;
	if (!r->is_json) { /* half an object is of no use */
		api_text_add(&s->line, "\n", 1);
		put_line(r, s, s->line.data, s->line.size);
	}
	api_text_drop(&s->line, s->line.size);
}

static void
put_remark(struct log_reply *r, struct source *s, const char *text)
{
	bool is_marker = strncmp(text, "---", 3) == 0;
	struct api_text out = {0};
	end_line(r, s);
	if (!r->is_json) {
		api_text_printf(
			&out, "%s%s\n", is_marker ? "" : "-- skep: ", text);
		put_line(r, s, out.data, out.size);
		api_text_fini(&out);
		return;
	}
	json_t *o = json_object();
	api_json_put_time(o, "time", clock_wall_ms());
	api_json_put(o, "host", s->way.host);
	api_json_put(o, "instance", s->way.query.name);
	api_json_put(o, "stream", "skep");
	api_json_put_int(o, "epoch", (int64_t)s->way.epoch);
	api_json_put(o, "text", text);
	api_text_add_line(&out, o);
	stream_add(r->stream, out.data, out.size);
	api_text_fini(&out);
}

static void
put_lines(struct log_reply *r, struct source *s)
{
	size_t done = 0;
	const char *end;
	while (s->line.size > done && (end = memchr(s->line.data + done, '\n',
					       s->line.size - done))) {
		size_t size = (size_t)(end + 1 - (s->line.data + done));
		put_line(r, s, s->line.data + done, size);
		done += size;
	}
	if (done)
		api_text_drop(&s->line, done);
	if (s->line.size > LINE_MAX_SIZE && !r->is_json)
		end_line(r, s);
}

static void
put_piece(struct log_reply *r, struct source *s, const char *piece, size_t size)
{
	if (r->count > 1 || r->is_json) {
		api_text_add(&s->line, piece, size);
		put_lines(r, s);
		return;
	}
	s->is_mid_line = piece[size - 1] != '\n';
	stream_add(r->stream, piece, size);
}

/* Reads once from one of them; whether there was something. */
static bool
pass_on(struct log_reply *r, struct source *s)
{
	char block[READ_SIZE + 1];
	bool is_remark;
	size_t size = log_way_read(&s->way, block, READ_SIZE, &is_remark);
	block[size] = '\0';
	if (is_remark)
		put_remark(r, s, block);
	else if (size)
		put_piece(r, s, block, size);
	return size > 0;
}

/* Ends the stream when all have ended; one that failed is told. */
static void
end_if_over(struct log_reply *r)
{
	bool is_broken = false;
	for (size_t i = 0; i < r->count; i++) {
		if (!r->sources[i].way.is_ended)
			return;
		is_broken |= r->sources[i].way.code != REPLY_OK;
	}
	for (size_t i = 0; i < r->count; i++) {
		const struct log_way *w = &r->sources[i].way;
		if (w->code != REPLY_OK)
			put_remark(r, &r->sources[i], w->text);
		else if (r->count > 1)
			end_line(r, &r->sources[i]);
	}
	if (is_broken)
		stream_break(r->stream);
	else
		stream_end(r->stream);
}

static void
log_refill(struct stream *s)
{
	struct log_reply *r = s->owner;
	size_t silent = 0;
	while (silent < r->count && s->out.size < FILL_SIZE) {
		bool has_more = pass_on(r, &r->sources[r->turn]);
		silent = has_more ? 0 : silent + 1;
		if (!has_more)
			r->turn = (r->turn + 1) % r->count;
	}
	if (silent == r->count && !s->is_ended)
		end_if_over(r);
	if (s->out.size >= FILL_SIZE)
		r->turn = (r->turn + 1) % r->count;
}

static void
log_close(struct stream *s)
{
	struct log_reply *r = s->owner;
	r->stream = NULL;
}

/* --- the answer --- */

static void
start_stream(struct log_reply *r)
{
	const char *type = r->is_json ? "application/x-ndjson"
				      : "text/plain; charset=utf-8";
	r->stream = call_stream(r->call, type, r, log_refill, log_close);
}

static void
on_more(struct log_way *w)
{
	struct log_reply *r = w->owner;
	if (r->call->is_gone)
		return;
	if (r->stream)
		stream_wake(r->stream);
	else if (r->call->response)
		return; /* refused, or over */
	else if (w->is_begun || r->count > 1 ||
		 (w->feed && w->feed->is_ended && w->feed->code == REPLY_OK))
		start_stream(r);
	else if (w->feed && w->feed->is_ended)
		call_reply_error(r->call,
			(unsigned)reply_code_http(w->feed->code),
			reply_code_name(w->feed->code), "%s", w->feed->text);
}

/* Adds an instance; 'host' is who holds it, or "". */
static enum reply_code
add_source(struct log_reply *r, const char *name, const char *host,
	bool is_fixed, const struct query *query)
{
	struct source *s = &r->sources[r->count];
	struct query q = *query;
	q.is_json = r->is_json;
	snprintf(q.name, sizeof(q.name), "%.*s", QUERY_NAME_MAX, name);
	s->way.owner = r;
	enum reply_code code =
		log_way_init(&s->way, r->call->api, host, is_fixed, &q);
	s->way.owner = r;
	s->way.on_more = on_more;
	r->count++;
	return code;
}

/* Begins, or replies why not. */
static void
begin(struct log_reply *r, enum reply_code code)
{
	struct log_way *w = &r->sources[0].way;
	if (r->count > 1)
		start_stream(r);
	else if (code != REPLY_OK)
		call_reply_error(r->call, (unsigned)reply_code_http(code),
			reply_code_name(code), "%s", w->text);
	else
		on_more(w);
}

static struct log_reply *
reply_new(struct call *c, size_t count, bool is_json)
{
	struct log_reply *r = calloc(1, sizeof(*r));
	CHECK(r && count > 0);
	r->sources = calloc(count, sizeof(*r->sources));
	CHECK(r->sources);
	r->call = c;
	r->is_json = is_json;
	c->data = r;
	c->data_free = reply_free;
	return r;
}

/* One instance, on 'host'. */
static void
answer_one(struct call *c, const char *host, bool is_fixed,
	const struct query *query)
{
	struct log_reply *r = reply_new(c, 1, query->is_json);
	begin(r, add_source(r, query->name, host, is_fixed, query));
}

/* Several: those that cannot be read are told of. */
static void
add_several(struct log_reply *r, const struct instance_view *v,
	const struct query *query)
{
	struct log_way *w = &r->sources[r->count].way;
	const char *self = r->call->api->node->conf.node.name;
	const char *host = *v->node ? v->node : query->is_follow ? "" : self;
	enum reply_code code = add_source(r, v->name, host, false, query);
	if (code == REPLY_OK)
		return;
	w->code = code;
	w->is_ended = true;
}

static bool
is_meant(const char *pattern, const struct instance_view *v)
{
	return strcmp(v->service, pattern) == 0 ||
	       fnmatch(pattern, v->name, 0) == 0;
}

/* All instances of a service, or whose names fit a pattern. */
static void
answer_several(struct call *c, const struct query *query)
{
	struct core *core = c->api->node->core;
	struct instance_view v;
	size_t count = 0;
	for (uint32_t at = 0; view_instance_next(core, &at, &v);)
		count += is_meant(query->name, &v);
	if (count == 0) {
		call_reply_error(c, MHD_HTTP_NOT_FOUND, "not_found",
			"nothing is named '%s'", query->name);
		return;
	}
	if (count > SOURCES_MAX) {
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"'%s' means %zu instances; at most %d can be read at "
			"once",
			query->name, count, SOURCES_MAX);
		return;
	}
	struct log_reply *r = reply_new(c, count, query->is_json);
	for (uint32_t at = 0; view_instance_next(core, &at, &v);)
		if (is_meant(query->name, &v) && r->count < count)
			add_several(r, &v, query);
	begin(r, REPLY_OK);
}

/* --- the question --- */

static bool
parse_lines(struct call *c, struct query *q)
{
	uint64_t lines = LINES_DEFAULT;
	const char *text = call_query(c, "n");
	char *end = "";
	if (text)
		lines = strtoull(text, &end, 10);
	if (text && (*text < '0' || *text > '9' || *end ||
			    lines > FEED_LINES_MAX)) {
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"n: '%s' is not a number from 0 to %d", text,
			FEED_LINES_MAX);
		return false;
	}
	q->count = (uint32_t)lines;
	return true;
}

static bool
parse_since(struct call *c, struct query *q)
{
	const char *since = call_query(c, "since");
	if (!since)
		return true;
	if (call_query(c, "n")) {
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"n and since: give one of them");
		return false;
	}
	if (api_parse_since(since, &q->since_wall_ms))
		return true;
	call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
		"since: '%s' is neither a duration like 10m nor a time like "
		"2026-01-31T10:00:00Z",
		since);
	return false;
}

static bool
parse_query(struct call *c, struct query *q)
{
	const char *format = call_query(c, "format");
	*q = (struct query){
		.kind = QUERY_LOGS,
		.is_follow = call_query_flag(c, "follow"),
		.is_json = format && strcmp(format, "json") == 0,
	};
	snprintf(q->name, sizeof(q->name), "%.*s", QUERY_NAME_MAX,
		c->captures[0]);
	if (format && !q->is_json && strcmp(format, "text") != 0) {
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"format: '%s' is neither text nor json", format);
		return false;
	}
	return parse_lines(c, q) && parse_since(c, q);
}

/* Whether files of that name are here, though no instance has it. */
static bool
has_files(const struct node *n, const char *name)
{
	char path[4096], file[NAME_FILE_MAX + 1];
	name_to_file(name, file);
	snprintf(path, sizeof(path), "%s/%s.log", n->conf.node.log_dir, file);
	return *file && access(path, F_OK) == 0;
}

void
api_get_logs(struct call *c)
{
	struct node *n = c->api->node;
	const char *host = call_query(c, "node");
	const char *self = n->conf.node.name;
	struct query q;
	if (!parse_query(c, &q))
		return;
	struct instance_view v;
	bool is_known = view_instance(n->core, q.name, &v);
	if (host)
		answer_one(c, host, true, &q);
	else if (is_known && *v.node)
		answer_one(c, v.node, false, &q);
	else if (has_files(n, q.name))
		answer_one(c, self, false, &q);
	else if (is_known)
		answer_one(c, q.is_follow ? "" : self, false, &q);
	else
		answer_several(c, &q);
}
