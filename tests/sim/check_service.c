/* V1, V2, V5 to V9: what really runs.
 *
 * The truth comes from the keepers: a copy lives from the fork of its process
 * until nothing of it is left, whatever any host believes.  (V3 and V4 belong
 * to services that ask for a quorum, which there are none of.)
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "core/instance.h"
#include "core/view.h"
#include "tests/sim/check.h"

/* Two hosts that were well and could speak for so long know each other's
 * rows; a copy that is so old is known to them. */
#define KNOWN_MS 15000
/* After so long without trouble no two copies are left. */
#define RESOLVE_MS 60000
/* Starts of one instance on one host: so many in so long. */
#define STARTS_MAX 40
#define STARTS_MS  10000

/* One live process. */
struct copy {
	uint32_t host;
	uint64_t epoch;
	mono since;
};

/* One instance name on one host. */
struct past {
	uint64_t epoch;	 /* the last one there */
	uint64_t begun;	 /* ... and of the last start that was decided on */
	mono window_at;	 /* since when 'starts' are counted */
	uint32_t starts; /* in this window */
};

/* One instance name. */
struct life {
	char name[INSTANCE_NAME_MAX + 1];
	struct copy *copies; /* owned */
	uint32_t count;
	uint32_t room;
	uint64_t epoch;	   /* the largest that ever started */
	uint32_t host;	   /* where that was */
	mono started_at;   /* when that was */
	mono ended_at;	   /* when the last copy ended, of whatever cause */
	mono lost_at;	   /* NEVER, or when the last copy went with its host */
	mono doubled_at;   /* NEVER, or since when there are two */
	mono paired_at;	   /* when a move last wanted two */
	uint32_t begun_by; /* who decided on a start last, plus 1; 0 when that
			      one came to an end */
	mono begun_at;	   /* when that was */
	bool is_deleted; /* begins anew when nothing of it is left */
};

struct services {
	struct check *k;
	struct keys names;   /* -> number of a life, from 1 */
	struct life **lives; /* owned, each */
	uint32_t count;
	uint32_t doubled;   /* of these, how many have two copies */
	struct keys at;	    /* host and name -> number of a past, from 1 */
	struct past *pasts; /* owned */
	uint32_t past_count;
	mono worded_at;	   /* when last something was decided, or heard, that
			      places may depend on */
	bool is_forgetful; /* a host or a disk was forgotten: epochs of it may
			      come again */
};

static struct life *
life_of(struct services *s, const char *name)
{
	uint32_t *at = keys_at(&s->names, hash_text(name, 0));
	if (*at)
		return s->lives[*at - 1];
	s->lives = array_add(s->lives, &s->count, sizeof *s->lives);
	*at = s->count;
	struct life *l = calloc(1, sizeof *l);
	CHECK(l);
	strcpy(l->name, name);
	l->lost_at = l->doubled_at = MONO_NEVER;
	l->paired_at = (mono){-RESOLVE_MS};
	l->ended_at = s->k->w->now;
	s->lives[*at - 1] = l;
	return l;
}

static struct copy *
copy_on(struct life *l, uint32_t host)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (l->copies[i].host == host)
			return &l->copies[i];
	return NULL;
}

/* --- Starts --- */

static struct past *
past_of(struct services *s, uint32_t host, const char *name)
{
	uint32_t *at = keys_at(&s->at, hash_mix(host, hash_text(name, 0)));
	if (!*at) {
		s->pasts =
			array_add(s->pasts, &s->past_count, sizeof *s->pasts);
		*at = s->past_count;
		s->pasts[*at - 1] = (struct past){.window_at = s->k->w->now};
	}
	return &s->pasts[*at - 1];
}

/* Its epochs may come again there. */
static void
past_forget(struct services *s, uint32_t host, const char *name)
{
	uint32_t at = keys_get(&s->at, hash_mix(host, hash_text(name, 0)));
	if (at)
		s->pasts[at - 1].epoch = s->pasts[at - 1].begun = 0;
}

