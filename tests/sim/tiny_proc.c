/* The keepers of a tiny world, and what becomes of the service's state. */
#include <signal.h>
#include <string.h>

#include "tests/sim/tiny.h"

/* --- States --- */

static bool
is_same(struct tiny_state a, struct tiny_state b)
{
	return a.birth == b.birth && a.lives == b.lives;
}

struct tiny_state
tiny_state_of(const uint8_t root[DIGEST_SIZE])
{
	struct tiny_state s;
	memcpy(&s.birth, root, sizeof s.birth);
	memcpy(&s.lives, root + 4, sizeof s.lives);
	return s;
}

static void
root_of(struct tiny_state s, uint8_t root[DIGEST_SIZE])
{
	memset(root, 0x5a, DIGEST_SIZE);
	memcpy(root, &s.birth, sizeof s.birth);
	memcpy(root + 4, &s.lives, sizeof s.lives);
}

static bool
is_sealed_on(const struct tiny_host *h, struct tiny_state s)
{
	for (uint32_t i = 0; i < h->sealed_count; i++)
		if (is_same(h->sealed[i], s))
			return true;
	return false;
}

/* Whether its process, or what that put aside, holds it. */
static bool
is_in_process(const struct tiny_host *h, struct tiny_state s)
{
	const struct tiny_proc *p = &h->proc;
	bool has = p->phase == TINY_STARTING || p->phase == TINY_RUNNING ||
		   (p->phase != TINY_NOTHING && p->has_out);
	return has && is_same(p->state, s);
}

bool
tiny_has_home(const struct tiny *t, struct tiny_state s)
{
	for (uint32_t i = 0; i < t->count; i++) {
		const struct tiny_host *h = t->hosts[i];
		if (!h->is_gone && (is_sealed_on(h, s) || is_in_process(h, s)))
			return true;
	}
	return false;
}

static void
seal(struct tiny_host *h, struct tiny_state s, uint64_t epoch)
{
	uint32_t i = 0;
	while (i < h->sealed_count && !is_same(h->sealed[i], s))
		i++;
	CHECK(i < TINY_STATES);
	h->sealed_count += i == h->sealed_count;
	h->sealed[i] = s;
	h->sealed_epochs[i] = epoch;
}

static void
drop(struct tiny_host *h, struct tiny_state s)
{
	for (uint32_t i = 0; i < h->sealed_count; i++) {
		if (!is_same(h->sealed[i], s))
			continue;
		uint32_t last = --h->sealed_count;
		h->sealed[i] = h->sealed[last];
		h->sealed_epochs[i] = h->sealed_epochs[last];
		h->sealed[last] = (struct tiny_state){0};
		h->sealed_epochs[last] = 0;
		return;
	}
}

/* Both records say whether there is a root before they say which: a flag, the
 * length (u32), the root. */
static bool
is_named_in(const struct tiny_record *r, struct tiny_state s)
{
	uint8_t root[DIGEST_SIZE];
	root_of(s, root);
	const unsigned char *at =
		r->size ? memmem(r->value, r->size, root, DIGEST_SIZE) : NULL;
	return at && at - r->value >= 5 && at[-5];
}

/* Whether a record of the host names it: the newest version, or the newest
 * that is durable. */
static bool
is_named_on(const struct tiny_host *h, struct tiny_state s, bool is_durable)
{
	const struct tiny_record *last[TABLE_COUNT] = {NULL};
	for (uint32_t i = 0; i < h->record_count; i++)
		last[h->records[i].table] = &h->records[i];
	for (uint32_t i = 0; i < h->dirty_count && !is_durable; i++)
		last[h->dirty[i].table] = &h->dirty[i];
	for (int table = TABLE_OWNER; table <= TABLE_HANDOFF; table++)
		if (last[table] && is_named_in(last[table], s))
			return true;
	return false;
}

static bool
is_kept_on(const struct tiny_host *h, struct tiny_state s, bool is_durable)
{
	return !h->is_gone && is_sealed_on(h, s) &&
	       is_named_on(h, s, is_durable);
}

static bool
is_kept(const struct tiny *t, struct tiny_state s, bool is_durable)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (is_kept_on(t->hosts[i], s, is_durable))
			return true;
	return false;
}

void
tiny_on_loss(struct tiny *t)
{
	struct tiny_net *n = t->net;
	bool is_kept_on_any = is_kept(t, n->newest, false);
	for (uint32_t i = 0; i < t->count; i++)
		is_kept_on_any |= is_in_process(t->hosts[i], n->newest);
	n->is_lost |= !is_kept_on_any;
	n->is_frozen = is_kept(t, n->newest, true);
}

