/* H2, H4, H7, H10: sealed states.
 *
 * The books hold which sealed states lie on which disk, what became of each,
 * and what its host said of it when it let go of it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "core/specs_private.h"
#include "tests/sim/check.h"

/* A sealed state on a disk, or one that was. */
struct kept_state {
	uint32_t host;
	char name[INSTANCE_NAME_MAX + 1];
	uint8_t root[DIGEST_SIZE];
	uint64_t birth;
	uint64_t lives;
	uint64_t work;
	bool is_here;
	bool is_given_up; /* while its service had no handoff */
};

struct states {
	struct check *k;
	struct keys sealed;	   /* host and root -> number, from 1 */
	struct kept_state *states; /* owned */
	uint32_t state_count;
	struct keys aside;   /* root -> 1: of a process that went on.  It goes
				when a newer one is kept, which may be of
				another copy, and is H8's */
	struct keys orphans; /* root -> 1: of a state that a host lost with its
				disk, and of which another may have a copy */
	struct keys told;    /* root -> TOLD: its host said that it lets go of
				it; TOLD_DONE: since another went on from it */
};

/* A state on a host's disk. */
static struct kept_state *
kept_state_at(struct states *m, uint32_t host, const uint8_t root[DIGEST_SIZE])
{
	uint32_t *at =
		keys_at(&m->sealed, hash_mix(host, check_root_key(root)));
	if (!*at) {
		m->states = array_add(
			m->states, &m->state_count, sizeof *m->states);
		*at = m->state_count;
		m->states[*at - 1].host = host;
		memcpy(m->states[*at - 1].root, root, DIGEST_SIZE);
	}
	return &m->states[*at - 1];
}

/* --- What lets go of them --- */

bool
check_is_unwanted(const struct check *k, uint32_t host, const char *name)
{
	struct core *c = k->w->hosts[host].core;
	const struct instance *i = c ? instance_find(c, name) : NULL;
	struct service_value v;
	return !i || !instance_service(c, i, &v) ||
	       !v.policy.handoff.is_present;
}

/* Whether its service was deleted, or has no such instance any more. */
static bool
is_deleted(const struct core *c, const char *name)
{
	char service[INSTANCE_NAME_MAX + 1];
	struct service_value v;
	instance_service_name(name, service);
	const struct entry *e = specs_lookup(c, ENTRY_SERVICE, service);
	const struct instance *i = instance_find(c, name);
	if (!e || e->is_deleted)
		return e;
	return specs_get_service(e, &v) && (!i || !i->is_declared);
}

/* A host decides to let go of a state.  It does so when its records are
 * durable, and the service may have been written anew by then, here or at the
 * other end of a move: whoever deletes a service gives up its states, and a
 * host gives up its own of a service that is without a handoff. */
static void
on_drop(struct states *m, uint32_t host, const char *name,
	const uint8_t root[DIGEST_SIZE], const struct effects *fx)
{
	const struct core *c = m->k->w->hosts[host].core;
	uint32_t told = check_told(c, fx, name);
	kept_state_at(m, host, root)->is_given_up |=
		check_is_unwanted(m->k, host, name);
	if (told)
		*keys_at(&m->told, check_root_key(root)) = told;
	if (is_deleted(c, name))
		*keys_at(&m->k->served, check_root_key(root)) = 1;
}

/* Those that happen later were decided on in the step at hand, too. */
static void
on_drops(struct states *m, uint32_t host, const struct effects *fx)
{
	const struct core *c = m->k->w->hosts[host].core;
	for (size_t i = 0; i < fx->count; i++) {
		const struct effect *e = &fx->items[i];
		if (e->kind == EFFECT_DROP)
			on_drop(m, host, e->drop.name, e->drop.root, fx);
	}
	list_each (l, &c->sealed.drops) {
		const struct sealed_drop *d =
			container_of(l, struct sealed_drop, link);
		if (d->since.ms == c->now.ms)
			on_drop(m, host, d->name, d->root, fx);
	}
}

/* Whether the same state, or what became of it, has another home: on a disk,
 * or in a process. */
static bool
has_home(const struct states *m, const struct kept_state *s)
{
	for (uint32_t i = 0; i < m->state_count; i++) {
		const struct kept_state *o = &m->states[i];
		bool is_newer = o->lives > s->lives ||
				(o->lives == s->lives && o->work >= s->work);
		if (o != s && o->is_here && o->birth == s->birth && is_newer)
			return true;
	}
	return false;
}

/* Whether another host had the instance, as far as this one knows, or has it
 * now: then the two copies are a conflict, and one of them is given up. */
static bool
has_others(const struct states *m, uint32_t host, const char *name)
{
	const struct core *c = m->k->w->hosts[host].core;
	const struct row *row =
		c ? registry_first(c, ROW_INSTANCE, name) : NULL;
	while (row &&
		(row->origin == MEMBER_SELF || row->value.state == ROW_PAST))
		row = registry_next(c, row);
	for (uint32_t i = 0; !row && i < m->k->w->count; i++) {
		const struct process *p = world_process(m->k->w, i, name);
		const struct core *o = m->k->w->hosts[i].core;
		const struct instance *inst = o ? instance_find(o, name) : NULL;
		if (i != host && ((p && p->phase != PROCESS_EMPTY) ||
					 (inst && instance_is_held(inst))))
			return true;
	}
	return row != NULL;
}

/* H2: a state goes only when it has served, or has another home, or nobody
 * wants it; or, H10, when it is that of a copy that lost, was kept as such, and
 * its host says that it is kept no longer; that a copy went on from it is said
 * of none that has not served.  While others have the instance, to say so is
 * enough; what its source kept, and lost with its disk, the target of a move
 * lets go of in silence. */
