/* R1 to R13: rows and their replicas, against ghosts of all logs.
 *
 * A ghost is what an origin itself wrote, taken from its own log after each
 * of its steps: for each number a hash of the row and which number replaced
 * it, and for each position that the log had the checksum of all of it.  A
 * replica that claims to be complete up to a position must have that
 * checksum, so its whole content is verified by one comparison; each row that
 * comes in a batch is compared by itself as well.
 *
 * R11 is true of a cluster in which nothing goes wrong only, and is held to a
 * bound that leaves room for one lost push (a heartbeat, a wait, a pull).
 * R12 counts bytes of one exchange: test_registry.c does, where two hosts and
 * their difference are known.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "core/wire.h"
#include "tests/sim/check.h"

/* Between two audits of a host's own structures, in steps. */
#define AUDIT_EVERY 4096
/* A change is everywhere after this, when all is well for as long. */
#define VISIBLE_MS 10000

/* One number of a log. */
struct ghost_row {
	uint64_t hash; /* of everything that the row says */
	uint32_t next; /* the number that replaced it; 0: none */
	bool is_known; /* false: overwritten in the step that wrote it */
};

/* One position that a log had. */
struct ghost_point {
	uint64_t position;
	uint64_t gc;
	uint64_t checksum;
};

/* One log: an origin and an incarnation. */
struct ghost {
	struct ghost_row *rows; /* owned; number n at n - 1 */
	uint32_t row_count;
	struct ghost_point *points; /* owned, in order */
	uint32_t point_count;
	struct keys latest; /* hash of kind and name -> number */
	uint64_t seen;	    /* rows are taken up to here */
	mono moved_at;	    /* when the last row was written */
	bool is_blurred;    /* the same incarnation lived twice */
};

/* What a host held of an origin. */
struct replica {
	uint64_t name; /* hash of the origin's */
	uint64_t incarnation;
	uint64_t position;
};

struct replicas {
	struct replica *items; /* owned, by member_id */
	uint32_t count;
	uint32_t audit_in; /* steps */
	uint64_t own;	   /* the incarnation of its own log */
	bool is_new;	   /* it has just started, and has no log yet */
};

struct registries {
	struct check *k;
	struct keys logs;     /* hash of origin and incarnation -> number of a
				 ghost, from 1 */
	struct ghost *ghosts; /* owned */
	uint32_t ghost_count;
	struct replicas *hosts; /* owned */
	uint32_t host_count;
};

static uint64_t
log_key(const char *origin, uint64_t incarnation)
{
	return hash_text(origin, incarnation);
}

static struct ghost *
ghost_find(struct registries *r, const char *origin, uint64_t incarnation)
{
	uint32_t at = keys_get(&r->logs, log_key(origin, incarnation));
	return at ? &r->ghosts[at - 1] : NULL;
}

static struct ghost *
ghost_at(struct registries *r, const char *origin, uint64_t incarnation)
{
	uint32_t *at = keys_at(&r->logs, log_key(origin, incarnation));
	if (!*at) {
		r->ghosts = array_add(
			r->ghosts, &r->ghost_count, sizeof *r->ghosts);
		*at = r->ghost_count;
	}
	return &r->ghosts[*at - 1];
}

static struct replicas *
replicas_at(struct registries *r, uint32_t host)
{
	while (r->host_count <= host)
		r->hosts =
			array_add(r->hosts, &r->host_count, sizeof *r->hosts);
	return &r->hosts[host];
}

/* --- What origins write --- */

static uint64_t
row_hash(const char *name, uint64_t seq, bool is_deleted,
	const struct row_value *v)
{
	uint64_t h = hash_mix(hash_text(name, v->kind), seq << 1 | is_deleted);
	if (is_deleted)
		return hash_mix(h, v->epoch);
	h = hash_mix(hash_mix(h, v->epoch), v->state);
	h = hash_mix(hash_mix(h, v->pid), v->restarts);
	h = hash_mix(hash_mix(h, v->run_digest), (uint32_t)v->status);
	h = hash_mix(h, (uint64_t)v->since_wall_ms);
	return hash_bytes(v->meta.data, v->meta.size, h);
}

