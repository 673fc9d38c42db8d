/* The output of an instance, wherever it runs.
 *
 * This host reads the files of its own logger, for others it asks the host
 * that holds the instance; to the reader it is the same stream.  What skep
 * itself has to say in it stands on lines that begin with "-- skep: ".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "node/api_private.h"
#include "node/feeds.h"

#define READ_SIZE     16384
#define LINES_DEFAULT 100
#define WATCH_S	      0.5 /* seconds between looks at who holds it */
#define MOVED_LOOKS   3	  /* of those, before its last lines are here */

/* One reader; belongs to its call. */
struct log_reply {
	struct call *call;
	struct feed *feed;
	struct query query;
	char host[NODE_NAME_MAX + 1]; /* who is read from */
	char next[NODE_NAME_MAX + 1]; /* who holds it now, if another */
	unsigned looks;		      /* that found 'next' */
	bool is_mid_line;
	struct stream *stream; /* NULL before the answer and after it */
	struct ev_timer watch; /* while following */
};

static void
reply_free(void *data)
{
	struct log_reply *r = data;
	ev_timer_stop(r->call->api->node->loop, &r->watch);
	feed_close(r->feed);
	free(r);
}

/* Adds a line of our own. */
static void
add_remark(struct log_reply *r, const char *text)
{
	char line[sizeof(r->feed->text) + QUERY_NAME_MAX];
	int size = snprintf(line, sizeof(line), "%s-- skep: %s\n",
		r->is_mid_line ? "\n" : "", text);
	stream_add(r->stream, line, (size_t)size);
}

static void
end_moved(struct log_reply *r)
{
	char text[QUERY_NAME_MAX + 2 * NODE_NAME_MAX + 64];
	snprintf(text, sizeof(text),
		"%s runs on %s now; what it wrote on %s ends here",
		r->query.name, r->next, r->host);
	add_remark(r, text);
	stream_end(r->stream);
}

static void
log_refill(struct stream *s)
{
	struct log_reply *r = s->owner;
	char block[READ_SIZE];
	size_t size = feed_read(r->feed, block, sizeof(block));
	if (size) {
		r->is_mid_line = block[size - 1] != '\n';
		stream_add(s, block, size);
	} else if (r->looks >= MOVED_LOOKS) {
		end_moved(r);
	} else if (r->feed->is_ended && r->feed->code != REPLY_OK) {
		add_remark(r, r->feed->text);
		stream_break(s);
	} else if (r->feed->is_ended) {
		stream_end(s);
	}
}

static void
log_close(struct stream *s)
{
	struct log_reply *r = s->owner;
	r->stream = NULL;
	ev_timer_stop(s->call->api->node->loop, &r->watch);
}

/* Looks whether the instance has gone to another host.  A few looks pass, so
 * that its last lines here come first. */
static void
on_watch(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)revents;
	struct log_reply *r = container_of(w, struct log_reply, watch);
	struct instance_view v;
	bool has_moved =
		view_instance(r->call->api->node->core, r->query.name, &v) &&
		*v.node && strcmp(v.node, r->host) != 0;
	if (!has_moved) {
		r->looks = 0;
		return;
	}
	snprintf(r->next, sizeof(r->next), "%s", v.node);
	if (++r->looks < MOVED_LOOKS)
		return;
	ev_timer_stop(loop, w);
	stream_wake(r->stream);
}

static void
start_stream(struct log_reply *r)
{
	struct ev_loop *loop = r->call->api->node->loop;
	r->stream = call_stream(
		r->call, "text/plain; charset=utf-8", r, log_refill, log_close);
	if (r->query.is_follow)
		ev_timer_start(loop, &r->watch);
}

static void
on_more(struct feed *f)
{
	struct log_reply *r = f->owner;
	if (r->call->is_gone)
		return;
	if (r->stream)
		stream_wake(r->stream);
	else if (r->call->response)
		return; /* refused, or over */
	else if (f->is_begun || (f->is_ended && f->code == REPLY_OK))
		start_stream(r);
	else if (f->is_ended)
		call_reply_error(r->call, (unsigned)reply_code_http(f->code),
			reply_code_name(f->code), "%s", f->text);
}

/* Answers with the output that 'host' has. */
static void
answer(struct call *c, const char *host, const struct query *query)
{
	struct log_reply *r = calloc(1, sizeof(*r));
	CHECK(r);
	char text[NOTE_TEXT_MAX + 1] = "";
	r->call = c;
	r->query = *query;
	snprintf(r->host, sizeof(r->host), "%s", host);
	ev_timer_init(&r->watch, on_watch, WATCH_S, WATCH_S);
	enum reply_code code =
		api_feed_open(c->api, host, query, &r->feed, text);
	if (code != REPLY_OK) {
		free(r);
		call_reply_error(c, (unsigned)reply_code_http(code),
			reply_code_name(code), "%s", text);
		return;
	}
	c->data = r;
	c->data_free = reply_free;
	r->feed->owner = r;
	r->feed->on_more = on_more;
	on_more(r->feed);
}

/* Names of a service's instances, for the refusal of its own name. */
static void
refuse_service(struct call *c, const char *service)
{
	struct api_text names = {0};
	uint32_t cursor = 0;
	struct instance_view v;
	while (view_instance_next(c->api->node->core, &cursor, &v))
		if (strcmp(v.service, service) == 0 && names.size < 500)
			api_text_printf(
				&names, "%s%s", names.size ? ", " : "", v.name);
	if (names.size)
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"'%s' is a service; name one of %s", service,
			names.data);
	else
		call_reply_error(c, MHD_HTTP_NOT_FOUND, "not_found",
			"nothing is named '%s'", service);
	api_text_fini(&names);
}

static bool
parse_query(struct call *c, struct query *q)
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
	*q = (struct query){
		.kind = QUERY_LOGS,
		.count = (uint32_t)lines,
		.is_follow = call_query_flag(c, "follow"),
	};
	snprintf(q->name, sizeof(q->name), "%.*s", QUERY_NAME_MAX,
		c->captures[0]);
	return true;
}

/* Whether files of that name are here, though no instance has it. */
static bool
has_files(const struct node *n, const char *name)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s.log", n->conf.node.log_dir, name);
	return feed_is_plain(name) && access(path, F_OK) == 0;
}

void
api_get_logs(struct call *c)
{
	struct node *n = c->api->node;
	const char *host = call_query(c, "node");
	struct query q;
	if (!parse_query(c, &q))
		return;
	struct instance_view v;
	struct cluster_view cluster;
	view_cluster(n->core, &cluster);
	bool is_known = view_instance(n->core, q.name, &v);
	if (host)
		answer(c, host, &q);
	else if (is_known && *v.node)
		answer(c, v.node, &q);
	else if (is_known || has_files(n, q.name))
		answer(c, cluster.node, &q);
	else
		refuse_service(c, q.name);
}
