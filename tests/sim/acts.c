#include "tests/sim/acts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire.h"

#define TIMERS_MAX 9

static const char *const act_names[] = {
#define X(act, name, is_fault) [act] = name,
	ACTIONS(X)
#undef X
};

static const char *const deed_names[] = {
	[DEED_STARTED] = "started on",
	[DEED_READY] = "ready on",
	[DEED_ANSWER] = "state put aside on",
	[DEED_EXIT] = "leader exits on",
	[DEED_EMPTY] = "nothing is left on",
	[DEED_DUMP] = "state sealed on",
	[DEED_FETCH] = "fetch ends on",
};

static const char *const answer_names[] = {
	[TINY_RESTART] = "nothing to carry, says it on",
	[TINY_IGNORE] = "to be left alone, says it on",
	[TINY_UNSUPPORTED] = "does not catch the signal on",
	[TINY_SILENCE] = "will not answer on",
	[TINY_DEATH] = "dies of the signal on",
};

static bool
has_budget(const struct tiny *t, enum tiny_budget budget)
{
	return t->net->spent[budget] < t->limit[budget];
}

/* --- Timers --- */

/* Whether all that is under way has come to an end, but for timers. */
static bool
is_idle(const struct tiny *t)
{
	for (uint32_t a = 0; a < t->count; a++) {
		for (uint32_t b = 0; b < t->count; b++)
			if (tiny_is_next(t, a, b, 0) ||
				(t->is_talkative && tiny_has_news(t, a, b)))
				return false;
		for (uint32_t d = 0; d < DEED_COUNT; d++)
			if (tiny_can_do(t, a, (enum tiny_deed)d))
				return false;
		if (t->hosts[a]->is_up && t->hosts[a]->dirty_count)
			return false;
	}
	return true;
}

static void
add_timer(mono at, mono timers[TIMERS_MAX], uint32_t *count)
{
	uint32_t i = 0;
	if (at.ms == MONO_NEVER.ms)
		return;
	while (i < *count && timers[i].ms < at.ms)
		i++;
	if (i < *count && timers[i].ms == at.ms)
		return;
	CHECK(*count < TIMERS_MAX);
	memmove(&timers[i + 1], &timers[i], (*count - i) * sizeof(mono));
	timers[i] = at;
	(*count)++;
}

/* The timers of a host, by time. */
static uint32_t
timers_of(const struct tiny *t, uint32_t host, mono timers[TIMERS_MAX])
{
	const struct core *c = t->hosts[host]->core;
	const struct handoff *h = handoff_find(c, TINY_NAME);
	uint32_t count = 0;
	if (h) {
		add_timer(h->resend_at, timers, &count);
		add_timer(h->deadline, timers, &count);
	}
	add_timer(c->handoffs.retry_at, timers, &count);
	add_timer(instance_deadline(c), timers, &count);
	add_timer(c->members.stall.quiet_until, timers, &count);
	if (c->members.hold != HOLD_NONE)
		add_timer(c->members.hold_until, timers, &count);
	/* A start that does not wait for news any more is said to be one: it
	 * is no move of this game while there are any. */
	if (is_idle(t))
		add_timer(duty_deadline(c), timers, &count);
	for (member_id id = 0; id < c->members.count; id++)
		add_timer(c->registry.origins[id].behind_at, timers, &count);
	return count;
}

/* Whether rows are on their way. */
static bool
has_rows(const struct tiny *t, uint32_t from, uint32_t to)
{
	const struct tiny_queue *q = &t->net->way[from][to];
	for (uint32_t i = 0; i < q->count; i++)
		if (q->items[i].type == WIRE_BATCH)
			return true;
	return false;
}

/* A host does not sleep through the link that is about to be made, nor while
 * rows are on their way to it (a gate that is held for 10 s is overrun, and
 * says so; that is known), nor for an hour while its own keeper seals a state.
 */
static bool
may_jump(const struct tiny *t, uint32_t host, mono to)
{
	if (t->hosts[host]->is_dumping &&
		mono_diff(to, t->hosts[host]->now) > TINY_SEALING_MS)
		return false;
	for (uint32_t i = 0; i < t->count; i++)
		if (i != host && tiny_is_reachable(t, host, i) &&
			(!t->net->link[host][i] || has_rows(t, i, host)))
			return mono_diff(to, t->hosts[host]->now) <=
			       TINY_NOT_LONG;
	return true;
}

/* --- What can happen --- */

static void
can(struct choice *c, enum act act, uint32_t host, uint32_t other,
	uint32_t index)
{
	CHECK(c->count < ACTIONS_MAX);
	c->list[c->count++] = (struct action){
		(uint8_t)act, (uint8_t)host, (uint8_t)other, (uint8_t)index};
}

