/* The table of kept states, its records, and what hosts say of them. */
#include "core/conflict.h"

#include <string.h>

#include "base/hash.h"
#include "core/conflict_private.h"

#define RECORD_VERSION 3 /* 2: without what is joined; 1: without 'given' */
#define WORD_VERSION   2 /* 1: without 'claim' and 'given' */
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
	t->look_at = t->adopt_at = MONO_NEVER;
}

/* --- The table --- */

struct conflict *
conflict_of(const struct core *c, const char *name)
{
	return named_find(&c->conflicts.table, name);
}

const struct conflict *
conflict_find(const struct core *c, const char *name)
{
	return conflict_of(c, name);
}

struct conflict *
conflict_make(struct core *c, const char *name)
{
	struct conflict *k = conflict_of(c, name);
	if (k)
		return k;
	k = named_make(&c->conflicts.table, name);
	if (!k)
		return NULL;
	k->counted_at = c->now;
	k->until = MONO_NEVER;
	return k;
}

/* Whether nothing of its name is kept or to be had. */
static bool
is_idle(const struct conflict *k)
{
	return k->word.count == 0 && k->phase == ADOPT_NONE;
}

static bool
keeps(const struct conflict *k, const uint8_t root[DIGEST_SIZE])
{
	for (uint32_t n = 0; n < k->word.count; n++)
		if (!memcmp(k->word.kept[n].root, root, DIGEST_SIZE))
			return true;
	return false;
}

bool
conflict_needs_state(
	const struct core *c, const char *name, const uint8_t root[DIGEST_SIZE])
{
	const struct conflict *k = conflict_of(c, name);
	if (k && keeps(k, root))
		return true;
	return k && k->phase != ADOPT_NONE && k->phase != ADOPT_FAILED &&
	       !memcmp(k->want.root, root, DIGEST_SIZE);
}

uint64_t
conflict_epoch(const struct core *c, const char *name)
{
	const struct conflict *k = conflict_of(c, name);
	uint64_t max = 0;
	for (uint32_t n = 0; k && n < k->word.count; n++)
		if (k->word.kept[n].epoch > max)
			max = k->word.kept[n].epoch;
	return max;
}

uint64_t
conflict_stored(const struct core *c, const char *name)
{
	const struct conflict *k = conflict_of(c, name);
	return k ? k->stored : 0;
}

/* --- Bytes --- */

/* In a word: version, what was used, how many; what is claimed, by which epoch.
 * The second part stands behind the states: older hosts do not know it. */
#define HEAD_SIZE (1 + 8 + 1 + 8 + 8)
#define LOST_SIZE (8 + 8 + DIGEST_SIZE + 8 + 8 + 1 + 8)

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

/* To whom they were given, behind them. */
static void
write_given(struct writer *w, const struct conflict_word *word, uint32_t count)
{
	for (uint32_t n = 0; n < count; n++)
		writer_u64(w, word->kept[n].given);
}

static bool
read_given(struct reader *r, struct conflict_word *word)
{
	for (uint32_t n = 0; n < word->count; n++) {
		word->kept[n].given = reader_u64(r);
		if (word->kept[n].given > EPOCH_MAX)
			return false;
	}
	return !r->bad;
}

/* What is joined with the copy's own: only while that is so. */
static void
write_joined(struct writer *w, const struct conflict *k)
{
	write_lost(w, &k->want);
	writer_raw(w, k->own, DIGEST_SIZE);
	writer_text(w, k->from);
}

static bool
read_joined(struct reader *r, struct conflict *k)
{
	if (!read_lost(r, &k->want))
		return false;
	for (size_t i = 0; i < DIGEST_SIZE; i++)
		k->own[i] = reader_u8(r);
	const char *from = reader_text(r);
	if (r->bad || strlen(from) > NODE_NAME_MAX)
		return false;
	strcpy(k->from, from);
	k->phase = ADOPT_JOINING;
	return true;
}

