/* M1 to M8: who is alive. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "core/wire.h"
#include "tests/sim/check.h"

/* Of a host that a third one could have been asked about, so long before. */
#define WELL_MS 20000
/* A host that is gone is DEAD for all well ones after this: nine times the
 * failure timeout (local health at its worst), twice when nobody can be
 * asked, a grace for keepers, and the rounds. */
#define DETECT_MS 60000
/* So many others are asked before a host is DEAD, where there are as many. */
#define ASKED_MAX 7
/* A full scan after each step of a host but those in which somebody only said
 * or heard that it lives; after so many of these too. */
#define SCAN_EVERY 64

/* What one host said of another. */
struct belief {
	uint64_t name; /* hash; an entry of a member that left is used again */
	enum member_state state;
	uint64_t incarnation;
};

/* Whom one host asked last about another. */
struct question {
	mono at;
	uint32_t asked[ASKED_MAX]; /* hosts */
	uint32_t count;
};

/* What is remembered of one host. */
struct mind {
	struct belief *beliefs; /* owned, by member_id */
	uint32_t count;
	struct question *questions; /* owned, by host */
	uint32_t question_count;
	uint64_t digest;  /* of its view, at the last scan */
	uint32_t scan_in; /* signs of life */
	mono unheard_at;  /* last answer that somebody was not heard */
};

struct members {
	struct check *k;
	struct mind *minds; /* owned, by host */
	uint32_t count;
};

static struct mind *
mind_at(struct members *m, uint32_t host)
{
	while (m->count <= host) {
		m->minds = array_add(m->minds, &m->count, sizeof *m->minds);
		m->minds[m->count - 1].unheard_at = (mono){INT64_MIN / 2};
	}
	return &m->minds[host];
}

static bool
is_gone(enum member_state s)
{
	return s == MEMBER_DEAD || s == MEMBER_LEFT;
}

/* M1: an incarnation never falls.  M2: who is gone comes back only with a
 * larger one. */
static void
check_opinion(struct world *w, struct mind *mind, member_id id,
	const struct member *m)
{
	uint64_t name = hash_text(m->name, 0);
	while (mind->count <= id)
		mind->beliefs = array_add(
			mind->beliefs, &mind->count, sizeof *mind->beliefs);
	struct belief *o = &mind->beliefs[id];
	if (o->name == name && m->incarnation < o->incarnation)
		world_violated(w, "M1", "the incarnation of %s fell", m->name);
	if (o->name == name && is_gone(o->state) && !is_gone(m->state) &&
		m->incarnation == o->incarnation)
		world_violated(w, "M2", "%s is back under incarnation %llx",
			m->name, (unsigned long long)m->incarnation);
	*o = (struct belief){name, m->state, m->incarnation};
}

/* M4: who is gone is DEAD at all well hosts after a while. */
static void
check_gone(struct members *m, uint32_t host, const struct member *about)
{
	const struct check *k = m->k;
	if (about->state != MEMBER_ALIVE && about->state != MEMBER_SUSPECT)
		return;
	uint32_t x = check_host_of(k, about->name);
	if (x == WORLD_NO_HOST || x == host || x >= k->host_count ||
		k->w->hosts[x].is_running ||
		mono_diff(k->w->now, k->hosts[x].down_at) < DETECT_MS ||
		check_calm_ms(k, host) < DETECT_MS)
		return;
	/* Another may have vouched for it, itself not well. */
	for (uint32_t p = 0; p < k->w->count; p++)
		if (p != x && k->w->hosts[p].is_running &&
			check_pair_ms(k, host, p) < DETECT_MS && p != host)
			return;
	world_violated(k->w, "M4", "%s still counts %s in, which is down",
		k->w->hosts[host].name, about->name);
}

static void
scan(struct members *m, uint32_t host)
{
	const struct core *c = m->k->w->hosts[host].core;
	struct mind *mind = mind_at(m, host);
	for (member_id id = 0; id < c->members.count; id++) {
		const struct member *about = member_get(c, id);
		check_opinion(m->k->w, mind, id, about);
		if (id != MEMBER_SELF)
			check_gone(m, host, about);
	}
	member_check(c);
	mind->digest = c->members.view_digest;
	mind->scan_in = SCAN_EVERY;
}

/* --- Whom a host asks before it calls another one dead --- */

