/* A copy that won goes on from the state of one that lost, or ('-j') from that
 * and its own, which a hook joins; and a fault at every point of it, over the
 * real cores.
 *
 *	explore_adopt [-j] [-p STRIDE] [-n NUMBER] [-v]
 *
 * Four hosts, one service with state on delta.  A cut parts alpha and beta from
 * gamma and delta; alpha starts it with nothing, under a higher epoch.  The cut
 * ends, delta's copy loses, and what it left is kept there.  The run is the
 * same each time until the fault: so every millisecond from where alpha wants
 * that state until its copy has begun with it times every kind of fault is
 * tried, alone, and in pairs (every STRIDE-th pair, 1 for all).  After each the
 * world settles with the service ready, once; and both states, delta's and what
 * alpha's copy wrote itself, are in the process, or kept, or under way, where
 * the fault did not take the only home of one.  That nobody goes on from one
 * twice, or joins one twice, is H11, which looks on.
 *
 * The bound is that of explore.c: faults at whole milliseconds, at most two of
 * them, and messages are lost with their stream.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/handoff_private.h"
#include "tests/dialogue/script.h"
#include "tests/sim/check.h"
#include "tests/sim/world_private.h"

#define STEPS	  80 /* milliseconds that it takes, and some more */
#define BACK_MS	  1500
#define SETTLE_MS 200000
#define HOSTS	  4

static bool joins; /* -j */

enum { ALPHA, BETA, GAMMA, DELTA };

/* fault, name */
#define FAULTS(X)                                                              \
	X(FAULT_NONE, "nothing")                                               \
	X(FAULT_CRASH_LOSER, "node crash of the loser")                        \
	X(FAULT_CRASH_WINNER, "node crash of the winner")                      \
	X(FAULT_POWER_LOSER, "power cycle of the loser")                       \
	X(FAULT_POWER_WINNER, "power cycle of the winner")                     \
	X(FAULT_CUT, "a cut between the two")                                  \
	X(FAULT_PART, "the same cut as before")                                \
	X(FAULT_DEAD_WINNER, "end of the winner")                              \
	X(FAULT_DEAD_LOSER, "end of the loser")

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

/* One or two faults, each at its millisecond after alpha wanted the state. */
struct plan {
	enum fault fault[2];
	int at[2];
};

/* A line of states that must survive: delta's, or alpha's. */
struct line {
	uint64_t birth;
	bool may_be_lost; /* its only home lost its power, or is gone */
};

struct run {
	struct script script;
	struct world *w;
	struct line lines[2];
	bool is_dead[HOSTS];
	mono back_at; /* when all is well again */
	const char *wrong;
};

static const struct process *
running(const struct run *r, uint32_t host)
{
	const struct process *p = world_process(r->w, host, "db");
	return p && p->phase < PROCESS_EXITED ? p : NULL;
}

/* Whether the line has a home when a fault hits 'host', whose power 'goes'.
 * What was fetched there, and is not written down, goes with its node; what was
 * sealed is there for the next one. */
static bool
has_home(const struct run *r, const struct line *line, uint32_t host, bool goes)
{
	for (uint32_t i = 0; i < HOSTS; i++) {
		const struct host *h = &r->w->hosts[i];
		const struct process *p = running(r, i);
		if (r->is_dead[i])
			continue;
		if (p && state_has(&p->state, line->birth) &&
			(i != host || !goes))
			return true;
		for (size_t n = 0; n < h->state_count; n++)
			if (state_has(&h->states[n], line->birth) &&
				(h->states[n].epoch ||
					(i != host && h->is_running)))
				return true;
	}
	return false;
}

static void
hit(struct run *r, uint32_t host, bool goes, bool is_end)
{
	if (!r->w->hosts[host].is_running)
		return;
	r->is_dead[host] = is_end;
	for (int n = 0; n < 2; n++)
		r->lines[n].may_be_lost |=
			!has_home(r, &r->lines[n], host, goes);
	if (goes)
		world_power_off(r->w, host);
	else
		world_crash(r->w, host);
	if (!is_end)
		r->back_at = mono_add(r->w->now, BACK_MS);
}