void
tiny_on_record(struct tiny *t, const struct tiny_record *r)
{
	t->net->is_frozen |=
		(r->table == TABLE_OWNER || r->table == TABLE_HANDOFF) &&
		is_named_in(r, t->net->newest);
}

/* A process ended and took what was in its memory with it: the newest state
 * is the one it had started from, while it has not served and somebody keeps
 * it.  (Who gave it away lets go of it when the new instance is ready, and
 * that is right.) */
static void
fall_back(struct tiny *t, uint32_t host, struct tiny_state was)
{
	struct tiny_net *n = t->net;
	if (n->is_lost || !is_same(n->newest, was) || tiny_has_home(t, was))
		return;
	struct tiny_state before = {was.birth, was.lives - 1};
	if (before.lives > 0 && is_named_on(t->hosts[host], before, false) &&
		is_kept(t, before, false))
		n->newest = before;
	else
		n->is_lost = true;
}

/* --- Starting --- */

static uint32_t
live_elsewhere(const struct tiny *t, uint32_t host)
{
	uint32_t live = 0;
	for (uint32_t i = 0; i < t->count; i++)
		live += i != host && t->hosts[i]->proc.phase != TINY_NOTHING &&
			t->hosts[i]->proc.phase != TINY_EMPTY;
	return live;
}

bool
tiny_is_at_hand(const struct tiny *t, uint32_t host)
{
	struct tiny_state s = t->net->newest;
	for (uint32_t i = 0; i < t->count; i++) {
		const struct tiny_host *h = t->hosts[i];
		bool has = is_kept_on(h, s, false) || is_in_process(h, s);
		if (i == host ? has
			      : has && h->is_keeper_up &&
					!tiny_is_buried(t, host, i))
			return true;
	}
	return false;
}

/* H9: the record on its own disk says that it gave this epoch away. */
static bool
is_committed_away(const struct tiny_host *h, uint64_t epoch)
{
	for (uint32_t i = 0; i < h->record_count; i++) {
		const struct tiny_record *r = &h->records[i];
		uint64_t given = 0;
		if (r->table != TABLE_HANDOFF ||
			r->value[1] != HANDOFF_COMMITTED)
			continue;
		for (int n = 8; n-- > 0;)
			given = given << 8 | r->value[2 + n];
		if (epoch <= given + 1)
			return true;
	}
	return false;
}

/* V5.  A host that lost its disk knows nothing of before, and those who know
 * are not asked: a gap, see FOUND.md. */
static bool
is_used(const struct tiny_net *n, uint32_t by, uint64_t epoch)
{
	for (uint32_t host = 0; host < TINY_HOSTS; host++)
		for (uint32_t i = host == by ? n->wiped_at[host] : 0;
			i < n->used_count[host]; i++)
			if (n->epochs_used[host][i] == epoch &&
				(host == by || !n->is_wiped[by]))
				return true;
	return false;
}

/* Whether the newest state is that of another copy, which loses (DESIGN 9): its
 * host has it put aside, to be kept and not started from. */
static bool
is_newest_lost(const struct tiny *t, struct tiny_state mine)
{
	const struct tiny_state newest = t->net->newest;
	uint8_t root[DIGEST_SIZE];
	root_of(newest, root);
	for (uint32_t i = 0; i < t->count; i++) {
		const struct tiny_host *h = t->hosts[i];
		bool gives_way =
			h->is_up &&
			(handoff_is_yield(h->core, TINY_NAME) ||
				conflict_needs_state(h->core, TINY_NAME, root));
		bool has = is_in_process(h, newest) || is_sealed_on(h, newest);
		if (gives_way && has && mine.birth != newest.birth)
			return true;
	}
	return false;
}

/* Whether a service that must not go without its state starts on another host
 * without it, although the one that it ran on last is there. */
static bool
is_without(const struct tiny *t, uint32_t host, const struct tiny_held *e)
{
	const struct tiny_net *n = t->net;
	uint32_t last = n->last_host;
	return t->is_required && !e->has_state && host != last &&
	       !n->is_waived && n->spent[BUDGET_POWER] == 0 &&
	       !n->is_wiped[host] && !n->is_wiped[last] &&
	       t->hosts[last]->is_keeper_up && !tiny_is_buried(t, host, last);
}

