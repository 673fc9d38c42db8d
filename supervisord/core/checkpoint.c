/* The table of checkpoints, and what hosts say of them in their rows. */
#include "core/checkpoint.h"

#include <string.h>

#include "core/checkpoint_private.h"

/* Of the epoch of a checkpoint above those that were taken, as far as this host
 * has heard: it may not have heard of all. */
#define EPOCH_LEAP (UINT64_C(1) << 32)
#define AGAIN_MS   1000

size_t
checkpoint_need(const struct core_limits *l)
{
	return named_need(l, CHECKPOINTS_MAX, sizeof(struct checkpoint));
}

void
checkpoint_init(struct core *c)
{
	struct checkpoints *t = &c->checkpoints;
	named_init(c, &t->table, CHECKPOINTS_MAX, sizeof(struct checkpoint));
	t->look_at = MONO_NEVER;
}

/* --- The table --- */

struct checkpoint *
checkpoint_of(const struct core *c, const char *name)
{
	return named_find(&c->checkpoints.table, name);
}

const struct checkpoint *
checkpoint_find(const struct core *c, const char *name)
{
	return checkpoint_of(c, name);
}

struct checkpoint *
checkpoint_make(struct core *c, const char *name)
{
	struct checkpoint *k = checkpoint_of(c, name);
	if (k) {
		k->is_ending = false;
		return k;
	}
	k = named_make(&c->checkpoints.table, name);
	if (!k)
		return NULL;
	k->retry_at = k->phase_until = k->next_at = MONO_NEVER;
	k->spread_until = c->now;
	return k;
}

void
checkpoint_arm(struct core *c, mono at)
{
	c->checkpoints.look_at = mono_min(c->checkpoints.look_at, at);
}

void
checkpoint_rest(struct checkpoint *k)
{
	k->phase = CHECKPOINT_IDLE;
	k->phase_until = MONO_NEVER;
}

void
checkpoint_end(struct core *c, struct checkpoint *k)
{
	checkpoint_drop_all(c, k);
	k->is_ending = k->dropped > c->stored_seq;
	k->retry_at = mono_add(c->now, AGAIN_MS);
	checkpoint_arm(c, k->retry_at);
	if (!k->is_ending)
		named_free(&c->checkpoints.table, &k->head);
}

/* Whether it is gone. */
static bool
try_end(struct core *c, struct checkpoint *k)
{
	if (!k->is_ending || k->dropped > c->stored_seq)
		return false;
	named_free(&c->checkpoints.table, &k->head);
	return true;
}

bool
checkpoint_keeps(
	const struct core *c, const char *name, const uint8_t root[DIGEST_SIZE])
{
	const struct checkpoint *k = checkpoint_find(c, name);
	for (uint32_t i = 0; k && i < k->word.count; i++)
		if (!memcmp(k->word.kept[i].root, root, DIGEST_SIZE))
			return true;
	return false;
}

bool
checkpoint_needs_state(
	const struct core *c, const char *name, const uint8_t root[DIGEST_SIZE])
{
	const struct checkpoint *k = checkpoint_find(c, name);
	bool is_wanted =
		k && k->want.epoch && !memcmp(k->want.root, root, DIGEST_SIZE);
	return is_wanted || checkpoint_keeps(c, name, root);
}

uint64_t
checkpoint_epoch(const struct core *c, const char *name)
{
	const struct checkpoint *k = checkpoint_find(c, name);
	return k && k->word.count ? k->word.kept[0].epoch : 0;
}

uint64_t
checkpoint_stored(const struct core *c, const char *name)
{
	const struct checkpoint *k = checkpoint_find(c, name);
	return k ? k->stored : 0;
}

/* --- The record --- */

void
checkpoint_record(struct core *c, struct checkpoint *k)
{
	unsigned char buffer[256];
	struct bytes key = {k->head.name, strlen(k->head.name)};
	if (k->word.count == 0 && k->word.acked.epoch == 0) {
		k->stored = core_store(
			c, TABLE_CHECKPOINT, key, (struct bytes){NULL, 0});
		return;
	}
	k->stored = core_store(c, TABLE_CHECKPOINT, key,
		checkpoint_write_record(&k->word, buffer, sizeof buffer));
}

