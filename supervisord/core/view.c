#include "core/view.h"

#include <string.h>

#include "core/conflict_private.h"
#include "core/depends.h"
#include "core/handoff_private.h"
#include "core/running.h"

/* --- Instances --- */

/* Whether what is left of an instance on a host that is gone says more than
 * 'b' (may be NULL) does: the later run, then the one that ended for good.  The
 * order of rows is each host's own and has no say. */
static bool
says_more(const struct core *c, const struct row *a, const struct row *b)
{
	if (!b || a->value.epoch != b->value.epoch)
		return !b || a->value.epoch > b->value.epoch;
	bool is_over = a->value.state == ROW_EXITED;
	if (is_over != (b->value.state == ROW_EXITED))
		return is_over;
	return strcmp(member_get(c, a->origin)->name,
		       member_get(c, b->origin)->name) < 0;
}

/* The row that says most about an instance: the winner among held rows, else
 * one that is left. */
static const struct row *
main_row(struct core *c, const char *name, uint32_t *copies)
{
	member_id holder = duty_holder(c, name, copies);
	if (holder != MEMBER_NONE)
		return registry_find(c, ROW_INSTANCE, name, holder);
	const struct row *best = NULL;
	const struct row *r = registry_first(c, ROW_INSTANCE, name);
	for (; r; r = registry_next(c, r))
		if (r->value.state != ROW_PAST && says_more(c, r, best))
			best = r;
	return best;
}

static bool
is_wanted(
	struct core *c, const struct instance *i, const struct service_value *s)
{
	struct override_value o;
	instance_override(c, i, &o);
	return s->policy.is_enabled && !o.is_stopped;
}

static void
fill_row(struct core *c, struct instance_view *out, const struct row *r,
	bool is_held)
{
	out->epoch = r->value.epoch;
	out->restarts = row_run(r)->restarts;
	out->status = row_run(r)->status;
	out->since_wall_ms = r->value.since_wall_ms;
	if (!is_held)
		return;
	out->state = row_state_name(r->value.state);
	out->node = member_get(c, r->origin)->name;
	out->pid = r->value.pid;
	out->run_digest = row_run(r)->run_digest;
}

/* What a start of its own waits for: its time, or other services; or NULL. */
static const char *
start_obstacle(
	struct core *c, const struct instance *i, const struct service_value *s)
{
	if (policy_is_scheduled(&s->policy) && duty_slot(c, i, s) == 0)
		return "it runs when its schedule says so";
	if (!effects_has_room(&c->fx, 8, 4096))
		return NULL; /* a long list: this one is told by 'why' */
	return depends_unmet(c, &s->policy);
}

/* The host that ought to start it, when that may not have heard of it: what it
 * says of its desired state is not what is known here. */
static bool
is_unaware(const struct core *c, const char *duty)
{
	member_id id = duty[0] ? member_find(c, duty) : MEMBER_SELF;
	if (id == MEMBER_SELF || id == MEMBER_NONE)
		return false;
	const struct member *m = member_get(c, id);
	return m->has_heartbeat && m->hb_spec_root != specs_root(c);
}

/* What the host that ought to start it waits for; true when that says it all.
 */
static bool
add_duty(const struct core *c, const struct instance *i,
	const struct instance_view *out, struct text *t)
{
	member_id with_state = duty_state_host(c, i->name);
	bool is_stalled =
		with_state != MEMBER_NONE && member_is_stalled(c, with_state);
	if (!is_stalled && is_unaware(c, out->duty)) {
		text_add(t, out->duty);
		text_add(t, " does not have the same desired state yet");
		return true;
	}
	if (with_state == MEMBER_NONE)
		return false;
	text_add(t, "its state is on ");
	text_add(t, out->duty);
	text_add(t, is_stalled ? ", which " : ", where it begins");
	if (is_stalled)
		text_add(t, place_verdict_text(PLACE_STALLED));
	return is_stalled;
}

