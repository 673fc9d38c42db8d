/* Random storms over a small cluster, then healing, then proof.
 *
 *	sim [-v] [-n NODES] [-s SEED] [-c COUNT] [-t SECONDS]
 *
 * Each seed is a world of its own: services with and without handoff, hosts
 * that lose power, node crashes, cuts, kills, edits, deletions, drains and
 * moves for a while.  The invariants of world.h and core_check hold all the
 * time; afterwards everything is healed, and the world must settle.  Prints
 * one line for each seed and its event hash; the same seed gives the same
 * hash.  With RECORD=FOLDER in the environment every host is recorded there.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/dialogue/script.h"
#include "tests/sim/record.h"
#include "tests/sim/world_view.h"

#define SERVICES	6
#define SETTLE_LIMIT_MS 400000

static const char *const host_names[] = {"alpha", "beta", "gamma", "delta",
	"epsilon", "zeta", "eta", "theta", "iota"};

/* One run. */
struct sim {
	struct world *w;
	struct prng prng; /* of the faults, apart from the world's */
	uint32_t nodes;
	uint32_t edits;
};

static uint32_t
any(struct sim *s, uint32_t below)
{
	return (uint32_t)prng_below(&s->prng, below);
}

/* A host that runs, or WORLD_HOSTS when chance names one that does not. */
static uint32_t
any_running(struct sim *s)
{
	uint32_t host = any(s, s->nodes);
	return s->w->hosts[host].is_running ? host : WORLD_HOSTS;
}

/* --- Operators --- */

static void
apply(struct sim *s, uint32_t host, uint32_t number)
{
	char line[128], name[8];
	char *words[WORDS_MAX];
	struct script_service service;
	struct input in = {.kind = INPUT_SPEC_SET};
	snprintf(name, sizeof name, "s%u", number);
	snprintf(line, sizeof line, "replicas=%u arg=%u max=2s %s",
		1 + any(s, 4), s->edits++, number % 2 ? "handoff" : "");
	script_service(words, script_words(line, words), &service);
	in.spec_set = (struct input_spec_set){
		.name = name,
		.digest = service.digest,
		.run_digest = service.run_digest,
		.policy = &service.policy,
		.body = {service.body, strlen(service.body)},
		.source.file = "",
	};
	world_input(s->w, host, &in);
}

static void
fault_apply(struct sim *s)
{
	uint32_t host = any_running(s);
	if (host != WORLD_HOSTS)
		apply(s, host, any(s, SERVICES));
}

static void
fault_delete(struct sim *s)
{
	struct input in = {.kind = INPUT_SPEC_DEL};
	char name[8];
	uint32_t host = any_running(s);
	if (host == WORLD_HOSTS || any(s, 3))
		return;
	snprintf(name, sizeof name, "s%u", any(s, SERVICES));
	in.spec_del.name = name;
	world_input(s->w, host, &in);
}

static void
fault_node_request(struct sim *s)
{
	static const enum request_op ops[] = {REQUEST_DRAIN, REQUEST_UNDRAIN,
		REQUEST_CORDON, REQUEST_UNCORDON, REQUEST_UNDRAIN};
	uint32_t host = any_running(s);
	if (host != WORLD_HOSTS)
		world_request(s->w, host, ops[any(s, 5)],
			s->w->hosts[any(s, s->nodes)].name);
}

static void
fault_service_request(struct sim *s)
{
	static const enum request_op ops[] = {REQUEST_STOP, REQUEST_START,
		REQUEST_START, REQUEST_RESTART, REQUEST_MOVE};
	char name[16];
	enum request_op op = ops[any(s, 5)];
	uint32_t host = any_running(s);
	snprintf(name, sizeof name, "s%u@%u", any(s, SERVICES), 1 + any(s, 4));
	if (host != WORLD_HOSTS)
		world_request_with(s->w, host, op, name,
			op == REQUEST_MOVE ? s->w->hosts[any(s, s->nodes)].name
					   : "",
			0);
}

/* --- Faults --- */

static void
fault_power(struct sim *s)
{
	uint32_t host = any(s, s->nodes);
	if (s->w->hosts[host].is_running)
		world_power_off(s->w, host);
	else
		world_start(s->w, host);
}

static void
fault_crash(struct sim *s)
{
	uint32_t host = any(s, s->nodes);
	if (s->w->hosts[host].is_running)
		world_crash(s->w, host);
	else
		world_start(s->w, host);
}

static void
fault_kill_host(struct sim *s)
{
	uint32_t host = any(s, s->nodes);
	if (s->w->hosts[host].is_running)
		world_kill(s->w, host);
	else
		world_start(s->w, host);
}

static void
fault_cut(struct sim *s)
{
	uint32_t a = any(s, s->nodes), b = any(s, s->nodes);
	if (a == b || any(s, 3) == 0)
		world_heal(s->w);
	else if (any(s, 2))
		world_cut_both(s->w, a, b, true);
	else
		world_cut(s->w, a, b, true);
}

