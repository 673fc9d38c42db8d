#include "core/registry.h"

#include <string.h>

#include "base/buddy.h"
#include "core/registry_private.h"

/* Room for the metas of names registered at run time: so many bytes each, taken
 * together. */
#define TEXT_MEAN 128

/* Facts of hosts, of two incarnations, and some to spare; and what hosts say
 * of the checkpoints that they keep. */
static uint32_t
meta_count(const struct core_limits *limits)
{
	const uint32_t kept_max = 4 * CHECKPOINTS_MAX;
	uint32_t rows = limits->rows_max;
	return 4 * limits->members_max + 64 +
	       (rows < kept_max ? rows : kept_max);
}

/* Bytes for the metas of all other rows: what users say of their names. */
static size_t
texts_size(const struct core_limits *limits)
{
	return (size_t)limits->rows_max * TEXT_MEAN;
}

size_t
registry_need(const struct core_limits *limits)
{
	return arena_need(limits->rows_max, sizeof(struct row)) +
	       arena_need(limits->rows_max, sizeof(struct row_run)) +
	       arena_need(buddy_need(texts_size(limits)), 1) +
	       2 * arena_need(limits->members_max, sizeof(struct origin)) +
	       arena_need(meta_count(limits), ROW_META_MAX) +
	       arena_need(limits->members_max, sizeof(struct registry_want));
}

void
registry_log_init(struct origin *log, uint64_t incarnation)
{
	log->incarnation = incarnation;
	log->position = log->top = log->cursor = 0;
	log->gc = log->checksum = 0;
	log->row_count = log->tombstones = 0;
	log->is_ready = log->has_end = false;
	log->source = MEMBER_NONE;
	log->given = NULL;
	list_init(&log->log);
	list_init(&log->tombs);
}

void
registry_init(struct core *c)
{
	struct registry *r = &c->registry;
	const struct core_limits *l = &c->limits;
	slots_init(&r->rows,
		arena_take(&c->arena, l->rows_max, sizeof(struct row)),
		l->rows_max, sizeof(struct row));
	slots_init(&r->runs,
		arena_take(&c->arena, l->rows_max, sizeof(struct row_run)),
		l->rows_max, sizeof(struct row_run));
	r->texts =
		buddy_init(arena_take(&c->arena, buddy_need(texts_size(l)), 1),
			texts_size(l));

	r->origins = arena_take(&c->arena, l->members_max, sizeof *r->origins);
	r->spares = arena_take(&c->arena, l->members_max, sizeof *r->spares);
	for (uint32_t i = 0; i < l->members_max; i++) {
		registry_log_init(&r->origins[i], 0);
		registry_log_init(&r->spares[i], 0);
		r->origins[i].is_shown = true;
		r->origins[i].behind_at = MONO_NEVER;
		r->origins[i].lacking_since = MONO_NEVER;
	}
	slots_init(&r->metas,
		arena_take(&c->arena, meta_count(l), ROW_META_MAX),
		meta_count(l), ROW_META_MAX);
	r->wants = arena_take(&c->arena, l->members_max, sizeof *r->wants);
	r->push_at = r->ack_at = r->chase_at = MONO_NEVER;
}

struct origin *
registry_own(struct core *c)
{
	struct origin *own = &c->registry.origins[MEMBER_SELF];
	own->incarnation = c->incarnation;
	return own;
}

bool
registry_is_whole(const struct origin *log)
{
	return log->position >= log->top;
}

struct origin *
registry_log_of(struct core *c, member_id id, uint64_t incarnation)
{
	struct origin *o = &c->registry.origins[id];
	if (incarnation == 0)
		return NULL;
	if (o->incarnation == incarnation)
		return o;
	if (o->next && o->next->incarnation == incarnation)
		return o->next;
	return NULL;
}

/* --- Rows --- */

/* Whether a row says that an instance has a place on its host. */
static bool
is_place_taken(const struct row *row)
{
	return !row->is_deleted && row->value.kind == ROW_INSTANCE &&
	       row_takes_place(row);
}

/* Tells those who decide that a shown row changed; 'had_place' is what it said
 * before. */
static void
mark(struct core *c, const struct row *row, bool had_place)
{
	if (!row->is_shown)
		return;
	changes_on_row(c, row);
	if (row->value.kind == ROW_NODE)
		duty_mark_all(c);
	if (row->value.kind == ROW_TRACKED) {
		claim_mark(c, row);
		tracked_mark(c, row);
	}
	if (row->value.kind == ROW_MEMBER)
		group_on_row(c, row);
	if (row->value.kind != ROW_INSTANCE)
		return;
	duty_know(c, row);
	duty_mark(c, row->name);
	if (had_place != is_place_taken(row))
		duty_mark_siblings(
			c, row->name, had_place && row->origin == MEMBER_SELF);
}

