/* Moving an instance with its state, so that the state never has fewer than
 * one durable home and the instance never two live copies.
 *
 * The source coordinates; the only commit point is one durable record there.
 * H = (name, epoch, attempt) names an attempt; receivers are idempotent and
 * ignore an older H.  The table is DESIGN section 8; every "durable" below is
 * a STORE that the message waits for ('after').
 *
 *   source                          target
 *   OFFERED   -- OFFER -->          ACCEPTED (volatile) or REFUSE
 *   SIGNALLED (SIGUSR1 sent, waits for the answer; or handoff.command runs;
 *   or, if what stands at state_path after its end is its state, nothing)
 *   STOPPING+ (stop signal, until EMPTY)
 *   DUMPING   (state sealed on our disk)
 *   FROZEN*   -- FROZEN(root) -->   FETCHING (pulls over the bulk link)
 *             <-- STAGED(root) --   STAGED*
 *   COMMITTED* -- COMMIT -->        OWNER* (higher epoch), start, publish
 *             <-- ACTIVE --
 *   (done: record deleted; the dump goes when the target's row is READY)
 *
 * (* = durable.  + = written down if a state is to be sealed; nothing waits for
 * that but the seal.  After a loss of power a sealed state of that very run is
 * found by it, and the instance starts here again from there.)
 *
 * Abort is possible only before COMMITTED: the source starts
 * its instance again, from the dump if there is one.  After a crash the
 * records are loaded back: FROZEN asks again or aborts, COMMITTED never
 * starts it again but repeats COMMIT, STAGED asks QUERY.  R1: the target is
 * DEAD while COMMITTED, or answers COMMIT with UNKNOWN, because it lost its
 * disk: the source takes it back with epoch + 2.  R2: the
 * source is DEAD while STAGED: the target takes it.
 *
 *
 * Start first.  What has no state (order: start-first) skips all of this: after
 * the offer the source is PAIRED, and the target begins a copy of its own; see
 * handoff_first.c.
 *
 * Two copies.  A target that forgot the offer (a new disk), while the source
 * was away, may have started the instance itself.  It does not answer FROZEN
 * then, for a refusal is an abort, and would start it at the source as well:
 * its row says that it holds it.  The source ends its move when that row is
 * READY under a higher epoch; a source that aborts and sees the row of a live
 * copy does not start, but waits until the duty rule has decided which of the
 * two lives, and the other one has ended.
 *
 * A target that cannot start it.  Where its program is missing, or some starts
 * in a row have failed, the state goes on to the next rank as it came: nothing
 * runs, and it lies sealed there, so the move begins with FROZEN once the offer
 * is accepted.  The host before it, which keeps its copy until somebody was
 * ready, is told ACTIVE and is through first.  Who passed it on counts as
 * having refused, and does so once in a while only: where no other host is
 * left, or it comes back soon, it is tried on.
 *
 * Lifetime of state: what was staged is consumed when the new instance is
 * ready; a later start never sees it again.
 */
#ifndef SKEP_CORE_HANDOFF_H
#define SKEP_CORE_HANDOFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/mono.h"
#include "base/slots.h"
#include "core/core.h"
#include "core/member.h"

#define HANDOFF_STATES(X)                                                      \
	X(HANDOFF_FREE, "free")                                                \
	X(HANDOFF_OFFERED, "offered")	  /* source */                        \
	X(HANDOFF_SIGNALLED, "signalled") /* source */                        \
	X(HANDOFF_STOPPING, "stopping")	  /* source */                        \
	X(HANDOFF_DUMPING, "dumping")	  /* source */                        \
	X(HANDOFF_FROZEN, "frozen")	  /* source, durable */               \
	X(HANDOFF_COMMITTED, "committed") /* source, durable */               \
	X(HANDOFF_ACCEPTED, "accepted")	  /* target */                        \
	X(HANDOFF_FETCHING, "fetching")	  /* target */                        \
	X(HANDOFF_STAGED, "staged")	  /* target, durable */               \
	X(HANDOFF_PAIRED, "paired")	  /* source; both run */

enum handoff_state {
#define X(state, name) state,
	HANDOFF_STATES(X)
#undef X
	HANDOFF_STATE_COUNT,
};

