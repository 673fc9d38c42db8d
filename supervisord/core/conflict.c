/* The table of kept states, its records, and what hosts say of them. */
#include "core/conflict.h"

#include <string.h>

#include "base/hash.h"
#include "core/core_private.h"

#define RECORD_VERSION 1
#define WORD_VERSION   1
/* How often the ages of what is kept are counted, and written down. */
#define COUNT_MS 3600000

size_t
conflict_need(const struct core_limits *l)
{
	return named_need(l, CONFLICTS_MAX, sizeof(struct conflict));
}

void
conflict_init(struct core *c)
{
	struct conflicts *t = &c->conflicts;
	named_init(c, &t->table, CONFLICTS_MAX, sizeof(struct conflict));
	t->look_at = MONO_NEVER;
}

/* --- The table --- */

static struct conflict *
find(const struct core *c, const char *name)
{
	return named_find(&c->conflicts.table, name);
}

const struct conflict *
conflict_find(const struct core *c, const char *name)
{
	return find(c, name);
}

static struct conflict *
make(struct core *c, const char *name)
{
	struct conflict *k = find(c, name);
	if (k)
		return k;
	k = named_make(&c->conflicts.table, name);
	if (k)
		k->counted_at = c->now;
	return k;
}

bool
conflict_needs_state(
	const struct core *c, const char *name, const uint8_t root[DIGEST_SIZE])
{
	const struct conflict *k = find(c, name);
	for (uint32_t n = 0; k && n < k->word.count; n++)
		if (!memcmp(k->word.kept[n].root, root, DIGEST_SIZE))
			return true;
	return false;
}

uint64_t
conflict_epoch(const struct core *c, const char *name)
{
	const struct conflict *k = find(c, name);
	return k && k->word.count ? k->word.kept[0].epoch : 0;
}

uint64_t
conflict_stored(const struct core *c, const char *name)
{
	const struct conflict *k = find(c, name);
	return k ? k->stored : 0;
}

/* --- Bytes --- */

/* In a word: version, what was used, how many. */
#define HEAD_SIZE (1 + 8 + 1)
#define LOST_SIZE (8 + 8 + DIGEST_SIZE + 8 + 8 + 1)

static void
write_lost(struct writer *w, const struct lost *s)
{
	writer_u64(w, s->epoch);
	writer_u64(w, s->winner);
	writer_raw(w, s->root, DIGEST_SIZE);
	writer_u64(w, s->size);
	writer_i64(w, s->wall_ms);
	writer_u8(w, s->was_live);
}

static bool
read_lost(struct reader *r, struct lost *s)
{
	s->epoch = reader_u64(r);
	s->winner = reader_u64(r);
	for (size_t i = 0; i < DIGEST_SIZE; i++)
		s->root[i] = reader_u8(r);
	s->size = reader_u64(r);
	s->wall_ms = reader_i64(r);
	s->was_live = reader_u8(r) != 0;
	return !r->bad && s->epoch > 0 && s->epoch <= EPOCH_MAX &&
	       s->winner <= EPOCH_MAX && s->size < SIZE_LIM &&
	       s->wall_ms >= -WALL_MAX && s->wall_ms <= WALL_MAX;
}

static void
record(struct core *c, struct conflict *k)
{
	unsigned char buffer[256];
	struct bytes key = {k->head.name, strlen(k->head.name)};
	struct writer w;
	if (k->word.count == 0) {
		k->stored = core_store(
			c, TABLE_CONFLICT, key, (struct bytes){NULL, 0});
		return;
	}
	writer_init(&w, buffer, sizeof buffer);
	writer_u8(&w, RECORD_VERSION);
	writer_u8(&w, (uint8_t)k->word.count);
	for (uint32_t n = 0; n < k->word.count; n++) {
		write_lost(&w, &k->word.kept[n]);
		writer_i64(&w, k->kept_ms[n]);
	}
	CHECK(!w.bad);
	k->stored = core_store(c, TABLE_CONFLICT, key, writer_done(&w));
}

static bool
read_record(struct conflict *k, struct bytes value)
{
	struct reader r;
	reader_init(&r, value.data, value.size);
	uint8_t version = reader_u8(&r);
	k->word.count = reader_u8(&r);
	if (version < 1 || k->word.count < 1 || k->word.count > CONFLICT_KEPT)
		return false;
	for (uint32_t n = 0; n < k->word.count; n++) {
		if (!read_lost(&r, &k->word.kept[n]))
			return false;
		k->kept_ms[n] = reader_i64(&r);
		if (k->kept_ms[n] < 0 || k->kept_ms[n] > CONFLICT_KEEP_MS)
			return false;
	}
	/* A later version may have written more behind it. */
	return !r.bad;
}