/* Takes a row out of its log's books. */
static void
unlink_row(struct origin *log, struct row *row)
{
	if (list_is_empty(&row->in_log))
		return;
	log->checksum -= registry_row_hash(row);
	if (log->given == row)
		log->given = row->in_log.prev == &log->log
				     ? NULL
				     : container_of(row->in_log.prev,
					       struct row, in_log);
	list_remove(&row->in_log);
	if (row->is_deleted)
		log->tombstones--;
	else
		log->row_count--;
}

/* Enters a row into its log's books, in order of its number; that is the end
 * but for rows that another sender had in advance. */
static void
link_row(struct origin *log, struct row *row)
{
	struct list *head = row->is_deleted ? &log->tombs : &log->log;
	struct list *at = head->prev;
	while (at != head &&
		container_of(at, struct row, in_log)->seq > row->seq)
		at = at->prev;
	list_insert_after(at, &row->in_log);
	log->checksum += registry_row_hash(row);
	if (row->is_deleted)
		log->tombstones++;
	else
		log->row_count++;
	if (row->seq > log->top)
		log->top = row->seq;
}

/* Removes a row without leaving a tombstone; NULL is accepted. */
static void
erase(struct core *c, struct origin *log, struct row *row)
{
	if (!row)
		return;
	unlink_row(log, row);
	mark(c, row, false);
	registry_give_row(c, row);
}

bool
registry_write(struct core *c, member_id id, struct origin *log,
	const struct row_change *change)
{
	CHECK(change->value.meta.size <= ROW_META_MAX);
	struct row *row = registry_find_row(
		c, change->kind, change->name, id, log->is_shown);
	if (row && row->seq >= change->seq)
		return true;
	if (change->is_deleted && change->seq <= log->gc) {
		erase(c, log, row);
		return true;
	}
	bool is_new = !row;
	if (is_new) {
		row = registry_take_row(c, change->kind, change->name);
		if (!row)
			return false;
		row->origin = id;
		row->is_shown = log->is_shown;
	}
	size_t size = change->is_deleted ? 0 : change->value.meta.size;
	unsigned char *meta =
		size ? registry_take_meta(&c->registry, row, size) : NULL;
	if (size && !meta) {
		if (is_new)
			registry_give_row(c, row);
		return false;
	}
	bool had_place = !is_new && is_place_taken(row);
	unlink_row(log, row);
	registry_fill_row(c, row, change, meta);
	link_row(log, row);
	mark(c, row, had_place);
	return true;
}

/* --- Logs --- */

void
registry_collect(struct core *c, struct origin *log, uint64_t gc)
{
	list_each_safe (it, &log->tombs) {
		struct row *row = container_of(it, struct row, in_log);
		if (row->seq > gc)
			break;
		unlink_row(log, row);
		registry_give_row(c, row);
	}
	if (gc > log->gc)
		log->gc = gc;
}

static void
drop_list(struct core *c, struct origin *log, struct list *rows)
{
	list_each_safe (it, rows) {
		erase(c, log, container_of(it, struct row, in_log));
	}
}

void
registry_drop(struct core *c, struct origin *log)
{
	drop_list(c, log, &log->log);
	drop_list(c, log, &log->tombs);
	CHECK(log->row_count == 0 && log->tombstones == 0);
	/* The checksum may be wrong: that is what a reset is for. */
	registry_log_init(log, log->incarnation);
}

/* Moves all rows of one list to another log's, and shows them. */
static void
show_list(struct core *c, struct list *from, struct list *to)
{
	list_each_safe (it, from) {
		struct row *row = container_of(it, struct row, in_log);
		list_remove(it);
		list_append(to, it);
		row->is_shown = true;
		mark(c, row, false);
	}
}

void
registry_show_next(struct core *c, member_id id)
{
	struct origin *o = &c->registry.origins[id];
	struct origin *next = o->next;
	CHECK(next);
	registry_drop(c, o);
	o->incarnation = next->incarnation;
	o->position = next->position;
	o->top = next->top;
	o->cursor = next->cursor;
	o->source = next->source;
	o->gc = next->gc;
	o->checksum = next->checksum;
	o->row_count = next->row_count;
	o->tombstones = next->tombstones;
	o->is_ready = next->is_ready;
	o->has_end = next->has_end;
	show_list(c, &next->log, &o->log);
	show_list(c, &next->tombs, &o->tombs);
	registry_log_init(next, 0);
	o->next = NULL;
	o->is_reset_wanted = false;
}

