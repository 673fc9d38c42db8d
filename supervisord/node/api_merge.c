#include "node/api_merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sys/clock.h"

#define READ_SIZE  16384
#define EVENT_MAX  65536 /* bytes of one; none is that long */
#define LIVE_READS 4
#define LIVE_MAX   262144 /* bytes taken before the reader has a turn */
#define WATCH_S	   2.0	  /* seconds between looks for hosts to ask */

/* One host. */
struct source {
	struct list link; /* in merge.sources */
	struct merge *merge;
	char host[NODE_NAME_MAX + 1];
	bool is_self;
	struct feed *feed;    /* NULL: not asked at present */
	struct api_text part; /* what was read, not yet taken */
	uint64_t last_id;     /* of the last event from there */
	bool has_given;	      /* what it kept is here, or will not come */
	bool is_lost;	      /* that was told */
	char error[NOTE_TEXT_MAX + 1]; /* why events are missing, or "" */
	enum reply_code code;	       /* of 'error' */
};

struct merge {
	struct call *call;
	struct query query;
	void (*on_change)(struct call *c);
	struct list sources;
	json_t *kept; /* array */
	size_t size;  /* bytes in it, as text */
	json_t *lost; /* array of events about hosts, not yet taken */
	int64_t began_ms;
	bool is_all;   /* hosts that come later too */
	bool is_ready; /* 'kept' is complete */
	bool is_cut;
	struct ev_timer wait;
	struct ev_timer watch;
};

static struct ev_loop *
loop_of(const struct merge *m)
{
	return m->call->api->node->loop;
}

/* --- One host --- */

static void
source_drop(struct source *s, enum reply_code code, const char *why)
{
	s->code = code;
	snprintf(s->error, sizeof(s->error), "%s", why); /* the feed's, maybe */
	feed_close(s->feed);
	s->feed = NULL;
	s->has_given = true;
	api_text_fini(&s->part);
}

/* Tells a follower, once, that a host's events are missing from here on. */
static void
tell_lost(struct source *s)
{
	if (s->is_lost || !*s->error)
		return;
	struct event e = {
		.wall_ms = clock_wall_ms(),
		.kind = "events_lost",
		.name = s->host,
		.text = s->error,
		.host = "",
	};
	s->is_lost = true;
	json_array_append_new(s->merge->lost, api_json_event(&e, s->host));
}

/* Takes the next whole line out of 'part' from '*at' on.  NULL: none; an
 * empty object for an empty line. */
static json_t *
next_line(struct source *s, size_t *at)
{
	while (*at < s->part.size) {
		const char *line = s->part.data + *at;
		const char *end = memchr(line, '\n', s->part.size - *at);
		if (!end)
			return NULL;
		size_t size = (size_t)(end - line);
		*at += size + 1;
		json_t *o =
			size ? json_loadb(line, size, 0, NULL) : json_object();
		if (!json_is_object(o)) {
			json_decref(o);
			continue;
		}
		if (size)
			api_json_put(o, "host", s->host);
		json_int_t id = json_integer_value(json_object_get(o, "id"));
		if (id > 0)
			s->last_id = (uint64_t)id;
		return o;
	}
	return NULL;
}

static void
drop_part(struct source *s, size_t size)
{
	if (size)
		api_text_drop(&s->part, size);
}

static size_t
source_read(struct source *s)
{
	char block[READ_SIZE];
	size_t size = feed_read(s->feed, block, sizeof(block));
	api_text_add(&s->part, block, size);
	return size;
}

/* Reads what a host has kept, up to the empty line behind it. */
static void
read_kept(struct source *s)
{
	struct merge *m = s->merge;
	while (s->feed && !s->has_given && source_read(s)) {
		json_t *o;
		size_t at = 0;
		while (!s->has_given && (o = next_line(s, &at))) {
			s->has_given = json_object_size(o) == 0;
			if (s->has_given)
				json_decref(o);
			else
				json_array_append_new(m->kept, o);
		}
		m->size += at;
		drop_part(s, at);
		if (m->size > MERGE_MAX || s->part.size > EVENT_MAX)
			source_drop(s, REPLY_FULL,
				"more events than one answer holds: "
				"ask for fewer by n or since");
	}
	if (s->feed && !s->has_given && s->feed->is_ended)
		source_drop(s, s->feed->code, s->feed->text);
}