static void
part(struct run *r, bool is_whole)
{
	world_cut_both(r->w, ALPHA, DELTA, true);
	for (uint32_t i = 0; i < 2 && is_whole; i++) {
		world_cut_both(r->w, i, GAMMA, true);
		world_cut_both(r->w, i, DELTA, true);
	}
	r->back_at = mono_add(r->w->now, BACK_MS);
}

static void
inject(struct run *r, enum fault fault)
{
	switch (fault) {
	case FAULT_CRASH_LOSER:
		hit(r, DELTA, false, false);
		break;
	case FAULT_CRASH_WINNER:
		hit(r, ALPHA, false, false);
		break;
	case FAULT_POWER_LOSER:
		hit(r, DELTA, true, false);
		break;
	case FAULT_POWER_WINNER:
		hit(r, ALPHA, true, false);
		break;
	case FAULT_DEAD_WINNER:
		hit(r, ALPHA, true, true);
		break;
	case FAULT_DEAD_LOSER:
		hit(r, DELTA, true, true);
		break;
	case FAULT_CUT:
		part(r, false);
		break;
	case FAULT_PART:
		part(r, true);
		break;
	case FAULT_NONE:
	case FAULT_COUNT:
		break;
	}
}

static void
come_back(struct run *r)
{
	if (!mono_reached(r->back_at, r->w->now))
		return;
	r->back_at = MONO_NEVER;
	world_heal(r->w);
	for (uint32_t i = 0; i < HOSTS; i++)
		if (!r->w->hosts[i].is_running && !r->is_dead[i])
			world_start(r->w, i);
}

static void
say(struct run *r, const char *commands)
{
	char text[256];
	CHECK(strlen(commands) < sizeof text);
	strcpy(text, commands);
	script_run(&r->script, text);
}

/* Both copies ran, the hosts have met, and alpha's is to go on from what
 * delta's has left. */
static void
begin(struct run *r)
{
	say(r, "> hosts 4\n");
	say(r, joins ? "> apply db handoff joins\n" : "> apply db handoff\n");
	say(r, "> settle\n> cut alpha gamma delta\n> cut beta gamma delta\n"
	       "> run 20s\n");
	r->w = r->script.w;
	r->w->latency_min_ms = r->w->latency_max_ms = 1;
	CHECK(running(r, DELTA) && running(r, ALPHA));
	r->lines[0].birth = running(r, DELTA)->state.birth;
	r->lines[1].birth = running(r, ALPHA)->state.birth;
	say(r, "> heal\n");
	while (!world_goes_on(r->w->hosts[ALPHA].core, "db"))
		world_run(r->w, 1);
}

/* Whether somebody runs with it, or keeps it and means to. */
static bool
is_kept(const struct run *r, const struct line *line)
{
	uint8_t root[DIGEST_SIZE];
	for (uint32_t i = 0; i < HOSTS; i++) {
		const struct host *h = &r->w->hosts[i];
		const struct process *p = running(r, i);
		if (p && state_has(&p->state, line->birth))
			return true;
		for (size_t n = 0; n < h->state_count; n++) {
			state_root(&h->states[n], root);
			if (state_has(&h->states[n], line->birth) && h->core &&
				sealed_is_needed(h->core, "db", root))
				return true;
		}
	}
	return false;
}

static unsigned
live_copies(const struct run *r)
{
	unsigned live = 0;
	for (uint32_t i = 0; i < HOSTS; i++)
		live += running(r, i) != NULL;
	return live;
}

/* Why this is not the end yet, or NULL.  What lies here for a start may be
 * about to be started. */
static const char *
trouble_of(struct run *r, char trouble[WORLD_TROUBLE_MAX])
{
	const char *why = world_trouble(r->w, trouble);
	return why || live_copies(r) ? why : "nothing runs";
}

