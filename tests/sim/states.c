/* Every state of a tiny world, over the real cores.
 *
 *	states [-w handoff|owner] [-b] [-m STATES] [-t SECONDS] [-v]
 *	       [crash=N] [power=N] [reset=N] [cut=N] [gone=N] [wipe=N]
 *	       [loss=N] [twice=N] [try=N] [start=N]
 *
 * -w handoff: two hosts, one service with state on the first, one move to the
 * second, asked for by an operator.  -w owner: three hosts, one service
 * without a handoff; which of them runs it, when hosts come and go.
 *
 * The states are visited breadth first, so the trace of what is found is the
 * shortest.  A state that has the same canonical hash (64 bits, tiny_look.c)
 * as another is that other.  NAME=N bounds what may happen on the way to one
 * state; tiny.h says what is left out.  In every state the invariants of
 * tiny_trouble hold; and from every state, without any further fault, one can
 * be reached where all is well (tiny_is_good): no move is stuck, no copy
 * missing, no staged state left over.  With -b the messages of the handoff
 * are in a bag, from which they come in any order, twice or never, also over
 * a later link; without it they are in streams.
 *
 * The end is 0 when all is well, 1 with a violation, 2 for bad arguments.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/wire.h"
#include "tests/sim/pages.h"
#include "tests/sim/tiny.h"

/* kind, words, whether it is a fault */
#define ACTIONS(X)                                                             \
	X(ACT_DELIVER, "deliver", false)                                       \
	X(ACT_STORE, "fsync at", false)                                        \
	X(ACT_DEED, "", false)                                                 \
	X(ACT_TIMER, "timer of", false)                                        \
	X(ACT_LINK, "link", false)                                             \
	X(ACT_HEAL, "heal", false)                                             \
	X(ACT_START, "start node of", false)                                   \
	X(ACT_HEARTBEAT, "heartbeat", false)                                   \
	X(ACT_BURY, "takes for dead:", true)                                   \
	X(ACT_CRASH, "crash of the node of", true)                             \
	X(ACT_POWER, "power off", true)                                        \
	X(ACT_GONE, "end for ever of", true)                                   \
	X(ACT_WIPE, "power off and a new disk:", true)                         \
	X(ACT_RESET, "broken stream", true)                                    \
	X(ACT_CUT, "cut", true)                                                \
	X(ACT_LOSE, "lose", true)                                              \
	X(ACT_TWICE, "deliver and keep", true)

enum act {
#define X(act, name, is_fault) act,
	ACTIONS(X)
#undef X
		ACT_COUNT,
};

static const char *const act_names[] = {
#define X(act, name, is_fault) [act] = name,
	ACTIONS(X)
#undef X
};

static const char *const deed_names[] = {
	[DEED_STARTED] = "started on",
	[DEED_ANSWER] = "state put aside on",
	[DEED_EXIT] = "leader exits on",
	[DEED_EMPTY] = "nothing is left on",
	[DEED_DUMP] = "state sealed on",
	[DEED_FETCH] = "fetch ends on",
};

/* One thing that can happen. */
struct action {
	uint8_t act;
	uint8_t host;
	uint8_t other;
	uint8_t index; /* of a frame, deed or timer */
};

#define ACTIONS_MAX 128
#define TIMERS_MAX  8
#define NOBODY	    UINT32_MAX

/* A state that was met. */
struct node {
	uint32_t parent;
	struct action action;
	uint16_t depth;
	uint8_t is_good;
	uint8_t is_expanded;
};

/* One that is still to be expanded; a ring of them. */
struct waiting {
	uint32_t node;
	struct pages_blob *blobs[TINY_HOSTS + 1];
};

