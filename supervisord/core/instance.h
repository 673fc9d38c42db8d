/* The life of an instance on this host.
 *
 * A slot exists for every instance name that is declared, or that runs here.
 * What others know of an instance is its row (registry.h); this is what the
 * host that holds it needs to run it.
 *
 *            start                 STARTED
 *   IDLE ------------> STARTING ------------> READY
 *    ^  \                 |  START_FAILED       | EXITED by itself
 *    |   \                v                     v
 *    |    \            BACKOFF <---------- CLEANING (until EMPTY)
 *    |     \              |  policy says no     |
 *    |      \             v                     v
 *    |       `------> EXITED / FAILED <---------'
 *    |
 *    `--- EMPTY --- STOPPING <--- stop (any held state), with a purpose:
 *                                 what happens when nothing is left
 *
 * "Stopped" is EMPTY: nothing of it is left in its cgroup.  A restart in
 * place waits for it too.  Every start takes the next epoch; epochs are
 * reserved on disk in blocks of EPOCH_BLOCK, so that a restart after a crash
 * waits for no fsync and still no epoch is ever used twice, be it by another
 * host (instance_epoch.c).
 *
 * Restart policy: the first restart is immediate, then the delay grows by
 * its function to its cap, with jitter; a run of 'reset_after' forgets the
 * failures.  The budget is each instance's own.
 */
#ifndef SKEP_CORE_INSTANCE_H
#define SKEP_CORE_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mono.h"
#include "base/slots.h"
#include "core/core.h"
#include "core/registry.h"
#include "core/specs.h"

#define EPOCH_BLOCK 16

/* state, row state that shows it */
#define INSTANCE_STATES(X)                                                     \
	X(INSTANCE_IDLE, ROW_NONE)	   /* not here */                      \
	X(INSTANCE_STARTING, ROW_STARTING) /* START was issued */              \
	X(INSTANCE_READY, ROW_READY)	   /* runs */                          \
	X(INSTANCE_CLEANING, ROW_STOPPING) /* leader gone, rest not yet */     \
	X(INSTANCE_STOPPING, ROW_STOPPING) /* told to stop */                  \
	X(INSTANCE_BACKOFF, ROW_BACKOFF)   /* waits for its next start */      \
	X(INSTANCE_HANDOFF, ROW_HANDOFF)   /* handoff.c leads */               \
	X(INSTANCE_EXITED, ROW_EXITED)	   /* ended, policy says enough */     \
	X(INSTANCE_FAILED, ROW_FAILED)	   /* attempts used up */

enum instance_state {
#define X(state, row) state,
	INSTANCE_STATES(X)
#undef X
	INSTANCE_STATE_COUNT,
};

/* What a stop is for: what happens at EMPTY. */
enum stop_purpose {
	STOP_NONE,
	STOP_HALT,    /* not wanted for now: remember that it was ours */
	STOP_GONE,    /* deleted: forget everything */
	STOP_RESTART, /* start again here, at once */
	STOP_LEAVE,   /* somebody else's from now on */
	STOP_HANDOFF, /* handoff.c goes on */
	STOP_AGAIN,   /* it was not well: its restart policy decides */
};

/* Where in STARTING, STOPPING or CLEANING it stands.  Each phase but the first
 * of a state waits for one input, and has a deadline. */
enum instance_phase {
	PHASE_NONE,	    /* STARTING: for STARTED; else: for EMPTY */
	PHASE_WAIT_READY,   /* STARTING: it runs, and is not ready yet */
	PHASE_POST_START,   /* STARTING: for the hook's end */
	PHASE_PRE_STOP,	    /* STOPPING: for the hook's end */
	PHASE_STOP_COMMAND, /* STOPPING: for the command's end */
	PHASE_POST_STOP,    /* STOPPING, CLEANING: EMPTY came; the hook's end */
};

/* A state to start from. */
struct staged {
	uint8_t root[DIGEST_SIZE];
	uint64_t size;		      /* bytes; 0: not known since a boot */
	int64_t wall_ms;	      /* when it was put aside */
	char kind[16];		      /* "handoff", "dump" or "conflict" */
	char from[NODE_NAME_MAX + 1]; /* the host it came from, "" */
};

/* One instance.  Slots are stable; they are named by index.  What a change of
 * some host's row looks at comes first: of many each comes from far memory. */