/* V5: epochs of one instance rise on each host, through all its lives. */
static void
check_epoch(
	struct services *s, uint32_t host, const struct life *l, uint64_t epoch)
{
	struct past *past = past_of(s, host, l->name);
	if (epoch <= past->epoch && !s->is_forgetful)
		world_violated(s->k->w, "V5",
			"%s starts %s under epoch %llu, after %llu",
			s->k->w->hosts[host].name, l->name,
			(unsigned long long)epoch,
			(unsigned long long)past->epoch);
	past->epoch = epoch;
}

/* ... and from host to host, where the one hears the other, be it only its
 * heartbeats.  No more can hold while each side of a partition may start what
 * it misses (DESIGN 9): a host that nobody hears may have used any epoch.  When
 * it is heard again it is demanded again, whether its rows come or not. */
static void
check_known_epoch(
	struct services *s, uint32_t host, const struct life *l, uint64_t epoch)
{
	if (l->host == host || l->epoch < epoch || s->is_forgetful ||
		check_pair_ms(s->k, host, l->host) < KNOWN_MS ||
		mono_diff(s->k->w->now, l->started_at) < KNOWN_MS)
		return;
	world_violated(s->k->w, "V5",
		"%s starts %s under epoch %llu, after %llu on %s",
		s->k->w->hosts[host].name, l->name, (unsigned long long)epoch,
		(unsigned long long)l->epoch, s->k->w->hosts[l->host].name);
}

/* Whether its next start goes on with a copy that this host has, or takes over,
 * as its row says. */
static bool
goes_on(const struct services *s, uint32_t host, const char *name)
{
	enum row_state state = check_row_before(s->k, host, name);
	return state == ROW_HANDOFF || state == ROW_STARTING ||
	       state == ROW_READY || state == ROW_STOPPING ||
	       state == ROW_BACKOFF;
}

/* V2: nobody starts what it must know to run elsewhere, unless it is asked to
 * begin before that one ends.  The start that ends a move adds no copy, it goes
 * on with the source's, and one in place goes on with its own: of another one,
 * under a lower epoch, it is demanded that it ends (check_resolved), for the
 * highest lives (DESIGN 9). */
static void
check_double(struct services *s, uint32_t host, const struct life *l,
	const struct effect_start *start)
{
	bool is_old = goes_on(s, host, start->name);
	for (uint32_t i = 0; i < l->count; i++) {
		const struct copy *other = &l->copies[i];
		if (other->host == host ||
			(is_old && other->epoch < start->epoch) ||
			check_is_paired(s->k, l->name, other->host, host) ||
			check_pair_ms(s->k, host, other->host) < KNOWN_MS ||
			mono_diff(s->k->w->now, other->since) < KNOWN_MS)
			continue;
		s->k->stats->unexcused++;
		world_violated(s->k->w, "V2",
			"%s starts %s, which runs on %s since %lld ms",
			s->k->w->hosts[host].name, l->name,
			s->k->w->hosts[other->host].name,
			(long long)mono_diff(s->k->w->now, other->since));
	}
}

/* Whether a host has the row of that very copy. */
static bool
is_known_to(const struct services *s, uint32_t host, const char *name,
	const struct copy *copy)
{
	const struct core *c = s->k->w->hosts[host].core;
	member_id id = member_find(c, s->k->w->hosts[copy->host].name);
	if (id == MEMBER_NONE || !member_is_present(c, id) ||
		!registry_is_current(c, id))
		return false;
	const struct row *r = registry_find(c, ROW_INSTANCE, name, id);
	return r && row_state_is_held(r->value.state) &&
	       r->value.epoch == copy->epoch;
}

/* V2: what goes on here after a while goes on from its last run here; a later
 * one that lives, and is known here to, wins against it, be it on its way to
 * yet another host. */
