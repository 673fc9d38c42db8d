#include "core/specs.h"

#include <string.h>

#include "base/buddy.h"
#include "base/hash.h"
#include "base/name.h"
#include "core/specs_private.h"

#define STAMP_MS(ms) ((uint64_t)(ms) << 16)
/* How wrong a host's clock may be. */
#define FUTURE_MAX_MS 60000
/* The stored bound of our clock runs ahead by this. */
#define BOUND_AHEAD_MS 10000
#define TOMB_AGE_MS    ((int64_t)24 * 60 * 60 * 1000)
#define GC_EVERY_MS    60000

static const char meta_clock[] = "specs.clock";
static const char *const meta_horizons[REALM_COUNT] = {
	[REALM_STATE] = "specs.horizon",
	[REALM_KV] = "specs.kv_horizon",
};

size_t
specs_need(const struct core_limits *l)
{
	size_t buckets = map_bucket_count(l->entries_max);
	return 2 * arena_need(buckets, sizeof(struct map_link *)) +
	       arena_need(l->entries_max, sizeof(struct entry)) +
	       specs_cache_need() + arena_need(buddy_need(l->bodies_size), 1) +
	       REALM_COUNT * arena_need(TREE_NODES, sizeof(uint64_t)) +
	       arena_need(l->members_max, sizeof(struct specs_peer));
}

void
specs_init(struct core *c)
{
	struct specs *s = &c->specs;
	const struct core_limits *l = &c->limits;
	size_t buckets = map_bucket_count(l->entries_max);
	map_init(&s->by_key,
		arena_take(&c->arena, buckets, sizeof(struct map_link *)),
		buckets);
	map_init(&s->by_leaf,
		arena_take(&c->arena, buckets, sizeof(struct map_link *)),
		buckets);
	slots_init(&s->entries,
		arena_take(&c->arena, l->entries_max, sizeof(struct entry)),
		l->entries_max, sizeof(struct entry));
	for (unsigned i = 0; i < ENTRY_KIND_COUNT; i++)
		list_init(&s->order[i]);
	s->values =
		buddy_init(arena_take(&c->arena, buddy_need(l->bodies_size), 1),
			l->bodies_size);
	for (unsigned r = 0; r < REALM_COUNT; r++)
		s->realms[r].tree =
			arena_take(&c->arena, TREE_NODES, sizeof(uint64_t));
	specs_cache_init(c);
	s->peers = arena_take(&c->arena, l->members_max, sizeof *s->peers);
	for (uint32_t i = 0; i < l->members_max; i++)
		for (unsigned r = 0; r < REALM_COUNT; r++)
			s->peers[i].realms[r].repair_at = MONO_NEVER;
}

/* --- Entries --- */

enum realm
specs_realm_of(enum entry_kind kind)
{
	return kind == ENTRY_KV ? REALM_KV : REALM_STATE;
}

bool
specs_is_name(enum entry_kind kind, const char *name)
{
	struct bytes text = {name, strlen(name)};
	if (kind == ENTRY_SERVICE || kind == ENTRY_KV)
		return name_is_runtime(text);
	return text.size > 0 && text.size <= RUNTIME_NAME_MAX;
}

uint64_t
specs_key_hash(enum entry_kind kind, const char *name)
{
	return hash_text(name, kind);
}

struct entry *
specs_lookup(const struct core *c, enum entry_kind kind, const char *name)
{
	const struct map *map = &c->specs.by_key;
	if (list_is_empty(&c->specs.order[kind]))
		return NULL; /* of words about instances there are few */
	struct map_link *l = map_first(map, specs_key_hash(kind, name));
	for (; l; l = map_next(map, l)) {
		struct entry *e = container_of(l, struct entry, by_key);
		if (e->kind == kind && !strcmp(e->name, name))
			return e;
	}
	return NULL;
}

bool
specs_is_newer(const struct entry_change *change, const struct entry *e)
{
	if (change->stamp != e->stamp)
		return change->stamp > e->stamp;
	return strcmp(change->writer, e->writer) > 0;
}