static bool
load(struct core *c, struct bytes key, struct bytes value)
{
	char name[INSTANCE_NAME_MAX + 1];
	struct checkpoint_word word;
	if (!instance_name_of_key(key, name) ||
		!checkpoint_read_record(value, &word) || checkpoint_of(c, name))
		return false;
	struct checkpoint *k = checkpoint_make(c, name);
	if (!k)
		return false;
	k->word = word;
	k->has_lost = word.count == 0;
	return true;
}

void
checkpoint_on_load(struct core *c, struct bytes key, struct bytes value)
{
	c->has_unread |= !load(c, key, value);
}

void
checkpoint_on_boot(struct core *c)
{
	list_each_safe (l, &c->checkpoints.table.all) {
		struct checkpoint *k =
			container_of(l, struct checkpoint, head.in_all);
		struct instance *i = instance_ensure(c, k->head.name);
		if (!i)
			checkpoint_end(c, k); /* nobody could ask for it */
		else
			instance_publish(c, i);
	}
}

/* --- What is kept --- */

/* Which of the two that were kept stays beside a newer one: the last that was
 * acknowledged, else the newest. */
static uint32_t
one_to_stay(const struct checkpoint_word *word)
{
	bool is_open = snapshot_compare(&word->kept[0], &word->acked) > 0;
	bool has_acked = word->count == 2 &&
			 snapshot_compare(&word->kept[1], &word->acked) <= 0;
	return is_open && has_acked ? 1 : 0;
}

/* What was kept goes, as far as nothing needs it. */
static void
drop_all(struct core *c, const struct checkpoint *k,
	const struct checkpoint_word *was)
{
	for (uint32_t i = 0; i < was->count; i++)
		sealed_drop(
			c, k->head.name, was->kept[i].root, handoff_after(c));
}

bool
checkpoint_keep(struct core *c, struct checkpoint *k, const struct snapshot *s)
{
	struct checkpoint_word *word = &k->word;
	const struct checkpoint_word was = *word;
	CHECK(s->epoch > 0 && s->number > 0);
	if (was.count && snapshot_compare(s, &was.kept[0]) <= 0)
		return false;
	word->kept[0] = *s;
	word->count = 1;
	k->has_lost = false;
	if (was.count)
		word->kept[word->count++] = was.kept[one_to_stay(&was)];
	checkpoint_record(c, k);
	drop_all(c, k, &was);
	k->is_changed = true;
	duty_mark(c, k->head.name);
	return true;
}

void
checkpoint_lose(struct core *c, struct checkpoint *k)
{
	struct checkpoint_word *word = &k->word;
	const struct snapshot lost = word->kept[0];
	CHECK(word->count > 0);
	word->kept[0] = word->kept[1];
	word->count--;
	k->has_lost = true;
	checkpoint_record(c, k);
	sealed_drop(c, k->head.name, lost.root, handoff_after(c));
	k->is_changed = true;
	duty_mark(c, k->head.name);
}

void
checkpoint_drop_all(struct core *c, struct checkpoint *k)
{
	const struct checkpoint_word was = k->word;
	const struct snapshot want = k->want;
	k->word.count = 0;
	k->word.acked.epoch = 0;
	k->want.epoch = 0;
	k->has_lost = false;
	k->is_changed = true;
	if (was.count || was.acked.epoch)
		checkpoint_record(c, k);
	drop_all(c, k, &was);
	if (want.epoch) {
		k->dropped = c->store_seq;
		sealed_drop(c, k->head.name, want.root, handoff_after(c));
	}
}

void
checkpoint_adopt(struct core *c, struct instance *inst, uint64_t epoch,
	const uint8_t root[DIGEST_SIZE], uint64_t size, int64_t wall_ms)
{
	struct service_value service;
	struct snapshot s = {.epoch = epoch,
		.number = CHECKPOINT_LAST,
		.size = size,
		.wall_ms = wall_ms};
	if (!instance_service(c, inst, &service) ||
		!service.policy.checkpoint.is_present)
		return;
	struct checkpoint *k = checkpoint_make(c, inst->name);
	if (!k)
		return;
	memcpy(s.root, root, DIGEST_SIZE);
	checkpoint_keep(c, k, &s);
}