static void
on_more(struct feed *f)
{
	struct source *s = f->owner;
	struct merge *m = s->merge;
	if (!m->is_ready)
		read_kept(s);
	if (!m->call->is_gone)
		m->on_change(m->call);
}

/* Asks a host, for what it kept or for what it has not told yet. */
static void
source_ask(struct source *s)
{
	struct merge *m = s->merge;
	struct query query = m->query;
	char text[NOTE_TEXT_MAX + 1] = "";
	if (m->is_ready) {
		query.count = UINT32_MAX;
		query.since_id = s->last_id;
		query.since_wall_ms = s->last_id ? 0 : m->began_ms;
	}
	enum reply_code code =
		api_feed_open(m->call->api, s->host, &query, &s->feed, text);
	if (code != REPLY_OK) {
		source_drop(s, code, text);
		return;
	}
	s->feed->owner = s;
	s->feed->on_more = on_more;
}

static struct source *
source_find(struct merge *m, const char *host)
{
	list_each (it, &m->sources) {
		struct source *s = container_of(it, struct source, link);
		if (strcmp(s->host, host) == 0)
			return s;
	}
	return NULL;
}

static struct source *
source_add(struct merge *m, const char *host, bool is_self)
{
	struct source *s = calloc(1, sizeof(*s));
	CHECK(s);
	s->merge = m;
	s->is_self = is_self;
	snprintf(s->host, sizeof(s->host), "%s", host);
	list_append(&m->sources, &s->link);
	return s;
}

/* --- All of them --- */

/* Asks every host that can be asked and is not. */
static void
ask_all(struct merge *m)
{
	struct core *core = m->call->api->node->core;
	uint32_t count = view_node_count(core);
	for (uint32_t i = 0; i < count; i++) {
		struct node_view v;
		if (!view_node(core, i, &v) || !api_is_reachable(&v))
			continue;
		struct source *s = source_find(m, v.name);
		if (!s && (m->is_all || !m->is_ready))
			s = source_add(m, v.name, v.is_self);
		if (s && !s->feed)
			source_ask(s);
	}
}

static void
on_watch(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	ask_all(container_of(w, struct merge, watch));
}

/* Whoever has not given what it kept is not waited for any longer. */
static void
on_late(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	struct merge *m = container_of(w, struct merge, wait);
	list_each (it, &m->sources) {
		struct source *s = container_of(it, struct source, link);
		if (!s->has_given)
			source_drop(s, REPLY_TIMEOUT,
				"its events did not come in time");
	}
	if (!m->call->is_gone)
		m->on_change(m->call);
}

struct merge *
merge_new(struct call *c, const char *node, const struct query *query,
	void (*on_change)(struct call *c))
{
	struct merge *m = calloc(1, sizeof(*m));
	CHECK(m);
	m->call = c;
	m->query = *query;
	m->on_change = on_change;
	m->is_all = !*node;
	m->began_ms = clock_wall_ms();
	m->kept = json_array();
	m->lost = json_array();
	list_init(&m->sources);
	ev_timer_init(&m->wait, on_late, MERGE_WAIT_S, 0.);
	ev_timer_init(&m->watch, on_watch, WATCH_S, WATCH_S);
	struct node_view v;
	if (m->is_all)
		ask_all(m);
	else
		source_ask(source_add(
			m, node, api_find_node(c->api, node, &v) && v.is_self));
	ev_timer_start(loop_of(m), &m->wait);
	list_each (it, &m->sources)
		read_kept(container_of(it, struct source, link));
	return m;
}

void
merge_free(struct merge *m)
{
	ev_timer_stop(loop_of(m), &m->wait);
	ev_timer_stop(loop_of(m), &m->watch);
	list_each_safe (it, &m->sources) {
		struct source *s = container_of(it, struct source, link);
		feed_close(s->feed);
		api_text_fini(&s->part);
		list_remove(it);
		free(s);
	}
	json_decref(m->kept);
	json_decref(m->lost);
	free(m);
}

bool
merge_is_ready(const struct merge *m)
{
	list_each (it, &m->sources)
		if (!container_of(it, struct source, link)->has_given)
			return false;
	return true;
}

/* One kept event and what its place depends on. */
struct placed {
	json_t *event;
	int64_t time_ms;
	int64_t id;
	const char *host;
};