/* What the tree holds for an entry. */
static uint64_t
entry_sum(const struct entry *e)
{
	uint64_t h = hash_mix(e->by_key.hash, e->stamp);
	h = hash_text(e->writer, h + e->is_deleted);
	return e->value.size ? hash_bytes(e->value.data, e->value.size, h) : h;
}

static struct entry *
take_entry(struct core *c, enum entry_kind kind, const char *name)
{
	struct specs *s = &c->specs;
	struct entry *e = slots_take(&s->entries);
	if (!e)
		return NULL;
	uint64_t hash = specs_key_hash(kind, name);
	memset(e, 0, sizeof *e);
	e->kind = kind;
	e->slot = slots_index(&s->entries, e);
	memcpy(e->name, name, strlen(name) + 1);
	map_insert(&s->by_key, &e->by_key, hash);
	map_insert(&s->by_leaf, &e->by_leaf,
		specs_leaf_key(specs_realm_of(kind), specs_tree_leaf(hash)));
	list_append(&s->order[kind], &e->in_order);
	s->count++;
	s->kv_count += kind == ENTRY_KV;
	return e;
}

/* Makes 'sum' what the tree holds for an entry. */
static void
set_sum(struct core *c, struct entry *e, uint64_t sum)
{
	uint32_t leaf = specs_tree_leaf(e->by_key.hash);
	specs_tree_add(c, specs_realm_of(e->kind), leaf, sum - e->sum);
	e->sum = sum;
}

/* Gives an entry another value, a block of ours, and the old one back. */
static void
set_value(struct core *c, struct entry *e, void *value, size_t size)
{
	struct specs *s = &c->specs;
	if (e->kind == ENTRY_KV)
		s->kv_size += size - e->value.size;
	buddy_give(s->values, (void *)e->value.data);
	e->value = (struct bytes){value, size};
}

/* Copies a change into the table and the tree. */
static struct entry *
put(struct core *c, const struct entry_change *change)
{
	struct specs *s = &c->specs;
	CHECK(strlen(change->name) <= RUNTIME_NAME_MAX);
	CHECK(strlen(change->writer) <= NODE_NAME_MAX);
	size_t size = change->is_deleted ? 0 : change->value.size;
	void *value = size ? buddy_take(s->values, size) : NULL;
	if (size && !value)
		return NULL;
	struct entry *e = specs_lookup(c, change->kind, change->name);
	if (!e)
		e = take_entry(c, change->kind, change->name);
	if (!e) {
		buddy_give(s->values, value);
		return NULL;
	}
	if (size)
		memcpy(value, change->value.data, size);
	set_value(c, e, value, size);
	e->stamp = change->stamp;
	memcpy(e->writer, change->writer, strlen(change->writer) + 1);
	e->is_deleted = change->is_deleted;
	set_sum(c, e, entry_sum(e));
	if (e->stamp > s->clock)
		s->clock = e->stamp;
	return e;
}

/* Takes an entry out of the table and the tree. */
static void
forget(struct core *c, struct entry *e)
{
	struct specs *s = &c->specs;
	set_sum(c, e, 0);
	set_value(c, e, NULL, 0);
	s->kv_count -= e->kind == ENTRY_KV;
	map_remove(&s->by_key, &e->by_key);
	map_remove(&s->by_leaf, &e->by_leaf);
	list_remove(&e->in_order);
	e->kind = (enum entry_kind)0;
	slots_give(&s->entries, e);
	CHECK(s->count > 0);
	s->count--;
}

/* Tells those who act upon an entry. */
static void
mark(struct core *c, enum entry_kind kind, const char *name)
{
	switch (kind) {
	case ENTRY_SERVICE:
	case ENTRY_OVERRIDE:
		duty_mark_service(c, name);
		return;
	case ENTRY_NODE:
		duty_mark_all(c);
		return;
	case ENTRY_SETTING:
		settings_refresh(c);
		return;
	case ENTRY_KV:
		return; /* of use to whoever asks */
	case ENTRY_KIND_COUNT:
		UNREACHABLE();
	}
}

/* --- Store --- */

