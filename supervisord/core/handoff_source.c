/* The side that gives: signal, stop, seal, freeze, commit. */
#include <string.h>

#include "core/handoff_private.h"

/* --- Ends --- */

/* Looks at the instance again later. */
static void
retry_later(struct core *c, struct instance *i, int64_t ms)
{
	struct handoffs *t = &c->handoffs;
	i->move_again_at = mono_add(c->now, ms);
	t->retry_at = mono_min(t->retry_at, i->move_again_at);
}

void
source_give_up(
	struct core *c, struct handoff *h, const char *why, int64_t again_ms)
{
	struct instance *i = instance_find(c, h->name);
	core_note(c, NOTE_HANDOFF, h->name, h->epoch,
		effects_format(
			&c->fx, "given up: %s", effects_text(&c->fx, why)));
	/* Of an offer nothing has begun: a copy that is there began with a move
	 * that was forgotten here, and may be the one that wins. */
	if (h->state == HANDOFF_OFFERED)
		h->starts_first = false;
	if (!h->is_yield)
		handoff_send(c, h, WIRE_HANDOFF_ABORT, why, 0);
	if (i) {
		instance_set_note(c, i, why);
		retry_later(c, i, again_ms);
	}
	handoff_end(c, h);
}

/* The instance is to start from its own dump, if there is one: the number of
 * the STORE that says so. */
static uint64_t
keep_own(struct core *c, const struct handoff *h, struct instance *i)
{
	if (h->has_root && !instance_is_staged(i, h->root))
		instance_drop_staged(c, i);
	/* What it carried of its checkpoints is kept as such, or outdone. */
	if (h->has_root && !h->is_carried)
		handoff_stage(c, h, i, "dump", "");
	i->is_remembered = true;
	return instance_store_owner(c, i);
}

/* Whether another host may run a copy: one does, or, right after a boot, what
 * the others know has not come here yet.  Then duty decides, which waits for
 * them. */
static bool
may_live_elsewhere(const struct core *c, const struct instance *i)
{
	if (member_hold_now(c) != HOLD_NONE || duty_lives_elsewhere(c, i))
		return true;
	for (member_id id = 1; id < c->members.count; id++)
		if (member_is_present(c, id) && !registry_is_current(c, id))
			return true;
	return false;
}

void
source_abort(struct core *c, struct handoff *h, const char *why)
{
	struct override_value o;
	struct instance *i = instance_find(c, h->name);
	CHECK(i && i->state == INSTANCE_HANDOFF);
	CHECK(h->state != HANDOFF_COMMITTED);
	instance_set_note(c, i, why);
	/* With it, the operator's word that it should go is obeyed. */
	instance_override(c, i, &o);
	i->seen_move = o.move_generation;
	retry_later(c, i, HANDOFF_AGAIN_MS);
	/* One transaction or an earlier one: the staged root is on disk
	 * before the record that named it goes. */
	uint64_t owner = keep_own(c, h, i);
	handoff_send(c, h, WIRE_HANDOFF_ABORT, why, owner);
	core_note(c, NOTE_HANDOFF, h->name, h->epoch,
		effects_format(&c->fx, "called off, starts here again: %s",
			effects_text(&c->fx, why)));
	/* It starts when no crash can bring the record back; if another host
	 * runs a copy, duty decides which of them lives. */
	uint64_t ended = handoff_end_carried(c, h);
	i->epoch_after = ended ? ended : owner;
	instance_enter(c, i, INSTANCE_BACKOFF,
		may_live_elsewhere(c, i) ? MONO_NEVER : c->now);
}

/* The same, of one that was stopped for nothing: not again so soon. */
static void
abort_in_vain(struct core *c, struct handoff *h, const char *why)
{
	struct instance *i = instance_find(c, h->name);
	source_abort(c, h, why);
	retry_later(c, i, (int64_t)HANDOFF_AGAIN_MS << i->stopped_in_vain);
	if (i->stopped_in_vain < HANDOFF_DOUBLINGS_MAX)
		i->stopped_in_vain++;
}

/* --- Steps --- */

/* The policy in force; false when the service is gone meanwhile. */
static bool
policy_of(struct core *c, const struct instance *i, struct service_value *s)
{
	return i && instance_service(c, i, s);
}

