/* Who starts what: the one rule that turns desired state, members and rows
 * into starts and stops on this host.
 *
 * For every instance name, every host computes the same answer from the same
 * facts and only acts where the answer is itself; there is no election and
 * no message.  In the order in which 'evaluate' asks:
 *
 *   not wanted            whoever holds it stops it
 *   held here             it stays, unless another copy wins (highest epoch,
 *                         then rank), this host drains, an operator moves
 *                         it, or its run digest changed (restart in place)
 *   held on a present     nothing: a suspect keeps what it has
 *   host
 *   held nowhere          its duty host starts it, once the gate is open and
 *                         what it depends on is there; where its duty has just
 *                         come here, after a rest (rest.h)
 *
 * The duty host is the present one where its last state waits, eligible or
 * not: a state is where it is, and once it runs it can leave with it.  Else,
 * among eligible hosts: the one an operator moved it to, else the one whose
 * STOPPED row carries the highest epoch (so a cluster that was switched off
 * comes back where it was), else rank 1.
 *
 * The gate: no hold, all present hosts announce our own view of the members,
 * and their logs are complete here up to what they announced.  It is bounded
 * (gate_max_ms); a start after the bound is counted and said.
 *
 * Work is marked during a step and worked off at its end, within a budget;
 * what is left goes on in the next step.
 */
#ifndef SKEP_CORE_DUTY_H
#define SKEP_CORE_DUTY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/mono.h"
#include "core/core.h"
#include "core/facts.h"
#include "core/member.h"

/* Instances not yet ready that this host starts at a time. */
#define START_BUDGET 200
/* Take-overs, that is starts of what a host held that is gone: so many at
 * once, then one each so many milliseconds.  A lost host must not cost the
 * others their own services; what is declared, restarted or drained is bounded
 * by START_BUDGET alone. */
#define TAKEOVER_BURST	  50
#define TAKEOVER_EVERY_MS 20
/* How long the gate may hold a start back, once nothing else does. */
#define GATE_MAX_MS 10000

/* How many instances there may be for each millisecond that passes between
 * two looks at all of them: with 10,000 and a rack of hosts that die one after
 * the other a host would do nothing else. */
#define ALL_PER_MS 50

struct duty {
	member_id *ranks;	/* members_max; scratch of duty_host */
	struct list dirty;	/* instances to evaluate, by in_dirty */
	struct list waiting;	/* ours to start, held back; by in_dirty */
	struct list held;	/* ... because of 'depends_on'; by in_dirty */
	bool is_held_dirty;	/* something that they wait for may have come */
	bool is_all_dirty;	/* every instance is to be evaluated */
	mono all_at;		/* not all of them are looked at before */
	uint32_t round;		/* of the last declaration of a service */
	mono gate_since;	/* since when starts wait; NEVER: none do */
	bool is_gate_overrun;	/* the bound has passed; said once */
	uint64_t gate_overruns;	/* starts after the bound */
	mono expect_until;	/* when late hosts are no longer waited for */
	bool is_starting;	/* 'waiting' is walked: nothing else enters or
				   leaves it */
	uint32_t starting;	/* instances not yet ready here */
	mono takeover_paid;	/* until when take-overs are accounted for */
	bool is_takeover_due;	/* one waits for its turn */
	/* Our own drain (drain.c): */
	enum drain_progress progress;
	bool is_draining;	/* by an operator, or because we leave */
	bool is_forced;		/* what cannot move is stopped at the end */
	mono drain_until;	/* MONO_NEVER: no deadline */
	uint32_t drain_parallel; /* moves at a time; 0: any */
	uint32_t drain_moving;	/* under way, not yet ready elsewhere */
	uint32_t drain_total;	/* held here when it began */
	uint32_t drain_left;	/* of these, not yet ready elsewhere */
	uint32_t drain_stuck;	/* of these, nowhere to go at present */
	bool is_drain_dirty;	/* count again at the end of the step */
	bool is_ending;		/* skepd ends here, for good (ending.c) */
	bool is_ending_dirty;	/* look what is left, and whose turn it is */
};

struct core;
struct row;

void duty_init(struct core *c);
/* Everything else took BOOT: declares what is wanted. */
void duty_on_boot(struct core *c);
/* A host is expected from now on (member.h): all is decided again when that has
 * an end. */
void duty_on_expected(struct core *c);
size_t duty_need(const struct core_limits *limits);

