/* Watching a world: what a checker, a trace or a statistic is told.
 *
 * An observer is a struct of callbacks, each of which may be NULL; a world
 * has any number of them, called in the order in which they came.  What it
 * is told is the truth of the world (which processes really run, which states
 * really lie on a disk) beside the inputs and effects of each core.  An
 * observer looks and changes nothing: with or without it, a seed's hash is
 * the same.
 *
 * An invariant that does not hold ends the program by 'world_violated'.
 *
 * Time: 'w->now'.  Memory: every pointer that a callback gets is borrowed for
 * the call; an observer's own memory hangs on 'context', and 'on_end' is the
 * place to free it.
 */
#ifndef SKEP_TESTS_SIM_WORLD_OBSERVE_H
#define SKEP_TESTS_SIM_WORLD_OBSERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/effect.h"
#include "core/input.h"

struct world;
struct world_mail;

#define WORLD_OBSERVERS 16

/* what, name: of a process, or of a state on a host */
#define WORLD_PROCESS_EVENTS(X)                                                \
	X(PROCESS_IS_FORKED, "forked")	   /* from here on it may act */       \
	X(PROCESS_IS_REFUSED, "refused")   /* the start failed, nothing ran */ \
	X(PROCESS_IS_RUNNING, "running")   /* STARTED was reached */           \
	X(PROCESS_IS_EXITED, "exited")	   /* its leader; something is left */ \
	X(PROCESS_IS_EMPTY, "empty")	   /* nothing of it is left */         \
	X(PROCESS_IS_RELEASED, "released") /* its work directory is gone */    \
	X(PROCESS_IS_LOST, "lost")	   /* its host ended under it */       \
	X(PROCESS_HAS_ANSWERED, "answered") /* the handoff signal */           \
	X(STATE_IS_SEALED, "sealed")	    /* by the host it ran on */        \
	X(STATE_IS_FETCHED, "fetched")	    /* from another host */            \
	X(STATE_IS_DROPPED, "dropped")

enum world_process_what {
#define X(what, name) what,
	WORLD_PROCESS_EVENTS(X)
#undef X
};

/* What happened to a process or a state. */
struct world_process_event {
	enum world_process_what what;
	const char *name; /* of the instance */
	uint64_t epoch;	  /* of the start; 0 for FETCHED and DROPPED */
	int32_t status;	  /* EXITED: wait status; ANSWERED: the answer; SEALED:
			     1 for a checkpoint, whose process goes on;
			     DROPPED: 1 if it was damaged */
	uint64_t birth;	  /* of the state that it has; 0: none */
	uint64_t lives;	  /* how many starts that state has seen */
	uint64_t work;	  /* ... and checkpoints that were written */
	const uint8_t *root; /* digest of a state; FORKED: the one it was
				given, or NULL */
	const struct state_part *parts; /* RUNNING: joined with its state */
	uint32_t part_count;
};

/* what, name: of what a fault maker, or the world's end of it, did */
#define WORLD_FAULTS(X)                                                        \
	X(FAULT_START, "start")		/* a: booted, also the first time */   \
	X(FAULT_CRASH, "crash")		/* a: its node */                      \
	X(FAULT_KILL, "kill")		/* a: node, keeper, services */        \
	X(FAULT_POWER, "power-off")	/* a */                                \
	X(FAULT_PAUSE, "pause")		/* a, number = ms */                   \
	X(FAULT_REINSTALL, "reinstall") /* a: empty disk, another id */        \
	X(FAULT_RESTORE, "restore")	/* a: an old disk */                   \
	X(FAULT_CUT, "cut")		/* a to b */                           \
	X(FAULT_HEAL, "heal")		/* a to b */                           \
	X(FAULT_PARTITION, "partition") /* a, number = its side now */         \
	X(FAULT_STREAM, "stream")	/* a, b: a stream was hurt */          \
	X(FAULT_DISK, "disk")		/* a: its disk misbehaves */           \
	X(FAULT_CLOCK, "clock")		/* a: rate or step */                  \
	X(FAULT_OTHER, "other")

enum world_fault {
#define X(what, name) WORLD_##what,
	WORLD_FAULTS(X)
#undef X
};

/* A fault; a host that has no part in it is WORLD_NO_HOST. */
struct world_fault_event {
	enum world_fault what;
	uint32_t a;
	uint32_t b;
	int64_t number;
};

#define WORLD_NO_HOST UINT32_MAX

/* The phases of a run, said by its driver. */
enum world_phase {
	WORLD_PHASE_STORM,   /* everything is allowed */
	WORLD_PHASE_HEALED,  /* the faults have stopped; convergence is due */
	WORLD_PHASE_SETTLED, /* it is claimed: whatever is E must hold now */
	WORLD_PHASE_QUIET,   /* nothing will happen: no transitions either */
};

struct world_observer {
	const char *name;
	/* After a core's step and before its effects are carried out.  'in'
	 * and 'fx' are whole, payloads too. */
	void (*on_step)(struct world *w, uint32_t host, const struct input *in,
		const struct effects *fx, void *context);
	/* An effect is carried out: at once, or when its STORE is durable. */
	void (*on_effect)(struct world *w, uint32_t host,
		const struct effect *e, void *context);
	/* Of a process or a state on a host. */
	void (*on_process)(struct world *w, uint32_t host,
		const struct world_process_event *event, void *context);
	/* A record became durable, before the core hears of it. */
	void (*on_stored)(struct world *w, uint32_t host, enum core_table table,
		struct bytes key, struct bytes value, uint64_t seq,
		void *context);
	/* A process took a message, or a request has an answer. */
	void (*on_mail)(struct world *w, uint32_t host,
		const struct world_mail *mail, void *context);
	/* After a fault took effect. */
	void (*on_fault)(struct world *w, const struct world_fault_event *event,
		void *context);
	/* A new phase begins. */
	void (*on_phase)(
		struct world *w, enum world_phase phase, void *context);
	/* The world is about to be freed. */
	void (*on_end)(struct world *w, void *context);
	void *context;
};

/* Adds an observer (copied); its 'context' lives until 'on_end'. */
void world_observe(struct world *w, const struct world_observer *observer);
/* The driver says in which phase the run is. */
void world_enter(struct world *w, enum world_phase phase);

/* An invariant ("M1") does not hold: prints it with the seed, the time, the
 * host of the last step and what 'format' says, and aborts. */
_Noreturn void world_violated(struct world *w, const char *invariant,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Names for people; never NULL for a value of the enum. */
const char *world_process_what_name(enum world_process_what what);
const char *world_fault_name(enum world_fault what);

/* For the world's own files: tells all observers. */
void observe_step(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx);
void observe_effect(struct world *w, uint32_t host, const struct effect *e);
void observe_process(struct world *w, uint32_t host,
	const struct world_process_event *event);
void observe_mail(
	struct world *w, uint32_t host, const struct world_mail *mail);
void observe_stored(struct world *w, uint32_t host, enum core_table table,
	struct bytes key, struct bytes value, uint64_t seq);
void observe_fault(struct world *w, enum world_fault what, uint32_t a,
	uint32_t b, int64_t number);
void observe_end(struct world *w);

#endif