static const char *
judge_start(const struct tiny *t, uint32_t host, const struct tiny_held *e)
{
	const struct tiny_net *n = t->net;
	if (e->has_state && !is_sealed_on(t->hosts[host], e->state))
		return "H4: it starts from a state that is not whole here";
	if (is_committed_away(t->hosts[host], e->epoch))
		return "H9: it starts again where it was COMMITTED";
	if (n->is_split)
		return NULL;
	if (t->kind == TINY_FIRST ? tiny_judge_first(t, host) != NULL
				  : live_elsewhere(t, host) > 0)
		return t->kind == TINY_FIRST ? tiny_judge_first(t, host)
					     : "H1: two live copies";
	if (is_without(t, host, e))
		return "H3: its state is required, and it starts without it";
	if (is_used(n, host, e->epoch))
		return "V5: an epoch is used twice";
	if (n->is_lost || (e->has_state && is_same(e->state, n->newest)))
		return NULL;
	if (e->has_state)
		return is_newest_lost(t, e->state)
			       ? NULL
			       : "H3: it starts from an old state";
	return e->is_at_hand && tiny_is_at_hand(t, host)
		       ? "H3: it starts with nothing, and its state is there"
		       : NULL;
}

static void
start(struct tiny *t, uint32_t host, const struct tiny_held *e)
{
	struct tiny_host *h = t->hosts[host];
	struct tiny_net *n = t->net;
	bool is_busy =
		h->proc.phase != TINY_NOTHING && h->proc.phase != TINY_EMPTY;
	if (e->is_void || is_busy) {
		h->busy_epoch = e->epoch;
		h->busy_blame = e->is_void ? BLAME_STOPPED : BLAME_BUSY;
		return;
	}
	tiny_notice_split(t);
	const char *wrong = judge_start(t, host, e);
	if (wrong && !t->wrong)
		t->wrong = wrong;
	CHECK(n->used_count[host] < TINY_EPOCHS);
	n->epochs_used[host][n->used_count[host]++] = e->epoch;
	n->spent[BUDGET_START]++;
	h->proc = (struct tiny_proc){
		.phase = TINY_STARTING,
		.epoch = e->epoch,
		.run_digest = e->run_digest,
		.state = e->state,
	};
	n->last_host = host;
	n->is_waived = false;
	if (t->kind == TINY_FIRST)
		return; /* it has none, and nothing to lose */
	if (!e->has_state)
		h->proc.state = (struct tiny_state){++n->births, 0};
	h->proc.state.lives++;
	n->newest = h->proc.state;
	n->is_lost = n->is_frozen = false;
}

bool
tiny_deliver_busy(struct tiny *t, uint32_t host)
{
	struct tiny_host *h = t->hosts[host];
	struct input in = {.kind = INPUT_START_FAILED};
	if (!h->busy_epoch)
		return false;
	in.start_failed = (struct input_start_failed){
		.name = TINY_NAME,
		.epoch = h->busy_epoch,
		.blame = h->busy_blame,
		.text = "it is refused",
	};
	h->busy_epoch = 0;
	tiny_step(t, host, &in);
	return true;
}

/* --- What the core wants --- */

static void
signal_proc(struct tiny *t, uint32_t host, const struct tiny_held *e)
{
	struct tiny_proc *p = &t->hosts[host]->proc;
	bool is_yield = t->hosts[host]->core &&
			handoff_is_yield(t->hosts[host]->core, TINY_NAME);
	if (p->epoch != e->epoch || p->phase > TINY_RUNNING)
		return;
	if (e->is_handoff) {
		p->is_asked = true;
		p->is_mute = false;
		p->answer = 0; /* it is asked anew */
		return;
	}
	if (p->answer == ANSWER_IGNORE && !t->net->is_split && !is_yield)
		t->wrong = "it asked to stay where it is, and is stopped";
	p->is_told = true;
}

void
tiny_perform_proc(struct tiny *t, uint32_t host, const struct tiny_held *e)
{
	struct tiny_host *h = t->hosts[host];
	struct tiny_proc *p = &h->proc;
	bool is_its = p->phase != TINY_NOTHING && p->epoch == e->epoch;
	if (e->kind == EFFECT_START) {
		start(t, host, e);
	} else if (e->kind == EFFECT_SIGNAL) {
		signal_proc(t, host, e);
	} else if (e->kind == EFFECT_KILL && is_its) {
		p->is_told = true;
	} else if (e->kind == EFFECT_RELEASE && is_its) {
		struct tiny_state was = p->state;
		CHECK(p->phase == TINY_EMPTY);
		*p = (struct tiny_proc){0};
		fall_back(t, host, was);
	} else if (e->kind == EFFECT_DUMP) {
		h->is_dumping = true;
	} else if (e->kind == EFFECT_FETCH) {
		h->is_fetching = e->state;
		h->fetch_from = e->link;
	} else if (e->kind == EFFECT_DROP) {
		drop(h, e->state);
	}
}

