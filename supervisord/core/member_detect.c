#include <string.h>

#include "core/member_private.h"

/* --- Health and patience --- */

int64_t
member_patience_ms(const struct core *c)
{
	return c->settings.failure_timeout_ms *
	       (1 + (int64_t)c->members.health);
}

void
member_worsen_health(struct core *c)
{
	struct member_table *t = &c->members;
	if (t->health < HEALTH_MAX)
		t->health++;
	t->health_at = mono_add(c->now, 1000);
}

static mono
later(mono a, mono b)
{
	return a.ms > b.ms ? a : b;
}

/* The last that is known of its being alive. */
static mono
last_word(const struct member *m)
{
	mono at = m->vouched_at;
	if (m->has_rx)
		at = later(at, m->last_rx);
	return m->has_heard ? later(at, m->heard_at) : at;
}

static int64_t
silence_ms(const struct core *c, const struct member *m)
{
	return mono_diff(c->now, last_word(m));
}

bool
member_is_fresh(const struct core *c, const struct member *m)
{
	return m->has_rx &&
	       mono_diff(c->now, m->last_rx) < member_patience_ms(c);
}

/* The time in which this host did not run proves nothing about others:
 * their silence is shortened by it, and our patience grows. */
static void
notice_lag(struct core *c)
{
	struct member_table *t = &c->members;
	int64_t lag_ms = mono_diff(c->now, t->tick_due);
	if (t->tick_due.ms == MONO_NEVER.ms || lag_ms <= LAG_MS)
		return;
	for (member_id id = 1; id < t->count; id++) {
		struct member *m = &t->items[id];
		m->last_rx = mono_min(mono_add(m->last_rx, lag_ms), c->now);
		m->heard_at = mono_min(mono_add(m->heard_at, lag_ms), c->now);
		m->vouched_at =
			mono_min(mono_add(m->vouched_at, lag_ms), c->now);
	}
	member_worsen_health(c);
}

/* --- Signs of life --- */

void
member_on_sign(struct core *c, struct member *m)
{
	m->is_host_up = false;
	m->is_confirming = false;
	m->ask_at = MONO_NEVER;
	if (m->state == MEMBER_SUSPECT) {
		member_enter(c, m, MEMBER_ALIVE, m->incarnation);
		core_note(c, NOTE_NODE_UP, m->name, 0,
			effects_format(&c->fx, "heard again after %d ms",
				m->has_rx ? mono_diff(c->now, m->last_rx)
					  : (int64_t)0));
		duty_mark_all(c);
	}
	m->last_rx = c->now;
	m->has_rx = true;
}

static void
fill_heartbeat(const struct core *c, skep_Heartbeat *hb)
{
	const struct member_table *t = &c->members;
	*hb = (skep_Heartbeat)skep_Heartbeat_init_zero;
	hb->incarnation = t->items[MEMBER_SELF].incarnation;
	hb->view_digest = t->view_digest;
	hb->log_position = registry_position(c);
	hb->log_checksum = registry_checksum(c);
	hb->log_gc = registry_gc(c);
	hb->spec_root = specs_root(c);
	hb->kv_root = specs_kv_root(c);
	hb->settings_digest = c->settings.digest;
	hb->health = t->health;
	hb->is_ready = c->registry.origins[MEMBER_SELF].is_ready;
	hb->is_lonely = t->hold != HOLD_NONE;
	member_tell_stalls(c, hb);
	hb->is_going = t->is_going;
	hb->hold = t->hold;
	hb->epoch_clock = instance_epoch_clock(c);
	hb->wall_ms = c->own_wall_ms;
}

void
member_send_heartbeat(struct core *c, struct member *to)
{
	skep_Heartbeat hb;
	fill_heartbeat(c, &hb);
	member_send_link(c, to->link, WIRE_HEARTBEAT, &hb);
}

void
member_hurry_heartbeat(struct core *c)
{
	struct member_table *t = &c->members;
	int64_t soon_ms = HEARTBEAT_SOON_MS;
	if (member_is_many(c))
		soon_ms = soon_ms * t->count / NEWS_ALL_MAX;
	t->next_heartbeat =
		mono_min(t->next_heartbeat, mono_add(c->now, soon_ms));
}

