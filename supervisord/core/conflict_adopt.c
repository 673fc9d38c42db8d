/* A copy that won, and had started with nothing, or can join it with its own,
 * goes on from what a copy that lost has left (conflict.h).
 *
 * It begins when ours is the only copy left, so that all who lost have given;
 * of several states it is the one with the highest epoch.  Until its own
 * process is stopped for it everything can be given up again: then the other
 * host still has the state, and so it has until ours has served.
 *
 * What was given is given to that very run of ours and its restarts in place,
 * also if nothing comes of it: a state is better kept, and listed, than gone on
 * from twice.
 */
#include <string.h>

#include "core/conflict_private.h"

/* After a failure the state is asked for again: so long, and twice as long
 * with each failure in a row, so many times. */
#define AGAIN_MS      5000
#define DOUBLINGS_MAX 7
/* A host that gives no byte for so long cannot be reached. */
#define SILENT_MS 30000
/* One that does not answer a claim for so long does not know of such. */
#define CLAIM_MS 60000
/* Starts from such a state that may fail. */
#define STARTS_MAX 3

void
adopt_enter(
	struct core *c, struct conflict *k, enum adopt_phase phase, mono until)
{
	struct conflicts *t = &c->conflicts;
	k->phase = phase;
	k->until = until;
	t->adopt_at = mono_min(t->adopt_at, until);
}

/* Whether the two can be joined. */
static bool
can_join(const struct service_value *s)
{
	return s->policy.hooks.has_resolve_conflict;
}

/* Whether the copy here may go on from it: it began with nothing, or takes it
 * beside what it has. */
static bool
is_fit(const struct lost *s, const struct instance *i,
	const struct service_value *service)
{
	bool is_after =
		i->fresh && s->epoch < i->fresh && i->fresh <= s->winner;
	bool is_beside = can_join(service) && i->began && s->epoch < i->epoch &&
			 i->began <= s->winner;
	return s->was_live && (is_after || is_beside);
}

bool
adopt_find_listed(
	const struct core *c, const struct conflict *k, struct lost *out)
{
	struct conflict_word word;
	const struct row *r = conflict_next_word(c, k->head.name, NULL, &word);
	for (; r; r = conflict_next_word(c, k->head.name, r, &word))
		for (uint32_t n = 0; n < word.count; n++) {
			*out = word.kept[n];
			if (!strcmp(member_get(c, r->origin)->name, k->from) &&
				!memcmp(out->root, k->want.root, DIGEST_SIZE))
				return true;
		}
	return false;
}

static bool
is_given(const struct core *c, const struct conflict *k)
{
	struct lost now;
	return k->claim && adopt_find_listed(c, k, &now) &&
	       now.given == k->claim;
}

/* The best state that nobody has gone on from, and the host that keeps it, or
 * MEMBER_NONE. */
static member_id
find_best(const struct core *c, const struct instance *i,
	const struct service_value *service, struct lost *best)
{
	struct conflict_word word;
	member_id from = MEMBER_NONE;
	const struct row *r = conflict_next_word(c, i->name, NULL, &word);
	for (; r; r = conflict_next_word(c, i->name, r, &word))
		for (uint32_t n = 0; n < word.count; n++) {
			const struct lost *s = &word.kept[n];
			if (!is_fit(s, i, service) || s->given ||
				(from != MEMBER_NONE &&
					s->epoch <= best->epoch))
				continue;
			*best = *s;
			from = r->origin;
		}
	return from;
}

/* --- Steps --- */

static void
fetch(struct core *c, struct conflict *k)
{
	member_id from = member_find(c, k->from);
	struct effect *e = effects_add(&c->fx, EFFECT_FETCH);
	CHECK(from != MEMBER_NONE);
	k->asked = c->store_seq;
	e->after = handoff_after(c);
	e->fetch.name = effects_text(&c->fx, k->head.name);
	e->fetch.node = effects_text(&c->fx, k->from);
	e->fetch.address = effects_text(&c->fx, member_get(c, from)->address);
	memcpy(e->fetch.root, k->want.root, DIGEST_SIZE);
	e->fetch.size = k->want.size;
	k->came = 0;
	adopt_enter(c, k, ADOPT_FETCHING, mono_add(c->now, SILENT_MS));
}