static struct question *
question_at(struct members *m, uint32_t host, uint32_t about)
{
	struct mind *mind = mind_at(m, host);
	while (mind->question_count <= about)
		mind->questions = array_add(mind->questions,
			&mind->question_count, sizeof *mind->questions);
	return &mind->questions[about];
}

/* Whether 'p' is surely one of those who can be asked about 'x'. */
static bool
can_be_asked(const struct core *c, const struct member *p, const char *x)
{
	return p->link && p->state == MEMBER_ALIVE && p->has_rx &&
	       strcmp(p->name, x) != 0 &&
	       mono_diff(c->now, p->last_rx) < c->settings.failure_timeout_ms;
}

static uint32_t
count_askable(const struct core *c, const char *x)
{
	uint32_t n = 0;
	for (member_id id = 1; id < c->members.count; id++)
		n += can_be_asked(c, member_get(c, id), x);
	return n;
}

/* A query goes out; those of one moment are one round.  Returns about whom. */
static uint32_t
on_query(struct members *m, uint32_t host, const struct effect_send *send)
{
	const struct core *c = m->k->w->hosts[host].core;
	skep_LastHeardQuery q = skep_LastHeardQuery_init_zero;
	if (!wire_decode(WIRE_LAST_HEARD_QUERY, send->body, &q))
		return WORLD_NO_HOST;
	uint32_t x = check_host_of(m->k, q.node);
	member_id to = MEMBER_NONE;
	for (member_id id = 1; id < c->members.count; id++)
		if (member_get(c, id)->link == send->link)
			to = id;
	if (x == WORLD_NO_HOST || to == MEMBER_NONE)
		return WORLD_NO_HOST;
	struct question *question = question_at(m, host, x);
	if (question->at.ms != m->k->w->now.ms)
		*question = (struct question){.at = m->k->w->now};
	if (question->count < ASKED_MAX)
		question->asked[question->count++] =
			check_host_of(m->k, member_get(c, to)->name);
	return x;
}

/* M8: as many are asked as there are, up to a bound. */
static void
check_asked(struct members *m, uint32_t host, uint32_t x)
{
	if (x == WORLD_NO_HOST)
		return;
	const struct core *c = m->k->w->hosts[host].core;
	const struct question *q = question_at(m, host, x);
	const char *name = m->k->w->hosts[x].name;
	uint32_t n = count_askable(c, name);
	if (q->count < n && q->count < ASKED_MAX)
		world_violated(m->k->w, "M8", "%s asked %u of %u about %s",
			c->config.node, q->count, n, name);
}

/* The queries of a step. */
static void
on_queries(struct members *m, uint32_t host, const struct effects *fx)
{
	uint32_t last = WORLD_NO_HOST;
	for (size_t i = 0; i < fx->count; i++) {
		const struct effect *e = &fx->items[i];
		if (e->kind != EFFECT_SEND ||
			e->send.type != WIRE_LAST_HEARD_QUERY)
			continue;
		uint32_t x = on_query(m, host, &e->send);
		if (x != last)
			check_asked(m, host, last);
		last = x;
	}
	check_asked(m, host, last);
}

static bool
is_asked(struct members *m, uint32_t accuser, uint32_t about, uint32_t p)
{
	const struct question *q = question_at(m, accuser, about);
	for (uint32_t i = 0; i < q->count; i++)
		if (q->asked[i] == p)
			return true;
	return false;
}

/* Whether the accuser means the installation that runs there now.  One that
 * another took the place of is dead, and the new one is not let in before. */
static bool
is_the_same(const struct check *k, uint32_t accuser, uint32_t x)
{
	const struct core *c = k->w->hosts[accuser].core;
	member_id id = member_find(c, k->w->hosts[x].name);
	uint64_t known = id == MEMBER_NONE ? 0 : member_get(c, id)->node_id;
	return !known || known == k->w->hosts[x].config.node_id;
}

/* M3: nobody declares a host dead that is well, while a third one that was
 * asked last stands well between them.  (Who was not asked, of many, and
 * hears the dead one passes the obituary on to it, and it refutes.  Who has
 * left meanwhile is asked no more.) */