/* Key of an entry in TABLE_SPEC. */
static struct bytes
store_key(struct core *c, const struct entry *e)
{
	char key[RUNTIME_NAME_MAX + 2];
	size_t length = strlen(e->name);
	key[0] = (char)e->kind;
	memcpy(key + 1, e->name, length);
	return effects_copy(&c->fx, (struct bytes){key, length + 1});
}

static void
store_entry(struct core *c, struct entry *e)
{
	struct bytes key = store_key(c, e);
	skep_Entry msg = specs_to_wire(e);
	struct bytes value =
		wire_encode_message(&c->fx, skep_Entry_fields, &msg);
	CHECK(value.data);
	e->store_seq = core_store(c, TABLE_SPEC, key, value);
}

static void
store_numbers(struct core *c, const char *key, uint64_t a, uint64_t b)
{
	unsigned char buffer[16];
	struct writer w;
	writer_init(&w, buffer, sizeof buffer);
	writer_u64(&w, a);
	writer_u64(&w, b);
	core_store(c, TABLE_META,
		effects_copy(&c->fx, (struct bytes){key, strlen(key)}),
		effects_copy(&c->fx, writer_done(&w)));
}

/* Whether the step has room to store and send one more entry. */
static bool
has_room(const struct core *c)
{
	return effects_has_room(
		&c->fx, c->members.count + 16, 4 * SPEC_VALUE_MAX);
}

enum reply_code
specs_take(struct core *c, const struct entry_change *change)
{
	struct entry *e = has_room(c) ? put(c, change) : NULL;
	if (!e)
		return REPLY_FULL;
	store_entry(c, e);
	mark(c, e->kind, e->name);
	return REPLY_OK;
}

void
specs_drop(struct core *c, struct entry *e)
{
	char name[RUNTIME_NAME_MAX + 1];
	enum entry_kind kind = e->kind;
	memcpy(name, e->name, sizeof name);
	core_store(c, TABLE_SPEC, store_key(c, e), (struct bytes){NULL, 0});
	forget(c, e);
	mark(c, kind, name);
}

static bool
is_key(struct bytes key, const char *name)
{
	return key.size == strlen(name) && !memcmp(key.data, name, key.size);
}

void
specs_on_load_meta(struct core *c, struct bytes key, struct bytes value)
{
	struct specs *s = &c->specs;
	struct reader r;
	reader_init(&r, value.data, value.size);
	uint64_t a = reader_u64(&r);
	uint64_t b = reader_u64(&r);
	if (r.bad)
		return;
	if (is_key(key, meta_clock)) {
		s->clock_bound = a;
		if (a > s->clock)
			s->clock = a;
	}
	for (unsigned i = 0; i < REALM_COUNT; i++)
		if (is_key(key, meta_horizons[i])) {
			s->realms[i].horizon = a;
			s->realms[i].trusted = b;
		}
}

void
specs_on_load(struct core *c, struct bytes key, struct bytes value)
{
	(void)key; /* the value says it again */
	struct wire_slice slice = {.whole = value};
	skep_Entry e = skep_Entry_init_zero;
	e.value = wire_borrow(&slice);
	if (!wire_decode_message(skep_Entry_fields, value, &e) || e.kind == 0 ||
		e.kind >= ENTRY_KIND_COUNT ||
		!specs_is_name((enum entry_kind)e.kind, e.name)) {
		c->specs.refused++;
		return;
	}
	struct entry_change change = {(enum entry_kind)e.kind, e.name, e.stamp,
		e.writer, e.is_deleted, slice.found};
	if (!put(c, &change))
		c->specs.refused++;
}

void
specs_on_boot(struct core *c)
{
	c->specs.gc_at = mono_add(c->now, GC_EVERY_MS);
}

void
specs_raise(
	struct core *c, enum realm realm, uint64_t horizon, uint64_t trusted)
{
	struct specs_realm *r = &c->specs.realms[realm];
	if (trusted > horizon)
		horizon = trusted;
	if (horizon <= r->horizon && trusted <= r->trusted)
		return;
	if (horizon > r->horizon)
		r->horizon = horizon;
	if (trusted > r->trusted)
		r->trusted = trusted;
	store_numbers(c, meta_horizons[realm], r->horizon, r->trusted);
}

