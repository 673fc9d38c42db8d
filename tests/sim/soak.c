#include "tests/sim/soak.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/storm.h"

#define WORKERS_MAX 64
#define WHY_MAX	    600
#define MEMORY_MAX  ((rlim_t)4 << 30) /* bytes of address space */
#define CPU_MAX_S   600

/* A storm under way; shared with its process. */
struct slot {
	pid_t pid; /* 0: free */
	FILE *said;
	struct storm_config config;
	struct storm_result result;
	bool has_result;
};

/* All of them, and what they came to. */
struct soak_state {
	struct slot *slots; /* shared memory */
	uint32_t workers;
	const char *failures;
	bool is_quiet;
	uint64_t runs;
	uint64_t failed;
	uint64_t simulated_ms;
	uint64_t steps;
	int64_t settle_max_ms;
	uint64_t settle_seed;
	struct check_stats stats;
};

static volatile sig_atomic_t is_told_to_stop;

static void
on_signal(int number)
{
	(void)number;
	is_told_to_stop = 1;
}

/* --- One storm --- */

static _Noreturn void
child(struct slot *slot)
{
	/* A storm that eats the machine ends alone. */
	struct rlimit memory = {MEMORY_MAX, MEMORY_MAX};
	(void)memory; /* an address sanitizer needs far more */
	struct rlimit cpu = {CPU_MAX_S, CPU_MAX_S};
#ifndef __SANITIZE_ADDRESS__
	setrlimit(RLIMIT_AS, &memory);
#endif
	setrlimit(RLIMIT_CPU, &cpu);
	signal(SIGINT, SIG_IGN); /* the parent decides */
	dup2(fileno(slot->said), 1);
	dup2(fileno(slot->said), 2);
	storm_run(&slot->config, false, &slot->result);
	slot->has_result = true;
	/* Not NULL: a file that is read has one place with our parent. */
	fflush(stdout);
	_exit(0);
}

static void
launch(struct soak_state *s, const struct storm_config *config)
{
	struct slot *slot = s->slots;
	while (slot->pid)
		slot++;
	slot->config = *config;
	slot->has_result = false;
	slot->said = tmpfile();
	CHECK(slot->said);
	fflush(stdout);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		child(slot);
	slot->pid = pid;
}

/* "/a/b/c.c:1: what" without its folders. */
static const char *
base_name(const char *line)
{
	size_t i = strcspn(line, ": ");
	while (i > 0 && line[i - 1] != '/')
		i--;
	return line + i;
}

/* The last line that its process said, or how it ended. */
static void
read_why(const struct slot *slot, int status, char why[static WHY_MAX])
{
	char line[WHY_MAX];
	snprintf(why, WHY_MAX, "its process ended with status %x", status);
	rewind(slot->said);
	while (fgets(line, sizeof line, slot->said)) {
		line[strcspn(line, "\n")] = '\0';
		snprintf(why, WHY_MAX, "%s", base_name(line));
	}
}

static void
report_failure(struct soak_state *s, const struct slot *slot, const char *why)
{
	char line[SWARM_LINE_MAX];
	s->failed++;
	swarm_print(&slot->config, line);
	printf("FAILED %s # %s\n", line, why);
	fflush(stdout);
	FILE *f = s->failures ? fopen(s->failures, "a") : NULL;
	if (f) {
		fprintf(f, "%s # %s\n", line, why);
		fclose(f);
	}
}

static void
collect(struct soak_state *s, struct slot *slot, int status)
{
	char why[WHY_MAX];
	const struct storm_result *r = &slot->result;
	s->runs++;
	if (!slot->has_result || status) {
		read_why(slot, status, why);
		report_failure(s, slot, why);
	} else if (r->settle_ms < 0) {
		snprintf(why, sizeof why, "not settled: %s", r->trouble);
		report_failure(s, slot, why);
	} else if (!s->is_quiet) {
		printf("seed %llu, %u hosts: settled after %lld ms, %016llx\n",
			(unsigned long long)slot->config.seed,
			slot->config.nodes, (long long)r->settle_ms,
			(unsigned long long)r->hash);
	}
	if (slot->has_result) {
		s->simulated_ms += r->simulated_ms;
		s->steps += r->steps;
		check_stats_add(&s->stats, &r->stats);
	}
	if (slot->has_result && r->settle_ms > s->settle_max_ms) {
		s->settle_max_ms = r->settle_ms;
		s->settle_seed = slot->config.seed;
	}
	fclose(slot->said);
	slot->pid = 0;
}