static void
begin(struct core *c, const struct instance *i,
	const struct service_value *service)
{
	struct lost best;
	member_id from = find_best(c, i, service, &best);
	struct conflict *k =
		from == MEMBER_NONE ? NULL : conflict_make(c, i->name);
	if (!k)
		return;
	k->want = best;
	strcpy(k->from, member_get(c, from)->name);
	core_note(c, NOTE_CONFLICT, k->head.name, best.epoch,
		effects_format(&c->fx,
			can_join(service)
				? "its state and that of the copy that lost, "
				  "on %s, are to be joined"
				: "it had started with nothing: it is to go on "
				  "from the state of the copy that lost, on %s",
			effects_text(&c->fx, k->from)));
	fetch(c, k);
}

static void
claim(struct core *c, struct conflict *k, struct instance *i)
{
	k->claim = i->epoch;
	adopt_enter(c, k, ADOPT_CLAIMED, mono_add(c->now, CLAIM_MS));
	instance_publish(c, i);
}

/* Whether the service can be asked for its state, and begin with another. */
static bool
is_asked(const struct service_value *s)
{
	return s->policy.handoff.is_present &&
	       !s->policy.handoff.starts_first &&
	       s->policy.type != TYPE_ONESHOT;
}

/* Whether it may be stopped for that at present. */
static bool
can_go_on(
	struct core *c, const struct instance *i, const struct service_value *s)
{
	uint32_t copies;
	return (i->fresh || (i->began && can_join(s))) &&
	       i->state == INSTANCE_READY && !i->staged && !i->is_left_alone &&
	       is_asked(s) && !drain_is_on(c) &&
	       member_hold_now(c) == HOLD_NONE &&
	       duty_holder(c, i->name, &copies) == MEMBER_SELF && copies == 1;
}

void
conflict_adopt(struct core *c, struct instance *inst,
	const struct service_value *service)
{
	if (!can_go_on(c, inst, service))
		return;
	struct conflict *k = conflict_of(c, inst->name);
	switch (k ? k->phase : ADOPT_NONE) {
	case ADOPT_NONE:
		begin(c, inst, service);
		break;
	case ADOPT_HERE:
		claim(c, k, inst);
		break;
	case ADOPT_CLAIMED:
		if (is_given(c, k))
			handoff_adopt(c, inst, service, k->from);
		break;
	case ADOPT_FETCHING:
	case ADOPT_FAILED:
	case ADOPT_JOINING:
		break;
	}
}

/* From now on it starts from the other one alone. */
static void
go_on(struct core *c, struct conflict *k, struct instance *inst)
{
	const struct lost other = k->want;
	struct staged s = {.size = other.size,
		.wall_ms = other.wall_ms,
		.kind = "conflict"};
	memcpy(s.root, other.root, DIGEST_SIZE);
	strcpy(s.from, k->from);
	instance_drop_staged(c, inst);
	instance_stage(c, inst, &s);
	/* From now on it counts for more than what its own line has left. */
	checkpoint_adopt(
		c, inst, inst->epoch, other.root, other.size, other.wall_ms);
	adopt_enter(c, k, ADOPT_NONE, MONO_NEVER);
	inst->fresh = 0;
	core_note(c, NOTE_CONFLICT, inst->name, other.epoch,
		effects_format(&c->fx,
			"it goes on from the state of the copy that lost, "
			"from %s",
			effects_text(&c->fx, s.from)));
}

