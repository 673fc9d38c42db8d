/* H1 to H3, H5, H6, H9: states on their way.
 *
 * The books hold, for each host and instance, what its HANDOFF record
 * says as issued and as durable.  H6 (duplicates and reorderings change
 * nothing) has no moment of its own: worlds send things twice and late, and
 * everything here must hold.  H8 is in check_checkpoint.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "core/conflict.h"
#include "core/handoff_private.h"
#include "core/specs_private.h"
#include "tests/sim/check.h"

/* In a cluster that is well no step of a move takes so long. */
#define OVER_MS 60000

/* What a HANDOFF record says. */
struct move {
	enum handoff_state state; /* FREE: there is none */
	uint64_t epoch;
	uint32_t attempt;
	bool has_root;
	uint8_t root[DIGEST_SIZE];
	char peer[NODE_NAME_MAX + 1];
};

/* One instance on one host. */
struct page {
	uint32_t host;
	char name[INSTANCE_NAME_MAX + 1];
	struct move issued;
	struct move before; /* 'issued', before this step */
	struct move durable;
	uint64_t step; /* that 'before' is of */
	/* Epoch of the last move that it committed, as issued and as durable;
	 * 0 when the service began anew since. */
	uint64_t given;
	uint64_t given_kept;
};

struct moves {
	struct check *k;
	struct keys pages;   /* host and name -> number, from 1 */
	struct page **items; /* owned, each */
	uint32_t count;
	uint64_t step;
	bool is_void; /* the step at hand calls a move off */
};

static struct page *
page_of(struct moves *m, uint32_t host, const char *name)
{
	uint32_t *at = keys_at(&m->pages, hash_mix(host, hash_text(name, 0)));
	if (!*at) {
		m->items = array_add(m->items, &m->count, sizeof *m->items);
		*at = m->count;
		struct page *p = calloc(1, sizeof *p);
		CHECK(p);
		p->host = host;
		strcpy(p->name, name);
		m->items[*at - 1] = p;
	}
	struct page *p = m->items[*at - 1];
	if (p->step != m->step)
		p->before = p->issued;
	p->step = m->step;
	return p;
}

static struct page *
page_of_key(struct moves *m, uint32_t host, struct bytes key)
{
	char name[INSTANCE_NAME_MAX + 1];
	CHECK(instance_name_of_key(key, name));
	return page_of(m, host, name);
}

/* Reads a HANDOFF record, as handoff.c writes it. */
static struct move
read_move(struct bytes value)
{
	struct move m = {.state = HANDOFF_FREE};
	struct reader r;
	if (!value.data)
		return m;
	reader_init(&r, value.data, value.size);
	reader_u8(&r);
	m.state = (enum handoff_state)reader_u8(&r);
	m.epoch = reader_u64(&r);
	m.attempt = reader_u32(&r);
	strncpy(m.peer, reader_text(&r), NODE_NAME_MAX);
	m.has_root = reader_u8(&r) != 0;
	struct bytes root = reader_bytes(&r);
	CHECK(root.size == DIGEST_SIZE);
	memcpy(m.root, root.data, DIGEST_SIZE);
	return m;
}

/* --- Records --- */

/* The host hears that a service was deleted or that it wants fewer instances:
 * what nobody wants any more begins anew, also with its epochs. */
static void
on_edit(struct moves *m, uint32_t host, const char *service)
{
	const struct core *c = m->k->w->hosts[host].core;
	const struct entry *e =
		c ? specs_find(c, ENTRY_SERVICE, service) : NULL;
	bool is_deleted = !e || e->is_deleted;
	for (uint32_t i = 0; c && i < m->count; i++) {
		struct page *p = m->items[i];
		char its[INSTANCE_NAME_MAX + 1];
		instance_service_name(p->name, its);
		if (p->host != host || strcmp(its, service) != 0)
			continue;
		const struct instance *inst = instance_find(c, p->name);
		if (is_deleted || !inst || !inst->is_declared)
			p->given = 0;
	}
}

/* That is durable now. */
static void
on_edit_kept(struct moves *m, uint32_t host)
{
	for (uint32_t i = 0; i < m->count; i++) {
		struct page *p = m->items[i];
		if (p->host == host && !p->given)
			p->given_kept = 0;
	}
}