static void
check_beside(struct services *s, uint32_t host, const struct life *l,
	const struct effect_start *start)
{
	struct past *past = past_of(s, host, l->name);
	const uint64_t before = past->begun;
	past->begun = start->epoch;
	/* What a move brought here is of its source's run. */
	if (check_row_before(s->k, host, start->name) == ROW_HANDOFF ||
		check_is_told(s->k, l->name, host))
		return;
	for (uint32_t i = 0; i < l->count; i++) {
		const struct copy *other = &l->copies[i];
		if (other->host != host && before > 0 &&
			other->epoch > before && other->epoch < start->epoch &&
			is_known_to(s, host, l->name, other))
			world_violated(s->k->w, "V2",
				"%s goes on with %s of epoch %llu beside that "
				"of %s of epoch %llu",
				s->k->w->hosts[host].name, l->name,
				(unsigned long long)before,
				s->k->w->hosts[other->host].name,
				(unsigned long long)other->epoch);
	}
}

/* V6: nothing is started in a hot loop.  That each host may try one that ends
 * at once, one after the other, is what its policy asks for. */
static void
check_rate(struct services *s, uint32_t host, const struct life *l)
{
	struct past *past = past_of(s, host, l->name);
	if (mono_diff(s->k->w->now, past->window_at) >= STARTS_MS) {
		past->window_at = s->k->w->now;
		past->starts = 0;
	}
	if (++past->starts > STARTS_MAX)
		world_violated(s->k->w, "V6",
			"%s starts %s for the %uth time "
			"in %d s",
			s->k->w->hosts[host].name, l->name, past->starts,
			STARTS_MS / 1000);
}

static void
on_forked(
	struct services *s, uint32_t host, const struct world_process_event *e)
{
	struct life *l = life_of(s, e->name);
	check_epoch(s, host, l, e->epoch);
	check_rate(s, host, l);
	if (l->count == l->room) {
		l->room = l->room ? l->room * 2 : 2;
		l->copies = realloc(l->copies, l->room * sizeof *l->copies);
		CHECK(l->copies);
	}
	l->copies[l->count++] = (struct copy){host, e->epoch, s->k->w->now};
	if (e->epoch >= l->epoch) {
		l->epoch = e->epoch;
		l->host = host;
		l->started_at = s->k->w->now;
	}
	s->k->stats->starts++;
	s->k->stats->handoffs += e->root != NULL;
	if (l->count == 2) {
		l->doubled_at = s->k->w->now;
		s->k->stats->duplicates++;
		s->doubled++;
	}
}

/* A host that knows that nobody wants a name any more forgets its epochs,
 * although the name may have begun anew elsewhere. */
static void
forget_on(struct services *s, struct life *l, uint32_t host)
{
	const struct core *c = s->k->w->hosts[host].core;
	const struct instance *i = c ? instance_find(c, l->name) : NULL;
	if (!c || (i && i->is_declared))
		return;
	past_forget(s, host, l->name);
	if (l->host == host)
		l->epoch = 0;
}

/* A name begins anew, also with its epochs. */
static void
begin_anew(struct services *s, struct life *l)
{
	l->epoch = 0;
	l->is_deleted = false;
	l->lost_at = MONO_NEVER;
	for (uint32_t h = 0; h < s->k->w->count; h++)
		past_forget(s, h, l->name);
}

static void
on_gone(struct services *s, uint32_t host, const struct world_process_event *e)
{
	struct life *l = life_of(s, e->name);
	struct copy *copy = copy_on(l, host);
	if (!copy || copy->epoch != e->epoch)
		return;
	*copy = l->copies[--l->count];
	l->ended_at = s->k->w->now;
	if (l->count == 0 && e->what == PROCESS_IS_LOST)
		l->lost_at = s->k->w->now;
	if (l->count == 0 && l->is_deleted)
		begin_anew(s, l);
	if (l->count != 1)
		return;
	check_times_add(&s->k->stats->duplicate,
		mono_diff(s->k->w->now, l->doubled_at));
	l->doubled_at = MONO_NEVER;
	s->doubled--;
}

