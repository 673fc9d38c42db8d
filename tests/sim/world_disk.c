/* Disks: what is written becomes durable in order, after a while. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world_private.h"

void
record_free(struct record *r)
{
	free(r->value);
}

static void
disk_apply(struct host *h, struct record *r)
{
	size_t i = 0;
	for (; i < h->record_count; i++)
		if (h->records[i].table == r->table &&
			h->records[i].key_size == r->key_size &&
			!memcmp(h->records[i].key, r->key, r->key_size))
			break;
	if (i < h->record_count) {
		record_free(&h->records[i]);
		h->records[i] = h->records[--h->record_count];
	}
	if (!r->value)
		return;
	h->records =
		realloc(h->records, (h->record_count + 1) * sizeof *h->records);
	CHECK(h->records);
	h->records[h->record_count++] = *r;
	r->value = NULL;
}

void
disk_drop_dirty(struct host *h)
{
	for (size_t i = 0; i < h->dirty_count; i++)
		record_free(&h->dirty[i]);
	h->dirty_count = 0;
}

void
disk_write(struct world *w, uint32_t host, const struct effect *e)
{
	struct host *h = &w->hosts[host];
	const struct effect_store *s = &e->store;
	struct record r = {.table = s->table, .key_size = s->key.size};
	CHECK(s->key.size <= sizeof r.key);
	observe_effect(w, host, e);
	memcpy(r.key, s->key.data, s->key.size);
	if (s->value.data) {
		r.value = malloc(s->value.size + 1);
		CHECK(r.value);
		memcpy(r.value, s->value.data, s->value.size);
		r.value_size = s->value.size;
	}
	h->dirty = realloc(h->dirty, (h->dirty_count + 1) * sizeof *h->dirty);
	CHECK(h->dirty);
	h->dirty[h->dirty_count++] = r;
	struct event *done = event_new(w, EVENT_STORED, host,
		1 + (int64_t)prng_below(&w->prng, 10), (struct bytes){NULL, 0});
	done->seq = s->seq;
	event_push(w, done);
}

void
world_stall_disk(struct world *w, uint32_t host, int64_t ms)
{
	w->hosts[host].disk_stalled_until = mono_add(w->now, ms);
}

void
disk_on_stored(struct world *w, struct event *e)
{
	struct host *h = &w->hosts[e->host];
	CHECK(h->dirty_count > 0);
	bool is_stalled = !mono_reached(h->disk_stalled_until, w->now);
	if (is_stalled || e->seq != h->stored + 1) { /* it keeps order */
		e->at = is_stalled ? h->disk_stalled_until
				   : mono_add(w->now, 1);
		event_push(w, e);
		return;
	}
	struct record *r = &h->dirty[0];
	observe_stored(w, e->host, r->table,
		(struct bytes){r->key, r->key_size},
		(struct bytes){r->value, r->value_size}, e->seq);
	disk_apply(h, r);
	record_free(&h->dirty[0]);
	memmove(h->dirty, h->dirty + 1, --h->dirty_count * sizeof *h->dirty);
	h->stored = e->seq;
	struct input in = {.kind = INPUT_STORED};
	in.stored.seq = e->seq;
	world_step(w, e->host, &in);
	world_release_waiting(w, e->host);
	event_free(w, e);
}

void
disk_load(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	for (size_t i = 0; i < h->record_count; i++) {
		const struct record *r = &h->records[i];
		struct input in = {.kind = INPUT_LOAD};
		in.load = (struct input_load){r->table, {r->key, r->key_size},
			{r->value, r->value_size}};
		world_step(w, host, &in);
	}
}
