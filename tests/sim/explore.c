/* One handoff, and a fault at every point of it, over the real cores.
 *
 *	explore [-f | -c] [-p STRIDE] [-n NUMBER] [-v]
 *
 * Two hosts, one service with state, one move from alpha to beta.  The run
 * is the same each time until the fault: so every millisecond of the move
 * times every kind of fault is tried, alone, and in pairs (every STRIDE-th
 * pair, 1 for all).  After each: never two live copies; the world settles
 * with the service ready; its state is the one that was frozen unless the
 * only host that held it lost power before it was on a disk.
 *
 * With -f the service has no state and starts first.  Then there may be two
 * copies for a while, and never none, unless a host loses its power.
 *
 * With -c the service has a checkpoint, too, which beta keeps, and takes more
 * of them during the move.  Then what it had when the move began is never lost,
 * whatever host dies.
 *
 * The bound, as printed: faults happen at whole milliseconds, at most two of
 * them, and messages are lost with their stream, as on TCP.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/dialogue/script.h"
#include "tests/sim/check.h"
#include "tests/sim/world_view.h"

#define STEPS	  110 /* milliseconds that the move takes, and some more */
#define BACK_MS	  1500
#define SETTLE_MS 200000

enum { ALPHA, BETA };

/* fault, name */
#define FAULTS(X)                                                              \
	X(FAULT_NONE, "nothing")                                               \
	X(FAULT_CRASH_SOURCE, "node crash of the source")                      \
	X(FAULT_CRASH_TARGET, "node crash of the target")                      \
	X(FAULT_POWER_SOURCE, "power cycle of the source")                     \
	X(FAULT_POWER_TARGET, "power cycle of the target")                     \
	X(FAULT_CUT, "a cut that breaks the stream")                           \
	X(FAULT_DEAD_TARGET, "end of the target")                              \
	X(FAULT_DEAD_SOURCE, "end of the source")

enum fault {
#define X(fault, name) fault,
	FAULTS(X)
#undef X
		FAULT_COUNT,
};

static const char *const fault_names[] = {
#define X(fault, name) [fault] = name,
	FAULTS(X)
#undef X
};

/* One or two faults, each at its millisecond after the request. */
struct plan {
	enum fault fault[2];
	int at[2];
};

struct run {
	struct world *w;
	uint64_t birth;	  /* of the state that must survive */
	uint64_t work;	  /* what of it must survive, with checkpoints */
	bool may_be_lost; /* its only holder lost power */
	bool starts_first;
	bool has_checkpoints;
	bool may_be_none; /* a host lost power, and its copy with it */
	bool is_dead[2];
	mono back_at[2]; /* when a host is started again */
	const char *wrong;
};

/* Whether a move of it stands on the host's disk, and is not over yet. */
static bool
has_record(const struct host *h)
{
	if (h->core && !handoff_is_busy(h->core, "db"))
		return false;
	for (size_t i = 0; i < h->record_count; i++)
		if (h->records[i]->table == TABLE_HANDOFF)
			return true;
	return false;
}

/* Whether the state lies sealed or fetched on the host's disk.  What a service
 * wrote and nobody sealed yet goes with the power, whatever is on record. */
static bool
has_state(const struct run *r, const struct host *h)
{
	for (size_t i = 0; i < h->state_count; i++)
		if (h->states[i].birth == r->birth)
			return true;
	return false;
}

/* A host's power goes: does the state still have a home? */
static void
lose_power(struct run *r, uint32_t host)
{
	struct world *w = r->w;
	uint32_t other = host == ALPHA ? BETA : ALPHA;
	const struct process *p = world_process(w, other, "db");
	bool is_elsewhere =
		has_record(&w->hosts[other]) ||
		(p && p->phase < PROCESS_EXITED && p->state.birth == r->birth);
	/* A copy that runs, or its word that it does, is on the way. */
	const struct process *own = world_process(w, host, "db");
	if (host == BETA && own && own->phase == PROCESS_RUNNING)
		r->may_be_lost = true;
	bool stays_on_disk = has_state(r, &w->hosts[host]);
	if (!is_elsewhere && !stays_on_disk)
		r->may_be_lost = true;
	r->may_be_none = true;
	if (w->hosts[host].is_powered)
		world_power_off(w, host);
}