/* --- What happens --- */

bool
tiny_can_do(const struct tiny *t, uint32_t host, enum tiny_deed deed)
{
	const struct tiny_host *h = t->hosts[host];
	const struct tiny_proc *p = &h->proc;
	if (!h->is_keeper_up)
		return false;
	switch (deed) {
	case DEED_STARTED:
		return p->phase == TINY_STARTING;
	case DEED_READY:
		return p->phase == TINY_RUNNING && !p->is_ready;
	case DEED_ANSWER: /* a last rename when it is stopped counts */
		return p->phase == TINY_RUNNING && p->is_asked && !p->has_out &&
		       !p->answer && (!p->is_mute || p->is_told);
	case DEED_EXIT:
		return (p->phase == TINY_STARTING ||
			       p->phase == TINY_RUNNING) &&
		       p->is_told;
	case DEED_EMPTY:
		return p->phase == TINY_EXITED;
	case DEED_DUMP:
		return h->is_up && h->is_dumping;
	case DEED_FETCH:
		return h->is_up && h->is_fetching.birth;
	case DEED_COUNT:
		break;
	}
	return false;
}

static void
tell(struct tiny *t, uint32_t host, enum input_kind kind, uint8_t answer)
{
	struct tiny_host *h = t->hosts[host];
	struct input in = {.kind = kind};
	if (!h->is_up)
		return;
	in.proc = (struct input_proc){
		.name = TINY_NAME,
		.epoch = h->proc.epoch,
		.pid = (uint32_t)(1000 + h->proc.epoch),
		.answer = answer,
		.status = h->proc.status,
	};
	tiny_step(t, host, &in);
}

static void
dump(struct tiny *t, uint32_t host)
{
	struct tiny_host *h = t->hosts[host];
	struct input in = {.kind = INPUT_DUMPED};
	bool has = h->proc.phase != TINY_NOTHING && h->proc.has_out;
	h->is_dumping = false;
	in.dumped = (struct input_dumped){
		.name = TINY_NAME,
		.epoch = h->proc.epoch,
		.is_ok = has,
		.is_absent = !has,
		.size = 1000,
		.text = has ? "" : "no state could be read",
	};
	root_of(h->proc.state, in.dumped.root);
	if (has)
		seal(h, h->proc.state, h->proc.epoch);
	tiny_step(t, host, &in);
}

static void
fetch(struct tiny *t, uint32_t host)
{
	struct tiny_host *h = t->hosts[host];
	struct input in = {.kind = INPUT_FETCHED};
	uint32_t from = h->fetch_from;
	bool can = tiny_is_reachable(t, host, from) &&
		   is_sealed_on(t->hosts[from], h->is_fetching);
	in.fetched = (struct input_fetched){
		.name = TINY_NAME,
		.is_ok = can,
		.is_final = true,
		.bytes = can ? 1000 : 0,
		.text = can ? "" : "the state could not be fetched",
	};
	root_of(h->is_fetching, in.fetched.root);
	if (can)
		seal(h, h->is_fetching, 0);
	h->is_fetching = (struct tiny_state){0};
	tiny_step(t, host, &in);
}

/* Its leader ends; what it put aside stays. */
static void
leave(struct tiny *t, uint32_t host, int32_t status)
{
	struct tiny_proc *p = &t->hosts[host]->proc;
	p->phase = TINY_EXITED;
	p->status = status;
	fall_back(t, host, p->state);
	tell(t, host, INPUT_EXITED, 0);
}

static void
become_ready(struct tiny *t, uint32_t host)
{
	struct tiny_proc *p = &t->hosts[host]->proc;
	struct input in = {.kind = INPUT_NEWS};
	p->is_ready = true;
	if (!t->hosts[host]->is_up)
		return;
	in.news = (struct input_news){
		.name = TINY_NAME,
		.epoch = p->epoch,
		.kind = NEWS_READY,
		.text = "",
	};
	tiny_step(t, host, &in);
}

void
tiny_do(struct tiny *t, uint32_t host, enum tiny_deed deed)
{
	struct tiny_proc *p = &t->hosts[host]->proc;
	t->touched |= (uint8_t)(1u << host);
	switch (deed) {
	case DEED_STARTED:
		p->phase = TINY_RUNNING;
		p->is_ready = !t->has_readiness;
		tell(t, host, INPUT_STARTED, 0);
		break;
	case DEED_READY:
		become_ready(t, host);
		break;
	case DEED_ANSWER:
		p->has_out = true;
		p->answer = ANSWER_RESUME;
		tell(t, host, INPUT_ANSWERED, ANSWER_RESUME);
		break;
	case DEED_EXIT:
		leave(t, host, 0);
		break;
	case DEED_EMPTY:
		p->phase = TINY_EMPTY;
		tiny_on_left(t, host);
		tell(t, host, INPUT_EMPTY, 0);
		break;
	case DEED_DUMP:
		dump(t, host);
		break;
	case DEED_FETCH:
		fetch(t, host);
		break;
	case DEED_COUNT:
		UNREACHABLE();
	}
	tiny_settle(t);
}