void
conflict_record(struct core *c, struct conflict *k)
{
	unsigned char buffer[640];
	struct bytes key = {k->head.name, strlen(k->head.name)};
	struct writer w;
	bool is_joining = k->phase == ADOPT_JOINING;
	if (k->word.count == 0 && !is_joining) {
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
	write_given(&w, &k->word, k->word.count);
	writer_u8(&w, is_joining);
	if (is_joining)
		write_joined(&w, k);
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
	if (version < 1 || k->word.count > CONFLICT_KEPT)
		return false;
	for (uint32_t n = 0; n < k->word.count; n++) {
		if (!read_lost(&r, &k->word.kept[n]))
			return false;
		k->kept_ms[n] = reader_i64(&r);
		if (k->kept_ms[n] < 0 || k->kept_ms[n] > CONFLICT_KEEP_MS)
			return false;
	}
	if (version >= 2 && !read_given(&r, &k->word))
		return false;
	if (version >= 3 && reader_u8(&r) && !read_joined(&r, k))
		return false;
	/* A later version may have written more behind it. */
	return !r.bad && (k->word.count > 0 || k->phase == ADOPT_JOINING);
}

static bool
load(struct core *c, struct bytes key, struct bytes value)
{
	char name[INSTANCE_NAME_MAX + 1];
	struct conflict read = {0};
	if (!instance_name_of_key(key, name) || conflict_of(c, name) ||
		!read_record(&read, value))
		return false;
	struct conflict *k = conflict_make(c, name);
	if (!k)
		return false;
	k->word = read.word;
	memcpy(k->kept_ms, read.kept_ms, sizeof k->kept_ms);
	k->phase = read.phase;
	k->want = read.want;
	memcpy(k->own, read.own, sizeof k->own);
	strcpy(k->from, read.from);
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
	conflict_record(c, k);
	sealed_drop(c, k->head.name, gone.root, handoff_after(c));
}

/* Says what is kept, or that nothing is any more. */
static void
publish(struct core *c, struct conflict *k)
{
	struct instance *i = instance_find(c, k->head.name);
	if (is_idle(k))
		named_free(&c->conflicts.table, &k->head);
	if (i)
		instance_publish(c, i);
}

bool
conflict_keep(struct core *c, struct instance *inst, const struct lost *lost)
{
	struct conflict *k = conflict_make(c, inst->name);
	CHECK(lost->epoch > 0);
	if (!k) {
		core_note(c, NOTE_CONFLICT, inst->name, lost->epoch,
			"there is no room to keep the state of its copy that "
			"lost");
		return false;
	}
	if (keeps(k, lost->root))
		return true; /* a crash came between */
	if (k->word.count == 0)
		k->counted_at = c->now;
	if (k->word.count == CONFLICT_KEPT)
		let_go(c, k, CONFLICT_KEPT - 1, "two newer ones have come");
	memmove(k->word.kept + 1, k->word.kept,
		k->word.count * sizeof *k->word.kept);
	memmove(k->kept_ms + 1, k->kept_ms, k->word.count * sizeof *k->kept_ms);
	k->word.kept[0] = *lost;
	k->kept_ms[0] = 0;
	k->word.count++;
	conflict_record(c, k);
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
	const struct conflict *k = conflict_of(c, inst->name);
	return inst->used || (k && (k->word.count || k->claim));
}

size_t
conflict_write_word(const struct core *c, const struct instance *inst,
	void *room, size_t size)
{
	static const struct conflict_word nothing;
	const struct conflict *k = conflict_of(c, inst->name);
	const struct conflict_word *word = k ? &k->word : &nothing;
	uint32_t count = word->count;
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
		write_lost(&w, &word->kept[n]);
	writer_u64(&w, k && k->claim ? conflict_key(k->want.root) : 0);
	writer_u64(&w, k ? k->claim : 0);
	write_given(&w, word, count);
	CHECK(!w.bad);
	return w.size;
}

bool
conflict_read_row(const struct row *row, struct conflict_word *out)
{
	struct checkpoint_word before;
	struct reader r;
	memset(out, 0, sizeof *out);
	if (row->value.kind != ROW_INSTANCE || row->meta_size == 0)
		return false;
	reader_init(&r, row_meta(row).data, row->meta_size);
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
	if (version < 2)
		return true;
	out->claim = reader_u64(&r);
	out->claim_epoch = reader_u64(&r);
	return read_given(&r, out) && out->claim_epoch <= EPOCH_MAX;
}

const struct row *
conflict_next_word(const struct core *c, const char *name,
	const struct row *row, struct conflict_word *out)
{
	do
		row = registry_next_other(c, name, row);
	while (row && !conflict_read_row(row, out));
	return row;
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

/* Nobody wants its service any more. */
static void
forget(struct core *c, struct conflict *k, struct instance *inst)
{
	adopt_stop(c, k, inst);
	while (k->word.count)
		let_go(c, k, k->word.count - 1,
			"nobody wants the service any more");
	publish(c, k);
}

/* Heeds what one other host says of our states; returns whether that was news
 * to be said. */
static bool
heed(struct core *c, struct conflict *k, const struct conflict_word *word)
{
	bool is_news = false, is_given = false;
	for (uint32_t n = k->word.count; n-- > 0;) {
		struct lost *s = &k->word.kept[n];
		uint64_t key = conflict_key(s->root);
		if (word->used == key) {
			let_go(c, k, n, "the copy that won goes on from it");
			is_news = true;
		} else if (word->claim == key && s->was_live && !s->given &&
			   word->claim_epoch > s->epoch) {
			s->given = word->claim_epoch;
			is_given = true;
		}
	}
	if (is_given)
		conflict_record(c, k);
	return is_news || is_given;
}

void
conflict_review(struct core *c, struct instance *inst,
	const struct service_value *service)
{
	struct conflict_word word;
	struct conflict *k = conflict_of(c, inst->name);
	bool is_news = false;
	if (!k)
		return;
	if (!service) {
		forget(c, k, inst);
		return;
	}
	const struct row *r = conflict_next_word(c, k->head.name, NULL, &word);
	for (; r; r = conflict_next_word(c, k->head.name, r, &word))
		is_news |= heed(c, k, &word);
	adopt_review(c, k, inst, service);
	if (is_news)
		publish(c, k);
	else if (is_idle(k) && !k->failures)
		named_free(&c->conflicts.table, &k->head);
}

/* Counts for how long its states were kept; those whose time is over go. */
static void
count_age(struct core *c, struct conflict *k)
{
	int64_t age_ms = mono_diff(c->now, k->counted_at);
	const uint32_t was = k->word.count;
	k->counted_at = c->now;
	if (was == 0)
		return;
	for (uint32_t n = 0; n < k->word.count; n++)
		k->kept_ms[n] += age_ms;
	for (uint32_t n = k->word.count; n-- > 0;)
		if (k->kept_ms[n] >= CONFLICT_KEEP_MS)
			let_go(c, k, n, "its time is over");
	if (k->word.count == was)
		conflict_record(c, k);
	else
		publish(c, k);
}

void
conflict_on_tick(struct core *c)
{
	struct conflicts *t = &c->conflicts;
	adopt_on_tick(c);
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
	return mono_min(c->conflicts.look_at, c->conflicts.adopt_at);
}

void
conflict_check(const struct core *c)
{
	list_each (l, &c->conflicts.table.all) {
		const struct conflict *k =
			container_of(l, struct conflict, head.in_all);
		CHECK(conflict_of(c, k->head.name) == k);
		CHECK(k->word.count <= CONFLICT_KEPT);
		CHECK(!k->claim || k->phase == ADOPT_CLAIMED);
		CHECK(k->phase != ADOPT_JOINING || k->want.epoch > 0);
	}
}
