/* Rebalancing: what runs on a worse-ranked host moves to its better one, by
 * the same handoff as in a drain, after a host joined, came back or was
 * undrained.
 *
 * An instance belongs to the host that would start it if nobody held it
 * (duty_host): an operator's move counts, then the rank.  Each host moves only
 * what it holds itself.  Nothing goes
 *
 *   while the hosts' views differ, or a log is not complete here (the gate of
 *   duty.h), from a host that is cordoned, drains, or whose store does not
 *   write, or to one that holds back (forming, lonely) or is not linked;
 *   if its spec says 'placement.sticky', if it is a oneshot, not ready, has a
 *   second copy, asked to stay, or waits for an operator's move.
 *
 * By itself ('rebalance = auto') it goes only when the eligible hosts and their
 * weights have been the same for 'rebalance_hold', when it has been ready for
 * that long, and when its back-off is over.  'skepctl rebalance' asks for one
 * pass ('auto' and 'manual'; 'off' refuses it): the number of the pass rises in
 * a replicated setting, every host that hears of it tries each instance that
 * belongs elsewhere once, hold-down and back-off apart, and then says which
 * pass it is through.  A host that began after the pass takes no part: what it
 * hears of before it has once had the same desired state as all that it is
 * linked to, REBALANCE_JOIN_MS at most, is an old one.
 *
 * Bounds.  A host that comes and goes faster than 'rebalance_hold' moves
 * nothing, for each coming and going begins the hold-down anew.  One that
 * flaps more slowly moves less and less: after an instance left a host by
 * rebalancing for the k-th time within a day, it does not leave that host so
 * again before rebalance_hold * 2^k has passed (k up to DOUBLINGS_MAX); so of
 * one instance there is at most one move in each hold-down, and from one host
 * at most about log2(day / hold) a day.  A failed attempt counts as much as a
 * move.  All that a node knows of this is gone when it starts again; the
 * hold-down then begins anew.
 *
 * At a time at most 'rebalance_max' instances are under way in the cluster, as
 * far as rows tell: each host says in its facts how many it moves and how many
 * it has left.  Of those that have some left only the one with the smallest
 * name begins any, and not before REBALANCE_TURN_MS have passed since it said
 * so; only if its word takes longer than that to reach the others, or they do
 * not hear it at all, can there be more, 'rebalance_max' from each.
 *
 * Memory: a fixed table of moves.  Time: a look at all instances when
 * something changed, a second and more apart; with 'off' nothing at all.
 */
#ifndef SKEP_CORE_REBALANCE_H
#define SKEP_CORE_REBALANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/mono.h"
#include "core/core.h"
#include "core/effect.h"
#include "core/member.h"
#include "core/specs.h"

/* The most that 'rebalance_max' can be. */
#define REBALANCE_MOVES_MAX 100
/* A host that has something to move waits so long for the others' word. */
#define REBALANCE_TURN_MS 1000
/* For whom views differ for so long gives up its turn. */
#define REBALANCE_GATED_MS 5000
/* Between two looks at all instances: this, and a millisecond for each of so
 * many of them. */
#define REBALANCE_LOOK_MS     1000
#define REBALANCE_LOOK_PER_MS 5
/* So many times the back-off is doubled; and when departures are forgotten. */
#define REBALANCE_DOUBLINGS_MAX 10
#define REBALANCE_FORGET_MS	86400000
/* A move that has not arrived by then does not count as under way any more. */
#define REBALANCE_MOVE_MS 600000
/* A pass that could not be ended by then, because views differ, is over. */
#define REBALANCE_PASS_MS 600000
/* After its start a node hears of old passes for no longer than this. */
#define REBALANCE_JOIN_MS 10000

/* What becomes of an instance, and the sentence for people. */
#define REBALANCE_VERDICTS(X)                                                  \
	X(REBALANCE_GOES, "it belongs there by rank")                          \
	X(REBALANCE_BELONGS, "it runs where it belongs")                       \
	X(REBALANCE_NOT_HELD, "it does not run")                               \
	X(REBALANCE_NOT_READY, "it is not ready, or changes at present")       \
	X(REBALANCE_MOVING, "it moves already")                                \
	X(REBALANCE_STICKY, "its spec says placement.sticky")                  \
	X(REBALANCE_ONESHOT, "it is a oneshot and ends by itself")             \
	X(REBALANCE_OPERATOR, "an operator's move of it waits")                \
	X(REBALANCE_HOST_HOLDS,                                                \
		"its host is cordoned, drains, or has a store "                \
		"that does not write")                                         \
	X(REBALANCE_TARGET_HOLDS, "the host where it belongs takes nothing "   \
				  "at present")                                \
	X(REBALANCE_ASKED, "it asked to be left where it is")                  \
	X(REBALANCE_AGAIN, "a move of it failed a moment ago")

