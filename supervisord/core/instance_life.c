/* The life of an instance: what starts it, ends it, and brings it back. */
#include <string.h>

#include "core/core_private.h"
#include "core/restart.h"

/* How long the rest of a dead leader's processes may linger untouched. */
#define LINGER_MS 50
/* KILL is repeated until the kernel has done it. */
#define KILL_AGAIN_MS 5000
/* A host that could not run a spec tries again after this. */
#define REFUSED_MS 60000
/* Sealing what another node's run left behind. */
#define SALVAGE_MS 3600000
/* The keeper still has the last epoch. */
#define BUSY_MS 1000
/* So many starts in a row fail from a state, and it goes on to another host. */
#define PASS_ON_AFTER 3
/* Its checkpoint is being sealed or verified: a start looks again. */
#define CHECKPOINT_LOOK_MS 20
/* ... and whether the offer of its state is over, or duty may stop it. */
#define OFFERED_LOOK_MS 100

/* --- Starting --- */

static void
fill_state(struct core *c, struct instance *i,
	const struct service_value *service, struct effect_start *s)
{
	const struct staged *from = i->staged;
	const struct snapshot *kept =
		from ? NULL : checkpoint_to_start(c, i, service);
	s->has_state = from || kept;
	if (kept) {
		memcpy(s->root, kept->root, DIGEST_SIZE);
		s->state_kind = "checkpoint";
		s->state_wall_ms = kept->wall_ms;
	}
	if (!from)
		return;
	memcpy(s->root, from->root, DIGEST_SIZE);
	s->state_kind = effects_text(&c->fx, from->kind);
	s->state_wall_ms = from->wall_ms;
	s->handoff_from = effects_text(&c->fx, from->from);
	const struct conflict *joined = conflict_joining(c, i);
	if (!joined)
		return;
	s->has_theirs = true;
	memcpy(s->theirs, joined->want.root, DIGEST_SIZE);
	s->state_kind = "conflict";
	s->handoff_from = effects_text(&c->fx, joined->from);
}

static const struct effect_start *
emit_start(struct core *c, struct instance *i,
	const struct service_value *service, uint64_t after)
{
	struct effect *e = effects_add(&c->fx, EFFECT_START);
	e->after = after > c->stored_seq ? after : 0;
	i->epoch_kept = i->epoch;
	e->start.name = effects_text(&c->fx, i->name);
	e->start.service = effects_text(&c->fx, i->service);
	e->start.epoch = i->epoch;
	e->start.run_digest = service->run_digest;
	e->start.body = effects_copy(&c->fx, service->body);
	e->start.state_kind = "";
	e->start.handoff_from = "";
	fill_state(c, i, service, &e->start);
	e->start.sets_aside = i->is_stranger && !e->start.has_state &&
			      service->policy.handoff.has_state_path;
	e->start.before = i->epoch_before;
	e->start.stay = i->stay;
	/* Its age is counted by this host's own clock. */
	if (e->start.state_wall_ms)
		e->start.state_wall_ms += c->own_wall_ms - c->wall_ms;
	return &e->start;
}