void
member_heartbeat_tick(struct core *c)
{
	struct member_table *t = &c->members;
	skep_Heartbeat hb;
	if (!mono_reached(t->next_heartbeat, c->now))
		return;
	t->next_heartbeat = mono_add(c->now, HEARTBEAT_MS);
	member_tune_clock(c);
	fill_heartbeat(c, &hb);
	member_broadcast(
		c, WIRE_HEARTBEAT, wire_encode(&c->fx, WIRE_HEARTBEAT, &hb), 0);
	member_told_stalls(c, &hb);
}

void
member_on_going(struct core *c)
{
	struct member_table *t = &c->members;
	t->is_going = true;
	t->next_heartbeat = c->now; /* the tick of this very step sends it */
}

/* It goes, or it does not after all. */
static void
take_going(struct core *c, struct member *m, bool is_going)
{
	if (is_going && !m->hb_is_going)
		core_note(c, NOTE_NODE_RESTARTING, m->name, 0,
			"its skepd or skep-node starts again; its services "
			"run on");
	m->hb_is_going = is_going;
	m->away_until = mono_add(c->now, c->settings.restart_grace_ms);
}

/* Whether it said that it starts again, and may still be at it. */
static bool
is_away(const struct core *c, const struct member *m)
{
	return m->hb_is_going && !mono_reached(m->away_until, c->now);
}

/* Two hosts whose views differ for a while tell each other everything, also
 * while somebody else comes and goes all the time. */
static void
repair_list(struct core *c, struct member *m)
{
	struct member_table *t = &c->members;
	if (m->hb_view_digest == t->view_digest)
		m->agreed_at = c->now;
	if (mono_diff(c->now, m->agreed_at) < DISAGREE_MS ||
		!mono_reached(m->news_at, c->now) || !member_pay_list(c))
		return;
	t->list_repairs++;
	member_send_list(c, m);
}

void
member_on_heartbeat(struct core *c, struct member *m, const skep_Heartbeat *hb)
{
	/* It may come late over the link of an earlier start, when others have
	 * told of this one: what it says is of another log. */
	if (member_log_incarnation(hb->incarnation) <
		member_log_incarnation(m->incarnation))
		return;
	/* That it sees the same members opens the gate for starts, which each
	 * step looks at; it decides nothing about an instance. */
	bool is_relevant = !m->has_heartbeat ||
			   m->hb_is_ready != hb->is_ready ||
			   m->hb_is_lonely != hb->is_lonely;
	m->hb_view_digest = hb->view_digest;
	m->hb_log_position = hb->log_position;
	m->hb_log_checksum = hb->log_checksum;
	m->hb_log_gc = hb->log_gc;
	m->hb_spec_root = hb->spec_root;
	m->hb_kv_root = hb->kv_root;
	m->hb_settings_digest = hb->settings_digest;
	m->hb_health = hb->health;
	m->hb_is_ready = hb->is_ready;
	m->hb_is_lonely = hb->is_lonely;
	is_relevant |= member_hear_stalls(c, m, hb);
	instance_hear_clock(c, hb->epoch_clock);
	member_hear_wall(c, m, hb->wall_ms);
	m->hb_hold = hb->hold > HOLD_NONE && hb->hold <= HOLD_ENDING
			     ? (enum member_hold)hb->hold
			     : HOLD_LONELY;
	take_going(c, m, hb->is_going);
	if (!m->has_heartbeat)
		c->members.is_tally_known = false;
	if (m->is_list_lost)
		member_send_list(c, m);
	m->is_list_lost = false;
	m->has_heartbeat = true;
	m->redial_delay_ms = 0; /* it took our Hello: a good link */
	c->members.is_name_refused = false;
	repair_list(c, m);
	registry_on_heartbeat(c, member_id_of(c, m));
	specs_on_heartbeat(c, member_id_of(c, m));
	if (hb->spec_root == specs_root(c))
		rebalance_on_equal(c);
	if (is_relevant)
		duty_mark_all(c);
}

/* --- Suspicion --- */