static void
on_dropped(struct states *m, uint32_t host, struct kept_state *s)
{
	s->is_here = false;
	if (keys_get(&m->k->served, check_root_key(s->root)) ||
		keys_get(&m->aside, check_root_key(s->root)) ||
		s->is_given_up || has_home(m, s) ||
		check_is_unwanted(m->k, host, s->name))
		return;
	m->k->stats->dropped++;
	uint32_t told = keys_get(&m->told, check_root_key(s->root));
	bool is_told = told != 0;
	if (told == TOLD_DONE && !m->k->has_lost_disk)
		world_violated(m->k->w, "H10",
			"%s lets go of a state of %s that nobody went on from",
			m->k->w->hosts[host].name, s->name);
	if (is_told && keys_get(&m->k->lost, check_root_key(s->root)))
		return;
	if (!has_others(m, host, s->name))
		world_violated(m->k->w, "H2",
			"%s drops the last state of %s, and nobody has it",
			m->k->w->hosts[host].name, s->name);
	else if (!is_told && !keys_get(&m->orphans, check_root_key(s->root)))
		world_violated(m->k->w, "H10",
			"%s drops a state of %s that lost, in silence",
			m->k->w->hosts[host].name, s->name);
}

/* H4: a process begins with a state that was sealed or fetched whole here. */
static void
on_forked(struct states *m, uint32_t host, const struct world_process_event *e)
{
	if (!e->root)
		return;
	uint32_t at =
		keys_get(&m->sealed, hash_mix(host, check_root_key(e->root)));
	if (!at || !m->states[at - 1].is_here)
		world_violated(m->k->w, "H4",
			"%s starts %s from a state that is not there",
			m->k->w->hosts[host].name, e->name);
}

static void
on_process(struct world *w, uint32_t host, const struct world_process_event *e,
	void *context)
{
	struct states *m = context;
	(void)w;
	if (e->what == PROCESS_IS_FORKED)
		on_forked(m, host, e);
	if (e->what == STATE_IS_SEALED || e->what == STATE_IS_FETCHED) {
		struct kept_state *s = kept_state_at(m, host, e->root);
		strcpy(s->name, e->name);
		s->birth = e->birth;
		s->lives = e->lives;
		s->work = e->work;
		if (e->status)
			*keys_at(&m->aside, check_root_key(e->root)) = 1;
		s->is_here = true;
		s->is_given_up = false;
	}
	if (e->what == STATE_IS_DROPPED && e->status)
		kept_state_at(m, host, e->root)->is_here = false;
	else if (e->what == STATE_IS_DROPPED)
		on_dropped(m, host, kept_state_at(m, host, e->root));
	if (e->what != PROCESS_IS_RUNNING)
		return;
	/* It runs: the states of its birth that are older have served. */
	for (uint32_t i = 0; i < m->state_count; i++)
		if (m->states[i].birth == e->birth &&
			m->states[i].lives < e->lives)
			*keys_at(&m->k->served,
				check_root_key(m->states[i].root)) = 1;
	for (uint32_t i = 0; i < e->part_count; i++)
		*keys_at(&m->k->served, e->parts[i].key) = 1;
}

/* Whether a host's disk has a state, after it was put in place of another. */
static bool
is_on_disk(const struct world *w, const struct kept_state *s)
{
	const struct host *h = &w->hosts[s->host];
	for (size_t i = 0; i < h->state_count; i++)
		if (h->states[i].birth == s->birth &&
			h->states[i].lives == s->lives &&
			!strcmp(h->states[i].name, s->name))
			return true;
	return false;
}

static void
on_fault(struct world *w, const struct world_fault_event *e, void *context)
{
	struct states *m = context;
	bool is_other_disk = e->what == WORLD_FAULT_REINSTALL ||
			     e->what == WORLD_FAULT_RESTORE;
	for (uint32_t i = 0; i < m->state_count; i++) {
		struct kept_state *s = &m->states[i];
		if (!is_other_disk || s->host != e->a)
			continue;
		bool was_here = s->is_here;
		s->is_here = is_on_disk(w, s);
		if (was_here && !s->is_here)
			*keys_at(&m->orphans, check_root_key(s->root)) = 1;
	}
}

static void
on_step(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx, void *context)
{
	(void)in;
	(void)w;
	on_drops(context, host, fx);
}

/* H7: every sealed state is named by somebody who will use it, or is about to
 * go. */
static void
on_phase(struct world *w, enum world_phase phase, void *context)
{
	struct states *m = context;
	(void)w;
	if (phase != WORLD_PHASE_SETTLED)
		return;
	for (uint32_t i = 0; i < m->state_count; i++) {
		const struct kept_state *s = &m->states[i];
		const struct core *c = check_core(m->k, s->host);
		bool is_named =
			c && (sealed_is_needed(c, s->name, s->root) ||
				     sealed_find_drop(c, s->name, s->root));
		if (s->is_here && c && !is_named && !m->k->has_lost_disk)
			world_violated(w, "H7",
				"%s keeps a state of %s that nobody names",
				c->config.node, s->name);
	}
}

static void
on_end(struct world *w, void *context)
{
	struct states *m = context;
	(void)w;
	free(m->states);
	keys_fini(&m->sealed);
	keys_fini(&m->told);
	keys_fini(&m->orphans);
	keys_fini(&m->aside);
	free(m);
}

void
check_sealed(struct check *k)
{
	struct states *m = calloc(1, sizeof *m);
	CHECK(m);
	m->k = k;
	world_observe(k->w, &(struct world_observer){
				    .name = "sealed",
				    .on_step = on_step,
				    .on_process = on_process,
				    .on_fault = on_fault,
				    .on_phase = on_phase,
				    .on_end = on_end,
				    .context = m,
			    });
}