/* Whether another move may begin beside those that are under way. */
static bool
has_place(const struct core *c)
{
	uint32_t outgoing = 0;
	list_each (l, &c->handoffs.active) {
		const struct handoff *h = container_of(l, struct handoff, link);
		outgoing += handoff_takes_place(h->state) && !h->is_yield;
	}
	return outgoing < HANDOFF_PARALLEL;
}

/* Whether nothing of it runs, and what it was to start from may go on. */
static bool
can_pass_on(const struct instance *i)
{
	return i->passes_on && i->state == INSTANCE_BACKOFF && i->staged &&
	       strcmp(i->staged->kind, "conflict") != 0;
}

bool
handoff_begin(struct core *c, struct instance *inst, member_id target,
	mono until, const char *reason)
{
	struct service_value s;
	if (!has_place(c)) {
		struct handoffs *t = &c->handoffs;
		t->is_full = true;
		t->retry_at = mono_min(
			t->retry_at, mono_add(c->now, HANDOFF_RESEND_MS));
		return false;
	}
	bool is_early = mono_diff(c->now, inst->move_again_at) < 0;
	bool is_passed = can_pass_on(inst);
	if ((inst->state != INSTANCE_READY && !is_passed) || is_early ||
		member_get(c, target)->link == 0) {
		retry_later(c, inst,
			is_early ? mono_diff(inst->move_again_at, c->now)
				 : HANDOFF_RESEND_MS);
		return false;
	}
	bool starts_first =
		!is_passed && policy_of(c, inst, &s) && first_may_start(&s);
	/* Two copies are enough: the one of the last move ends first. */
	bool is_third = starts_first && duty_lives_elsewhere(c, inst);
	struct handoff *h =
		is_third ? NULL : handoff_new(c, inst->name, HANDOFF_OFFERED);
	if (!h) {
		retry_later(c, inst, HANDOFF_AGAIN_MS);
		return false;
	}
	strcpy(h->peer_name, member_get(c, target)->name);
	h->epoch = inst->epoch;
	handoff_learn(c, h);
	/* Rises within a start of the node and from one start to the next. */
	h->attempt = (uint32_t)(c->incarnation << 12) + ++inst->attempts;
	h->run_digest = inst->run_digest;
	h->starts_first = starts_first;
	h->is_passed = is_passed;
	mono answered = mono_add(c->now, HANDOFF_OFFER_MS);
	if (is_passed && inst->deadline.ms < answered.ms)
		instance_arm(c, inst, answered); /* no start meanwhile */
	h->until = until;
	strncpy(h->reason, reason, sizeof h->reason - 1);
	handoff_enter(
		c, h, HANDOFF_OFFERED, mono_add(c->now, HANDOFF_OFFER_MS));
	handoff_send(c, h, WIRE_HANDOFF_OFFER, reason, 0);
	return true;
}

/* Until when the target may take to fetch the state. */
static mono
fetch_deadline(const struct core *c, const struct handoff *h)
{
	int64_t ms = HANDOFF_FETCH_MS +
		     (int64_t)(h->size / HANDOFF_FETCH_BYTES) * 1000;
	return mono_add(c->now, ms);
}

static void
freeze(struct core *c, struct handoff *h)
{
	handoff_carry(c, h);
	handoff_learn(c, h);
	handoff_enter(c, h, HANDOFF_FROZEN, fetch_deadline(c, h));
	handoff_send(c, h, WIRE_HANDOFF_FROZEN, "", h->stored);
}

/* Nothing has to be asked or stopped: what it was given is sealed here. */
static void
pass_on(struct core *c, struct handoff *h, struct instance *i)
{
	h->has_root = true;
	memcpy(h->root, i->staged->root, DIGEST_SIZE);
	h->size = i->staged->size;
	h->sealed_wall_ms = i->staged->wall_ms;
	instance_enter(c, i, INSTANCE_HANDOFF, MONO_NEVER);
	freeze(c, h);
}

static void
on_accept(struct core *c, struct handoff *h, const skep_Handoff *m)
{
	struct service_value s;
	struct instance *i = instance_find(c, h->name);
	if (h->state != HANDOFF_OFFERED)
		return;
	bool is_as_before =
		i && i->epoch == h->epoch &&
		(h->is_passed ? can_pass_on(i) : i->state == INSTANCE_READY);
	if (!policy_of(c, i, &s) || !is_as_before) {
		source_give_up(c, h, "it changed meanwhile", HANDOFF_AGAIN_MS);
		return;
	}
	h->terms = s.policy.handoff;
	if (h->is_passed) {
		pass_on(c, h, i);
		return;
	}
	h->starts_first = m->starts_first && first_may_start(&s) && !i->staged;
	if (h->starts_first)
		first_pair(c, h, s.policy.start_timeout_ms);
	else
		source_ask(c, h, i);
}

