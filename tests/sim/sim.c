/* Storms over a small cluster on fake time.
 *
 *	sim [-v] [-s SEED] [-n NODES] [-H HOURS | -t SECONDS] [-f WORDS] [-p]
 *	sim -c COUNT [-j WORKERS] ...	that many seeds, from SEED on
 *	sim -S SECONDS [-o FILE] ...	as many as fit; 0: until told to stop
 *	sim -r FILE			the seeds of a file
 *
 * A seed is all of a storm: storm.h says what one is, swarm.h what WORDS
 * are.  Prints one line for each seed and its event hash; the same seed gives
 * the same hash.  -v prints every transition (trace.h), -p only the seed's
 * line for seeds.txt.  With RECORD=FOLDER in the environment every host of a
 * single storm is recorded there.  Exits 1 when a storm failed.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/soak.h"
#include "tests/sim/storm.h"

/* What the command line says. */
struct options {
	struct soak soak;
	bool is_loud;
	bool is_soak;
	bool is_printed;
	const char *file;
};

static int
run_one(const struct options *o, const struct storm_config *config)
{
	struct storm_result r;
	storm_run(config, o->is_loud, &r);
	if (r.settle_ms < 0)
		printf("seed %llu, %u hosts: NOT settled: %s\n",
			(unsigned long long)config->seed, config->nodes,
			r.trouble);
	else
		printf("seed %llu, %u hosts: settled after %lld ms, %016llx\n",
			(unsigned long long)config->seed, config->nodes,
			(long long)r.settle_ms, (unsigned long long)r.hash);
	return r.settle_ms < 0;
}

/* Reads the words for one storm; the answer is the exit status. */
static int
run_words(const struct options *o)
{
	struct storm_config config;
	char line[SWARM_LINE_MAX];
	char *words = strdup(o->soak.words ? o->soak.words : "");
	CHECK(words);
	swarm_draw(&config, o->soak.first, o->soak.nodes);
	if (o->soak.storm_ms > 0)
		config.storm_ms = o->soak.storm_ms;
	const char *wrong = swarm_parse(&config, words);
	int status = 2;
	if (wrong) {
		fprintf(stderr, "'%s' is no class of faults and no option\n",
			wrong);
	} else if (o->is_printed) {
		swarm_print(&config, line);
		printf("%s\n", line);
		status = 0;
	} else {
		status = run_one(o, &config);
	}
	free(words);
	return status;
}

static bool
read_options(int argc, char **argv, struct options *o)
{
	int option;
	while ((option = getopt(argc, argv, "vpn:s:c:f:H:t:j:S:o:r:q")) != -1) {
		if (option == 'v')
			o->is_loud = true;
		else if (option == 'p')
			o->is_printed = true;
		else if (option == 'q')
			o->soak.is_quiet = true;
		else if (option == 'n')
			o->soak.nodes = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 's')
			o->soak.first = strtoull(optarg, NULL, 10);
		else if (option == 'c')
			o->soak.count = strtoull(optarg, NULL, 10);
		else if (option == 'f')
			o->soak.words = optarg;
		else if (option == 'H')
			o->soak.storm_ms =
				(int64_t)(strtod(optarg, NULL) * 3600000);
		else if (option == 't')
			o->soak.storm_ms = strtoll(optarg, NULL, 10) * 1000;
		else if (option == 'j')
			o->soak.workers = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'S')
			o->soak.seconds = strtoll(optarg, NULL, 10);
		else if (option == 'o')
			o->soak.failures = optarg;
		else if (option == 'r')
			o->file = optarg;
		else
			return false;
		o->is_soak |= option == 'c' || option == 'S';
	}
	return optind == argc && o->soak.nodes <= STORM_NODES_MAX;
}

int
main(int argc, char **argv)
{
	struct options o = {.soak = {.first = 1, .workers = 1}};
	if (!read_options(argc, argv, &o)) {
		fprintf(stderr, "sim: see the head of tests/sim/sim.c\n");
		return 2;
	}
	if (o.file)
		return soak_replay(o.file, o.soak.workers) != 0;
	if (o.is_soak)
		return soak_run(&o.soak) != 0;
	return run_words(&o);
}