/* --- Words --- */

struct bytes
checkpoint_meta(const struct core *c, const struct instance *inst,
	bool is_keeper, void *room)
{
	static const struct checkpoint_word nothing;
	const struct checkpoint *k = checkpoint_find(c, inst->name);
	bool is_empty = !k || (!k->word.is_runner && k->word.count == 0);
	if (is_empty && !conflict_has_word(c, inst))
		return (struct bytes){NULL, 0};
	struct bytes meta = checkpoint_write_word(
		is_empty ? &nothing : &k->word, is_keeper, room);
	meta.size += conflict_write_word(c, inst,
		(unsigned char *)room + meta.size, ROW_META_MAX - meta.size);
	return meta;
}

void
checkpoint_publish(struct core *c, struct checkpoint *k)
{
	struct instance *i = instance_find(c, k->head.name);
	k->is_changed = false;
	if (i)
		instance_publish(c, i);
}

/* Reads what a host says.  An epoch that is so far above all that anybody took
 * was made up, and would never be outdone. */
static bool
read_word(const struct core *c, const struct row *row,
	struct checkpoint_word *out)
{
	const uint64_t taken = registry_epoch_max(c, row->name);
	const uint64_t clock = instance_epoch_clock(c);
	const uint64_t limit = (taken > clock ? taken : clock) + EPOCH_LEAP;
	if (!checkpoint_read_row(row, out))
		return false;
	return out->acked.epoch <= limit &&
	       (out->count == 0 || out->kept[0].epoch <= limit);
}

const struct row *
checkpoint_next_word(const struct core *c, const char *name,
	const struct row *row, struct checkpoint_word *out)
{
	do
		row = registry_next_other(c, name, row);
	while (row && !read_word(c, row, out));
	return row;
}

bool
checkpoint_names_host(const struct checkpoint_word *word, const char *node)
{
	for (uint32_t i = 0; i < word->holder_count; i++)
		if (strcmp(word->holders[i], node) == 0)
			return true;
	return false;
}

uint32_t
checkpoint_count(const struct core *c, const char *name,
	const struct checkpoint_word *word, const struct snapshot *what)
{
	struct checkpoint_word other;
	uint32_t count = 0;
	const struct row *r = checkpoint_next_word(c, name, NULL, &other);
	for (; r; r = checkpoint_next_word(c, name, r, &other))
		count += other.count &&
			 snapshot_compare(&other.kept[0], what) >= 0 &&
			 checkpoint_names_host(
				 word, member_get(c, r->origin)->name);
	return count;
}

void
checkpoint_acked(const struct core *c, const char *name, struct snapshot *out)
{
	const struct checkpoint *k = checkpoint_find(c, name);
	struct checkpoint_word word;
	memset(out, 0, sizeof *out);
	if (k)
		*out = k->word.acked;
	const struct row *r = registry_first(c, ROW_INSTANCE, name);
	for (; r; r = registry_next(c, r))
		if (read_word(c, r, &word) &&
			snapshot_compare(&word.acked, out) > 0)
			*out = word.acked;
}

uint64_t
checkpoint_epoch_max(const struct core *c, const char *name)
{
	struct checkpoint_word word;
	struct snapshot acked;
	checkpoint_acked(c, name, &acked);
	uint64_t max = checkpoint_epoch(c, name);
	if (max < acked.epoch)
		max = acked.epoch;
	const struct row *r = registry_first(c, ROW_INSTANCE, name);
	for (; r; r = registry_next(c, r))
		if (read_word(c, r, &word) && word.count &&
			word.kept[0].epoch > max)
			max = word.kept[0].epoch;
	return max;
}

/* --- Changes and time --- */

/* Whether this host is the one that keeps the instance going. */
static bool
is_runner(const struct instance *i)
{
	return instance_is_held(i) && i->state != INSTANCE_HANDOFF;
}