/* One line about what keeps an instance from running well. */
static void
fill_why(struct core *c, struct instance *i, const struct service_value *s,
	struct instance_view *out)
{
	struct text t;
	text_init(&t, out->why, sizeof out->why);
	const struct handoff *h = handoff_find(c, i->name);
	if (h) {
		text_add(&t, h->adopts	   ? "goes on from another state: "
			     : h->is_yield ? "gives way: "
					   : "moving: ");
		text_add(&t, handoff_state_name(h->state));
		text_add(&t, h->peer_name[0] ? ", " : "");
		text_add(&t, h->peer_name);
		return;
	}
	if (instance_is_held(i) && drain_is_on(c) && !drain_is_moving(c, i) &&
		!drain_has_turn(c)) {
		text_add(&t, "waits for its turn to move: --max-parallel ");
		text_add_number(&t, c->duty.drain_parallel);
		return;
	}
	if (i->state == INSTANCE_BACKOFF && i->heap_index != HEAP_NONE) {
		text_add(&t, "next start in ");
		text_add_duration(&t, mono_diff(i->deadline, c->now));
		text_add(&t, " after ");
		text_add_number(&t, i->failures);
		text_add(&t, " failures in a row");
	}
	if (strcmp(out->state, "pending") == 0 && duty_waits_for_owner(c, i)) {
		text_add(&t, "waits for ");
		text_add(&t, i->last_owner);
		text_add(&t, ", which held it last and may be booting");
		return;
	}
	if (strcmp(out->state, "pending") == 0 && running_is_said(c, i)) {
		text_add(&t, member_get(c, i->runs_at)->name);
		text_add(&t, " says that it runs there; "
			     "its rows wait for its disk");
		return;
	}
	const char *obstacle = NULL;
	if (s && strcmp(out->state, "pending") == 0)
		obstacle = start_obstacle(c, i, s);
	if (obstacle) {
		text_add(&t, obstacle);
		return;
	}
	if (strcmp(out->state, "pending") == 0 && add_duty(c, i, out, &t))
		return;
	const char *gate;
	bool is_held_back = !i->has_start_failed && !i->note &&
			    strcmp(out->state, "pending") == 0 &&
			    duty_is_gated(c, &gate);
	if (is_held_back)
		text_add(&t, gate);
	else if (strcmp(out->state, "pending") == 0 && !i->is_held_back &&
		 !list_is_empty(&i->in_dirty))
		text_add(&t, "waits for its turn: starts, and take-overs more "
			     "so, are limited");
	if (i->note) {
		text_add(&t, t.used ? ": " : "");
		text_add(&t, i->note);
	}
	if (t.used == 0)
		conflict_add_text(c, out, &t);
}

/* An operator's move that has to wait, because the host cannot take it. */
static void
add_late_move(struct core *c, struct instance *i, const struct service_value *s,
	const struct override_value *o, const struct row *r,
	struct instance_view *out)
{
	struct text t;
	member_id to = o->move_to[0] ? member_find(c, o->move_to) : MEMBER_NONE;
	if (o->move_generation <= row_run(r)->seen_move || to == MEMBER_NONE ||
		to == r->origin)
		return;
	enum place_verdict verdict = place_verdict(c, i->name, s, to);
	if (verdict == PLACE_ELIGIBLE)
		return;
	text_init(&t, out->why, sizeof out->why);
	text_add(&t, "an operator moved it to ");
	text_add(&t, o->move_to);
	text_add(&t, ", which ");
	text_add(&t, place_verdict_text(verdict));
	text_add(&t, "; it stays until that changes");
}

/* What only the host that gives it knows of an operator's move that is not
 * obeyed yet. */
static void
fill_late_move(struct core *c, const struct instance *i,
	const struct override_value *o, const struct row *r,
	struct instance_view *out)
{
	out->move_again_ms = -1;
	out->has_late_move = r->origin == MEMBER_SELF && o->move_to[0] &&
			     o->move_generation > row_run(r)->seen_move &&
			     strcmp(o->move_to, c->config.node) != 0 &&
			     !handoff_is_busy(c, i->name);
	if (!out->has_late_move)
		return;
	out->is_left_alone = i->is_left_alone;
	if (!mono_reached(i->move_again_at, c->now))
		out->move_again_ms = mono_diff(i->move_again_at, c->now);
}

/* Held rows of an instance on present hosts; a move's target that only has
 * the state, and its source, hold it together and are no two copies. */
static uint32_t
count_live_rows(const struct core *c, const char *name)
{
	uint32_t n = 0;
	const struct row *r = registry_first(c, ROW_INSTANCE, name);
	for (; r; r = registry_next(c, r))
		n += row_state_is_held(r->value.state) &&
		     r->value.state != ROW_HANDOFF &&
		     member_is_present(c, r->origin);
	return n;
}

