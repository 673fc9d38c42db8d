/* States of copies that lost: kept for a while, said, and never lost in
 * silence.
 *
 * After a partition two copies of an instance may live; the one with the lower
 * epoch gives way (duty.h).  Before it goes it is asked for its state as if it
 * moved (handoff_yield.c), and the state stays on the disk of its host, with a
 * record of whose it is.  The same becomes of a state that lay here for a start
 * that will not be, because another host holds the instance.
 *
 * The record says: the epoch of the run that left it, the epoch that won, root,
 * size, when it was sealed by the wall clock, and for how long it was kept.  It
 * goes after CONFLICT_KEEP_MS in which its host's node ran (no clock is asked,
 * so one that jumps takes nothing away), when two newer ones have come, or when
 * its service is deleted.  An event tells of each.
 *
 * What is kept stands behind the word of the checkpoints in the 'meta' of the
 * host's row, so all hosts can list it; a host that has no other reason for a
 * row shows it as PAST with the note that it only keeps (checkpoint.h).
 *
 * Durable before it is said: the row waits for the record.
 *
 * Going on.  A copy that won although it had started with nothing goes on from
 * what the one that lost has left (conflict_adopt.c): it fetches that, claims
 * it in its row under the epoch of its run, and waits until the host that keeps
 * it has written down that it is given to that run, and to no other ever.
 * Then it is stopped, what it wrote itself is kept here as said above, and it
 * starts again, with the other state, of the kind "conflict".  When that start
 * has served, its row says so ('used'), and the other host lets go of it.  If
 * it fails again and again, it goes back to its own, and both are kept.
 *
 * A state is fit for a survivor that began ('instance.fresh') above the run
 * that left it and not above the copy that won: so for nobody who began later,
 * when that survivor had been there, went on from it perhaps, and is gone.
 *
 * Joining.  Of a service with hooks.resolve_conflict the copy that won goes on
 * from both, whatever it had started with, if its line of starts began
 * ('instance.began') not above the copy that won (conflict_join.c).  All is as
 * said above, but that it is to start from its own state, of the kind "dump",
 * and the other one is kept here, durable, to be joined with that in each start
 * until one has served.  What the hook makes is nobody's but the start's.  If
 * the hook fails, or such starts do again and again, the copy starts from its
 * own, and both are kept.
 *
 * Memory: a slot for each name of which something is kept here, or is about to
 * come, CONFLICTS_MAX at most; what finds none is said, and lost.
 */
#ifndef SKEP_CORE_CONFLICT_H
#define SKEP_CORE_CONFLICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "base/mono.h"
#include "core/core.h"
#include "core/named.h"
#include "core/specs.h"

#define CONFLICTS_MAX 4096 /* names on one host */
#define CONFLICT_KEPT 2	   /* states of one name */
/* How long one is kept: 7 days. */
#define CONFLICT_KEEP_MS ((int64_t)7 * 24 * 3600 * 1000)

/* The state of a copy that lost. */
struct lost {
	uint64_t epoch;	 /* of the run that left it */
	uint64_t winner; /* the epoch that won */
	uint8_t root[DIGEST_SIZE];
	uint64_t size;	 /* bytes; 0: not known any more */
	int64_t wall_ms; /* when it was sealed */
	uint64_t given;	 /* the epoch of the run that it was given to, for
			    good; 0: nobody */
	bool was_live;	 /* it ran until it lost; else the state had been
			    waiting for a start, or is of the copy that won
			    and goes on from another one: nobody's to go on
			    from */
};

/* Where a state of another host, from which the copy here is to go on, is.
 * The sentence says what is waited for. */
enum adopt_phase {
	ADOPT_NONE,	/* there is none */
	ADOPT_FETCHING, /* until it is whole here */
	ADOPT_HERE,	/* until the copy here is ready to be stopped */
	ADOPT_CLAIMED,	/* until the other host has given it to us */
	ADOPT_FAILED,	/* until it is tried again */
	ADOPT_JOINING,	/* until a start from both has served; durable */
};

/* What one host says of an instance in its row. */
struct conflict_word {
	uint64_t used;	/* conflict_key of a state that its copy began with
			   though nobody was there who could give it; or 0 */
	uint64_t claim; /* conflict_key of a state that it would go on
			   from; or 0 */
	uint64_t claim_epoch; /* of its run that does */
	uint32_t count;
	struct lost kept[CONFLICT_KEPT]; /* the last that came first */
};