static void
on_running(struct services *s, const char *name)
{
	struct life *l = life_of(s, name);
	if (l->lost_at.ms == MONO_NEVER.ms)
		return;
	check_times_add(
		&s->k->stats->failover, mono_diff(s->k->w->now, l->lost_at));
	l->lost_at = MONO_NEVER;
}

static void
note_end(struct life *l, uint32_t host)
{
	if (l->begun_by == host + 1)
		l->begun_by = 0;
}

static void
on_process(struct world *w, uint32_t host, const struct world_process_event *e,
	void *context)
{
	struct services *s = context;
	(void)w;
	if (e->what == PROCESS_IS_EMPTY || e->what == PROCESS_IS_LOST ||
		e->what == PROCESS_IS_REFUSED || e->what == PROCESS_IS_EXITED)
		note_end(life_of(s, e->name), host);
	switch (e->what) {
	case PROCESS_IS_FORKED:
		on_forked(s, host, e);
		break;
	case PROCESS_IS_RUNNING:
		on_running(s, e->name);
		break;
	case PROCESS_IS_EMPTY:
	case PROCESS_IS_LOST:
		on_gone(s, host, e);
		break;
	case PROCESS_IS_REFUSED:
	case PROCESS_IS_EXITED:
	case PROCESS_IS_RELEASED:
	case PROCESS_HAS_ANSWERED:
	case STATE_IS_SEALED:
	case STATE_IS_FETCHED:
	case STATE_IS_DROPPED:
		break;
	}
}

/* --- Steps --- */

/* Whether nothing has happened for so long that all know the same. */
static bool
is_quiet(const struct services *s)
{
	if (mono_diff(s->k->w->now, s->worded_at) < KNOWN_MS)
		return false;
	for (uint32_t i = 0; i < s->k->w->count; i++)
		if (s->k->w->hosts[i].is_running &&
			check_calm_ms(s->k, i) < KNOWN_MS)
			return false;
	return true;
}

/* V2: what begins while all is quiet begins once, be it on a word to start it,
 * which all hear at about the same time. */
static void
check_at_once(struct services *s, uint32_t host, struct life *l)
{
	uint32_t other = l->begun_by - 1;
	if (l->begun_by && other != host && !goes_on(s, host, l->name) &&
		mono_diff(s->k->w->now, l->begun_at) < KNOWN_MS &&
		check_pair_ms(s->k, host, other) >= KNOWN_MS &&
		!check_is_paired(s->k, l->name, other, host) && is_quiet(s))
		world_violated(s->k->w, "V2",
			"%s begins %s, which %s has just begun",
			s->k->w->hosts[host].name, l->name,
			s->k->w->hosts[other].name);
	l->begun_by = host + 1;
	l->begun_at = s->k->w->now;
}

/* Whether it says something upon which two hosts may begin the same, because
 * their starts do not rest for it (core/rest.h). */
static bool
is_word(const struct effect_note *n)
{
	static const char *const rested[] = {
		"start", "restart", "drain", "undrain", "cordon", "uncordon"};
	if (n->kind == NOTE_NODE_STATE)
		return false;
	if (n->kind != NOTE_OPERATOR)
		return n->kind >= NOTE_APPLIED && n->kind < NOTE_REGISTERED;
	for (size_t i = 0; i < sizeof rested / sizeof *rested; i++)
		if (strcmp(n->text, rested[i]) == 0)
			return false;
	return true;
}

/* V2: two copies whose hosts have nothing against each other become one; of
 * what starts first, when the one that wins is ready. */