void
registry_show_next_if_due(struct core *c, member_id id)
{
	struct origin *o = &c->registry.origins[id];
	const struct origin *next = o->next;
	if (!next || !next->has_end || !registry_is_whole(next))
		return;
	bool is_same = next->incarnation == o->incarnation;
	/* What came anew is behind what others told meanwhile. */
	if (is_same && next->position < o->position)
		return;
	bool is_empty = o->row_count == 0 && o->tombstones == 0;
	if (is_same || next->is_ready || is_empty)
		registry_show_next(c, id);
}

/* --- Our own rows --- */

/* Sees to it that our changes are pushed soon. */
static void
schedule_push(struct core *c, uint64_t after)
{
	struct registry *r = &c->registry;
	if (after > r->push_after)
		r->push_after = after;
	r->push_at = mono_min(r->push_at, mono_add(c->now, PUSH_DELAY_MS));
}

static bool
is_same_value(const struct row *row, const struct row_value *b)
{
	const struct row_value value = row_value(row), *a = &value;
	return a->state == b->state && a->epoch == b->epoch &&
	       a->pid == b->pid && a->run_digest == b->run_digest &&
	       a->restarts == b->restarts && a->status == b->status &&
	       a->since_wall_ms == b->since_wall_ms && a->slot == b->slot &&
	       a->unran == b->unran && a->seen_restart == b->seen_restart &&
	       a->seen_move == b->seen_move && a->meta.size == b->meta.size &&
	       (a->meta.size == 0 ||
		       !memcmp(a->meta.data, b->meta.data, a->meta.size));
}

/* Gives a change of ours the next number. */
static bool
write_own(struct core *c, struct row_change *change, uint64_t after)
{
	struct origin *own = registry_own(c);
	change->seq = own->position + 1;
	if (!registry_write(c, MEMBER_SELF, own, change)) {
		c->registry.full++;
		return false;
	}
	own->position = own->cursor = change->seq;
	schedule_push(c, after);
	return true;
}

bool
registry_put(struct core *c, const char *name, const struct row_value *value,
	uint64_t after)
{
	CHECK(strlen(name) <= ROW_NAME_MAX && name[0]);
	const struct row *row =
		registry_find_row(c, value->kind, name, MEMBER_SELF, true);
	if (row && !row->is_deleted && is_same_value(row, value))
		return true;
	struct row_change change = {
		.kind = value->kind, .name = name, .value = *value};
	return write_own(c, &change, after);
}

void
registry_delete(struct core *c, enum row_kind kind, const char *name)
{
	const struct row *row =
		registry_find_row(c, kind, name, MEMBER_SELF, true);
	if (!row || row->is_deleted)
		return;
	struct row_change change = {.kind = kind,
		.name = name,
		.is_deleted = true,
		.value.epoch = row->value.epoch,
		.value.unran = row_run(row)->unran};
	bool is_done = write_own(c, &change, 0);
	CHECK(is_done);
}

void
registry_set_ready(struct core *c)
{
	struct origin *own = registry_own(c);
	if (own->is_ready)
		return;
	own->is_ready = true;
	c->registry.is_ready_due = true;
	schedule_push(c, 0);
}

/* --- Queries --- */

/* The first live row of that kind from 'row' (may be NULL) on. */
static const struct row *
first_live(const struct row *row, enum row_kind kind)
{
	while (row &&
		(!row->is_shown || row->is_deleted || row->value.kind != kind))
		row = row->next;
	return row;
}

const struct row *
registry_first(const struct core *c, enum row_kind kind, const char *name)
{
	return first_live(registry_rows_of(c, name), kind);
}

const struct row *
registry_next(const struct core *c, const struct row *row)
{
	(void)c;
	return first_live(row->next, row->value.kind);
}

const struct row *
registry_find(const struct core *c, enum row_kind kind, const char *name,
	member_id origin)
{
	const struct row *row = registry_find_row(c, kind, name, origin, true);
	return row && !row->is_deleted ? row : NULL;
}

const struct row *
registry_walk(const struct core *c, member_id origin, const struct row *after)
{
	const struct list *head = &c->registry.origins[origin].log;
	const struct list *at = after ? after->in_log.next : head->next;
	CHECK(!after || !after->is_deleted); /* it has left the log */
	return at == head ? NULL : container_of(at, struct row, in_log);
}

uint64_t
registry_epoch_max(const struct core *c, const char *name)
{
	uint64_t max = 0;
	for (const struct row *row = registry_rows_of(c, name); row;
		row = row->next)
		if (row->value.kind == ROW_INSTANCE && row->value.epoch > max)
			max = row->value.epoch;
	return max;
}

