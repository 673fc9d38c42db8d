/* The receiving half of the registry: batches into logs. */
#include <string.h>

#include "base/name.h"
#include "core/registry_private.h"

/* A replica whose table is full asks again this much later. */
#define FULL_RETRY_MS 5000
/* Confirmations to the origin are coalesced for this long. */
#define ACK_DELAY_MS 100

/* Whether the words of a head fit together, whoever sent it. */
static bool
is_sound(const skep_Batch *b)
{
	return b->incarnation > 0 && b->from <= b->to &&
	       (!b->is_at_end || b->gc <= b->to) &&
	       (!b->is_reset || b->from == 0);
}

/* Whether a name is one of a member of a group. */
static bool
is_member_name(const char *name)
{
	size_t at;
	const char *end = strchr(name, ROW_GROUP_END);
	return end &&
	       !name_fault((struct bytes){name, (size_t)(end - name)},
		       GROUP_NAME_MAX, &at) &&
	       name_is_runtime((struct bytes){end + 1, strlen(end + 1)});
}

/* Whether a row of that kind can have that name. */
static bool
is_name_sound(uint32_t kind, const char *name)
{
	size_t length = strlen(name);
	if (kind == ROW_INSTANCE)
		return length <= INSTANCE_NAME_MAX;
	if (kind == ROW_NODE)
		return length <= NODE_NAME_MAX;
	if (kind == ROW_TRACKED)
		return name_is_runtime((struct bytes){name, length});
	return kind != ROW_MEMBER || is_member_name(name);
}

/* Whether a row may stand in a batch behind a row with number 'last'. */
static bool
is_row_sound(const skep_Batch *b, const skep_Row *row, uint64_t last)
{
	bool has_kind = row->kind > 0 && row->kind <= ROW_KIND_MAX;
	return has_kind && row->name[0] &&
	       is_name_sound(row->kind, row->name) &&
	       row->state < ROW_STATE_COUNT && row->epoch <= EPOCH_MAX &&
	       row->seq > last && row->seq <= b->to;
}

/* Reads all rows without applying them: a batch is taken whole or not. */
static bool
are_rows_sound(const skep_Batch *b, struct bytes body)
{
	struct wire_in in;
	wire_each(&in, body, skep_Batch_rows_tag);
	skep_Row row;
	uint64_t last = b->from;
	while (wire_next(&in, skep_Row_fields, &row)) {
		if (!is_row_sound(b, &row, last))
			return false;
		last = row.seq;
	}
	return !in.is_bad;
}

/* Whether a batch continues a log: what it is complete up to, or the chain
 * of batches from the same sender; and no deletion between was collected. */
static bool
continues(const struct origin *log, member_id sender, const skep_Batch *b)
{
	if (b->gc > b->from && b->gc > log->gc)
		return false;
	return b->from <= log->position ||
	       (log->source == sender && b->from <= log->cursor);
}

/* Makes 'log' the empty log that a first batch goes to. */
static void
begin(struct origin *log, const skep_Batch *b)
{
	registry_log_init(log, b->incarnation);
	log->gc = b->gc;
}

/* Begins to receive a log beside the one that is shown; what was received so
 * far of another is dropped. */
static struct origin *
begin_next(struct core *c, member_id id, const skep_Batch *b)
{
	struct origin *o = &c->registry.origins[id];
	struct origin *next = &c->registry.spares[id];
	registry_drop(c, next);
	begin(next, b);
	o->next = next;
	return next;
}

/* The log that a reset goes to, or NULL when there is no reason for one. */
static struct origin *
log_for_reset(
	struct core *c, member_id sender, member_id id, const skep_Batch *b)
{
	struct origin *o = &c->registry.origins[id];
	bool is_behind = o->position < b->gc && o->gc < b->gc;
	bool is_audited = o->is_reset_wanted && sender == id;
	if (!is_behind && !is_audited)
		return NULL;
	return begin_next(c, id, b);
}

uint64_t
registry_forgotten(const struct core *c, member_id id)
{
	const struct member *m = member_get(c, id);
	uint64_t forgotten = c->registry.origins[id].forgotten;
	uint64_t left = m->state == MEMBER_LEFT
				? member_log_incarnation(m->incarnation)
				: 0;
	return left > forgotten ? left : forgotten;
}

