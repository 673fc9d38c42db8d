/* F1, F2: what stands at state_paths.
 *
 * F1 (always): a start without a state does not go on from what stands there
 *     if, when it was decided, its host's rows told that it may have run on
 *     another host since the run that left it.  (What they say of a start of
 *     this host, of which it lost with its power that it failed, is no such.)
 * F2 (always): what stands there is set aside only if another host forked the
 *     instance since, or such a row told, at this or an earlier start here,
 *     that it was about to; or if its host's store is older than that, because
 *     its disk, and not the one of the state_path, was put back to a copy:
 *     what that forgot, nobody knows.
 *
 * The disks of the world are the truth about what stands where, and the forks
 * of processes about who ran an instance under which epoch.  Services that
 * were deleted once are left out: their epochs were forgotten.  So is, on a
 * host that forgot it, an instance that its spec did without for a while.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "core/core_private.h"
#include "tests/sim/check.h"

struct paths {
	struct check *k;
	struct keys forked;  /* host and name -> epoch of the last fork */
	struct keys ran;     /* the same of the last that was seen to run */
	struct keys taken;   /* host, name and epoch of each start: 1 */
	struct keys told;    /* the same of the last start that was decided with
				a later run elsewhere in sight */
	struct keys heard;   /* the same of the last run elsewhere that was ever
				in sight at a start */
	struct keys forgot;  /* the same of the run that left what stood there
				when the store went back without it */
	struct keys dropped; /* host and name of what it forgot while its spec
				did without it */
	struct keys gone;    /* services that were deleted once: their epochs
				were forgotten, and may begin anew */
};

static uint64_t
key_of(uint32_t host, const char *name)
{
	return hash_mix(host, hash_text(name, 0));
}

static uint64_t
start_key(uint32_t host, const char *name, uint64_t epoch)
{
	return hash_mix(key_of(host, name), epoch);
}

static const struct state_place *
find_place(const struct world *w, uint32_t host, const char *name)
{
	const struct host *h = &w->hosts[host];
	for (size_t i = 0; i < h->place_count; i++)
		if (!strcmp(h->places[i].name, name))
			return h->places[i].is_there ? &h->places[i] : NULL;
	return NULL;
}

/* What a row tells of the last run.  Of runs of other hosts than its own (this
 * one may be among them), and of its own once it let go, it knows no more than
 * a block: such a one may have been told after a boot, or was counted as whole
 * when it was let go. */
static uint64_t
told_by(const struct row *r)
{
	uint64_t ran = row_ran(r);
	if (row_run(r)->unran == 0 && r->value.state != ROW_PAST)
		return ran;
	return ran < EPOCH_BLOCK ? 0 : ran - (EPOCH_BLOCK - 1);
}

/* Whether what a row tells of may be a start of 'host' itself after 'epoch',
 * which that host told others of: no two hosts take the same epoch. */
static bool
is_own_start(
	struct paths *p, uint32_t host, const struct row *r, uint64_t epoch)
{
	uint64_t at = told_by(r) > epoch ? told_by(r) : epoch + 1;
	for (; at <= row_ran(r); at++)
		if (keys_get(&p->taken, start_key(host, r->name, at)))
			return true;
	return false;
}

/* Whether rows of other hosts, as 'host' has them, tell of a run elsewhere
 * after 'epoch' and before 'start'. */
static bool
is_told_of_later(struct paths *p, uint32_t host, const char *name,
	uint64_t epoch, uint64_t start)
{
	const struct core *c = p->k->w->hosts[host].core;
	const struct row *r = registry_first(c, ROW_INSTANCE, name);
	for (; r; r = registry_next(c, r))
		if (r->origin != MEMBER_SELF && told_by(r) > epoch &&
			told_by(r) < start && !is_own_start(p, host, r, epoch))
			return true;
	return false;
}

/* The epoch of the last run before 'start' that they may have told of; 0: they
 * tell of none. */
static uint64_t
told_ran(const struct core *c, const char *name, uint64_t start)
{
	uint64_t ran = 0;
	const struct row *r = registry_first(c, ROW_INSTANCE, name);
	for (; r; r = registry_next(c, r))
		if (r->origin != MEMBER_SELF && row_ran(r) > ran &&
			row_ran(r) < start)
			ran = row_ran(r);
	return ran;
}

/* Whether another host forked it under a higher epoch, or under the same one:
 * which of two such copies went on, their epochs do not tell. */
static bool
was_forked_later(
	struct paths *p, uint32_t host, const char *name, uint64_t epoch)
{
	for (uint32_t i = 0; i < p->k->w->count; i++)
		if (i != host && keys_get(&p->forked, key_of(i, name)) >= epoch)
			return true;
	return false;
}

/* What a deletion ends, here or told of by others. */
static void
note_end(struct paths *p, const struct effect_note *n)
{
	char service[INSTANCE_NAME_MAX + 1];
	bool is_end = n->kind == NOTE_DELETED ||
		      (n->kind == NOTE_STOPPING && strstr(n->text, "deleted"));
	instance_service_name(n->name, service);
	if (is_end)
		*keys_at(&p->gone, hash_text(service, 0)) = 1;
}

