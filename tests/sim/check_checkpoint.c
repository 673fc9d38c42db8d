/* H8: what is kept of instances on other hosts, and what is started from it.
 *
 * All of it holds always:
 *
 *   a  what a runner calls acknowledged was on the disks of as many other hosts
 *      as its spec says;
 *   b  what a host keeps on its disk never becomes older, but for a copy that
 *      it found damaged;
 *   c  with 'takeover: wait' no host starts from less than what was
 *      acknowledged while it could hear the runner (it, or whoever tells of it,
 *      would know);
 *   d  a host that takes an instance over (not one that starts it in place)
 *      starts from no less than what it, or a host that it had been speaking
 *      with for a while, had on disk for that long.
 *
 * That it never starts from bytes that are damaged, the world itself looks.
 * Services that were deleted once are left out: their epochs were forgotten.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tests/sim/check.h"

#define HOSTS_MAX 64
#define ACKS_MAX  8
/* What was said so long ago has been heard by who could hear it. */
#define TOLD_MS 2000
/* ... and has been acted on. */
#define KNOWN_MS 5000

/* One host about one instance. */
struct keeper {
	struct snapshot held; /* newest on its disk */
	struct snapshot ever; /* newest that ever was */
	struct snapshot told; /* newest acknowledged that it was told of */
	struct snapshot told_then, best_then; /* when its start was decided */
	mono held_at;
	struct snapshot acked; /* that it told itself, as the runner */
	bool has_damage;       /* the next record may be older */
	bool is_in_place;      /* it was forked here, and is not given up */
	bool has_failed;       /* a fetch for the start that is coming */
};

/* An acknowledgement that others are about to hear of. */
struct ack {
	struct snapshot what; /* epoch 0: none */
	uint32_t host;
	mono at;
};

struct page {
	char name[INSTANCE_NAME_MAX + 1];
	bool is_gone; /* it was deleted once */
	struct keeper places[HOSTS_MAX];
	struct ack pending[ACKS_MAX];
};

struct keeping {
	struct check *k;
	struct keys pages;   /* name -> number, from 1 */
	struct page **items; /* owned, each */
	uint32_t count;
	bool is_forgetful; /* a host was forgotten, or lost its disk */
};

static struct page *
page_of(struct keeping *g, const char *name)
{
	uint32_t *at = keys_at(&g->pages, hash_text(name, 0));
	if (!*at) {
		g->items = array_add(g->items, &g->count, sizeof *g->items);
		*at = g->count;
		struct page *p = calloc(1, sizeof *p);
		CHECK(p);
		strcpy(p->name, name);
		g->items[*at - 1] = p;
	}
	return g->items[*at - 1];
}

static void
raise_to(struct snapshot *to, const struct snapshot *s)
{
	if (snapshot_compare(s, to) > 0)
		*to = *s;
}

/* Reads the newest of a record, as checkpoint.c writes it. */
static struct snapshot
read_newest(struct bytes value)
{
	struct snapshot s = {0};
	struct reader r;
	if (!value.data)
		return s;
	reader_init(&r, value.data, value.size);
	reader_u8(&r);
	if (reader_u8(&r) == 0)
		return s;
	s.epoch = reader_u64(&r);
	s.number = reader_u64(&r);
	for (size_t i = 0; i < DIGEST_SIZE; i++)
		s.root[i] = reader_u8(&r);
	CHECK(!r.bad);
	return s;
}

/* --- a and b --- */