struct instance {
	struct list in_dirty;	 /* duty.dirty */
	const char *name;	 /* in 'names', used; NULL: the slot is free */
	const char *service;	 /* the same */
	const char *last_owner;	 /* who else held it last: the same, or
				    instance_nobody; see instance_set_owner */
	struct staged *staged;	 /* the state that it starts from, or NULL;
				    consumed when the new instance is ready;
				    see instance_stage */
	enum instance_state state;
	uint32_t ordinal;	 /* 0 for the first of its service */
	bool is_declared;	 /* the desired state has it */
	bool is_limited;	 /* ... and bounds how many a host may hold */
	bool is_remembered;	 /* IDLE, but it was ours: row STOPPED */
	bool is_past;		 /* IDLE; given up, no present host's row
				    has 'epoch_used': row PAST; durable */
	bool is_refused;	 /* IDLE; this host cannot run that digest */
	mono rest_until;	 /* see rest.h */
	mono freed_at;		 /* ... since when no other host holds it;
				    NEVER: one does */
	member_id held_by;	 /* ... which held it last */
	member_id runs_at;	 /* said to run there, see running.h */
	mono runs_until;
	uint64_t epoch_kept;	 /* the keeper has something of this one; 0:
				    nothing.  It is no more 'epoch' where what a
				    move brings waits here */
	uint64_t epoch_left;	 /* ... and had of this one before START; 0:
				    nothing */
	bool is_draining_out;	 /* left in the running drain, not yet ready
				    elsewhere; durable */
	bool keeps_move;	 /* its next start, where its state is, obeys no
				    operator's move: that comes then */
	bool is_held_back;	 /* 'depends_on' is not met; 'note' says it */
	uint64_t epoch;		 /* of the last start here */
	uint64_t epoch_floor;	 /* every start here lies above it */
	uint64_t epoch_used;	 /* highest that a start is known to have
				    taken; after a boot, may have taken */
	uint64_t epoch_reserved; /* last epoch of the stored block */
	uint64_t epoch_after;	 /* STORE that reserved it */
	uint64_t run_digest;	 /* of what runs, or was refused */
	uint64_t seen_restart;	 /* override generation already obeyed */
	uint64_t seen_move;

	/* Where it is found. */
	struct list in_all; /* instances.all, in order of birth */
	struct map_link by_service;
	uint32_t seen_round;	 /* duty.c: last walk that declared it */

	/* Life on this host. */
	enum stop_purpose purpose; /* in STOPPING */
	enum instance_phase phase;
	uint32_t heap_index;	   /* in instances.timers, or HEAP_NONE */
	struct policy_hooks hooks; /* of what runs */
	bool has_readiness;	   /* of what runs */
	bool is_sick;		   /* it was ended because it was not well */
	bool was_sick;		   /* 'note' tells of it, until it is ready */
	bool has_ended_early;	   /* before it was ready */
	bool was_ready;		   /* when that stop began */
	bool is_killed;		   /* KILL was issued in this stop */
	bool has_start_failed;	   /* in CLEANING: it never ran */
	bool is_over;		   /* in CLEANING: no EMPTY is awaited */
	bool is_found;		   /* its run began under another node, or put
				      its state aside: there may be a dump */
	bool is_salvaging;	   /* in CLEANING: that is being sealed */
	bool has_status;
	bool is_stranger;	   /* its start here has no state and others had
				      it since: until it runs, what stands at
				      its state_path is old; durable */
	bool is_unrun;	    /* its last start failed, and the disk is told, of
			       one with a state_path: the next waits until
			       the disk knows of it */
	bool is_left_alone; /* this run of it asked for that */
	bool passes_on; /* this host cannot start it from the state that lies
			   here: it goes on to another, if there is one */
	mono pass_again_at; /* not before, for it did so already */
	bool is_unresolved; /* its start could not join two states: it starts
			       again at once, from its own */
	int32_t status;	    /* last wait status */
	uint64_t epoch_ran; /* of its last run here, 0 for none; after a boot,
			       the highest that may have been */
	uint64_t epoch_before; /* the highest under which it may have run
				  elsewhere, when it was started here; durable
				  with is_stranger */
	uint64_t fresh;	    /* the first epoch of its present line of starts
			       here, if that began with nothing; else, or
			       since a boot, 0 */
	uint64_t began;	    /* the first epoch of that line, whatever it began
			       with; 0: there is none, or since a boot none
			       that was started */
	uint64_t used;	    /* conflict_key of a state that it began with though
			       its source could not give it, or that a copy
			       which lost had left, and that has served; or 0 */
	uint64_t epoch_owner; /* the highest under which 'last_owner', or who
				 was that before, may have had it; durable */
	uint64_t stay; /* see effect_start; 0: never was a stranger; durable */
	int64_t slot;	    /* the scheduled instant of the last start */
	int64_t due_slot;   /* the newest that came */
	mono since;	    /* when 'state' began */
	int64_t since_wall_ms;
	mono deadline;	 /* of this state; NEVER: none */
	mono stop_until; /* CLEANING: when what is left is killed */
	uint32_t pid;
	uint32_t restarts;	   /* since it came here */
	uint32_t failures;	   /* in a row, without a good run between */
	uint32_t window_starts;	   /* restarts in the current interval */
	mono window_since;
	mono ready_since;
	uint64_t draining_epoch;   /* epoch with which it left */
	uint32_t attempts;	   /* at moving it, in this life of the node */
	uint32_t stopped_in_vain;  /* of these, in a row, for nothing */
	uint32_t departures;	   /* from here by rebalancing, of late */
	mono departed_at;	   /* the last one */
	uint64_t rebalance_pass;   /* the last that tried it */
	uint64_t rebalanced_epoch; /* under which it was ready elsewhere */
	mono move_again_at;	   /* no attempt before */
	char *note;		   /* last trouble, for people, or NULL */
};

