/* Those who keep checkpoints for another host, and who starts from one. */
#include <string.h>

#include "base/hash.h"
#include "core/checkpoint_private.h"

/* A host that could not give one is asked again after this; one that gives
 * nothing for so long cannot be reached, and is asked again still later. */
#define FAILED_MS  5000
#define SILENT_MS  30000
#define REACHED_MS 90000
/* A start that has to wait so long has its checkpoint verified again. */
#define PROVEN_MS 10000

/* --- Fetching --- */

/* One host's copy of one checkpoint. */
static uint64_t
copy_key(const struct core *c, member_id origin, const struct snapshot *s)
{
	uint64_t h = hash_bytes(s->root, DIGEST_SIZE, s->number);
	return hash_mix(h, hash_text(member_get(c, origin)->name, s->epoch));
}

static bool
has_failed(const struct core *c, const struct checkpoint *k, member_id origin,
	const struct snapshot *s)
{
	uint64_t key = copy_key(c, origin, s);
	for (uint32_t i = 0; i < k->failed_count; i++)
		if (k->failed[i] == key)
			return true;
	return false;
}

/* That copy is of no use for a while. */
static void
set_failed(struct core *c, struct checkpoint *k, member_id origin, int64_t ms)
{
	uint64_t key = copy_key(c, origin, &k->want);
	if (k->failed_count < CHECKPOINT_FAILED_MAX)
		k->failed[k->failed_count++] = key;
	else
		k->failed[key % CHECKPOINT_FAILED_MAX] = key;
	k->retry_at = mono_add(c->now, ms);
	checkpoint_arm(c, k->retry_at);
}

static bool
is_same(const struct snapshot *a, const struct snapshot *b)
{
	return snapshot_compare(a, b) == 0 &&
	       !memcmp(a->root, b->root, DIGEST_SIZE) && a->size == b->size;
}

/* Whether a word tells of that very checkpoint. */
static bool
has(const struct checkpoint_word *word, const struct snapshot *s)
{
	for (uint32_t i = 0; i < word->count; i++)
		if (is_same(&word->kept[i], s))
			return true;
	return false;
}

/* A present host that has it and has not failed: one that is linked before
 * others, the runner before others. */
static member_id
source_of(const struct core *c, const struct checkpoint *k,
	const struct snapshot *s)
{
	struct checkpoint_word word;
	member_id best = MEMBER_NONE;
	uint32_t best_worth = 0;
	const struct row *r =
		checkpoint_next_word(c, k->head.name, NULL, &word);
	for (; r; r = checkpoint_next_word(c, k->head.name, r, &word)) {
		uint32_t worth = 1 + word.is_runner +
				 2 * (member_get(c, r->origin)->link != 0);
		if (!has(&word, s) || has_failed(c, k, r->origin, s) ||
			worth <= best_worth)
			continue;
		best = r->origin;
		best_worth = worth;
	}
	return best;
}

/* Gives up what is on its way.  If it is wanted again before the disk has
 * written what the DROP waits for, it may come before that: then that is not
 * the one. */
static void
stop_fetch(struct core *c, struct checkpoint *k)
{
	const struct snapshot was = k->want;
	k->want.epoch = 0;
	k->is_proving = false;
	if (!was.epoch)
		return;
	k->dropped = c->store_seq;
	sealed_drop(c, k->head.name, was.root, handoff_after(c));
}

/* Whether what is on its way still comes from a host that has it. */
static bool
is_coming(const struct core *c, const struct checkpoint *k)
{
	struct checkpoint_word word;
	const struct row *r =
		checkpoint_next_word(c, k->head.name, NULL, &word);
	for (; k->want.epoch && r;
		r = checkpoint_next_word(c, k->head.name, r, &word))
		if (strcmp(member_get(c, r->origin)->name, k->from) == 0)
			return has(&word, &k->want);
	return false;
}