static void
check_death(struct members *m, uint32_t accuser, uint32_t x)
{
	struct check *k = m->k;
	if (check_calm_ms(k, x) < WELL_MS ||
		check_calm_ms(k, accuser) < WELL_MS)
		return;
	if (k->w->hosts[x].core->members.has_left ||
		!is_the_same(k, accuser, x))
		return;
	if (check_pair_ms(k, accuser, x) >= WELL_MS)
		world_violated(k->w, "M3", "%s declared %s dead, which is well",
			k->w->hosts[accuser].name, k->w->hosts[x].name);
	for (uint32_t p = 0; p < k->w->count; p++)
		if (p != x && p != accuser && is_asked(m, accuser, x, p) &&
			check_pair_ms(k, accuser, p) >= WELL_MS &&
			check_pair_ms(k, p, x) >= WELL_MS &&
			!k->w->hosts[p].core->members.has_left)
			world_violated(k->w, "M3",
				"%s declared %s dead, which %s hears",
				k->w->hosts[accuser].name, k->w->hosts[x].name,
				k->w->hosts[p].name);
}

/* M8: one accuser alone never produces DEAD where another could be asked: an
 * answer that it was not heard either comes first. */
static void
check_accuser(struct members *m, uint32_t accuser, const char *x)
{
	const struct core *c = m->k->w->hosts[accuser].core;
	struct mind *mind = mind_at(m, accuser);
	if (!count_askable(c, x) || check_calm_ms(m->k, accuser) < 10000)
		return;
	if (mono_diff(m->k->w->now, mind->unheard_at) > 3000)
		world_violated(m->k->w, "M8",
			"%s declared %s dead and nobody else had missed it",
			m->k->w->hosts[accuser].name, x);
}

/* A death by silence; others are heard of. */
static void
on_down(struct members *m, uint32_t host, const struct effect_note *note)
{
	struct check *k = m->k;
	uint32_t x = check_host_of(k, note->name);
	if (x == WORLD_NO_HOST)
		return;
	if (!k->w->hosts[x].is_running && x < k->host_count &&
		check_calm_ms(k, host) >
			mono_diff(k->w->now, k->hosts[x].down_at))
		check_times_add(&k->stats->detection,
			mono_diff(k->w->now, k->hosts[x].down_at));
	if (strncmp(note->text, "silent for", 10) != 0)
		return;
	k->stats->deaths++;
	k->stats->false_deaths += k->w->hosts[x].is_running;
	check_accuser(m, host, note->name);
	check_death(m, host, x);
}

/* Whether a host has a link, or had it before this step. */
static bool
has_link(const struct core *c, uint32_t link, const struct effects *fx)
{
	bool is_there = false;
	for (member_id id = 1; id < c->members.count; id++)
		is_there |= member_get(c, id)->link == link;
	for (uint32_t i = 0; i < PENDING_MAX; i++)
		is_there |= c->members.pending[i].link == link;
	for (size_t i = 0; i < fx->count; i++)
		is_there |= fx->items[i].kind == EFFECT_LINK_CLOSE &&
			    fx->items[i].link_close.link == link;
	return is_there;
}

/* M6: a host that learns that it is held for dead takes a larger incarnation
 * in the same step, before it starts anything.  What comes on a link that it
 * has closed it does not learn. */
static void
check_refuted(struct members *m, uint32_t host, const struct input_recv *in,
	const struct effects *fx)
{
	const struct core *c = m->k->w->hosts[host].core;
	skep_MemberNews news = skep_MemberNews_init_zero;
	if (!has_link(c, in->link, fx) ||
		!wire_decode(WIRE_MEMBER_NEWS, in->body, &news) ||
		strcmp(news.node, c->config.node) != 0 ||
		news.node_id != c->config.node_id ||
		news.state != MEMBER_DEAD || c->members.has_left)
		return;
	if (member_get(c, MEMBER_SELF)->incarnation <= news.incarnation)
		world_violated(m->k->w, "M6",
			"%s knows that it is held for dead and keeps "
			"incarnation %llx",
			c->config.node, (unsigned long long)news.incarnation);
}

static void
on_answer(struct members *m, uint32_t host, struct bytes body)
{
	const struct core *c = m->k->w->hosts[host].core;
	skep_LastHeardAnswer a = skep_LastHeardAnswer_init_zero;
	if (!wire_decode(WIRE_LAST_HEARD_ANSWER, body, &a))
		return;
	member_id id = member_find(c, a.node);
	uint64_t known = id == MEMBER_NONE ? 0 : member_get(c, id)->node_id;
	/* One installed anew is heard under the name of the one asked about. */
	bool is_other = known && a.node_id && a.node_id != known;
	if (is_other || a.age_ms < 0 ||
		a.age_ms >= c->settings.failure_timeout_ms)
		mind_at(m, host)->unheard_at = m->k->w->now;
}

