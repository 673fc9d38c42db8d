/* The side that takes: fetch, stage, take over. */
#include <string.h>

#include "core/handoff_private.h"
#include "core/specs_private.h"

const char *
target_obstacle(struct core *c, const skep_Handoff *m)
{
	struct service_value s;
	struct instance *i = instance_find(c, m->name);
	if (!c->is_booted || member_hold_now(c) != HOLD_NONE)
		return "the target takes nothing at present";
	if (!i || !instance_service(c, i, &s))
		return "the target does not know its spec yet";
	/* A copy that lost ends first: a move keeps the rule of duty away.  One
	 * that ends to begin again is duty's to deal with before that. */
	bool is_leaving =
		i->state == INSTANCE_STOPPING && i->purpose == STOP_LEAVE;
	if (instance_is_held(i) && (i->epoch >= m->epoch || !is_leaving))
		return "the target holds it already";
	/* The source was cut off, and does not know yet that it lost. */
	member_id holder = duty_holder(c, m->name, NULL);
	const struct row *r =
		holder == MEMBER_NONE
			? NULL
			: registry_find(c, ROW_INSTANCE, m->name, holder);
	if (r && r->value.epoch > m->epoch)
		return "another host holds it with a higher epoch";
	enum place_verdict v = place_verdict(c, m->name, &s, MEMBER_SELF);
	return v == PLACE_ELIGIBLE ? NULL : place_verdict_text(v);
}

/* Forgets a move that came to nothing; a fetched state goes with it. */
static void
discard(struct core *c, struct handoff *h)
{
	struct instance *i = instance_find(c, h->name);
	bool is_in_use = i && instance_is_staged(i, h->root);
	if (h->state == HANDOFF_STAGED && i && i->state == INSTANCE_HANDOFF) {
		instance_enter(c, i, INSTANCE_IDLE, MONO_NEVER);
		instance_disown(c, i);
	}
	if (is_in_use)
		handoff_end(c, h);
	else
		handoff_end_and_drop(c, h);
}

static void
on_offer(struct core *c, member_id from, struct handoff *h,
	const skep_Handoff *m)
{
	if (h && h->state == HANDOFF_STAGED)
		return; /* its source will answer our QUERY */
	if (h && handoff_is_source(h->state)) {
		handoff_echo(c, from, m, WIRE_HANDOFF_REFUSE,
			"the target is giving it away itself");
		return;
	}
	if (h)
		discard(c, h);
	const char *why = target_obstacle(c, m);
	h = why ? NULL : handoff_new(c, m->name, HANDOFF_ACCEPTED);
	if (!h) {
		handoff_echo(c, from, m, WIRE_HANDOFF_REFUSE,
			why ? why : "the target has too many moves under way");
		return;
	}
	strcpy(h->peer_name, member_get(c, from)->name);
	h->epoch = m->epoch;
	h->epoch_known = m->epoch_known;
	h->attempt = m->attempt;
	h->run_digest = m->run_digest;
	h->starts_first = m->starts_first;
	handoff_enter(
		c, h, HANDOFF_ACCEPTED, mono_add(c->now, HANDOFF_ACCEPTED_MS));
	h->resend_at = mono_add(c->now, HANDOFF_RESEND_MS);
	handoff_send(c, h, WIRE_HANDOFF_ACCEPT, "", 0);
}

/* Writes down that the state is here, and says so once that is durable.  The
 * row makes the claim visible: if the source dies, nobody but us starts it. */
static void
stage(struct core *c, struct handoff *h)
{
	struct instance *i = instance_find(c, h->name);
	if (!i || instance_is_held(i)) {
		if (!i)
			handoff_send(c, h, WIRE_HANDOFF_REFUSE,
				"the target cannot hold it any more", 0);
		discard(c, h);
		return;
	}
	/* What it had here before is history, also for the next boot; a state
	 * that waited here for a start is of a copy that lost. */
	if (i->staged && !instance_is_staged(i, h->root))
		conflict_keep_staged(c, i);
	if (i->is_remembered)
		instance_disown(c, i);
	if (h->epoch_known < i->epoch_used)
		h->epoch_known = i->epoch_used;
	handoff_enter(c, h, HANDOFF_STAGED, MONO_NEVER);
	instance_use_epoch(i, h->epoch_known);
	i->epoch = i->epoch_reserved = h->epoch;
	i->epoch_after = h->stored;
	i->run_digest = h->run_digest;
	i->is_remembered = true;
	instance_enter(c, i, INSTANCE_HANDOFF, MONO_NEVER);
	handoff_send(c, h, WIRE_HANDOFF_STAGED, "", h->stored);
}