/* Whether its work is done: that it does not run is as it should be. */
static bool
is_done(const struct spec_policy *p, const struct instance_view *v)
{
	return p->type == TYPE_ONESHOT && strcmp(v->state, "exited") == 0 &&
	       v->status != STATUS_UNKNOWN && (v->status & 0x7f) == 0 &&
	       policy_is_success(p, (v->status >> 8) & 0xff);
}

/* What an instance is judged by. */
struct judged {
	struct service_value s;
	bool has; /* a service, 's' */
	struct override_value o;
	const struct row *r; /* which says most about it, or NULL */
	uint32_t copies;
};

static void
judge(struct core *c, struct instance *i, struct judged *j)
{
	j->has = instance_service(c, i, &j->s);
	instance_override(c, i, &j->o);
	j->r = main_row(c, i->name, &j->copies);
	const struct row *end = j->has && !policy_is_scheduled(&j->s.policy)
					? duty_finished(c, i, &j->s)
					: NULL;
	/* Its work is done, whoever began it again and is gone. */
	if (j->copies == 0 && end)
		j->r = end;
}

/* All that says where it is and how, and takes no room for words: a message
 * may be under way (claim_grant.c). */
static void
fill_state(struct core *c, struct instance *i, const struct judged *j,
	struct instance_view *out)
{
	memset(out, 0, sizeof *out);
	out->name = i->name;
	strcpy(out->service, i->service);
	out->node = out->duty = "";
	out->is_declared = i->is_declared;
	out->is_wanted = j->has && is_wanted(c, i, &j->s);
	out->wanted_digest = j->has ? j->s.run_digest : 0;
	out->has_checkpoints = j->has && j->s.policy.checkpoint.is_present;
	member_id duty = j->has ? duty_host(c, i, &j->s) : MEMBER_NONE;
	if (duty != MEMBER_NONE)
		out->duty = member_get(c, duty)->name;
	out->state = !out->is_wanted	   ? "stopped"
		     : duty == MEMBER_NONE ? "unplaced"
					   : "pending";
	/* What ended on a host that is dead now, and is not to run again. */
	bool is_past = out->is_wanted && j->r &&
		       j->r->value.state == ROW_EXITED &&
		       row_run(j->r)->seen_restart >= j->o.restart_generation;
	if (j->r)
		fill_row(c, out, j->r, j->copies > 0 || is_past);
	out->is_done = j->has && is_done(&j->s.policy, out);
	out->is_foreign_copy = j->copies > 1 && count_live_rows(c, i->name) > 1;
}

static void
fill_instance(struct core *c, struct instance *i, struct instance_view *out)
{
	struct judged j;
	judge(c, i, &j);
	fill_state(c, i, &j, out);
	conflict_fill_view(c, out);
	fill_why(c, i, j.has ? &j.s : NULL, out);
	out->is_refused = j.has && strcmp(out->state, "unplaced") == 0 &&
			  place_is_refused(c, i->name, j.s.run_digest);
	if (j.has && j.copies > 0) {
		fill_late_move(c, i, &j.o, j.r, out);
		add_late_move(c, i, &j.s, &j.o, j.r, out);
	}
}

bool
view_instance_next(struct core *c, uint32_t *cursor, struct instance_view *out)
{
	struct instance *i = NULL;
	while (!i && *cursor < c->instances.slots.mark)
		i = instance_by_slot(c, (*cursor)++);
	if (i)
		fill_instance(c, i, out);
	return i != NULL;
}

bool
view_instance(struct core *c, const char *name, struct instance_view *out)
{
	struct instance *i = instance_find(c, name);
	if (i)
		fill_instance(c, i, out);
	return i != NULL;
}

bool
view_state(struct core *c, const char *name, struct instance_view *out)
{
	struct instance *i = instance_find(c, name);
	if (!i)
		return false;
	struct judged j;
	judge(c, i, &j);
	fill_state(c, i, &j, out);
	return true;
}

/* --- Why --- */

/* Says that its pin is no host of the cluster; false when it is one, or it has
 * none. */