static int
compare_placed(const void *left, const void *right)
{
	const struct placed *a = left, *b = right;
	if (a->time_ms != b->time_ms)
		return a->time_ms < b->time_ms ? -1 : 1;
	int order = strcmp(a->host, b->host);
	if (order)
		return order;
	return a->id < b->id ? -1 : a->id > b->id;
}

static void
sort_events(json_t *events)
{
	size_t count = json_array_size(events);
	struct placed *all = calloc(count + 1, sizeof(*all));
	CHECK(all);
	for (size_t i = 0; i < count; i++) {
		json_t *o = json_array_get(events, i);
		all[i] = (struct placed){
			.event = json_incref(o),
			.time_ms = json_integer_value(
				json_object_get(o, "time_ms")),
			.id = json_integer_value(json_object_get(o, "id")),
			.host = json_string_value(json_object_get(o, "host")),
		};
	}
	qsort(all, count, sizeof(*all), compare_placed);
	json_array_clear(events);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(events, all[i].event);
	free(all);
}

json_t *
merge_take_kept(struct merge *m)
{
	CHECK(!m->is_ready);
	m->is_ready = true;
	ev_timer_stop(loop_of(m), &m->wait);
	if (m->query.is_follow)
		ev_timer_start(loop_of(m), &m->watch);
	sort_events(m->kept);
	size_t count = json_array_size(m->kept);
	json_t *all = m->kept;
	m->kept = json_array();
	if (count <= m->query.count)
		return all;
	json_t *last = json_array();
	for (size_t i = count - m->query.count; i < count; i++)
		json_array_append(last, json_array_get(all, i));
	json_decref(all);
	return last;
}

json_t *
merge_missing(const struct merge *m)
{
	json_t *list = json_array();
	list_each (it, &m->sources) {
		const struct source *s = container_of(it, struct source, link);
		if (!*s->error)
			continue;
		json_t *o = json_object();
		api_json_put(o, "host", s->host);
		api_json_put(o, "error", s->error);
		json_array_append_new(list, o);
	}
	return list;
}

const char *
merge_own_error(const struct merge *m, enum reply_code *code)
{
	list_each (it, &m->sources) {
		const struct source *s = container_of(it, struct source, link);
		if (!*s->error || (m->is_all && !s->is_self))
			continue;
		*code = s->code;
		return s->error;
	}
	return NULL;
}

/* Takes the whole lines that a host has told; returns their bytes. */
static size_t
take_lines(struct source *s, void (*each)(void *context, json_t *event),
	void *context)
{
	json_t *o;
	size_t at = 0;
	while ((o = next_line(s, &at))) {
		if (json_object_size(o))
			each(context, o);
		json_decref(o);
	}
	drop_part(s, at);
	return at;
}

/* Takes what one host has told since; returns the bytes. */
static size_t
take_from(struct source *s, void (*each)(void *context, json_t *event),
	void *context)
{
	size_t size = take_lines(s, each, context);
	if (s->feed && s->feed->is_begun) {
		s->is_lost = false;
		s->error[0] = '\0';
	}
	for (int i = 0; i < LIVE_READS && s->feed && source_read(s); i++)
		size += take_lines(s, each, context);
	if (s->part.size > EVENT_MAX)
		source_drop(s, REPLY_FAILED, "what it tells makes no sense");
	if (size == 0 && s->feed && s->feed->is_ended) {
		s->merge->is_cut |=
			s->feed->is_begun && s->feed->code == REPLY_FULL;
		source_drop(s, s->feed->code, s->feed->text);
	}
	tell_lost(s);
	return size;
}

bool
merge_take_live(struct merge *m, void (*each)(void *context, json_t *event),
	void *context)
{
	CHECK(m->is_ready);
	size_t size = 0;
	struct list taken;
	list_init(&taken);
	while (!list_is_empty(&m->sources) && size < LIVE_MAX) {
		struct list *first = m->sources.next;
		list_remove(first);
		list_append(&taken, first);
		size += take_from(container_of(first, struct source, link),
			each, context);
	}
	/* Who had no turn is first next time. */
	while (!list_is_empty(&taken)) {
		struct list *first = taken.next;
		list_remove(first);
		list_append(&m->sources, first);
	}
	size_t i;
	json_t *o;
	json_array_foreach(m->lost, i, o) each(context, o);
	bool has = size > 0 || json_array_size(m->lost) > 0;
	json_array_clear(m->lost);
	return has;
}

bool
merge_is_cut(const struct merge *m)
{
	return m->is_cut;
}