void
instance_start_at(struct core *c, struct instance *inst,
	const struct service_value *service, uint64_t epoch, uint64_t after)
{
	CHECK(epoch > inst->epoch || inst->epoch == 0);
	struct override_value o;
	bool is_first = inst->state == INSTANCE_IDLE;
	instance_override(c, inst, &o);
	inst->epoch_left = inst->epoch_kept;
	inst->epoch = epoch;
	instance_use_epoch(inst, epoch);
	inst->epoch_after = after;
	inst->run_digest = service->run_digest;
	inst->is_refused = false;
	inst->has_start_failed = false;
	inst->is_killed = false;
	inst->is_remembered = true;
	inst->is_draining_out = inst->is_past = inst->passes_on = false;
	inst->is_found = inst->is_salvaging = inst->is_unresolved = false;
	inst->phase = PHASE_NONE;
	inst->is_sick = inst->has_ended_early = false;
	inst->hooks = service->policy.hooks;
	inst->has_readiness = service->policy.has_readiness;
	if (inst->due_slot > inst->slot)
		inst->slot = inst->due_slot;
	uint64_t seen_move =
		inst->keeps_move ? inst->seen_move : o.move_generation;
	bool is_news = inst->seen_restart != o.restart_generation ||
		       inst->seen_move != seen_move;
	inst->keeps_move = false;
	instance_set_owner(c, inst, "");
	inst->seen_restart = o.restart_generation;
	inst->seen_move = seen_move;
	/* A new node that finds it running must not obey those words again. */
	if (is_news)
		instance_store_owner(c, inst);
	instance_enter(c, inst, INSTANCE_STARTING, MONO_NEVER);
	instance_note_fresh(c, inst, emit_start(c, inst, service, after),
		is_first, service->policy.handoff.has_state_path);
	core_note(c, NOTE_STARTING, inst->name, epoch, "");
}

/* Whether the others are told that it is here. */
static bool
is_told(const struct core *c, const struct instance *i)
{
	const struct row *r =
		registry_find(c, ROW_INSTANCE, i->name, MEMBER_SELF);
	return r && row_state_is_held(r->value.state);
}

/* What goes on here goes on at once.  What begins here waits for the disk, also
 * where its epoch is reserved: while the disk stands still our rows wait behind
 * those of other starts, and a process that nobody is told of would run. */
void
instance_start(struct core *c, struct instance *inst,
	const struct service_value *service)
{
	CHECK(!instance_is_live(inst));
	uint64_t epoch = instance_next_epoch(c, inst, false);
	conflict_before_start(c, inst, service);
	uint64_t after = inst->epoch_after;
	bool is_new = instance_look_before(c, inst, service);
	is_new |= inst->is_unrun || !is_told(c, inst);
	inst->is_unrun = false;
	if (epoch > inst->epoch_reserved || is_new) {
		if (epoch > inst->epoch_reserved)
			inst->epoch_reserved = epoch + EPOCH_BLOCK - 1;
		inst->is_remembered = true;
		instance_set_owner(c, inst, "");
		after = instance_store_owner(c, inst);
	}
	instance_start_at(c, inst, service, epoch, after);
}

void
instance_reset(struct core *c, struct instance *inst)
{
	inst->failures = 0;
	inst->window_starts = 0;
	inst->is_left_alone = false;
	inst->stopped_in_vain = 0;
	inst->move_again_at = c->now;
	instance_set_note(c, inst, "");
	if (!inst->is_refused)
		return;
	inst->is_refused = false;
	instance_arm(c, inst, MONO_NEVER);
	instance_publish(c, inst);
}

/* Whether it has to wait: what it wrote at last is what it begins with. */
static bool
is_unfit(
	struct core *c, struct instance *i, const struct service_value *service)
{
	const char *why = checkpoint_unfit(c, i, service);
	if (why)
		instance_set_note(c, i, why);
	return why;
}

/* When a start that is due looks again, in ms; 0: it need not wait.  Where a
 * minority holds duty back, what has lost meanwhile is not begun once more. */
static int64_t
wait_ms(struct core *c, struct instance *i, const struct service_value *service)
{
	member_id winner;
	if (is_unfit(c, i, service))
		return CHECKPOINT_LOOK_MS;
	return duty_is_beaten(c, i, &winner) ? OFFERED_LOOK_MS : 0;
}

/* Starts it again after 'delay_ms', or at once. */
static void
start_again(struct core *c, struct instance *i, int64_t delay_ms)
{
	struct service_value service;
	bool is_now = delay_ms <= 0 && !c->duty.is_ending &&
		      instance_service(c, i, &service);
	int64_t ms = is_now ? wait_ms(c, i, &service) : delay_ms;
	if (ms <= 0 && is_now) {
		/* No row of its own for a state that lasts no time. */
		i->state = INSTANCE_BACKOFF;
		i->restarts++;
		instance_start(c, i, &service);
		return;
	}
	instance_enter(c, i, INSTANCE_BACKOFF, mono_add(c->now, ms));
}