static struct {
	struct tiny *t;
	struct node *nodes;
	uint32_t node_count, node_max;
	uint64_t *keys; /* hash of a state, 0: none */
	uint32_t *values;
	uint64_t slots;
	uint64_t *edges; /* from << 32 | to, without faults */
	size_t edge_count, edge_max;
	struct waiting *waiting;
	size_t first, waiting_count;
	uint64_t transitions;
	struct pages_blob *loaded[TINY_HOSTS + 1];
	uint32_t at; /* the node whose successor is being made */
	struct action doing;
	bool is_replay;
} x;

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

/* A host does not sleep through the link that is about to be made. */
static bool
may_jump(const struct tiny *t, uint32_t host, mono to)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (i != host && tiny_is_reachable(t, host, i) &&
			!t->net->link[host][i])
			return mono_diff(to, t->hosts[host]->now) <=
			       TINY_NOT_LONG;
	return true;
}

/* --- What can happen --- */

struct choice {
	struct action list[ACTIONS_MAX];
	uint32_t count;
};

static void
can(struct choice *c, enum act act, uint32_t host, uint32_t other,
	uint32_t index)
{
	CHECK(c->count < ACTIONS_MAX);
	c->list[c->count++] = (struct action){(uint8_t)act, (uint8_t)host,
		(uint8_t)other, (uint8_t)index};
}

static void
list_frames(const struct tiny *t, struct choice *c, uint32_t a, uint32_t b)
{
	const struct tiny_queue *q = &t->net->way[a][b];
	for (uint32_t i = 0; i < q->count; i++) {
		bool is_in_bag = t->is_bag &&
				 q->items[i].type >= WIRE_HANDOFF_OFFER;
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

static void
list_all(const struct tiny *t, struct choice *c)
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
	tiny_crash(t, host, true);
	memset(h->records, 0, sizeof h->records);
	memset(h->sealed, 0, sizeof h->sealed);
	h->record_count = h->sealed_count = 0;
	h->is_gone = is_gone;
	/* What only it held went with it. */
	t->net->is_lost |= !tiny_has_home(t, t->net->newest);
}

static void
part(struct tiny *t, uint32_t a, uint32_t b, bool is_cut)
{
	bool is_told[TINY_HOSTS] = {true, true, true};
	t->net->is_cut[a][b] = t->net->is_cut[b][a] = is_cut;
	if (t->net->link[a][b])
		tiny_unlink(t, a, b, is_cut ? LINK_TIMEOUT : LINK_RESET,
			is_told);
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
}

static void
happen(struct tiny *t, const struct action *a)
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
		do_fault(t, a);
		break;
	case ACT_COUNT:
		UNREACHABLE();
	}
}

/* Faults end what must come to a good end.  That a dead host is noticed is
 * none, when it is dead for ever. */
static bool
is_fault(const struct tiny *t, const struct action *a)
{
	if (a->act == ACT_BURY)
		return !t->hosts[a->other]->is_gone;
	return a->act > ACT_BURY;
}

/* --- Telling --- */