static bool
add_lost_pin(struct core *c, struct text *t, const struct service_value *s)
{
	const char *pin = s->policy.placement.pin;
	member_id id = member_find(c, pin);
	bool is_known = id != MEMBER_NONE;
	if (!pin[0] || (is_known && member_get(c, id)->state != MEMBER_LEFT))
		return false;
	text_add(t, "it is pinned to ");
	text_add(t, pin);
	text_add(t, is_known ? ", which has left the cluster"
			     : ", and no host of that name is known");
	return true;
}

/* Why this host cannot run it, as far as it remembers, or NULL. */
static const char *
own_refusal(
	struct core *c, const struct instance *i, const struct service_value *s)
{
	bool is_refused = i->note && place_verdict(c, i->name, s,
					     MEMBER_SELF) == PLACE_REFUSED;
	return is_refused ? i->note : NULL;
}

bool
view_say_verdicts(struct core *c, const struct instance *i,
	const struct service_value *s, struct text *t)
{
	bool has_any = add_lost_pin(c, t, s);
	bool is_lost = has_any, is_told_elsewhere = false;
	const char *own = own_refusal(c, i, s);
	for (member_id id = 0; id < c->members.count; id++) {
		enum place_verdict v = place_verdict(c, i->name, s, id);
		if (v == PLACE_ELIGIBLE || (is_lost && v == PLACE_NOT_PINNED) ||
			member_get(c, id)->state == MEMBER_LEFT)
			continue;
		text_add(t, has_any ? "; " : "");
		text_add(t, member_get(c, id)->name);
		text_add(t, " ");
		text_add(t, place_verdict_text(v));
		has_any = true;
		if (v != PLACE_REFUSED)
			continue;
		bool is_own = id == MEMBER_SELF && own;
		text_add(t, is_own ? ": " : "");
		text_add(t, is_own ? own : "");
		is_told_elsewhere |= !is_own;
	}
	if (!is_told_elsewhere)
		return has_any;
	text_add(t, "; 'skepctl history ");
	text_add(t, i->name);
	text_add(t, "' says why");
	return has_any;
}

/* "beta is cordoned; gamma is not alive." */
static void
add_verdicts(struct core *c, struct text *t, const struct instance *i,
	const struct service_value *s)
{
	text_add(t, view_say_verdicts(c, i, s, t) ? ". " : "");
}

/* What keeps it from running well, unless that is said of this host anyway. */
static void
add_trouble(struct core *c, struct text *t, const struct instance_view *v,
	const struct instance *i, const struct service_value *s)
{
	const char *own = own_refusal(c, i, s);
	if (!v->why[0] || (own && strcmp(v->why, own) == 0))
		return;
	text_add(t, v->why);
	text_add(t, ". ");
}

/* How the last run ended, where that is why none runs now. */
static void
add_end(struct core *c, struct text *t, const struct instance_view *v)
{
	bool has_failed = strcmp(v->state, "failed") == 0;
	bool has_exited = strcmp(v->state, "exited") == 0;
	bool is_told = v->status != 0 || has_exited;
	if (!has_failed && !has_exited && strcmp(v->state, "backoff") != 0)
		return;
	/* The sentence is made where effects are, which may be full. */
	if (is_told && effects_has_room(&c->fx, 8, 4096)) {
		text_add(t, "Its last run ");
		text_add(t, instance_status_text(c, v->status));
		text_add(t, v->is_done ? ": it is done. " : ". ");
	}
	if (!has_failed)
		return;
	text_add(t, "Its attempts are used up; 'skepctl start ");
	text_add(t, v->name);
	text_add(t, "' starts it again. ");
}

static void
why_not_wanted(struct core *c, struct text *t, const struct instance *i,
	const struct service_value *s)
{
	text_add(t, i->name);
	if (!i->is_declared)
		text_add(t, " is not declared any more. ");
	else if (!s->policy.is_enabled)
		text_add(t, " is disabled (enabled: false in its spec). ");
	else {
		text_add(t, " was stopped by an operator; 'skepctl start ");
		text_add(t, i->name);
		text_add(t, "' starts it. ");
	}
	member_id with_state = duty_state_host(c, i->name);
	if (i->is_declared && with_state != MEMBER_NONE) {
		text_add(t, "Its state is on ");
		text_add(t, member_get(c, with_state)->name);
		text_add(t, ", where it would begin. ");
	}
}

/* Whether something of it runs where it is held. */
static bool
is_live(const struct instance_view *v)
{
	return strcmp(v->state, "backoff") != 0 &&
	       strcmp(v->state, "failed") != 0 &&
	       strcmp(v->state, "exited") != 0;
}