static void
inject(struct run *r, enum fault fault)
{
	struct world *w = r->w;
	uint32_t host = fault == FAULT_CRASH_TARGET ||
					fault == FAULT_POWER_TARGET ||
					fault == FAULT_DEAD_TARGET
				? BETA
				: ALPHA;
	if (fault == FAULT_CUT) {
		world_cut_both(w, ALPHA, BETA, true);
		r->back_at[0] = mono_add(w->now, BACK_MS);
		return;
	}
	if (fault == FAULT_NONE || !w->hosts[host].is_running)
		return;
	if (fault == FAULT_CRASH_SOURCE || fault == FAULT_CRASH_TARGET)
		world_crash(w, host);
	else
		lose_power(r, host);
	if (fault == FAULT_DEAD_SOURCE || fault == FAULT_DEAD_TARGET) {
		r->is_dead[host] = true;
		/* What only it holds dies with it. */
		uint32_t other = host == ALPHA ? BETA : ALPHA;
		r->may_be_lost |= !has_record(&w->hosts[other]);
	} else {
		r->back_at[host] = mono_add(w->now, BACK_MS);
	}
}

static void
come_back(struct run *r)
{
	for (uint32_t i = 0; i < 2; i++) {
		if (!mono_reached(r->back_at[i], r->w->now))
			continue;
		r->back_at[i] = MONO_NEVER;
		world_heal(r->w);
		if (!r->w->hosts[i].is_running && !r->is_dead[i])
			world_start(r->w, i);
	}
}

static unsigned
live_copies(const struct run *r)
{
	unsigned live = 0;
	for (uint32_t i = 0; i < 2; i++) {
		const struct process *p = world_process(r->w, i, "db");
		live += p && p->phase == PROCESS_RUNNING;
	}
	return live;
}

static void
look(struct run *r)
{
	unsigned live = live_copies(r);
	if (live > 1 && !r->starts_first)
		r->wrong = "two live copies";
	if (live == 0 && r->starts_first && !r->may_be_none)
		r->wrong = "no live copy";
}

/* The service, on alpha, in a whole cluster. */
static void
begin(struct run *r)
{
	char with_state[] = "handoff";
	char starts_first[] = "handoff start-first hmode=restart";
	char kept[] = "handoff checkpoint every=2s holders=1";
	char *line = r->starts_first	  ? starts_first
		     : r->has_checkpoints ? kept
					  : with_state;
	char *words[WORDS_MAX];
	struct script_service service;
	struct world *w = r->w;
	w->latency_min_ms = w->latency_max_ms = 1;
	if (r->has_checkpoints) {
		/* It gives no state: its last checkpoint goes along. */
		world_behave(w, "db", "")->answer = ANSWER_RESTART;
		world_behave(w, "db", "")->answer_ms = 10;
	}
	world_add(w, "alpha", NULL);
	world_start(w, ALPHA);
	script_service(words, script_words(line, words), &service);
	struct input in = script_spec_set("db", &service);
	world_input(w, ALPHA, &in);
	world_run(w, 1000);
	world_add(w, "beta", "alpha:7400");
	world_start(w, BETA);
	world_run_until(w, 60000, world_is_whole, NULL);
	world_run(w, 12000);
	const struct process *p = world_process(w, ALPHA, "db");
	CHECK(p && p->phase == PROCESS_RUNNING);
	r->birth = p->state.birth;
	if (r->has_checkpoints) {
		struct snapshot acked;
		checkpoint_acked(w->hosts[ALPHA].core, "db", &acked);
		CHECK(acked.epoch == p->epoch && p->state.work > 1);
		r->work = p->state.work - 1; /* the last may be on its way */
	}
	world_request_with(w, ALPHA, REQUEST_MOVE, "db", "beta", 0);
}

/* Why this is not the end yet, or NULL.  Before a start a checkpoint is
 * verified. */
static const char *
trouble_of(struct run *r, char trouble[WORLD_TROUBLE_MAX])
{
	const char *why = world_trouble(r->w, trouble);
	return why || live_copies(r) ? why : "nothing runs";
}

