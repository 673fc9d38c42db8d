/* Where an instance belongs: ranks of hosts, the same on every host.
 *
 * Weighted rendezvous hashing (Thaler and Ravishankar 1998; logarithmic
 * weights after Schindelhauer and Schomaker 2005) in integers: the score of a
 * host is -log2(h) / weight in fixed point from a table that is a constant of
 * the source, the smallest wins, ties go to the smaller node name.  Golden
 * vectors in tests/place pin every bit.
 *
 * A strategy is a pure function from a read-only view to ranks (plugin.h);
 * the built-in ones are 'hrw' and, through the same door, whatever the shell
 * registered before BOOT.
 *
 * Eligible is a host that is usable, not cordoned or draining, of a weight
 * above 0, whose store keeps up, passes allow/deny, has not refused this very
 * spec, has room, knows the spec's strategy, and is the pin if there is one.
 * What is the same for all instances decides before the ranks are made, the
 * rest after: rows of the others of a service, which each host hears at another
 * moment, must not turn the ranks of this one, or two hosts begin it.
 */
#ifndef SKEP_CORE_PLACE_H
#define SKEP_CORE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/core.h"
#include "core/member.h"
#include "core/specs.h"
#include "skep/plugin.h"

#define STRATEGIES_MAX 16

/* A registered strategy. */
struct place_strategy {
	const struct skep_place_ops *ops; /* borrowed for ever */
	char name[32];
	uint64_t digest; /* of name and version: must match across hosts */
};

/* Why a host is not eligible, for 'why'. */
enum place_verdict {
	PLACE_ELIGIBLE,
	PLACE_NOT_ALIVE,
	PLACE_CORDONED,
	PLACE_DRAINING,
	PLACE_WEIGHT_ZERO,
	PLACE_NOT_ALLOWED, /* allow/deny */
	PLACE_REFUSED,	   /* the host refused this spec; its row says why */
	PLACE_NOT_PINNED,
	PLACE_NO_STRATEGY,
	PLACE_FULL,    /* max_per_host */
	PLACE_STALLED, /* its store does not write */
	PLACE_VERDICT_COUNT,
};

/* A host, as far as it is the same for all instances. */
struct place_host {
	enum place_verdict verdict;
	uint32_t weight;
	uint64_t name_hash;
};

struct place {
	struct place_strategy strategies[STRATEGIES_MAX];
	uint32_t strategy_count;
	/* Scratch for one ranking, members_max each: */
	struct skep_place_node *view; /* hosts that may be given something,
					 by name */
	member_id *ids;		      /* who they are */
	/* What does not depend on the instance, members_max each; holds while
	 * 'has_hosts', until members or the desired state change. */
	struct place_host *hosts; /* by member */
	member_id *by_name;	  /* members, by name */
	uint32_t sorted;	  /* so many stand in 'by_name' */
	bool is_round;		  /* a round of rankings is under way */
	bool has_hosts;
	/* What 'view' and 'order' hold of the last ranking, while they do: */
	uint32_t view_count;  /* so many hosts may be given something; 0:
				 to be counted */
	uint32_t top_count;   /* so many best of these, in order */
	uint64_t top_hash;    /* ... for this hash */
	uint32_t *order;      /* what the strategy says */
	uint64_t *scratch;    /* the strategy's own */
};

struct core;

void place_init(struct core *c);
size_t place_need(const struct core_limits *limits);

/* Registers a strategy (before BOOT). 'ops' is borrowed for ever. */
bool place_register(struct core *c, const struct skep_place_ops *ops);

/* The built-in strategy. */
extern const struct skep_place_ops place_hrw;
/* Sum over the strategies of this host, for the comparison with others. */
uint64_t place_strategies_digest(const struct core *c);

/* A round of many rankings, in which neither members nor the desired state
 * change, begins and ends: what is the same for all is found once. */
void place_begin_round(struct core *c);
void place_end_round(struct core *c);

/* What was found once does not hold any more: a member, a host's facts or
 * intent, or a setting changed, or our own drain or stall. */
void place_forget_hosts(struct core *c);
/* Another name stands in a member's place. */
void place_on_renamed(struct core *c);
/* Panics where it should have been forgotten. */
void place_check(const struct core *c);

/* Ranks the eligible hosts for an instance, best first, into 'out'; returns
 * how many.  'service' is the decoded entry. */
uint32_t place_rank(struct core *c, const char *instance,
	const struct service_value *service, member_id *out, uint32_t max);

/* The same where only the first matters: the others may follow in any order,
 * which spares the sort among many hosts. */
uint32_t place_rank_first(struct core *c, const char *instance,
	const struct service_value *service, member_id *out, uint32_t max);

/* The first rank that is another host, or MEMBER_NONE. */
member_id place_first_other(struct core *c, const char *instance,
	const struct service_value *service);

/* The first rank while 'id' could be given something, or MEMBER_NONE. */
member_id place_first_with(struct core *c, const char *instance,
	const struct service_value *service, member_id id);

/* As place_rank_first, were 'id' drained: the ranks of the others are not what
 * is left of all when it is taken out. */
uint32_t place_rank_without(struct core *c, const char *instance,
	const struct service_value *service, member_id id, member_id *out,
	uint32_t max);

/* What was found of all hosts, by member; borrowed until one of them changes.
 * That one has changed is noticed when they are looked at (rest.h): duty asks
 * whenever one may have. */
const struct place_host *place_hosts(struct core *c);
/* What is the same of a host for all instances, as it is now. */
struct place_host place_look_at_host(const struct core *c, member_id id);
/* Whether and why not 'id' is eligible. */
enum place_verdict place_verdict(struct core *c, const char *instance,
	const struct service_value *service, member_id id);
/* Whether some host said that it cannot run this very spec. */
bool place_is_refused(
	struct core *c, const char *instance, uint64_t run_digest);
/* The sentence for people: "is cordoned". */
const char *place_verdict_text(enum place_verdict verdict);

/* The hash that decides where 'place_hrw' puts an instance among 'node_count'
 * nodes: the first instances of a service share one, and take its ranks. */
uint64_t place_hrw_hash(
	const struct skep_place_item *item, uint32_t node_count);
/* The 'kept' (at least one) best nodes for a hash, best first, into 'order';
 * 'scratch' as for its rank. */
void place_hrw_top(uint64_t hash, const struct skep_place_node *nodes,
	uint32_t node_count, uint64_t *scratch, uint32_t *order, uint32_t kept);

/* Score of one host under hrw, exposed for 'why' and the golden vectors. */
uint64_t place_hrw_score(
	uint64_t name_hash, uint64_t node_hash, uint32_t weight);

/* Whether a host name passes the allow and deny patterns in force. */
bool place_is_allowed(const char *allow, const char *deny, const char *node);

#endif