static void
why_here(struct core *c, struct text *t, const struct instance_view *v,
	struct instance *i, const struct service_value *s)
{
	text_add(t, v->name);
	text_add(t, " is ");
	text_add(t, v->state);
	text_add(t, " on ");
	text_add(t, v->node);
	if (strcmp(v->duty, v->node) == 0) {
		text_add(t, ", the host it belongs to (");
		text_add(t, s->policy.placement.pin[0]
				    ? "pinned"
				    : s->policy.placement.strategy);
		text_add(t, "). ");
	} else {
		text_add(t, "; by rank it belongs to ");
		text_add(t, v->duty[0] ? v->duty : "no host");
		rebalance_say_staying(c, i, s, is_live(v), t);
	}
	add_end(c, t, v);
	rebalance_say_moved(c, i, v->epoch, t);
	if (v->is_foreign_copy)
		text_add(t, "A second copy runs elsewhere and is being "
			    "stopped. ");
	add_trouble(c, t, v, i, s);
	add_verdicts(c, t, i, s);
}

static void
why_nowhere(struct core *c, struct text *t, const struct instance_view *v,
	const struct instance *i, const struct service_value *s)
{
	text_add(t, v->name);
	text_add(t, " does not run. ");
	if (v->duty[0]) {
		text_add(t, "It belongs to ");
		text_add(t, v->duty);
		text_add(t, ", which will start it");
		text_add(t, v->why[0] ? ": " : ". ");
		text_add(t, v->why);
		text_add(t, v->why[0] ? ". " : "");
	} else {
		add_trouble(c, t, v, i, s);
		text_add(t, "No host is eligible: ");
	}
	add_verdicts(c, t, i, s);
}

static void
why_unreadable(struct text *t, const struct instance_view *v)
{
	text_add(t, "The spec of ");
	text_add(t, v->name);
	text_add(t, " is of a newer version than this host can read: what runs "
		    "goes on, and nothing is decided here. ");
	if (v->node[0]) {
		text_add(t, "It is ");
		text_add(t, v->state);
		text_add(t, " on ");
		text_add(t, v->node);
		text_add(t, ". ");
	}
	if (v->why[0]) {
		text_add(t, v->why);
		text_add(t, ". ");
	}
}

bool
view_why(struct core *c, const char *name, char *buffer, size_t size)
{
	struct text t;
	struct instance_view v;
	struct service_value s = {0};
	struct instance *i = instance_find(c, name);
	if (!i)
		return false;
	text_init(&t, buffer, size);
	fill_instance(c, i, &v);
	bool has = instance_service(c, i, &s);
	if (i->is_declared && !has)
		why_unreadable(&t, &v);
	else if (!v.is_wanted && v.node[0] == '\0')
		why_not_wanted(c, &t, i, &s);
	else if (v.node[0])
		why_here(c, &t, &v, i, &s);
	else
		why_nowhere(c, &t, &v, i, &s);
	view_checkpoint_text(c, name, buffer + t.used, size - t.used);
	t.used += strlen(buffer + t.used);
	if (t.used && buffer[t.used - 1] == ' ')
		buffer[t.used - 1] = '\0';
	return true;
}

bool
view_is_refused(struct core *c, const char *name)
{
	struct service_value s;
	const struct instance *i = instance_find(c, name);
	return i && instance_service(c, i, &s) &&
	       place_is_refused(c, name, s.run_digest);
}

/* --- Hosts --- */

uint32_t
view_node_count(const struct core *c)
{
	return c->members.count;
}

static uint32_t
count_held_by(const struct core *c, member_id id)
{
	uint32_t n = 0;
	const struct row *r = NULL;
	while ((r = registry_walk(c, id, r)) != NULL)
		n += r->value.kind == ROW_INSTANCE &&
		     row_state_is_held(r->value.state);
	return n;
}

/* Milliseconds until our own hold ends, or -1. */
static int64_t
hold_left_ms(const struct core *c)
{
	mono until = c->members.hold_until;
	if (member_hold_now(c) == HOLD_NONE || until.ms == MONO_NEVER.ms)
		return -1;
	int64_t left_ms = mono_diff(until, c->now);
	return left_ms > 0 ? left_ms : 0;
}