/* The service that a key of TABLE_SPEC is about; "": none. */
static void
edited(struct bytes key, char out[INSTANCE_NAME_MAX + 1])
{
	const char *text = key.data;
	size_t size = key.size - 1;
	if (key.size == 0 || text[0] != ENTRY_SERVICE ||
		size > INSTANCE_NAME_MAX)
		size = 0;
	memcpy(out, text + 1, size);
	out[size] = '\0';
}

/* The highest epoch that rows of other hosts tell of. */
static uint64_t
others_epoch_max(const struct core *c, const char *name)
{
	uint64_t max = 0;
	const struct row *r = registry_first(c, ROW_INSTANCE, name);
	for (; r; r = registry_next(c, r))
		if (r->origin != MEMBER_SELF && r->value.epoch > max)
			max = r->value.epoch;
	return max;
}

/* H9: who has committed forgets that when the target said that it runs, or
 * another one's row does; when the target is dead or has lost its disk; or when
 * nobody wants the instance any more. */
static void
check_forgotten(struct moves *m, uint32_t host, const struct page *p,
	const struct input *in)
{
	const struct core *c = m->k->w->hosts[host].core;
	const struct instance *i = instance_find(c, p->name);
	member_id target = member_find(c, p->issued.peer);
	bool is_told = in->kind == INPUT_RECV &&
		       (in->recv.type == WIRE_HANDOFF_ACTIVE ||
			       in->recv.type == WIRE_HANDOFF_UNKNOWN);
	/* While it boots it has met nobody. */
	bool is_gone = in->kind != INPUT_BOOT &&
		       (target == MEMBER_NONE || !member_is_present(c, target));
	if (is_told || is_gone || !i || !i->is_declared ||
		others_epoch_max(c, p->name) > p->issued.epoch)
		return;
	world_violated(m->k->w, "H9",
		"%s forgets that it committed %s epoch %llu to %s",
		c->config.node, p->name, (unsigned long long)p->issued.epoch,
		p->issued.peer);
}

static void
on_store(struct moves *m, uint32_t host, const struct effect_store *s,
	const struct input *in)
{
	char service[INSTANCE_NAME_MAX + 1];
	if (s->table == TABLE_SPEC) {
		edited(s->key, service);
		on_edit(m, host, service);
	}
	if (s->table != TABLE_HANDOFF)
		return;
	struct page *p = page_of_key(m, host, s->key);
	struct move next = read_move(s->value);
	if (p->issued.state == HANDOFF_COMMITTED &&
		next.state != HANDOFF_COMMITTED)
		check_forgotten(m, host, p, in);
	p->issued = next;
	if (p->issued.state == HANDOFF_COMMITTED)
		p->given = p->issued.epoch;
}

static void
on_stored(struct world *w, uint32_t host, enum core_table table,
	struct bytes key, struct bytes value, uint64_t seq, void *context)
{
	struct moves *m = context;
	(void)w;
	(void)seq;
	if (table == TABLE_SPEC)
		on_edit_kept(m, host);
	if (table != TABLE_HANDOFF)
		return;
	struct page *p = page_of_key(m, host, key);
	p->durable = read_move(value);
	if (p->durable.state == HANDOFF_COMMITTED)
		p->given_kept = p->durable.epoch;
}

/* --- Starts --- */

/* H9: who has committed does not start it again, now or later, unless it had a
 * reason to forget that (check_forgotten), and then two epochs later. */
static void
check_committed(struct moves *m, uint32_t host, const struct page *p,
	const struct effect_start *s)
{
	const struct core *c = m->k->w->hosts[host].core;
	if (p->given && s->epoch < p->given + 2)
		world_violated(m->k->w, "H9",
			"%s starts %s epoch %llu, of which it committed %llu",
			c->config.node, s->name, (unsigned long long)s->epoch,
			(unsigned long long)p->given);
}

/* Whether a host lists a state as one that it keeps of a copy that lost; its
 * disk may not have written that yet. */
static bool
keeps(const struct core *c, const char *name, const uint8_t root[DIGEST_SIZE])
{
	const struct conflict *k = conflict_find(c, name);
	for (uint32_t i = 0; k && i < k->word.count; i++)
		if (memcmp(k->word.kept[i].root, root, DIGEST_SIZE) == 0)
			return true;
	return false;
}