static bool
load(struct core *c, struct bytes key, struct bytes value)
{
	char name[INSTANCE_NAME_MAX + 1];
	struct conflict read = {0};
	if (!instance_name_of_key(key, name) || find(c, name) ||
		!read_record(&read, value))
		return false;
	struct conflict *k = make(c, name);
	if (!k)
		return false;
	k->word = read.word;
	memcpy(k->kept_ms, read.kept_ms, sizeof k->kept_ms);
	return true;
}

void
conflict_on_load(struct core *c, struct bytes key, struct bytes value)
{
	c->has_unread |= !load(c, key, value);
}

/* --- What is kept --- */

/* Lets the state at 'n' go, and says why; the record is the caller's. */
static void
let_go(struct core *c, struct conflict *k, uint32_t n, const char *why)
{
	const struct lost gone = k->word.kept[n];
	CHECK(n < k->word.count);
	k->word.count--;
	for (uint32_t m = n; m < k->word.count; m++) {
		k->word.kept[m] = k->word.kept[m + 1];
		k->kept_ms[m] = k->kept_ms[m + 1];
	}
	core_note(c, NOTE_CONFLICT, k->head.name, gone.epoch,
		effects_format(&c->fx,
			"the state of its copy that lost is kept no longer: %s",
			why));
	record(c, k);
	handoff_drop(c, k->head.name, gone.root, handoff_after(c));
}

/* Says what is kept, or that nothing is any more. */
static void
publish(struct core *c, struct conflict *k)
{
	struct instance *i = instance_find(c, k->head.name);
	if (k->word.count == 0)
		named_free(&c->conflicts.table, &k->head);
	if (i)
		instance_publish(c, i);
}

bool
conflict_keep(struct core *c, struct instance *inst, const struct lost *lost)
{
	struct conflict *k = make(c, inst->name);
	CHECK(lost->epoch > 0);
	if (!k) {
		core_note(c, NOTE_CONFLICT, inst->name, lost->epoch,
			"there is no room to keep the state of its copy that "
			"lost");
		return false;
	}
	if (conflict_needs_state(c, inst->name, lost->root))
		return true; /* a crash came between */
	if (k->word.count == CONFLICT_KEPT)
		let_go(c, k, CONFLICT_KEPT - 1, "two newer ones have come");
	memmove(k->word.kept + 1, k->word.kept,
		k->word.count * sizeof *k->word.kept);
	memmove(k->kept_ms + 1, k->kept_ms, k->word.count * sizeof *k->kept_ms);
	k->word.kept[0] = *lost;
	k->kept_ms[0] = 0;
	k->word.count++;
	record(c, k);
	c->conflicts.look_at =
		mono_min(c->conflicts.look_at, mono_add(c->now, COUNT_MS));
	core_note(c, NOTE_CONFLICT, inst->name, lost->epoch,
		effects_format(&c->fx, "%s is kept here for %d days",
			lost->was_live ? "the state of the copy that lost"
				       : "the last state of an earlier copy",
			CONFLICT_KEEP_MS / 86400000));
	instance_publish(c, inst);
	return true;
}

/* The epoch of the best copy that another present host holds, or 0. */
static uint64_t
rival_epoch(const struct core *c, const char *name)
{
	uint64_t best = 0;
	const struct row *r = registry_first(c, ROW_INSTANCE, name);
	for (; r; r = registry_next(c, r))
		if (r->origin != MEMBER_SELF && r->value.epoch > best &&
			row_state_is_held(r->value.state) &&
			member_is_present(c, r->origin))
			best = r->value.epoch;
	return best;
}

void
conflict_keep_staged(struct core *c, struct instance *inst)
{
	uint64_t rival = rival_epoch(c, inst->name);
	if (!inst->staged || !inst->is_declared || rival == 0)
		return;
	const struct staged *s = inst->staged;
	struct lost lost = {.epoch = inst->epoch,
		.winner = rival,
		.size = s->size,
		.wall_ms = s->wall_ms};
	memcpy(lost.root, s->root, DIGEST_SIZE);
	if (lost.epoch == 0 || !conflict_keep(c, inst, &lost))
		return;
	instance_unstage(c, inst);
}

/* --- Words --- */

