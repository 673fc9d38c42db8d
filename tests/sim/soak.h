/* Many storms, each in a process of its own, so that a panic ends one.
 *
 * Seeds go up from the first one.  A storm that does not end well is a line
 * of seeds.txt: its seed, hosts and whole configuration in words, and after
 * '#' what was wrong.  SIGINT and SIGTERM end the soak after the storms under
 * way; what is known by then is printed.
 */
#ifndef SKEP_TESTS_SIM_SOAK_H
#define SKEP_TESTS_SIM_SOAK_H

#include <stdbool.h>
#include <stdint.h>

struct soak {
	uint64_t first;	   /* seed */
	uint64_t count;	   /* 0: no end */
	uint32_t nodes;	   /* 0: as drawn */
	const char *words; /* after the draw; may be NULL */
	int64_t storm_ms;  /* 0: as drawn */
	uint32_t workers;
	int64_t seconds;      /* 0: no end */
	const char *failures; /* file that gets a line for each, or NULL */
	bool is_quiet;	      /* no line for a storm that ended well */
};

/* Runs them; returns how many failed. */
uint64_t soak_run(const struct soak *soak);

/* Replays every line of a file such as seeds.txt; returns how many failed.
 * A line that cannot be read counts as one. */
uint64_t soak_replay(const char *path, uint32_t workers);

#endif