/* It is stopped and its state, if any, is sealed: onwards or back. */
static void
after_seal(struct core *c, struct handoff *h, const char *trouble)
{
	if (h->is_yield)
		yield_on_sealed(c, h, trouble);
	else if (h->is_cancelled)
		source_abort(c, h, h->reason);
	else if (trouble)
		abort_in_vain(c, h, trouble);
	else
		freeze(c, h);
}

void
source_seal(struct core *c, struct handoff *h)
{
	handoff_enter(c, h, HANDOFF_DUMPING, mono_add(c->now, HANDOFF_DUMP_MS));
	struct effect *e = effects_add(&c->fx, EFFECT_DUMP);
	e->after = handoff_after(c);
	e->dump.name = effects_text(&c->fx, h->name);
	e->dump.epoch = h->epoch;
	/* What is not at its state_path is nowhere else: it is sealed in any
	 * case, and goes on here if it is too large. */
	if (h->terms.has_state_path)
		e->dump.size_max = h->terms.max_size;
}

bool
handoff_on_empty(struct core *c, struct instance *inst)
{
	struct handoff *h =
		(struct handoff *)(uintptr_t)handoff_find(c, inst->name);
	if (!h || h->state != HANDOFF_STOPPING)
		return false;
	/* Of a copy that lost, the start may have failed meanwhile. */
	bool has_state =
		h->wants_dump && inst->is_declared && !inst->has_start_failed;
	if (has_state)
		source_seal(c, h);
	else
		after_seal(c, h,
			h->is_required ? "it left no state, and handoff is "
					 "required"
				       : NULL);
	return true;
}

/* Why a state of 'size' bytes stays here, or NULL. */
static const char *
too_large(const struct handoff *h, uint64_t size)
{
	return !h->is_yield && size > h->terms.max_size
		       ? "its state is larger than handoff.max_size"
		       : NULL;
}

bool
handoff_on_dumped(struct core *c, const struct input_dumped *in)
{
	struct handoff *h =
		(struct handoff *)(uintptr_t)handoff_find(c, in->name);
	if (!h || h->state != HANDOFF_DUMPING || h->epoch != in->epoch)
		return false;
	bool is_required =
		!h->is_yield && (h->is_required || h->terms.is_required);
	if (in->is_ok) {
		h->has_root = true;
		memcpy(h->root, in->root, DIGEST_SIZE);
		h->size = in->size;
		h->sealed_wall_ms = c->wall_ms;
		after_seal(c, h, too_large(h, in->size));
	} else if (in->is_absent && !is_required) {
		after_seal(c, h, NULL);
	} else {
		after_seal(c, h,
			in->is_absent ? "it left no state, and handoff is "
					"required"
				      : in->text);
	}
	return true;
}

static void
on_staged(struct core *c, struct handoff *h, const skep_Handoff *m)
{
	if (h->state != HANDOFF_FROZEN)
		return;
	bool is_same_root = h->has_root ? m->root.size == DIGEST_SIZE &&
						  memcmp(m->root.bytes, h->root,
							  DIGEST_SIZE) == 0
					: m->root.size == 0;
	if (!is_same_root)
		return;
	/* What the target itself has had before, too. */
	if (h->epoch_known < m->epoch_known)
		h->epoch_known = m->epoch_known;
	/* The commit point: from here on it is never started here again,
	 * unless the target is dead. */
	handoff_enter(c, h, HANDOFF_COMMITTED, MONO_NEVER);
	handoff_send(c, h, WIRE_HANDOFF_COMMIT, "", h->stored);
}

/* The epoch that the target took, as far as its row says it. */
static uint64_t
epoch_there(const struct core *c, const struct handoff *h)
{
	const struct row *r = handoff_peer_row(c, h);
	return r && r->value.epoch > h->epoch ? r->value.epoch : h->epoch + 1;
}

/* Whether no row says that the target began with it.  Who only keeps something
 * of it tells of the epochs of others, and who has another state of it, of that
 * one's source. */
