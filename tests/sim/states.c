/* Every state of a tiny world, over the real cores.
 *
 *	states [-w handoff|first|owner] [-n HOSTS] [-p WORDS] [-b]
 *	       [-a] [-m STATES] [-t SECONDS]
 *	       [crash=N] [power=N] [reset=N] [cut=N] [gone=N] [wipe=N]
 *	       [loss=N] [twice=N] [early=N] [answers=N] [ends=N]
 *	       [undrain=N] [try=N] [start=N]
 *
 * -w handoff: two hosts, one service with state on the first, one move to the
 * second, asked for by an operator.  -w first: the same of a service without
 * state whose new copy is ready before the old one ends.  -w owner: three
 * hosts, one service without a handoff that was just declared; which of them
 * runs it, when hosts come and go.  -n makes it so many hosts; WORDS are
 * further ones of the service, as in dialogues: "hmode=ignore required".  With
 * undrain=N the move is a drain of the first host, which may be called off.
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
 * The end is 0 when all is well, 1 with a violation, 2 for bad arguments, and
 * 3 when all is well so far and the walk was cut off by -m or -t: then there
 * are states that nobody saw.  -a says that it is to go as far as that leads,
 * and makes that a 0.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/sim/acts.h"
#include "tests/sim/pages.h"

#define NOBODY UINT32_MAX

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
	char label[96]; /* what world it is */
} x;

/* --- Telling --- */

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
				i->staged ? " with a state" : "");
		printf("; %s\n", !h->is_up ? "down"
				 : f	   ? handoff_state_name(f->state)
					   : "no move");
	}
}

static void
load_blobs(struct pages_blob *const blobs[TINY_HOSTS + 1])
{
	for (uint32_t i = 0; i <= x.t->count; i++) {
		bool is_same =
			x.loaded[i] == blobs[i] &&
			(i == x.t->count ? false : !(x.t->touched >> i & 1));
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
		acts_print(x.t, &list[count]);
		fflush(stdout);
		acts_do(x.t, &list[count]);
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
	struct waiting *w =
		&x.waiting[(x.first + x.waiting_count++) % x.node_max];
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
	acts_list(x.t, &c);
	x.at = w->node;
	bool is_whole = true; /* and nothing leads beyond the bounds */
	for (uint32_t i = 0; i < c.count; i++) {
		bool fault = acts_is_fault(x.t, &c.list[i]);
		x.doing = c.list[i];
		acts_do(x.t, &c.list[i]);
		x.transitions++;
		const char *why = tiny_trouble(x.t);
		if (why) {
			tell(w->node, &c.list[i], why);
			return false;
		}
		if (is_beyond(x.t)) {
			x.nodes[w->node].is_good |= !fault;
		} else {
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
	/* Rather one that nothing leads out of. */
	bool *has_way = calloc(x.node_count, sizeof *has_way);
	CHECK(has_way);
	for (size_t e = 0; e < x.edge_count; e++)
		has_way[(uint32_t)x.edges[e]] = true;
	for (uint32_t n = x.node_count; n-- > 0;)
		if (!x.nodes[n].is_good && !has_way[n])
			stuck = n;
	for (uint32_t n = x.node_count; stuck == NOBODY && n-- > 0;)
		if (!x.nodes[n].is_good)
			stuck = n;
	free(has_way);
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

/* How many states were met of which not all that can happen was tried. */
static uint32_t
count_unseen(void)
{
	uint32_t unseen = 0;
	for (uint32_t n = 0; n < x.node_count; n++)
		unseen += !x.nodes[n].is_expanded;
	return unseen;
}

static void
report(double began)
{
	uint32_t unseen = count_unseen();
	printf("%s: %u states, %llu transitions, %u steps deep at most, %s "
	       "(%u waiting), %.1f s, %.0f MB; bounds:",
		x.label, x.node_count, (unsigned long long)x.transitions,
		x.nodes[x.node_count - 1].depth,
		unseen ? "not complete" : "complete", unseen, seconds() - began,
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
			t->limit[i] =
				(uint32_t)strtoul(word + length + 1, NULL, 10);
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
	if (t->limit[BUDGET_UNDRAIN])
		tiny_ask(t, 0, REQUEST_DRAIN, t->hosts[0]->name, "");
	else
		tiny_ask(t, 0, REQUEST_MOVE, TINY_NAME, t->hosts[1]->name);
}

/* What the command line asks for. */
struct wish {
	enum tiny_kind kind;
	uint32_t hosts; /* 0: as many as that kind takes */
	char *words;
	bool is_bag;
	bool may_be_cut;
	uint32_t states;
	double seconds;
};

static const char *const kinds[] = {
	[TINY_MOVE] = "handoff",
	[TINY_FIRST] = "first",
	[TINY_OWNER] = "owner",
};

static bool
read_kind(const char *word, enum tiny_kind *out)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(word, kinds[i])) {
			*out = (enum tiny_kind)i;
			return true;
		}
	return false;
}

/* False when there is something in it that makes no sense. */
static bool
read_wish(int argc, char **argv, struct wish *w)
{
	int option;
	while ((option = getopt(argc, argv, "w:n:p:bam:t:")) != -1) {
		if (option == 'w' && !read_kind(optarg, &w->kind))
			return false;
		else if (option == 'n')
			w->hosts = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'p')
			w->words = optarg;
		else if (option == 'b')
			w->is_bag = true;
		else if (option == 'a')
			w->may_be_cut = true;
		else if (option == 'm')
			w->states = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 't')
			w->seconds = strtod(optarg, NULL);
		else if (option != 'w')
			return false;
	}
	if (w->hosts == 0)
		w->hosts = w->kind == TINY_OWNER ? 3 : 2;
	return w->hosts >= 2 && w->hosts <= TINY_HOSTS && w->states > 0;
}

/* Makes the world, and lets begin what is looked at. */
static bool
make_world(const struct wish *w, char *const *bounds, int count)
{
	snprintf(x.label, sizeof x.label, "%s%s%s, %u hosts", kinds[w->kind],
		*w->words ? " " : "", w->words, w->hosts);
	x.t = tiny_new(w->kind, w->hosts, w->words);
	x.t->is_bag = w->is_bag;
	x.t->is_talkative = w->kind == TINY_OWNER;
	x.t->limit[BUDGET_TRY] = 2;
	x.t->limit[BUDGET_START] = 4;
	memset(x.t->net->spent, 0, sizeof x.t->net->spent);
	for (int i = 0; i < count; i++)
		if (!set_limit(x.t, bounds[i])) {
			fprintf(stderr, "states: %s: no such bound\n",
				bounds[i]);
			return false;
		}
	if (w->kind != TINY_OWNER)
		ask_for_move(x.t);
	return true;
}

int
main(int argc, char **argv)
{
	double began = seconds();
	char none[] = "";
	struct wish w = {
		.words = none,
		.states = 1000000,
		.seconds = 600,
	};
	if (!read_wish(argc, argv, &w))
		return 2;
	make_room(w.states);
	if (!make_world(&w, argv + optind, argc - optind))
		return 2;
	bool is_right = search(began + w.seconds);
	report(began);
	bool is_cut = count_unseen() > 0 && !w.may_be_cut;
	if (!is_right || !is_all_well())
		return 1;
	return is_cut ? 3 : 0;
}
