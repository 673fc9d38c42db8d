/* Rows of the registry: what one takes in memory, and what it says. */
#include <string.h>

#include "base/buddy.h"
#include "base/hash.h"
#include "core/registry_private.h"

const struct row_run row_no_run = {0};

/* Of name and kind, as replicas agree about it. */
static uint64_t
name_hash(const struct row *row)
{
	_Static_assert(NAME_SEED == ROW_INSTANCE, "the hash is another one");
	return row->value.kind == ROW_INSTANCE
		       ? names_of(row->name)->by_text.hash
		       : hash_text(row->name, row->value.kind);
}

/* What the checksum holds for a row: everything that replicas must agree
 * about. */
uint64_t
registry_row_hash(const struct row *row)
{
	const struct row_said *v = &row->value;
	const struct row_run *run = row_run(row);
	const struct bytes meta = row_meta(row);
	const int64_t since = row->is_deleted ? 0 : v->since_wall_ms;
	uint64_t h = hash_mix(name_hash(row), row->seq);
	h = hash_mix(h, (uint64_t)v->state << 1 | row->is_deleted);
	h = hash_mix(h, v->epoch);
	h = hash_mix(h, (uint64_t)v->pid << 32 | run->restarts);
	h = hash_mix(h, run->run_digest);
	h = hash_mix(h, (uint32_t)run->status);
	h = hash_mix(h, (uint64_t)since);
	if (run->slot)
		h = hash_mix(h, (uint64_t)run->slot);
	h = hash_mix(h, run->seen_restart << 32 ^ run->seen_move);
	return meta.size ? hash_bytes(meta.data, meta.size, h) : h;
}

/* The first row of a name, of whatever kind and log; its 'next' are the rest.
 */
struct row *
registry_rows_of(const struct core *c, const char *name)
{
	const struct name *n = names_find(c, name);
	return n ? n->rows : NULL;
}

/* Enters a row behind the others of its name. */
static void
chain(struct row *row)
{
	struct row **at = &names_of(row->name)->rows;
	while (*at)
		at = &(*at)->next;
	row->next = NULL;
	*at = row;
}

static void
unchain(struct row *row)
{
	struct row **at = &names_of(row->name)->rows;
	while (*at != row) {
		CHECK(*at);
		at = &(*at)->next;
	}
	*at = row->next;
}

/* A row of one log, tombstones included. */
struct row *
registry_find_row(const struct core *c, enum row_kind kind, const char *name,
	member_id id, bool is_shown)
{
	struct row *row = registry_rows_of(c, name);
	while (row && (row->origin != id || row->is_shown != is_shown ||
			      row->value.kind != kind))
		row = row->next;
	return row;
}

/* Where the address of its meta stands. */
static unsigned char **
meta_at(struct row *row)
{
	return row->has_run ? &row->run->meta : &row->meta;
}

/* Whether metas of such rows have slots: only what users say is of any size,
 * and shall take no room from the rest. */
static bool
has_slot(const struct row *row)
{
	return row->value.kind == ROW_INSTANCE || row->value.kind == ROW_NODE;
}

static void
give_meta(struct registry *r, struct row *row)
{
	unsigned char **at = meta_at(row);
	if (*at && has_slot(row))
		slots_give(&r->metas, *at);
	else
		buddy_give(r->texts, *at);
	*at = NULL;
	row->meta_size = 0;
}

/* A block for a new meta of 'size' bytes, which may be the one that the row
 * has; NULL when there is none. */
unsigned char *
registry_take_meta(struct registry *r, struct row *row, size_t size)
{
	if (!has_slot(row))
		return buddy_take(r->texts, size);
	unsigned char *own = *meta_at(row);
	return own ? own : slots_take(&r->metas);
}

/* Sees to it that a row has what only instances have, or has not. */
static void
set_run(struct registry *r, struct row *row, bool is_wanted)
{
	if (row->has_run == is_wanted)
		return;
	if (is_wanted) {
		struct row_run *run = slots_take(&r->runs);
		CHECK(run); /* there are as many as rows */
		*run = (struct row_run){.meta = row->meta};
		row->run = run;
	} else {
		struct row_run *run = row->run;
		row->meta = run->meta;
		slots_give(&r->runs, run);
	}
	row->has_run = is_wanted;
}