#define HEAP_NONE UINT32_MAX

/* "", of no name's. */
extern const char instance_nobody[];

struct instances {
	struct slots slots;	 /* of struct instance */
	struct slots notes;	 /* texts of NOTE_TEXT_MAX bytes */
	struct slots staged;	 /* of struct staged */
	struct map by_service;	 /* hash of the service's name */
	struct list all;
	struct instance **timers; /* binary heap by (deadline, slot) */
	uint64_t epoch_own;	  /* highest that this host reserved or knew
				     of, of any instance it had */
	uint64_t epoch_heard;	  /* highest that a heartbeat told of */
	uint32_t timer_count;
	uint32_t count;
};

struct core;

void instance_init(struct core *c);
size_t instance_need(const struct core_limits *limits);

/* Gives back a TABLE_OWNER record, a living instance; then BOOT. */
void instance_on_load(struct core *c, struct bytes key, struct bytes value);
void instance_on_found(struct core *c, const struct input_found *in);
/* Publishes what was loaded and found as rows. */
void instance_on_boot(struct core *c);

/* Finds a slot, or NULL.  Makes one ('service' and 'ordinal' are copied);
 * NULL when the table is full. */
struct instance *instance_find(const struct core *c, const char *name);
struct instance *instance_add(struct core *c, const char *name,
	const char *service, uint32_t ordinal);
/* Finds one, or makes it as far as its name tells: for what disks and keepers
 * know of, which nobody may want any more.  NULL when the table is full. */
struct instance *instance_ensure(struct core *c, const char *name);
/* The instance in a slot, or NULL.  No slot from instances.slots.mark on was
 * ever used. */
struct instance *instance_by_slot(const struct core *c, uint32_t slot);
/* Keeps who else held it last; "": nobody. */
void instance_set_owner(
	struct core *c, struct instance *inst, const char *node);
/* Keeps its last trouble, for people; "" forgets it.  The text is copied, and
 * cut where it is too long. */
void instance_set_note(
	struct core *c, struct instance *inst, const char *text);
/* Gives a slot back, if nothing is known of it any more: IDLE, undeclared,
 * not remembered, not part of a drain. */
void instance_reap(struct core *c, struct instance *inst);

/* Whether this host holds it: any state but IDLE. */
bool instance_is_held(const struct instance *inst);
/* Whether it lay here with a state that no run has consumed yet, on the disk of
 * a host that was down, or stopped by an operator, and is wanted again: this
 * host holds it, and starts it when the gate opens. */
bool instance_is_waiting(const struct instance *inst);
/* Makes it so, of one that was stopped: what was said of moves meanwhile comes
 * when it runs.  Allowed in IDLE, with a state. */
void instance_hold_staged(struct core *c, struct instance *inst);
/* Whether others are told that its state waits here: not by a host that would
 * not start it, because it goes, or because its drain is over by force. */