static void
finish(struct run *r, char trouble[WORLD_TROUBLE_MAX])
{
	const char *why;
	mono end = mono_add(r->w->now, SETTLE_MS);
	while ((why = trouble_of(r, trouble)) != NULL && !r->wrong) {
		if (mono_reached(end, r->w->now))
			r->wrong = why;
		world_run(r->w, 10);
		come_back(r);
	}
	if (r->wrong)
		return;
	if (live_copies(r) > 1)
		r->wrong = "two copies are left";
	else if (!r->lines[0].may_be_lost && !is_kept(r, &r->lines[0]))
		r->wrong = "the state of the copy that lost is lost";
	else if (!r->lines[1].may_be_lost && !is_kept(r, &r->lines[1]))
		r->wrong = "the state of the copy that won is lost";
}

static bool
run_plan(unsigned number, const struct plan *plan, bool is_loud, FILE *out)
{
	char trouble[WORLD_TROUBLE_MAX];
	struct run r = {.back_at = MONO_NEVER};
	script_init(&r.script, out);
	begin(&r);
	r.w->is_loud = is_loud;
	for (int t = 0; t < STEPS; t++) {
		for (int i = 0; i < 2; i++)
			if (plan->fault[i] && plan->at[i] == t)
				inject(&r, plan->fault[i]);
		world_run(r.w, 1);
		come_back(&r);
	}
	for (int t = 0; t < BACK_MS + 100; t += 10) {
		world_run(r.w, 10);
		come_back(&r);
	}
	finish(&r, trouble);
	const struct process *p = running(&r, ALPHA);
	bool has_both = p && state_has(&p->state, r.lines[0].birth) &&
			(!joins || p->state.birth == r.lines[1].birth);
	if (!plan->fault[0] && !r.wrong && !has_both)
		r.wrong = "it does not go on from the other state";
	if (r.wrong)
		printf("%u: %s at %d ms, %s at %d ms: %s\n", number,
			fault_names[plan->fault[0]], plan->at[0],
			fault_names[plan->fault[1]], plan->at[1], r.wrong);
	script_fini(&r.script);
	return !r.wrong;
}

/* Runs plan number 'n' of all, the first without a fault; false when there are
 * no more. */
static bool
plan_of(unsigned n, struct plan *p)
{
	const unsigned one = (FAULT_COUNT - 1) * STEPS;
	memset(p, 0, sizeof *p);
	if (n == 0)
		return true;
	unsigned first = (n - 1) % one, second = (n - 1) / one;
	p->fault[0] = (enum fault)(1 + first / STEPS);
	p->at[0] = (int)(first % STEPS);
	if (second) {
		p->fault[1] = (enum fault)(1 + (second - 1) / STEPS);
		p->at[1] = (int)((second - 1) % STEPS);
	}
	return second <= one;
}

int
main(int argc, char **argv)
{
	unsigned stride = 4999, runs = 0, wrong = 0;
	bool is_loud = false;
	long only = -1;
	int option;
	while ((option = getopt(argc, argv, "jn:p:v")) != -1) {
		if (option == 'p')
			stride = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'n')
			only = strtol(optarg, NULL, 10);
		else if (option == 'v')
			is_loud = true;
		else if (option == 'j')
			joins = true;
		else
			return 2;
	}
	FILE *out = fopen("/dev/null", "w");
	CHECK(out);
	const unsigned single = (FAULT_COUNT - 1) * STEPS;
	struct plan p;
	if (only >= 0 && plan_of((unsigned)only, &p))
		return !run_plan((unsigned)only, &p, is_loud, out);
	for (unsigned n = 0; plan_of(n, &p) && wrong < 10;
		n += n <= single ? 1 : stride) {
		wrong += !run_plan(n, &p, is_loud, out);
		runs++;
	}
	printf("%u runs: %u kinds of faults at each of %d ms, and every "
	       "%u-th pair; %u wrong\n",
		runs, FAULT_COUNT - 1, STEPS, stride, wrong);
	fclose(out);
	return wrong != 0;
}