/* A record of who owns what goes, of an instance that nobody declares. */
static void
note_forgotten(struct paths *p, uint32_t host, const struct effect_store *store)
{
	const struct core *c = p->k->w->hosts[host].core;
	char name[INSTANCE_NAME_MAX + 1];
	if (store->table != TABLE_OWNER || store->value.data ||
		!instance_name_of_key(store->key, name))
		return;
	const struct instance *i = instance_find(c, name);
	if (!i || !i->is_declared)
		*keys_at(&p->dropped, key_of(host, name)) = 1;
}

/* A start is decided now, and waits for the disk. */
static void
note_decision(struct paths *p, uint32_t host, const struct effect_note *n)
{
	const struct world *w = p->k->w;
	const struct state_place *at = find_place(w, host, n->name);
	uint64_t key = key_of(host, n->name);
	uint64_t ran = told_ran(w->hosts[host].core, n->name, n->epoch);
	/* While its spec had no state_path, runs here left what is there. */
	uint64_t own = keys_get(&p->ran, key);
	if (at && is_told_of_later(p, host, n->name,
			  at->state.epoch > own ? at->state.epoch : own,
			  n->epoch))
		*keys_at(&p->told, key) = (uint32_t)n->epoch;
	if (ran > keys_get(&p->heard, key))
		*keys_at(&p->heard, key) = (uint32_t)ran;
	*keys_at(&p->taken, start_key(host, n->name, n->epoch)) = 1;
}

static void
on_effect(struct world *w, uint32_t host, const struct effect *e, void *context)
{
	struct paths *p = context;
	struct service_value s;
	if (e->kind == EFFECT_NOTE)
		note_end(p, &e->note);
	if (e->kind == EFFECT_STORE)
		note_forgotten(p, host, &e->store);
	if (e->kind == EFFECT_NOTE && e->note.kind == NOTE_STARTING)
		note_decision(p, host, &e->note);
	if (e->kind != EFFECT_START || e->start.has_state || e->start.is_void)
		return;
	struct core *c = w->hosts[host].core;
	const struct instance *i = instance_find(c, e->start.name);
	const struct state_place *at = find_place(w, host, e->start.name);
	if (!at || !i || !instance_service(c, i, &s) ||
		!s.policy.handoff.has_state_path ||
		s.run_digest != e->start.run_digest)
		return;
	uint64_t left = at->state.epoch; /* of the run that left it */
	bool is_told =
		keys_get(&p->told, key_of(host, i->name)) == e->start.epoch;
	bool is_gone = keys_get(&p->gone, hash_text(i->service, 0));
	bool is_old = world_place_is_old(at, &e->start);
	if (!is_old && is_told && !is_gone)
		world_violated(w, "F1",
			"%s starts %s under %llu from what its epoch %llu left "
			"at its state_path, and knows of a later one elsewhere",
			w->hosts[host].name, i->name,
			(unsigned long long)i->epoch, (unsigned long long)left);
	bool has_run =
		keys_get(&p->ran, key_of(host, i->name)) == left && !is_gone;
	bool is_forgotten =
		keys_get(&p->forgot, key_of(host, i->name)) == left ||
		keys_get(&p->dropped, key_of(host, i->name));
	if (is_old && has_run && !is_forgotten &&
		!was_forked_later(p, host, i->name, left) &&
		keys_get(&p->heard, key_of(host, i->name)) <= left)
		world_violated(w, "F2",
			"%s sets aside what epoch %llu of %s left, and nobody "
			"had it since",
			w->hosts[host].name, (unsigned long long)left, i->name);
}

static void
on_process(struct world *w, uint32_t host, const struct world_process_event *e,
	void *context)
{
	struct paths *p = context;
	(void)w;
	if (e->what == PROCESS_IS_FORKED)
		*keys_at(&p->forked, key_of(host, e->name)) =
			(uint32_t)e->epoch;
	if (e->what != PROCESS_IS_RUNNING)
		return;
	*keys_at(&p->ran, key_of(host, e->name)) = (uint32_t)e->epoch;
	*keys_at(&p->dropped, key_of(host, e->name)) = 0;
}

static void
on_fault(struct world *w, const struct world_fault_event *e, void *context)
{
	struct paths *p = context;
	if (e->what != WORLD_FAULT_RESTORE || !e->number)
		return;
	const struct host *h = &w->hosts[e->a];
	for (size_t i = 0; i < h->place_count; i++)
		if (h->places[i].is_there)
			*keys_at(&p->forgot, key_of(e->a, h->places[i].name)) =
				(uint32_t)h->places[i].state.epoch;
}

static void
on_end(struct world *w, void *context)
{
	struct paths *p = context;
	(void)w;
	keys_fini(&p->forked);
	keys_fini(&p->ran);
	keys_fini(&p->taken);
	keys_fini(&p->told);
	keys_fini(&p->heard);
	keys_fini(&p->forgot);
	keys_fini(&p->dropped);
	keys_fini(&p->gone);
	free(p);
}

void
check_path(struct check *k)
{
	struct paths *p = calloc(1, sizeof *p);
	CHECK(p);
	p->k = k;
	world_observe(k->w, &(struct world_observer){
				    .name = "path",
				    .on_effect = on_effect,
				    .on_process = on_process,
				    .on_fault = on_fault,
				    .on_end = on_end,
				    .context = p,
			    });
}