struct row *
registry_take_row(struct core *c, enum row_kind kind, const char *name)
{
	struct registry *r = &c->registry;
	struct row *row = slots_take(&r->rows);
	if (!row)
		return NULL;
	memset(row, 0, sizeof *row);
	list_init(&row->in_log);
	row->name = names_take(c, name)->text;
	row->value.kind = (uint8_t)kind;
	chain(row);
	r->row_count++;
	return row;
}

void
registry_give_row(struct core *c, struct row *row)
{
	struct registry *r = &c->registry;
	CHECK(r->row_count > 0);
	give_meta(r, row);
	set_run(r, row, false);
	unchain(row);
	names_give(c, names_of(row->name));
	list_remove(&row->in_log);
	slots_give(&r->rows, row);
	r->row_count--;
}

/* Whether a value says what only instances say. */
static bool
needs_run(const struct row_value *v)
{
	return v->kind == ROW_INSTANCE || v->run_digest || v->restarts ||
	       v->status || v->seen_restart || v->seen_move || v->slot ||
	       v->unran;
}

static void
fill_run(struct row_run *run, const struct row_value *v)
{
	run->run_digest = v->run_digest;
	run->seen_restart = v->seen_restart;
	run->seen_move = v->seen_move;
	run->slot = v->slot;
	run->unran = v->unran;
	run->restarts = v->restarts;
	run->status = v->status;
}

static void
fill_tombstone(struct core *c, struct row *row, const struct row_value *v)
{
	struct registry *r = &c->registry;
	give_meta(r, row);
	set_run(r, row, v->unran != 0);
	if (row->has_run)
		fill_run(row->run, &(struct row_value){.unran = v->unran});
	row->value = (struct row_said){
		.kind = row->value.kind,
		.epoch = v->epoch,
		.deleted_at = c->now,
	};
}

/* Puts the meta of a change into 'block', which the row has from now on; NULL:
 * it has none. */
static void
fill_meta(struct registry *r, struct row *row, struct bytes meta,
	unsigned char *block)
{
	if (*meta_at(row) != block)
		give_meta(r, row);
	if (block)
		memcpy(block, meta.data, meta.size);
	*meta_at(row) = block;
	row->meta_size = (uint16_t)meta.size;
}

/* Copies what a change says into its row; 'block' is for its meta. */
void
registry_fill_row(struct core *c, struct row *row,
	const struct row_change *change, unsigned char *block)
{
	const struct row_value *v = &change->value;
	row->seq = change->seq;
	row->is_deleted = change->is_deleted;
	if (change->is_deleted) {
		fill_tombstone(c, row, v);
		return;
	}
	row->value = (struct row_said){
		.epoch = v->epoch,
		.since_wall_ms = v->since_wall_ms,
		.pid = v->pid,
		.kind = row->value.kind,
		.state = (uint8_t)v->state,
	};
	set_run(&c->registry, row, needs_run(v));
	if (row->has_run)
		fill_run(row->run, v);
	fill_meta(&c->registry, row, v->meta, block);
}

struct row_value
row_value(const struct row *row)
{
	const struct row_run *run = row_run(row);
	return (struct row_value){
		.kind = row->value.kind,
		.state = row->value.state,
		.epoch = row->value.epoch,
		.run_digest = run->run_digest,
		.pid = row->value.pid,
		.restarts = run->restarts,
		.status = run->status,
		.seen_restart = run->seen_restart,
		.seen_move = run->seen_move,
		.since_wall_ms = row->is_deleted ? 0 : row->value.since_wall_ms,
		.slot = run->slot,
		.unran = run->unran,
		.meta = row_meta(row),
	};
}

uint64_t
row_ran(const struct row *row)
{
	const uint64_t unran = row_run(row)->unran;
	return unran < row->value.epoch ? row->value.epoch - unran : 0;
}

bool
row_state_is_held(enum row_state state)
{
	static const bool is_held[] = {
#define X(state, name, is_held) [state] = is_held,
		ROW_STATES(X)
#undef X
	};
	CHECK((unsigned)state < ROW_STATE_COUNT);
	return is_held[state];
}

bool
row_has_state(const struct row *row)
{
	return row->value.kind == ROW_INSTANCE &&
	       row->value.state == ROW_STOPPED &&
	       row->value.pid == ROW_PID_STATE;
}

bool
row_takes_place(const struct row *row)
{
	return row_state_is_held(row->value.state) || row_has_state(row);
}

const char *
row_state_name(enum row_state state)
{
	static const char *const names[] = {
#define X(state, name, is_held) [state] = name,
		ROW_STATES(X)
#undef X
	};
	CHECK((unsigned)state < ROW_STATE_COUNT);
	return names[state];
}
