#include "core/rebalance.h"

#include <string.h>

#include "base/hash.h"
#include "core/core_private.h"
#include "core/text.h"

void
rebalance_init(struct core *c)
{
	struct rebalance *r = &c->rebalance;
	memset(r, 0, sizeof *r);
	r->join_until = r->gated_since = MONO_NEVER;
	r->look_at = r->turn_at = r->pass_until = MONO_NEVER;
}

const char *
rebalance_verdict_text(enum rebalance_verdict verdict)
{
	static const char *const texts[] = {
#define X(value, text) [value] = text,
		REBALANCE_VERDICTS(X)
#undef X
	};
	CHECK(verdict < REBALANCE_VERDICT_COUNT);
	return texts[verdict];
}

/* Whether a pass is under way here. */
static bool
is_pass_on(const struct core *c)
{
	const struct rebalance *r = &c->rebalance;
	return r->pass_done < r->pass;
}

/* Whether anything is to be looked at. */
static bool
is_on(const struct core *c)
{
	return c->settings.rebalance == REBALANCE_AUTO || is_pass_on(c);
}

/* --- What may go --- */

/* What only the host that holds it knows. */
static enum rebalance_verdict
look_at_own(const struct core *c, const struct instance *i,
	const struct service_value *s, member_id to)
{
	if (handoff_is_busy(c, i->name))
		return REBALANCE_MOVING;
	if (i->state != INSTANCE_READY || i->run_digest != s->run_digest)
		return REBALANCE_NOT_READY;
	const struct member *m = member_get(c, to);
	if (!m->link || m->state != MEMBER_ALIVE)
		return REBALANCE_TARGET_HOLDS;
	if (i->is_left_alone)
		return REBALANCE_ASKED;
	if (!mono_reached(i->move_again_at, c->now))
		return REBALANCE_AGAIN;
	return REBALANCE_GOES;
}

/* Whether what a host has is to stay there although others rank higher. */
static bool
does_hold(struct core *c, const struct instance *i,
	const struct service_value *s, member_id host)
{
	enum place_verdict v = place_verdict(c, i->name, s, host);
	return v == PLACE_CORDONED || v == PLACE_DRAINING ||
	       v == PLACE_STALLED || v == PLACE_NOT_ALIVE;
}

enum rebalance_verdict
rebalance_look(struct core *c, struct instance *inst,
	const struct service_value *service, member_id *from, member_id *to)
{
	uint32_t copies;
	struct override_value o;
	instance_override(c, inst, &o);
	*from = duty_holder(c, inst->name, &copies);
	*to = MEMBER_NONE;
	if (*from == MEMBER_NONE || !service->policy.is_enabled || o.is_stopped)
		return REBALANCE_NOT_HELD;
	*to = duty_host(c, inst, service);
	if (*to == *from || *to == MEMBER_NONE)
		return REBALANCE_BELONGS;
	const struct row *row =
		registry_find(c, ROW_INSTANCE, inst->name, *from);
	CHECK(row);
	if (service->policy.placement.is_sticky)
		return REBALANCE_STICKY;
	if (service->policy.type == TYPE_ONESHOT)
		return REBALANCE_ONESHOT;
	if (copies > 1 && row->value.state != ROW_HANDOFF)
		return REBALANCE_NOT_READY;
	if (row->value.state != ROW_READY)
		return row->value.state == ROW_HANDOFF ? REBALANCE_MOVING
						       : REBALANCE_NOT_READY;
	if (o.move_to[0] && o.move_generation > row_run(row)->seen_move)
		return REBALANCE_OPERATOR;
	if (does_hold(c, inst, service, *from))
		return REBALANCE_HOST_HOLDS;
	if (!member_is_usable(c, *to))
		return REBALANCE_TARGET_HOLDS;
	return *from == MEMBER_SELF ? look_at_own(c, inst, service, *to)
				    : REBALANCE_GOES;
}

/* For how long it stays after it left us so many times by rebalancing. */
static int64_t
back_off_ms(const struct core *c, const struct instance *i)
{
	return i->departures ? c->settings.rebalance_hold_ms << i->departures
			     : 0;
}