/* --- Writing --- */

static uint64_t
wall_stamp(const struct core *c)
{
	return c->wall_ms > 0 ? STAMP_MS(c->wall_ms) : 0;
}

bool
specs_is_future(const struct core *c, uint64_t stamp)
{
	uint64_t now = wall_stamp(c);
	/* What was taken once was no nonsense, though clocks went back. */
	if (c->specs.clock > now)
		now = c->specs.clock;
	return stamp > now + STAMP_MS(FUTURE_MAX_MS);
}

/* The next stamp: above all seen, and no restart gives it again. */
static uint64_t
next_stamp(struct core *c)
{
	struct specs *s = &c->specs;
	uint64_t wall = wall_stamp(c);
	s->clock = wall > s->clock ? wall : s->clock + 1;
	if (s->clock > s->clock_bound) {
		/* Ahead of the wall clock, not of ourselves: a start goes on
		 * at the bound, and many starts in a row, each of which moved
		 * it on, would lead all hosts into the future. */
		uint64_t ahead = wall + STAMP_MS(BOUND_AHEAD_MS);
		uint64_t least = s->clock + STAMP_MS(1);
		s->clock_bound = ahead > least ? ahead : least;
		store_numbers(c, meta_clock, s->clock_bound, 0);
	}
	return s->clock;
}

/* Writes a change of our own. */
static enum reply_code
write_own(struct core *c, struct entry_change *change, uint64_t *after_out)
{
	if (!has_room(c))
		return REPLY_FULL;
	change->stamp = c->specs.is_seeding ? SEED_STAMP : next_stamp(c);
	change->writer = c->config.node;
	enum reply_code code = specs_take(c, change);
	if (code != REPLY_OK)
		return code;
	const struct entry *e = specs_lookup(c, change->kind, change->name);
	*after_out = e->store_seq;
	specs_flood(c, e, e->store_seq);
	return REPLY_OK;
}

/* Key/value leaves room for services: of all that the desired state may take it
 * takes a part. */
static bool
has_kv_room(const struct core *c, size_t size)
{
	return c->specs.kv_count < c->limits.entries_max / 2 &&
	       c->specs.kv_size + size <= c->limits.bodies_size / 4;
}

enum reply_code
specs_set(struct core *c, enum entry_kind kind, const char *name,
	struct bytes value, uint64_t *after_out)
{
	*after_out = 0;
	size_t size_max = kind == ENTRY_KV ? KV_VALUE_MAX : SPEC_VALUE_MAX;
	if (value.size > size_max || !specs_is_name(kind, name))
		return REPLY_INVALID;
	if (kind == ENTRY_KV && !has_kv_room(c, value.size))
		return REPLY_FULL;
	const struct entry *e = specs_find(c, kind, name);
	if (e && e->value.size == value.size &&
		(!value.size ||
			!memcmp(e->value.data, value.data, value.size))) {
		*after_out = e->store_seq;
		return REPLY_UNCHANGED;
	}
	struct entry_change change = {
		.kind = kind, .name = name, .value = value};
	return write_own(c, &change, after_out);
}

enum reply_code
specs_delete(struct core *c, enum entry_kind kind, const char *name,
	uint64_t *after_out)
{
	*after_out = 0;
	if (!specs_find(c, kind, name))
		return REPLY_NOT_FOUND;
	struct entry_change change = {
		.kind = kind, .name = name, .is_deleted = true};
	return write_own(c, &change, after_out);
}

/* --- Reading --- */

const struct entry *
specs_find(const struct core *c, enum entry_kind kind, const char *name)
{
	const struct entry *e = specs_lookup(c, kind, name);
	return e && !e->is_deleted ? e : NULL;
}

const struct entry *
specs_walk(
	const struct core *c, enum entry_kind kind, const struct entry *after)
{
	CHECK(kind > 0 && kind < ENTRY_KIND_COUNT);
	const struct list *head = &c->specs.order[kind];
	const struct list *at = after ? after->in_order.next : head->next;
	for (; at != head; at = at->next) {
		const struct entry *e =
			container_of(at, struct entry, in_order);
		if (!e->is_deleted)
			return e;
	}
	return NULL;
}

