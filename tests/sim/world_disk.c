/* Disks: what is written becomes durable in order, after a while.
 *
 * The store of the real node commits by transactions, which a loss of power
 * leaves whole or undone: so a torn record never reaches a core, and a torn
 * write is the first one that is gone of several that were under way.  A write
 * that fails (no room, I/O error) is tried again with back-off for as long as
 * that lasts; nothing becomes durable meanwhile, and nobody is told.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world_private.h"

#define RETRY_FIRST_MS 100 /* as the store's */
#define RETRY_LAST_MS  5000
#define LATE_MS	       1000

/* --- The index: open addressing, number of a record + 1 --- */

#define SLOT_GONE UINT32_MAX

static bool
is_same_key(const struct record *a, const struct record *b)
{
	return a->key_hash == b->key_hash && a->table == b->table &&
	       a->key_size == b->key_size &&
	       !memcmp(a->key, b->key, a->key_size);
}

/* The slot of the record with that key, or the free one at the end of its
 * chain. */
static uint32_t *
find_slot(const struct host *h, const struct record *r)
{
	size_t mask = h->record_slot_count - 1;
	size_t at = r->key_hash & mask;
	for (;; at = (at + 1) & mask) {
		uint32_t *slot = &h->record_slots[at];
		if (*slot == 0 ||
			(*slot != SLOT_GONE &&
				is_same_key(h->records[*slot - 1], r)))
			return slot;
	}
}

static void
forget_index(struct host *h)
{
	free(h->record_slots);
	h->record_slots = NULL;
	h->record_slot_count = h->record_slots_used = 0;
}

/* Sees to it that one more record has a slot, and most slots are free. */
static void
make_slots(struct host *h)
{
	if (h->record_slots_used < h->record_slot_count / 2)
		return;
	forget_index(h);
	h->record_slot_count = 64;
	while (h->record_slot_count < 4 * (h->record_count + 1))
		h->record_slot_count *= 2;
	h->record_slots = calloc(h->record_slot_count, sizeof *h->record_slots);
	CHECK(h->record_slots);
	for (size_t i = 0; i < h->record_count; i++)
		*find_slot(h, h->records[i]) = (uint32_t)i + 1;
	h->record_slots_used = h->record_count;
}

/* --- Writes --- */

/* Takes a record out; the last one gets its place. */
static void
remove_record(struct world *w, struct host *h, uint32_t *slot)
{
	size_t i = *slot - 1, last = h->record_count - 1;
	*slot = SLOT_GONE;
	record_give(w, h->records[i]);
	if (i != last) {
		*find_slot(h, h->records[last]) = (uint32_t)i + 1;
		h->records[i] = h->records[last];
	}
	h->record_count--;
}

static void
add_record(struct host *h, struct record *r)
{
	if (h->record_count == h->record_room) {
		h->record_room = h->record_room ? h->record_room * 2 : 16;
		h->records = realloc(
			h->records, h->record_room * sizeof(struct record *));
		CHECK(h->records);
	}
	h->records[h->record_count++] = record_share(r);
	uint32_t *slot = find_slot(h, r);
	h->record_slots_used += *slot == 0;
	*slot = (uint32_t)h->record_count;
}

static void
disk_apply(struct world *w, struct host *h, struct record *r)
{
	make_slots(h);
	uint32_t *slot = find_slot(h, r);
	if (*slot)
		remove_record(w, h, slot);
	if (r->value)
		add_record(h, r);
}

void
disk_clear(struct world *w, struct host *h)
{
	while (h->record_count)
		record_give(w, h->records[--h->record_count]);
	free(h->records);
	h->records = NULL;
	h->record_room = 0;
	forget_index(h);
}

struct disk *
world_disk_copy(struct world *w, uint32_t host)
{
	const struct host *h = &w->hosts[host];
	struct disk *d = calloc(1, sizeof *d);
	CHECK(d);
	d->records = calloc(h->record_count + 1, sizeof(struct record *));
	CHECK(d->records);
	while (d->count < h->record_count) {
		d->records[d->count] = record_share(h->records[d->count]);
		d->count++;
	}
	d->states = calloc(h->state_count + 1, sizeof *d->states);
	CHECK(d->states);
	for (size_t i = 0; i < h->state_count; i++)
		d->states[i] = h->states[i];
	d->state_count = h->state_count;
	d->places = malloc(h->place_count * sizeof *d->places + 1);
	CHECK(d->places);
	for (size_t i = 0; i < h->place_count; i++)
		d->places[i] = h->places[i];
	d->place_count = h->place_count;
	d->node_id = h->config.node_id;
	return d;
}

void
world_disk_restore(struct world *w, uint32_t host, struct disk *disk)
{
	struct host *h = &w->hosts[host];
	CHECK(!h->is_running);
	disk_clear(w, h);
	h->records = disk->records;
	h->record_count = h->record_room = disk->count;
	free(h->states);
	h->states = disk->states;
	h->state_count = disk->state_count;
	h->config.node_id = disk->node_id;
	guest_forget(h);
	place_restore(h, disk);
	observe_fault(
		w, WORLD_FAULT_RESTORE, host, WORLD_NO_HOST, disk->is_partial);
	free(disk->places);
	free(disk);
}

void
world_disk_free(struct world *w, struct disk *disk)
{
	if (!disk)
		return;
	while (disk->count)
		record_give(w, disk->records[--disk->count]);
	free(disk->records);
	free(disk->states);
	free(disk->places);
	free(disk);
}

void
disk_drop_dirty(struct world *w, struct host *h)
{
	for (size_t i = 0; i < h->dirty_count; i++)
		record_give(w, h->dirty[h->dirty_first + i].record);
	h->dirty_first = h->dirty_count = 0;
}

