/* A million names of processes in one world: they are registered, churn while
 * hosts and links fail, reach a host that joins with nothing, and come together
 * again where two hosts differ.
 *
 *	many [-n NODES] [-N NAMES] [-c SECONDS] [-s SEED]
 *
 * All checkers run.  For each phase it prints how long it took, in the world
 * and in CPU time, and what the hosts sent, in bytes with the heads of frames.
 * During SECONDS of churn one name in a hundred ends each second, and as many
 * begin, while a link is cut, a node crashes, a disk stands still, and a host
 * loses its power.  By hand: it takes minutes and gigabytes.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/check.h"
#include "tests/sim/phase.h"

#define NODES_MAX 64
#define BATCH	  256 /* registered at a time by each host */
#define TURN_MS	  100 /* of the churn */
#define DIFFER	  100 /* rows, of the last phase */

/* What the command line says. */
struct options {
	uint32_t nodes;
	uint32_t names;
	uint32_t churn_s;
	uint64_t seed;
};

struct run {
	struct world *w;
	const struct options *o;
	struct prng prng;
	uint32_t next; /* number of the next name */
};

static uint32_t
count_names(const struct world *w)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < w->count; i++)
		n += w->hosts[i].guest_count;
	return n;
}

static void
add_host(struct world *w, uint32_t number)
{
	char name[16];
	snprintf(name, sizeof name, "n%u", number);
	world_add(w, name, number ? "n0:7400" : NULL);
	world_start(w, number);
}

static void
register_one(struct run *r, uint32_t host)
{
	char name[16];
	snprintf(name, sizeof name, "name-%u", r->next++);
	world_register(r->w, host, name, 0);
}

/* Whether the last process of every host has its answer. */
static bool
is_answered(const struct world *w)
{
	for (uint32_t i = 0; i < w->count; i++) {
		const struct host *h = &w->hosts[i];
		if (h->guest_count && h->guests[h->guest_count - 1].request)
			return false;
	}
	return true;
}

static bool
boot(struct run *r)
{
	struct phase p = phase_begin(r->w);
	for (uint32_t i = 0; i < r->o->nodes; i++)
		add_host(r->w, i);
	world_run(r->w, 20000); /* then the view is stable */
	phase_end(r->w, &p, "boot");
	return phase_agree(r->w, WORLD_PHASE_STORM);
}

static bool
register_all(struct run *r)
{
	struct world *w = r->w;
	struct phase p = phase_begin(w);
	while (r->next < r->o->names) {
		for (uint32_t i = 0; i < w->count * BATCH; i++)
			if (r->next < r->o->names)
				register_one(r, i % w->count);
		do
			world_run(w, 1);
		while (!is_answered(w));
	}
	phase_end(w, &p, "register");
	return phase_agree(w, WORLD_PHASE_STORM);
}

/* Ends one of a host's, whichever. */
static void
end_one(struct run *r, uint32_t host)
{
	uint32_t count = r->w->hosts[host].guest_count;
	if (count)
		world_guest_end(
			r->w, host, (uint32_t)prng_below(&r->prng, count));
}

/* As many end as begin, on hosts that run. */
static void
churn(struct run *r)
{
	struct world *w = r->w;
	for (uint32_t i = 0; i < r->o->names * TURN_MS / 100000; i++) {
		uint32_t host = (uint32_t)prng_below(&r->prng, w->count);
		const struct host *h = &w->hosts[host];
		if (!h->is_running || world_is_still(w, host))
			continue;
		end_one(r, host);
		register_one(r, host);
	}
}

/* What fails, each at its share of the time, and what heals it. */
static void
fail(struct run *r, uint32_t percent)
{
	struct world *w = r->w;
	uint32_t last = w->count - 1;
	if (percent == 10 || percent == 20)
		world_cut_both(w, 0, last, percent == 10);
	if (percent == 30)
		world_crash(w, 0);
	if (percent == 32)
		world_start(w, 0);
	if (percent == 45)
		world_stall_disk(w, 1 % w->count, 3000);
	if (percent == 60)
		world_power_off(w, last);
	if (percent == 80)
		world_start(w, last);
}

static bool
change(struct run *r)
{
	struct world *w = r->w;
	uint32_t turns = r->o->churn_s * 1000 / TURN_MS;
	struct phase p = phase_begin(w);
	for (uint32_t i = 0, percent = 0; i < turns; i++) {
		for (; percent <= i * 100 / turns; percent++)
			fail(r, percent);
		churn(r);
		world_run(w, TURN_MS);
	}
	phase_end(w, &p, "churn");
	return phase_agree(w, WORLD_PHASE_STORM);
}

/* A host with nothing joins; tells who gave how much of what it was sent. */
static bool
join(struct run *r)
{
	uint64_t sent[NODES_MAX], all = 0;
	const uint32_t givers = r->w->count;
	struct phase p = phase_begin(r->w);
	for (uint32_t i = 0; i < givers; i++)
		sent[i] = r->w->hosts[i].sent_bytes;
	add_host(r->w, givers);
	world_run(r->w, 1000);
	phase_end(r->w, &p, "join");
	bool is_well = phase_agree(r->w, WORLD_PHASE_STORM);
	for (uint32_t i = 0; i < givers; i++) {
		sent[i] = r->w->hosts[i].sent_bytes - sent[i];
		all += sent[i];
	}
	printf("  given by ");
	for (uint32_t i = 0; i < givers; i++)
		printf("%s%s %.0f %%", i ? ", " : "", r->w->hosts[i].name,
			100. * (double)sent[i] / (double)all);
	printf("\n");
	return is_well;
}

/* Two hosts do not hear each other for a moment, in which names end at one. */
static bool
differ(struct run *r)
{
	struct world *w = r->w;
	struct phase p = phase_begin(w);
	for (uint32_t i = 1; i < w->count; i++)
		world_cut_both(w, 0, i, true);
	for (uint32_t i = 0; i < DIFFER; i++)
		end_one(r, 0);
	world_run(w, 500);
	for (uint32_t i = 1; i < w->count; i++)
		world_cut_both(w, 0, i, false);
	phase_end(w, &p, "differ");
	return phase_agree(w, WORLD_PHASE_STORM);
}

int
main(int argc, char **argv)
{
	struct options o = {3, 1000000, 60, 1};
	static struct check_stats stats;
	int option;
	while ((option = getopt(argc, argv, "n:N:c:s:")) != -1) {
		if (option == 'n')
			o.nodes = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'N')
			o.names = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'c')
			o.churn_s = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 's')
			o.seed = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	CHECK(o.nodes && o.nodes < NODES_MAX && o.names);
	/* Tombstones of what ended take their place for a while. */
	struct world_options options =
		world_options_for(o.nodes + 1, o.names + o.names / 2);
	struct run r = {.w = world_new_with(o.seed, &options), .o = &o};
	prng_init(&r.prng, o.seed);
	check_attach(r.w, &stats);
	bool is_well = boot(&r);
	is_well &= register_all(&r);
	is_well &= change(&r);
	is_well &= join(&r);
	is_well &= differ(&r);
	printf("%u hosts, %u names: %s; hash %016llx\n", r.w->count,
		count_names(r.w),
		is_well ? "all as it ought to be" : "NOT as it ought to be",
		(unsigned long long)r.w->hash);
	world_free(r.w);
	return !is_well;
}
