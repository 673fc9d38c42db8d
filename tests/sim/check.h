/* The checkers: the invariants of the cluster, looked at while a world runs.
 *
 * Each family has a file of its own and is an observer of its own:
 *
 *   check_member.c    M1 to M8   who is alive
 *   check_registry.c  R1 to R13  rows and their replicas
 *   check_specs.c     S1 to S5   the desired state
 *   check_place.c     P1 to P6   where instances belong
 *   check_rebalance.c P7, P8    what moves because ranks changed
 *   check_service.c   V1 to V9   what really runs
 *   check_handoff.c   H1 to H3, H5, H6, H9  states on their way
 *   check_sealed.c    H2, H4, H7, H10  states on disks
 *   check_conflict.c  H11        who goes on from the state of a copy that lost
 *   check_checkpoint.c  H8       what is kept of them on other hosts
 *   check_path.c      F1, F2     what stands at state_paths
 *   check_names.c     T1 to T4   names of processes
 *   check_message.c   L1 to L4  messages
 *   check_engine.c    E1 to E5   the core as a machine
 *
 * An invariant is A (always: looked at in the step that could break it) or E
 * (eventually: when the driver says WORLD_PHASE_SETTLED).  A checker looks at
 * what a step touched, never at everything; a full scan happens only at the
 * ends of phases.  What it holds is bounded by what the world holds: some
 * words for each row, entry, instance and state, and for each pair of hosts
 * that was ever hurt.
 *
 * The truth.  Whether a host may be wrong is decided by what was done to it,
 * never by what it thinks: 'check_calm_ms' says for how long a host has been
 * left in peace, 'check_pair_ms' for how long two could speak.
 */
#ifndef SKEP_TESTS_SIM_CHECK_H
#define SKEP_TESTS_SIM_CHECK_H

#include <stdio.h>

#include "tests/sim/keys.h"
#include "tests/sim/world.h"

#define CHECK_TIMES   6000
#define CHECK_UNIT_MS 100

/* How long something took, many times. */
struct check_times {
	uint64_t count;
	int64_t sum_ms;
	int64_t max_ms;
	uint32_t buckets[CHECK_TIMES]; /* of CHECK_UNIT_MS; the last: more */
};

/* What was counted; added up over worlds by the driver. */
struct check_stats {
	uint64_t steps;
	uint64_t simulated_ms;
	uint64_t worlds;
	uint64_t starts;       /* of processes */
	uint64_t deaths;       /* declared by silence */
	uint64_t false_deaths; /* of these, of hosts that ran */
	uint64_t duplicates;   /* two live copies, for a reason that counts */
	uint64_t unexcused;    /* ... without one: 0, or it aborted, or they
				  were begun after the gate's bound */
	uint64_t lost;	       /* services: the same */
	uint64_t handoffs;     /* starts from a state that was moved */
	uint64_t dropped;      /* states given up at a conflict */
	uint64_t adopted;      /* ... and those that the survivor went on from
				*/
	uint64_t rebalances;   /* instances that hosts sent to better ones */
	struct disk_counts disk;
	struct check_times detection; /* host gone to DEAD, each observer */
	struct check_times failover;  /* process lost to the next one running */
	struct check_times duplicate; /* how long two lived */
};

/* A host, as the checkers' books have it. */
struct check_host {
	mono troubled_at; /* when something was last done to it */
	mono moved_at;	  /* when it last changed sides */
	mono down_at;	  /* when its node ended */
	uint64_t log;	  /* incarnation of its own log */
	uint64_t seen;	  /* its own rows are in 'rows' up to here */
	struct keys rows; /* hash of an instance's name -> enum row_state of
			     its own row, before this step */
};

/* What all checkers of one world share. */
struct check {
	struct world *w;
	struct check_stats *stats;
	struct check_host *hosts; /* owned */
	uint32_t host_count;
	struct keys pairs; /* -> number in 'pair_at', from 1 */
	mono *pair_at;	   /* owned: when a pair was last hurt */
	uint32_t pair_count;
	enum world_phase phase;
	bool has_lost_disk; /* a disk was emptied, or an old one came back */
	struct keys lost;   /* roots of states that a durable record named as
			       those of copies that lost -> 1 */
	struct keys served; /* roots of states of which a process that began
			       with one ran, or whose service was deleted: they
			       are nobody's -> 1 */
};

