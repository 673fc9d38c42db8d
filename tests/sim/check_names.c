/* Names of processes.
 *
 * T1 A: a host has a name only for a process that lives on it, or whose end it
 *    will be told.
 * T2 A: two hosts of the cluster that nothing was done to, nor to the ways
 *    between them, for PEACE_MS never get the same name both; E: no two hosts
 *    have one.  One that has left keeps its processes, and the others may give
 *    their names anew.
 * T3 A: whoever was told that it is registered has the name for as long as it
 *    lives, its host does, and nobody took it away by a word, or by the rule
 *    for copies that meet; but for hosts whose disk was lost.
 * T4 E: what a host shows of another is what that one has.
 */
#include <string.h>

#include "tests/sim/check.h"

#define PEACE_MS 60000
/* Hosts with more processes than these are looked at where something changed,
 * and as a whole when all is settled. */
#define ALL_MAX 64

static const struct row *
own_row(const struct core *c, const char *name)
{
	return registry_find(c, ROW_TRACKED, name, MEMBER_SELF);
}

/* Whether this very step tells that a name was taken away. */
static bool
is_told(const struct effects *fx, const char *name)
{
	for (size_t i = 0; i < fx->count; i++) {
		const struct effect *e = &fx->items[i];
		if (e->kind == EFFECT_NOTE &&
			(e->note.kind == NOTE_UNREGISTERED ||
				e->note.kind == NOTE_CONFLICT) &&
			!strcmp(e->note.name, name))
			return true;
	}
	return false;
}

/* T3, of one process.  'fx' may be NULL: nothing is being told. */
static void
check_kept(struct world *w, const struct host *h, const struct guest *g,
	const struct effects *fx)
{
	const struct row *row = own_row(h->core, g->name);
	if (g->is_registered && (!row || row->value.pid != g->pid) &&
		!(fx && is_told(fx, g->name)))
		world_violated(w, "T3", "%s lost %s, which process %u has",
			h->name, g->name, g->pid);
}

static void
check_all_kept(
	struct world *w, const struct host *h, const struct effects *fx)
{
	for (uint32_t i = 0; i < h->guest_count; i++)
		check_kept(w, h, &h->guests[i], fx);
}

/* T3, of the one whose record is written, or deleted. */
static void
check_stored(struct world *w, uint32_t host, struct bytes key,
	const struct effects *fx)
{
	char name[RUNTIME_NAME_MAX + 1];
	CHECK(key.size <= RUNTIME_NAME_MAX);
	memcpy(name, key.data, key.size);
	name[key.size] = '\0';
	const struct guest *g = world_guest_named(w, host, name);
	if (g)
		check_kept(w, &w->hosts[host], g, fx);
}

/* T2, of a name that a host was just given. */
static void
check_given(struct check *k, uint32_t host, const char *name)
{
	for (uint32_t i = 0; i < k->w->count; i++) {
		const struct core *other = i == host ? NULL : check_core(k, i);
		if (!other || !own_row(other, name))
			continue;
		if (check_pair_ms(k, i, host) >= PEACE_MS)
			world_violated(k->w, "T2",
				"%s and %s both have %s, and nothing stood "
				"between them",
				k->w->hosts[host].name, other->config.node,
				name);
	}
}

static void
on_step(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx, void *context)
{
	const struct host *h = &w->hosts[host];
	bool is_large = h->guest_count > ALL_MAX;
	(void)in;
	for (size_t i = 0; i < fx->count; i++) {
		const struct effect *e = &fx->items[i];
		if (e->kind == EFFECT_NOTE && e->note.kind == NOTE_REGISTERED)
			check_given(context, host, e->note.name);
		if (is_large && e->kind == EFFECT_STORE &&
			e->store.table == TABLE_TRACKED)
			check_stored(w, host, e->store.key, fx);
	}
	if (!is_large && h->guest_count && h->core->is_booted)
		check_all_kept(w, h, fx);
}

/* T1, of one name. */
static void
check_lives(struct world *w, const struct host *h, const struct row *row)
{
	uint32_t host = (uint32_t)(h - w->hosts);
	if (!world_guest_of(w, host, row->value.pid))
		world_violated(w, "T1",
			"%s has %s, whose process %u is dead", h->name,
			row->name, row->value.pid);
}

/* T2 and T4, of one name of a host, as another shows it. */
static void
check_shown(struct world *w, const struct core *c, const struct row *row,
	const struct core *other)
{
	if (own_row(other, row->name))
		world_violated(w, "T2", "%s and %s both have %s",
			c->config.node, other->config.node, row->name);
	const struct row *shown = tracked_find(other, row->name);
	if (!shown || shown->value.pid != row->value.pid)
		world_violated(w, "T4", "%s does not show %s, which %s has",
			other->config.node, row->name, c->config.node);
}

/* T4, the other way: what is shown of 'from' at 'at' is there. */
static void
check_true(struct world *w, const struct core *at, const struct core *from)
{
	member_id id = member_find(at, from->config.node);
	const struct row *row = NULL;
	while (id != MEMBER_NONE && (row = registry_walk(at, id, row)) != NULL)
		if (row->value.kind == ROW_TRACKED && !own_row(from, row->name))
			world_violated(w, "T4",
				"%s shows %s of %s, which has it no more",
				at->config.node, row->name, from->config.node);
}

static void
check_host(struct check *k, uint32_t host)
{
	struct world *w = k->w;
	const struct core *c = check_core(k, host), *other;
	const struct row *row = NULL;
	if (!c)
		return;
	check_all_kept(w, &w->hosts[host], NULL);
	while ((row = registry_walk(c, MEMBER_SELF, row)) != NULL) {
		if (row->value.kind != ROW_TRACKED)
			continue;
		check_lives(w, &w->hosts[host], row);
		for (uint32_t i = 0; i < w->count; i++)
			if (i != host && (other = check_core(k, i)))
				check_shown(w, c, row, other);
	}
	for (uint32_t i = 0; i < w->count; i++)
		if (i != host && (other = check_core(k, i)))
			check_true(w, c, other);
}

static void
on_phase(struct world *w, enum world_phase phase, void *context)
{
	if (phase != WORLD_PHASE_SETTLED)
		return;
	for (uint32_t i = 0; i < w->count; i++)
		check_host(context, i);
}

void
check_names(struct check *k)
{
	world_observe(k->w, &(struct world_observer){
				    .name = "names",
				    .on_step = on_step,
				    .on_phase = on_phase,
				    .context = k,
			    });
}