/* --- Stopping --- */

static void
emit_kill(struct core *c, const struct instance *i)
{
	struct effect *e = effects_add(&c->fx, EFFECT_KILL);
	e->proc.name = effects_text(&c->fx, i->name);
	e->proc.epoch = i->epoch;
}

/* Asks for the state that a run may have put aside while it was another
 * node's: without it, a start would begin with nothing.  Returns whether it
 * asked. */
static bool
salvage(struct core *c, struct instance *i, const struct service_value *s)
{
	const struct policy_handoff *p = &s->policy.handoff;
	/* What is its state stands where its next start looks for it. */
	if (!i->is_found || !p->is_present || p->has_state_path)
		return false;
	i->is_found = false;
	i->is_salvaging = true;
	struct effect *e = effects_add(&c->fx, EFFECT_DUMP);
	e->after = handoff_after(c);
	e->dump.name = effects_text(&c->fx, i->name);
	e->dump.epoch = i->epoch;
	instance_enter(c, i, INSTANCE_CLEANING, mono_add(c->now, SALVAGE_MS));
	return true;
}

static void after_run(struct core *c, struct instance *i);

/* Nothing is left of it: what the stop was for. */
static void
finish_stop(struct core *c, struct instance *i)
{
	struct service_value s;
	enum stop_purpose purpose = i->purpose;
	i->purpose = STOP_NONE;
	switch (purpose) {
	case STOP_HALT:
		instance_enter(c, i, INSTANCE_IDLE, MONO_NEVER);
		break;
	case STOP_GONE:
	case STOP_LEAVE:
		if (purpose == STOP_LEAVE)
			conflict_keep_staged(c, i);
		i->is_draining_out = purpose == STOP_LEAVE &&
				     c->duty.is_draining && i->was_ready;
		i->draining_epoch = i->epoch;
		instance_enter(c, i, INSTANCE_IDLE, MONO_NEVER);
		instance_release(c, i);
		i->restarts = 0;
		instance_disown(c, i);
		break;
	case STOP_RESTART:
		instance_reset(c, i);
		if (instance_service(c, i, &s) && salvage(c, i, &s))
			return;
		start_again(c, i, 0);
		return;
	case STOP_HANDOFF:
		instance_enter(c, i, INSTANCE_HANDOFF, MONO_NEVER);
		if (!handoff_on_empty(c, i))
			start_again(c, i, 0);
		return;
	case STOP_AGAIN:
		after_run(c, i);
		return;
	case STOP_NONE:
		UNREACHABLE();
	}
	core_note(c, NOTE_STOPPED, i->name, i->epoch, "");
}

void
instance_stop(struct core *c, struct instance *inst,
	const struct spec_policy *policy, enum stop_purpose purpose,
	const char *why)
{
	CHECK(purpose != STOP_NONE);
	if (inst->state == INSTANCE_IDLE || inst->is_salvaging)
		return; /* nothing runs; what is next, 'after_run' decides */
	if (inst->state == INSTANCE_STOPPING) {
		inst->purpose = purpose;
		return;
	}
	core_note(c, NOTE_STOPPING, inst->name, inst->epoch,
		effects_text(&c->fx, why));
	bool was_live = instance_is_live(inst);
	bool was_cleaning = inst->state == INSTANCE_CLEANING;
	inst->purpose = purpose;
	inst->was_ready = inst->state == INSTANCE_READY;
	inst->is_killed = false;
	bool is_after = inst->phase == PHASE_POST_STOP;
	mono until = inst->deadline;
	if (!is_after)
		inst->phase = PHASE_NONE;
	instance_enter(
		c, inst, INSTANCE_STOPPING, is_after ? until : MONO_NEVER);
	if (!was_live)
		finish_stop(c, inst);
	else if (was_cleaning && !is_after)
		instance_send_stop(c, inst, true);
	else if (!is_after)
		instance_begin_stop(c, inst, policy);
}