/* Whether a word of another host wants us to keep some. */
static bool
is_asked_for(const struct core *c, const char *name)
{
	struct checkpoint_word word;
	const struct row *r = checkpoint_next_word(c, name, NULL, &word);
	for (; r; r = checkpoint_next_word(c, name, r, &word))
		if (word.is_runner &&
			checkpoint_names_host(&word, c->config.node))
			return true;
	return false;
}

/* It does not run here (any more): our word is that of a holder. */
static void
become_holder(struct checkpoint *k)
{
	if (!k->word.is_runner)
		return;
	k->word.is_runner = false;
	k->word.holder_count = 0;
	k->word.wanted = 0;
	k->is_changed = true;
}

void
checkpoint_review(struct core *c, struct instance *inst,
	const struct service_value *service)
{
	struct checkpoint *k = checkpoint_of(c, inst->name);
	if (!service || !service->policy.checkpoint.is_present) {
		if (!k || k->is_ending)
			return;
		checkpoint_end(c, k);
		instance_publish(c, inst);
		return;
	}
	if (k && k->is_ending)
		k = NULL; /* it is as good as gone, and comes anew */
	if (!k && (is_runner(inst) || is_asked_for(c, inst->name)))
		k = checkpoint_make(c, inst->name);
	if (!k)
		return;
	if (is_runner(inst)) {
		checkpoint_run(c, k, inst, service);
	} else {
		become_holder(k);
		checkpoint_hold(c, k, inst);
	}
	if (k->is_changed)
		checkpoint_publish(c, k);
	bool is_idle = k->phase == CHECKPOINT_IDLE && k->want.epoch == 0;
	/* What counted is remembered, also if our copy of it was damaged. */
	if (!k->word.is_runner && k->word.count == 0 && is_idle &&
		k->failed_count == 0 && !k->has_lost && !k->is_waiting)
		checkpoint_end(c, k);
}

static void
on_tick(struct core *c, struct checkpoint *k)
{
	struct instance *i = instance_find(c, k->head.name);
	struct service_value s;
	if (k->is_ending) {
		k->retry_at = mono_add(c->now, AGAIN_MS);
		return;
	}
	checkpoint_hold_on_tick(c, k);
	if (!k->word.is_runner && k->phase != CHECKPOINT_IDLE &&
		mono_reached(k->phase_until, c->now)) {
		checkpoint_rest(k);
		duty_mark(c, k->head.name);
	}
	if (i && is_runner(i) && instance_service(c, i, &s) &&
		s.policy.checkpoint.is_present)
		checkpoint_run_on_tick(c, k, i, &s);
}

void
checkpoint_on_tick(struct core *c)
{
	struct checkpoints *t = &c->checkpoints;
	if (!mono_reached(t->look_at, c->now))
		return;
	t->look_at = MONO_NEVER;
	list_each_safe (l, &t->table.all) {
		struct checkpoint *k =
			container_of(l, struct checkpoint, head.in_all);
		mono due = checkpoint_due(c, k);
		if (mono_reached(due, c->now) &&
			!effects_has_room(&c->fx, 64, SPEC_BODY_MAX)) {
			t->look_at = c->now; /* the rest, next */
			return;
		}
		if (mono_reached(due, c->now)) {
			if (try_end(c, k))
				continue;
			on_tick(c, k);
			due = checkpoint_due(c, k);
		}
		/* What its spec does not let us do now is looked at again. */
		if (mono_reached(due, c->now))
			due = mono_add(c->now, AGAIN_MS);
		checkpoint_arm(c, due);
	}
	sealed_review(c); /* for a seal that nobody waits for any more */
}

mono
checkpoint_deadline(const struct core *c)
{
	return c->checkpoints.look_at;
}

void
checkpoint_check(const struct core *c)
{
	list_each (l, &c->checkpoints.table.all) {
		const struct checkpoint *k =
			container_of(l, struct checkpoint, head.in_all);
		CHECK(checkpoint_find(c, k->head.name) == k);
		CHECK(k->word.count <= CHECKPOINT_KEPT);
		CHECK(k->word.count < 2 || snapshot_compare(&k->word.kept[0],
						   &k->word.kept[1]) > 0);
	}
}
