/* The heap of all that will happen, by (time, number), and spare events. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world_private.h"

/* The ticks of one time come behind its events, in the order of the hosts. */
#define TICK ((uint64_t)1 << 63)

/* Events whose bytes fit into a block of one of these sizes are kept. */
#define BLOCK_SIZE_MIN 192

static bool
is_before(const struct world_due *a, const struct world_due *b)
{
	if (a->ms != b->ms)
		return a->ms < b->ms;
	return a->number < b->number;
}

static void
push(struct world *w, struct world_due due)
{
	if (w->heap_count == w->heap_size) {
		w->heap_size = w->heap_size ? w->heap_size * 2 : 256;
		w->heap = realloc(w->heap, w->heap_size * sizeof *w->heap);
		CHECK(w->heap);
	}
	size_t i = w->heap_count++;
	for (; i > 0 && is_before(&due, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = due;
}

void
event_push(struct world *w, struct event *e)
{
	push(w, (struct world_due){e->at.ms, e->number, e});
}

void
event_push_tick(struct world *w, uint32_t host, mono at)
{
	push(w, (struct world_due){at.ms, TICK | host, NULL});
}

bool
event_is_tick(const struct world_due *due, uint32_t *host)
{
	*host = (uint32_t)due->number;
	return !due->event;
}

void
event_unpark(struct world *w, uint32_t host)
{
	size_t count = w->heap_count;
	w->heap_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct world_due due = w->heap[i];
		struct event *e = due.event;
		if (e && e->host == host && e->is_parked) {
			e->at = w->now;
			due.ms = w->now.ms;
		}
		push(w, due);
	}
}

struct world_due
event_pop(struct world *w)
{
	struct world_due top = w->heap[0];
	struct world_due last = w->heap[--w->heap_count];
	size_t i = 0;
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= w->heap_count)
			break;
		if (child + 1 < w->heap_count &&
			is_before(&w->heap[child + 1], &w->heap[child]))
			child++;
		if (!is_before(&w->heap[child], &last))
			break;
		w->heap[i] = w->heap[child];
		i = child;
	}
	if (w->heap_count)
		w->heap[i] = last;
	return top;
}

/* A block with room for 'size' bytes, and its class; larger ones than the
 * largest class are not kept. */
static struct event *
block_new(struct world *w, size_t size, uint8_t *size_class)
{
	size_t room = BLOCK_SIZE_MIN;
	uint8_t class = 0;
	for (; room < size && class < WORLD_EVENT_CLASSES; class ++)
		room *= 2;
	*size_class = class;
	if (class == WORLD_EVENT_CLASSES)
		return malloc(size);
	struct event *e = w->spare_events[class];
	if (!e)
		return malloc(room);
	w->spare_events[class] = e->next;
	return e;
}

struct event *
event_new(struct world *w, enum event_kind kind, uint32_t host, int64_t in_ms,
	struct bytes body)
{
	uint8_t size_class;
	struct event *e = block_new(w, sizeof *e + body.size, &size_class);
	CHECK(e);
	memset(e, 0, sizeof *e);
	e->size_class = size_class;
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

void
event_free(struct world *w, struct event *e)
{
	free(e->fetched);
	if (e->size_class == WORLD_EVENT_CLASSES) {
		free(e);
		return;
	}
	e->next = w->spare_events[e->size_class];
	w->spare_events[e->size_class] = e;
}

void
event_free_all(struct world *w)
{
	for (size_t i = 0; i < w->heap_count; i++)
		if (w->heap[i].event)
			event_free(w, w->heap[i].event);
	free(w->heap);
	for (int class = 0; class < WORLD_EVENT_CLASSES; class ++) {
		struct event *e = w->spare_events[class];
		while (e) {
			struct event *next = e->next;
			free(e);
			e = next;
		}
	}
}