static void
on_stop_timeout(struct core *c, struct instance *i)
{
	emit_kill(c, i);
	if (!i->is_killed)
		core_note(c, NOTE_KILLED, i->name, i->epoch,
			"stop_timeout passed");
	i->is_killed = true;
	instance_arm(c, i, mono_add(c->now, KILL_AGAIN_MS));
}

/* --- After a run --- */

/* Whether the last end counts as a success. */
static bool
has_succeeded(const struct instance *i, const struct spec_policy *p)
{
	bool has_exited =
		i->status != STATUS_UNKNOWN && (i->status & 0x7f) == 0;
	/* Who was to become ready and ended well instead did not do it. */
	bool is_early = i->has_ended_early && p->type == TYPE_SIMPLE;
	return !i->has_start_failed && !i->is_sick && !is_early && has_exited &&
	       policy_is_success(p, (i->status >> 8) & 0xff);
}

/* Whether nobody saw how it ended. */
static bool
is_unseen(const struct instance *i)
{
	return !i->has_start_failed && i->status == STATUS_UNKNOWN;
}

/* Attempts are used up: by the restart mode. */
static void
give_up(struct core *c, struct instance *i, const struct policy_restart *r)
{
	switch (r->mode) {
	case MODE_FAIL:
		core_note(c, NOTE_FAILED, i->name, i->epoch,
			"attempts are used up");
		instance_enter(c, i, INSTANCE_FAILED, MONO_NEVER);
		break;
	case MODE_DELAY:
		start_again(c, i,
			mono_diff(mono_add(i->window_since, r->interval_ms),
				c->now));
		break;
	case MODE_RESCHEDULE:
		if (i->staged) { /* its state must not stay behind */
			i->passes_on = true;
			start_again(c, i, r->max_delay_ms);
			break;
		}
		instance_refuse(c, i, "attempts are used up on this host");
		break;
	}
}

static void
restart_by_policy(
	struct core *c, struct instance *i, const struct policy_restart *r)
{
	if (mono_diff(c->now, i->window_since) >= r->interval_ms) {
		i->window_since = c->now;
		i->window_starts = 0;
	}
	if (r->attempts && i->window_starts >= r->attempts) {
		i->window_starts = 0;
		give_up(c, i, r);
		return;
	}
	i->window_starts++;
	/* What the last run asked for does not bind the next one. */
	if (i->is_left_alone)
		i->move_again_at = c->now;
	i->is_left_alone = false;
	uint32_t failures = i->failures++;
	i->passes_on |= i->staged && i->failures >= PASS_ON_AFTER;
	int64_t delay_ms = restart_delay_ms(r, failures, &c->prng);
	if (delay_ms > 0) {
		const char *text = effects_format(&c->fx,
			"next start in %d ms after %u failures in a row",
			delay_ms, (uint64_t)failures + 1);
		core_note(c, NOTE_BACKOFF, i->name, i->epoch, text);
	}
	start_again(c, i, delay_ms);
}

/* Whether its end is final whatever the restart policy says: then 'purpose'
 * is what a stop would have been for. */
static bool
is_unwanted(struct core *c, const struct instance *i,
	const struct service_value *s, bool has_service,
	enum stop_purpose *purpose)
{
	struct override_value o;
	instance_override(c, i, &o);
	*purpose = has_service ? STOP_HALT : STOP_GONE;
	if (!has_service || !s->policy.is_enabled || o.is_stopped ||
		c->duty.is_ending)
		return true;
	*purpose = STOP_LEAVE;
	member_id holder = duty_holder(c, i->name, NULL);
	return holder != MEMBER_SELF && holder != MEMBER_NONE;
}