/* Attaches all checkers to a new world, before its first host starts; what
 * they count is added to 'stats' (borrowed until the world is freed). */
struct check *check_attach(struct world *w, struct check_stats *stats);

/* A small world with all of them, for which nobody counts. */
struct world *check_world(uint64_t seed);

/* Attaches one family; 'check_attach' calls them all. */
void check_member(struct check *k);
void check_registry(struct check *k);
void check_specs(struct check *k);
void check_place(struct check *k);
void check_service(struct check *k);
void check_handoff(struct check *k);
void check_sealed(struct check *k);
void check_conflict(struct check *k);
void check_checkpoint(struct check *k);
void check_path(struct check *k);
void check_message(struct check *k);
void check_rebalance(struct check *k);
void check_names(struct check *k);
void check_engine(struct check *k);

/* Whether all that others tell a host outside the healed core, and it them,
 * goes by way of hosts there whose disks stand still: they pass on nothing. */
bool check_is_behind_stalled(const struct world *w, uint32_t host);
/* Whether it runs on a host that can say no more than that, for its disk stands
 * still (core/running.h), and 'duty', which would start it, has heard so. */
bool check_runs_unseen(struct world *w, uint32_t duty, const char *name);

/* What a state's root is in a set of keys. */
uint64_t check_root_key(const uint8_t root[DIGEST_SIZE]);
/* Whether nobody wants a state of that name any more: its service was deleted,
 * or does not know of handoff any more. */
bool check_is_unwanted(const struct check *k, uint32_t host, const char *name);

/* For how long nothing was done to a host; 0 when it is down or stands
 * still. */
int64_t check_calm_ms(const struct check *k, uint32_t host);
/* Whether 'source' has a move of 'name' under way that starts first
 * (handoff_first.c), to 'target' or, WORLD_NO_HOST, to any. */
bool check_is_paired(const struct check *k, const char *name, uint32_t source,
	uint32_t target);
/* Whether any host has such a move to 'target' under way. */
bool check_is_told(const struct check *k, const char *name, uint32_t target);
/* Whether a host has a copy that is not ready of what starts first: one that
 * is, and loses against it, goes on as long. */
bool check_is_awaited(const struct check *k, const char *name, uint32_t host);
/* For how long two hosts were calm and could speak in both directions. */
int64_t check_pair_ms(const struct check *k, uint32_t a, uint32_t b);
/* The core of a host of which something is demanded at the end: it runs, has
 * not left, and was not left broken; else NULL. */
struct core *check_core(const struct check *k, uint32_t host);
/* P3, of what a host in peace runs: whether it is pinned to another one, where
 * it could be.  Moving it may take several attempts: it is demanded when all is
 * said to be at rest, and waited for until then. */
bool check_is_misplaced(
	struct world *w, uint32_t host, struct instance *instance);
/* Whether an instance that belongs to 'host' may wait: its spec says that it
 * starts from nothing older than what was acknowledged, and that is on no host
 * that was healed; or a host that could tell is none of these. */
bool check_waits_for_checkpoint(
	struct world *w, uint32_t host, const char *name);
/* Whether an instance that 'host' has is to go to a healed host by rebalancing
 * within 'in_ms'. */
bool check_is_due(struct world *w, uint32_t host, struct instance *instance,
	int64_t in_ms);
/* The host of that name, or WORLD_NO_HOST. */
uint32_t check_host_of(const struct check *k, const char *name);
/* The state of a host's own row of an instance before this step. */
enum row_state check_row_before(
	const struct check *k, uint32_t host, const char *name);

/* Adds a time; adds all; the time that 'percent' of them did not exceed. */
void check_times_add(struct check_times *t, int64_t ms);
void check_stats_add(struct check_stats *to, const struct check_stats *from);
int64_t check_times_at(const struct check_times *t, unsigned percent);
/* Prints the table of what was counted. */
void check_stats_print(const struct check_stats *s, FILE *out);

/* What the notes of a step say of a state of 'name' that it drops, now or later
 * (core/sealed.h): 0, TOLD, or TOLD_DONE, if all that is said and dropped of it
 * is that another copy goes on from it. */
enum { TOLD = 1, TOLD_DONE };
uint32_t check_told(
	const struct core *c, const struct effects *fx, const char *name);

#endif