static void
ghost_put(struct ghost *g, const char *name, uint64_t seq, bool is_deleted,
	const struct row_value *v)
{
	while (g->row_count < seq)
		g->rows = array_add(g->rows, &g->row_count, sizeof *g->rows);
	g->rows[seq - 1].hash = row_hash(name, seq, is_deleted, v);
	g->rows[seq - 1].is_known = true;
	uint32_t *latest = keys_at(&g->latest, hash_text(name, v->kind));
	if (*latest && *latest < seq)
		g->rows[*latest - 1].next = (uint32_t)seq;
	if (*latest < seq)
		*latest = (uint32_t)seq;
}

static void
ghost_point(struct ghost *g, uint64_t position, uint64_t gc, uint64_t checksum)
{
	const struct ghost_point *last =
		g->point_count ? &g->points[g->point_count - 1] : NULL;
	if (last && last->position == position && last->gc == gc)
		return;
	g->points = array_add(g->points, &g->point_count, sizeof *g->points);
	g->points[g->point_count - 1] =
		(struct ghost_point){position, gc, checksum};
}

static void
ghost_clear(struct ghost *g)
{
	free(g->rows);
	free(g->points);
	keys_fini(&g->latest);
	*g = (struct ghost){.is_blurred = g->is_blurred};
}

/* Takes the rows of one list above what is seen, oldest first. */
static void
take_list(struct ghost *g, const struct list *head)
{
	const struct list *at = head;
	while (at->prev != head &&
		container_of(at->prev, struct row, in_log)->seq > g->seen)
		at = at->prev;
	for (; at != head; at = at->next) {
		const struct row *row = container_of(at, struct row, in_log);
		struct row_value v = row_value(row);
		ghost_put(g, row->name, row->seq, row->is_deleted, &v);
	}
}

static void
take_own(struct registries *r, uint32_t host)
{
	const struct core *c = r->k->w->hosts[host].core;
	const struct origin *own = &c->registry.origins[MEMBER_SELF];
	if (own->incarnation == 0 || !c->is_booted)
		return;
	struct ghost *g = ghost_at(r, c->config.node, own->incarnation);
	/* An incarnation that was not durable is taken again, at a start or
	 * when others know of a larger one; nobody can have heard of it. */
	struct replicas *h = replicas_at(r, host);
	if (h->is_new || h->own != own->incarnation)
		ghost_clear(g);
	h->is_new = false;
	h->own = own->incarnation;
	if (own->position > g->seen) {
		take_list(g, &own->log);
		take_list(g, &own->tombs);
		g->seen = own->position;
		g->moved_at = r->k->w->now;
	}
	ghost_point(g, own->position, own->gc, own->checksum);
}

/* A row of a batch, as a value. */
static struct row_value
value_of(const skep_Row *row)
{
	return (struct row_value){
		.kind = (enum row_kind)row->kind,
		.state = (enum row_state)row->state,
		.epoch = row->epoch,
		.pid = row->pid,
		.run_digest = row->run_digest,
		.restarts = row->restarts,
		.status = row->status,
		.since_wall_ms = row->since_wall_ms,
		.meta = {row->meta.bytes, row->meta.size},
	};
}

/* An origin pushes in the middle of a step what it overwrites in the same:
 * the batch is the only witness of such rows and positions. */
static void
take_pushed(struct registries *r, uint32_t host, struct bytes body)
{
	const struct core *c = r->k->w->hosts[host].core;
	skep_Batch b = skep_Batch_init_zero;
	if (!wire_decode(WIRE_BATCH, body, &b) ||
		strcmp(b.origin, c->config.node) != 0)
		return;
	struct ghost *g = ghost_at(r, b.origin, b.incarnation);
	struct wire_in in;
	skep_Row row;
	wire_each(&in, body, skep_Batch_rows_tag);
	while (b.to > g->seen && wire_next(&in, skep_Row_fields, &row)) {
		struct row_value v = value_of(&row);
		ghost_put(g, row.name, row.seq, row.is_deleted, &v);
	}
	if (b.is_at_end)
		ghost_point(g, b.to, b.gc, b.checksum);
}

