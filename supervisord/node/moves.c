#include "node/moves.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/list.h"
#include "core/view.h"
#include "node/bulk.h"
#include "node/node.h"
#include "sys/clock.h"

/* A move under way, as it was when the core spoke of it last. */
struct going {
	struct list link;
	char name[INSTANCE_NAME_MAX + 1];
	char to[NODE_NAME_MAX + 1];
	bool is_pair;  /* both ran: it is over when ours stops */
	bool is_plain; /* no handoff: stopped here, started there */
	uint64_t size;
	uint64_t sent;
	mono began;
};

/* One that is over. */
struct over {
	char name[INSTANCE_NAME_MAX + 1];
	char to[NODE_NAME_MAX + 1];
	uint64_t size;
	uint64_t sent;
	int64_t took_ms;
	mono at;
};

/* How large a state was. */
struct known_size {
	struct list link;
	char name[INSTANCE_NAME_MAX + 1];
	uint64_t size;
	mono at;
};

struct moves {
	struct list going;
	struct list sizes; /* of struct known_size; the last news last */
	unsigned size_count;
	struct over over[MOVES_OVER_MAX]; /* a ring */
	uint64_t over_count;		  /* since the start */
};

void
moves_open(struct node *n)
{
	n->moves = calloc(1, sizeof *n->moves);
	CHECK(n->moves);
	list_init(&n->moves->going);
	list_init(&n->moves->sizes);
}

void
moves_close(struct node *n)
{
	if (!n->moves)
		return;
	list_each_safe (it, &n->moves->going)
		free(container_of(it, struct going, link));
	list_each_safe (it, &n->moves->sizes)
		free(container_of(it, struct known_size, link));
	free(n->moves);
	n->moves = NULL;
}

static struct going *
find(const struct moves *m, const char *name)
{
	list_each (it, &m->going) {
		struct going *g = container_of(it, struct going, link);
		if (strcmp(g->name, name) == 0)
			return g;
	}
	return NULL;
}

static void
forget(struct going *g)
{
	list_remove(&g->link);
	free(g);
}

/* --- News --- */

static bool
find_view(struct node *n, const char *name, struct move_view *out)
{
	uint32_t cursor = 0;
	while (view_move_next(n->core, &cursor, out))
		if (strcmp(out->name, name) == 0)
			return true;
	return false;
}

/* The entry for this name, the oldest one or a new one. */
static struct known_size *
take_size(struct moves *m, const char *name)
{
	list_each (it, &m->sizes) {
		struct known_size *s =
			container_of(it, struct known_size, link);
		if (strcmp(s->name, name) == 0)
			return s;
	}
	if (m->size_count == MOVES_SIZES_MAX)
		return container_of(m->sizes.next, struct known_size, link);
	struct known_size *s = calloc(1, sizeof *s);
	CHECK(s);
	list_append(&m->sizes, &s->link);
	m->size_count++;
	return s;
}

static void
note_size(struct moves *m, const struct move_view *v)
{
	if (!v->root)
		return;
	struct known_size *s = take_size(m, v->name);
	snprintf(s->name, sizeof s->name, "%s", v->name);
	s->size = v->size;
	s->at = clock_mono();
	list_remove(&s->link);
	list_append(&m->sizes, &s->link);
}

/* Notes how far it is. */
static void
take_view(struct node *n, struct going *g, const struct move_view *v)
{
	struct bulk_given given;
	snprintf(g->to, sizeof g->to, "%s", v->peer);
	g->is_plain = false;
	g->is_pair = strcmp(v->state, "paired") == 0;
	g->size = v->size;
	if (v->root && bulk_get_given(n->bulk, v->name, v->root, &given))
		g->sent = given.sent;
}

static struct going *
begin(struct moves *m, const char *name)
{
	struct going *g = calloc(1, sizeof *g);
	CHECK(g);
	snprintf(g->name, sizeof g->name, "%s", name);
	g->began = clock_mono();
	list_append(&m->going, &g->link);
	return g;
}

static void
end(struct moves *m, struct going *g)
{
	struct over *o = &m->over[m->over_count++ % MOVES_OVER_MAX];
	o->at = clock_mono();
	snprintf(o->name, sizeof o->name, "%s", g->name);
	snprintf(o->to, sizeof o->to, "%s", g->to);
	o->size = g->size;
	o->sent = g->sent;
	o->took_ms = mono_diff(o->at, g->began);
	forget(g);
}