/* Nothing is left of a run that ended by itself: the restart policy. */
static void
after_run(struct core *c, struct instance *i)
{
	struct service_value s;
	enum stop_purpose purpose;
	bool has = instance_service(c, i, &s);
	if (has && salvage(c, i, &s))
		return;
	if (is_unwanted(c, i, &s, has, &purpose)) {
		i->state = INSTANCE_STOPPING;
		i->purpose = purpose;
		finish_stop(c, i);
		return;
	}
	if (i->is_unresolved) {
		start_again(c, i, 0);
		return;
	}
	const struct policy_restart *r = &s.policy.restart;
	bool is_success = has_succeeded(i, &s.policy);
	if (mono_diff(c->now, i->ready_since) >= r->reset_after_ms &&
		!i->has_start_failed)
		i->failures = 0;
	bool is_oneshot = s.policy.type == TYPE_ONESHOT;
	bool is_over =
		r->policy == RESTART_NEVER || (is_oneshot && is_unseen(i)) ||
		(is_success && (is_oneshot || r->policy == RESTART_ON_FAILURE));
	if (!is_over && !is_success)
		conflict_fall_back(
			c, i, r->attempts && i->window_starts >= r->attempts);
	if (!is_over) {
		restart_by_policy(c, i, r);
		return;
	}
	instance_enter(c, i, INSTANCE_EXITED, MONO_NEVER);
	instance_store_owner(c, i);
}

void
instance_refuse(struct core *c, struct instance *inst, const char *why)
{
	core_note(c, NOTE_REFUSED, inst->name, inst->epoch,
		effects_text(&c->fx, why));
	/* 'run_digest' stays: it is this very spec that was refused. */
	inst->is_refused = true;
	inst->is_remembered = false;
	inst->is_past = true; /* when it is not refused any more */
	instance_raise_floor(inst);
	inst->restarts = 0;
	instance_enter(c, inst, INSTANCE_IDLE, mono_add(c->now, REFUSED_MS));
	instance_store_owner(c, inst);
}

/* --- Inputs --- */

/* The instance and epoch that an input is about, or NULL if it is stale. */
static struct instance *
find_current(struct core *c, const char *name, uint64_t epoch)
{
	struct instance *i = instance_find(c, name);
	return i && i->epoch == epoch && instance_is_live(i) ? i : NULL;
}

void
instance_on_started(struct core *c, const struct input_proc *in)
{
	struct instance *i = find_current(c, in->name, in->epoch);
	if (!i)
		return;
	struct service_value s;
	i->pid = in->pid;
	i->ready_since = c->now;
	i->epoch_ran = i->epoch;
	if (i->is_stranger) {
		i->is_stranger = false;
		instance_store_owner(c, i);
	}
	if (i->state == INSTANCE_STOPPING) {
		/* The stop overtook a START that waited for the disk. */
		instance_send_stop(c, i, false);
		return;
	}
	if (i->state != INSTANCE_STARTING || i->phase != PHASE_NONE)
		return;
	bool has = instance_service(c, i, &s);
	instance_await_ready(c, i, has ? &s.policy : NULL);
}

/* Nothing was made of what stands at its state_path: also after a boot nobody
 * is to believe that it ran in all of its block. */
static void
store_unrun(struct core *c, struct instance *i)
{
	struct service_value s;
	if (i->is_stranger || i->staged || !instance_service(c, i, &s) ||
		!s.policy.handoff.has_state_path)
		return;
	i->is_unrun = true;
	instance_store_owner(c, i);
}

