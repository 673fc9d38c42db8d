/* The sending half of the registry: pushes, pulls, answers and Acks. */
#include <string.h>

#include "core/registry_private.h"

#define PUSH_SIZE     65536  /* bytes of rows in one pushed batch */
#define ANSWER_SIZE   262144 /* bytes of rows in one answer */
#define PULL_SIZE     262144 /* bytes of positions in one Pull */
#define PULL_EVERY_MS 1000   /* per origin */
#define AUDIT_MIN_MS  1000   /* anti-entropy: at least, and at most more */
#define AUDIT_MORE_MS 4000
#define PULL_ALL_MS   1000 /* between two full Pulls for new links */
#define GC_EVERY_MS   1000
#define GC_AGE_MS     600000 /* tombstones go after this, confirmed or not */
#define GC_MANY	      1000   /* and when they are more than this and 10 % */

/* The largest row is far below this, so a batch of it always holds one. */
_Static_assert(PUSH_SIZE > 4 * sizeof(skep_Row), "a row must fit");

/* --- Batches --- */

/* Two lists of one log, walked as one in order of numbers. */
struct merge {
	const struct origin *log;
	struct list *live;
	struct list *tomb;
};

static uint64_t
seq_at(const struct list *at)
{
	return container_of(at, struct row, in_log)->seq;
}

static uint64_t
distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* The first element of 'head' above 'seq'; looks from the end, which is where
 * pushes go on, or from 'near' (NULL: there is none), if that seems nearer. */
static struct list *
first_above(struct list *head, struct row *near, uint64_t seq)
{
	struct list *at = head->prev;
	if (near && distance(near->seq, seq) < distance(seq_at(at), seq))
		at = &near->in_log;
	while (at != head && seq_at(at) > seq)
		at = at->prev;
	while (at->next != head && seq_at(at->next) <= seq)
		at = at->next;
	return at->next;
}

static const struct row *
merge_peek(const struct merge *m)
{
	bool has_live = m->live != &m->log->log;
	bool has_tomb = m->tomb != &m->log->tombs;
	if (!has_live && !has_tomb)
		return NULL;
	const struct row *live = container_of(m->live, struct row, in_log);
	const struct row *tomb = container_of(m->tomb, struct row, in_log);
	if (!has_tomb)
		return live;
	if (!has_live)
		return tomb;
	return live->seq < tomb->seq ? live : tomb;
}

static void
merge_skip(struct merge *m)
{
	const struct row *row = merge_peek(m);
	if (row->is_deleted)
		m->tomb = m->tomb->next;
	else
		m->live = m->live->next;
}

static bool
put_row(struct wire_out *w, const struct row *row)
{
	const struct row_value value = row_value(row), *v = &value;
	skep_Row msg = {
		.seq = row->seq,
		.kind = v->kind,
		.state = v->state,
		.is_deleted = row->is_deleted,
		.epoch = v->epoch,
		.pid = v->pid,
		.run_digest = v->run_digest,
		.restarts = v->restarts,
		.status = v->status,
		.since_wall_ms = v->since_wall_ms,
		.slot = v->slot,
		.unran = v->unran,
		.seen_restart = v->seen_restart,
		.seen_move = v->seen_move,
		.meta.size = (pb_size_t)v->meta.size,
	};
	memcpy(msg.name, row->name, strlen(row->name) + 1);
	if (v->meta.size)
		memcpy(msg.meta.bytes, v->meta.data, v->meta.size);
	return wire_put(w, skep_Batch_rows_tag, skep_Row_fields, &msg);
}

/* Encodes what the shown log of 'id' holds above 'head->from'; completes
 * 'head'.  Empty when the step has no room for even one row. */
static struct bytes
encode_batch(struct core *c, member_id id, skep_Batch *head, size_t size_max)
{
	struct origin *log = &c->registry.origins[id];
	struct merge m = {log, first_above(&log->log, log->given, head->from),
		first_above(&log->tombs, NULL, head->from)};
	struct wire_out w;
	wire_begin(&w, &c->fx, size_max);
	uint64_t last = head->from;
	const struct row *row;
	while ((row = merge_peek(&m)) != NULL && put_row(&w, row)) {
		last = row->seq;
		merge_skip(&m);
	}
	if (row && w.count == 0) {
		wire_cancel(&w);
		return (struct bytes){NULL, 0};
	}
	uint64_t end = log->position > log->top ? log->position : log->top;
	memcpy(head->origin, member_get(c, id)->name, sizeof head->origin);
	head->incarnation = log->incarnation;
	head->to = row ? last : end;
	head->is_at_end = !row && registry_is_whole(log) &&
			  (log->has_end || id == MEMBER_SELF);
	head->gc = log->gc;
	head->checksum = log->checksum;
	head->is_ready = log->is_ready;
	struct bytes body = wire_end(&w, WIRE_BATCH, head);
	if (!body.data)
		wire_cancel(&w);
	else if (head->is_answer && m.live->prev != &log->log)
		log->given = container_of(m.live->prev, struct row, in_log);
	return body;
}