/* One move, seen from this host. */
struct handoff {
	struct list link;	/* in handoffs.active */
	char name[INSTANCE_NAME_MAX + 1];
	enum handoff_state state;
	uint64_t epoch;		/* of the instance at the source */
	uint64_t epoch_known;	/* >= epoch; highest that was known when the
				   move was decided, of what ran elsewhere and
				   lost: whoever goes on lies above it */
	uint32_t attempt;
	char peer_name[NODE_NAME_MAX + 1];
	bool has_root;		/* false: nothing to carry */
	uint8_t root[DIGEST_SIZE];
	uint64_t size;		/* bytes of state */
	uint64_t bytes;		/* of these, already there */
	int64_t sealed_wall_ms;
	uint64_t run_digest;
	mono since;
	mono deadline;		/* of this state */
	mono resend_at;
	mono until;		/* operator's bound of all (drain deadline) */
	uint64_t stored;	/* STORE of the last durable record */
	struct policy_handoff terms; /* as they were when it was signalled: what
				   becomes of its spec since, be it one that
				   only newer hosts can read, has no say */
	bool wants_dump;	/* its state is to be sealed when it is empty */
	bool is_required;	/* without a state it stays here */
	bool is_signalled;	/* it must be stopped: it may be half way */
	bool is_recorded;	/* there is a record of it */
	bool is_cancelled;	/* back to a start here, once it is sealed */
	bool is_carried;	/* 'root' is no state of its own, but its last
				   checkpoint */
	bool starts_first;	/* the target begins before the source ends */
	bool is_refused;	/* PAIRED: nothing of it runs at the target */
	bool is_passed;		/* the state that it was to start from goes on,
				   for it could not be started with it here */
	bool is_yield;		/* it goes nowhere: the peer's copy wins */
	bool adopts;		/* ... or, if this is set too, it won, and goes
				   on from what the peer's copy has left */
	uint32_t tries;		/* ... and so often its state was not sealed */
	char reason[NOTE_TEXT_MAX]; /* why it began, or why it failed */
};

#define HANDOFFS_MAX 4096
/* Moves under way from this host at a time. */
#define HANDOFF_PARALLEL 16

struct handoffs {
	struct slots slots;	/* of struct handoff */
	struct list active;
	mono retry_at;		/* when duty is to look again */
	bool is_full;		/* one had to wait for another to be through */
};

struct core;
struct instance;
struct service_value;

void handoff_init(struct core *c);
size_t handoff_need(const struct core_limits *limits);
void handoff_on_load(struct core *c, struct bytes key, struct bytes value);
/* A state that lies here.  It is kept if a record names it, or the run that
 * was being stopped for a move left it; else it was sealed or fetched in the
 * moment of a crash and goes, unless a record could not be read. */
void handoff_on_sealed(struct core *c, const struct input_sealed *in);
/* All records are loaded: take up again what was under way. */
void handoff_on_boot(struct core *c);

/* Begins to move a held instance to 'target'; false when it cannot begin now
 * (too many under way, neither READY nor waiting with a state that it is to
 * pass on, target not usable): ask again later.
 * 'until' bounds it all, MONO_NEVER for the policy's timeouts alone. */
bool handoff_begin(struct core *c, struct instance *inst, member_id target,
	mono until, const char *reason);
/* The copy here loses against the one of 'winner': it is asked for its state
 * and stopped as if it moved, and what it gives is kept here (conflict.h).
 * False if it gives none as things are: then it is only stopped. */
bool handoff_yield(struct core *c, struct instance *inst,
	const struct service_value *service, member_id winner);
/* The copy here won: it is asked for its state and stopped in the same way, and
 * goes on from the one that 'node' has given it (conflict.h).  It need not go:
 * one that says so is left alone.  False if it cannot begin now: duty looks
 * again. */
bool handoff_adopt(struct core *c, struct instance *inst,
	const struct service_value *service, const char *node);
/* Whether one or the other goes on. */
bool handoff_is_yield(const struct core *c, const char *name);
/* Whether this host takes part in a move of this name, so that duty leaves
 * it alone. */
bool handoff_is_busy(const struct core *c, const char *name);
/* Borrows the move of this name, or NULL; for status. */
const struct handoff *handoff_find(const struct core *c, const char *name);
/* The 'after' for what must not overtake anything decided so far. */
uint64_t handoff_after(const struct core *c);
/* Moves to this host whose state is not here yet, so that no instance counts
 * as held. */
uint32_t handoff_count_accepted(const struct core *c);
/* Calls off a move that is not yet COMMITTED (undrain, stop, delete). */
void handoff_cancel(struct core *c, const char *name, const char *why);

/* News of the instance.  Each returns whether the move took it (then nobody
 * else acts). */
bool handoff_on_answered(struct core *c, const struct input_proc *in);
/* The end of handoff.command. */
void handoff_on_ran(struct core *c, const struct input_ran *in);
bool handoff_on_exited(struct core *c, struct instance *inst);
bool handoff_on_empty(struct core *c, struct instance *inst);
bool handoff_on_dumped(struct core *c, const struct input_dumped *in);
void handoff_on_fetched(struct core *c, const struct input_fetched *in);
void handoff_on_recv(struct core *c, member_id from, uint16_t type,
	struct bytes body);
/* A member linked, died, or its rows changed: resend, R1, R2, clean-up. */
void handoff_on_linked(struct core *c, member_id id);
void handoff_on_topology(struct core *c);
void handoff_on_tick(struct core *c);
mono handoff_deadline(const struct core *c);

const char *handoff_state_name(enum handoff_state state);

#endif