static void
emit_fetch(struct core *c, struct checkpoint *k, member_id from)
{
	bool has_source = from != MEMBER_NONE;
	struct effect *e = effects_add(&c->fx, EFFECT_FETCH);
	e->after = handoff_after(c);
	strcpy(k->from, has_source ? member_get(c, from)->name : "");
	e->fetch.name = effects_text(&c->fx, k->head.name);
	e->fetch.node = effects_text(&c->fx, k->from);
	e->fetch.address = effects_text(
		&c->fx, has_source ? member_get(c, from)->address : "");
	memcpy(e->fetch.root, k->want.root, DIGEST_SIZE);
	e->fetch.size = k->want.size;
	k->came = 0;
	k->want_until = mono_add(c->now, SILENT_MS);
	checkpoint_arm(c, k->want_until);
}

/* Wants it here.  What is on its way, of an older one, comes first: if each
 * newer one took its place, a slow way would never bring any. */
static void
fetch(struct core *c, struct checkpoint *k, const struct snapshot *s)
{
	if (!k->is_proving && is_coming(c, k))
		return;
	stop_fetch(c, k);
	for (uint32_t i = 0; i < k->word.count; i++)
		if (!memcmp(k->word.kept[i].root, s->root, DIGEST_SIZE)) {
			/* Nothing has changed since: it is here. */
			checkpoint_keep(c, k, s);
			return;
		}
	member_id from = source_of(c, k, s);
	if (from == MEMBER_NONE)
		return;
	k->want = *s;
	emit_fetch(c, k, from);
}

/* Has our own newest verified; what is damaged is fetched from a host that has
 * it as well, if there is one. */
static void
prove(struct core *c, struct checkpoint *k)
{
	if (k->is_proving && (!k->from[0] || is_coming(c, k)))
		return;
	stop_fetch(c, k);
	k->want = k->word.kept[0];
	k->is_proving = true;
	emit_fetch(c, k, source_of(c, k, &k->want));
}

/* What is kept here is damaged, and nobody had it whole. */
static void
on_damaged(struct core *c, struct checkpoint *k)
{
	core_note(c, NOTE_CHECKPOINT, k->head.name, k->word.kept[0].epoch,
		"the newest that is kept here is damaged, and counts no more");
	checkpoint_lose(c, k);
}

static void
on_progress(struct core *c, struct checkpoint *k, uint64_t bytes)
{
	if (bytes > k->came)
		k->want_until = mono_add(c->now, SILENT_MS);
	k->came = bytes;
}

/* Where it should come from cannot be reached. */
static void
on_silence(struct core *c, struct checkpoint *k)
{
	member_id from = k->from[0] ? member_find(c, k->from) : MEMBER_NONE;
	/* Our own disk may be slow; but if that copy is damaged, it is the host
	 * that ought to have another one. */
	if (from == MEMBER_NONE) {
		k->want_until = mono_add(c->now, SILENT_MS);
		return;
	}
	core_note(c, NOTE_CHECKPOINT, k->head.name, k->want.epoch,
		effects_format(&c->fx, "not fetched from %s: silent for %d s",
			effects_text(&c->fx, k->from),
			(int64_t)SILENT_MS / 1000));
	set_failed(c, k, from, REACHED_MS);
	stop_fetch(c, k);
	duty_mark(c, k->head.name);
}

void
checkpoint_on_fetched(struct core *c, const struct input_fetched *in)
{
	struct checkpoint *k = checkpoint_of(c, in->name);
	if (!k || !k->want.epoch || k->dropped > c->stored_seq ||
		memcmp(k->want.root, in->root, DIGEST_SIZE) != 0)
		return;
	if (!in->is_final) {
		on_progress(c, k, in->bytes);
		return;
	}
	const struct snapshot came = k->want;
	const bool was_proving = k->is_proving;
	member_id from = k->from[0] ? member_find(c, k->from) : MEMBER_NONE;
	if (!in->is_ok && from != MEMBER_NONE)
		set_failed(c, k, from, FAILED_MS);
	if (!in->is_ok && k->from[0])
		core_note(c, NOTE_CHECKPOINT, k->head.name, came.epoch,
			effects_format(&c->fx, "not fetched from %s: %s",
				effects_text(&c->fx, k->from),
				effects_text(&c->fx, in->text)));
	if (in->is_ok && k->from[0] && in->text && in->text[0])
		core_note(c, NOTE_CHECKPOINT, k->head.name, came.epoch,
			effects_format(&c->fx, "fetched from %s: %s",
				effects_text(&c->fx, k->from),
				effects_text(&c->fx, in->text)));
	k->want.epoch = 0;
	k->is_proving = false;
	if (was_proving && !in->is_ok)
		on_damaged(c, k);
	else if (in->is_ok && !was_proving && !checkpoint_keep(c, k, &came))
		sealed_drop(c, k->head.name, came.root, handoff_after(c));
	/* It was verified when it came, too. */
	k->is_proven =
		in->is_ok && k->word.count && is_same(&came, &k->word.kept[0]);
	k->proven_at = c->now;
	duty_mark(c, k->head.name);
}

