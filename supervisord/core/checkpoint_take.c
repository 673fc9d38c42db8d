/* The host that runs it: asks for checkpoints, seals them, names who is to
 * keep them, and knows when all of these do. */
#include <string.h>

#include "core/checkpoint_private.h"

/* Sealing one on our own disk. */
#define SEAL_MS 3600000
/* A command is waited for that much longer than it may take. */
#define ANSWER_MS 2000
/* What the others may take to fetch one: this, and a second for each of these
 * bytes; then the next one takes its place. */
#define SPREAD_MS    60000
#define SPREAD_BYTES 1048576
/* It cannot be asked at present: another look. */
#define BUSY_MS 1000
/* Not acknowledged for so many times 'every', and this: too old. */
#define LATE_TIMES 3
#define LATE_MS	   10000

int64_t
checkpoint_late_ms(const struct policy_checkpoint *policy)
{
	return LATE_TIMES * policy->every_ms + LATE_MS;
}

static bool
asks(const struct policy_checkpoint *p)
{
	return p->has_command || p->signal;
}

/* Whether the last one is still on its way to those who are to keep it.  Where
 * there are too few of them it never counts, and the next one is as good. */
static bool
is_spreading(const struct core *c, const struct checkpoint *k)
{
	const struct checkpoint_word *w = &k->word;
	return w->count && w->kept[0].epoch == k->epoch &&
	       snapshot_compare(&w->kept[0], &w->acked) > 0 &&
	       checkpoint_count(c, k->head.name, w, &w->kept[0]) <
		       w->holder_count;
}

mono
checkpoint_due(const struct core *c, const struct checkpoint *k)
{
	mono at = k->failed_count || k->is_ending ? k->retry_at : MONO_NEVER;
	if (k->want.epoch)
		at = mono_min(at, k->want_until);
	if (!k->word.is_runner)
		return k->phase == CHECKPOINT_IDLE
			       ? at
			       : mono_min(at, k->phase_until);
	if (k->phase != CHECKPOINT_IDLE)
		return mono_min(at, k->phase_until);
	at = mono_min(at, k->late_at);
	if (is_spreading(c, k) && mono_diff(k->spread_until, k->next_at) > 0)
		return mono_min(at, k->spread_until);
	return mono_min(at, k->next_at);
}

/* --- One checkpoint --- */

static void
note(struct core *c, const struct checkpoint *k, const char *text)
{
	core_note(c, NOTE_CHECKPOINT, k->head.name, k->epoch, text);
}

/* It came to nothing; the next one is asked for in its turn. */
static void
give_up(struct core *c, struct checkpoint *k, const char *why)
{
	note(c, k, effects_format(&c->fx, "none was taken: %s", why));
	checkpoint_rest(k);
}

static void
seal(struct core *c, struct checkpoint *k, const struct policy_checkpoint *p)
{
	k->is_announced = false;
	k->phase = CHECKPOINT_SEALING;
	k->phase_until = mono_add(c->now, SEAL_MS);
	struct effect *e = effects_add(&c->fx, EFFECT_DUMP);
	/* A disk that stalls is not given more to do. */
	e->after = handoff_after(c);
	e->dump.name = effects_text(&c->fx, k->head.name);
	e->dump.epoch = k->epoch;
	e->dump.size_max = p->max_size;
	e->dump.is_checkpoint = true;
	checkpoint_arm(c, k->phase_until);
}

static void
ask(struct core *c, struct checkpoint *k, const struct policy_checkpoint *p)
{
	struct effect *e;
	int64_t patience_ms = p->timeout_ms;
	k->next_at = mono_add(c->now, p->every_ms);
	if (k->is_announced && !asks(p)) {
		seal(c, k, p);
		return;
	}
	k->is_announced = false; /* an old one, which was sealed */
	if (!asks(p)) {
		k->next_at = MONO_NEVER; /* it will say when there is one */
		return;
	}
	if (p->has_command) {
		e = effects_add(&c->fx, EFFECT_RUN);
		e->run.name = effects_text(&c->fx, k->head.name);
		e->run.epoch = k->epoch;
		e->run.hook = HOOK_CHECKPOINT;
		e->run.timeout_ms = p->timeout_ms;
		patience_ms += ANSWER_MS;
	} else {
		e = effects_add(&c->fx, EFFECT_SIGNAL);
		e->signal.name = effects_text(&c->fx, k->head.name);
		e->signal.epoch = k->epoch;
		e->signal.signal = p->signal;
		e->signal.is_checkpoint = true;
	}
	k->phase = CHECKPOINT_ASKED;
	k->phase_until = mono_add(c->now, patience_ms);
	checkpoint_arm(c, k->phase_until);
}

