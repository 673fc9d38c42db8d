/* One storm: a world, everything that makes trouble or work in it, and what
 * is demanded afterwards.
 *
 * A storm has two phases.  Phase 1 (safety): whatever its configuration
 * names happens, as often as it says, and the checkers look at every step.
 * Phase 2 (liveness, converge.h): a random core of hosts is healed, the rest
 * stays as it is, and the core must converge within a stated bound.
 *
 * Who makes trouble is a 'maker': a word ("crash"), a range for how often,
 * and one function that does it once.  Every maker draws from a generator of
 * its own, seeded by the storm's seed and its word; so a maker that is added,
 * left out or slowed down leaves the draws of all others as they were.
 *
 * Faults that end (a cut heals, a host comes back) put their end on a list
 * of things to come; what has not come at the end of phase 1 never comes.
 */
#ifndef SKEP_TESTS_SIM_STORM_H
#define SKEP_TESTS_SIM_STORM_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/check.h"
#include "tests/sim/swarm.h"
#include "tests/sim/world.h"

#define STORM_PENDING_MAX 512

struct storm;

/* The end of a fault, or the next step of a piece of work. */
typedef void storm_fn(struct storm *s, uint32_t a, uint32_t b);

struct storm_pending {
	mono at;
	uint64_t number; /* of two at one time the older goes first */
	storm_fn *fn;
	uint32_t a;
	uint32_t b;
};

/* A class of faults, or a kind of work. */
struct maker {
	const char *name; /* the word for it in FAULTS= and seeds.txt */
	bool is_work;	  /* people do it; it is no fault */
	/* The mean time between two, drawn from this range. */
	int64_t mean_min_ms;
	int64_t mean_max_ms;
	void (*act)(struct storm *s, struct prng *p);
	/* Only by name: what is demanded does not hold under it yet, or the
	 * checkers do not know yet what it excuses (HACKING, known gaps), or
	 * not every storm needs it. */
	bool is_asked;
};

/* A maker at work in one storm. */
struct maker_run {
	struct prng prng;
	mono next_at; /* MONO_NEVER: it is off */
};

/* What the driver knows of a host beside the world. */
struct storm_host {
	bool has_left;	       /* by an operator; it must be installed anew */
	bool is_core;	       /* phase 2 has healed it */
	bool is_heard;	       /* the core hears of it; see converge.h */
	int64_t clock_step_ms; /* that its wall clock is off */
};

struct storm {
	struct storm_config config;
	struct world *w;
	struct maker_run runs[MAKERS_MAX];
	struct storm_host hosts[STORM_NODES_MAX];
	struct storm_pending pending[STORM_PENDING_MAX];
	uint32_t pending_count;
	uint64_t next_pending;
	struct disk *old_disk; /* a copy, to be put back; owned, or NULL */
	uint32_t old_disk_of;
	uint32_t edits;	 /* every edit of a service differs */
	uint32_t churns; /* names that churn has used */
	uint32_t messages; /* sent so far */
	uint64_t acts;	 /* of all makers */
};

/* What a run came to. */
struct storm_result {
	int64_t settle_ms; /* -1: it did not */
	uint64_t hash;	   /* over all effects */
	uint64_t simulated_ms;
	uint64_t steps;
	uint32_t core_count; /* hosts that were healed */
	char trouble[512];   /* why it did not settle */
	struct check_stats stats;
};

/* Runs one storm from its beginning to its proof.  A broken invariant of
 * phase 1 aborts the process. */
void storm_run(const struct storm_config *config, bool is_loud,
	struct storm_result *out);

/* Lets 'fn' happen in 'in_ms', unless phase 1 ends before. */
void storm_later(
	struct storm *s, int64_t in_ms, storm_fn *fn, uint32_t a, uint32_t b);

/* A host that runs, or MAKER_NO_HOST when chance names one that does not. */
#define MAKER_NO_HOST UINT32_MAX
uint32_t storm_any_running(struct storm *s, struct prng *p);
/* A number below 'below'; between two (both included); the same with small
 * ones as likely as large ones.  Two draws never stand in one call or sum:
 * compilers choose which is made first, and a seed is to be one storm. */
uint32_t any(struct prng *p, uint32_t below);
int64_t any_between(struct prng *p, int64_t low, int64_t high);
int64_t any_scale(struct prng *p, int64_t low, int64_t high);

/* Takes a host down in one of three ways, up in 'in_ms'. */
void storm_start_later(struct storm *s, uint32_t host, int64_t in_ms);
/* Starts it now, if it is down and may start. */
void storm_start(struct storm *s, uint32_t host, uint32_t unused);

/* All makers in the order of their files: number 'i', or NULL. */
const struct maker *maker_at(uint32_t i);
/* The tables of the files; a NULL name ends each. */
extern const struct maker fault_host_makers[];
extern const struct maker fault_net_makers[];
extern const struct maker fault_stream_makers[];
extern const struct maker fault_machine_makers[];
extern const struct maker fault_process_makers[];
extern const struct maker work_spec_makers[];
extern const struct maker work_node_makers[];
extern const struct maker work_service_makers[];
extern const struct maker work_names_makers[];
extern const struct maker work_mail_makers[];

/* Writes a service of the storm with everything drawn anew. */
void work_apply(
	struct storm *s, struct prng *p, uint32_t host, uint32_t number);

#endif