/* Whether the step has room for a batch of 'size' to all members. */
static bool
has_room(const struct core *c, size_t size)
{
	return effects_has_room(&c->fx, c->members.count + 16,
		size + WIRE_HEAD_MAX + PUSH_SIZE);
}

/* Pushes one batch of our own changes; false when there was no room. */
static bool
push_one(struct core *c)
{
	struct registry *r = &c->registry;
	if (!has_room(c, PUSH_SIZE))
		return false;
	skep_Batch head = {.from = r->pushed};
	registry_own(c);
	struct bytes body = encode_batch(c, MEMBER_SELF, &head, PUSH_SIZE);
	if (!body.data)
		return false;
	member_broadcast(c, WIRE_BATCH, body, r->push_after);
	r->pushed = head.to;
	return true;
}

static void
push(struct core *c)
{
	struct registry *r = &c->registry;
	const struct origin *own = registry_own(c);
	r->push_at = MONO_NEVER;
	while (r->pushed < own->position || r->is_ready_due) {
		if (!push_one(c)) {
			r->push_at = c->now;
			return;
		}
		if (r->pushed == own->position)
			r->is_ready_due = false;
	}
}

/* --- Asking --- */

static bool
put_position(struct core *c, struct wire_out *w, member_id peer, member_id id)
{
	const struct origin *o = &c->registry.origins[id];
	const struct origin *log = o;
	/* A reset under way goes on only with its sender. */
	if (o->next && (o->next->incarnation > o->incarnation ||
			       o->next->source == peer))
		log = o->next;
	bool is_chain = log->source == peer && log->cursor > log->position;
	skep_Position p = {
		.incarnation = log->incarnation,
		.position = is_chain ? log->cursor : log->position,
		.checksum = log->checksum,
		.is_ready = log->is_ready,
		.top = log->top,
		.gc = log->gc,
		.wants_reset = log == o && o->is_reset_wanted && peer == id,
	};
	uint64_t forgotten = registry_forgotten(c, id);
	if (p.incarnation <= forgotten && forgotten) {
		p.incarnation = forgotten;
		p.position = p.top = p.gc = UINT64_MAX;
		p.is_ready = true;
	}
	memcpy(p.origin, member_get(c, id)->name, sizeof p.origin);
	return wire_put(w, skep_Pull_positions_tag, skep_Position_fields, &p);
}

void
registry_pull_now(struct core *c, member_id peer, member_id id)
{
	if (!member_get(c, peer)->link || !has_room(c, 0))
		return;
	c->registry.origins[id].pull_at = mono_add(c->now, PULL_EVERY_MS);
	struct wire_out w;
	wire_begin(&w, &c->fx, PULL_SIZE);
	bool is_done = put_position(c, &w, peer, id);
	CHECK(is_done);
	skep_Pull pull = skep_Pull_init_zero;
	struct bytes body = wire_end(&w, WIRE_PULL, &pull);
	member_send(c, peer, WIRE_PULL, body, 0);
}

void
registry_pull(struct core *c, member_id peer, member_id id)
{
	if (mono_reached(c->registry.origins[id].pull_at, c->now))
		registry_pull_now(c, peer, id);
}

/* Asks a member for everything that it holds and we lack.  A new link asks for
 * no more than nobody else gives: who joins is about to be linked with the
 * origins, and each sends its own log at the same time. */
static void
pull_all(struct core *c, member_id peer, bool asks_origins)
{
	if (!has_room(c, PULL_SIZE))
		return;
	struct wire_out w;
	wire_begin(&w, &c->fx, PULL_SIZE);
	bool is_whole = true;
	for (member_id id = 1; id < c->members.count && is_whole; id++)
		is_whole = put_position(c, &w, peer, id);
	skep_Pull pull = {.wants_all = is_whole, .asks_origins = asks_origins};
	struct bytes body = wire_end(&w, WIRE_PULL, &pull);
	if (body.data)
		member_send(c, peer, WIRE_PULL, body, 0);
	else
		wire_cancel(&w);
}

/* --- Answering --- */

/* Whether the asker lacks something of a log. */
static bool
is_wanted(const struct origin *log, const struct registry_want *want)
{
	if (want->incarnation != log->incarnation || want->is_reset)
		return true;
	if (!registry_is_whole(log))
		return want->top < log->top;
	return want->position < log->position ||
	       (log->is_ready && !want->is_ready);
}