/* Whether one may be asked for, or taken, now. */
static bool
can_take(const struct core *c, const struct checkpoint *k,
	const struct instance *i)
{
	return i->state == INSTANCE_READY && !c->duty.is_ending &&
	       !handoff_is_busy(c, k->head.name) && !k->is_refused;
}

/* --- News --- */

/* The run that an input is about, if it is the one here and has checkpoints. */
static struct checkpoint *
current(struct core *c, const char *name, uint64_t epoch,
	struct service_value *service)
{
	struct checkpoint *k = checkpoint_of(c, name);
	const struct instance *i = instance_find(c, name);
	bool is_it = k && i && k->epoch == epoch && i->epoch == epoch &&
		     instance_service(c, i, service) &&
		     service->policy.checkpoint.is_present;
	return is_it ? k : NULL;
}

/* A file stands there: it is taken now if it was asked for, or if the run is
 * about to end; else in its turn. */
static void
on_announced(struct core *c, struct checkpoint *k, const struct instance *i,
	const struct policy_checkpoint *p)
{
	bool is_last =
		i->state == INSTANCE_STOPPING || i->state == INSTANCE_CLEANING;
	k->is_announced = true;
	if (k->next_at.ms == MONO_NEVER.ms)
		k->next_at = c->now;
	if (k->phase == CHECKPOINT_ASKED ||
		(is_last && k->phase == CHECKPOINT_IDLE))
		seal(c, k, p);
	checkpoint_arm(c, checkpoint_due(c, k));
}

void
checkpoint_on_answered(struct core *c, const struct input_proc *in)
{
	struct service_value s;
	struct checkpoint *k = current(c, in->name, in->epoch, &s);
	if (!k)
		return;
	if (in->answer == ANSWER_CHECKPOINT) {
		on_announced(
			c, k, instance_find(c, in->name), &s.policy.checkpoint);
	} else if (k->phase == CHECKPOINT_ASKED) {
		k->is_refused = true;
		k->next_at = MONO_NEVER;
		give_up(c, k,
			"checkpoint.signal would kill it, and is not sent to "
			"this run again");
	}
}

void
checkpoint_on_ran(struct core *c, const struct input_ran *in)
{
	struct service_value s;
	struct checkpoint *k = current(c, in->name, in->epoch, &s);
	if (!k || k->phase != CHECKPOINT_ASKED)
		return;
	if (in->is_ok)
		seal(c, k, &s.policy.checkpoint);
	else
		give_up(c, k,
			effects_format(&c->fx, "%s: %s",
				hook_name(HOOK_CHECKPOINT),
				effects_text(&c->fx, in->text)));
}

/* The number of the next one of the run. */
static uint64_t
next_number(const struct checkpoint *k)
{
	const struct snapshot *last = &k->word.kept[0];
	if (k->word.count == 0 || last->epoch != k->epoch)
		return 1;
	return last->number == CHECKPOINT_LAST ? last->number
					       : last->number + 1;
}

/* What it began with is older from now on. */
static void
outdate_start(struct core *c, const struct checkpoint *k)
{
	struct instance *i = instance_find(c, k->head.name);
	if (i && i->epoch == k->epoch && i->state == INSTANCE_READY)
		instance_drop_staged(c, i);
}

static void
take(struct core *c, struct checkpoint *k, const struct input_dumped *in)
{
	int64_t spread_ms =
		SPREAD_MS + (int64_t)(in->size / SPREAD_BYTES) * 1000;
	struct snapshot s = {.epoch = in->epoch,
		.number = next_number(k),
		.size = in->size,
		.wall_ms = c->wall_ms};
	memcpy(s.root, in->root, DIGEST_SIZE);
	if (!checkpoint_keep(c, k, &s)) {
		sealed_drop(c, k->head.name, in->root, handoff_after(c));
		return;
	}
	k->spread_until = mono_add(c->now, spread_ms);
	outdate_start(c, k);
}

/* Nobody waits for it any more; but what is being sealed for a move may be the
 * same. */
static void
let_go(struct core *c, const struct input_dumped *in)
{
	sealed_drop(c, in->name, in->root, handoff_after(c));
	duty_mark(c, in->name);
}

void
checkpoint_on_dumped(struct core *c, const struct input_dumped *in)
{
	struct checkpoint *k = checkpoint_of(c, in->name);
	bool is_awaited =
		k && k->phase == CHECKPOINT_SEALING && k->epoch == in->epoch;
	if (!is_awaited) {
		if (in->is_ok)
			let_go(c, in);
		return;
	}
	checkpoint_rest(k);
	if (in->is_ok)
		take(c, k, in);
	else
		give_up(c, k, effects_text(&c->fx, in->text));
	checkpoint_arm(c, checkpoint_due(c, k));
	duty_mark(c, k->head.name);
}

