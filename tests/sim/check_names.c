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

/* T3, of one host. */
static void
check_kept(struct world *w, uint32_t host, const struct effects *fx)
{
	const struct host *h = &w->hosts[host];
	for (uint32_t i = 0; i < h->guest_count; i++) {
		const struct guest *g = &h->guests[i];
		const struct row *row = own_row(h->core, g->name);
		if (g->is_registered && (!row || row->value.pid != g->pid) &&
			!is_told(fx, g->name))
			world_violated(w, "T3",
				"%s lost %s, which process %u has", h->name,
				g->name, g->pid);
	}
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
	(void)in;
	for (size_t i = 0; i < fx->count; i++) {
		const struct effect *e = &fx->items[i];
		if (e->kind == EFFECT_NOTE && e->note.kind == NOTE_REGISTERED)
			check_given(context, host, e->note.name);
	}
	if (w->hosts[host].guest_count && w->hosts[host].core->is_booted)
		check_kept(w, host, fx);
}

/* T1, of one name. */
static void
check_lives(struct world *w, const struct host *h, const struct row *row)
{
	for (uint32_t i = 0; i < h->guest_count; i++)
		if (h->guests[i].pid == row->value.pid)
			return;
	world_violated(w, "T1", "%s has %s, whose process %u is dead", h->name,
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