bool
tiny_can_answer(const struct tiny *t, uint32_t host)
{
	const struct tiny_proc *p = &t->hosts[host]->proc;
	return t->hosts[host]->is_keeper_up && p->phase == TINY_RUNNING &&
	       p->is_asked && !p->has_out && !p->answer && !p->is_mute &&
	       !p->is_told;
}

void
tiny_answer(struct tiny *t, uint32_t host, enum tiny_answer answer)
{
	static const uint8_t said[TINY_ANSWERS] = {
		[TINY_RESTART] = ANSWER_RESTART,
		[TINY_IGNORE] = ANSWER_IGNORE,
		[TINY_UNSUPPORTED] = ANSWER_UNSUPPORTED,
	};
	struct tiny_proc *p = &t->hosts[host]->proc;
	t->touched |= (uint8_t)(1u << host);
	p->is_mute = answer == TINY_SILENCE;
	p->is_asked = answer != TINY_UNSUPPORTED;
	t->net->is_waived |= answer == TINY_RESTART;
	if (answer == TINY_RESTART || answer == TINY_IGNORE)
		p->answer = said[answer];
	if (answer == TINY_DEATH)
		leave(t, host, SIGUSR1);
	else if (answer != TINY_SILENCE)
		tell(t, host, INPUT_ANSWERED, said[answer]);
	tiny_settle(t);
}

bool
tiny_can_end(const struct tiny *t, uint32_t host)
{
	const struct tiny_proc *p = &t->hosts[host]->proc;
	return t->hosts[host]->is_keeper_up && p->phase == TINY_RUNNING;
}

void
tiny_end(struct tiny *t, uint32_t host)
{
	t->touched |= (uint8_t)(1u << host);
	leave(t, host, 1 << 8);
	tiny_settle(t);
}

void
tiny_sealed(struct tiny *t, uint32_t host)
{
	struct tiny_host *h = t->hosts[host];
	bool was_fetched = false;
	for (uint32_t i = h->sealed_count; i-- > 0;) {
		struct input in = {.kind = INPUT_SEALED};
		in.sealed.name = TINY_NAME;
		in.sealed.epoch = h->sealed_epochs[i];
		root_of(h->sealed[i], in.sealed.root);
		was_fetched |= h->sealed_epochs[i] == 0 &&
			       is_same(h->sealed[i], t->net->newest);
		tiny_step(t, host, &in);
	}
	/* What was fetched before its source was gone for ever, and not
	 * STAGED: nobody was told that it is here. */
	t->net->is_lost |= was_fetched && !t->net->is_frozen &&
			   !tiny_has_home(t, t->net->newest);
}

void
tiny_end_proc(struct tiny *t, uint32_t host)
{
	struct tiny_proc was = t->hosts[host]->proc;
	t->hosts[host]->proc = (struct tiny_proc){0};
	tiny_on_left(t, host);
	if (was.phase != TINY_NOTHING)
		fall_back(t, host, was.state);
}

void
tiny_found(struct tiny *t, uint32_t host)
{
	const struct tiny_proc p = t->hosts[host]->proc;
	struct input in = {.kind = INPUT_FOUND};
	bool is_alive = p.phase == TINY_STARTING || p.phase == TINY_RUNNING;
	if (p.phase == TINY_NOTHING)
		return;
	in.found = (struct input_found){
		.name = TINY_NAME,
		.epoch = p.epoch,
		.run_digest = p.run_digest,
		.pid = is_alive ? (uint32_t)(1000 + p.epoch) : 0,
		.status = p.status,
		.is_empty = p.phase == TINY_EMPTY,
		.is_ready = p.is_ready,
		.started_wall_ms = TINY_WALL_MS,
		.has_run = p.phase != TINY_STARTING,
	};
	tiny_step(t, host, &in);
}

void
tiny_answer_again(struct tiny *t, uint32_t host)
{
	const struct tiny_proc *p = &t->hosts[host]->proc;
	if (p->phase == TINY_RUNNING && p->answer)
		tell(t, host, INPUT_ANSWERED, p->answer);
}