static void
fill_facts(struct core *c, uint32_t index, struct node_view *out)
{
	struct node_facts f;
	facts_get(c, index, &f);
	out->weight = f.weight;
	memcpy(out->version, f.version, sizeof out->version);
	out->drain_total = f.drain_total;
	out->drain_left = f.drain_left;
	out->drain_stuck = f.drain_stuck;
	out->progress = drain_progress_name(f.progress);
	/* An intent that its host has not taken up yet is not "drained". */
	if (out->intent != INTENT_DRAINING)
		out->progress = "";
	else if (f.progress == DRAIN_NONE)
		out->progress = drain_progress_name(DRAIN_RUNNING);
}

/* Why it takes nothing at present: its hold, or its store. */
static void
fill_hold(const struct core *c, uint32_t index, struct node_view *out)
{
	const struct member *m = member_get(c, index);
	bool is_self = index == MEMBER_SELF;
	enum member_hold hold = is_self		  ? member_hold_now(c)
				: m->hb_is_lonely ? m->hb_hold
						  : HOLD_NONE;
	out->hold = out->hold_text = "";
	if (!member_is_present(c, index) && !is_self)
		return;
	if (hold != HOLD_NONE) {
		out->hold = member_hold_name(hold);
		out->hold_text = is_self ? c->members.hold_text : "";
	} else if (m->hb_is_going && !m->link) {
		out->hold = "restarting";
		out->hold_text = "its skepd or skep-node starts again; its "
				 "services run on";
	} else if (member_is_stalled(c, index)) {
		out->hold = "stalled";
		out->hold_text = "its store does not write; it keeps what it "
				 "has and takes nothing new";
	}
}

bool
view_node(struct core *c, uint32_t index, struct node_view *out)
{
	if (index >= c->members.count)
		return false;
	const struct member *m = member_get(c, index);
	struct node_value v = {.intent = INTENT_ACTIVE};
	memset(out, 0, sizeof *out);
	const struct entry *e = specs_find(c, ENTRY_NODE, m->name);
	if (e && specs_get_node(e, &v))
		memcpy(out->reason, v.reason, sizeof out->reason);
	bool is_self = index == MEMBER_SELF;
	out->name = m->name;
	out->state = member_state_name(m->state);
	out->intent = v.intent;
	out->address = m->address;
	out->is_self = is_self;
	out->is_linked = m->link != 0;
	out->incarnation = m->incarnation;
	fill_hold(c, index, out);
	out->hold_left_ms = is_self ? hold_left_ms(c) : -1;
	out->heard_ms = is_self || m->last_rx.ms == 0
				? -1
				: mono_diff(c->now, m->last_rx);
	out->log_position = is_self ? registry_position(c) : m->hb_log_position;
	out->clock_off_ms = member_clock_off_of(c, index);
	out->instances = count_held_by(c, index);
	fill_facts(c, index, out);
	return true;
}

static void
count_instances(struct core *c, struct cluster_view *out)
{
	struct instance_view v;
	uint32_t cursor = 0;
	while (view_instance_next(c, &cursor, &v)) {
		if (!v.is_declared)
			continue;
		out->instances++;
		out->ready += strcmp(v.state, "ready") == 0;
		out->done += v.is_done;
		out->unplaced += strcmp(v.state, "unplaced") == 0;
	}
}

void
view_cluster(struct core *c, struct cluster_view *out)
{
	memset(out, 0, sizeof *out);
	out->cluster = c->config.cluster;
	out->node = c->config.node;
	for (member_id id = 0; id < c->members.count; id++) {
		enum member_state state = member_get(c, id)->state;
		out->members += state != MEMBER_LEFT;
		out->alive += state == MEMBER_ALIVE;
	}
	const struct entry *e = NULL;
	while ((e = specs_walk(c, ENTRY_SERVICE, e)) != NULL)
		out->services++;
	count_instances(c, out);
	out->hold = member_hold_name(member_hold_now(c));
	out->hold_text =
		member_hold_now(c) == HOLD_NONE ? "" : c->members.hold_text;
	out->hold_left_ms = hold_left_ms(c);
	out->spec_root = specs_root(c);
	out->settings_digest = c->settings.digest;
	out->view_digest = c->members.view_digest;
	out->resets = c->registry.resets;
	out->unknown_frames = c->unknown_frames;
}