/* --- The run --- */

/* Another run than the last time: nothing of it was taken yet. */
static void
begin_run(struct core *c, struct checkpoint *k, const struct instance *i,
	const struct policy_checkpoint *p)
{
	const struct snapshot *acked = &k->word.acked;
	int64_t age_ms = c->wall_ms - acked->wall_ms;
	bool is_its = acked->epoch == i->epoch && age_ms > 0;
	k->epoch = i->epoch;
	checkpoint_rest(k);
	k->is_announced = k->is_refused = k->is_late = k->is_loss_told = false;
	k->is_proven = k->is_waiting = false;
	k->next_at = mono_add(c->now, p->every_ms);
	k->late_at =
		mono_add(c->now, checkpoint_late_ms(p) - (is_its ? age_ms : 0));
}

/* Names the first ranks but ourselves. */
static void
name_holders(struct core *c, struct checkpoint *k, const struct instance *i,
	const struct service_value *s)
{
	struct checkpoint_word *w = &k->word;
	const struct checkpoint_word was = *w;
	member_id *ranks = c->duty.ranks;
	uint32_t count =
		place_rank(c, i->name, s, ranks, c->limits.members_max);
	w->is_runner = true;
	w->wanted = (uint8_t)s->policy.checkpoint.replicas;
	w->holder_count = 0;
	memset(w->holders, 0, sizeof w->holders);
	for (uint32_t n = 0; n < count && w->holder_count < w->wanted; n++)
		if (ranks[n] != MEMBER_SELF)
			strcpy(w->holders[w->holder_count++],
				member_get(c, ranks[n])->name);
	k->is_changed |= !was.is_runner || was.wanted != w->wanted ||
			 was.holder_count != w->holder_count ||
			 memcmp(was.holders, w->holders, sizeof w->holders);
}

/* Looks whether all that are to keep it have the newest, or the one before. */
static void
look_for_acks(
	struct core *c, struct checkpoint *k, const struct policy_checkpoint *p)
{
	struct checkpoint_word *w = &k->word;
	for (uint32_t n = 0; n < w->count; n++) {
		const struct snapshot *s = &w->kept[n];
		if (snapshot_compare(s, &w->acked) <= 0)
			return;
		if (checkpoint_count(c, k->head.name, w, s) < w->wanted)
			continue;
		w->acked = *s;
		checkpoint_record(c, k);
		k->late_at = mono_add(c->now, checkpoint_late_ms(p));
		k->is_changed = true;
		if (k->is_late)
			note(c, k, "one counts again: all have it that should");
		k->is_late = false;
		return;
	}
}

void
checkpoint_run(struct core *c, struct checkpoint *k, struct instance *inst,
	const struct service_value *service)
{
	const struct policy_checkpoint *p = &service->policy.checkpoint;
	bool is_other = k->epoch != inst->epoch || !k->word.is_runner;
	if (is_other && k->phase != CHECKPOINT_SEALING)
		begin_run(c, k, inst, p);
	name_holders(c, k, inst, service);
	look_for_acks(c, k, p);
	checkpoint_arm(c, checkpoint_due(c, k));
}

static void
say_late(
	struct core *c, struct checkpoint *k, const struct policy_checkpoint *p)
{
	const struct checkpoint_word *w = &k->word;
	uint32_t have =
		w->count ? checkpoint_count(c, k->head.name, w, &w->kept[0])
			 : 0;
	k->is_late = true;
	k->late_at = MONO_NEVER;
	note(c, k,
		effects_format(&c->fx,
			"none has counted for %d s: the newest is on %u of %u "
			"other hosts",
			checkpoint_late_ms(p) / 1000, (uint64_t)have,
			(uint64_t)w->wanted));
}

void
checkpoint_run_on_tick(struct core *c, struct checkpoint *k,
	struct instance *inst, const struct service_value *service)
{
	const struct policy_checkpoint *p = &service->policy.checkpoint;
	if (k->phase != CHECKPOINT_IDLE) {
		if (mono_reached(k->phase_until, c->now))
			give_up(c, k,
				k->phase == CHECKPOINT_ASKED
					? "it was not written in time"
					: "it was not sealed in time");
		return;
	}
	if (mono_reached(k->late_at, c->now)) {
		if (inst->state == INSTANCE_READY)
			say_late(c, k, p);
		else
			k->late_at = mono_add(c->now, BUSY_MS);
	}
	if (!mono_reached(k->next_at, c->now) ||
		(is_spreading(c, k) && !mono_reached(k->spread_until, c->now)))
		return;
	if (can_take(c, k, inst))
		ask(c, k, p);
	else
		k->next_at = mono_add(c->now, BUSY_MS);
}