static bool
is_transition(enum note_kind kind)
{
	return kind == NOTE_NODE_UP || kind == NOTE_NODE_SUSPECT ||
	       kind == NOTE_NODE_DOWN || kind == NOTE_NODE_LEFT;
}

/* Whether a step was no more than signs of life: one host cannot look at all
 * of many others each time that one of them says that it is there. */
static bool
is_sign(const struct input *in, const struct effects *fx)
{
	bool is_heard =
		in->kind == INPUT_RECV && in->recv.type == WIRE_HEARTBEAT;
	if (!is_heard && in->kind != INPUT_TICK)
		return false;
	for (size_t i = 0; i < fx->count; i++)
		if (fx->items[i].kind != EFFECT_SEND ||
			fx->items[i].send.type != WIRE_HEARTBEAT)
			return false;
	return is_heard || fx->count > 0;
}

static void
on_step(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx, void *context)
{
	struct members *m = context;
	const struct core *c = w->hosts[host].core;
	struct mind *mind = mind_at(m, host);
	bool is_due = !is_sign(in, fx) ||
		      mind->digest != c->members.view_digest ||
		      mind->scan_in-- == 0;
	if (in->kind == INPUT_RECV && in->recv.type == WIRE_LAST_HEARD_ANSWER)
		on_answer(m, host, in->recv.body);
	if (in->kind == INPUT_RECV && in->recv.type == WIRE_MEMBER_NEWS)
		check_refuted(m, host, &in->recv, fx);
	on_queries(m, host, fx);
	for (size_t i = 0; i < fx->count; i++) {
		const struct effect *e = &fx->items[i];
		if (e->kind != EFFECT_NOTE || !is_transition(e->note.kind))
			continue;
		/* M7: when nothing happens, nobody changes. */
		if (m->k->phase == WORLD_PHASE_QUIET)
			world_violated(w, "M7", "%s: %s: %s",
				note_kind_name(e->note.kind), e->note.name,
				e->note.text);
		if (e->note.kind == NOTE_NODE_DOWN)
			on_down(m, host, &e->note);
	}
	if (is_due)
		scan(m, host);
}

static void
on_fault(struct world *w, const struct world_fault_event *e, void *context)
{
	struct members *m = context;
	(void)w;
	if (e->what != WORLD_FAULT_START || e->a == WORLD_NO_HOST)
		return;
	mind_at(m, e->a)->count = 0;
	mind_at(m, e->a)->question_count = 0;
}

/* M5: all running hosts have one digest of their view, and it holds exactly
 * those who run. */
static void
check_settled(struct members *m)
{
	const struct world *w = m->k->w;
	const struct core *first = NULL;
	for (uint32_t a = 0; a < w->count; a++) {
		const struct core *c = check_core(m->k, a);
		if (!c)
			continue;
		scan(m, a);
		first = first ? first : c;
		if (c->members.view_digest != first->members.view_digest)
			world_violated(m->k->w, "M5",
				"%s and %s have different views",
				first->config.node, c->config.node);
		for (uint32_t b = 0; b < w->count; b++) {
			member_id id = member_find(c, w->hosts[b].name);
			bool is_in =
				id != MEMBER_NONE && member_is_present(c, id);
			if (is_in && !w->hosts[b].is_running &&
				!w->hosts[b].is_aside)
				world_violated(m->k->w, "M4",
					"%s still counts %s in, which is down",
					c->config.node, w->hosts[b].name);
		}
	}
}

static void
on_phase(struct world *w, enum world_phase phase, void *context)
{
	(void)w;
	if (phase == WORLD_PHASE_SETTLED)
		check_settled(context);
}

static void
on_end(struct world *w, void *context)
{
	struct members *m = context;
	(void)w;
	for (uint32_t i = 0; i < m->count; i++) {
		free(m->minds[i].beliefs);
		free(m->minds[i].questions);
	}
	free(m->minds);
	free(m);
}

void
check_member(struct check *k)
{
	struct members *m = calloc(1, sizeof *m);
	CHECK(m);
	m->k = k;
	world_observe(k->w, &(struct world_observer){
				    .name = "members",
				    .on_step = on_step,
				    .on_fault = on_fault,
				    .on_phase = on_phase,
				    .on_end = on_end,
				    .context = m,
			    });
}
