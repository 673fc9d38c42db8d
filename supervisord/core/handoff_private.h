/* What the files of the handoff share: the table and the messages (handoff.c),
 * the side that gives (handoff_source.c) and asks for it (handoff_ask.c), the
 * side that takes (handoff_target.c), what goes without state, the new copy
 * before the old one ends (handoff_first.c), the copy that loses against
 * another (handoff_yield.c), and what rows say about a move (handoff_rows.c).
 */
#ifndef SKEP_CORE_HANDOFF_PRIVATE_H
#define SKEP_CORE_HANDOFF_PRIVATE_H

#include "core/core_private.h"
#include "core/wire.h"

/* A message without its answer is sent again after this. */
#define HANDOFF_RESEND_MS 1000
/* A host that does not answer an offer is not the one. */
#define HANDOFF_OFFER_MS 5000
/* A command is waited for that much longer than it may take. */
#define HANDOFF_ANSWER_MS 2000
/* Sealing a state on our own disk. */
#define HANDOFF_DUMP_MS 3600000
/* What a transfer may take: this, and a second for each of these bytes.  One
 * that goes on may take longer: the target asks all the time, and gives up when
 * nothing has come for as long as HANDOFF_STALL_MS. */
#define HANDOFF_FETCH_MS     60000
#define HANDOFF_FETCH_BYTES  1048576
#define HANDOFF_STALL_MS     300000
/* Once a place among the moves is free, this until others are offered: as many
 * as became free meanwhile are then found in one look at all instances. */
#define HANDOFF_PLACE_MS 20
/* After a failure, before the next attempt with the same instance. */
#define HANDOFF_AGAIN_MS 5000
/* The same, when the service itself asked to be left where it is: until its
 * next run, which may think otherwise. */
#define HANDOFF_IGNORED_MS 30000
/* An attempt that stopped the service for nothing, because it gave no state
 * and must not go without one, or because the target did not get it, costs it
 * a run: so many times that wait is doubled. */
#define HANDOFF_DOUBLINGS_MAX 8
/* Who passed a state on, because it could not start from it, does so once in
 * this time. */
#define HANDOFF_PASSED_MS 600000
/* A target that never hears of its offer again forgets it. */
#define HANDOFF_ACCEPTED_MS 600000

/* Whether this host gives (true) or takes in this state. */
bool handoff_is_source(enum handoff_state state);
/* Whether it is one of those of which HANDOFF_PARALLEL may be under way. */
bool handoff_takes_place(enum handoff_state state);
/* Whether the record of this state is on disk. */
bool handoff_is_durable(enum handoff_state state);

/* A new, zeroed move of 'name' in 'state', or NULL when the table is full. */
struct handoff *handoff_new(struct core *c, const char *name,
	enum handoff_state state);
/* Enters a state; durable ones are stored ('h->stored' is the number). */
void handoff_enter(struct core *c, struct handoff *h,
	enum handoff_state state, mono deadline);
/* Writes its record ('h->stored' is the number). */
void handoff_record(struct core *c, struct handoff *h);
/* Ends it: deletes the record, if there is one, and frees the slot.  Returns
 * the STORE's number, or 0. */
uint64_t handoff_end(struct core *c, struct handoff *h);
/* The same, and drops its state as soon as no record names it. */
void handoff_end_and_drop(struct core *c, struct handoff *h);
/* Ends it on the side that gives, where the instance goes on; a checkpoint that
 * it carried goes if it is not kept any more. */
uint64_t handoff_end_carried(struct core *c, struct handoff *h);
/* A move without a state of its own carries the last checkpoint, if there is
 * one: where it goes it would else begin with less. */
void handoff_carry(const struct core *c, struct handoff *h);
/* The instance starts from the state of this move, which has one. */
void handoff_stage(struct core *c, const struct handoff *h, struct instance *i,
	const char *kind, const char *from);
/* The other side, if it is known and linked, else MEMBER_NONE. */
member_id handoff_peer(const struct core *c, const struct handoff *h);
/* Sends a message about H to the other side, if it is linked. */
void handoff_send(struct core *c, const struct handoff *h, uint16_t type,
	const char *reason, uint64_t after);
/* Sends a message about the H of a received message, for the case that this
 * host knows nothing of it. */
void handoff_echo(struct core *c, member_id to, const skep_Handoff *m,
	uint16_t type, const char *reason);
/* Whether a message is about this very attempt. */
bool handoff_is_same(const struct handoff *h, const skep_Handoff *m);

/* What rows say about a move (handoff_rows.c). */
/* The other side's row of the instance, or NULL. */
const struct row *handoff_peer_row(
	const struct core *c, const struct handoff *h);