/* What is kept here of one name, and what its copy here is to go on from. */
struct conflict {
	struct named head;
	struct conflict_word word;
	int64_t kept_ms[CONFLICT_KEPT]; /* for how long, as last recorded */
	mono counted_at;		/* up to when those count */
	uint64_t stored;		/* STORE of the last record */
	enum adopt_phase phase;
	struct lost want;	      /* in each phase but NONE */
	char from[NODE_NAME_MAX + 1]; /* the host that keeps it */
	uint64_t claim;	   /* our epoch that claims it; 0: none yet */
	uint64_t asked;	   /* STORE that its FETCH waits for: what comes before
			      is not the one */
	uint64_t came;	   /* bytes of it */
	uint32_t failures; /* to fetch it, in a row */
	mono until;	   /* of the phase */
	uint8_t own[DIGEST_SIZE]; /* JOINING: with which it is joined */
};

struct conflicts {
	struct named_table table; /* of struct conflict */
	mono look_at;		  /* when ages are counted again */
	mono adopt_at;		  /* when a phase may be over */
};

struct core;
struct instance;
struct row;

void conflict_init(struct core *c);
size_t conflict_need(const struct core_limits *limits);
/* Gives back a TABLE_CONFLICT record; then BOOT. */
void conflict_on_load(struct core *c, struct bytes key, struct bytes value);
void conflict_on_boot(struct core *c);

/* Keeps the state 'lost' (copied), which is sealed here, and says so.  False
 * when there is no room for its name; that is said too. */
bool conflict_keep(
	struct core *c, struct instance *inst, const struct lost *lost);
/* The instance goes, and another present host holds it: the state that it
 * would have started from here, if there is one, is kept.  Where nobody else
 * holds it nothing is done. */
void conflict_keep_staged(struct core *c, struct instance *inst);
/* Whether a state with this root is kept, or is to be gone on from. */
bool conflict_needs_state(const struct core *c, const char *name,
	const uint8_t root[DIGEST_SIZE]);
/* What is kept here of a name, or NULL. */
const struct conflict *conflict_find(const struct core *c, const char *name);
/* The highest epoch of what is kept here, or 0. */
uint64_t conflict_epoch(const struct core *c, const char *name);
/* The STORE that our word waits for, or 0. */
uint64_t conflict_stored(const struct core *c, const char *name);

/* A number for a state. */
uint64_t conflict_key(const uint8_t root[DIGEST_SIZE]);
/* Whether there is something to say of it in our row. */
bool conflict_has_word(const struct core *c, const struct instance *inst);
/* Writes our word, as far as there is room; returns how many bytes, 0 when
 * there is nothing to say. */
size_t conflict_write_word(const struct core *c, const struct instance *inst,
	void *room, size_t size);
/* Reads what a row says; false when it says nothing that can be read. */
bool conflict_read_row(const struct row *row, struct conflict_word *out);

/* 'service' is NULL when nobody wants the instance any more: then what is kept
 * of it goes.  Gives what another host claims, lets go of what has served
 * there, and of what the copy here cannot go on from any more. */
void conflict_review(struct core *c, struct instance *inst,
	const struct service_value *service);
/* The copy here is held, nothing else is to be done with it, and if it had
 * started with nothing: it goes on from the state of a copy that lost against
 * it, if there is one. */
void conflict_adopt(struct core *c, struct instance *inst,
	const struct service_value *service);
void conflict_on_fetched(struct core *c, const struct input_fetched *in);
/* The copy here is stopped for that, and nothing stands against it: what it
 * left itself is kept ('own'; NULL if it left nothing), and it is to start from
 * the other one, or from both.  False if that is not to be had any more, or it
 * would have to start without its own. */
bool conflict_go_on(
	struct core *c, struct instance *inst, const struct lost *own);
/* What its next start, or the one that has not served yet, joins with its own
 * state; NULL: nothing. */
const struct conflict *conflict_joining(
	const struct core *c, const struct instance *inst);
/* It is about to start: with nothing to join them the two are left as they are.
 */
void conflict_before_start(struct core *c, struct instance *inst,
	const struct service_value *service);
/* A start of it could not join them: it is to start from its own.  False if it
 * was not to join any. */
bool conflict_on_unresolved(
	struct core *c, struct instance *inst, const char *text);
/* A start from both has served, and is written down. */
void conflict_on_joined(struct core *c, struct instance *inst);
/* A run of it failed, and it is to be started again: if that was one from such
 * a state, and enough of them have failed, or this was the last attempt, it
 * starts from its own again. */
void conflict_fall_back(struct core *c, struct instance *inst, bool is_last);
void conflict_on_tick(struct core *c);
mono conflict_deadline(const struct core *c);

/* Audits the module; panics where it is inconsistent. */
void conflict_check(const struct core *c);

#endif
