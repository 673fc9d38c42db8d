#include <string.h>

#include "base/hash.h"
#include "core/member_private.h"

/* How long a host may take to answer that it lives. */
#define CONTEST_MS 10000

static bool
is_gone(uint32_t state)
{
	return state == MEMBER_DEAD || state == MEMBER_LEFT;
}

/* --- Telling --- */

static void
fill_news(
	const struct core *c, const struct member *about, skep_MemberNews *out)
{
	/* A suspicion is private: others hear that it is alive. */
	enum member_state state =
		about->state == MEMBER_SUSPECT ? MEMBER_ALIVE : about->state;
	*out = (skep_MemberNews)skep_MemberNews_init_zero;
	memcpy(out->node, about->name, sizeof about->name);
	memcpy(out->address, about->address, sizeof about->address);
	memcpy(out->by, c->config.node, sizeof c->config.node);
	out->node_id = about->node_id;
	out->incarnation = about->incarnation;
	out->state = state;
	out->is_confirmed = about->is_confirmed_down;
	out->nonce = about->nonce;
}

void
member_send_news(struct core *c, uint32_t link, const struct member *about)
{
	skep_MemberNews news;
	fill_news(c, about, &news);
	if (effects_has_room(&c->fx, 1, sizeof news))
		member_send_link(c, link, WIRE_MEMBER_NEWS, &news);
}

void
member_spread_news(struct core *c, const struct member *about, member_id except)
{
	skep_MemberNews news;
	fill_news(c, about, &news);
	if (!effects_has_room(&c->fx, 1, sizeof news))
		return;
	struct bytes body = wire_encode(&c->fx, WIRE_MEMBER_NEWS, &news);
	for (member_id id = 1; id < c->members.count; id++)
		if (id != except && member_at(c, id) != about &&
			effects_has_room(&c->fx, 1, 0))
			member_send(c, id, WIRE_MEMBER_NEWS, body, 0);
}

/* What was heard from others: who saw it himself told all; among many a few
 * more copies than one reach those whose link with him is broken, and the
 * digests show who still lacks it. */
static void
pass_on(struct core *c, const struct member *about, member_id from)
{
	uint32_t count = c->members.count, sent = 0;
	if (!member_is_many(c)) {
		member_spread_news(c, about, from);
		return;
	}
	uint32_t start = (uint32_t)prng_below(&c->prng, count);
	for (uint32_t i = 0; i < count && sent < NEWS_FANOUT; i++) {
		member_id id = (start + i) % count;
		const struct member *m = member_get(c, id);
		if (!m->link || m == about || id == from)
			continue;
		member_send_news(c, m->link, about);
		sent++;
	}
}

uint64_t
member_list_digest(const struct core *c)
{
	uint64_t sum = 1;
	if (!member_is_many(c))
		return 0;
	for (member_id id = 0; id < c->members.count; id++) {
		const struct member *m = member_get(c, id);
		uint64_t state =
			m->state == MEMBER_SUSPECT ? MEMBER_ALIVE : m->state;
		sum += hash_mix(hash_mix(m->by_name.hash, m->incarnation),
			state * 2 + m->is_confirmed_down);
	}
	return sum;
}

bool
member_pay_list(struct core *c)
{
	mono *paid = &c->members.list_paid;
	if (!member_is_many(c))
		return true;
	if (mono_diff(*paid, c->now) > (LIST_BURST - 1) * LIST_EVERY_MS)
		return false;
	if (paid->ms < c->now.ms)
		*paid = c->now;
	*paid = mono_add(*paid, LIST_EVERY_MS);
	return true;
}

void
member_send_list(struct core *c, struct member *to)
{
	to->news_at = mono_add(c->now, LIST_REPAIR_MS);
	for (member_id id = 0; id < c->members.count; id++)
		if (member_at(c, id) != to)
			member_send_news(c, to->link, member_at(c, id));
}

/* --- About ourselves --- */

/* Our name was seen with a larger count of starts than ours (an old disk, a
 * host installed anew): ours jumps above it and every link is made anew, so
 * that everybody gets our log under its new incarnation. */
static void
outgrow(struct core *c, uint64_t incarnation)
{
	c->incarnation = member_log_incarnation(incarnation) + 1;
	member_save_incarnation(c);
	member_set_own(c, c->incarnation << 16);
	member_close_all(c, "this host takes a new incarnation");
}

/* Somebody holds us for dead: a larger incarnation says that we live.  It is
 * a Hello, because the other end may not have taken the first one. */
