/* The output of an instance, from the files that skep-logger writes.
 *
 * The files are read on threads of their own (logtail.h), a piece at a time
 * and one piece ahead of the reader, so a slow or hung disk stands in the way
 * of readers only.  A follower at the end looks again every POLL_S; it has
 * come to its end when the last epoch here has ended and the instance is on
 * another host.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/name.h"
#include "node/api_private.h"
#include "node/feeds.h"
#include "node/logtail.h"
#include "node/pool.h"

#define POLL_S	0.2
#define THREADS 2

/* One reader of one instance's files.  Its job cannot be called off: a feed
 * that is closed before lives until that is done. */
struct log_reader {
	struct feed feed;
	struct node *node;
	struct pool_job job;
	struct logtail tail;  /* the job's, while that runs */
	struct api_text next; /* as 'tail': the piece that it read */
	uint64_t file, at;    /* as 'tail': the place behind it; 0: unknown */
	enum logtail_step step;
	int code; /* of the step */
	bool is_busy;
	bool is_closed;
	struct api_text out;	   /* what is read, from 'taken' on */
	uint64_t out_file, out_at; /* the place behind it */
	size_t taken;
	struct ev_timer poll; /* while following, at the end */
};

static void
reader_free(struct log_reader *r)
{
	logtail_fini(&r->tail);
	api_text_fini(&r->next);
	api_text_fini(&r->out);
	free(r);
}

/* On a thread of the pool. */
static void
run_step(struct pool_job *job)
{
	struct log_reader *r = container_of(job, struct log_reader, job);
	do
		r->step = logtail_next(&r->tail, &r->next, &r->code);
	while (r->step == LOGTAIL_MORE && r->next.size < LOGTAIL_PIECE);
	if (!logtail_tell(&r->tail, &r->file, &r->at))
		r->file = r->at = 0;
}

static void
read_ahead(struct log_reader *r)
{
	if (r->is_busy || r->feed.is_ended || r->out.size > 0 ||
		ev_is_active(&r->poll))
		return;
	r->is_busy = true;
	pool_submit(r->node->readers, &r->job);
}

static bool
is_elsewhere(const struct log_reader *r)
{
	struct instance_view v;
	return view_instance(r->node->core, r->tail.query.name, &v) &&
	       *v.node && strcmp(v.node, r->node->conf.node.name) != 0;
}

static void
fail(struct log_reader *r)
{
	enum reply_code code =
		r->code == -ENOENT ? REPLY_NOT_FOUND : REPLY_FAILED;
	feed_end(&r->feed, code,
		"there is no output of '%.127s' in files of this host: %s%s",
		r->tail.query.name, strerror(-r->code),
		r->code == -ENOENT ? " (see logs.target)" : "");
}

/* What the step came to. */
static void
take_step(struct log_reader *r)
{
	switch (r->step) {
	case LOGTAIL_MORE:
		break;
	case LOGTAIL_ENDED:
		if (is_elsewhere(r)) {
			feed_end(&r->feed, REPLY_OK, "%s", "");
			break;
		}
		ev_timer_again(r->node->loop, &r->poll);
		break;
	case LOGTAIL_WAITS:
		ev_timer_again(r->node->loop, &r->poll);
		break;
	case LOGTAIL_OVER:
		feed_end(&r->feed, REPLY_OK, "%s", "");
		break;
	case LOGTAIL_FAILED:
		fail(r);
		break;
	}
}

static void
step_done(struct pool_job *job, bool is_dropped)
{
	struct log_reader *r = container_of(job, struct log_reader, job);
	bool was_begun = r->feed.is_begun;
	r->is_busy = false;
	if (is_dropped || r->is_closed) {
		if (r->is_closed)
			reader_free(r);
		return;
	}
	r->out_file = r->file;
	r->out_at = r->at;
	struct api_text empty = r->out;
	r->out = r->next;
	r->next = empty;
	r->taken = 0;
	take_step(r);
	r->feed.is_begun |= r->step != LOGTAIL_FAILED;
	if (!was_begun || r->out.size > 0 || r->feed.is_ended)
		feed_tell(&r->feed);
}

static void
on_poll(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)revents;
	struct log_reader *r = container_of(w, struct log_reader, poll);
	ev_timer_stop(loop, w);
	read_ahead(r);
}

static size_t
log_read(struct feed *f, void *buffer, size_t max)
{
	struct log_reader *r = container_of(f, struct log_reader, feed);
	size_t size = api_text_take(&r->out, &r->taken, buffer, max);
	bool is_all = r->taken == r->out.size;
	f->file = is_all ? r->out_file : 0;
	f->at = is_all ? r->out_at : 0;
	if (is_all && r->taken > 0)
		api_text_drop(&r->out, r->taken);
	if (r->out.size == 0)
		r->taken = 0;
	read_ahead(r);
	return size;
}

static void
log_close(struct feed *f)
{
	struct log_reader *r = container_of(f, struct log_reader, feed);
	ev_timer_stop(r->node->loop, &r->poll);
	r->is_closed = true;
	if (!r->is_busy)
		reader_free(r);
}

static const struct feed_ops log_ops = {log_read, log_close};

enum reply_code
feeds_need_readers(struct node *n, char *text)
{
	struct err err = {""};
	if (n->readers || pool_new(n->loop, THREADS, &n->readers, &err) == 0)
		return REPLY_OK;
	snprintf(text, NOTE_TEXT_MAX, "%.300s", err.text);
	return REPLY_FAILED;
}

enum reply_code
feed_logs_open(struct node *n, const struct query *query, struct feed **out,
	char *text)
{
	struct bytes name = {query->name, strlen(query->name)};
	if (!name_is_runtime(name)) {
		snprintf(text, NOTE_TEXT_MAX,
			"no instance can be named '%.255s'", query->name);
		return REPLY_NOT_FOUND;
	}
	enum reply_code code = feeds_need_readers(n, text);
	if (code != REPLY_OK)
		return code;
	struct log_reader *r = calloc(1, sizeof(*r));
	CHECK(r);
	r->feed.ops = &log_ops;
	r->node = n;
	r->job = (struct pool_job){.run = run_step, .done = step_done};
	ev_timer_init(&r->poll, on_poll, POLL_S, POLL_S);
	logtail_init(&r->tail, n->conf.node.log_dir, n->conf.node.name, query);
	if (r->tail.query.count > FEED_LINES_MAX)
		r->tail.query.count = FEED_LINES_MAX;
	/* What has not begun yet can be waited for. */
	r->feed.is_begun = query->epoch_min > 0;
	*out = &r->feed;
	read_ahead(r);
	return REPLY_OK;
}