static bool
is_draining(struct node *n)
{
	struct node_view v;
	return view_node(n->core, MEMBER_SELF, &v) &&
	       v.intent == INTENT_DRAINING;
}

/* Of what has no handoff the core tells its end here, and when it is ready
 * elsewhere. */
static void
plain_on_note(struct node *n, struct going *g, const struct effect_note *note)
{
	struct instance_view v;
	if (!g && note->kind == NOTE_STOPPING && is_draining(n)) {
		begin(n->moves, note->name)->is_plain = true;
	} else if (g && note->kind == NOTE_MOVED &&
		   view_instance(n->core, note->name, &v)) {
		snprintf(g->to, sizeof g->to, "%s", v.node);
		end(n->moves, g);
	} else if (g && note->kind == NOTE_STARTING) {
		forget(g); /* here again */
	}
}

/* The move of it that was under way is so no more. */
static void
end_or_forget(struct moves *m, struct going *g, enum note_kind kind)
{
	bool is_moved =
		kind == NOTE_MOVED || (g->is_pair && kind == NOTE_STOPPING);
	if (is_moved)
		end(m, g);
	else
		forget(g);
}

void
moves_on_note(struct node *n, const struct effect_note *note)
{
	struct move_view v;
	struct going *g = find(n->moves, note->name);
	if (!g && note->kind != NOTE_HANDOFF && note->kind != NOTE_STOPPING)
		return; /* most of what there is to say */
	if (find_view(n, note->name, &v)) {
		note_size(n->moves, &v);
		if (!g && v.is_source)
			g = begin(n->moves, note->name);
		if (v.is_source)
			take_view(n, g, &v);
	} else if (g && !g->is_plain) {
		end_or_forget(n->moves, g, note->kind);
	} else {
		plain_on_note(n, g, note);
	}
}

/* --- Telling --- */

static void
walk_over(const struct moves *m, mono now, move_each_fn *each, void *context)
{
	uint64_t first = m->over_count > MOVES_OVER_MAX
				 ? m->over_count - MOVES_OVER_MAX
				 : 0;
	for (uint64_t i = first; i < m->over_count; i++) {
		const struct over *o = &m->over[i % MOVES_OVER_MAX];
		struct move_item item = {
			.name = o->name,
			.to = o->to,
			.state = "moved",
			.is_over = true,
			.has_size = true,
			.size = o->size,
			.bytes = o->size,
			.sent = o->sent,
			.took_ms = o->took_ms,
			.ago_ms = mono_diff(now, o->at),
		};
		each(context, &item);
	}
}

static void
tell_view(struct node *n, const struct move_view *v, mono now,
	move_each_fn *each, void *context)
{
	struct bulk_given given = {0};
	const struct going *g = find(n->moves, v->name);
	if (v->root)
		(void)bulk_get_given(n->bulk, v->name, v->root, &given);
	struct move_item item = {
		.name = v->name,
		.to = v->peer,
		.state = v->state,
		.has_size = v->has_size,
		.size = v->size,
		.bytes = v->is_there ? v->size : given.here,
		.sent = given.sent,
		.rate = v->is_there ? 0 : given.rate,
		.took_ms = g ? mono_diff(now, g->began) : -1,
		.ago_ms = -1,
	};
	/* What is sent twice counts once. */
	if (item.bytes > item.size)
		item.bytes = item.size;
	each(context, &item);
}

void
moves_walk(struct node *n, move_each_fn *each, void *context)
{
	mono now = clock_mono();
	struct move_view v;
	uint32_t cursor = 0;
	walk_over(n->moves, now, each, context);
	while (view_move_next(n->core, &cursor, &v))
		if (v.is_source)
			tell_view(n, &v, now, each, context);
}

void
moves_walk_sizes(struct node *n, size_each_fn *each, void *context)
{
	mono now = clock_mono();
	list_each (it, &n->moves->sizes) {
		const struct known_size *s =
			container_of(it, struct known_size, link);
		each(context, s->name, s->size, mono_diff(now, s->at));
	}
}