/* Waits for one of them to end; false when there is none. */
static bool
wait_one(struct soak_state *s)
{
	int status;
	pid_t pid;
	do
		pid = wait(&status);
	while (pid < 0 && errno == EINTR);
	for (uint32_t i = 0; pid > 0 && i < s->workers; i++)
		if (s->slots[i].pid == pid)
			collect(s, &s->slots[i], status);
	return pid > 0;
}

static uint32_t
count_busy(const struct soak_state *s)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->workers; i++)
		n += s->slots[i].pid != 0;
	return n;
}

static void
run_one(struct soak_state *s, const struct storm_config *config)
{
	while (count_busy(s) == s->workers)
		wait_one(s);
	launch(s, config);
}

/* --- Many --- */

static void
begin(struct soak_state *s, uint32_t workers)
{
	memset(s, 0, sizeof *s);
	s->workers = workers < 1 ? 1 : workers;
	if (s->workers > WORKERS_MAX)
		s->workers = WORKERS_MAX;
	s->slots = mmap(NULL, WORKERS_MAX * sizeof *s->slots,
		PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(s->slots != MAP_FAILED);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
}

static uint64_t
finish(struct soak_state *s)
{
	while (wait_one(s))
		;
	printf("%llu storms, %llu failed; %llu.%02llu simulated hours, "
	       "%llu steps; slowest settled after %lld ms (seed %llu)\n",
		(unsigned long long)s->runs, (unsigned long long)s->failed,
		(unsigned long long)(s->simulated_ms / 3600000),
		(unsigned long long)(s->simulated_ms / 36000 % 100),
		(unsigned long long)s->steps, (long long)s->settle_max_ms,
		(unsigned long long)s->settle_seed);
	check_stats_print(&s->stats, stdout);
	munmap(s->slots, WORKERS_MAX * sizeof *s->slots);
	return s->failed;
}

uint64_t
soak_run(const struct soak *soak)
{
	struct soak_state s;
	time_t end = time(NULL) + soak->seconds;
	begin(&s, soak->workers);
	s.failures = soak->failures;
	s.is_quiet = soak->is_quiet;
	for (uint64_t i = 0; !soak->count || i < soak->count; i++) {
		struct storm_config config;
		char *words = strdup(soak->words ? soak->words : "");
		swarm_draw(&config, soak->first + i, soak->nodes);
		if (soak->storm_ms > 0)
			config.storm_ms = soak->storm_ms;
		CHECK(words && !swarm_parse(&config, words));
		free(words);
		run_one(&s, &config);
		if (is_told_to_stop || (soak->seconds && time(NULL) >= end))
			break;
	}
	return finish(&s);
}

/* Reads "SEED NODES words"; false when it is none. */
static bool
read_line(char *line, struct storm_config *out)
{
	char *at;
	uint64_t seed = strtoull(line, &at, 10);
	if (at == line)
		return false;
	char *rest;
	uint32_t nodes = (uint32_t)strtoul(at, &rest, 10);
	if (rest == at || nodes < 1 || nodes > STORM_NODES_MAX)
		return false;
	swarm_draw(out, seed, nodes);
	out->version = 0; /* unless it says so */
	return !swarm_parse(out, rest);
}

uint64_t
soak_replay(const char *path, uint32_t workers)
{
	struct soak_state s;
	char line[2 * SWARM_LINE_MAX];
	uint64_t wrong = 0, older = 0;
	FILE *f = fopen(path, "r");
	if (!f) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	begin(&s, workers);
	while (!is_told_to_stop && fgets(line, sizeof line, f)) {
		struct storm_config config;
		line[strcspn(line, "#\n")] = '\0';
		if (!line[strspn(line, " \t")])
			continue;
		if (read_line(line, &config)) {
			older += config.version != SWARM_VERSION;
			run_one(&s, &config);
		} else {
			wrong++;
			fprintf(stderr, "%s: not a seed line: %s\n", path,
				line);
		}
	}
	fclose(f);
	if (older)
		printf("%llu of them were recorded under older draws\n",
			(unsigned long long)older);
	return finish(&s) + wrong;
}