static void
fault_process(struct sim *s)
{
	struct host *h = &s->w->hosts[any(s, s->nodes)];
	if (!h->process_count)
		return;
	struct process *p = &h->processes[any(s, (uint32_t)h->process_count)];
	if (p->phase == PROCESS_RUNNING)
		world_process_end(s->w, (uint32_t)(h - s->w->hosts), p->name,
			any(s, 2) ? SIGKILL : 0);
}

static void
fault_behaviour(struct sim *s)
{
	char name[8];
	snprintf(name, sizeof name, "s%u", any(s, SERVICES));
	struct behaviour *b = world_behave(s->w, name, "");
	b->answer = (enum handoff_answer)any(s, 5);
	b->answer_ms = any(s, 2000);
	b->start_ms = 1 + any(s, 1000);
	b->stop_ms = 1 + any(s, 1000);
	b->is_deaf = any(s, 8) == 0;
	b->is_lingering = any(s, 8) == 0;
	b->is_dying = any(s, 8) == 0;
	b->is_dump_failing = any(s, 8) == 0;
	b->is_fetch_failing = any(s, 8) == 0;
	b->blame = any(s, 12) == 0 ? (enum start_blame)(1 + any(s, 3))
				   : (enum start_blame)0;
}

static void (*const faults[])(struct sim *) = {
	fault_apply,
	fault_delete,
	fault_node_request,
	fault_service_request,
	fault_service_request,
	fault_power,
	fault_crash,
	fault_kill_host,
	fault_cut,
	fault_cut,
	fault_process,
	fault_process,
	fault_behaviour,
};

/* --- Runs --- */

static void
begin(struct sim *s)
{
	for (uint32_t i = 0; i < s->nodes; i++) {
		world_add(s->w, host_names[i], i ? "alpha:7400" : NULL);
		world_start(s->w, i);
	}
	world_run_until(s->w, 60000, world_is_whole, NULL);
	for (uint32_t i = 0; i < SERVICES; i++)
		apply(s, 0, i);
	world_run(s->w, 5000);
}

static void
storm(struct sim *s, int64_t storm_ms)
{
	mono end = mono_add(s->w->now, storm_ms);
	while (!mono_reached(end, s->w->now)) {
		faults[any(s, sizeof faults / sizeof *faults)](s);
		world_run(s->w, any(s, 20) ? any(s, 1500) : any(s, 30000));
	}
}

static void
heal(struct sim *s)
{
	world_enter(s->w, WORLD_PHASE_HEALED);
	world_heal(s->w);
	for (uint32_t i = 0; i < s->w->behaviour_count; i++) {
		struct behaviour *b = &s->w->behaviours[i];
		b->is_deaf = b->is_dump_failing = b->is_fetch_failing = false;
		b->blame = (enum start_blame)0;
		b->answer = ANSWER_RESUME;
	}
	for (uint32_t i = 0; i < s->nodes; i++)
		if (!s->w->hosts[i].is_running)
			world_start(s->w, i);
	world_run_until(s->w, 200000, world_is_whole, NULL);
	uint32_t first = world_first_running(s->w);
	for (uint32_t i = 0; i < s->nodes; i++)
		world_request(
			s->w, first, REQUEST_UNDRAIN, s->w->hosts[i].name);
	world_run(s->w, 1000);
}

/* Whether one seed holds. */
static bool
run_seed(uint64_t seed, uint32_t nodes, int64_t storm_ms, bool is_loud)
{
	char trouble[WORLD_TROUBLE_MAX];
	struct sim s = {.w = world_new(seed), .nodes = nodes};
	prng_init(&s.prng, seed + 1000000);
	s.w->is_loud = is_loud;
	world_record(s.w, getenv("RECORD"));
	begin(&s);
	world_enter(s.w, WORLD_PHASE_STORM);
	storm(&s, storm_ms);
	heal(&s);
	int64_t took_ms = world_settle(s.w, SETTLE_LIMIT_MS, trouble);
	if (took_ms >= 0)
		world_enter(s.w, WORLD_PHASE_SETTLED);
	unsigned long long hash = (unsigned long long)s.w->hash;
	if (took_ms < 0)
		printf("seed %llu, %u hosts: NOT settled: %s\n",
			(unsigned long long)seed, nodes, trouble);
	else
		printf("seed %llu, %u hosts: settled after %lld ms, %016llx\n",
			(unsigned long long)seed, nodes, (long long)took_ms,
			hash);
	fflush(stdout);
	world_free(s.w);
	return took_ms >= 0;
}

int
main(int argc, char **argv)
{
	uint64_t seed = 1, count = 1;
	uint32_t nodes = 0;
	int64_t storm_ms = 60000;
	bool is_loud = false;
	int failures = 0, option;
	while ((option = getopt(argc, argv, "vn:s:c:t:")) != -1) {
		if (option == 'v')
			is_loud = true;
		else if (option == 'n')
			nodes = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 's')
			seed = strtoull(optarg, NULL, 10);
		else if (option == 'c')
			count = strtoull(optarg, NULL, 10);
		else if (option == 't')
			storm_ms = strtoll(optarg, NULL, 10) * 1000;
		else
			return 2;
	}
	for (uint64_t i = seed; i < seed + count; i++)
		failures += !run_seed(i, nodes ? nodes : (uint32_t)(1 + i % 5),
			storm_ms, is_loud);
	return failures != 0;
}