bool instance_offers_state(const struct core *c, const struct instance *inst);
/* The instances of a service, declared or not: first, next; NULL ends. */
struct instance *instance_of_service(const struct core *c,
	const char *service);
struct instance *instance_next_of_service(const struct core *c,
	const struct instance *inst);
/* Whether it is held here and has come to its end: nothing of it runs, and
 * nothing will unless somebody says so. */
bool instance_is_over(const struct instance *inst);
/* Whether a process of it may exist: it was started and is not yet EMPTY. */
bool instance_is_live(const struct instance *inst);

/* The epoch for its next start: above everything known for this name, and
 * none that a host that is away, or ('is_lost') one that lost its disk, may
 * have taken unheard. */
uint64_t instance_next_epoch(
	const struct core *c, const struct instance *inst, bool is_lost);
/* The highest epoch under which it may have run on another host.  If that is
 * above the one of its last run here, others have gone beyond what stands at
 * its state_path here; 0: what stands there its operator put there. */
uint64_t instance_ran_elsewhere(
	const struct core *c, const struct instance *inst);
/* It is about to start without a state, and may have run elsewhere, up to the
 * epoch 'before', since it was here.  Returns whether that is news, for the
 * disk. */
bool instance_become_stranger(
	struct core *c, struct instance *inst, uint64_t before);
/* Looks whether others may have had it since it was here.  Returns whether that
 * is news, for the disk. */
bool instance_look_before(struct core *c, struct instance *inst,
	const struct service_value *service);
/* Starts it here.  Allowed in IDLE, BACKOFF, EXITED, FAILED. */
void instance_start(struct core *c, struct instance *inst,
	const struct service_value *service);
/* Starts it under this very epoch (handoff's take-over), durable already. */
void instance_start_at(struct core *c, struct instance *inst,
	const struct service_value *service, uint64_t epoch, uint64_t after);
/* Stops it (stop_signal, stop_timeout, KILL) for a purpose; in a stop already
 * under way the purpose changes.  'why' goes into the event. */
void instance_stop(struct core *c, struct instance *inst,
	const struct spec_policy *policy, enum stop_purpose purpose,
	const char *why);
/* This host cannot run it: publishes that, so that the next rank takes it;
 * tries again after a minute. */
void instance_refuse(struct core *c, struct instance *inst, const char *why);
/* BOOT for what ended while no node looked. */
void instance_on_boot_cleaning(struct core *c, struct instance *inst);
/* Forgets failures and refusal, so that the next start is immediate. */
void instance_reset(struct core *c, struct instance *inst);
/* Another host holds it under 'epoch': remembered on disk, one write for
 * EPOCH_BLOCK epochs, so that after a power cut of all no epoch is used
 * twice and its host is waited for. */
void instance_saw_holder(struct core *c, struct instance *inst,
	const char *node, uint64_t epoch);
/* Nobody holds it: if its last owner tells that it could not start it, that is
 * remembered too.  Allowed in IDLE. */
void instance_hear_owner(struct core *c, struct instance *inst);
/* A start, here or elsewhere, took this epoch. */
void instance_use_epoch(struct instance *inst, uint64_t epoch);
/* The clock of epochs, for heartbeats: no epoch of any instance that this host
 * had, or that another one's heartbeat told of, is higher. */
uint64_t instance_epoch_clock(const struct core *c);
/* It goes on: by what this instance reserved, by what a heartbeat told. */
void instance_advance_clock(struct core *c, const struct instance *inst);
void instance_hear_clock(struct core *c, uint64_t clock);
/* It is given up here: all epochs that were used lie below those to come, also
 * after the next start of the node. */
void instance_raise_floor(struct instance *inst);
/* It was ours and 'node' has it now, or has had it, under 'epoch': in one
 * write, so that no crash forgets both.  Allowed in IDLE. */
void instance_give(struct core *c, struct instance *inst, const char *node,
	uint64_t epoch);
/* Forgets that it was ours, but for the epochs that were used; allowed in
 * IDLE. */
void instance_disown(struct core *c, struct instance *inst);
/* Lets the keeper remove what is left of its last start, if that is so. */
void instance_release(struct core *c, struct instance *inst);
/* The same of one that runs elsewhere with its state: what stands at its
 * state_path is old from now on. */