static void
on_stored(struct world *w, uint32_t host, enum core_table table,
	struct bytes key, struct bytes value, uint64_t seq, void *context)
{
	struct keeping *g = context;
	char name[INSTANCE_NAME_MAX + 1];
	(void)seq;
	if (table != TABLE_CHECKPOINT)
		return;
	CHECK(instance_name_of_key(key, name) && host < HOSTS_MAX);
	struct page *p = page_of(g, name);
	struct keeper *at = &p->places[host];
	const struct snapshot s = read_newest(value);
	if (s.epoch && snapshot_compare(&s, &at->held) < 0 && !at->has_damage &&
		!p->is_gone)
		world_violated(w, "H8",
			"%s keeps %llu.%llu of %s, and had %llu.%llu",
			w->hosts[host].name, (unsigned long long)s.epoch,
			(unsigned long long)s.number, name,
			(unsigned long long)at->held.epoch,
			(unsigned long long)at->held.number);
	/* What was written before it was found damaged comes first. */
	at->has_damage &= snapshot_compare(&s, &at->held) >= 0;
	at->held = s;
	at->held_at = w->now;
	raise_to(&at->ever, &s);
}

/* A runner says that 'what' is acknowledged. */
static void
on_acked(struct keeping *g, struct page *p, uint32_t host,
	const struct checkpoint *k)
{
	const struct snapshot *what = &k->word.acked;
	uint32_t have = 0;
	for (uint32_t i = 0; i < g->k->w->count; i++)
		have += i != host &&
			snapshot_compare(&p->places[i].ever, what) >= 0;
	if (have < k->word.wanted && !p->is_gone)
		world_violated(g->k->w, "H8",
			"%s says that %llu.%llu of %s is acknowledged: it is "
			"on %u of %u disks",
			g->k->w->hosts[host].name,
			(unsigned long long)what->epoch,
			(unsigned long long)what->number, p->name, have,
			k->word.wanted);
	uint32_t free = 0;
	while (free + 1 < ACKS_MAX && p->pending[free].what.epoch)
		free++;
	p->pending[free] = (struct ack){*what, host, g->k->w->now};
}

/* Whoever could hear of an acknowledgement for a while has been told. */
static void
tell(struct keeping *g, struct page *p)
{
	for (uint32_t n = 0; n < ACKS_MAX; n++) {
		struct ack *a = &p->pending[n];
		if (!a->what.epoch || mono_diff(g->k->w->now, a->at) < TOLD_MS)
			continue;
		for (uint32_t i = 0; i < g->k->w->count; i++)
			if (check_pair_ms(g->k, a->host, i) >= TOLD_MS)
				raise_to(&p->places[i].told, &a->what);
		a->what.epoch = 0;
	}
}

/* --- c and d --- */

static bool
is_linked(const struct world *w, uint32_t a, uint32_t b)
{
	const struct core *c = w->hosts[a].core;
	member_id id = c ? member_find(c, w->hosts[b].name) : MEMBER_NONE;
	return id != MEMBER_NONE && member_is_present(c, id) &&
	       member_get(c, id)->link;
}

/* The newest that a host which this one had been speaking with has had for a
 * while. */
static struct snapshot
best_known(const struct keeping *g, const struct page *p, uint32_t host)
{
	const struct world *w = g->k->w;
	struct snapshot best = {0};
	if (world_has_sound(w, host, p->places[host].held.root))
		best = p->places[host].held;
	for (uint32_t i = 0; i < w->count; i++) {
		const struct keeper *at = &p->places[i];
		if (i != host && is_linked(w, host, i) &&
			world_has_sound(w, i, at->held.root) &&
			check_pair_ms(g->k, i, host) >= KNOWN_MS &&
			mono_diff(w->now, at->held_at) >= KNOWN_MS)
			raise_to(&best, &at->held);
	}
	return best;
}

/* A start is decided now, and may wait for the disk. */
static void
note_decision(struct keeping *g, uint32_t host, const char *name)
{
	struct page *p = page_of(g, name);
	struct keeper *at = &p->places[host];
	at->told_then = at->told;
	at->best_then = best_known(g, p, host);
}

/* An operator wants it started, from what there is. */
static void
note_told(struct keeping *g, const char *name)
{
	char service[INSTANCE_NAME_MAX + 1];
	for (uint32_t i = 0; i < g->count; i++) {
		struct page *p = g->items[i];
		instance_service_name(p->name, service);
		if (strcmp(p->name, name) != 0 && strcmp(service, name) != 0)
			continue;
		for (uint32_t h = 0; h < HOSTS_MAX; h++)
			p->places[h].told.epoch = 0;
	}
}