static void
check_resolved(struct services *s, struct life *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (check_is_awaited(s->k, l->name, l->copies[i].host) ||
			check_is_paired(s->k, l->name, l->copies[i].host,
				WORLD_NO_HOST))
			l->paired_at = s->k->w->now;
	if (mono_diff(s->k->w->now, l->doubled_at) < RESOLVE_MS ||
		mono_diff(s->k->w->now, l->paired_at) < RESOLVE_MS)
		return;
	for (uint32_t i = 1; i < l->count; i++)
		if (check_pair_ms(s->k, l->copies[0].host, l->copies[i].host) >=
			RESOLVE_MS)
			world_violated(s->k->w, "V2",
				"%s runs on %s and on %s, and nobody minds",
				l->name, s->k->w->hosts[l->copies[0].host].name,
				s->k->w->hosts[l->copies[i].host].name);
}

/* V9: "drained" is said when nothing is left here and what was here runs
 * elsewhere, or need not. */
static void
check_drained(struct services *s, uint32_t host)
{
	const struct core *c = s->k->w->hosts[host].core;
	for (uint32_t i = 0; i < s->count; i++) {
		struct life *l = s->lives[i];
		const struct instance *inst = instance_find(c, l->name);
		/* A leader that ended for good may leave a zombie behind. */
		if (copy_on(l, host) &&
			(!inst || inst->state != INSTANCE_EXITED))
			world_violated(s->k->w, "V9",
				"%s says that it is drained, and %s runs there",
				c->config.node, l->name);
	}
	list_each (at, &c->instances.all) {
		const struct instance *i =
			container_of(at, struct instance, in_all);
		if (handoff_is_busy(c, i->name) &&
			handoff_find(c, i->name)->state <= HANDOFF_COMMITTED)
			world_violated(s->k->w, "V9",
				"%s says that it is drained, and moves %s",
				c->config.node, i->name);
	}
}

static void
on_note(struct services *s, uint32_t host, const struct effect_note *note)
{
	if (is_word(note))
		s->worded_at = s->k->w->now;
	if (note->kind == NOTE_NODE_STATE && !strcmp(note->text, "drained"))
		check_drained(s, host);
}

/* A start is decided; the disk may hold the fork back for long. */
static void
on_start(struct services *s, uint32_t host, const struct effect_start *start)
{
	struct life *l = life_of(s, start->name);
	check_known_epoch(s, host, l, start->epoch);
	check_double(s, host, l, start);
	check_beside(s, host, l, start);
	check_at_once(s, host, l);
}

/* A host deletes what it wrote down of an instance. */
static void
on_disowned(struct services *s, uint32_t host, struct bytes key)
{
	char name[INSTANCE_NAME_MAX + 1];
	CHECK(instance_name_of_key(key, name));
	forget_on(s, life_of(s, name), host);
}

static void
on_step(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx, void *context)
{
	struct services *s = context;
	(void)w;
	(void)in;
	for (size_t i = 0; i < fx->count; i++) {
		const struct effect *e = &fx->items[i];
		if (e->kind == EFFECT_NOTE)
			on_note(s, host, &e->note);
		if (e->kind == EFFECT_START)
			on_start(s, host, &e->start);
		if (e->kind == EFFECT_STORE && e->store.table == TABLE_OWNER &&
			!e->store.value.data)
			on_disowned(s, host, e->store.key);
	}
	if (!s->doubled || s->k->stats->steps % 256)
		return;
	for (uint32_t i = 0; i < s->count; i++)
		if (s->lives[i]->count > 1)
			check_resolved(s, s->lives[i]);
}

/* A service is edited or deleted: a name that nobody wants any more is
 * forgotten when its last process is. */
static void
on_edit(struct services *s, uint32_t host, const char *service)
{
	const struct core *c = s->k->w->hosts[host].core;
	size_t length = strlen(service);
	for (uint32_t i = 0; i < s->count; i++) {
		struct life *l = s->lives[i];
		if (strncmp(l->name, service, length) != 0 ||
			(l->name[length] && l->name[length] != '@'))
			continue;
		const struct instance *inst =
			c ? instance_find(c, l->name) : NULL;
		l->is_deleted |= !inst || !inst->is_declared;
		if (l->count == 0)
			begin_anew(s, l);
	}
}