static bool
is_unused(const struct core *c, const struct handoff *h)
{
	const struct row *r = handoff_peer_row(c, h);
	return h->state == HANDOFF_FROZEN || !r ||
	       r->value.epoch <= h->epoch_known ||
	       r->value.state == ROW_HANDOFF || checkpoint_is_keeper(r);
}

/* Else the next host might pass it back at once.  Should it come again soon, it
 * stays: all of its state would travel round and round. */
static void
refuse_passed(struct core *c, const struct handoff *h, struct instance *i)
{
	instance_refuse(c, i, h->reason);
	i->pass_again_at = mono_add(c->now, HANDOFF_PASSED_MS);
}

/* The target runs it, or ('is_lost') another host does, without that state:
 * nothing of it is ours any more. */
static void
done(struct core *c, struct handoff *h, bool is_lost)
{
	struct instance *i = instance_find(c, h->name);
	if (is_lost)
		core_note(c, NOTE_HANDOFF, h->name, h->epoch,
			"over: another host runs it under a higher epoch");
	else
		core_note(c, NOTE_MOVED, h->name, h->epoch + 1,
			effects_format(&c->fx, "%s -> %s, %u bytes of state",
				c->config.node,
				effects_text(&c->fx, h->peer_name), h->size));
	if (i && i->state == INSTANCE_HANDOFF) {
		i->stopped_in_vain = 0;
		if (!h->is_passed)
			instance_set_note(c, i, ""); /* of a try before */
		if (is_lost)
			yield_frozen(c, h, i);
		instance_release_old(c, i);
		/* If both records name it, it goes when the last one has. */
		if (h->has_root && instance_is_staged(i, h->root))
			instance_unstage(c, i);
		i->is_draining_out = c->duty.is_draining;
		i->draining_epoch = h->epoch;
		instance_enter(c, i, INSTANCE_IDLE, MONO_NEVER);
		if (i->is_declared)
			instance_give(c, i, h->peer_name, epoch_there(c, h));
		else
			instance_disown(c, i);
		if (h->is_passed && i->is_declared)
			refuse_passed(c, h, i);
	}
	handoff_end_and_drop(c, h);
}

/* What was carried goes on as what it is: a checkpoint that is kept, also if it
 * was given up meanwhile, and is verified before it is started from.  A spec
 * without checkpoints knows it as a state only. */
static void
keep_carried(struct core *c, const struct handoff *h, struct instance *i,
	const struct service_value *s)
{
	CHECK(h->has_root && h->is_carried);
	if (!checkpoint_keeps(c, h->name, h->root))
		checkpoint_adopt(
			c, i, h->epoch, h->root, h->size, h->sealed_wall_ms);
	if (!s->policy.checkpoint.is_present ||
		checkpoint_epoch(c, h->name) == 0)
		handoff_stage(c, h, i, "dump", "");
}

/* R1: the target died after the commit, or forgot all about it; the state is
 * still here. */
static void
take_back(struct core *c, struct handoff *h, const char *why)
{
	struct instance *i = instance_find(c, h->name);
	struct service_value s;
	if (!policy_of(c, i, &s) || i->state != INSTANCE_HANDOFF)
		return;
	core_note(c, NOTE_HANDOFF, h->name, h->epoch,
		effects_format(&c->fx, "taken back: %s", why));
	/* What it began with here, if that had not served yet, is older. */
	if (!h->has_root || !instance_is_staged(i, h->root))
		instance_drop_staged(c, i);
	/* What was never ready there has taken no checkpoint: the one that was
	 * carried is the newest. */
	if (h->is_carried)
		keep_carried(c, h, i, &s);
	else if (h->has_root)
		handoff_stage(c, h, i, "dump", "");
	/* The target may have started what comes next, and what came after. */
	instance_set_owner(c, i, h->peer_name);
	if (i->epoch_floor <= h->epoch_known)
		i->epoch_floor = h->epoch_known + 1;
	i->epoch_reserved = h->epoch; /* the rest of the block is theirs */
	uint64_t epoch = instance_next_epoch(c, i, true);
	instance_set_owner(c, i, "");
	i->epoch_reserved = epoch + EPOCH_BLOCK - 1;
	i->is_remembered = true;
	i->is_unrun = false;
	/* A checkpoint is verified first; the start comes after that. */
	bool is_unfit = checkpoint_unfit(c, i, &s) != NULL;
	if (is_unfit)
		i->epoch_floor = epoch - 1;
	instance_store_owner(c, i);
	uint64_t ended = handoff_end_carried(c, h);
	if (!is_unfit) {
		instance_start_at(c, i, &s, epoch, ended);
		return;
	}
	i->epoch_after = ended;
	instance_enter(c, i, INSTANCE_BACKOFF, c->now);
}