/* H3: a start that ends a move begins with the very state of the move, unless
 * the target has begun with it and the move is over: this is a later one, be it
 * that the target was stopped before its process began and lists the state as
 * one that it keeps, or that its source does, since another host went on
 * without it; or the service does without handoff by now. */
static void
check_root(struct moves *m, uint32_t host, const struct page *p,
	const struct effect_start *s)
{
	const struct move *was = &p->before;
	bool has_ended =
		was->state != HANDOFF_FREE && p->issued.state == HANDOFF_FREE;
	uint64_t root = check_root_key(was->root);
	bool has_arrived =
		was->state == HANDOFF_COMMITTED &&
		(keys_get(&m->k->served, root) || keys_get(&m->k->lost, root) ||
			keeps(m->k->w->hosts[host].core, s->name, was->root));
	if (!has_ended || !was->has_root || m->is_void || has_arrived ||
		check_is_unwanted(m->k, host, s->name))
		return;
	if (!s->has_state || memcmp(s->root, was->root, DIGEST_SIZE) != 0)
		world_violated(m->k->w, "H3",
			"%s starts %s with %s, after a move (%s)",
			m->k->w->hosts[host].name, s->name,
			s->has_state ? "another state" : "nothing",
			handoff_state_name(was->state));
}

/* H3: what came with a state and has not served it yet keeps it. */
static void
check_staged(struct moves *m, uint32_t host, const struct effect_start *s)
{
	const struct core *c = m->k->w->hosts[host].core;
	const struct instance *i = instance_find(c, s->name);
	if (i && i->staged && i->epoch == s->epoch &&
		(!s->has_state || !instance_is_staged(i, s->root)))
		world_violated(m->k->w, "H3",
			"%s starts %s without the state that it holds",
			c->config.node, s->name);
}

/* Whether a state of it waits on another host, which is there and would start
 * it, and this one has all that is known there and knows of nothing later. */
static bool
waits_at(const struct moves *m, uint32_t host, uint32_t other, const char *name)
{
	const struct core *c = m->k->w->hosts[host].core;
	const struct core *o = m->k->w->hosts[other].core;
	const struct instance *i = o ? instance_find(o, name) : NULL;
	member_id id = member_find(c, m->k->w->hosts[other].name);
	if (other == host || !i || id == MEMBER_NONE || !i->is_declared ||
		i->state != INSTANCE_IDLE || !i->is_remembered ||
		!instance_offers_state(o, i) ||
		keys_get(&m->k->served, check_root_key(i->staged->root)) ||
		!member_is_present(c, id) || !registry_is_current(c, id) ||
		!registry_is_complete(c, id) || c->duty.is_gate_overrun)
		return false;
	const struct row *row = registry_first(c, ROW_INSTANCE, name);
	for (; row; row = registry_next(c, row))
		if (row->origin != MEMBER_SELF && row->value.epoch > i->epoch)
			return false;
	return true;
}

/* H3: what an operator stopped, and is to start again, does not begin with
 * nothing where its state is not. */
static void
check_waiting(struct moves *m, uint32_t host, const struct effect_start *s)
{
	enum row_state before = check_row_before(m->k, host, s->name);
	if (s->has_state || row_state_is_held(before) ||
		before == ROW_STOPPED || check_is_unwanted(m->k, host, s->name))
		return;
	for (uint32_t i = 0; i < m->k->w->count; i++)
		if (waits_at(m, host, i, s->name))
			world_violated(m->k->w, "H3",
				"%s starts %s with nothing, and its state "
				"waits on %s",
				m->k->w->hosts[host].name, s->name,
				m->k->w->hosts[i].name);
}

/* H1: the target starts what the source has stopped.  What the source began
 * after it gave that away is another copy, and V1's matter. */
static void
check_source(struct moves *m, uint32_t host, const struct effect_start *s)
{
	uint32_t from = check_host_of(m->k, s->handoff_from);
	if (!s->handoff_from[0] || from == WORLD_NO_HOST || from == host ||
		check_pair_ms(m->k, host, from) < 15000)
		return;
	const struct process *p = world_process(m->k->w, from, s->name);
	uint64_t given = page_of(m, from, s->name)->given;
	if (p && given && p->epoch > given)
		return;
	if (p && p->phase != PROCESS_EMPTY && p->epoch < s->epoch)
		world_violated(m->k->w, "H1",
			"%s starts %s, which still runs on %s",
			m->k->w->hosts[host].name, s->name, s->handoff_from);
}