static void
refute(struct core *c, uint64_t incarnation)
{
	struct member_table *t = &c->members;
	if ((incarnation & 0xffff) == 0xffff) {
		outgrow(c, incarnation);
		return;
	}
	member_set_own(c, incarnation + 1);
	member_worsen_health(c);
	t->refutes++;
	for (member_id id = 1; id < t->count; id++) {
		struct member *m = &t->items[id];
		if (!m->link)
			continue;
		member_send_hello(c, m->link);
		/* It may be he who holds us for dead, and take us only now. */
		m->is_list_lost = !m->has_heartbeat;
	}
	for (uint32_t i = 0; i < PENDING_MAX; i++)
		if (t->pending[i].link)
			member_send_hello(c, t->pending[i].link);
}

/* Nobody tells a host about itself, but to say that it is held for dead, or
 * that its Hello was outdated: by another start under the same number, or by
 * another host under its name. */
static void
on_own_news(struct core *c, const skep_MemberNews *news)
{
	const struct member *self = member_get(c, MEMBER_SELF);
	bool is_other = news->node_id != self->node_id;
	/* An old disk: the number of our start was used before, and others
	 * hold the log of that start under it. */
	bool is_used = news->nonce != 0 && news->nonce != self->nonce;
	bool is_our_log =
		member_log_incarnation(news->incarnation) == c->incarnation;
	if (c->members.has_left || (news->incarnation < self->incarnation &&
					   !(is_used && is_our_log)))
		return;
	/* A Hello of ours from before a refutation crossed the news of it;
	 * the next one is on its way. */
	if (!is_gone(news->state) && news->nonce == self->nonce &&
		news->incarnation == self->incarnation)
		return;
	if (is_other && news->state == MEMBER_ALIVE)
		return; /* two claim our name; Hello decides, not hearsay */
	/* The rows of who has left are forgotten with their log; only a new
	 * log brings them back. */
	if (news->state == MEMBER_DEAD && !is_other && !is_used && is_our_log)
		refute(c, news->incarnation);
	else
		outgrow(c, news->incarnation);
}

/* --- About others --- */

/* Whether what is said goes before what is known. */
static bool
is_news(const struct member *m, const skep_MemberNews *news)
{
	if (news->incarnation != m->incarnation)
		return news->incarnation > m->incarnation;
	switch (m->state) {
	case MEMBER_UNKNOWN:
		return news->state != MEMBER_UNKNOWN;
	case MEMBER_ALIVE:
	case MEMBER_SUSPECT:
		return is_gone(news->state);
	case MEMBER_DEAD:
		return news->state == MEMBER_LEFT ||
		       (news->state == MEMBER_DEAD && news->is_confirmed &&
			       !m->is_confirmed_down);
	case MEMBER_LEFT:
	case MEMBER_STATE_COUNT:
		return false;
	}
	UNREACHABLE();
}

/* What is kept as the last word about a member that is gone. */
static void
bury(struct core *c, struct member *m, const skep_MemberNews *news)
{
	bool was_present = member_is_present(c, member_id_of(c, m));
	enum member_state state = (enum member_state)news->state;
	const char *by = effects_text(&c->fx, news->by);
	member_enter(c, m, state, news->incarnation);
	m->is_confirmed_down = news->is_confirmed && state == MEMBER_DEAD;
	if (was_present)
		tracked_on_lost(c, member_id_of(c, m));
	member_drop_link(c, m, "its host is gone");
	if (state == MEMBER_LEFT) {
		registry_on_forget(c, member_id_of(c, m));
		core_note(c, NOTE_NODE_LEFT, m->name, 0,
			effects_format(&c->fx, "said by %s", by));
	} else if (was_present) {
		core_note(c, NOTE_NODE_DOWN, m->name, 0,
			effects_format(&c->fx, "said by %s", by));
	}
}

/* What is kept about a member that is alive, or was when last heard of. */
static void
vouch(struct core *c, struct member *m, const skep_MemberNews *news)
{
	bool was_present = member_is_present(c, member_id_of(c, m));
	enum member_state state = m->state;
	if (news->state == MEMBER_ALIVE)
		state = m->state == MEMBER_SUSPECT ? MEMBER_SUSPECT
						   : MEMBER_ALIVE;
	else if (is_gone(m->state))
		state = MEMBER_UNKNOWN;
	if (news->state == MEMBER_ALIVE)
		m->vouched_at = c->now;
	member_enter(c, m, state, news->incarnation);
	if (!m->link)
		member_ask_early(c, m);
	if (!m->link && !m->dial)
		m->redial_at =
			mono_min(m->redial_at, mono_add(c->now, REDIAL_MIN_MS));
	if (!was_present && !m->link)
		m->link_lost_at = c->now;
	if (!was_present && state == MEMBER_ALIVE)
		core_note(c, NOTE_NODE_UP, m->name, 0,
			effects_format(&c->fx, "vouched for by %s",
				effects_text(&c->fx, news->by)));
}