static void
fetch(struct core *c, struct handoff *h)
{
	member_id from = member_find(c, h->peer_name);
	if (from == MEMBER_NONE)
		return;
	struct effect *e = effects_add(&c->fx, EFFECT_FETCH);
	e->after = handoff_after(c);
	e->fetch.name = effects_text(&c->fx, h->name);
	e->fetch.node = effects_text(&c->fx, h->peer_name);
	e->fetch.address = effects_text(&c->fx, member_get(c, from)->address);
	memcpy(e->fetch.root, h->root, DIGEST_SIZE);
	e->fetch.size = h->size;
}

/* Whether this very handoff was taken over already: the answer is ACTIVE. */
static bool
is_taken_over(const struct core *c, const skep_Handoff *m)
{
	const struct instance *i = instance_find(c, m->name);
	bool is_past = i && i->is_past && i->epoch_used > m->epoch_known;
	return is_past || (i && i->epoch > m->epoch_known &&
				  (instance_is_held(i) || i->is_remembered ||
					  i->is_refused));
}

static void
on_frozen(struct core *c, member_id from, struct handoff *h,
	const skep_Handoff *m)
{
	bool is_known = h && handoff_is_same(h, m);
	if (!is_known && is_taken_over(c, m))
		return; /* COMMIT will ask */
	if (h && h->state == HANDOFF_STAGED && handoff_is_same(h, m)) {
		handoff_send(c, h, WIRE_HANDOFF_STAGED, "", h->stored);
		return;
	}
	if (h && h->state == HANDOFF_FETCHING && handoff_is_same(h, m))
		return;
	/* It began here meanwhile.  A refusal would start it there as well: our
	 * row speaks, and one of the two copies ends by the duty rule. */
	const struct instance *i = instance_find(c, m->name);
	if (i && instance_is_held(i) && (!h || handoff_is_source(h->state)))
		return;
	if (!h || !handoff_is_same(h, m)) {
		/* We restarted since the offer, or never had it. */
		on_offer(c, from, h, m);
		h = (struct handoff *)(uintptr_t)handoff_find(c, m->name);
	}
	if (!h || h->state != HANDOFF_ACCEPTED)
		return;
	h->has_root = m->root.size == DIGEST_SIZE;
	memcpy(h->root, m->root.bytes, m->root.size);
	h->epoch_known = m->epoch_known;
	h->size = m->size;
	h->sealed_wall_ms = m->sealed_wall_ms;
	h->run_digest = m->run_digest;
	if (!h->has_root) {
		stage(c, h);
		return;
	}
	handoff_enter(
		c, h, HANDOFF_FETCHING, mono_add(c->now, HANDOFF_STALL_MS));
	fetch(c, h);
}

/* A state came that nobody waits for any more: its move was called off while
 * it was under way. */
static void
drop_late(struct core *c, const struct input_fetched *in)
{
	if (in->is_final && in->is_ok)
		sealed_drop(c, in->name, in->root, handoff_after(c));
}

void
handoff_on_fetched(struct core *c, const struct input_fetched *in)
{
	struct handoff *h =
		(struct handoff *)(uintptr_t)handoff_find(c, in->name);
	if (!h || h->state != HANDOFF_FETCHING ||
		memcmp(h->root, in->root, DIGEST_SIZE) != 0) {
		drop_late(c, in);
		return;
	}
	if (h->bytes != in->bytes)
		h->deadline = mono_add(c->now, HANDOFF_STALL_MS);
	h->bytes = in->bytes;
	if (!in->is_final)
		return;
	if (in->is_ok) {
		stage(c, h);
		return;
	}
	handoff_send(c, h, WIRE_HANDOFF_REFUSE, in->text, 0);
	discard(c, h);
}

uint64_t
handoff_take_epoch(
	struct core *c, struct instance *i, const char *source, bool is_given)
{
	/* Above all that is known to have been used; i->epoch is the source's.
	 * A block of others counts as a whole, but if its holder gives it. */
	const uint64_t floor = i->epoch_floor;
	if (is_given)
		i->epoch_floor = i->epoch_used;
	i->is_remembered = true;
	instance_set_owner(c, i, source);
	uint64_t epoch = instance_next_epoch(c, i, !is_given);
	instance_set_owner(c, i, "");
	i->epoch_floor = floor;
	i->is_unrun = false;
	i->epoch_reserved = epoch + EPOCH_BLOCK - 1;
	CHECK(i->epoch_reserved >= floor);
	return epoch;
}