static void
on_start(struct moves *m, uint32_t host, const struct effect_start *s)
{
	const struct page *p = page_of(m, host, s->name);
	check_committed(m, host, p, s);
	check_root(m, host, p, s);
	check_staged(m, host, s);
	check_waiting(m, host, s);
	check_source(m, host, s);
}

/* ACTIVE is true when it is decided; what it waits for may last, and the
 * service may be deleted by then. */
static void
check_active(struct moves *m, uint32_t host, const struct effect_send *s)
{
	skep_Handoff h = skep_Handoff_init_zero;
	const struct core *c = m->k->w->hosts[host].core;
	if (s->type != WIRE_HANDOFF_ACTIVE ||
		!wire_decode(s->type, s->body, &h))
		return;
	const struct instance *i = instance_find(c, h.name);
	if (!i || (i->is_past ? i->epoch_used : i->epoch) <= h.epoch)
		world_violated(m->k->w, "H2",
			"%s calls %s epoch %llu ACTIVE, and has it not",
			c->config.node, h.name, (unsigned long long)h.epoch);
}

static void
on_step(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx, void *context)
{
	struct moves *m = context;
	(void)w;
	m->step++;
	m->is_void =
		in->kind == INPUT_RECV && in->recv.type == WIRE_HANDOFF_ABORT;
	for (size_t i = 0; i < fx->count; i++)
		if (fx->items[i].kind == EFFECT_STORE)
			on_store(m, host, &fx->items[i].store, in);
	for (size_t i = 0; i < fx->count; i++)
		if (fx->items[i].kind == EFFECT_START)
			on_start(m, host, &fx->items[i].start);
		else if (fx->items[i].kind == EFFECT_SEND)
			check_active(m, host, &fx->items[i].send);
}

/* --- Words --- */

/* Nobody says what is not on its disk (the rule of the table in DESIGN 8). */
static void
check_word(struct moves *m, uint32_t host, uint16_t type, const skep_Handoff *h)
{
	const struct move *d = &page_of(m, host, h->name)->durable;
	bool is_same = d->epoch == h->epoch && d->attempt == h->attempt;
	bool is_wrong = false;
	if (type == WIRE_HANDOFF_FROZEN)
		is_wrong = !is_same || d->state != HANDOFF_FROZEN;
	else if (type == WIRE_HANDOFF_STAGED)
		is_wrong = !is_same || d->state != HANDOFF_STAGED;
	else if (type == WIRE_HANDOFF_COMMIT)
		is_wrong = is_same && d->state != HANDOFF_COMMITTED;
	if (is_wrong)
		world_violated(m->k->w, "H2",
			"%s sends %s of %s epoch %llu attempt %u, and its disk "
			"says %s, epoch %llu attempt %u",
			m->k->w->hosts[host].name, wire_type_name(type),
			h->name, (unsigned long long)h->epoch, h->attempt,
			handoff_state_name(d->state),
			(unsigned long long)d->epoch, d->attempt);
}

static void
on_effect(struct world *w, uint32_t host, const struct effect *e, void *context)
{
	struct moves *m = context;
	skep_Handoff h = skep_Handoff_init_zero;
	(void)w;
	if (e->kind == EFFECT_SEND && e->send.type >= WIRE_HANDOFF_OFFER &&
		e->send.type < WIRE_HANDOFF_ACTIVE &&
		wire_decode(e->send.type, e->send.body, &h))
		check_word(m, host, e->send.type, &h);
}

/* H2: a state goes only when no record names it. */
static void
on_process(struct world *w, uint32_t host, const struct world_process_event *e,
	void *context)
{
	if (e->what != STATE_IS_DROPPED || e->status)
		return;
	const struct move *d = &page_of(context, host, e->name)->durable;
	if (d->state != HANDOFF_FREE && d->has_root &&
		!memcmp(d->root, e->root, DIGEST_SIZE))
		world_violated(w, "H2",
			"%s drops a state of %s that its record needs (%s)",
			w->hosts[host].name, e->name,
			handoff_state_name(d->state));
}