static void
finish(struct run *r, char trouble[WORLD_TROUBLE_MAX])
{
	const struct process *p = NULL;
	const char *why;
	mono end = mono_add(r->w->now, SETTLE_MS);
	world_heal(r->w);
	while ((why = trouble_of(r, trouble)) != NULL && !r->wrong) {
		if (mono_reached(end, r->w->now))
			r->wrong = why;
		world_run(r->w, 10);
		come_back(r);
		look(r);
	}
	for (uint32_t i = 0; i < 2; i++) {
		const struct process *q = world_process(r->w, i, "db");
		if (!q || q->phase != PROCESS_RUNNING)
			continue;
		if (p && !r->wrong)
			r->wrong = "two copies are left";
		p = q;
	}
	if (r->wrong || r->starts_first)
		return;
	if (p->state.birth != r->birth &&
		(r->has_checkpoints || !r->may_be_lost))
		r->wrong = "the state was lost";
	else if (p->state.work < r->work)
		r->wrong = "it goes on from an older checkpoint";
}

static bool
run_plan(unsigned number, const struct plan *plan, int kind, bool is_loud)
{
	char trouble[WORLD_TROUBLE_MAX];
	struct run r = {
		.w = check_world(1),
		.back_at = {MONO_NEVER, MONO_NEVER},
		.starts_first = kind == 'f',
		.has_checkpoints = kind == 'c',
	};
	r.w->is_loud = is_loud;
	begin(&r);
	for (int t = 0; t < STEPS; t++) {
		for (int i = 0; i < 2; i++)
			if (plan->fault[i] && plan->at[i] == t)
				inject(&r, plan->fault[i]);
		world_run(r.w, 1);
		come_back(&r);
		look(&r);
	}
	for (int t = 0; t < BACK_MS + 100; t += 10) {
		world_run(r.w, 10);
		come_back(&r);
		look(&r);
	}
	finish(&r, trouble);
	if (r.wrong)
		printf("%u: %s at %d ms, %s at %d ms: %s\n", number,
			fault_names[plan->fault[0]], plan->at[0],
			fault_names[plan->fault[1]], plan->at[1], r.wrong);
	world_free(r.w);
	return !r.wrong;
}

/* Whether both faults end a host for ever. */
static bool
is_too_much(const struct plan *p)
{
	return p->fault[0] >= FAULT_DEAD_TARGET &&
	       p->fault[1] >= FAULT_DEAD_TARGET;
}

/* Runs plan number 'n' of all; false when there are no more. */
static bool
plan_of(unsigned n, struct plan *p)
{
	const unsigned one = (FAULT_COUNT - 1) * STEPS;
	unsigned first = n % one, second = n / one;
	p->fault[0] = (enum fault)(1 + first / STEPS);
	p->at[0] = (int)(first % STEPS);
	p->fault[1] =
		second ? (enum fault)(1 + (second - 1) / STEPS) : FAULT_NONE;
	p->at[1] = second ? (int)((second - 1) % STEPS) : 0;
	return second <= one;
}

int
main(int argc, char **argv)
{
	unsigned stride = 997, runs = 0, wrong = 0, single;
	bool is_loud = false;
	long only = -1;
	int option, kind = 0;
	while ((option = getopt(argc, argv, "cfn:p:v")) != -1) {
		if (option == 'p')
			stride = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'n')
			only = strtol(optarg, NULL, 10);
		else if (option == 'f' || option == 'c')
			kind = option;
		else if (option == 'v')
			is_loud = true;
		else
			return 2;
	}
	single = (FAULT_COUNT - 1) * STEPS;
	struct plan p;
	if (only >= 0 && plan_of((unsigned)only, &p))
		return !run_plan((unsigned)only, &p, kind, is_loud);
	for (unsigned n = 0; plan_of(n, &p) && wrong < 10;
		n += n < single ? 1 : stride) {
		if (is_too_much(&p))
			continue;
		wrong += !run_plan(n, &p, kind, is_loud);
		runs++;
	}
	printf("%u runs: %u kinds of faults at each of %d ms, and every "
	       "%u-th pair; %u wrong\n",
		runs, FAULT_COUNT - 1, STEPS, stride, wrong);
	return wrong != 0;
}