bool
conflict_go_on(struct core *c, struct instance *inst, const struct lost *own)
{
	struct service_value service;
	struct conflict *k = conflict_of(c, inst->name);
	CHECK(inst->state == INSTANCE_HANDOFF);
	bool has = instance_service(c, inst, &service);
	bool joins = own && has && can_join(&service);
	if (!k || k->phase != ADOPT_CLAIMED)
		return false;
	if (!joins && !inst->fresh) {
		inst->began = 0; /* it leaves nothing: not again */
		return false;
	}
	if (own)
		conflict_keep(c, inst, own);
	k->claim = 0;
	k->failures = inst->failures = 0;
	inst->is_remembered = true;
	if (joins)
		join_begin(c, k, inst, own);
	else
		go_on(c, k, inst);
	return true;
}

/* --- Back --- */

/* What the copy here had left itself when it went on from the other state, or
 * NULL. */
static const struct lost *
find_own(const struct conflict *k)
{
	for (uint32_t n = 0; k && n < k->word.count; n++)
		if (k->word.kept[n].epoch == k->word.kept[n].winner)
			return &k->word.kept[n];
	return NULL;
}

void
conflict_take_own(struct core *c, struct instance *inst, const struct lost *own)
{
	struct staged s = {
		.size = own->size, .wall_ms = own->wall_ms, .kind = "dump"};
	memcpy(s.root, own->root, DIGEST_SIZE);
	instance_stage(c, inst, &s);
	checkpoint_adopt(
		c, inst, inst->epoch, own->root, own->size, own->wall_ms);
}

void
conflict_fall_back(struct core *c, struct instance *inst, bool is_last)
{
	const struct staged *s = inst->staged;
	const struct conflict *k = conflict_of(c, inst->name);
	const struct lost *found = find_own(k);
	if (!s || (!is_last && inst->failures + 1 < STARTS_MAX))
		return;
	join_fall_back(c, inst);
	if (strcmp(s->kind, "conflict") != 0)
		return;
	bool is_known = k && !memcmp(k->want.root, s->root, DIGEST_SIZE);
	const struct lost own = found ? *found : (struct lost){0};
	/* Whose it was is forgotten if the node began anew since. */
	struct lost other = {.epoch = is_known ? k->want.epoch : inst->epoch,
		.winner = is_known ? k->want.winner : inst->epoch + 1,
		.size = s->size,
		.wall_ms = s->wall_ms};
	memcpy(other.root, s->root, DIGEST_SIZE);
	core_note(c, NOTE_CONFLICT, inst->name, inst->epoch,
		found ? "it cannot go on from the state of the copy that lost: "
			"it goes back to its own"
		      : "it cannot go on from the state of the copy that lost: "
			"it begins with nothing again");
	if (!conflict_keep(c, inst, &other))
		return;
	instance_unstage(c, inst);
	inst->failures = 0;
	if (found)
		conflict_take_own(c, inst, &own);
	inst->epoch_after = instance_store_owner(c, inst);
}

/* --- Ends --- */

void
adopt_stop(struct core *c, struct conflict *k, struct instance *inst)
{
	struct lost was = k->want, now;
	bool is_joined = k->phase == ADOPT_JOINING;
	bool is_here = k->phase == ADOPT_HERE || k->phase == ADOPT_CLAIMED ||
		       is_joined;
	bool is_on_way = k->phase == ADOPT_FETCHING;
	member_id from = member_find(c, k->from);
	if (k->phase == ADOPT_NONE)
		return;
	bool had_claim = k->claim != 0;
	bool is_gone = from == MEMBER_NONE || !member_is_present(c, from) ||
		       !adopt_find_listed(c, k, &now);
	k->claim = 0;
	adopt_enter(c, k, ADOPT_NONE, MONO_NEVER);
	if (is_joined)
		conflict_record(c, k);
	/* The host that kept it is gone, or came back with another disk: ours
	 * may be the last. */
	if (is_here && inst->is_declared && is_gone) {
		was.was_live = false;
		conflict_keep(c, inst, &was);
	} else if (is_here || is_on_way) {
		sealed_drop(c, k->head.name, was.root, handoff_after(c));
	}
	if (had_claim)
		instance_publish(c, inst);
}