/* A row of this instance name changed, anywhere. */
void duty_mark(struct core *c, const char *instance);
/* What a present host holds is known here and can be asked for, also when
 * nobody wants it any more, until it is held nowhere (decide.c): for a row that
 * came, and for all rows of a host that did. */
void duty_know(struct core *c, const struct row *row);
void duty_know_host(struct core *c, member_id id);
/* It took or left a place on a host: those of its service that are held nowhere
 * and belong to another one now, because of 'max_per_host', are evaluated.
 * Where the place was ours, they rest first. */
void duty_mark_siblings(struct core *c, const char *instance, bool has_left_us);
/* A service's entry, or an override of a service or an instance, changed. */
void duty_mark_service(struct core *c, const char *name);
/* Members, intents or settings changed: everything is looked at again. */
void duty_mark_all(struct core *c);

/* A scheduled service is to run, by this host's clock. */
void duty_on_due(struct core *c, const struct input_due *in);

/* Works off the marks; the last thing in every step after BOOT. */
void duty_run(struct core *c);
/* The time-driven part: gate bound, drain deadline. */
void duty_on_tick(struct core *c);
mono duty_deadline(const struct core *c);

/* Whether this host gives everything away at present. */
bool drain_is_on(const struct core *c);
/* Whether one more may go: so many move at a time. */
bool drain_has_turn(const struct core *c);
/* Rereads our own intent; begins or calls off the drain. */
void drain_refresh(struct core *c);
/* Counts what is left and publishes it; says "drained" when it is true. */
void drain_run(struct core *c);
mono drain_deadline(const struct core *c);

/* All of skepd ends here: stops what is held, what depends on others first,
 * and starts nothing any more (ending.c).  'done' when nothing is left. */
void ending_begin(struct core *c);
void ending_run(struct core *c);
bool ending_is_done(const struct core *c);

struct instance;
struct row;
struct service_value;

/* Whether this host is giving it away, and it is not yet ready elsewhere. */
bool drain_is_moving(const struct core *c, const struct instance *inst);

/* Compares one instance with what it should be, and acts (decide.c). */
void duty_decide(struct core *c, struct instance *inst);
/* Whether it waits for the host that held it before this host booted and
 * that may be booting too: a cluster that was switched off comes back where
 * it was, also if one host is late (by settle_timeout at most). */
bool duty_waits_for_owner(const struct core *c, const struct instance *inst);
/* The instant for which a scheduled instance should be started now, or 0: the
 * newest that is due and that no host has begun, or one that was begun by a
 * host that is gone. */
int64_t duty_slot(struct core *c, const struct instance *inst,
	const struct service_value *service);
/* The row that says that it ended for good somewhere, under this very spec, and
 * nobody asked for another run since; its host may be dead.  Or NULL. */
const struct row *duty_finished(struct core *c, const struct instance *inst,
	const struct service_value *service);
/* Whether another present host's copy wins against ours, and whose.  What a
 * host ran before it began anew may be gone, with its disk: until it tells
 * again, ours may be the last. */
bool duty_is_beaten(struct core *c, const struct instance *inst,
	member_id *winner_out);
/* Whether a copy on another present host runs, as its row says.  If it loses
 * against ours it is stopped first, and the row says when that is done. */
bool duty_lives_elsewhere(const struct core *c, const struct instance *inst);
/* Links an instance that is ours to start but must wait. */
void duty_wait(struct core *c, struct instance *inst);
/* What operators want of a host; ACTIVE unless they said so. */
enum node_intent duty_intent(const struct core *c, member_id id);

/* The duty host of an instance, or MEMBER_NONE when none is eligible. */
member_id duty_host(struct core *c, struct instance *inst,
	const struct service_value *service);
/* The same if host 'id' were drained: where that would send it. */
member_id duty_host_without(struct core *c, struct instance *inst,
	const struct service_value *service, member_id id);
/* The present host that says in a STOPPED row that a state waits there, if no
 * present host that holds it, or had it last, wins against that; or
 * MEMBER_NONE. */
member_id duty_state_host(const struct core *c, const char *instance);
/* The present host that holds an instance, by the winner's rule, or
 * MEMBER_NONE; '*copies_out' (may be NULL) counts held rows. */
member_id duty_holder(struct core *c, const char *instance,
	uint32_t *copies_out);
/* Whether starts are held back at present, and the sentence why ("" if not,
 * borrowed until the next step). */
bool duty_is_gated(struct core *c, const char **why_out);

#endif