static void
hear_operator(struct keeping *g, const struct effect_note *n)
{
	if (n->kind == NOTE_OPERATOR && strstr(n->text, "restart"))
		note_told(g, n->name);
}

static void
on_step(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx, void *context)
{
	struct keeping *g = context;
	const struct core *c = w->hosts[host].core;
	(void)in;
	for (size_t n = 0; n < fx->count; n++)
		if (fx->items[n].kind == EFFECT_NOTE)
			hear_operator(g, &fx->items[n].note);
	for (size_t n = 0; n < fx->count; n++)
		if (fx->items[n].kind == EFFECT_START)
			note_decision(g, host, fx->items[n].start.name);
	list_each (l, &c->checkpoints.table.all) {
		const struct checkpoint *k =
			container_of(l, struct checkpoint, head.in_all);
		struct page *p = page_of(g, k->head.name);
		struct keeper *at = &p->places[host];
		if (k->word.is_runner &&
			snapshot_compare(&k->word.acked, &at->acked) > 0 &&
			k->epoch == k->word.acked.epoch)
			on_acked(g, p, host, k);
		raise_to(&at->acked, &k->word.acked);
		tell(g, p);
	}
}

static void
complain(struct keeping *g, const struct page *p, uint32_t host,
	const struct snapshot *from, const struct snapshot *than,
	const char *what)
{
	world_violated(g->k->w, "H8",
		"%s starts %s from %llu.%llu, and %llu.%llu %s",
		g->k->w->hosts[host].name, p->name,
		(unsigned long long)from->epoch,
		(unsigned long long)from->number,
		(unsigned long long)than->epoch,
		(unsigned long long)than->number, what);
}

static void
on_forked(struct keeping *g, uint32_t host, const struct world_process_event *e)
{
	struct core *c = g->k->w->hosts[host].core;
	const struct instance *i = c ? instance_find(c, e->name) : NULL;
	const struct checkpoint *k = c ? checkpoint_find(c, e->name) : NULL;
	struct service_value s;
	struct snapshot from = {0};
	struct page *p = page_of(g, e->name);
	const bool was_in_place = p->places[host].is_in_place;
	const bool had_failed = p->places[host].has_failed;
	p->places[host].is_in_place = true;
	p->places[host].has_failed = false;
	if (!i || i->staged || !instance_service(c, i, &s) ||
		!s.policy.checkpoint.is_present || g->is_forgetful ||
		(s.policy.handoff.has_state_path && !e->root))
		return;
	/* It was decided under an earlier spec, and ends at once. */
	const struct process *of = world_process(g->k->w, host, e->name);
	if (of && of->run_digest != s.run_digest)
		return;
	if (p->is_gone)
		return;
	if (e->root && k && k->word.count)
		from = k->word.kept[0];
	const struct snapshot *told = &p->places[host].told_then;
	if (s.policy.checkpoint.takeover == TAKEOVER_WAIT &&
		snapshot_compare(&from, told) < 0)
		complain(g, p, host, &from, told, "was acknowledged");
	const struct snapshot *best = &p->places[host].best_then;
	if (!was_in_place && !had_failed && snapshot_compare(&from, best) < 0)
		complain(g, p, host, &from, best, "can be had");
}

static void
on_process(struct world *w, uint32_t host, const struct world_process_event *e,
	void *context)
{
	struct keeping *g = context;
	(void)w;
	if (e->what == PROCESS_IS_FORKED)
		on_forked(g, host, e);
	else if (e->what == PROCESS_IS_RELEASED || e->what == PROCESS_IS_LOST)
		page_of(g, e->name)->places[host].is_in_place = false;
}

/* --- What excuses --- */