/* Answers for one origin; false when the step has no more room. */
static bool
answer(struct core *c, member_id to, member_id id)
{
	const struct origin *log = &c->registry.origins[id];
	const struct registry_want *want = &c->registry.wants[id];
	bool has_any =
		log->incarnation && want->incarnation <= log->incarnation;
	if (!has_any || !is_wanted(log, want))
		return true;
	if (!has_room(c, ANSWER_SIZE))
		return false;
	bool is_same = want->incarnation == log->incarnation;
	uint64_t from = is_same && !want->is_reset ? want->position : 0;
	bool is_stale = from < log->gc && (!is_same || want->gc < log->gc);
	bool is_reset = want->is_reset || is_stale;
	skep_Batch head = {.from = is_reset ? 0 : from,
		.is_reset = is_reset,
		.is_answer = true};
	struct bytes body = encode_batch(c, id, &head, ANSWER_SIZE);
	if (!body.data)
		return false;
	member_send(c, to, WIRE_BATCH, body,
		id == MEMBER_SELF ? c->registry.push_after : 0);
	return true;
}

/* Notes what a Pull lists; false when it makes no sense. */
static bool
read_wants(struct core *c, struct bytes body)
{
	struct registry_want *wants = c->registry.wants;
	memset(wants, 0, c->members.count * sizeof *wants);
	struct wire_in in;
	wire_each(&in, body, skep_Pull_positions_tag);
	skep_Position p;
	while (wire_next(&in, skep_Position_fields, &p)) {
		member_id id = member_find(c, p.origin);
		if (id == MEMBER_NONE)
			continue;
		wants[id] = (struct registry_want){true, p.is_ready,
			p.wants_reset, p.incarnation, p.position, p.top, p.gc};
	}
	return !in.is_bad;
}

void
registry_on_pull(struct core *c, member_id from, struct bytes body)
{
	skep_Pull pull = skep_Pull_init_zero;
	if (!wire_decode(WIRE_PULL, body, &pull) || !read_wants(c, body)) {
		c->registry.refused++;
		return;
	}
	registry_own(c);
	/* Begins anywhere, so that what does not fit is another thing each
	 * time. */
	uint32_t count = c->members.count;
	uint32_t start = (uint32_t)prng_below(&c->prng, count);
	for (uint32_t i = 0; i < count; i++) {
		member_id id = (start + i) % count;
		bool is_asked =
			pull.wants_all || c->registry.wants[id].is_listed;
		bool is_left = pull.asks_origins && member_get(c, id)->link;
		if (id != from && is_asked && !is_left && !answer(c, from, id))
			return;
	}
}

/* --- Confirmations and tombstones --- */

void
registry_on_ack(struct core *c, member_id from, struct bytes body)
{
	skep_Ack ack = skep_Ack_init_zero;
	if (!wire_decode(WIRE_ACK, body, &ack)) {
		c->registry.refused++;
		return;
	}
	const struct origin *own = registry_own(c);
	if (ack.incarnation == own->incarnation &&
		ack.position <= own->position)
		c->registry.origins[from].acked = ack.position;
}

static void
send_acks(struct core *c)
{
	struct registry *r = &c->registry;
	r->ack_at = MONO_NEVER;
	for (member_id id = 1; id < c->members.count; id++) {
		struct origin *o = &r->origins[id];
		const struct member *m = member_get(c, id);
		if (!m->link || o->ack_sent == o->position ||
			o->incarnation !=
				member_log_incarnation(m->incarnation))
			continue;
		if (!has_room(c, 0)) {
			r->ack_at = c->now;
			return;
		}
		skep_Ack ack = {o->incarnation, o->position};
		member_send(c, id, WIRE_ACK,
			wire_encode(&c->fx, WIRE_ACK, &ack), 0);
		o->ack_sent = o->position;
	}
}

/* The position that all present members confirmed. */
static uint64_t
confirmed(const struct core *c)
{
	uint64_t min = c->registry.pushed;
	for (member_id id = 1; id < c->members.count; id++) {
		uint64_t acked = c->registry.origins[id].acked;
		if (member_is_present(c, id) && acked < min)
			min = acked;
	}
	return min;
}

/* Drops our tombstones that nobody needs any more; a replica that missed one
 * is reset when it asks. */