void instance_release_old(struct core *c, struct instance *inst);
/* The same of what it had before a START that was stopped before it began. */
void instance_release_left(struct core *c, struct instance *inst);
/* Enters a state, publishes the row, arms the deadline. */
void instance_enter(struct core *c, struct instance *inst,
	enum instance_state state, mono deadline);
/* Writes the OWNER record (or deletes it, when there is nothing to keep);
 * returns the STORE's number. */
uint64_t instance_store_owner(struct core *c, struct instance *inst);
/* Publishes the row as it is now. */
void instance_publish(struct core *c, struct instance *inst);

/* Begins to end what runs: hooks, then the signal (instance_hook.c); goes on
 * when a phase's time has passed. */
void instance_begin_stop(struct core *c, struct instance *inst,
	const struct spec_policy *policy);
void instance_on_phase_timeout(struct core *c, struct instance *inst);
/* Nothing is left of it: what the stop was for, or the restart policy. */
void instance_conclude(struct core *c, struct instance *inst);
/* It runs: ready, or to be waited for; with its hook. */
void instance_await_ready(struct core *c, struct instance *inst,
	const struct spec_policy *policy);
/* Runs 'post_stop' if there is one and it has not run; whether it did. */
bool instance_run_post_stop(struct core *c, struct instance *inst);
/* Sends the stop signal with its patience; 'to_all' whatever kill_mode is. */
void instance_send_stop(struct core *c, struct instance *inst, bool to_all);
void instance_on_news(struct core *c, const struct input_news *in);
void instance_on_ran(struct core *c, const struct input_ran *in);

/* Inputs about processes; a stale epoch is ignored. */
void instance_on_started(struct core *c, const struct input_proc *in);
void instance_on_start_failed(struct core *c,
	const struct input_start_failed *in);
void instance_on_exited(struct core *c, const struct input_proc *in);
void instance_on_empty(struct core *c, const struct input_proc *in);
/* A state was sealed that no move asked for. */
void instance_on_dumped(struct core *c, const struct input_dumped *in);
/* It answered a handoff signal that no move waits for (its node crashed in
 * between).  There is no thaw: it starts again from what it put aside. */
void instance_on_put_aside(struct core *c, const struct input_proc *in);
void instance_on_tick(struct core *c);
mono instance_deadline(const struct core *c);
/* (Re)arms the timer for inst->deadline. */
void instance_arm(struct core *c, struct instance *inst, mono deadline);

/* When the state it started from has served: without a readiness of its own,
 * after a run of 'reset_after' from now.  MONO_NEVER if it has none. */
mono instance_consume_at(struct core *c, const struct instance *inst);
/* Its spec is known: what was found running lets go of the state that it
 * started from when that has served. */
void instance_on_declared(struct core *c, struct instance *inst);
/* From now on it starts from this state (copied), and from no other. */
void instance_stage(
	struct core *c, struct instance *inst, const struct staged *state);
/* Whether that is so of the state with this root. */
bool instance_is_staged(
	const struct instance *inst, const uint8_t root[DIGEST_SIZE]);
/* It starts from none; what becomes of the one it had is the caller's. */
void instance_unstage(struct core *c, struct instance *inst);
/* Lets go of the state it would start from, if it has one. */
void instance_drop_staged(struct core *c, struct instance *inst);
/* The same, because it has served: no later start sees it again. */
void instance_consume(struct core *c, struct instance *inst);
/* It starts as 's' says: notes whether a line of starts begins, with nothing.
 * 'is_first': no start was here before, since it came here. */
void instance_note_fresh(struct core *c, struct instance *inst,
	const struct effect_start *s, bool is_first, bool has_state_path);

/* Formats a wait status: "exited 1", "killed by SIGKILL"; into the pool. */
const char *instance_status_text(struct core *c, int32_t status);

/* The instance that a record of the store is about; false: its key is no
 * name. */
bool instance_name_of_key(
	struct bytes key, char out[static INSTANCE_NAME_MAX + 1]);
/* The service of an instance, as its name says. */
void instance_service_name(
	const char *name, char out[static INSTANCE_NAME_MAX + 1]);
/* Decodes the service of an instance into '*out'; false if it is not
 * declared or its entry is unreadable. */
bool instance_service(struct core *c, const struct instance *inst,
	struct service_value *out);
/* The override in force for it: the later of its own and its service's. */
void instance_override(struct core *c, const struct instance *inst,
	struct override_value *out);

/* Audits the table; panics where it is inconsistent. */
void instance_check(const struct core *c);

#endif