static void
list_frames(const struct tiny *t, struct choice *c, uint32_t a, uint32_t b)
{
	const struct tiny_queue *q = &t->net->way[a][b];
	for (uint32_t i = 0; i < q->count; i++) {
		bool is_in_bag =
			t->is_bag && q->items[i].type >= WIRE_HANDOFF_OFFER;
		if (tiny_is_next(t, a, b, i))
			can(c, ACT_DELIVER, a, b, i);
		if (is_in_bag && has_budget(t, BUDGET_LOSS))
			can(c, ACT_LOSE, a, b, i);
		if (is_in_bag && tiny_is_next(t, a, b, i) &&
			has_budget(t, BUDGET_TWICE))
			can(c, ACT_TWICE, a, b, i);
	}
}

static void
list_pair(const struct tiny *t, struct choice *c, uint32_t a, uint32_t b)
{
	list_frames(t, c, a, b);
	if (t->is_talkative && tiny_has_news(t, a, b))
		can(c, ACT_HEARTBEAT, a, b, 0);
	if (t->hosts[a]->is_up && !tiny_is_reachable(t, a, b) &&
		!t->net->link[a][b] && !tiny_is_buried(t, a, b))
		can(c, ACT_BURY, a, b, 0);
	if (a > b)
		return;
	if (tiny_can_link(t, a, b))
		can(c, ACT_LINK, a, b, 0);
	if (t->net->is_cut[a][b])
		can(c, ACT_HEAL, a, b, 0);
	else if (has_budget(t, BUDGET_CUT))
		can(c, ACT_CUT, a, b, 0);
	if (t->net->link[a][b] && has_budget(t, BUDGET_RESET))
		can(c, ACT_RESET, a, b, 0);
}

static void
list_faults(const struct tiny *t, struct choice *c, uint32_t host)
{
	const struct tiny_host *h = t->hosts[host];
	if (h->is_up && has_budget(t, BUDGET_CRASH))
		can(c, ACT_CRASH, host, 0, 0);
	if (h->is_keeper_up && has_budget(t, BUDGET_POWER))
		can(c, ACT_POWER, host, 0, 0);
	if (!h->is_gone && has_budget(t, BUDGET_GONE))
		can(c, ACT_GONE, host, 0, 0);
	if (!h->is_gone && has_budget(t, BUDGET_WIPE))
		can(c, ACT_WIPE, host, 0, 0);
	bool answers = tiny_can_answer(t, host) && has_budget(t, BUDGET_ANSWER);
	for (uint32_t i = 0; answers && i < TINY_ANSWERS; i++)
		can(c, ACT_ANSWER, host, 0, i);
	if (tiny_can_end(t, host) && has_budget(t, BUDGET_END))
		can(c, ACT_END, host, 0, 0);
	if (host == 0 && h->is_up && has_budget(t, BUDGET_UNDRAIN))
		can(c, ACT_UNDRAIN, host, 0, 0);
}

static void
list_host(const struct tiny *t, struct choice *c, uint32_t host)
{
	const struct tiny_host *h = t->hosts[host];
	mono timers[TIMERS_MAX];
	for (uint32_t d = 0; d < DEED_COUNT; d++)
		if (tiny_can_do(t, host, (enum tiny_deed)d))
			can(c, ACT_DEED, host, 0, d);
	list_faults(t, c, host);
	if (!h->is_up) {
		if (!h->is_gone)
			can(c, ACT_START, host, 0, 0);
		return;
	}
	if (h->dirty_count)
		can(c, ACT_STORE, host, 0, 0);
	if (!is_idle(t) && !has_budget(t, BUDGET_EARLY))
		return;
	uint32_t count = timers_of(t, host, timers);
	for (uint32_t i = 0; i < count; i++)
		if (may_jump(t, host, timers[i]))
			can(c, ACT_TIMER, host, 0, i);
}

void
acts_list(const struct tiny *t, struct choice *c)
{
	c->count = 0;
	for (uint32_t a = 0; a < t->count; a++) {
		list_host(t, c, a);
		for (uint32_t b = 0; b < t->count; b++)
			if (a != b)
				list_pair(t, c, a, b);
	}
}

/* --- What happens --- */

static void
end_host(struct tiny *t, uint32_t host, bool is_gone)
{
	struct tiny_host *h = t->hosts[host];
	memset(h->sealed, 0, sizeof h->sealed);
	h->sealed_count = 0;
	tiny_crash(t, host, true);
	memset(h->records, 0, sizeof h->records);
	h->record_count = 0;
	h->is_gone = is_gone;
	t->net->wiped_at[host] = t->net->used_count[host];
	t->net->is_wiped[host] = !is_gone;
	tiny_on_loss(t);
}

static void
part(struct tiny *t, uint32_t a, uint32_t b, bool is_cut)
{
	bool is_told[TINY_HOSTS] = {true, true, true};
	t->net->is_cut[a][b] = t->net->is_cut[b][a] = is_cut;
	if (t->net->link[a][b])
		tiny_unlink(
			t, a, b, is_cut ? LINK_TIMEOUT : LINK_RESET, is_told);
	tiny_settle(t);
}

static void
let_time_pass(struct tiny *t, uint32_t host, uint32_t index)
{
	mono timers[TIMERS_MAX];
	uint32_t count = timers_of(t, host, timers);
	CHECK(index < count);
	t->net->spent[BUDGET_EARLY] += !is_idle(t);
	tiny_jump(t, host, timers[index]);
	tiny_settle(t);
}