/* Takes note of what ran elsewhere before: rows of hosts that are gone, and of
 * what is stopped or given up there ('epoch_known').  A copy that a present
 * host holds is none of that: it lives, and may win. */
void handoff_learn(const struct core *c, struct handoff *h);
/* Whether the target says in its row that it has this very state and waits. */
bool handoff_is_staged_there(const struct core *c, const struct handoff *h);
/* Whether somebody else had it since, under an epoch above all that was known
 * before: the move is history. */
bool handoff_is_taken(const struct core *c, const struct handoff *h);
/* Whether a host that is present went on under a higher epoch.  What a host
 * that is gone once had proves nothing about a state that is there; what one
 * had that began anew, neither, but it will tell: 'is_open_out'. */
bool handoff_has_gone_on(
	const struct core *c, const skep_Handoff *m, bool *is_open_out);
/* Whether a present host holds it under an epoch above what was known. */
bool handoff_has_rival(const struct core *c, const skep_Handoff *m);

/* The source's messages, timers, and what a member's death means. */
void source_on_recv(struct core *c, member_id from, uint16_t type,
	const skep_Handoff *m);
void source_on_tick(struct core *c, struct handoff *h);
void source_on_topology(struct core *c, struct handoff *h);
void source_on_boot(struct core *c, struct handoff *h);

/* Asks it for its state as its terms say: by a command, by a signal, or only by
 * the stop (handoff_ask.c). */
void source_ask(struct core *c, struct handoff *h, struct instance *i);
/* Stops it for the move; what it leaves at $SKEP_STATE_OUT is its state. */
void source_stop(struct core *c, struct handoff *h, struct instance *i);
/* It did not answer in time. */
void source_on_silence(struct core *c, struct handoff *h, struct instance *i);
/* Has what it left sealed. */
void source_seal(struct core *c, struct handoff *h);
/* Starts the stopped instance here again: the only way back once it was
 * stopped. */
void source_abort(struct core *c, struct handoff *h, const char *why);
/* A copy that lost is stopped, and its state is sealed, or ('trouble') could
 * not be: it is over here (handoff_yield.c). */
void yield_on_sealed(struct core *c, struct handoff *h, const char *trouble);
/* A move that came to nothing because another host than its target runs the
 * instance: its state is that of a copy that lost.  At the source; */
void yield_frozen(struct core *c, struct handoff *h, struct instance *i);
/* at the target, when the source says so: whoever went on may not have told us
 * yet. */
void yield_staged(struct core *c, struct handoff *h, struct instance *i);
/* Gives up a move while the instance still runs untouched; it is tried again
 * after 'again_ms'. */
void source_give_up(
	struct core *c, struct handoff *h, const char *why, int64_t again_ms);

/* The sentence why this host cannot take it, or NULL. */
const char *target_obstacle(struct core *c, const skep_Handoff *m);
/* The same for the target. */
void target_on_recv(struct core *c, member_id from, uint16_t type,
	const skep_Handoff *m);
void target_on_tick(struct core *c, struct handoff *h);
void target_on_topology(struct core *c, struct handoff *h);
void target_on_boot(struct core *c, struct handoff *h);

/* The epoch under which the target begins: above all that was used, the rest of
 * the source's block included unless it gives that away.  Reserves a block of
 * it; the OWNER record is to be stored. */
uint64_t handoff_take_epoch(struct core *c, struct instance *i,
	const char *source, bool is_given);

/* Start first (handoff_first.c).  Whether a new copy may begin before the old
 * one ends.  What has checkpoints has a state, which only one copy may go on
 * with: the rules of specs refuse both, and one that says both all the same is
 * stopped first. */
bool first_may_start(const struct service_value *s);
/* The source of an accepted offer lets the target begin. */
void first_pair(struct core *c, struct handoff *h, int64_t start_timeout_ms);
/* What is said again and again: begin, or, once it is called off, end it. */
void first_send(struct core *c, struct handoff *h);
/* Whether it is over: the new copy is ready, and ours ends, or it was called
 * off, and nothing of it is left there. */
bool first_is_over(struct core *c, struct handoff *h);
/* Calls it off; 'is_in_vain': because the new copy cannot run. */
void first_call_off(
	struct core *c, struct handoff *h, const char *why, bool is_in_vain);
/* Nothing of it runs at the target. */
void first_on_refuse(struct core *c, struct handoff *h, const char *why);
/* Our copy ended by itself: the new one is the instance now. */
void first_on_exited(struct core *c, struct handoff *h);
/* The target's part: begin a copy; end it while it is not ready. */
void first_on_begin(struct core *c, member_id from, struct handoff *h,
	const skep_Handoff *m);
void first_on_abort(struct core *c, member_id from, const skep_Handoff *m);

#endif