/* --- What replicas hold --- */

static const struct ghost_point *
find_point(const struct ghost *g, uint64_t position, uint64_t gc)
{
	uint32_t low = 0, high = g->point_count;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const struct ghost_point *p = &g->points[mid];
		if (p->position == position && p->gc == gc)
			return p;
		bool is_below = p->position < position ||
				(p->position == position && p->gc < gc);
		if (is_below)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* R2: a replica that is complete up to a position holds exactly what the
 * origin held there; this is also what R6 is for (a replica that lacks a
 * collected tombstone must have been reset). */
static void
check_content(struct registries *r, const struct core *c, const char *origin,
	const struct origin *o, const struct ghost *g)
{
	if (!o->has_end || o->top > o->position)
		return;
	uint64_t end =
		g->point_count ? g->points[g->point_count - 1].position : 0;
	if (o->position > end)
		world_violated(r->k->w, "R2",
			"%s is at %llu of %s, which is "
			"at %llu",
			c->config.node, (unsigned long long)o->position, origin,
			(unsigned long long)end);
	const struct ghost_point *p = find_point(g, o->position, o->gc);
	if (p && p->checksum != o->checksum)
		world_violated(r->k->w, "R2",
			"%s holds other rows of %s's log %llu than it wrote up "
			"to %llu, collected %llu",
			c->config.node, origin,
			(unsigned long long)o->incarnation,
			(unsigned long long)o->position,
			(unsigned long long)o->gc);
}

static void
check_origin(struct registries *r, uint32_t host, member_id id)
{
	const struct core *c = r->k->w->hosts[host].core;
	const struct origin *o = &c->registry.origins[id];
	struct replicas *h = replicas_at(r, host);
	while (h->count <= id)
		h->items = array_add(h->items, &h->count, sizeof *h->items);
	struct replica *before = &h->items[id];
	const char *origin = member_get(c, id)->name;
	uint64_t name = hash_text(origin, 0);
	/* R3: a replica only advances, within a log and from log to log. */
	bool is_same = before->name == name && o->incarnation;
	if (is_same && (o->incarnation < before->incarnation ||
			       (o->incarnation == before->incarnation &&
				       o->position < before->position)))
		world_violated(r->k->w, "R3", "%s fell from %llu to %llu of %s",
			c->config.node, (unsigned long long)before->position,
			(unsigned long long)o->position, origin);
	*before = (struct replica){name, o->incarnation, o->position};
	const struct ghost *g = ghost_find(r, origin, o->incarnation);
	if (o->incarnation && g && !g->is_blurred)
		check_content(r, c, origin, o, g);
}

/* R1, R4, R7: one row that came in. */
static void
check_row(struct registries *r, const struct core *c, member_id id,
	const struct ghost *g, const skep_Row *row)
{
	struct world *w = r->k->w;
	const struct origin *o = &c->registry.origins[id];
	const char *origin = member_get(c, id)->name;
	struct row_value v = value_of(row);
	const struct ghost_row *was =
		row->seq <= g->row_count ? &g->rows[row->seq - 1] : NULL;
	if (!was ||
		(was->is_known && was->hash != row_hash(row->name, row->seq,
						       row->is_deleted, &v)))
		world_violated(w, "R1",
			"%s was sent row %llu of %s (%s), "
			"which that host never wrote",
			c->config.node, (unsigned long long)row->seq, origin,
			row->name);
	const struct row *held = registry_find(c, v.kind, row->name, id);
	if (!held)
		return;
	const struct row_value now = row_value(held);
	const struct ghost_row *is =
		held->seq <= g->row_count ? &g->rows[held->seq - 1] : NULL;
	if (!is || (is->is_known && is->hash != row_hash(held->name, held->seq,
							false, &now)))
		world_violated(w, "R7", "%s shows %s of %s, which never was so",
			c->config.node, held->name, origin);
	if (is->next && is->next <= o->position)
		world_violated(w, "R4",
			"%s shows row %llu of %s (%s), which "
			"%u replaced",
			c->config.node, (unsigned long long)held->seq, origin,
			held->name, is->next);
}

static void
on_batch(struct registries *r, uint32_t host, struct bytes body)
{
	const struct core *c = r->k->w->hosts[host].core;
	skep_Batch b = skep_Batch_init_zero;
	if (!wire_decode(WIRE_BATCH, body, &b))
		return;
	member_id id = member_find(c, b.origin);
	if (id == MEMBER_NONE || id == MEMBER_SELF)
		return;
	check_origin(r, host, id);
	const struct ghost *g = ghost_find(r, b.origin, b.incarnation);
	bool is_world = check_host_of(r->k, b.origin) != WORLD_NO_HOST;
	if (!g && is_world)
		world_violated(r->k->w, "R1",
			"%s was sent a log of %s that "
			"never was",
			c->config.node, b.origin);
	if (!g || g->is_blurred ||
		c->registry.origins[id].incarnation != b.incarnation)
		return;
	struct wire_in in;
	skep_Row row;
	wire_each(&in, body, skep_Batch_rows_tag);
	while (wire_next(&in, skep_Row_fields, &row))
		check_row(r, c, id, g, &row);
}

/* R10: who starts something says so in the same step. */
static void
check_own(struct registries *r, uint32_t host, const struct effect_start *s)
{
	const struct core *c = r->k->w->hosts[host].core;
	const struct row *row =
		registry_find(c, ROW_INSTANCE, s->name, MEMBER_SELF);
	if (!c->registry.full && (!row || row->value.epoch < s->epoch))
		world_violated(r->k->w, "R10",
			"%s starts %s epoch %llu and "
			"says nothing of it",
			c->config.node, s->name, (unsigned long long)s->epoch);
}

/* A host that was forgotten, and comes back, is read from its first row. */
static void
on_note(struct registries *r, uint32_t host, const struct effect_note *n)
{
	const struct core *c = r->k->w->hosts[host].core;
	struct replicas *h = replicas_at(r, host);
	if (n->kind != NOTE_NODE_LEFT)
		return;
	member_id id = member_find(c, n->name);
	if (id < h->count)
		h->items[id] = (struct replica){0};
}

static void
on_step(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx, void *context)
{
	struct registries *r = context;
	const struct core *c = w->hosts[host].core;
	struct replicas *h = replicas_at(r, host);
	const void *last = NULL;
	for (size_t i = 0; i < fx->count; i++) {
		const struct effect *e = &fx->items[i];
		if (e->kind == EFFECT_START)
			check_own(r, host, &e->start);
		if (e->kind == EFFECT_NOTE)
			on_note(r, host, &e->note);
		if (e->kind != EFFECT_SEND || e->send.type != WIRE_BATCH ||
			e->send.body.data == last)
			continue;
		last = e->send.body.data;
		take_pushed(r, host, e->send.body);
	}
	take_own(r, host);
	if (in->kind == INPUT_RECV && in->recv.type == WIRE_BATCH)
		on_batch(r, host, in->recv.body);
	/* R9: lists, index and checksums fit together. */
	if (h->audit_in-- == 0) {
		registry_check(c);
		/* A look costs as much as there are rows. */
		h->audit_in = AUDIT_EVERY + c->registry.row_count;
	}
}

static void
on_fault(struct world *w, const struct world_fault_event *e, void *context)
{
	struct registries *r = context;
	if (e->a == WORLD_NO_HOST)
		return;
	struct replicas *h = replicas_at(r, e->a);
	if (e->what == WORLD_FAULT_START) {
		h->count = 0;
		h->is_new = true;
	}
	bool is_reborn = e->what == WORLD_FAULT_REINSTALL ||
			 e->what == WORLD_FAULT_RESTORE;
	/* Its next incarnation may be one that it had already. */
	for (uint64_t i = 1; is_reborn && i < 4096; i++) {
		struct ghost *g = ghost_find(r, w->hosts[e->a].name, i);
		if (g)
			g->is_blurred = true;
	}
}

/* --- Ends of phases --- */

/* R5: all replicas are equal to what the origin has, row by row.  R8: so all
 * name the same holder. */
static void
check_pair(struct registries *r, uint32_t a, uint32_t b)
{
	const struct core *c = r->k->w->hosts[a].core;
	const struct core *of = r->k->w->hosts[b].core;
	member_id id = member_find(c, of->config.node);
	const struct origin *own = &of->registry.origins[MEMBER_SELF];
	const struct row *row = NULL;
	uint32_t count = 0;
	while ((row = registry_walk(of, MEMBER_SELF, row)) != NULL) {
		const struct row *there =
			id == MEMBER_NONE ? NULL
					  : registry_find(c, row->value.kind,
						    row->name, id);
		if (!there || there->seq != row->seq ||
			there->value.state != row->value.state ||
			there->value.epoch != row->value.epoch)
			world_violated(r->k->w, "R5",
				"%s does not hold %s of %s as it is",
				c->config.node, row->name, of->config.node);
		count++;
	}
	if (id != MEMBER_NONE && c->registry.origins[id].row_count != count)
		world_violated(r->k->w, "R5", "%s holds %u rows of %s, not %u",
			c->config.node, c->registry.origins[id].row_count,
			of->config.node, count);
	CHECK(own->row_count == count);
}

static void
check_holders(struct registries *r, struct core *first, struct core *c)
{
	list_each (l, &first->instances.all) {
		const struct instance *i =
			container_of(l, struct instance, in_all);
		member_id one = duty_holder(first, i->name, NULL);
		member_id two = duty_holder(c, i->name, NULL);
		const char *a =
			one == MEMBER_NONE ? "" : member_get(first, one)->name;
		const char *b =
			two == MEMBER_NONE ? "" : member_get(c, two)->name;
		if (strcmp(a, b) != 0)
			world_violated(r->k->w, "R8",
				"%s is held by '%s' for %s and by '%s' for %s",
				i->name, a, first->config.node, b,
				c->config.node);
	}
}

/* R7: nothing is shown of a host that was forgotten.  R13: tombstones that
 * nobody needs went. */
static void
check_forgotten(struct registries *r, const struct core *c)
{
	const struct origin *own = &c->registry.origins[MEMBER_SELF];
	if (own->tombstones > 1000 + own->row_count / 10)
		world_violated(r->k->w, "R13", "%s keeps %u tombstones",
			c->config.node, own->tombstones);
	for (member_id id = 1; id < c->members.count; id++)
		if (member_get(c, id)->state == MEMBER_LEFT &&
			c->registry.origins[id].row_count)
			world_violated(r->k->w, "R7",
				"%s shows rows of %s, which left",
				c->config.node, member_get(c, id)->name);
}

static void
on_phase(struct world *w, enum world_phase phase, void *context)
{
	struct registries *r = context;
	struct core *first = NULL;
	if (phase != WORLD_PHASE_SETTLED)
		return;
	for (uint32_t a = 0; a < w->count; a++) {
		struct core *c = check_core(r->k, a);
		if (!c)
			continue;
		registry_check(c);
		check_forgotten(r, c);
		first = first ? first : c;
		check_holders(r, first, c);
		for (uint32_t b = 0; b < w->count; b++)
			if (b != a && check_core(r->k, b))
				check_pair(r, a, b);
	}
}

static void
on_end(struct world *w, void *context)
{
	struct registries *r = context;
	(void)w;
	for (uint32_t i = 0; i < r->ghost_count; i++)
		ghost_clear(&r->ghosts[i]);
	for (uint32_t i = 0; i < r->host_count; i++)
		free(r->hosts[i].items);
	free(r->ghosts);
	free(r->hosts);
	keys_fini(&r->logs);
	free(r);
}

void
check_registry(struct check *k)
{
	struct registries *r = calloc(1, sizeof *r);
	CHECK(r);
	r->k = k;
	world_observe(k->w, &(struct world_observer){
				    .name = "registry",
				    .on_step = on_step,
				    .on_fault = on_fault,
				    .on_phase = on_phase,
				    .on_end = on_end,
				    .context = r,
			    });
}