/* The highest epoch under which it may have run elsewhere.  The source's
 * counts, unless its row says that it could not start it. */
static uint64_t
ran_before(
	const struct core *c, const struct instance *i, const struct handoff *h)
{
	uint64_t ran = instance_ran_elsewhere(c, i);
	const struct row *r = handoff_peer_row(c, h);
	bool is_told = r && r->value.epoch == h->epoch && row_run(r)->unran > 0;
	return is_told || ran > h->epoch ? ran : h->epoch;
}

/* The instance is ours now, from the staged state: epoch + 1, if its source
 * gave it and the rest of its block away. */
static void
take_over(struct core *c, struct handoff *h, bool is_given)
{
	struct instance *i = instance_find(c, h->name);
	struct service_value s;
	CHECK(h->state == HANDOFF_STAGED);
	if (!i || !instance_service(c, i, &s))
		return; /* keep it staged until the spec is known */
	instance_unstage(c, i);
	const uint64_t before = ran_before(c, i, h);
	bool is_old = !h->has_root && s.policy.handoff.has_state_path &&
		      before > i->epoch_ran;
	if (h->has_root)
		handoff_stage(c, h, i, "handoff", h->peer_name);
	i->used = h->has_root && !is_given ? conflict_key(h->root) : 0;
	i->restarts = 0;
	i->failures = 0;
	uint64_t epoch = handoff_take_epoch(c, i, h->peer_name, is_given);
	i->is_stranger = false;
	if (is_old)
		instance_become_stranger(c, i, before);
	i->epoch_before = before;
	instance_store_owner(c, i);
	uint64_t ended = handoff_end(c, h);
	instance_start_at(c, i, &s, epoch, ended);
}

/* Whether nothing here remembers the handoff that is committed, and nobody went
 * on with it: we said STAGED, and our disk was lost since. */
static bool
is_forgotten(const struct core *c, const skep_Handoff *m)
{
	const struct instance *i = instance_find(c, m->name);
	const struct handoff *h = handoff_find(c, m->name);
	bool is_in_move = h && h->epoch >= m->epoch;
	if (!c->is_booted || is_in_move ||
		(i && (i->epoch > m->epoch_known || instance_is_held(i))))
		return false;
	return !handoff_has_rival(c, m);
}

/* Whether it was started here since, and nobody has it any more: this handoff
 * came to its end, whatever came after.  Only a source with an old disk, or one
 * that was away all the time, still asks; its state is yesterday's. */
static bool
has_passed(const struct core *c, const skep_Handoff *m)
{
	const struct instance *i = instance_find(c, m->name);
	return i && !instance_is_held(i) && i->epoch > m->epoch_known &&
	       !handoff_find(c, m->name) && !handoff_has_rival(c, m);
}

/* The source went on without it; or ('is_lost') another host did, and what is
 * staged here is the last of that state. */
static void
on_abort(struct core *c, struct handoff *h, bool is_lost)
{
	struct instance *i = instance_find(c, h->name);
	if (is_lost && h->state == HANDOFF_STAGED && i)
		yield_staged(c, h, i);
	discard(c, h);
}

/* Whether it has begun with that state and was not ready yet: its source keeps
 * its copy as long, be it that each start fails. */
static bool
is_unproven(const struct instance *i, const skep_Handoff *m)
{
	bool is_failing =
		i->state == INSTANCE_CLEANING || i->state == INSTANCE_BACKOFF;
	return i->state == INSTANCE_STARTING ||
	       (is_failing && !i->passes_on && m->root.size == DIGEST_SIZE &&
		       instance_is_staged(i, m->root.bytes));
}

static void
on_commit(struct core *c, member_id from, struct handoff *h,
	const skep_Handoff *m)
{
	if (h && h->state == HANDOFF_STAGED && handoff_is_same(h, m)) {
		/* A source that forgot all about it gives a reason.  Where the
		 * word took so long that somebody went on without that state,
		 * the source hears so as well, and nobody begins with it. */
		if (handoff_has_rival(c, m))
			on_abort(c, h, true);
		else
			take_over(c, h, m->reason[0] == '\0');
		return;
	}
	const struct instance *i = instance_find(c, m->name);
	bool is_taken = is_taken_over(c, m);
	bool is_over = is_taken ? !is_unproven(i, m) : has_passed(c, m);
	if (is_over)
		handoff_echo(c, from, m, WIRE_HANDOFF_ACTIVE, "");
	else if (!is_taken && is_forgotten(c, m))
		handoff_echo(c, from, m, WIRE_HANDOFF_UNKNOWN, "");
}

