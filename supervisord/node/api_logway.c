#include "node/api_logway.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "sys/clock.h"

static void __attribute__((format(printf, 2, 3)))
remark(struct log_way *w, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(w->remark, sizeof(w->remark), format, args);
	va_end(args);
}

static void
on_feed_more(struct feed *f)
{
	struct log_way *w = f->owner;
	w->is_begun |= f->is_begun;
	w->on_more(w);
}

/* Asks 'host'. */
static enum reply_code
ask(struct log_way *w, const char *host, const struct query *query)
{
	struct feed *feed = NULL;
	enum reply_code code =
		api_feed_open(w->api, host, query, &feed, w->text);
	if (code != REPLY_OK)
		return code;
	if (strcmp(host, w->host) != 0)
		w->file = w->at = 0;
	if (host != w->host)
		snprintf(w->host, sizeof(w->host), "%s", host);
	w->feed = feed;
	w->looks = 0;
	w->is_left = false;
	feed->owner = w;
	feed->on_more = on_feed_more;
	w->is_begun |= feed->is_begun;
	return code;
}

/* The instance as this host knows it; false: nobody holds it. */
static bool
find_holder(const struct log_way *w, struct instance_view *v)
{
	return view_instance(w->api->node->core, w->query.name, v) && *v->node;
}

/* Goes on where the instance is now, if it is anywhere. */
static void
go_on(struct log_way *w)
{
	struct instance_view v;
	struct query query = w->query;
	if (!find_holder(w, &v))
		return;
	bool is_here = strcmp(v.node, w->host) == 0;
	if (is_here && v.epoch <= w->epoch && w->code == REPLY_OK)
		return; /* what it wrote has been read */
	query.count = 0;
	query.since_wall_ms = 0;
	/* The same host was interrupted: it goes on from where it was. */
	query.file = is_here ? w->file : 0;
	query.at = is_here ? w->at : 0;
	query.epoch_min = !is_here || v.epoch > w->epoch ? w->epoch + 1 : 0;
	w->is_marked = false;
	(void)ask(w, v.node, &query);
}

/* Looks at who holds the instance. */
static void
on_watch(struct ev_loop *loop, struct ev_timer *timer, int revents)
{
	(void)loop;
	(void)revents;
	struct log_way *w = container_of(timer, struct log_way, watch);
	struct instance_view v;
	bool is_held = find_holder(w, &v);
	bool is_here = is_held && strcmp(v.node, w->host) == 0;
	if (!w->feed) {
		go_on(w);
		if (w->feed)
			w->on_more(w);
		return;
	}
	if (is_here && v.epoch > w->epoch)
		w->epoch = v.epoch;
	w->looks = is_held && !is_here ? w->looks + 1 : 0;
	if (w->looks < LOGWAY_LOOKS_MAX)
		return;
	w->is_left = true;
	w->on_more(w);
}

static void
watch_begin(struct log_way *w)
{
	struct instance_view v;
	if (!w->query.is_follow || w->is_fixed)
		return;
	if (find_holder(w, &v) && strcmp(v.node, w->host) == 0)
		w->epoch = v.epoch;
	ev_timer_start(w->api->node->loop, &w->watch);
}

enum reply_code
log_way_init(struct log_way *w, struct api *api, const char *host,
	bool is_fixed, const struct query *query)
{
	enum reply_code code = REPLY_OK;
	*w = (struct log_way){.api = api,
		.is_fixed = is_fixed,
		.query = *query,
		.is_marked = true};
	ev_timer_init(&w->watch, on_watch, LOGWAY_LOOK_S, LOGWAY_LOOK_S);
	if (*host)
		code = ask(w, host, query);
	else
		w->is_begun = true;
	if (code == REPLY_OK)
		watch_begin(w);
	return code;
}

void
log_way_fini(struct log_way *w)
{
	ev_timer_stop(w->api->node->loop, &w->watch);
	feed_close(w->feed);
	w->feed = NULL;
}

/* The host's answer is over, or given up. */
static void
leave(struct log_way *w)
{
	bool is_first = !w->is_begun;
	bool is_whole = w->feed->is_ended && w->feed->code == REPLY_OK;
	w->code = w->feed->code;
	if (w->feed->is_begun) {
		w->file = w->feed->file;
		w->at = w->feed->at;
	}
	snprintf(w->text, sizeof(w->text), "%s", w->feed->text);
	if (!is_whole && w->code == REPLY_OK)
		w->code = REPLY_TIMEOUT;
	if (!w->query.is_follow || w->is_fixed || is_first)
		w->is_ended = true;
	else if (!is_whole && w->feed->is_begun)
		remark(w,
			"%s%s; its last output may be missing until it is "
			"read there again",
			*w->text ? "" : w->host,
			*w->text ? w->text : " does not tell the rest");
	feed_close(w->feed);
	w->feed = NULL;
}

/* Names the host that is read from now. */
static void
mark_host(struct log_way *w)
{
	struct instance_view v;
	char text[40];
	time_t since = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;
	if (find_holder(w, &v) && strcmp(v.node, w->host) == 0) {
		if (v.since_wall_ms)
			since = (time_t)(v.since_wall_ms / 1000);
		if (v.epoch > w->epoch)
			w->epoch = v.epoch;
	}
	gmtime_r(&since, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	remark(w, "--- on %s since %s ---", w->host, text);
	w->is_marked = true;
}

size_t
log_way_read(struct log_way *w, char *buffer, size_t max, bool *is_remark_out)
{
	CHECK(max >= LOGWAY_REMARK_MAX);
	*is_remark_out = false;
	if (!*w->remark && w->feed && w->feed->is_begun && !w->is_marked)
		mark_host(w);
	size_t size =
		*w->remark || !w->feed ? 0 : feed_read(w->feed, buffer, max);
	if (size > 0)
		return size;
	if (!*w->remark && w->feed && (w->feed->is_ended || w->is_left))
		leave(w);
	if (!*w->remark)
		return 0;
	size = (size_t)snprintf(buffer, max, "%s", w->remark);
	*w->remark = '\0';
	*is_remark_out = true;
	return size;
}