void
registry_on_back(struct core *c, member_id id)
{
	uint64_t *forgotten = &c->registry.origins[id].forgotten;
	uint64_t own = member_log_incarnation(member_get(c, id)->incarnation);
	if (*forgotten >= own)
		*forgotten = own ? own - 1 : 0;
}

/* The log that a batch goes to; NULL when it is old, or does not continue
 * anything that is held ('*is_gap'). */
static struct origin *
choose_log(struct core *c, member_id sender, member_id id, const skep_Batch *b,
	bool *is_gap)
{
	struct origin *o = &c->registry.origins[id];
	*is_gap = false;
	if (b->incarnation <= registry_forgotten(c, id) ||
		b->incarnation < o->incarnation)
		return NULL;
	if (o->incarnation == 0 && b->from == 0) {
		begin(o, b);
		return o;
	}
	bool is_same = b->incarnation == o->incarnation;
	if (is_same && b->is_reset)
		return log_for_reset(c, sender, id, b);
	if (is_same && continues(o, sender, b))
		return o;
	struct origin *next = o->next;
	if (next && next->incarnation > b->incarnation)
		return NULL;
	bool has_next = next && next->incarnation == b->incarnation;
	if (has_next && !b->is_reset && continues(next, sender, b))
		return next;
	if (!is_same && b->from == 0)
		return begin_next(c, id, b);
	*is_gap = true;
	return NULL;
}

static struct row_change
change_of(const skep_Row *row)
{
	return (struct row_change){
		.kind = (enum row_kind)row->kind,
		.name = row->name,
		.seq = row->seq,
		.is_deleted = row->is_deleted,
		.value =
			{
				.kind = (enum row_kind)row->kind,
				.state = (enum row_state)row->state,
				.epoch = row->epoch,
				.pid = row->pid,
				.run_digest = row->run_digest,
				.restarts = row->restarts,
				.status = row->status,
				.since_wall_ms = row->since_wall_ms,
				.slot = row->slot,
				.unran = row->unran,
				.seen_restart = row->seen_restart,
				.seen_move = row->seen_move,
				.meta = {row->meta.bytes, row->meta.size},
			},
	};
}

/* Writes the rows of a sound batch.  False when the table is full; then the
 * chain ends at the last row that was written. */
static bool
write_rows(struct core *c, member_id id, struct origin *log, struct bytes body)
{
	struct wire_in in;
	wire_each(&in, body, skep_Batch_rows_tag);
	skep_Row row;
	while (wire_next(&in, skep_Row_fields, &row)) {
		struct row_change change = change_of(&row);
		if (!registry_write(c, id, log, &change)) {
			c->registry.full++;
			return false;
		}
		log->cursor = row.seq;
	}
	CHECK(!in.is_bad);
	return true;
}

/* The end of what the sender holds: the log is complete up to there. */
static void
take_end(struct core *c, struct origin *log, const skep_Batch *b)
{
	if (b->to > log->position)
		log->position = b->to;
	log->has_end = true;
	if (b->gc > log->gc)
		registry_collect(c, log, b->gc);
	if (b->is_ready)
		log->is_ready = true;
}

/* Applies a batch; returns whether the chain got further. */
static bool
apply(struct core *c, member_id sender, member_id id, struct origin *log,
	const skep_Batch *b, struct bytes body)
{
	bool is_chain = log->source == sender && log->cursor >= b->from;
	uint64_t before = is_chain ? log->cursor : b->from;
	log->source = sender;
	log->cursor = before;
	if (!write_rows(c, id, log, body)) {
		c->registry.origins[id].pull_at =
			mono_add(c->now, FULL_RETRY_MS);
		return false;
	}
	if (b->to > log->cursor)
		log->cursor = b->to;
	if (b->is_at_end)
		take_end(c, log, b);
	return log->cursor > before;
}