/* What the records of another disk say of its host's moves. */
static void
read_disk(struct moves *m, uint32_t host)
{
	const struct host *h = &m->k->w->hosts[host];
	for (size_t i = 0; i < h->record_count; i++) {
		const struct record *r = h->records[i];
		if (r->table != TABLE_HANDOFF)
			continue;
		struct page *p = page_of_key(
			m, host, (struct bytes){r->key, r->key_size});
		p->durable = read_move((struct bytes){r->value, r->value_size});
		p->issued = p->before = p->durable;
		if (p->durable.state == HANDOFF_COMMITTED)
			p->given = p->given_kept = p->durable.epoch;
	}
}

static void
on_fault(struct world *w, const struct world_fault_event *e, void *context)
{
	struct moves *m = context;
	(void)w;
	bool is_other_disk = e->what == WORLD_FAULT_REINSTALL ||
			     e->what == WORLD_FAULT_RESTORE;
	for (uint32_t i = 0; i < m->count; i++) {
		struct page *p = m->items[i];
		if (p->host != e->a)
			continue;
		if (e->what == WORLD_FAULT_START) {
			p->issued = p->before = p->durable;
			p->given = p->given_kept;
		}
		if (is_other_disk) {
			p->issued = p->before = p->durable =
				(struct move){.state = HANDOFF_FREE};
			p->given = p->given_kept = 0;
		}
	}
	if (is_other_disk)
		read_disk(m, e->a);
}

/* --- Ends of phases --- */

/* Whether it waits for the word of a host that runs outside the healed core,
 * where it cannot be asked, or can do nothing for want of a disk that writes: a
 * target with the whole state for good, since that may be the last one, were
 * the source to die (H2), and before that for a time; a source that has
 * committed for good too. */
static bool
waits_outside(const struct moves *m, uint32_t host, const struct handoff *h)
{
	const struct world *w = m->k->w;
	uint32_t x = world_find(w, h->peer_name);
	bool is_due = h->state == HANDOFF_COMMITTED ||
		      h->state == HANDOFF_STAGED ||
		      ((h->state == HANDOFF_ACCEPTED ||
			       h->state == HANDOFF_FETCHING) &&
			      h->deadline.ms != MONO_NEVER.ms);
	if (!is_due || x == WORLD_NO_HOST || !w->hosts[x].is_running ||
		!w->hosts[x].is_aside)
		return false;
	const struct core *c = w->hosts[x].core;
	return (c && c->members.stall.is_on) || !world_is_open(w, host, x) ||
	       !world_is_open(w, x, host);
}

/* H5: every move comes to an end; an operator may just have moved it. */
static void
check_over(const struct moves *m, uint32_t host, const struct core *c)
{
	list_each (l, &c->handoffs.active) {
		const struct handoff *h = container_of(l, struct handoff, link);
		if (mono_diff(m->k->w->now, h->since) >= OVER_MS &&
			!waits_outside(m, host, h))
			world_violated(m->k->w, "H5", "%s still moves %s (%s)",
				c->config.node, h->name,
				handoff_state_name(h->state));
	}
}

static void
on_phase(struct world *w, enum world_phase phase, void *context)
{
	struct moves *m = context;
	if (phase != WORLD_PHASE_SETTLED)
		return;
	for (uint32_t a = 0; a < w->count; a++) {
		const struct core *c = check_core(m->k, a);
		if (c)
			check_over(m, a, c);
	}
}

static void
on_end(struct world *w, void *context)
{
	struct moves *m = context;
	(void)w;
	for (uint32_t i = 0; i < m->count; i++)
		free(m->items[i]);
	free(m->items);
	keys_fini(&m->pages);
	free(m);
}

void
check_handoff(struct check *k)
{
	struct moves *m = calloc(1, sizeof *m);
	CHECK(m);
	m->k = k;
	world_observe(k->w, &(struct world_observer){
				    .name = "handoff",
				    .on_step = on_step,
				    .on_effect = on_effect,
				    .on_stored = on_stored,
				    .on_process = on_process,
				    .on_fault = on_fault,
				    .on_phase = on_phase,
				    .on_end = on_end,
				    .context = m,
			    });
}