/* The host hears that a service was deleted or wants fewer instances. */
static void
note_gone(struct keeping *g, uint32_t host, const char *name)
{
	char its[INSTANCE_NAME_MAX + 1], service[INSTANCE_NAME_MAX + 1];
	const struct core *c = g->k->w->hosts[host].core;
	instance_service_name(name, service);
	for (uint32_t i = 0; c && i < g->count; i++) {
		struct page *p = g->items[i];
		const struct instance *inst = instance_find(c, p->name);
		instance_service_name(p->name, its);
		p->is_gone |=
			!strcmp(its, service) && (!inst || !inst->is_declared);
	}
}

static void
on_effect(struct world *w, uint32_t host, const struct effect *e, void *context)
{
	struct keeping *g = context;
	(void)w;
	if (e->kind != EFFECT_NOTE)
		return;
	const struct effect_note *n = &e->note;
	g->is_forgetful |= n->kind == NOTE_NODE_LEFT;
	if (n->kind == NOTE_DELETED || n->kind == NOTE_APPLIED ||
		(n->kind == NOTE_STOPPING && strstr(n->text, "deleted")))
		note_gone(g, host, n->name);
	if (n->kind == NOTE_CHECKPOINT && strstr(n->text, "not fetched"))
		page_of(g, n->name)->places[host].has_failed = true;
	if (n->kind == NOTE_CHECKPOINT && strstr(n->text, "damaged"))
		page_of(g, n->name)->places[host].has_damage = true;
}

static void
on_fault(struct world *w, const struct world_fault_event *e, void *context)
{
	struct keeping *g = context;
	if (e->what != WORLD_FAULT_REINSTALL && e->what != WORLD_FAULT_RESTORE)
		return;
	g->is_forgetful = true;
	for (uint32_t i = 0; i < g->count; i++)
		g->items[i]->places[e->a].held = (struct snapshot){0};
	for (size_t i = 0; i < w->hosts[e->a].record_count; i++) {
		const struct record *r = w->hosts[e->a].records[i];
		char name[INSTANCE_NAME_MAX + 1];
		if (r->table == TABLE_CHECKPOINT &&
			instance_name_of_key(
				(struct bytes){r->key, r->key_size}, name))
			page_of(g, name)->places[e->a].held = read_newest(
				(struct bytes){r->value, r->value_size});
	}
}

static void
on_end(struct world *w, void *context)
{
	struct keeping *g = context;
	(void)w;
	for (uint32_t i = 0; i < g->count; i++)
		free(g->items[i]);
	free(g->items);
	keys_fini(&g->pages);
	free(g);
}

void
check_checkpoint(struct check *k)
{
	struct keeping *g = calloc(1, sizeof *g);
	CHECK(g);
	g->k = k;
	world_observe(k->w, &(struct world_observer){
				    .name = "checkpoint",
				    .on_step = on_step,
				    .on_effect = on_effect,
				    .on_stored = on_stored,
				    .on_process = on_process,
				    .on_fault = on_fault,
				    .on_end = on_end,
				    .context = g,
			    });
}

bool
check_waits_for_checkpoint(struct world *w, uint32_t host, const char *name)
{
	struct core *c = w->hosts[host].core;
	struct instance *i = c ? instance_find(c, name) : NULL;
	struct service_value s;
	struct snapshot best = {0}, acked;
	if (!i || !instance_service(c, i, &s) ||
		!s.policy.checkpoint.is_present ||
		s.policy.checkpoint.takeover != TAKEOVER_WAIT)
		return false;
	checkpoint_acked(c, name, &acked);
	for (uint32_t n = 0; n < w->count; n++) {
		const struct core *o = w->hosts[n].core;
		const struct checkpoint *k = o && !w->hosts[n].is_aside
						     ? checkpoint_find(o, name)
						     : NULL;
		for (uint32_t m = 0; k && m < k->word.count; m++)
			if (world_has_sound(w, n, k->word.kept[m].root))
				raise_to(&best, &k->word.kept[m]);
	}
	for (member_id id = 1; id < c->members.count; id++) {
		uint32_t x = world_find(w, member_get(c, id)->name);
		if (x != WORLD_NO_HOST && w->hosts[x].is_aside &&
			!registry_walk(c, id, NULL))
			return true;
	}
	return snapshot_compare(&best, &acked) < 0;
}