const struct entry *
specs_by_slot(const struct core *c, uint32_t slot)
{
	const struct entry *e = slots_get(&c->specs.entries, slot);
	return e && e->kind ? e : NULL;
}

/* --- Old tombstones --- */

/* Whether all present members hold what we hold. */
static bool
is_agreed(const struct core *c, enum realm realm)
{
	uint64_t root = specs_tree_sum(c, realm, 0, 0);
	for (member_id id = 1; id < c->members.count; id++) {
		const struct member *m = member_get(c, id);
		if (!member_is_present(c, id))
			continue;
		if (!m->link || !m->has_heartbeat)
			return false;
		if (specs_is_known_to(c, id, realm) &&
			specs_told_root(c, id, realm) != root)
			return false;
	}
	return true;
}

/* Drops the tombstones of one kind up to 'limit'; returns the largest. */
static uint64_t
collect(struct core *c, struct list *order, uint64_t limit)
{
	uint64_t largest = 0;
	list_each_safe (it, order) {
		struct entry *e = container_of(it, struct entry, in_order);
		if (!e->is_deleted || e->stamp > limit)
			continue;
		if (!has_room(c))
			break;
		if (e->stamp > largest)
			largest = e->stamp;
		specs_drop(c, e);
	}
	return largest;
}

void
specs_on_tick(struct core *c)
{
	struct specs *s = &c->specs;
	if (!mono_reached(s->gc_at, c->now))
		return;
	s->gc_at = mono_add(c->now, GC_EVERY_MS);
	if (c->wall_ms <= TOMB_AGE_MS)
		return;
	uint64_t limit = STAMP_MS(c->wall_ms - TOMB_AGE_MS);
	bool is_free[REALM_COUNT];
	for (unsigned i = 0; i < REALM_COUNT; i++)
		is_free[i] = is_agreed(c, (enum realm)i);
	for (unsigned i = 1; i < ENTRY_KIND_COUNT; i++) {
		enum realm realm = specs_realm_of((enum entry_kind)i);
		if (!is_free[realm])
			continue;
		uint64_t largest = collect(c, &s->order[i], limit);
		if (largest)
			specs_raise(c, realm, largest, largest);
	}
}

mono
specs_deadline(const struct core *c)
{
	return c->specs.gc_at;
}

/* --- Audit of our own structures --- */

/* Each node is the sum of those below it. */
static void
check_tree(const struct core *c, enum realm realm)
{
	for (uint32_t depth = 0; depth < TREE_DEPTH; depth++)
		for (uint32_t i = 0; i < 1u << 4 * depth; i++) {
			uint64_t sum = 0;
			for (uint32_t k = 0; k < TREE_FAN; k++)
				sum += specs_tree_sum(c, realm, depth + 1,
					i * TREE_FAN + k);
			CHECK(sum == specs_tree_sum(c, realm, depth, i));
		}
}

void
specs_check(const struct core *c)
{
	const struct specs *s = &c->specs;
	uint64_t roots[REALM_COUNT] = {0}, kv_size = 0;
	uint32_t count = 0, kv_count = 0;
	for (uint32_t i = 0; i < s->entries.mark; i++) {
		const struct entry *e = slots_get(&s->entries, i);
		CHECK(e->slot == i);
		if (!e->kind)
			continue;
		CHECK(specs_lookup(c, e->kind, e->name) == e);
		CHECK(e->sum == entry_sum(e));
		CHECK(!e->is_deleted || e->value.size == 0);
		CHECK(e->stamp <= s->clock);
		roots[specs_realm_of(e->kind)] += e->sum;
		count++;
		if (e->kind == ENTRY_KV) {
			kv_count++;
			kv_size += e->value.size;
		}
	}
	CHECK(count == s->count);
	CHECK(kv_count == s->kv_count && kv_size == s->kv_size);
	for (unsigned i = 0; i < REALM_COUNT; i++) {
		CHECK(roots[i] == specs_tree_sum(c, (enum realm)i, 0, 0));
		check_tree(c, (enum realm)i);
	}
}