static void
do_fault(struct tiny *t, const struct action *a)
{
	static const enum tiny_budget budgets[ACT_COUNT] = {
		[ACT_CRASH] = BUDGET_CRASH,
		[ACT_POWER] = BUDGET_POWER,
		[ACT_GONE] = BUDGET_GONE,
		[ACT_WIPE] = BUDGET_WIPE,
		[ACT_RESET] = BUDGET_RESET,
		[ACT_CUT] = BUDGET_CUT,
		[ACT_LOSE] = BUDGET_LOSS,
		[ACT_TWICE] = BUDGET_TWICE,
		[ACT_ANSWER] = BUDGET_ANSWER,
		[ACT_END] = BUDGET_END,
		[ACT_UNDRAIN] = BUDGET_UNDRAIN,
	};
	if (a->act == ACT_BURY)
		tiny_bury(t, a->host, a->other);
	else
		t->net->spent[budgets[a->act]]++;
	if (a->act == ACT_CRASH || a->act == ACT_POWER)
		tiny_crash(t, a->host, a->act == ACT_POWER);
	else if (a->act == ACT_GONE || a->act == ACT_WIPE)
		end_host(t, a->host, a->act == ACT_GONE);
	else if (a->act == ACT_RESET || a->act == ACT_CUT)
		part(t, a->host, a->other, a->act == ACT_CUT);
	else if (a->act == ACT_LOSE)
		tiny_lose(t, a->host, a->other, a->index);
	else if (a->act == ACT_TWICE)
		tiny_deliver(t, a->host, a->other, a->index, true);
	else if (a->act == ACT_ANSWER)
		tiny_answer(t, a->host, (enum tiny_answer)a->index);
	else if (a->act == ACT_END)
		tiny_end(t, a->host);
	else if (a->act == ACT_UNDRAIN)
		tiny_ask(t, a->host, REQUEST_UNDRAIN, t->hosts[0]->name, "");
}

void
acts_do(struct tiny *t, const struct action *a)
{
	switch ((enum act)a->act) {
	case ACT_DELIVER:
		tiny_deliver(t, a->host, a->other, a->index, false);
		break;
	case ACT_STORE:
		tiny_store(t, a->host);
		break;
	case ACT_DEED:
		tiny_do(t, a->host, (enum tiny_deed)a->index);
		break;
	case ACT_TIMER:
		let_time_pass(t, a->host, a->index);
		break;
	case ACT_LINK:
		tiny_link(t, a->host, a->other);
		break;
	case ACT_HEAL:
		t->net->is_cut[a->host][a->other] = false;
		t->net->is_cut[a->other][a->host] = false;
		break;
	case ACT_START:
		tiny_start(t, a->host);
		break;
	case ACT_HEARTBEAT:
		tiny_heartbeat(t, a->host, a->other);
		tiny_settle(t);
		break;
	case ACT_BURY:
	case ACT_CRASH:
	case ACT_POWER:
	case ACT_GONE:
	case ACT_WIPE:
	case ACT_RESET:
	case ACT_CUT:
	case ACT_LOSE:
	case ACT_TWICE:
	case ACT_ANSWER:
	case ACT_END:
	case ACT_UNDRAIN:
		do_fault(t, a);
		break;
	case ACT_COUNT:
		UNREACHABLE();
	}
}

bool
acts_is_fault(const struct tiny *t, const struct action *a)
{
	if (a->act == ACT_BURY)
		return !t->hosts[a->other]->is_gone;
	return a->act > ACT_BURY;
}

/* --- Telling --- */

void
acts_print(const struct tiny *t, const struct action *a)
{
	const char *host = t->hosts[a->host]->name;
	const char *other = t->hosts[a->other]->name;
	bool is_frame = a->act == ACT_DELIVER || a->act == ACT_LOSE ||
			a->act == ACT_TWICE;
	mono timers[TIMERS_MAX] = {{0}};
	if (is_frame) {
		printf("%s %s, %s -> %s", act_names[a->act],
			wire_type_name(t->net->way[a->host][a->other]
					       .items[a->index]
					       .type),
			host, other);
	} else if (a->act == ACT_DEED) {
		printf("%s %s", deed_names[a->index], host);
	} else if (a->act == ACT_ANSWER) {
		printf("%s %s", answer_names[a->index], host);
	} else if (a->act == ACT_TIMER) {
		timers_of(t, a->host, timers);
		printf("timer of %s, in %lld ms", host,
			(long long)mono_diff(
				timers[a->index], t->hosts[a->host]->now));
	} else if (a->act == ACT_BURY) {
		printf("%s %s %s", host, act_names[a->act], other);
	} else if (a->act == ACT_LINK || a->act == ACT_HEAL ||
		   a->act == ACT_RESET || a->act == ACT_CUT ||
		   a->act == ACT_HEARTBEAT) {
		printf("%s %s - %s", act_names[a->act], host, other);
	} else {
		printf("%s %s", act_names[a->act], host);
	}
	printf("\n");
}