/* --- News and time --- */

/* Whether what the asker has is the state of a copy that lost: nothing here
 * began with it, or keeps it. */
static bool
is_lost(const struct core *c, const struct instance *i, const skep_Handoff *m)
{
	bool has_begun = i && (instance_is_held(i) || i->epoch_ran > m->epoch);
	return m->root.size == DIGEST_SIZE && !has_begun &&
	       !sealed_is_needed(c, m->name, m->root.bytes);
}

static void
on_query(struct core *c, member_id from, struct handoff *h,
	const skep_Handoff *m)
{
	if (h && handoff_is_same(h, m)) {
		h->resend_at = c->now;
		/* It still fetches, or waits for what it began. */
		mono until = mono_add(c->now, HANDOFF_FETCH_MS);
		if (h->state == HANDOFF_FROZEN && h->deadline.ms < until.ms)
			h->deadline = until;
		return;
	}
	/* We know nothing of that attempt (any more): it is void if we, or
	 * somebody, went on without it, or if there is nothing to lose.  Else
	 * the asker has the only copy of the state that there is. */
	const struct instance *i = instance_find(c, m->name);
	bool is_open;
	bool is_void = handoff_has_gone_on(c, m, &is_open) ||
		       (i && (instance_is_held(i) || i->epoch > m->epoch)) ||
		       m->root.size == 0;
	skep_Handoff a = *m;
	a.is_lost = is_lost(c, i, m);
	if (is_void)
		handoff_echo(c, from, &a, WIRE_HANDOFF_ABORT,
			a.is_lost ? "another host went on without it"
				  : "its source went on without it");
	else if (!is_open && member_hold_now(c) == HOLD_NONE)
		handoff_echo(c, from, m, WIRE_HANDOFF_COMMIT,
			"its source forgot it");
}

void
source_on_recv(
	struct core *c, member_id from, uint16_t type, const skep_Handoff *m)
{
	struct handoff *h =
		(struct handoff *)(uintptr_t)handoff_find(c, m->name);
	bool is_ours = h && handoff_is_source(h->state) &&
		       strcmp(h->peer_name, member_get(c, from)->name) == 0;
	if (type == WIRE_HANDOFF_QUERY) {
		on_query(c, from, is_ours ? h : NULL, m);
		return;
	}
	if (!is_ours || !handoff_is_same(h, m))
		return;
	switch (type) {
	case WIRE_HANDOFF_ACCEPT:
		on_accept(c, h, m);
		break;
	case WIRE_HANDOFF_STAGED:
		on_staged(c, h, m);
		break;
	case WIRE_HANDOFF_ACTIVE:
		if (h->state == HANDOFF_COMMITTED)
			done(c, h, false);
		break;
	case WIRE_HANDOFF_UNKNOWN:
		if (h->state == HANDOFF_COMMITTED &&
			member_hold_now(c) == HOLD_NONE)
			take_back(c, h, "the host it went to lost its disk");
		break;
	case WIRE_HANDOFF_REFUSE:
		if (h->state == HANDOFF_OFFERED)
			source_give_up(c, h, m->reason, HANDOFF_AGAIN_MS);
		else if (h->state == HANDOFF_FROZEN)
			abort_in_vain(c, h, m->reason);
		else if (h->state == HANDOFF_PAIRED)
			first_on_refuse(c, h, m->reason);
		break;
	default:
		break;
	}
}