/* The first time from then on at which the window is open. */
static mono
when_open(const struct core *c, mono at)
{
	mono from = at.ms < c->now.ms ? c->now : at;
	int64_t wait_ms = hours_wait_ms(c->settings.rebalance_window,
		c->wall_ms + mono_diff(from, c->now));
	return wait_ms > 0 ? mono_add(from, wait_ms) : at;
}

mono
rebalance_due_at(const struct core *c, const struct instance *inst)
{
	int64_t hold_ms = c->settings.rebalance_hold_ms;
	mono since = c->rebalance.stable_since;
	if (since.ms < inst->ready_since.ms)
		since = inst->ready_since;
	mono at = mono_add(since, hold_ms);
	mono rested = mono_add(inst->departed_at, back_off_ms(c, inst));
	return when_open(c, at.ms < rested.ms ? rested : at);
}

/* --- Whose turn it is --- */

/* What others say: how many they move, and whether one goes before us. */
static bool
is_others_turn(const struct core *c, uint32_t *moving)
{
	bool is_theirs = false;
	for (member_id id = 1; id < c->members.count; id++) {
		struct node_facts f;
		const struct member *m = member_get(c, id);
		if (!m->link || m->state != MEMBER_ALIVE ||
			member_is_stalled(c, id))
			continue; /* its word may be old for ever */
		facts_get(c, id, &f);
		*moving += f.rebalance_moving;
		is_theirs |=
			f.rebalance_left && strcmp(m->name, c->config.node) < 0;
	}
	return is_theirs;
}

/* How many may begin now. */
static uint32_t
free_places(const struct core *c)
{
	const struct rebalance *r = &c->rebalance;
	uint32_t moving = r->moving;
	bool is_theirs = is_others_turn(c, &moving);
	uint32_t max = c->settings.rebalance_max;
	if (is_theirs || !mono_reached(r->turn_at, c->now) || moving >= max)
		return 0;
	return max - moving;
}

/* --- Moves --- */

/* Begins a move; false when it cannot begin now. */
static bool
begin(struct core *c, struct instance *i, const struct service_value *s,
	member_id to)
{
	static const char why[] = "rebalanced: it belongs to another host";
	struct rebalance *r = &c->rebalance;
	const struct spec_policy *policy = &s->policy;
	CHECK(r->moving < REBALANCE_MOVES_MAX);
	if (!policy->handoff.is_present)
		instance_stop(c, i, policy, STOP_LEAVE, why);
	else if (!handoff_begin(c, i, to, MONO_NEVER, why))
		return false;
	if (mono_diff(c->now, i->departed_at) > REBALANCE_FORGET_MS)
		i->departures = 0;
	i->departed_at = c->now;
	i->rebalance_pass = r->pass;
	if (i->departures < REBALANCE_DOUBLINGS_MAX)
		i->departures++;
	struct rebalance_move *m = &r->moves[r->moving++];
	strcpy(m->name, i->name);
	strcpy(m->to, member_get(c, to)->name);
	m->until = mono_add(c->now, REBALANCE_MOVE_MS);
	return true;
}

/* Whether it has left our hands: nothing of its move is to be done here. */
static bool
is_given(const struct core *c, const struct instance *i)
{
	return !handoff_is_busy(c, i->name) &&
	       !(i->state == INSTANCE_STOPPING && i->purpose == STOP_LEAVE);
}

/* Whether a move is over, well or not. */
static bool
is_over(struct core *c, const struct rebalance_move *m)
{
	struct override_value o;
	struct instance *i = instance_find(c, m->name);
	if (!i || !i->is_declared)
		return true;
	instance_override(c, i, &o);
	if (mono_reached(m->until, c->now) || o.is_stopped)
		return true;
	if (!is_given(c, i))
		return false;
	member_id holder = duty_holder(c, m->name, NULL);
	if (holder == MEMBER_NONE || holder == MEMBER_SELF)
		return holder == MEMBER_SELF;
	const struct row *row = registry_find(c, ROW_INSTANCE, m->name, holder);
	CHECK(row);
	enum row_state state = row->value.state;
	if (state == ROW_READY) {
		i->rebalanced_epoch = row->value.epoch;
		core_note(c, NOTE_MOVED, m->name, row->value.epoch,
			effects_format(&c->fx, "rebalanced, %s -> %s",
				c->config.node, member_get(c, holder)->name));
	}
	return state != ROW_STARTING && state != ROW_STOPPING &&
	       state != ROW_HANDOFF;
}