static void
collect_own(struct core *c)
{
	struct origin *own = registry_own(c);
	uint64_t gc = confirmed(c);
	uint64_t pushed = c->registry.pushed;
	bool is_many = own->tombstones > GC_MANY &&
		       own->tombstones > own->row_count / 10;
	if (is_many)
		gc = pushed;
	uint64_t last = 0;
	list_each (it, &own->tombs) {
		const struct row *row = container_of(it, struct row, in_log);
		bool is_old =
			mono_diff(c->now, row->value.deleted_at) >= GC_AGE_MS;
		if (row->seq > pushed || (row->seq > gc && !is_old))
			break;
		last = row->seq;
	}
	if (last)
		registry_collect(c, own, last);
}

/* --- Events --- */

void
registry_on_recv(
	struct core *c, member_id from, uint16_t type, struct bytes body)
{
	if (type == WIRE_BATCH)
		registry_on_batch(c, from, body);
	else if (type == WIRE_PULL)
		registry_on_pull(c, from, body);
	else if (type == WIRE_ACK)
		registry_on_ack(c, from, body);
	else
		UNREACHABLE();
}

void
registry_on_linked(struct core *c, member_id id)
{
	struct registry *r = &c->registry;
	r->origins[id].ack_sent = 0;
	registry_on_back(c, id);
	r->ack_at = mono_min(r->ack_at, c->now);
	if (!mono_reached(r->pull_all_at, c->now)) {
		registry_pull_now(c, id, id);
		return;
	}
	r->pull_all_at = mono_add(c->now, PULL_ALL_MS);
	pull_all(c, id, true);
}

/* Asks the next linked host for a log of which its origin gives nothing: what
 * waits there for the disk, or does not get through, others may have. */
static void
ask_another(struct core *c, member_id id)
{
	struct origin *o = &c->registry.origins[id];
	const uint32_t count = c->members.count;
	for (uint32_t n = 1; n <= count; n++) {
		member_id peer = (o->helper + n) % count;
		if (peer == id || !member_get(c, peer)->link)
			continue;
		o->helper = peer;
		registry_pull_now(c, peer, id);
		return;
	}
}

/* Pulls a log that is still behind what its origin announced. */
static void
chase(struct core *c, member_id id)
{
	struct origin *o = &c->registry.origins[id];
	const struct member *m = member_get(c, id);
	const struct origin *log =
		registry_log_of(c, id, member_log_incarnation(m->incarnation));
	bool is_behind = !log || !log->has_end ||
			 log->position < m->hb_log_position ||
			 o->is_reset_wanted;
	o->behind_at = MONO_NEVER;
	if (!is_behind || !m->link)
		return;
	const uint64_t come = log ? log->cursor : 0;
	const bool is_due = mono_reached(o->pull_at, c->now);
	registry_pull(c, id, id);
	if (is_due && o->chased == come)
		ask_another(c, id);
	o->chased = come;
	o->behind_at = mono_add(c->now, PULL_EVERY_MS);
	c->registry.chase_at = mono_min(c->registry.chase_at, o->behind_at);
}

/* Asks one random linked member whether it knows more. */
static void
audit(struct core *c)
{
	uint32_t linked = 0;
	member_id chosen = MEMBER_NONE;
	for (member_id id = 1; id < c->members.count; id++) {
		if (!member_get(c, id)->link)
			continue;
		linked++;
		if (prng_below(&c->prng, linked) == 0)
			chosen = id;
	}
	if (chosen != MEMBER_NONE)
		pull_all(c, chosen, false);
	c->registry.next_audit = mono_add(c->now,
		AUDIT_MIN_MS + (int64_t)prng_below(&c->prng, AUDIT_MORE_MS));
}

/* Asks for all logs that are behind; finds out when the next one is. */
static void
chase_all(struct core *c)
{
	struct registry *r = &c->registry;
	mono at = MONO_NEVER;
	for (member_id id = 1; id < c->members.count; id++) {
		if (mono_reached(r->origins[id].behind_at, c->now))
			chase(c, id);
		at = mono_min(at, r->origins[id].behind_at);
	}
	r->chase_at = at;
}

void
registry_on_tick(struct core *c)
{
	struct registry *r = &c->registry;
	if (mono_reached(r->push_at, c->now))
		push(c);
	if (mono_reached(r->ack_at, c->now))
		send_acks(c);
	if (mono_reached(r->chase_at, c->now))
		chase_all(c);
	if (mono_reached(r->next_audit, c->now))
		audit(c);
	if (mono_reached(r->gc_at, c->now)) {
		r->gc_at = mono_add(c->now, GC_EVERY_MS);
		collect_own(c);
	}
}

mono
registry_deadline(const struct core *c)
{
	const struct registry *r = &c->registry;
	mono at = mono_min(r->push_at, r->ack_at);
	at = mono_min(at, r->next_audit);
	if (r->origins[MEMBER_SELF].tombstones)
		at = mono_min(at, r->gc_at);
	return mono_min(at, r->chase_at);
}