const struct row *
registry_find_at(const struct core *c, const char *name, const char *node)
{
	member_id id = member_find(c, node);
	return id == MEMBER_NONE ? NULL
				 : registry_find(c, ROW_INSTANCE, name, id);
}

uint64_t
registry_ran_max(const struct core *c, const char *name)
{
	uint64_t max = 0;
	for (const struct row *row = registry_rows_of(c, name); row;
		row = row->next)
		if (row->value.kind == ROW_INSTANCE &&
			row->origin != MEMBER_SELF && row_ran(row) > max)
			max = row_ran(row);
	return max;
}

bool
registry_is_complete(const struct core *c, member_id id)
{
	if (id == MEMBER_SELF)
		return true;
	const struct member *m = member_get(c, id);
	const struct origin *o = &c->registry.origins[id];
	uint64_t incarnation = member_log_incarnation(m->incarnation);
	if (!m->has_heartbeat)
		return false;
	if (o->incarnation != incarnation && o->next)
		o = o->next;
	if (o->incarnation != incarnation)
		return m->hb_log_position == 0;
	return o->position >= m->hb_log_position;
}

bool
registry_is_current(const struct core *c, member_id id)
{
	return c->registry.origins[id].incarnation ==
	       member_log_incarnation(member_get(c, id)->incarnation);
}

const struct row *
registry_next_other(
	const struct core *c, const char *name, const struct row *row)
{
	row = row ? registry_next(c, row)
		  : registry_first(c, ROW_INSTANCE, name);
	while (row && (row->origin == MEMBER_SELF ||
			      !member_is_present(c, row->origin) ||
			      !registry_is_current(c, row->origin)))
		row = registry_next(c, row);
	return row;
}

int64_t
registry_lacking_ms(const struct core *c, member_id id)
{
	const struct member *m = member_get(c, id);
	mono since = c->registry.origins[id].lacking_since;
	if (registry_is_complete(c, id))
		return 0;
	if (!m->has_heartbeat) {
		bool is_silent = m->has_rx && m->last_rx.ms > m->since.ms;
		since = is_silent ? m->last_rx : m->since;
	}
	return since.ms == MONO_NEVER.ms ? 0 : mono_diff(c->now, since);
}

uint64_t
registry_position(const struct core *c)
{
	return c->registry.origins[MEMBER_SELF].position;
}

uint64_t
registry_checksum(const struct core *c)
{
	return c->registry.origins[MEMBER_SELF].checksum;
}

uint64_t
registry_gc(const struct core *c)
{
	return c->registry.origins[MEMBER_SELF].gc;
}

/* --- Audit of our own structures --- */

/* Recounts one list of a log; returns the sum of its rows' hashes. */
static uint64_t
check_list(const struct core *c, const struct origin *log,
	const struct list *rows, member_id id, uint32_t *count)
{
	uint64_t sum = 0;
	uint64_t seq = 0;
	*count = 0;
	list_each (it, (struct list *)rows) {
		struct row *row = container_of(it, struct row, in_log);
		/* Equal numbers only come from a peer that errs. */
		CHECK(row->seq >= seq && row->seq <= log->top);
		CHECK(row->origin == id && row->is_shown == log->is_shown);
		CHECK(row->is_deleted == (rows == &log->tombs));
		CHECK(registry_find_row(c, row->value.kind, row->name, id,
			      row->is_shown) == row);
		seq = row->seq;
		sum += registry_row_hash(row);
		++*count;
	}
	return sum;
}

/* Returns the number of rows of the log. */
static uint32_t
check_log(const struct core *c, const struct origin *log, member_id id)
{
	uint32_t live;
	uint32_t tombs;
	uint64_t sum = check_list(c, log, &log->log, id, &live);
	sum += check_list(c, log, &log->tombs, id, &tombs);
	CHECK(sum == log->checksum);
	CHECK(live == log->row_count && tombs == log->tombstones);
	CHECK(list_is_empty(&log->tombs) ||
		container_of(log->tombs.next, struct row, in_log)->seq >
			log->gc);
	return live + tombs;
}

void
registry_check(const struct core *c)
{
	const struct registry *r = &c->registry;
	uint32_t rows = 0;
	for (member_id id = 0; id < c->limits.members_max; id++) {
		const struct origin *o = &r->origins[id];
		CHECK(o->is_shown && !r->spares[id].is_shown);
		CHECK(!o->next || o->next == &r->spares[id]);
		rows += check_log(c, o, id);
		rows += check_log(c, &r->spares[id], id);
	}
	CHECK(rows == r->row_count);
}