void
instance_on_start_failed(struct core *c, const struct input_start_failed *in)
{
	struct instance *i = find_current(c, in->name, in->epoch);
	if (!i)
		return;
	if (in->blame == BLAME_STOPPED) {
		instance_release_left(c, i);
	} else {
		core_note(c, NOTE_START_FAILED, i->name, i->epoch,
			effects_text(&c->fx, in->text));
		instance_set_note(c, i, in->text);
	}
	i->has_start_failed = true;
	i->pid = 0;
	store_unrun(c, i);
	if (i->state == INSTANCE_STOPPING) {
		finish_stop(c, i);
		return;
	}
	switch (in->blame) {
	case BLAME_HOST:
		/* A state must not be left behind: it goes along, or tries on.
		 */
		if (!i->staged) {
			instance_refuse(c, i, in->text);
			break;
		}
		i->passes_on = true;
		i->is_over = true;
		instance_enter(c, i, INSTANCE_CLEANING, c->now);
		break;
	case BLAME_STOPPED: /* it was, and is not any more */
	case BLAME_BUSY:
		instance_enter(
			c, i, INSTANCE_BACKOFF, mono_add(c->now, BUSY_MS));
		break;
	case BLAME_RESOLVE:
	case BLAME_SERVICE:
		i->is_unresolved = in->blame == BLAME_RESOLVE &&
				   conflict_on_unresolved(c, i, in->text);
		instance_enter(
			c, i, INSTANCE_CLEANING, mono_add(c->now, LINGER_MS));
		break;
	}
}

/* The leader has ended in a stop: the rest has what is left of its time. */
static void
end_rest(struct core *c, struct instance *i)
{
	mono until = i->deadline;
	instance_send_stop(c, i, true);
	i->stop_until = until;
	instance_arm(c, i, until);
}

void
instance_conclude(struct core *c, struct instance *inst)
{
	inst->phase = PHASE_NONE;
	if (inst->state == INSTANCE_STOPPING)
		finish_stop(c, inst);
	else if (inst->state == INSTANCE_CLEANING)
		after_run(c, inst);
}

void
instance_on_exited(struct core *c, const struct input_proc *in)
{
	struct instance *i = find_current(c, in->name, in->epoch);
	if (!i)
		return;
	i->status = in->status;
	i->has_status = true;
	i->pid = 0;
	core_note(c, NOTE_EXITED, i->name, i->epoch,
		instance_status_text(c, in->status));
	if (handoff_on_exited(c, i))
		return;
	if (i->state == INSTANCE_STOPPING) {
		/* What its leader left behind gets the signal too. */
		if (i->phase == PHASE_NONE && !i->is_killed)
			end_rest(c, i);
		return;
	}
	i->has_ended_early = i->phase == PHASE_WAIT_READY;
	i->phase = PHASE_NONE;
	i->stop_until = MONO_NEVER;
	instance_enter(c, i, INSTANCE_CLEANING, mono_add(c->now, LINGER_MS));
}

void
instance_on_empty(struct core *c, const struct input_proc *in)
{
	struct instance *i = find_current(c, in->name, in->epoch);
	if (!i)
		return;
	bool is_ending = i->state == INSTANCE_STOPPING ||
			 (i->state == INSTANCE_CLEANING && !i->is_salvaging);
	if (is_ending && i->phase != PHASE_POST_STOP &&
		!instance_run_post_stop(c, i))
		instance_conclude(c, i);
}

void
instance_on_boot_cleaning(struct core *c, struct instance *inst)
{
	CHECK(inst->state == INSTANCE_CLEANING);
	bool is_empty = inst->stop_until.ms != MONO_NEVER.ms;
	inst->stop_until = MONO_NEVER;
	if (is_empty)
		inst->is_over = true;
	if (inst->has_start_failed)
		core_note(c, NOTE_START_FAILED, inst->name, inst->epoch,
			"while no skep-node ran");
	else
		core_note(c, NOTE_EXITED, inst->name, inst->epoch,
			instance_status_text(c, inst->status));
	instance_enter(c, inst, INSTANCE_CLEANING,
		is_empty ? c->now : mono_add(c->now, LINGER_MS));
}

void
instance_on_dumped(struct core *c, const struct input_dumped *in)
{
	struct instance *i = find_current(c, in->name, in->epoch);
	if (!i || i->state != INSTANCE_CLEANING || !i->is_salvaging)
		return;
	i->is_salvaging = false;
	if (in->is_ok) {
		struct staged s = {.size = in->size,
			.wall_ms = c->wall_ms,
			.kind = "dump"};
		memcpy(s.root, in->root, DIGEST_SIZE);
		if (!instance_is_staged(i, in->root))
			instance_drop_staged(c, i);
		instance_stage(c, i, &s);
		checkpoint_adopt(
			c, i, i->epoch, in->root, in->size, c->wall_ms);
		i->epoch_after = instance_store_owner(c, i);
	}
	after_run(c, i);
}