void
target_on_recv(
	struct core *c, member_id from, uint16_t type, const skep_Handoff *m)
{
	struct handoff *h =
		(struct handoff *)(uintptr_t)handoff_find(c, m->name);
	switch (type) {
	case WIRE_HANDOFF_OFFER:
		on_offer(c, from, h, m);
		break;
	case WIRE_HANDOFF_FROZEN:
		on_frozen(c, from, h, m);
		break;
	case WIRE_HANDOFF_COMMIT:
		on_commit(c, from, h, m);
		break;
	case WIRE_HANDOFF_BEGIN:
		first_on_begin(c, from, h, m);
		break;
	case WIRE_HANDOFF_ABORT:
		if (h && !handoff_is_source(h->state) && handoff_is_same(h, m))
			on_abort(c, h, m->is_lost);
		if (m->starts_first && !handoff_find(c, m->name))
			first_on_abort(c, from, m);
		break;
	default:
		break;
	}
}

/* Whether its service was deleted, or has no such instance any more: nobody
 * will want that state. */
static bool
is_deleted(struct core *c, const struct handoff *h)
{
	struct service_value s;
	const struct instance *i = instance_find(c, h->name);
	const struct entry *e =
		i ? specs_lookup(c, ENTRY_SERVICE, i->service) : NULL;
	if (!e || e->is_deleted)
		return e;
	return !i->is_declared && specs_get_service(e, &s);
}

/* Whether the source's row says that it is not giving that run away any more.
 * Its word may not come: others tell of its rows while no link to it stands.
 * Nothing hangs on it before STAGED; an offer that goes on is made again. */
static bool
is_withdrawn(const struct core *c, const struct handoff *h)
{
	member_id source = member_find(c, h->peer_name);
	if (h->state == HANDOFF_STAGED || source == MEMBER_NONE ||
		!registry_walk(c, source, NULL))
		return false; /* or nothing is known of that host */
	const struct row *r = registry_find(c, ROW_INSTANCE, h->name, source);
	return !r || !row_state_is_held(r->value.state) ||
	       r->value.epoch > h->epoch;
}

void
target_on_tick(struct core *c, struct handoff *h)
{
	if (h->state == HANDOFF_STAGED && is_deleted(c, h)) {
		discard(c, h);
		return;
	}
	if (mono_reached(h->deadline, c->now)) {
		handoff_send(c, h, WIRE_HANDOFF_REFUSE,
			h->state == HANDOFF_FETCHING
				? "nothing of the state came for too long"
				: "the source was silent for too long",
			0);
		discard(c, h);
		return;
	}
	if (!mono_reached(h->resend_at, c->now))
		return;
	if (is_withdrawn(c, h)) {
		discard(c, h);
		return;
	}
	h->resend_at = mono_add(c->now, HANDOFF_RESEND_MS);
	/* A source that restarted may know nothing of it any more. */
	if (h->state == HANDOFF_STAGED)
		handoff_send(c, h, WIRE_HANDOFF_STAGED, "", h->stored);
	handoff_send(c, h, WIRE_HANDOFF_QUERY, "", h->stored);
}

void
target_on_topology(struct core *c, struct handoff *h)
{
	member_id source = member_find(c, h->peer_name);
	if (source != MEMBER_NONE && member_is_present(c, source))
		return;
	if (h->state != HANDOFF_STAGED || is_deleted(c, h)) {
		discard(c, h);
		return;
	}
	/* R2: the source is dead and its state is whole here. */
	if (member_hold_now(c) == HOLD_NONE) {
		core_note(c, NOTE_HANDOFF, h->name, h->epoch,
			"taken over: the host it came from is dead");
		take_over(c, h, false);
	}
}

void
target_on_boot(struct core *c, struct handoff *h)
{
	struct instance *i = instance_ensure(c, h->name);
	if (!i || instance_is_live(i) || i->epoch > h->epoch) {
		discard(c, h);
		return;
	}
	instance_use_epoch(i, h->epoch_known);
	i->epoch = i->epoch_reserved = h->epoch;
	i->run_digest = h->run_digest;
	i->is_remembered = true;
	instance_enter(c, i, INSTANCE_HANDOFF, MONO_NEVER);
}
