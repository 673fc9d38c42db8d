/* How large and how fast a world is: many hosts, many names, a rack lost.
 *
 *	scale [-n NODES] [-N NAMES] [-r REPLICAS] [-q SECONDS] [-l SECONDS] [-k]
 *
 * Boots a mesh, waits until it is whole, has NAMES instances applied, lets a
 * quiet while pass, takes the power of every 20th host at once, lets another
 * while pass and gives them power again.  For each phase it prints how fast
 * that was against real time (in CPU time of one core, so that what else runs
 * does not count), and what it was in events and bytes.  At its end all is
 * looked at (scale_audit.h), and must be at rest within two minutes.  By
 * hand: it takes minutes and gigabytes.  With -k all checkers run too.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/dialogue/script.h"
#include "tests/sim/check.h"
#include "tests/sim/phase.h"

#define RACK 20 /* every so many hosts is in the rack that is lost */

/* What the command line says. */
struct options {
	uint32_t nodes;
	uint32_t names;
	uint32_t replicas; /* of each service */
	int64_t quiet_ms;
	int64_t lost_ms;
	bool is_checked;
};

/* Whether every running host sees all running hosts, and no other. */
static bool
is_seen(const struct world *w, void *arg)
{
	uint32_t up = 0;
	(void)arg;
	for (uint32_t i = 0; i < w->count; i++)
		up += w->hosts[i].is_running;
	for (uint32_t i = 0; i < w->count; i++) {
		const struct core *c = w->hosts[i].core;
		uint32_t seen = 0;
		if (!c)
			continue;
		for (member_id id = 0; id < c->members.count; id++)
			seen += member_get(c, id)->state == MEMBER_ALIVE;
		if (seen != up)
			return false;
	}
	return true;
}

/* Lets time pass in large pieces until all is seen; whether it came. */
static bool
wait_seen(struct world *w, int64_t limit_ms)
{
	for (int64_t ms = 0; ms < limit_ms; ms += 100) {
		if (is_seen(w, NULL))
			return true;
		world_run(w, 100);
	}
	return false;
}

static uint32_t
processes(const struct world *w)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < w->count; i++)
		for (size_t k = 0; k < w->hosts[i].process_count; k++)
			n += w->hosts[i].processes[k].phase == PROCESS_RUNNING;
	return n;
}

static void
apply(struct world *w, const struct options *o)
{
	for (uint32_t i = 0; i < (o->names + o->replicas - 1) / o->replicas;
		i++) {
		char line[64], name[16];
		char *words[WORDS_MAX];
		struct script_service service;
		snprintf(name, sizeof name, "s%u", i);
		snprintf(line, sizeof line, "replicas=%u", o->replicas);
		script_service(words, script_words(line, words), &service);
		struct input in = script_spec_set(name, &service);
		world_input(w, i % w->count, &in);
		world_run(w, 5);
	}
}

/* Lets time pass until so many processes run; whether it came. */
static bool
wait_running(struct world *w, uint32_t wanted, int64_t limit_ms)
{
	for (int64_t ms = 0; ms < limit_ms; ms += 500) {
		if (processes(w) >= wanted)
			return true;
		world_run(w, 500);
	}
	return false;
}

static void
lose_rack(struct world *w)
{
	for (uint32_t i = RACK - 1; i < w->count; i += RACK)
		world_power_off(w, i);
}

static void
heal_rack(struct world *w)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (!w->hosts[i].is_running)
			world_start(w, i);
}

/* Hosts start one after the other, until each sees all. */
static bool
boot(struct world *w, const struct options *o)
{
	struct phase p = phase_begin(w);
	for (uint32_t i = 0; i < o->nodes; i++) {
		char name[16];
		snprintf(name, sizeof name, "n%u", i);
		world_add(w, name, i ? "n0:7400" : NULL);
		world_start(w, i);
		world_run(w, 20);
	}
	bool is_whole = wait_seen(w, 120000);
	phase_end(w, &p, "boot");
	p = phase_begin(w);
	world_run(w, 12000); /* then the view is stable */
	phase_end(w, &p, "stable");
	return phase_agree(w, WORLD_PHASE_STORM) && is_whole;
}

static bool
start_services(struct world *w, const struct options *o)
{
	struct phase p = phase_begin(w);
	apply(w, o);
	bool all_run = wait_running(w, o->names, 120000);
	phase_end(w, &p, "apply");
	return phase_agree(w, WORLD_PHASE_QUIET) && all_run;
}

static bool
be_quiet(struct world *w, const struct options *o)
{
	struct phase p = phase_begin(w);
	world_run(w, o->quiet_ms);
	phase_end(w, &p, "quiet");
	return phase_agree(w, WORLD_PHASE_STORM);
}

static bool
lose(struct world *w, const struct options *o)
{
	struct phase p = phase_begin(w);
	lose_rack(w);
	bool is_seen_again = wait_seen(w, 30000);
	phase_end(w, &p, "lost");
	p = phase_begin(w);
	bool all_run = wait_running(w, o->names, o->lost_ms);
	world_run(w, o->lost_ms);
	phase_end(w, &p, "after");
	return phase_agree(w, WORLD_PHASE_STORM) && is_seen_again && all_run;
}

static bool
heal(struct world *w, const struct options *o)
{
	struct phase p = phase_begin(w);
	heal_rack(w);
	bool is_seen_again = wait_seen(w, 120000);
	bool all_run = wait_running(w, o->names, o->lost_ms);
	phase_end(w, &p, "healed");
	return phase_agree(w, WORLD_PHASE_STORM) && is_seen_again && all_run;
}

static bool
run(struct world *w, const struct options *o)
{
	bool is_well = boot(w, o);
	is_well &= start_services(w, o);
	is_well &= be_quiet(w, o);
	if (o->nodes >= RACK) {
		is_well &= lose(w, o);
		is_well &= heal(w, o);
	}
	printf("%u hosts, %u of %u names run, %.0f s simulated: %s; hash "
	       "%016llx\n",
		o->nodes, processes(w), o->names,
		(double)(w->now.ms - 1000000) / 1000,
		is_well ? "all as it ought to be" : "NOT as it ought to be",
		(unsigned long long)w->hash);
	return is_well;
}

int
main(int argc, char **argv)
{
	struct options o = {50, 500, 10, 60000, 60000, false};
	static struct check_stats stats;
	int option;
	while ((option = getopt(argc, argv, "n:N:r:q:l:k")) != -1) {
		if (option == 'n')
			o.nodes = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'N')
			o.names = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'r')
			o.replicas = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'q')
			o.quiet_ms = strtoll(optarg, NULL, 10) * 1000;
		else if (option == 'l')
			o.lost_ms = strtoll(optarg, NULL, 10) * 1000;
		else if (option == 'k')
			o.is_checked = true;
		else
			return 2;
	}
	CHECK(o.nodes && o.replicas);
	struct world_options options = world_options_for(o.nodes, o.names);
	struct world *w = world_new_with(1, &options);
	if (o.is_checked)
		check_attach(w, &stats);
	bool is_well = run(w, &o);
	world_free(w);
	return !is_well;
}