uint64_t
conflict_key(const uint8_t root[DIGEST_SIZE])
{
	uint64_t key = hash_bytes(root, DIGEST_SIZE, 0);
	return key ? key : 1;
}

bool
conflict_has_word(const struct core *c, const struct instance *inst)
{
	return inst->used || conflict_epoch(c, inst->name);
}

size_t
conflict_write_word(const struct core *c, const struct instance *inst,
	void *room, size_t size)
{
	const struct conflict *k = find(c, inst->name);
	uint32_t count = k ? k->word.count : 0;
	struct writer w;
	if (!conflict_has_word(c, inst))
		return 0;
	CHECK(size >= HEAD_SIZE);
	if (count > (size - HEAD_SIZE) / LOST_SIZE)
		count = (uint32_t)((size - HEAD_SIZE) / LOST_SIZE);
	writer_init(&w, room, size);
	writer_u8(&w, WORD_VERSION);
	writer_u64(&w, inst->used);
	writer_u8(&w, (uint8_t)count);
	for (uint32_t n = 0; n < count; n++)
		write_lost(&w, &k->word.kept[n]);
	CHECK(!w.bad);
	return w.size;
}

bool
conflict_read_row(const struct row *row, struct conflict_word *out)
{
	struct checkpoint_word before;
	struct reader r;
	memset(out, 0, sizeof *out);
	if (row->value.kind != ROW_INSTANCE || row->value.meta.size == 0)
		return false;
	reader_init(&r, row->value.meta.data, row->value.meta.size);
	if (!checkpoint_read_word(&r, &before))
		return false;
	uint8_t version = reader_u8(&r);
	out->used = reader_u64(&r);
	uint32_t count = reader_u8(&r);
	if (r.bad || version < 1 || count > CONFLICT_KEPT)
		return false;
	for (uint32_t n = 0; n < count; n++)
		if (!read_lost(&r, &out->kept[n]))
			return false;
	out->count = count;
	return true;
}

/* --- Changes and time --- */

void
conflict_on_boot(struct core *c)
{
	list_each_safe (l, &c->conflicts.table.all) {
		struct conflict *k =
			container_of(l, struct conflict, head.in_all);
		struct instance *i = instance_ensure(c, k->head.name);
		/* The table is full: it is kept, and nobody hears of it. */
		if (i)
			instance_publish(c, i);
		k->counted_at = c->now;
		c->conflicts.look_at = mono_add(c->now, COUNT_MS);
	}
}

void
conflict_review(struct core *c, struct instance *inst,
	const struct service_value *service)
{
	struct conflict *k = find(c, inst->name);
	if (!k || service)
		return;
	while (k->word.count)
		let_go(c, k, k->word.count - 1,
			"nobody wants the service any more");
	publish(c, k);
}

/* Counts for how long its states were kept; those whose time is over go. */
static void
count_age(struct core *c, struct conflict *k)
{
	int64_t age_ms = mono_diff(c->now, k->counted_at);
	const uint32_t was = k->word.count;
	k->counted_at = c->now;
	for (uint32_t n = 0; n < k->word.count; n++)
		k->kept_ms[n] += age_ms;
	for (uint32_t n = k->word.count; n-- > 0;)
		if (k->kept_ms[n] >= CONFLICT_KEEP_MS)
			let_go(c, k, n, "its time is over");
	if (k->word.count == was)
		record(c, k);
	else
		publish(c, k);
}

void
conflict_on_tick(struct core *c)
{
	struct conflicts *t = &c->conflicts;
	if (!mono_reached(t->look_at, c->now))
		return;
	t->look_at = MONO_NEVER;
	list_each_safe (l, &t->table.all) {
		struct conflict *k =
			container_of(l, struct conflict, head.in_all);
		bool is_due = mono_diff(c->now, k->counted_at) >= COUNT_MS;
		if (is_due && !effects_has_room(&c->fx, 64, 4096)) {
			t->look_at = c->now; /* the rest, next */
			return;
		}
		mono next = mono_add(is_due ? c->now : k->counted_at, COUNT_MS);
		t->look_at = mono_min(t->look_at, next);
		if (is_due)
			count_age(c, k);
	}
}

mono
conflict_deadline(const struct core *c)
{
	return c->conflicts.look_at;
}

void
conflict_check(const struct core *c)
{
	list_each (l, &c->conflicts.table.all) {
		const struct conflict *k =
			container_of(l, struct conflict, head.in_all);
		CHECK(find(c, k->head.name) == k);
		CHECK(k->word.count > 0 && k->word.count <= CONFLICT_KEPT);
	}
}