void
registry_on_batch(struct core *c, member_id from, struct bytes body)
{
	struct registry *r = &c->registry;
	skep_Batch b = skep_Batch_init_zero;
	if (!wire_decode(WIRE_BATCH, body, &b) || !is_sound(&b) ||
		!are_rows_sound(&b, body)) {
		r->refused++;
		return;
	}
	member_id id = member_find(c, b.origin);
	if (id == MEMBER_NONE || id == MEMBER_SELF)
		return;
	bool is_gap;
	struct origin *log = choose_log(c, from, id, &b, &is_gap);
	if (is_gap)
		registry_pull(c, from, id);
	if (!log)
		return;
	if (b.to < log->position)
		return;
	bool has_advanced = apply(c, from, id, log, &b, body);
	if (registry_is_complete(c, id))
		r->origins[id].lacking_since = MONO_NEVER;
	registry_show_next_if_due(c, id);
	r->ack_at = mono_min(r->ack_at, mono_add(c->now, ACK_DELAY_MS));
	if (b.is_answer && !b.is_at_end && has_advanced)
		registry_pull_now(c, from, id);
}

/* Compares a log with what its origin just said of it. */
static bool
is_audit_failed(const struct origin *log, const struct member *m)
{
	return log->has_end && registry_is_whole(log) &&
	       log->position == m->hb_log_position && log->gc == m->hb_log_gc &&
	       log->checksum != m->hb_log_checksum;
}

/* Asks the origin for all of its log: ours is wrong. */
static void
start_reset(struct core *c, member_id id, struct origin *log)
{
	struct registry *r = &c->registry;
	struct origin *o = &r->origins[id];
	r->mismatches++;
	if (!log->is_shown) {
		registry_drop(c, log);
		registry_log_init(log, 0);
		o->next = NULL;
		return;
	}
	if (o->is_reset_wanted)
		return;
	r->resets++;
	o->is_reset_wanted = true;
	core_note(c, NOTE_REPAIR, member_get(c, id)->name, 0,
		"its rows differ here although none is missing; they are "
		"fetched again");
	registry_pull_now(c, id, id);
}

/* Looks again a little later whether 'id's log must be pulled: what is
 * missing is probably on its way. */
static void
expect(struct core *c, member_id id)
{
	struct origin *o = &c->registry.origins[id];
	if (o->behind_at.ms == MONO_NEVER.ms) {
		o->behind_at = mono_add(c->now, BEHIND_DELAY_MS);
		o->chased = UINT64_MAX; /* not asked for yet */
	}
	c->registry.chase_at = mono_min(c->registry.chase_at, o->behind_at);
}

void
registry_on_heartbeat(struct core *c, member_id id)
{
	const struct member *m = member_get(c, id);
	uint64_t incarnation = member_log_incarnation(m->incarnation);
	mono *lacking_since = &c->registry.origins[id].lacking_since;
	*lacking_since = registry_is_complete(c, id)
				 ? MONO_NEVER
				 : mono_min(*lacking_since, c->now);
	if (incarnation == 0 || incarnation <= registry_forgotten(c, id))
		return;
	struct origin *log = registry_log_of(c, id, incarnation);
	if (!log || log->position < m->hb_log_position || !log->has_end) {
		expect(c, id);
		return;
	}
	if (m->hb_log_gc > log->gc && m->hb_log_gc <= log->position)
		registry_collect(c, log, m->hb_log_gc);
	if (m->hb_is_ready && log->position == m->hb_log_position)
		log->is_ready = true;
	if (is_audit_failed(log, m)) {
		start_reset(c, id, log);
		expect(c, id);
	}
	registry_show_next_if_due(c, id);
}

void
registry_on_forget(struct core *c, member_id id)
{
	CHECK(id != MEMBER_SELF);
	struct origin *o = &c->registry.origins[id];
	struct origin *spare = &c->registry.spares[id];
	o->forgotten = member_log_incarnation(member_get(c, id)->incarnation);
	if (o->incarnation > o->forgotten)
		o->forgotten = o->incarnation;
	registry_drop(c, spare);
	registry_log_init(spare, 0);
	registry_drop(c, o);
	registry_log_init(o, 0);
	o->next = NULL;
	o->is_reset_wanted = false;
	o->acked = 0;
	o->behind_at = MONO_NEVER;
}