void
checkpoint_hold_on_tick(struct core *c, struct checkpoint *k)
{
	if (k->want.epoch && mono_reached(k->want_until, c->now))
		on_silence(c, k);
	if (!mono_reached(k->retry_at, c->now))
		return;
	k->failed_count = 0;
	k->retry_at = MONO_NEVER;
	duty_mark(c, k->head.name);
}

/* --- Holding --- */

/* The word of the host that runs it: the one with the highest epoch. */
static const struct row *
find_runner(const struct core *c, const char *name, struct checkpoint_word *out)
{
	struct checkpoint_word word;
	const struct row *best = NULL;
	const struct row *r = checkpoint_next_word(c, name, NULL, &word);
	for (; r; r = checkpoint_next_word(c, name, r, &word)) {
		if (!word.is_runner ||
			(best && r->value.epoch <= best->value.epoch))
			continue;
		best = r;
		*out = word;
	}
	return best;
}

/* Whether enough of those who are named have as much as we do. */
static bool
is_superfluous(const struct core *c, const struct checkpoint *k,
	const struct checkpoint_word *runner)
{
	return k->word.count && runner->count &&
	       snapshot_compare(&runner->kept[0], &k->word.kept[0]) >= 0 &&
	       checkpoint_count(c, k->head.name, runner, &k->word.kept[0]) >=
		       runner->wanted;
}

void
checkpoint_hold(struct core *c, struct checkpoint *k, struct instance *inst)
{
	struct checkpoint_word runner;
	if (!find_runner(c, inst->name, &runner))
		return;
	k->is_proven = false; /* what is on a disk for long may rot */
	k->is_waiting = false;
	if (snapshot_compare(&runner.acked, &k->word.acked) > 0)
		k->word.acked = runner.acked;
	bool is_behind =
		runner.count &&
		(k->word.count == 0 || snapshot_compare(&runner.kept[0],
					       &k->word.kept[0]) > 0);
	/* The runner knows what counted. */
	k->has_lost = false;
	if (!checkpoint_names_host(&runner, c->config.node)) {
		stop_fetch(c, k);
		if (is_superfluous(c, k, &runner) ||
			(k->word.count == 0 && k->word.acked.epoch))
			checkpoint_drop_all(c, k);
	} else if (is_behind) {
		fetch(c, k, &runner.kept[0]);
	}
}

/* --- Starting --- */

/* The newest that this host or a present one has, and ('is_given') can give;
 * epoch 0: there is none. */
static void
find_best(const struct core *c, const char *name, bool is_given,
	struct snapshot *best)
{
	const struct checkpoint *k = checkpoint_find(c, name);
	struct checkpoint_word word;
	memset(best, 0, sizeof *best);
	if (k && k->word.count)
		*best = k->word.kept[0];
	const struct row *r = checkpoint_next_word(c, name, NULL, &word);
	for (; r; r = checkpoint_next_word(c, name, r, &word))
		for (uint32_t i = 0; i < word.count; i++) {
			const struct snapshot *s = &word.kept[i];
			bool is_bad =
				is_given && k && has_failed(c, k, r->origin, s);
			if (!is_bad && snapshot_compare(s, best) > 0)
				*best = *s;
		}
}