static void
suspect(struct core *c, struct member *m, const char *why)
{
	member_enter(c, m, MEMBER_SUSPECT, m->incarnation);
	m->is_confirming = false;
	m->ask_at = c->now;
	core_note(c, NOTE_NODE_SUSPECT, m->name, 0, why);
	duty_mark_all(c);
}

void
member_on_dial_failed(
	struct core *c, struct member *m, enum link_down_reason reason)
{
	m->is_host_up = reason == LINK_REFUSED || reason == LINK_SILENT;
	if (m->state == MEMBER_ALIVE && !is_away(c, m))
		suspect(c, m,
			effects_format(&c->fx,
				m->is_host_up ? "its host answers but its "
						"skepd does not"
					      : "its link broke and cannot "
						"be made again"));
}

static void
declare_dead(struct core *c, struct member *m)
{
	core_note(c, NOTE_NODE_DOWN, m->name, 0,
		effects_format(&c->fx,
			"silent for %d ms; of %u hosts asked %u had not heard "
			"it "
			"either",
			silence_ms(c, m), (uint64_t)m->confirm_asked,
			(uint64_t)m->confirm_unheard));
	tracked_on_lost(c, member_id_of(c, m));
	member_enter(c, m, MEMBER_DEAD, m->incarnation);
	member_drop_link(c, m, "its host is gone");
	m->redial_at = mono_min(m->redial_at, mono_add(c->now, REDIAL_MIN_MS));
	member_spread_news(c, m, MEMBER_NONE);
	duty_mark_all(c);
}

/* --- Confirmation: the LASTHEARD rounds --- */

/* The earliest moment at which it may be declared dead; 'patiences' is 2 when
 * nobody else can be asked.  Whose host answers without it may be back soon,
 * and its services run on; the end of its link bounds that. */
static mono
earliest_death(const struct core *c, const struct member *m, int64_t patiences)
{
	mono at = mono_add(last_word(m), member_patience_ms(c) * patiences);
	if (!m->is_host_up)
		return at;
	return later(
		at, mono_add(m->link_lost_at, c->settings.restart_grace_ms));
}

/* Whether all that is known of it lately comes from others.  What they say is
 * older the more stand between: those who hear it decide before. */
static bool
is_hearsay(const struct core *c, const struct member *m)
{
	return !m->has_rx ||
	       mono_diff(last_word(m), m->last_rx) >= member_patience_ms(c);
}

/* Whether a member can be asked about another: its answers reach us. */
static bool
can_ask(const struct core *c, const struct member *peer,
	const struct member *about)
{
	return peer != about && peer->link && peer->state == MEMBER_ALIVE &&
	       member_is_fresh(c, peer);
}

static int64_t
confirm_ms(const struct core *c)
{
	uint32_t n = member_present_count(c);
	int64_t log2n = 0;
	while (n >>= 1)
		log2n++;
	return CONFIRM_MS * (log2n > 1 ? log2n : 1);
}

/* Returns how many were asked: 0 or 1. */
static uint32_t
ask(struct core *c, member_id id, const struct member *about,
	const skep_LastHeardQuery *query)
{
	const struct member *peer = member_get(c, id);
	if (id == MEMBER_SELF || !can_ask(c, peer, about))
		return 0;
	member_send_link(c, peer->link, WIRE_LAST_HEARD_QUERY, query);
	return 1;
}

/* Asks the witness, and up to CONFIRM_PEERS others, from a random one on; how
 * many.  Of many hosts a few may be the only ones that hear it: without the
 * first, what he says is forgotten when seven others deny it. */
static uint32_t
ask_peers(struct core *c, const struct member *about)
{
	struct member_table *t = &c->members;
	skep_LastHeardQuery query = skep_LastHeardQuery_init_zero;
	uint32_t start = (uint32_t)prng_below(&c->prng, t->count);
	memcpy(query.node, about->name, sizeof about->name);
	query.incarnation = about->incarnation;
	query.asked = (uint64_t)c->now.ms;
	uint32_t asked = ask(c, about->witness, about, &query);
	uint32_t most = asked + CONFIRM_PEERS;
	for (uint32_t i = 0; i < t->count && asked < most; i++) {
		member_id id = (start + i) % t->count;
		if (id != about->witness)
			asked += ask(c, id, about, &query);
	}
	return asked;
}