/* Keeps the news and passes it on. */
static void
adopt(struct core *c, member_id from, struct member *m,
	const skep_MemberNews *news)
{
	bool was_left = m->state == MEMBER_LEFT;
	uint64_t log = member_log_incarnation(m->incarnation);
	bool is_changed = m->node_id != news->node_id && news->node_id != 0;
	if (is_changed) {
		m->node_id = news->node_id;
		m->nonce = 0;
		m->has_heard = false;
	}
	if (!m->link && member_set_address(m, news->address))
		is_changed = true;
	if (news->state == MEMBER_ALIVE && from != MEMBER_NONE)
		m->witness = from;
	if (is_gone(news->state))
		bury(c, m, news);
	else
		vouch(c, m, news);
	if (was_left && m->state != MEMBER_LEFT)
		registry_on_back(c, member_id_of(c, m));
	bool is_start = log != member_log_incarnation(m->incarnation);
	bool is_named = m->nonce == 0 && news->nonce != 0;
	if (is_named)
		m->nonce = news->nonce;
	if (is_changed || was_left != (m->state == MEMBER_LEFT) || is_start ||
		is_named)
		member_save(c, m);
	/* The start that we are linked to may be an older one: it outgrows. */
	if (m->link && is_start && from != member_id_of(c, m))
		member_send_news(c, m->link, m);
	pass_on(c, m, from);
	if (m->state == MEMBER_UNKNOWN)
		duty_on_expected(c);
	duty_mark_all(c);
}

/* What we hear ourselves goes before what others say: an obituary, and what
 * somebody only remembers (an old disk, or another host had that name), goes
 * to its subject, whose answer will be the truth for all.  Who is alive for
 * those that hear it and dead for the others, and never answers that, as it
 * reads what we send too slowly, is deaf: it goes, with its link; what it hears
 * on the next one, it can answer. */
static bool
is_contested(struct core *c, member_id from, struct member *m,
	const skep_MemberNews *news)
{
	if (!m->link || from == member_id_of(c, m) || !member_is_fresh(c, m))
		return false;
	if (news->state != MEMBER_ALIVE) {
		if (m->contested_until.ms == MONO_NEVER.ms)
			m->contested_until = mono_add(c->now, CONTEST_MS);
		if (effects_has_room(&c->fx, 1, sizeof *news))
			member_send_link(c, m->link, WIRE_MEMBER_NEWS, news);
		return news->state != MEMBER_DEAD ||
		       !mono_reached(m->contested_until, c->now);
	}
	return news->node_id != 0 && news->node_id != m->node_id;
}

/* Two starts of it had the same number (an old disk), and the rows that one of
 * them wrote are somewhere taken for the other's: the one that we are linked to
 * hears of the other, and outgrows both. */
static void
tell_of_other_start(
	struct core *c, const struct member *m, const skep_MemberNews *news)
{
	bool is_other = m->nonce != 0 && news->nonce != 0 &&
			m->nonce != news->nonce &&
			member_log_incarnation(m->incarnation) ==
				member_log_incarnation(news->incarnation);
	if (m->link && is_other && effects_has_room(&c->fx, 1, sizeof *news))
		member_send_link(c, m->link, WIRE_MEMBER_NEWS, news);
}

void
member_on_news(struct core *c, member_id from, const skep_MemberNews *news)
{
	if (news->incarnation > INCARNATION_MAX)
		return;
	if (!strcmp(news->node, c->config.node)) {
		on_own_news(c, news);
		return;
	}
	if (from == MEMBER_NONE || !member_is_name(news->node) ||
		news->state >= MEMBER_STATE_COUNT ||
		news->state == MEMBER_SUSPECT)
		return;
	member_id id = member_find(c, news->node);
	struct member *m = id == MEMBER_NONE ? NULL : member_at(c, id);
	if (!m && news->state == MEMBER_LEFT)
		return;
	if (m)
		tell_of_other_start(c, m, news);
	if (!m)
		m = member_add(c, news->node);
	else if (!is_news(m, news) || is_contested(c, from, m, news))
		return;
	if (m)
		adopt(c, from, m, news);
}