void
adopt_review(struct core *c, struct conflict *k, struct instance *inst,
	const struct service_value *service)
{
	struct lost now;
	if (k->phase == ADOPT_NONE &&
		find_best(c, inst, service, &now) == MEMBER_NONE)
		k->failures = 0; /* what was not fetched is not to be had */
	if (k->phase == ADOPT_NONE || handoff_is_yield(c, k->head.name))
		return;
	bool is_open =
		k->phase == ADOPT_JOINING
			? conflict_joining(c, inst) != NULL
			: instance_is_held(inst) && is_asked(service) &&
				  is_fit(&k->want, inst, service) &&
				  adopt_find_listed(c, k, &now) &&
				  (now.given == 0 || now.given == k->claim);
	if (!is_open)
		adopt_stop(c, k, inst);
}

/* It did not come: another look, later. */
static void
fail(struct core *c, struct conflict *k, const char *why)
{
	int64_t ms = (int64_t)AGAIN_MS << k->failures;
	core_note(c, NOTE_CONFLICT, k->head.name, k->want.epoch,
		effects_format(&c->fx, "not fetched from %s: %s",
			effects_text(&c->fx, k->from),
			effects_text(&c->fx, why)));
	if (k->failures < DOUBLINGS_MAX)
		k->failures++;
	adopt_enter(c, k, ADOPT_FAILED, mono_add(c->now, ms));
	sealed_drop(c, k->head.name, k->want.root, handoff_after(c));
}

void
conflict_on_fetched(struct core *c, const struct input_fetched *in)
{
	struct conflict *k = conflict_of(c, in->name);
	if (!k || k->phase != ADOPT_FETCHING || k->asked > c->stored_seq ||
		memcmp(k->want.root, in->root, DIGEST_SIZE) != 0)
		return;
	if (!in->is_final) {
		if (in->bytes > k->came)
			k->until = mono_add(c->now, SILENT_MS);
		k->came = in->bytes;
		return;
	}
	if (in->is_ok) {
		k->failures = 0;
		adopt_enter(c, k, ADOPT_HERE, MONO_NEVER);
	} else {
		fail(c, k, in->text);
	}
	duty_mark(c, k->head.name);
}

/* The other host does not know of claims, or ours does not come there. */
static void
on_no_answer(struct core *c, struct conflict *k)
{
	struct instance *i = instance_find(c, k->head.name);
	k->until = MONO_NEVER;
	if (!i || is_given(c, k))
		return;
	core_note(c, NOTE_CONFLICT, k->head.name, k->want.epoch,
		effects_format(&c->fx,
			"%s does not give the state of the copy that lost: "
			"it stays there",
			effects_text(&c->fx, k->from)));
	i->fresh = i->began = 0;
	adopt_stop(c, k, i);
	duty_mark(c, k->head.name);
}

static void
on_time(struct core *c, struct conflict *k)
{
	switch (k->phase) {
	case ADOPT_FETCHING:
		fail(c, k, "it is silent");
		break;
	case ADOPT_CLAIMED:
		on_no_answer(c, k);
		break;
	case ADOPT_FAILED:
		adopt_enter(c, k, ADOPT_NONE, MONO_NEVER);
		duty_mark(c, k->head.name);
		break;
	case ADOPT_NONE:
	case ADOPT_HERE:
	case ADOPT_JOINING:
		UNREACHABLE();
	}
}

void
adopt_on_tick(struct core *c)
{
	struct conflicts *t = &c->conflicts;
	if (!mono_reached(t->adopt_at, c->now))
		return;
	t->adopt_at = MONO_NEVER;
	list_each_safe (l, &t->table.all) {
		struct conflict *k =
			container_of(l, struct conflict, head.in_all);
		if (mono_reached(k->until, c->now) &&
			!effects_has_room(&c->fx, 64, 4096)) {
			t->adopt_at = c->now; /* the rest, next */
			return;
		}
		if (mono_reached(k->until, c->now))
			on_time(c, k);
		t->adopt_at = mono_min(t->adopt_at, k->until);
	}
}