/* Begins a round, or decides alone when nobody can be asked. */
static void
begin_round(struct core *c, struct member *m)
{
	mono alone = earliest_death(c, m, 2);
	m->confirm_unheard = 0;
	m->confirm_asked = ask_peers(c, m);
	if (m->confirm_asked > 0) {
		m->is_confirming = true;
		m->confirm_at = mono_add(c->now, confirm_ms(c));
	} else if (m->state == MEMBER_SUSPECT && mono_reached(alone, c->now)) {
		declare_dead(c, m);
	} else {
		m->ask_at = later(alone, mono_add(c->now, ASK_AGAIN_MIN_MS));
	}
}

static int64_t
between(int64_t low, int64_t ms, int64_t high)
{
	return ms < low ? low : ms > high ? high : ms;
}

/* A round is over.  With an answer it decides, unless it is too early for
 * that, or the suspect was vouched for meanwhile: those who were asked before
 * did not know of it yet.  Without one somebody else is asked, until those who
 * do not answer are silent themselves. */
static void
end_round(struct core *c, struct member *m)
{
	m->is_confirming = false;
	m->ask_at = c->now;
	if (m->confirm_unheard == 0)
		return;
	int64_t patiences = is_hearsay(c, m) ? 2 : 1;
	int64_t early_ms = mono_diff(earliest_death(c, m, patiences), c->now);
	if (early_ms <= 0 && m->state == MEMBER_SUSPECT)
		declare_dead(c, m);
	else /* in ever shorter steps: those we ask may learn of it */
		m->ask_at =
			mono_add(c->now, between(ASK_AGAIN_MIN_MS, early_ms / 2,
						 ASK_AGAIN_MAX_MS));
}

/* How long ago it was heard, here or by whom we asked; negative: never. */
static int64_t
age_ms(const struct core *c, const struct member *m)
{
	if (m->has_rx && m->has_heard)
		return mono_diff(c->now, later(m->last_rx, m->heard_at));
	if (!m->has_rx && !m->has_heard)
		return -1;
	return mono_diff(c->now, m->has_rx ? m->last_rx : m->heard_at);
}

void
member_ask_early(struct core *c, struct member *m)
{
	mono at = mono_add(c->now, member_patience_ms(c) / 2);
	m->ask_at = mono_min(m->ask_at, at);
}

void
member_on_query(
	struct core *c, struct member *from, const skep_LastHeardQuery *query)
{
	skep_LastHeardAnswer answer = skep_LastHeardAnswer_init_zero;
	member_id id = member_find(c, query->node);
	memcpy(answer.node, query->node, sizeof query->node);
	answer.incarnation = query->incarnation;
	answer.asked = query->asked;
	answer.age_ms = -1;
	if (id != MEMBER_NONE) {
		const struct member *m = member_get(c, id);
		answer.incarnation = m->incarnation;
		answer.node_id = m->node_id;
		if (id == MEMBER_SELF || is_away(c, m))
			answer.age_ms = 0;
		else
			answer.age_ms = age_ms(c, m);
		if (m->incarnation > query->incarnation ||
			m->state == MEMBER_DEAD || m->state == MEMBER_LEFT)
			member_send_news(c, from->link, m);
	}
	member_send_link(c, from->link, WIRE_LAST_HEARD_ANSWER, &answer);
}

/* Keeps when others heard it.  Counted from our question on, so that what goes
 * round and round between hosts that all only heard of it does not get younger
 * on its way. */
static void
hear_of(struct core *c, struct member *m, const skep_LastHeardAnswer *answer)
{
	mono asked = {(int64_t)answer->asked};
	if (answer->age_ms < 0 || answer->asked == 0 ||
		answer->asked > (uint64_t)c->now.ms)
		return;
	mono at = mono_add(asked, -answer->age_ms);
	m->heard_at = m->has_heard ? later(m->heard_at, at) : at;
	m->has_heard = true;
}

/* Somebody heard it: our link is at fault, not its host.  What is deaf for
 * long is made anew: its other end may be gone, and if each side has such a
 * link nobody dials.  We ask again in time for those who ask us. */