/* Takes what is over from the table. */
static void
end_moves(struct core *c)
{
	struct rebalance *r = &c->rebalance;
	for (uint32_t n = r->moving; n-- > 0;) {
		if (!effects_has_room(&c->fx, 8, NOTE_TEXT_MAX))
			return;
		if (!is_over(c, &r->moves[n]))
			continue;
		r->moves[n] = r->moves[--r->moving];
		r->is_dirty = true;
	}
}

/* Whether one of them must be looked at, news or none. */
static mono
moves_until(const struct core *c)
{
	const struct rebalance *r = &c->rebalance;
	mono at = MONO_NEVER;
	for (uint32_t n = 0; n < r->moving; n++)
		at = mono_min(at, r->moves[n].until);
	return at;
}

/* --- Looks --- */

/* When an instance that belongs elsewhere may go. */
static mono
due_at(const struct core *c, const struct instance *i)
{
	if (is_pass_on(c) && i->rebalance_pass != c->rebalance.pass)
		return c->now;
	return c->settings.rebalance == REBALANCE_AUTO ? rebalance_due_at(c, i)
						       : MONO_NEVER;
}

/* One instance that is ready here; '*places' are free. */
static void
look_at(struct core *c, struct instance *i, uint32_t *places)
{
	struct rebalance *r = &c->rebalance;
	struct service_value s;
	member_id from, to;
	mono due = due_at(c, i);
	if (due.ms == MONO_NEVER.ms || !instance_service(c, i, &s) ||
		rebalance_look(c, i, &s, &from, &to) != REBALANCE_GOES)
		return;
	if (!mono_reached(due, c->now))
		r->look_at = mono_min(r->look_at, due);
	else if (*places > 0 && effects_has_room(&c->fx, 64, FRAME_MAX) &&
		 begin(c, i, &s, to))
		--*places;
	else
		r->left++;
}

/* What is left waits for its turn; what has none gives it up. */
static void
take_turn(struct core *c, uint32_t had)
{
	struct rebalance *r = &c->rebalance;
	if (r->left == 0)
		r->turn_at = MONO_NEVER;
	else if (r->turn_at.ms == MONO_NEVER.ms)
		r->turn_at = mono_add(c->now, REBALANCE_TURN_MS);
	if (r->left > 0 && had == 0 && r->moving == 0)
		core_note(c, NOTE_NODE_STATE, c->config.node, 0,
			effects_format(&c->fx,
				"rebalancing: %u instances belong to other "
				"hosts",
				(uint64_t)r->left));
}

/* Looks at all that is held here. */
static void
look(struct core *c)
{
	struct rebalance *r = &c->rebalance;
	uint32_t had = r->left, places = free_places(c);
	r->is_dirty = false;
	r->look_at = MONO_NEVER;
	r->left = 0;
	list_each (l, &c->instances.all) {
		struct instance *i = container_of(l, struct instance, in_all);
		if (i->state == INSTANCE_READY)
			look_at(c, i, &places);
	}
	take_turn(c, had);
	r->paced_until = mono_add(
		c->now, REBALANCE_LOOK_MS + (int64_t)c->instances.count /
						    REBALANCE_LOOK_PER_MS);
	if (r->left > 0)
		r->look_at = r->paced_until;
}

/* Nothing of this pass is left to do here. */
static void
end_pass(struct core *c)
{
	c->rebalance.pass_done = c->rebalance.pass;
	c->rebalance.pass_until = MONO_NEVER;
}

/* A pass may have been asked for. */
static void
hear_of_pass(struct core *c)
{
	struct rebalance *r = &c->rebalance;
	if (c->settings.rebalance_pass == r->pass)
		return;
	r->pass = c->settings.rebalance_pass;
	r->pass_until = mono_add(c->now, REBALANCE_PASS_MS);
	r->is_dirty = true;
	if (!mono_reached(r->join_until, c->now))
		end_pass(c);
}

/* Nothing moves from here at present. */
static void
rest(struct core *c)
{
	struct rebalance *r = &c->rebalance;
	r->left = 0;
	r->is_dirty = false;
	r->turn_at = r->look_at = MONO_NEVER;
	end_pass(c);
}