void
instance_on_put_aside(struct core *c, const struct input_proc *in)
{
	struct instance *i = find_current(c, in->name, in->epoch);
	struct service_value s;
	if (!c->is_booted || !i || i->state != INSTANCE_READY ||
		in->answer != ANSWER_RESUME || !instance_service(c, i, &s))
		return;
	i->is_found = true;
	instance_stop(c, i, &s.policy, STOP_RESTART,
		"it put its state aside for a move that is over");
}

/* The leader is gone and something is still there: the soft signal first,
 * then, when the patience is over, KILL. */
static void
on_lingering(struct core *c, struct instance *i)
{
	if (i->stop_until.ms == MONO_NEVER.ms) {
		instance_send_stop(c, i, true);
		return;
	}
	/* What never ran has nothing left: its EMPTY was lost.  Of what another
	 * node began something was left. */
	if (i->has_start_failed && !i->is_found) {
		after_run(c, i);
		return;
	}
	emit_kill(c, i);
	instance_arm(c, i, mono_add(c->now, KILL_AGAIN_MS));
}

/* The end of its back-off. */
static void
start_when_fit(
	struct core *c, struct instance *i, const struct service_value *service)
{
	int64_t ms = wait_ms(c, i, service);
	if (ms > 0) {
		instance_arm(c, i, mono_add(c->now, ms));
		return;
	}
	i->restarts++;
	instance_start(c, i, service);
}

static void
on_deadline(struct core *c, struct instance *i)
{
	struct service_value service;
	if (i->phase != PHASE_NONE) {
		instance_on_phase_timeout(c, i);
		return;
	}
	switch (i->state) {
	case INSTANCE_STOPPING:
		on_stop_timeout(c, i);
		return;
	case INSTANCE_CLEANING:
		if (i->is_over || i->is_salvaging) {
			i->is_over = i->is_salvaging = false;
			after_run(c, i);
		} else {
			on_lingering(c, i);
		}
		return;
	case INSTANCE_BACKOFF:
		instance_arm(c, i, MONO_NEVER);
		if (c->duty.is_ending || !instance_service(c, i, &service))
			return; /* duty stops it */
		/* Its state is being offered.  If nobody takes it, duty looks
		 * first whether another copy won meanwhile. */
		if (handoff_is_busy(c, i->name))
			instance_arm(c, i, mono_add(c->now, OFFERED_LOOK_MS));
		else
			start_when_fit(c, i, &service);
		return;
	case INSTANCE_IDLE:
		if (i->is_refused)
			rest_begin(c, i);
		instance_reset(c, i);
		instance_arm(c, i, MONO_NEVER);
		duty_mark(c, i->name);
		return;
	case INSTANCE_READY:
		instance_consume(c, i);
		return;
	case INSTANCE_STARTING:
	case INSTANCE_HANDOFF:
	case INSTANCE_EXITED:
	case INSTANCE_FAILED:
	case INSTANCE_STATE_COUNT:
		break;
	}
	UNREACHABLE();
}

void
instance_on_tick(struct core *c)
{
	struct instances *t = &c->instances;
	while (t->timer_count && mono_reached(t->timers[0]->deadline, c->now) &&
		effects_has_room(&c->fx, 64, SPEC_BODY_MAX + 4096)) {
		struct instance *i = t->timers[0];
		mono before = i->deadline;
		on_deadline(c, i);
		/* Every deadline ends or moves on; else this would spin. */
		CHECK(t->timer_count == 0 || t->timers[0] != i ||
			i->deadline.ms != before.ms ||
			i->state == INSTANCE_STARTING);
	}
}