static void
believe(struct core *c, struct member *m, int64_t age_ms)
{
	bool is_deaf = m->link && !member_is_fresh(c, m) &&
		       mono_diff(c->now, m->last_rx) >= LINK_DEAF_MS;
	m->is_confirming = false;
	if (is_deaf) {
		member_drop_link(c, m, "silent, while others hear its host");
		member_back_off(c, m, 0);
	}
	m->ask_at = mono_add(c->now,
		between(ASK_AGAIN_MIN_MS, member_patience_ms(c) / 2 - age_ms,
			ASK_AGAIN_MAX_MS));
}

/* The first who heard it stays the witness until he has not any more: another
 * one may know it from him. */
static void
choose_witness(struct core *c, struct member *m, member_id from, bool has_heard)
{
	bool is_same = m->witness == from;
	bool is_free = m->witness == MEMBER_SELF ||
		       !can_ask(c, member_get(c, m->witness), m);
	if (has_heard && is_free)
		m->witness = from;
	else if (!has_heard && is_same)
		m->witness = MEMBER_SELF;
}

void
member_on_answer(
	struct core *c, struct member *from, const skep_LastHeardAnswer *answer)
{
	member_id id = member_find(c, answer->node);
	if (id == MEMBER_NONE)
		return;
	struct member *m = member_at(c, id);
	/* A host installed anew is heard under the name of the one we mean,
	 * which nobody will ever hear again. */
	bool is_other =
		answer->node_id && m->node_id && answer->node_id != m->node_id;
	if (!is_other && answer->incarnation < m->incarnation)
		return;
	if (!is_other) {
		hear_of(c, m, answer);
		choose_witness(c, m, member_id_of(c, from),
			answer->age_ms >= 0 &&
				answer->age_ms < member_patience_ms(c));
	}
	if (!m->is_confirming)
		return;
	if (!is_other && answer->age_ms >= 0 &&
		answer->age_ms < member_patience_ms(c))
		believe(c, m, answer->age_ms);
	else if (++m->confirm_unheard >= m->confirm_asked)
		end_round(c, m);
}

/* --- Time --- */

/* When one that is alive will have been silent for too long. */
static mono
silent_at(const struct core *c, const struct member *m)
{
	mono at = mono_add(last_word(m), member_patience_ms(c));
	return m->hb_is_going ? later(at, m->away_until) : at;
}

/* When this member's detector has something to do. */
static mono
due_at(const struct core *c, const struct member *m)
{
	mono at = m->is_confirming ? m->confirm_at : m->ask_at;
	if (m->state == MEMBER_SUSPECT)
		return at;
	if (m->state != MEMBER_ALIVE)
		return MONO_NEVER;
	return m->link ? silent_at(c, m) : mono_min(at, silent_at(c, m));
}

static void
tick_member(struct core *c, struct member *m)
{
	if (!mono_reached(due_at(c, m), c->now))
		return;
	if (m->state == MEMBER_ALIVE && mono_reached(silent_at(c, m), c->now))
		suspect(c, m,
			effects_format(&c->fx,
				m->hb_is_going ? "it went to start again and "
						 "is silent for %d ms"
					       : "silent for %d ms",
				silence_ms(c, m)));
	if (m->is_confirming)
		end_round(c, m);
	if (mono_reached(due_at(c, m), c->now))
		begin_round(c, m);
}

void
member_health_tick(struct core *c)
{
	struct member_table *t = &c->members;
	notice_lag(c);
	if (t->health > 0 && mono_reached(t->health_at, c->now)) {
		t->health--;
		t->health_at = mono_add(c->now, 1000);
	}
}

void
member_detect_tick(struct core *c)
{
	struct member_table *t = &c->members;
	for (member_id id = 1; id < t->count; id++)
		tick_member(c, &t->items[id]);
}

mono
member_detect_due(const struct core *c)
{
	const struct member_table *t = &c->members;
	mono at = MONO_NEVER;
	for (member_id id = 1; id < t->count; id++)
		at = mono_min(at, due_at(c, &t->items[id]));
	return at;
}

mono
member_heartbeat_deadline(const struct core *c)
{
	const struct member_table *t = &c->members;
	return t->health > 0 ? mono_min(t->next_heartbeat, t->health_at)
			     : t->next_heartbeat;
}
