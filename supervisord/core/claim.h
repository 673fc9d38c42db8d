/* Who may have a name that is taken at run time: one host decides.
 *
 * Of all present hosts the one that ranks first for a name by rendezvous
 * hashing (place.h), under the weights that services go by, is its arbiter.
 * Whoever wants the name asks it with a claim.  It looks at what the registry
 * and the desired state say, and at what it granted itself and has not seen
 * come yet, and says "granted" or "taken", by whom and where.  So of any
 * number of claims one wins, wherever they come from.
 *
 * An arbiter decides only once it is settled: all hosts that it is linked to
 * told it, in heartbeats, the very list of members that it holds, and it holds
 * all of their rows.  A grant that an earlier arbiter gave was accepted under
 * an earlier list, by a host whose row stands in its log before the heartbeat
 * with the new one; so no name is given twice though arbiters come and go.
 * Until then it says "again", and the claim waits and asks anew.  Grants of an
 * arbiter that is itself cut off can contradict each other: tracked.h says
 * what becomes of that.
 *
 * Claims travel in batches and every one ends: by the arbiter's word, or at its
 * deadline.  They are asked again when the list of members changes, and twice
 * a second.  A host that holds (member.h) asks nobody, nor answers.
 *
 * A grant ends when the row that was granted is seen, or after GRANT_MS, unless
 * rows of that host are known to be missing.  Who wants it no more, since its
 * claim came to nothing before it heard of the grant, says so, and the name is
 * free at once.
 *
 * Memory: tables with bounds; a full one is a result.  Names are used, see
 * names.h.
 */
#ifndef SKEP_CORE_CLAIM_H
#define SKEP_CORE_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mono.h"
#include "base/slots.h"
#include "core/core.h"
#include "core/member.h"

#define CLAIMS_MAX 16384 /* under way at once */
#define GRANTS_MAX 16384 /* given, and not seen come */
#define GRANT_MS   5000

/* How long a claim lasts when nobody says. */
#define CLAIM_TIMEOUT_MS     5000
#define CLAIM_TIMEOUT_MAX_MS 600000

/* What the name is wanted for. */
enum claim_kind {
	CLAIM_TRACKED = 1, /* a process where it runs: tracked.h */
	CLAIM_SERVICE,	   /* a service of that name, declared by this word */
	CLAIM_LOOK,	   /* nothing: who has it? */
	CLAIM_WITHDRAW,	   /* nothing any more; travels only, has no answer */
};

/* What becomes of a claim.  The first three travel. */
enum claim_verdict {
	CLAIM_GRANTED = 1, /* of CLAIM_LOOK: nobody has it */
	CLAIM_TAKEN,
	CLAIM_AGAIN,   /* who was asked cannot say yet */
	CLAIM_LATE,    /* nobody said so in time */
	CLAIM_NO_NODE, /* nobody could be asked */
};

/* The arbiter's word. */
struct claim_answer {
	enum claim_verdict verdict;
	uint64_t epoch;	  /* granted: take none below; taken: its */
	const char *node; /* taken: where; "" where nobody knows */
	uint32_t pid;	  /* taken: who; 0 where nobody knows */
	const char *state; /* taken, of CLAIM_LOOK: as status says it, or "" */
	const char *why;  /* late, no node: a sentence; else "" */
};

struct claim;
struct core;
struct row;

/* Called once for each claim, with all that is known; the claim is gone when it
 * returns.  It may begin others. */
typedef void claim_done_fn(struct core *c, const struct claim *claim,
	const struct claim_answer *answer);

/* A claim under way.  Whoever begins it fills in the second half. */
struct claim {
	struct list link; /* in unsent or sent */
	struct map_link by_number;
	const char *name; /* used */
	uint64_t number;
	enum claim_kind kind;
	member_id to; /* who was asked */
	mono sent_at;
	mono deadline;
	claim_done_fn *done;
	unsigned char *meta; /* its own block, or NULL */
	uint32_t meta_size;
	/* For 'done' alone, but for 'pid', which the arbiter is told: */
	uint64_t request;
	uint64_t start;
	uint32_t pid;
	struct actor actor; /* of this host: 'host' is NULL */
};

/* What this host granted. */
struct grant {
	struct list link; /* in 'by_age' */
	struct map_link by_name;
	const char *name; /* used */
	uint64_t number;  /* of the claim */
	uint64_t epoch;
	mono at;
	member_id to;
	uint32_t pid;
};

struct claims {
	struct slots slots; /* of struct claim */
	struct map by_number;
	struct buddy *metas;
	struct list unsent; /* oldest first */
	struct list sent;
	uint64_t next_number;
	mono flush_at; /* NEVER: nothing is to be sent */
	mono retry_at; /* NEVER: there are none */
	mono due_at;   /* no claim's deadline is earlier */
	struct slots grant_slots;
	struct map grants; /* by name */
	struct list by_age;
	uint64_t view;	 /* the list of members when it was looked at last */
	bool is_settled; /* for that view */
	uint64_t asked_view; /* the same, when claims were sent last */
	uint64_t granted;    /* counted, for status */
	uint64_t contested;  /* the same, of those who came too late */
};

void claim_init(struct core *c);
size_t claim_need(const struct core_limits *limits);
/* Uses of names that there can be here. */
size_t claim_uses_max(const struct core_limits *limits);
/* An incarnation is there: numbers begin anew. */
void claim_on_boot(struct core *c);

/* Begins a claim; NULL when there are too many, or no room for 'meta' (copied).
 * 'name' is copied and a good one; a deadline beyond CLAIM_TIMEOUT_MAX_MS is
 * that one, one of 0 or below the usual one.  'done' is never called before
 * this step's timers. */
struct claim *claim_begin(struct core *c, enum claim_kind kind,
	const char *name, int64_t timeout_ms, struct bytes meta,
	claim_done_fn *done);

/* Replies to the request that a claim is for: nobody decided about it. */
void claim_reply_undecided(struct core *c, const struct claim *claim,
	const struct claim_answer *answer);

/* A service of that name is there: a grant is fulfilled, or in vain. */
void claim_mark_name(struct core *c, const char *name);
/* A row of a tracked name changed: a grant may be fulfilled. */
void claim_mark(struct core *c, const struct row *row);

/* Claim and ClaimAnswer from a member. */
void claim_on_recv(
	struct core *c, member_id from, uint16_t type, struct bytes body);
void claim_on_tick(struct core *c);
mono claim_deadline(const struct core *c);

/* The host that decides about a name, by what this one knows. */
member_id claim_arbiter(struct core *c, const char *name);
/* What this host says as the arbiter, without granting anything: who has the
 * name, as seen by 'asker', whose own rows it knows best itself (MEMBER_NONE:
 * of nobody). */
struct claim_answer claim_look(
	struct core *c, const char *name, member_id asker);
/* Says so, and grants it where it is free (claim_grant.c). */
struct claim_answer claim_decide(struct core *c, const char *name,
	member_id asker, uint64_t number, enum claim_kind kind, uint32_t pid);
/* What was granted to 'asker' for that claim, it does not take. */
void claim_withdraw(
	struct core *c, const char *name, member_id asker, uint64_t number);
/* Whether this host can decide now. */
bool claim_is_settled(struct core *c);
/* Grants that are over go. */
void claim_expire_grants(struct core *c);

/* Panics where the tables are inconsistent. */
void claim_check(const struct core *c);

#endif