/* Room for one more behind what is dirty. */
static struct record_write *
add_dirty(struct host *h)
{
	if (h->dirty_first > 0 &&
		h->dirty_first + h->dirty_count == h->dirty_size) {
		memmove(h->dirty, h->dirty + h->dirty_first,
			h->dirty_count * sizeof *h->dirty);
		h->dirty_first = 0;
	}
	if (h->dirty_count > h->dirty_size / 2 || !h->dirty_size) {
		h->dirty_size = h->dirty_size ? h->dirty_size * 2 : 16;
		h->dirty = realloc(h->dirty, h->dirty_size * sizeof *h->dirty);
		CHECK(h->dirty);
	}
	return &h->dirty[h->dirty_first + h->dirty_count++];
}

/* Nothing becomes durable for a while: a slow fsync holds up all behind. */
static void
stall(struct world *w, struct host *h, int64_t ms)
{
	mono until = mono_add(w->now, ms);
	if (h->disk_stalled_until.ms < until.ms)
		h->disk_stalled_until = until;
}

void
disk_write(struct world *w, uint32_t host, const struct effect *e)
{
	struct host *h = &w->hosts[host];
	const struct effect_store *s = &e->store;
	observe_effect(w, host, e);
	*add_dirty(h) = (struct record_write){
		record_take(w, s->table, s->key, s->value, h->is_newer),
		w->now};
	const struct disk_faults *f = &h->disk_faults;
	if (f->slow_permille && prng_chance(&w->prng, f->slow_permille, 1000))
		stall(w, h,
			f->slow_min_ms + (int64_t)prng_below(&w->prng,
						 (uint64_t)(f->slow_max_ms -
							    f->slow_min_ms) +
							 1));
	struct event *done = event_new(w, EVENT_STORED, host,
		1 + (int64_t)prng_below(&w->prng, 10), (struct bytes){NULL, 0});
	done->seq = s->seq;
	event_push(w, done);
}

void
world_stall_disk(struct world *w, uint32_t host, int64_t ms)
{
	struct host *h = &w->hosts[host];
	mono until = mono_add(w->now, ms);
	bool is_shorter = until.ms < h->disk_stalled_until.ms;
	h->disk_stalled_until = until;
	if (is_shorter)
		event_unpark(w, host);
}

void
world_disk_set(struct world *w, uint32_t host, const struct disk_faults *faults)
{
	CHECK(faults->slow_min_ms <= faults->slow_max_ms);
	w->hosts[host].disk_faults = *faults;
	observe_fault(
		w, WORLD_FAULT_DISK, host, WORLD_NO_HOST, faults->is_full);
}

/* The oldest write becomes durable. */
static void
write_first(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	const struct record_write *write = &h->dirty[h->dirty_first];
	struct record *r = write->record;
	CHECK(h->dirty_count > 0);
	h->stored++;
	w->disk_counts.late += mono_diff(w->now, write->written_at) >= LATE_MS;
	observe_stored(w, host, r->table, (struct bytes){r->key, r->key_size},
		(struct bytes){r->value, r->value_size}, h->stored);
	disk_apply(w, h, r);
	record_give(w, r);
	h->dirty_first++;
	h->dirty_count--;
}

void
disk_end(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	bool is_kept = h->disk_faults.is_keeping_some &&
		       !h->disk_faults.is_full && h->dirty_count;
	uint64_t kept = is_kept ? prng_below(&w->prng, h->dirty_count + 1) : 0;
	w->disk_counts.kept += kept;
	while (kept--)
		write_first(w, host);
	w->disk_counts.lost += h->dirty_count;
	w->disk_counts.torn += is_kept && h->dirty_count;
	disk_drop_dirty(w, h);
}

/* Whether the disk fails a write that it tries now. */
static bool
has_failed(struct world *w, const struct host *h)
{
	uint32_t permille = h->disk_faults.error_permille;
	if (h->disk_faults.is_full) {
		w->disk_counts.refused++;
		return true;
	}
	if (!permille || !prng_chance(&w->prng, permille, 1000))
		return false;
	w->disk_counts.errors++;
	return true;
}

/* It tries again later, and later each time. */
static void
back_off(struct world *w, struct host *h)
{
	h->disk_retry_ms = h->disk_retry_ms * 2;
	if (h->disk_retry_ms < RETRY_FIRST_MS)
		h->disk_retry_ms = RETRY_FIRST_MS;
	if (h->disk_retry_ms > RETRY_LAST_MS)
		h->disk_retry_ms = RETRY_LAST_MS;
	stall(w, h, h->disk_retry_ms);
}

static bool
is_stalled(const struct world *w, const struct host *h)
{
	return !mono_reached(h->disk_stalled_until, w->now);
}

void
disk_on_stored(struct world *w, struct event *e)
{
	struct host *h = &w->hosts[e->host];
	bool is_next = e->seq == h->stored + 1;
	CHECK(h->dirty_count > 0);
	if (is_next && !is_stalled(w, h) && has_failed(w, h))
		back_off(w, h);
	if (is_stalled(w, h) || !is_next) { /* it keeps order */
		e->is_parked = is_stalled(w, h);
		e->at = e->is_parked ? h->disk_stalled_until
				     : mono_add(w->now, 1);
		event_push(w, e);
		return;
	}
	h->disk_retry_ms = 0;
	write_first(w, e->host);
	CHECK(h->stored == e->seq);
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
		const struct record *r = h->records[i];
		struct input in = {.kind = INPUT_LOAD};
		in.load = (struct input_load){r->table, {r->key, r->key_size},
			{r->value, r->value_size}};
		world_step(w, host, &in);
	}
}