enum rebalance_verdict {
#define X(verdict, text) verdict,
	REBALANCE_VERDICTS(X)
#undef X
		REBALANCE_VERDICT_COUNT,
};

/* One instance that this host gave away, until it is ready elsewhere. */
struct rebalance_move {
	char name[INSTANCE_NAME_MAX + 1];
	char to[NODE_NAME_MAX + 1]; /* where it is to go */
	mono until;		    /* it counts as under way until then */
};

struct rebalance {
	uint64_t topology;  /* hash of the eligible hosts and their weights */
	mono stable_since;  /* since when that is the same */
	mono join_until;    /* passes heard of before are old ones */
	mono look_at;	    /* when to look though nothing changes */
	mono paced_until;   /* no look before */
	mono gated_since;   /* since when views differ; NEVER: they do not */
	mono turn_at;	    /* since when we may begin; NEVER: none is left */
	mono pass_until;    /* when the pass is over whatever is left */
	uint64_t pass;	    /* the last that we heard of */
	uint64_t pass_done; /* the last that is over here */
	uint32_t left;	    /* that may go now, and have not begun */
	uint32_t moving;    /* in 'moves' */
	bool is_dirty;	    /* something changed since the last look */
	struct rebalance_move moves[REBALANCE_MOVES_MAX];
};

/* One instance that does not run where it belongs. */
struct rebalance_item {
	const char *name;
	const char *from;	 /* where it runs */
	const char *to;		 /* where it belongs */
	bool goes;		 /* in a pass, or moves already */
	char why[NOTE_TEXT_MAX]; /* one sentence why, or why not */
};

/* One host, as it says itself. */
struct rebalance_host {
	const char *name;
	uint32_t moving; /* under way from there */
	uint32_t left;	 /* that may go and have not begun */
	bool is_through; /* with the last pass */
};

struct core;
struct instance;
struct text;

void rebalance_init(struct core *c);
/* Everything else took BOOT. */
void rebalance_on_boot(struct core *c);
/* A peer has the same desired state as we. */
void rebalance_on_equal(struct core *c);
/* Members, intents, facts or settings may have changed. */
void rebalance_on_topology(struct core *c);
/* The last of duty in every step: ends what arrived, begins what may go. */
void rebalance_run(struct core *c);
mono rebalance_deadline(const struct core *c);

/* 'skepctl rebalance': begins a pass on all hosts. */
void rebalance_on_request(struct core *c, const struct input_request *r);

/* What would become of an instance of this service in a pass; on which host it
 * is, '*from', and where it belongs, '*to' (MEMBER_NONE: nowhere).  Of one on
 * another host not everything is known here. */
enum rebalance_verdict rebalance_look(struct core *c, struct instance *inst,
	const struct service_value *service, member_id *from, member_id *to);
/* When it may go by itself, if it is ours: hold-down, back-off and window. */
mono rebalance_due_at(const struct core *c, const struct instance *inst);
/* Walks them: 'cursor' starts as 0; false ends.  The texts are borrowed until
 * the next step (rebalance_view.c). */
bool rebalance_view_next(
	struct core *c, uint32_t *cursor, struct rebalance_item *out);
/* For 'why': what becomes of an instance that is not held where it belongs, and
 * runs ('is_live') or not; that it went from here by rebalancing, and runs
 * under this epoch since. */
void rebalance_say_staying(struct core *c, struct instance *inst,
	const struct service_value *service, bool is_live, struct text *t);
void rebalance_say_moved(const struct core *c, const struct instance *inst,
	uint64_t epoch, struct text *t);
/* The same of the present hosts; and the number of the last pass. */
bool rebalance_host_next(
	const struct core *c, uint32_t *cursor, struct rebalance_host *out);
uint64_t rebalance_pass_number(const struct core *c);
const char *rebalance_verdict_text(enum rebalance_verdict verdict);

#endif