void
handoff_cancel(struct core *c, const char *name, const char *why)
{
	struct handoff *h = (struct handoff *)(uintptr_t)handoff_find(c, name);
	if (!h || !handoff_is_source(h->state) || h->is_cancelled ||
		h->is_yield)
		return;
	switch (h->state) {
	case HANDOFF_OFFERED:
		source_give_up(c, h, why, HANDOFF_AGAIN_MS);
		break;
	case HANDOFF_PAIRED:
		first_call_off(c, h, why, false);
		break;
	case HANDOFF_SIGNALLED:
	case HANDOFF_STOPPING:
	case HANDOFF_DUMPING:
		/* It has been told to put its state aside: it must stop, and
		 * starts again here from what it wrote. */
		h->is_cancelled = true;
		strncpy(h->reason, why, sizeof h->reason - 1);
		break;
	case HANDOFF_FROZEN:
		source_abort(c, h, why);
		break;
	case HANDOFF_FREE:
	case HANDOFF_COMMITTED:
	case HANDOFF_ACCEPTED:
	case HANDOFF_FETCHING:
	case HANDOFF_STAGED:
	case HANDOFF_STATE_COUNT:
		break;
	}
}

static void
on_deadline(struct core *c, struct handoff *h)
{
	struct instance *i = instance_find(c, h->name);
	switch (h->state) {
	case HANDOFF_OFFERED:
		source_give_up(
			c, h, "the target did not answer", HANDOFF_AGAIN_MS);
		break;
	case HANDOFF_SIGNALLED:
		source_on_silence(c, h, i);
		break;
	case HANDOFF_DUMPING:
		/* What waits for a stalled disk has not begun. */
		if (handoff_after(c))
			h->deadline = mono_add(c->now, HANDOFF_DUMP_MS);
		else
			after_seal(
				c, h, "its state could not be sealed in time");
		break;
	case HANDOFF_FROZEN:
		if (member_hold_now(c) == HOLD_NONE)
			abort_in_vain(c, h,
				"the target did not get the state in time");
		else
			h->deadline = mono_add(c->now, HANDOFF_AGAIN_MS);
		break;
	case HANDOFF_PAIRED:
		if (h->is_cancelled)
			source_give_up(c, h, h->reason, HANDOFF_AGAIN_MS);
		else
			first_call_off(c, h,
				"the new copy was not ready in time", true);
		break;
	case HANDOFF_FREE:
	case HANDOFF_STOPPING:
	case HANDOFF_COMMITTED:
	case HANDOFF_ACCEPTED:
	case HANDOFF_FETCHING:
	case HANDOFF_STAGED:
	case HANDOFF_STATE_COUNT:
		break;
	}
}

/* Whether the target is known dead, by the members' rules. */
static bool
is_target_dead(const struct core *c, const struct handoff *h)
{
	member_id id = member_find(c, h->peer_name);
	/* Right after our own start it may only not be linked yet. */
	return id == MEMBER_NONE ||
	       (!member_is_present(c, id) && !member_is_expected(c, id));
}

/* Whether the target's rows are still to come: if it only has the state, a
 * COMMIT would begin a second copy there. */
static bool
is_unheard(const struct core *c, const struct handoff *h)
{
	member_id target = member_find(c, h->peer_name);
	return target == MEMBER_NONE || !registry_is_current(c, target);
}

/* Whether the target of a committed move, which others have by now, may still
 * say that it began with its state: what it gave away since, its row does not
 * tell. */
static bool
may_be_told(const struct core *c, struct handoff *h)
{
	if (!is_unused(c, h) || h->state == HANDOFF_FROZEN ||
		is_target_dead(c, h) || handoff_is_staged_there(c, h))
		return false;
	if (h->deadline.ms == MONO_NEVER.ms)
		h->deadline = mono_add(c->now, HANDOFF_OFFER_MS);
	return !mono_reached(h->deadline, c->now);
}

void
source_on_tick(struct core *c, struct handoff *h)
{
	const struct instance *i = instance_find(c, h->name);
	bool is_deleted = !i || !i->is_declared;
	bool is_given = h->state == HANDOFF_COMMITTED && is_deleted;
	/* FROZEN too: while we were dead, the target took what it had. */
	bool is_taken = handoff_is_durable(h->state) && handoff_is_taken(c, h);
	if (h->state == HANDOFF_PAIRED && first_is_over(c, h))
		return;
	if (is_given || (is_taken && !may_be_told(c, h))) {
		done(c, h, !is_given && is_unused(c, h));
		return;
	}
	if (mono_reached(h->until, c->now)) {
		h->until = MONO_NEVER;
		/* --force would stop what starts here again, and its state
		 * would stay behind: what is on its way goes on. */
		if (!c->duty.is_forced || h->state == HANDOFF_OFFERED)
			handoff_cancel(
				c, h->name, "the drain's deadline has passed");
		return;
	}
	if (mono_reached(h->deadline, c->now)) {
		h->deadline = MONO_NEVER;
		on_deadline(c, h);
		return;
	}
	if (!mono_reached(h->resend_at, c->now))
		return;
	h->resend_at = mono_add(c->now, HANDOFF_RESEND_MS);
	if (h->state == HANDOFF_FROZEN)
		handoff_send(c, h, WIRE_HANDOFF_FROZEN, "", h->stored);
	else if (h->state == HANDOFF_COMMITTED &&
		 !(is_taken && is_unheard(c, h)))
		handoff_send(c, h, WIRE_HANDOFF_COMMIT, "", h->stored);
	else if (h->state == HANDOFF_PAIRED)
		first_send(c, h);
	else if (h->state == HANDOFF_DUMPING && h->is_yield)
		source_seal(c, h);
}