static void
on_effect(struct world *w, uint32_t host, const struct effect *e, void *context)
{
	(void)w;
	struct services *s = context;
	if (e->kind == EFFECT_NOTE && e->note.kind == NOTE_NODE_LEFT)
		s->is_forgetful = true;
	if (e->kind == EFFECT_NOTE &&
		(e->note.kind == NOTE_DELETED || e->note.kind == NOTE_APPLIED))
		on_edit(context, host, e->note.name);
}

static void
on_fault(struct world *w, const struct world_fault_event *e, void *context)
{
	struct services *s = context;
	(void)w;
	if (e->what == WORLD_FAULT_REINSTALL || e->what == WORLD_FAULT_RESTORE)
		s->is_forgetful = true;
}

/* --- Ends of phases --- */

/* V8: what nobody wants does not run.  V7: what runs has a row, and says so
 * itself. */
static void
check_copy(struct services *s, const struct life *l, const struct copy *copy)
{
	const struct host *h = &s->k->w->hosts[copy->host];
	struct core *c = check_core(s->k, copy->host);
	struct service_value v;
	struct override_value o;
	if (!c)
		return; /* nobody could tell it */
	struct instance *i = instance_find(c, l->name);
	const struct row *row =
		registry_find(c, ROW_INSTANCE, l->name, MEMBER_SELF);
	if (!i || !instance_service(c, i, &v) || !v.policy.is_enabled)
		world_violated(s->k->w, "V8",
			"%s runs on %s, and nobody wants "
			"it",
			l->name, h->name);
	instance_override(c, i, &o);
	if (o.is_stopped)
		world_violated(s->k->w, "V8",
			"%s runs on %s, though an "
			"operator stopped it",
			l->name, h->name);
	if (!row || row->value.epoch != copy->epoch ||
		!row_state_is_held(row->value.state))
		world_violated(s->k->w, "V7",
			"%s runs on %s, which does not "
			"say so",
			l->name, h->name);
}

/* V7, the other way: what a row calls ready runs. */
static void
check_rows(struct services *s, uint32_t host)
{
	const struct core *c = s->k->w->hosts[host].core;
	const struct row *row = NULL;
	while ((row = registry_walk(c, MEMBER_SELF, row)) != NULL) {
		if (row->value.kind != ROW_INSTANCE ||
			row->value.state != ROW_READY)
			continue;
		const struct process *p =
			world_process(s->k->w, host, row->name);
		if (!p || p->phase != PROCESS_RUNNING ||
			p->epoch != row->value.epoch)
			world_violated(s->k->w, "V7",
				"%s says that %s is ready, and nothing runs",
				c->config.node, row->name);
	}
}

/* Whether the host that ought to start it stands outside the healed core and
 * reads what others tell it too slowly to know, or is told it by nobody; then
 * status says so, here or there: what it has not read yet holds its starts
 * back. */
static bool
is_unaware(const struct services *s, struct core *c, const char *name)
{
	struct instance_view v, there;
	bool is_there = view_instance(c, name, &v) && v.duty[0];
	uint32_t x = is_there ? world_find(s->k->w, v.duty) : WORLD_NO_HOST;
	if (x == WORLD_NO_HOST || check_core(s->k, x) ||
		(s->k->w->hosts[x].read_bytes_per_s == 0 &&
			!check_is_behind_stalled(s->k->w, x)))
		return false;
	struct core *own = s->k->w->hosts[x].core;
	return v.why[0] || !member_get(c, member_find(c, v.duty))->link ||
	       (own && view_instance(own, name, &there) && there.why[0]);
}

/* Whether the state that it is to begin with lies at a host outside the healed
 * core whose disk stands still, and status says just that (promise 1: it runs,
 * or its status says why not).  Elsewhere it would begin with less (promise 2),
 * and of what that host does, or was told by an operator of its own, nobody
 * hears before its disk has it. */