/* Looks again if it is time, and nothing stands against it. */
static void
look_if_due(struct core *c)
{
	struct rebalance *r = &c->rebalance;
	const char *why;
	bool is_due = r->is_dirty || mono_reached(r->look_at, c->now);
	if (!is_due || !mono_reached(r->paced_until, c->now))
		return;
	if (!duty_is_gated(c, &why)) {
		r->gated_since = MONO_NEVER;
		look(c);
		if (r->left == 0 && r->moving == 0)
			end_pass(c);
		return;
	}
	r->gated_since = mono_min(r->gated_since, c->now);
	if (mono_diff(c->now, r->gated_since) >= REBALANCE_GATED_MS) {
		r->left = 0; /* others need not wait for us */
		r->turn_at = MONO_NEVER;
	}
	r->is_dirty = false;
	r->paced_until = mono_add(c->now, REBALANCE_LOOK_MS);
	r->look_at = r->paced_until;
}

void
rebalance_run(struct core *c)
{
	struct rebalance *r = &c->rebalance;
	uint32_t left = r->left, moving = r->moving;
	uint64_t done = r->pass_done;
	hear_of_pass(c);
	if (r->moving && (r->is_dirty || mono_reached(moves_until(c), c->now)))
		end_moves(c);
	if (mono_reached(r->pass_until, c->now))
		end_pass(c);
	if (!is_on(c) || drain_is_on(c) || c->duty.is_ending)
		rest(c);
	else
		look_if_due(c);
	if (left != r->left || moving != r->moving || done != r->pass_done)
		facts_publish(c);
}

mono
rebalance_deadline(const struct core *c)
{
	const struct rebalance *r = &c->rebalance;
	mono at = mono_min(moves_until(c), r->pass_until);
	if (!is_on(c) || drain_is_on(c) || c->duty.is_ending)
		return at;
	mono look = r->is_dirty ? r->paced_until : r->look_at;
	if (look.ms < r->paced_until.ms)
		look = r->paced_until;
	return mono_min(at, look);
}

/* --- Inputs --- */

void
rebalance_on_boot(struct core *c)
{
	struct rebalance *r = &c->rebalance;
	r->pass = r->pass_done = c->settings.rebalance_pass;
	r->join_until = mono_add(c->now, REBALANCE_JOIN_MS);
	r->stable_since = c->now;
}

void
rebalance_on_equal(struct core *c)
{
	const struct member_table *t = &c->members;
	if (mono_reached(c->rebalance.join_until, c->now) ||
		member_hold_now(c) != HOLD_NONE)
		return;
	for (member_id id = 1; id < t->count; id++) {
		const struct member *m = member_get(c, id);
		if (m->link &&
			(!m->has_heartbeat || m->hb_spec_root != specs_root(c)))
			return;
	}
	c->rebalance.join_until = c->now;
}

void
rebalance_on_topology(struct core *c)
{
	struct rebalance *r = &c->rebalance;
	const struct place_host *hosts = place_hosts(c);
	uint64_t sum = 0;
	for (member_id id = 0; id < c->members.count; id++)
		if (hosts[id].verdict == PLACE_ELIGIBLE)
			sum += hash_mix(hosts[id].name_hash, hosts[id].weight);
	if (sum != r->topology)
		r->stable_since = c->now;
	r->topology = sum;
}

void
rebalance_on_request(struct core *c, const struct input_request *r)
{
	char number[24];
	struct text t;
	uint64_t after;
	CHECK(r->op == REQUEST_REBALANCE);
	if (c->settings.rebalance == REBALANCE_OFF) {
		core_reply(c, r->id, 0, REPLY_CONFLICT,
			"the cluster's setting rebalance is off: 'skepctl "
			"cluster set rebalance manual' allows a pass");
		return;
	}
	text_init(&t, number, sizeof number);
	text_add_number(&t, c->settings.rebalance_pass + 1);
	enum reply_code code =
		specs_set_setting(c, SETTING_REBALANCE_PASS, number, &after);
	if (code != REPLY_OK) {
		core_reply(c, r->id, 0, code,
			"the table of the desired state is full");
		return;
	}
	/* That one is new, whatever we lack of the others'. */
	c->rebalance.join_until = mono_min(c->rebalance.join_until, c->now);
	core_note_by(
		c, NOTE_OPERATOR, c->config.node, 0, "rebalance", &r->actor);
	core_reply(c, r->id, after, REPLY_OK, "");
}