void
source_on_topology(struct core *c, struct handoff *h)
{
	if (!is_target_dead(c, h))
		return;
	switch (h->state) {
	case HANDOFF_OFFERED:
	case HANDOFF_PAIRED:
		source_give_up(c, h, "the target is dead", 0);
		break;
	case HANDOFF_SIGNALLED:
	case HANDOFF_STOPPING:
	case HANDOFF_DUMPING:
		handoff_cancel(c, h->name, "the target is dead");
		break;
	case HANDOFF_FROZEN: /* in a hold, perhaps it is we who are dead */
		if (member_hold_now(c) == HOLD_NONE)
			source_abort(c, h, "the target is dead");
		break;
	case HANDOFF_COMMITTED:
		if (member_hold_now(c) == HOLD_NONE)
			take_back(c, h, "the host it went to is dead");
		break;
	case HANDOFF_FREE:
	case HANDOFF_ACCEPTED:
	case HANDOFF_FETCHING:
	case HANDOFF_STAGED:
	case HANDOFF_STATE_COUNT:
		break;
	}
}

/* The node ended while it was being stopped.  What was sealed of that run is
 * what it starts from, when the gate opens; what ended with the node alone is
 * asked for its state as after any crash. */
static void
resume_stop(struct core *c, struct handoff *h, struct instance *i)
{
	bool is_live = i && instance_is_live(i);
	/* It was to go on from another state, and its own is kept already. */
	bool is_adopted = i && i->staged && h->has_root &&
			  strcmp(i->staged->kind, "conflict") == 0 &&
			  conflict_needs_state(c, h->name, h->root);
	bool is_other = is_live &&
			(i->epoch != h->epoch || i->state != INSTANCE_CLEANING);
	if (!h->has_root || !i || !i->is_remembered || is_other || is_adopted) {
		handoff_end_and_drop(c, h);
		return;
	}
	core_note(c, NOTE_HANDOFF, h->name, h->epoch,
		"over: its host stopped; it starts here again from its state");
	h->sealed_wall_ms = c->wall_ms;
	keep_own(c, h, i);
	handoff_end(c, h);
	if (!is_live)
		instance_enter(c, i, INSTANCE_BACKOFF, MONO_NEVER);
}

void
source_on_boot(struct core *c, struct handoff *h)
{
	if (h->state == HANDOFF_STOPPING) {
		resume_stop(c, h, instance_find(c, h->name));
		return;
	}
	/* A crash in the midst of its end may have left this record alone. */
	struct instance *i = instance_ensure(c, h->name);
	/* It was stopped and empty before the record was written; what is
	 * newer was started after its end. */
	bool is_that_run =
		i && i->epoch == h->epoch && i->state == INSTANCE_CLEANING;
	if (!i || (instance_is_live(i) && !is_that_run)) {
		handoff_end(c, h);
		return;
	}
	i->is_over = i->is_found = false;
	i->epoch = h->epoch;
	if (i->epoch_ran > h->epoch)
		i->epoch_ran = h->epoch; /* and not all of its block */
	instance_use_epoch(i, h->epoch);
	if (i->epoch_reserved < h->epoch)
		i->epoch_reserved = h->epoch;
	i->run_digest = h->run_digest;
	i->is_remembered = true;
	instance_enter(c, i, INSTANCE_HANDOFF, MONO_NEVER);
	if (h->state == HANDOFF_FROZEN)
		h->deadline = fetch_deadline(c, h);
}