/* Whether a host that is away is still waited for. */
static bool
is_any_expected(const struct core *c)
{
	for (member_id id = 1; id < c->members.count; id++)
		if (!member_is_present(c, id) && member_is_expected(c, id))
			return true;
	return false;
}

/* A host that is away, is no stranger, and whose rows were never heard here
 * since we began, also not from others: it may have run it last; or
 * MEMBER_NONE. */
static member_id
unheard_host(const struct core *c)
{
	for (member_id id = 1; id < c->members.count; id++)
		if (!member_is_present(c, id) &&
			member_get(c, id)->state != MEMBER_LEFT &&
			!registry_walk(c, id, NULL))
			return id;
	return MEMBER_NONE;
}

/* Whether an operator said since it began to wait that it is to start with
 * what there is: by a restart.  A start is for another host too, on which it
 * came to rest, and says nothing of that.  The word holds for later starts
 * here, until something newer counted. */
static bool
is_told(struct core *c, const struct instance *i, const struct snapshot *acked)
{
	struct override_value o;
	struct checkpoint *k = checkpoint_of(c, i->name);
	instance_override(c, i, &o);
	if (!k)
		return false;
	if (k->is_waiting && o.anyway_generation > k->told) {
		k->is_passed = true;
		k->passed = *acked;
	}
	return k->is_passed && snapshot_compare(acked, &k->passed) <= 0;
}

/* It begins to wait, or goes on to. */
static const char *
wait(struct core *c, const struct instance *i, const char *why)
{
	struct override_value o;
	struct checkpoint *k = checkpoint_make(c, i->name);
	instance_override(c, i, &o);
	if (k && !k->is_waiting) {
		k->is_waiting = true;
		k->told = o.anyway_generation;
	}
	return why;
}

/* What a start without 'acked' waits for, or NULL. */
static const char *
wait_for_acked(struct core *c, const struct instance *i,
	const struct policy_checkpoint *p, const struct snapshot *best,
	const struct snapshot *acked)
{
	bool is_less = snapshot_compare(best, acked) < 0;
	if (is_less && is_any_expected(c))
		return "waits for hosts that may have its last checkpoint";
	if (p->takeover != TAKEOVER_WAIT || is_told(c, i, acked))
		return NULL;
	if (is_less)
		return "its last checkpoint that counts is on no host that is "
		       "here (takeover: wait); start a host that has it, or "
		       "'skepctl restart' it to go on with less";
	member_id id = unheard_host(c);
	if (id == MEMBER_NONE)
		return NULL;
	const char *node = effects_text(&c->fx, member_get(c, id)->name);
	return effects_format(&c->fx,
		"%s may have run it last, and what it said of its checkpoints "
		"is not known here (takeover: wait); start that host, or "
		"'skepctl restart' it to go on with less",
		node);
}

/* Says that what counted is lost. */
static void
tell_loss(struct core *c, struct checkpoint *k, const struct snapshot *best,
	const struct snapshot *acked)
{
	if (k->is_loss_told)
		return;
	k->is_loss_told = true;
	core_note(c, NOTE_CHECKPOINT, k->head.name, acked->epoch,
		best->epoch ? effects_format(&c->fx,
				      "it starts from an older checkpoint: one "
				      "that is newer by %d s counted, and is "
				      "on no host that is here",
				      (acked->wall_ms - best->wall_ms) / 1000)
			    : "it starts without a checkpoint: one counted, "
			      "and is on no host that is here");
}

bool
checkpoint_is_out_of_reach(struct core *c, struct instance *inst,
	const struct service_value *service)
{
	const struct checkpoint *k = checkpoint_find(c, inst->name);
	member_id *ranks = c->duty.ranks;
	struct snapshot best, given;
	if (!service->policy.checkpoint.is_present || !k || inst->staged ||
		k->failed_count == 0 || instance_is_held(inst))
		return false;
	find_best(c, inst->name, false, &best);
	find_best(c, inst->name, true, &given);
	if (snapshot_compare(&given, &best) >= 0)
		return false;
	uint32_t count = place_rank(
		c, inst->name, service, ranks, c->limits.members_max);
	return count > 1 || (count == 1 && ranks[0] != MEMBER_SELF);
}