static void
describe(const struct tiny *t, const struct action *a)
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
	} else if (a->act == ACT_TIMER) {
		timers_of(t, a->host, timers);
		printf("timer of %s, in %lld ms", host,
			(long long)mono_diff(timers[a->index],
				t->hosts[a->host]->now));
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

/* What stands where, in a line per host. */
static void
describe_world(const struct tiny *t)
{
	static const char *const phases[] = {
		"nothing", "starting", "running", "exited", "empty"};
	static const char *const states[] = {
#define X(state, row) [state] = #state,
		INSTANCE_STATES(X)
#undef X
	};
	for (uint32_t n = 0; n < t->count; n++) {
		const struct tiny_host *h = t->hosts[n];
		printf("\t= %s: process %s, epoch %llu; %u sealed", h->name,
			phases[h->proc.phase],
			(unsigned long long)h->proc.epoch, h->sealed_count);
		const struct instance *i =
			h->is_up ? instance_find(h->core, TINY_NAME) : NULL;
		const struct handoff *f =
			h->is_up ? handoff_find(h->core, TINY_NAME) : NULL;
		if (i)
			printf("; %s epoch %llu%s", states[i->state],
				(unsigned long long)i->epoch,
				i->has_staged ? " with a state" : "");
		printf("; %s\n", !h->is_up ? "down"
				 : f	    ? handoff_state_name(f->state)
					    : "no move");
	}
}

static void
load_blobs(struct pages_blob *const blobs[TINY_HOSTS + 1])
{
	for (uint32_t i = 0; i <= x.t->count; i++) {
		bool is_same = x.loaded[i] == blobs[i] &&
			       (i == x.t->count
					       ? false
					       : !(x.t->touched >> i & 1));
		if (!is_same)
			pages_load(i, blobs[i]);
		x.loaded[i] = blobs[i];
	}
	x.t->touched = 0;
}

static struct pages_blob *root[TINY_HOSTS + 1];

/* Tells how a state comes about. */
static void
tell(uint32_t node, const struct action *last, const char *what)
{
	struct action list[1024];
	uint32_t count = 0;
	if (last)
		list[count++] = *last;
	for (; x.nodes[node].parent != NOBODY && count < 1024;
		node = x.nodes[node].parent)
		list[count++] = x.nodes[node].action;
	printf("\n%s, after %u steps:\n", what, count);
	x.t->touched = 0xff;
	load_blobs(root);
	x.t->wrong = NULL;
	x.t->is_loud = x.is_replay = true;
	while (count-- > 0) {
		printf("\t");
		describe(x.t, &list[count]);
		fflush(stdout);
		happen(x.t, &list[count]);
		tiny_trouble(x.t);
	}
	x.t->is_loud = x.is_replay = false;
	describe_world(x.t);
}

_Noreturn void
panic(const char *file, int line, const char *what)
{
	static char text[512];
	fflush(stdout);
	snprintf(text, sizeof text, "%s:%d: %s", file, line, what);
	fprintf(stderr, "%s\n", text);
	if (!x.is_replay && x.node_count)
		tell(x.at, &x.doing, text);
	fflush(stdout);
	exit(1);
}

/* --- States --- */

static bool
find_slot(uint64_t hash, uint64_t *slot)
{
	uint64_t at = hash & (x.slots - 1);
	while (x.keys[at] && x.keys[at] != hash)
		at = (at + 1) & (x.slots - 1);
	*slot = at;
	return x.keys[at] != 0;
}

static void
add_waiting(uint32_t node)
{
	struct waiting *w = &x.waiting[(x.first + x.waiting_count++) %
				       x.node_max];
	w->node = node;
	for (uint32_t i = 0; i <= x.t->count; i++)
		w->blobs[i] = i < x.t->count && !(x.t->touched >> i & 1)
				      ? pages_share(x.loaded[i])
				      : pages_save(i);
}

/* The number of the state at hand; a new one waits to be expanded. */
static uint32_t
meet(uint32_t parent, struct action action)
{
	uint64_t slot;
	uint64_t hash = tiny_hash(x.t) | 1;
	if (find_slot(hash, &slot))
		return x.values[slot];
	if (x.node_count == x.node_max)
		return NOBODY;
	uint32_t n = x.node_count++;
	x.keys[slot] = hash;
	x.values[slot] = n;
	x.nodes[n] = (struct node){
		.parent = parent,
		.action = action,
		.depth = parent == NOBODY
				 ? 0
				 : (uint16_t)(x.nodes[parent].depth + 1),
		.is_good = tiny_is_good(x.t),
	};
	add_waiting(n);
	return n;
}

static void
add_edge(uint32_t from, uint32_t to)
{
	if (x.edge_count == x.edge_max) {
		x.edge_max = x.edge_max ? x.edge_max * 2 : 1 << 16;
		x.edges = realloc(x.edges, x.edge_max * sizeof *x.edges);
		CHECK(x.edges);
	}
	x.edges[x.edge_count++] = (uint64_t)to << 32 | from;
}

/* Whether a state lies beyond the bounds that only what happens tells. */
static bool
is_beyond(struct tiny *t)
{
	for (uint32_t i = 0; i < t->count; i++) {
		const struct instance *in =
			t->hosts[i]->is_up
				? instance_find(t->hosts[i]->core, TINY_NAME)
				: NULL;
		if (in && in->attempts > t->limit[BUDGET_TRY])
			return true;
	}
	return t->net->spent[BUDGET_START] > t->limit[BUDGET_START];
}

/* All that can happen in a waiting state; false when something is wrong. */
static bool
expand(const struct waiting *w)
{
	struct choice c;
	load_blobs(w->blobs);
	list_all(x.t, &c);
	x.at = w->node;
	bool is_whole = true;
	for (uint32_t i = 0; i < c.count; i++) {
		bool fault = is_fault(x.t, &c.list[i]);
		x.doing = c.list[i];
		happen(x.t, &c.list[i]);
		x.transitions++;
		const char *why = tiny_trouble(x.t);
		if (why) {
			tell(w->node, &c.list[i], why);
			return false;
		}
		if (!is_beyond(x.t)) {
			uint32_t to = meet(w->node, c.list[i]);
			is_whole &= to != NOBODY;
			if (to != NOBODY && to != w->node && !fault)
				add_edge(w->node, to);
		}
		load_blobs(w->blobs);
	}
	x.nodes[w->node].is_expanded = is_whole;
	return true;
}

/* --- From everywhere, all can become well --- */

static int
by_value(const void *a, const void *b)
{
	uint64_t m = *(const uint64_t *)a, n = *(const uint64_t *)b;
	return m < n ? -1 : m > n;
}

static size_t
first_edge(uint32_t to)
{
	size_t low = 0, high = x.edge_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (x.edges[middle] >> 32 < to)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first state from which no good one can be reached, or NOBODY. */
static uint32_t
find_stuck(uint32_t *count)
{
	uint32_t *list = calloc(x.node_count, sizeof *list);
	uint32_t done = 0, met = 0, stuck = NOBODY;
	CHECK(list);
	qsort(x.edges, x.edge_count, sizeof *x.edges, by_value);
	for (uint32_t n = 0; n < x.node_count; n++) {
		/* Of what was not expanded nothing is known. */
		x.nodes[n].is_good |= !x.nodes[n].is_expanded;
		if (x.nodes[n].is_good)
			list[met++] = n;
	}
	for (; done < met; done++)
		for (size_t e = first_edge(list[done]);
			e < x.edge_count && x.edges[e] >> 32 == list[done];
			e++) {
			uint32_t from = (uint32_t)x.edges[e];
			if (!x.nodes[from].is_good) {
				x.nodes[from].is_good = true;
				list[met++] = from;
			}
		}
	*count = x.node_count - met;
	for (uint32_t n = x.node_count; n-- > 0;)
		if (!x.nodes[n].is_good)
			stuck = n;
	free(list);
	return stuck;
}

/* --- All of it --- */

static double
seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Visits all states, or as many as there may be; false at a violation. */
static bool
search(double end)
{
	pages_set_base();
	x.t->touched = 0xff;
	x.at = NOBODY;
	meet(NOBODY, (struct action){0});
	for (uint32_t i = 0; i <= x.t->count; i++)
		root[i] = pages_share(x.waiting[0].blobs[i]);
	while (x.waiting_count && seconds() < end) {
		struct waiting w = x.waiting[x.first];
		x.first = (x.first + 1) % x.node_max;
		x.waiting_count--;
		if (!expand(&w))
			return false;
		for (uint32_t i = 0; i <= x.t->count; i++)
			pages_drop(w.blobs[i]);
	}
	return true;
}

static void
report(double began)
{
	uint32_t expanded = 0;
	for (uint32_t n = 0; n < x.node_count; n++)
		expanded += x.nodes[n].is_expanded;
	printf("%u states, %llu transitions, %u steps deep at most, %s "
	       "(%u waiting), %.1f s, %.0f MB; bounds:",
		x.node_count, (unsigned long long)x.transitions,
		x.nodes[x.node_count - 1].depth,
		expanded == x.node_count ? "complete" : "not complete",
		x.node_count - expanded, seconds() - began,
		(double)pages_used() / 1e6);
	static const char *const names[] = {
#define X(budget, name) [budget] = name,
		TINY_BUDGETS(X)
#undef X
	};
	for (uint32_t i = 0; i < BUDGET_COUNT; i++)
		if (x.t->limit[i])
			printf(" %s %u", names[i], x.t->limit[i]);
	printf("%s\n", x.t->is_bag ? ", in a bag" : ", in streams");
	fflush(stdout);
}

static bool
is_all_well(void)
{
	uint32_t count;
	uint32_t stuck = find_stuck(&count);
	if (stuck == NOBODY)
		return true;
	char text[96];
	snprintf(text, sizeof text,
		"H5: of %u states there is no way to a good end", count);
	tell(stuck, NULL, text);
	return false;
}

static bool
set_limit(struct tiny *t, const char *word)
{
	static const char *const names[] = {
#define X(budget, name) [budget] = name,
		TINY_BUDGETS(X)
#undef X
	};
	size_t length = strcspn(word, "=");
	for (uint32_t i = 0; i < BUDGET_COUNT; i++)
		if (strlen(names[i]) == length && word[length] == '=' &&
			!strncmp(names[i], word, length)) {
			t->limit[i] = (uint32_t)strtoul(
				word + length + 1, NULL, 10);
			return true;
		}
	return false;
}

static void
make_room(uint32_t states)
{
	x.node_max = states;
	x.slots = 1024;
	while (x.slots < (uint64_t)states * 2)
		x.slots *= 2;
	x.nodes = calloc(states, sizeof *x.nodes);
	x.waiting = calloc(states, sizeof *x.waiting);
	x.keys = calloc(x.slots, sizeof *x.keys);
	x.values = calloc(x.slots, sizeof *x.values);
	CHECK(x.nodes && x.waiting && x.keys && x.values);
}

static void
ask_for_move(struct tiny *t)
{
	struct input in = {.kind = INPUT_REQUEST};
	in.request.id = 1;
	in.request.op = REQUEST_MOVE;
	in.request.name = TINY_NAME;
	in.request.arg = "beta";
	tiny_step(t, 0, &in);
	tiny_settle(t);
}

int
main(int argc, char **argv)
{
	bool is_owner = false, is_bag = false;
	double limit = 600, began = seconds();
	uint32_t states = 1000000;
	int option;
	while ((option = getopt(argc, argv, "w:bm:t:")) != -1) {
		if (option == 'w')
			is_owner = !strcmp(optarg, "owner");
		else if (option == 'b')
			is_bag = true;
		else if (option == 'm')
			states = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 't')
			limit = strtod(optarg, NULL);
		else
			return 2;
	}
	make_room(states);
	x.t = tiny_new(is_owner ? 3 : 2, !is_owner);
	x.t->is_bag = is_bag;
	x.t->is_talkative = is_owner;
	x.t->limit[BUDGET_TRY] = 2;
	x.t->limit[BUDGET_START] = 4;
	memset(x.t->net->spent, 0, sizeof x.t->net->spent);
	for (int i = optind; i < argc; i++)
		if (!set_limit(x.t, argv[i])) {
			fprintf(stderr, "states: %s: no such bound\n", argv[i]);
			return 2;
		}
	if (!is_owner)
		ask_for_move(x.t);
	bool is_right = search(began + limit);
	report(began);
	is_right = is_right && is_all_well();
	return !is_right;
}
