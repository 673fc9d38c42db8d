/* The heap of events, by (time, number). */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world_private.h"

static bool
is_before(const struct event *a, const struct event *b)
{
	if (a->at.ms != b->at.ms)
		return a->at.ms < b->at.ms;
	return a->number < b->number;
}

void
event_push(struct world *w, struct event *e)
{
	if (w->heap_count == w->heap_size) {
		w->heap_size = w->heap_size ? w->heap_size * 2 : 256;
		w->heap = realloc(w->heap, w->heap_size * sizeof *w->heap);
		CHECK(w->heap);
	}
	size_t i = w->heap_count++;
	for (; i > 0 && is_before(e, w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = e;
}

struct event *
event_pop(struct world *w)
{
	struct event *top = w->heap[0];
	struct event *last = w->heap[--w->heap_count];
	size_t i = 0;
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= w->heap_count)
			break;
		if (child + 1 < w->heap_count &&
			is_before(w->heap[child + 1], w->heap[child]))
			child++;
		if (!is_before(w->heap[child], last))
			break;
		w->heap[i] = w->heap[child];
		i = child;
	}
	if (w->heap_count)
		w->heap[i] = last;
	return top;
}

struct event *
event_new(struct world *w, enum event_kind kind, uint32_t host, int64_t in_ms,
	struct bytes body)
{
	struct event *e = calloc(1, sizeof *e + body.size);
	CHECK(e);
	e->kind = kind;
	e->host = host;
	e->start = w->hosts[host].starts;
	e->at = mono_add(w->now, in_ms);
	e->number = w->next_event++;
	e->held_since = MONO_NEVER;
	e->size = body.size;
	if (body.size)
		memcpy(e->body, body.data, body.size);
	return e;
}