static bool
waits_for_disk(const struct services *s, struct core *c, const char *name)
{
	struct instance_view v;
	member_id at = duty_state_host(c, name);
	uint32_t x = at == MEMBER_NONE
			     ? WORLD_NO_HOST
			     : world_find(s->k->w, member_get(c, at)->name);
	if (x == WORLD_NO_HOST || check_core(s->k, x))
		return false;
	const struct core *own = s->k->w->hosts[x].core;
	return own && member_is_stalled(own, MEMBER_SELF) &&
	       view_instance(c, name, &v) &&
	       strstr(v.why, place_verdict_text(PLACE_STALLED));
}

/* Whether it has run and is over, wherever that was. */
static bool
is_over(const struct core *c, const char *name)
{
	const struct row *row = registry_first(c, ROW_INSTANCE, name);
	for (; row; row = registry_next(c, row))
		if (row->value.state == ROW_EXITED)
			return true;
	return false;
}

/* Whether it is to run: nobody stopped it, and it is not over. */
static bool
is_to_run(struct core *c, const struct instance *i, struct service_value *v)
{
	struct override_value o;
	if (!instance_service(c, i, v) || !v->policy.is_enabled)
		return false;
	instance_override(c, i, &o);
	return !o.is_stopped && !is_over(c, i->name);
}

/* V1: what is wanted and could run somewhere has a holder. */
static void
check_lost(struct services *s, struct core *c)
{
	list_each (at, &c->instances.all) {
		struct instance *i = container_of(at, struct instance, in_all);
		struct service_value v;
		if (!is_to_run(c, i, &v) ||
			duty_holder(c, i->name, NULL) != MEMBER_NONE)
			continue;
		member_id id = duty_host(c, i, &v);
		if (id == MEMBER_NONE)
			continue;
		const char *duty = member_get(c, id)->name;
		uint32_t x = check_host_of(s->k, duty);
		if (check_waits_for_checkpoint(s->k->w, x, i->name) ||
			is_unaware(s, c, i->name) ||
			waits_for_disk(s, c, i->name) ||
			check_runs_unseen(s->k->w, x, i->name))
			continue;
		s->k->stats->lost++;
		world_violated(s->k->w, "V1",
			"%s runs nowhere, and %s does not start it", i->name,
			duty);
	}
}

static void
on_phase(struct world *w, enum world_phase phase, void *context)
{
	struct services *s = context;
	bool is_one_checked = false;
	if (phase != WORLD_PHASE_SETTLED)
		return;
	for (uint32_t i = 0; i < s->count; i++) {
		const struct life *l = s->lives[i];
		uint32_t reachable = 0;
		for (uint32_t n = 0; n < l->count; n++) {
			check_copy(s, l, &l->copies[n]);
			reachable += check_core(s->k, l->copies[n].host) != 0;
		}
		if (reachable > 1)
			world_violated(w, "V2", "%s runs %u times", l->name,
				reachable);
	}
	for (uint32_t a = 0; a < w->count; a++) {
		if (!check_core(s->k, a))
			continue;
		check_rows(s, a);
		if (!is_one_checked)
			check_lost(s, check_core(s->k, a));
		is_one_checked = true;
	}
}

static void
on_end(struct world *w, void *context)
{
	struct services *s = context;
	(void)w;
	for (uint32_t i = 0; i < s->count; i++) {
		free(s->lives[i]->copies);
		free(s->lives[i]);
	}
	free(s->lives);
	free(s->pasts);
	keys_fini(&s->names);
	keys_fini(&s->at);
	free(s);
}

void
check_service(struct check *k)
{
	struct services *s = calloc(1, sizeof *s);
	CHECK(s);
	s->k = k;
	world_observe(k->w, &(struct world_observer){
				    .name = "services",
				    .on_step = on_step,
				    .on_effect = on_effect,
				    .on_process = on_process,
				    .on_fault = on_fault,
				    .on_phase = on_phase,
				    .on_end = on_end,
				    .context = s,
			    });
}
