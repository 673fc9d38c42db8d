/* This host's events: those that the store has kept, then those that come.
 *
 * A follower listens from the moment it asks; what happens before the store
 * has answered is held back and put behind the kept events, without those
 * that the answer contained already.  Who reads more slowly than they come is
 * told in their place how many it missed, and between which ids.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/glob.h"
#include "node/api_private.h"
#include "node/feeds.h"
#include "sys/clock.h"

/* One reader.  The store's answer cannot be called off: a feed that is closed
 * before lives until it came. */
struct event_reader {
	struct feed feed;
	struct event_follower follower;
	struct node *node;
	struct query query;
	struct api_text out;  /* not yet read, from 'taken' on */
	size_t taken;	      /* bytes of 'out' that were read */
	struct api_text held; /* followed events, until the store's answer */
	size_t kept_size;     /* bytes of kept events when they came */
	uint64_t last_id;     /* of the store's answer */
	uint64_t missed;      /* events for which there was no room, ... */
	uint64_t missed_from; /* ... the first and ... */
	uint64_t missed_to;   /* ... the last of them */
	bool is_answered;
	bool is_closed;
	bool is_following;
};

/* Whether an event is about 'name', an instance of the service 'name', or
 * something whose name matches the pattern 'name'. */
static bool
is_about(const struct event *e, const char *name)
{
	size_t length = strlen(name);
	/* Whose events these were nobody counted: they may be what is wanted.
	 */
	if (strcmp(e->kind, EVENTS_MISSED) == 0)
		return true;
	if (glob_is_pattern(name))
		return glob_matches(name, e->name);
	return !length ||
	       (strncmp(e->name, name, length) == 0 &&
		       (e->name[length] == '\0' || e->name[length] == '@'));
}

static void
add_line(const struct event_reader *r, struct api_text *out,
	const struct event *e)
{
	api_text_add_line(out, api_json_event(e, r->node->conf.node.name));
}

static void
unfollow(struct event_reader *r)
{
	if (r->is_following)
		events_unfollow(r->node, &r->follower);
	r->is_following = false;
}

/* Whether so much waits to be read that what comes now is missed. */
static bool
is_full(const struct event_reader *r)
{
	if (!r->is_answered)
		return r->held.size > FEED_WAIT_MAX;
	return r->out.size - r->taken > FEED_WAIT_MAX + r->kept_size;
}

static void
miss(struct event_reader *r, const struct event *e)
{
	if (r->missed++ == 0)
		r->missed_from = e->id;
	r->missed_to = e->id;
}

/* There is room again: says what is not there. */
static void
tell_missed(struct event_reader *r)
{
	char text[NOTE_TEXT_MAX + 1];
	struct event e = {
		.wall_ms = clock_wall_ms(),
		.kind = EVENTS_MISSED,
		.name = r->node->conf.node.name,
		.text = text,
		.host = "",
	};
	snprintf(text, sizeof text,
		"%llu events came faster than they were read; ids %llu to "
		"%llu",
		(unsigned long long)r->missed,
		(unsigned long long)r->missed_from,
		(unsigned long long)r->missed_to);
	r->missed = 0;
	add_line(r, &r->out, &e);
}

/* An event that has just happened. */
static void
on_event(struct event_follower *follower, const struct event *e)
{
	struct event_reader *r =
		container_of(follower, struct event_reader, follower);
	if (!is_about(e, r->query.name))
		return;
	struct api_text *out = r->is_answered ? &r->out : &r->held;
	if (r->is_answered && e->id <= r->last_id)
		return;
	if (r->missed || is_full(r)) {
		miss(r, e);
		return;
	}
	if (!r->is_answered) /* the id decides later whether it is news */
		api_text_add(out, &e->id, sizeof(e->id));
	add_line(r, out, e);
	if (r->is_answered)
		feed_tell(&r->feed);
}

static void
release_held(struct event_reader *r)
{
	const char *at = r->held.data;
	const char *end = at + r->held.size;
	while (at < end) {
		uint64_t id;
		memcpy(&id, at, sizeof(id));
		at += sizeof(id);
		const char *next = memchr(at, '\n', (size_t)(end - at));
		CHECK(next);
		if (id > r->last_id)
			api_text_add(&r->out, at, (size_t)(next + 1 - at));
		at = next + 1;
	}
	api_text_fini(&r->held);
}

static void
reader_free(struct event_reader *r)
{
	api_text_fini(&r->out);
	api_text_fini(&r->held);
	free(r);
}

static void
on_kept(void *context, const struct event *events, int count)
{
	struct event_reader *r = context;
	r->is_answered = true;
	if (r->is_closed) {
		reader_free(r);
		return;
	}
	for (int i = 0; i < count; i++) {
		add_line(r, &r->out, &events[i]);
		r->last_id = events[i].id;
	}
	if (count >= 0)
		api_text_add(&r->out, "\n", 1);
	r->kept_size = r->out.size;
	if (r->held.size)
		release_held(r);
	if (count < 0)
		feed_end(&r->feed, REPLY_FAILED, "the store did not answer: %s",
			strerror(-count));
	else if (!r->query.is_follow)
		feed_end(&r->feed, REPLY_OK, "%s", "");
	feed_tell(&r->feed);
}

static size_t
events_read(struct feed *f, void *buffer, size_t max)
{
	struct event_reader *r = container_of(f, struct event_reader, feed);
	bool has_room = r->out.size - r->taken < FEED_WAIT_MAX / 2;
	if (r->missed && r->is_answered && has_room)
		tell_missed(r);
	size_t size = api_text_take(&r->out, &r->taken, buffer, max);
	if (size == 0)
		return 0;
	if (r->taken > r->out.size / 2) { /* each byte moves once at most */
		api_text_drop(&r->out, r->taken);
		r->taken = 0;
	}
	r->kept_size -= size < r->kept_size ? size : r->kept_size;
	return size;
}

static void
events_close(struct feed *f)
{
	struct event_reader *r = container_of(f, struct event_reader, feed);
	unfollow(r);
	r->is_closed = true;
	if (r->is_answered)
		reader_free(r);
}

static const struct feed_ops event_ops = {events_read, events_close};

enum reply_code
feed_events_open(struct node *n, const struct query *query, struct feed **out,
	char *text)
{
	struct event_reader *r = calloc(1, sizeof(*r));
	CHECK(r);
	(void)text;
	r->feed.ops = &event_ops;
	r->feed.is_begun = true;
	r->node = n;
	r->query = *query;
	if (r->query.count > FEED_EVENTS_MAX)
		r->query.count = FEED_EVENTS_MAX;
	if (query->is_follow) {
		r->follower.on_event = on_event;
		r->is_following = true;
		events_follow(n, &r->follower);
	}
	events_query(n, *r->query.name ? r->query.name : NULL,
		r->query.since_id, r->query.since_wall_ms, r->query.count,
		query->is_follow, on_kept, r);
	*out = &r->feed;
	return REPLY_OK;
}