/* Whether what stands at its state_path here is newer than any checkpoint: it
 * ran here last. */
static bool
finds_its_own(const struct core *c, const struct instance *i,
	const struct service_value *s)
{
	return s->policy.handoff.has_state_path && !i->is_stranger &&
	       instance_ran_elsewhere(c, i) <= i->epoch_ran;
}

const char *
checkpoint_missing(struct core *c, struct instance *inst,
	const struct service_value *service)
{
	const struct policy_checkpoint *p = &service->policy.checkpoint;
	struct snapshot best, acked;
	if (!p->is_present || inst->staged || finds_its_own(c, inst, service))
		return NULL;
	find_best(c, inst->name, true, &best);
	checkpoint_acked(c, inst->name, &acked);
	const char *why = wait_for_acked(c, inst, p, &best, &acked);
	if (why)
		return wait(c, inst, why);
	if (best.epoch == 0 && acked.epoch == 0)
		return NULL;
	struct checkpoint *k = checkpoint_make(c, inst->name);
	if (!k)
		return "there is no room for its checkpoint: raise names_max";
	bool is_here = best.epoch == 0 ||
		       (k->word.count &&
			       snapshot_compare(&best, &k->word.kept[0]) <= 0);
	if (!is_here) {
		fetch(c, k, &best);
		if (k->word.count == 0 ||
			snapshot_compare(&best, &k->word.kept[0]) > 0)
			return effects_format(&c->fx,
				"fetches its last checkpoint from %s",
				effects_text(&c->fx, k->from));
	}
	if (snapshot_compare(&best, &acked) < 0)
		tell_loss(c, k, &best, &acked);
	return NULL;
}

/* Whether others have a newer one than it would begin with here.  Of a run
 * after the last one here: that one went on while this one only tried to begin.
 * Of an earlier run, which was not known here when the last one began: that one
 * left nothing, so what it had done is lost either way. */
static bool
is_behind(const struct core *c, const struct instance *i)
{
	struct snapshot best;
	const struct checkpoint *k = checkpoint_find(c, i->name);
	find_best(c, i->name, true, &best);
	return best.epoch &&
	       (!k || k->word.count == 0 ||
		       snapshot_compare(&best, &k->word.kept[0]) > 0);
}

/* Whether its last run here left none: what it began with may be less than
 * what counted elsewhere, and who waits for that asks all. */
static bool
has_left_none(const struct checkpoint *k, const struct instance *i,
	const struct policy_checkpoint *p)
{
	return p->takeover == TAKEOVER_WAIT &&
	       (!k || k->word.count == 0 ||
		       k->word.kept[0].epoch < i->epoch_ran);
}

const char *
checkpoint_unfit(struct core *c, struct instance *inst,
	const struct service_value *service)
{
	struct checkpoint *k = checkpoint_of(c, inst->name);
	if (!service->policy.checkpoint.is_present || inst->staged)
		return NULL;
	if (k && k->phase == CHECKPOINT_SEALING)
		return "its last checkpoint is being sealed";
	bool is_open = is_behind(c, inst) || (k && k->has_lost) ||
		       has_left_none(k, inst, &service->policy.checkpoint);
	const char *why = is_open ? checkpoint_missing(c, inst, service) : NULL;
	k = checkpoint_of(c, inst->name);
	bool is_proven = k && k->is_proven &&
			 mono_diff(c->now, k->proven_at) < PROVEN_MS;
	if (why || is_proven || !checkpoint_to_start(c, inst, service))
		return why;
	prove(c, k);
	return "its last checkpoint is being verified";
}

const struct snapshot *
checkpoint_to_start(struct core *c, const struct instance *inst,
	const struct service_value *service)
{
	const struct checkpoint *k = checkpoint_find(c, inst->name);
	if (!k || k->word.count == 0 ||
		!service->policy.checkpoint.is_present ||
		finds_its_own(c, inst, service))
		return NULL;
	return &k->word.kept[0];
}
