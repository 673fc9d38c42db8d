/* What the modules of the core share, and nobody outside core/ includes.
 *
 * Every module owns one struct in here and is the only one to write to it.
 * Modules call each other through the functions in their headers; the
 * arrows run
 *
 *   core -> duty -> rebalance -> handoff, checkpoint, conflict -> instance
 *             \-> place       \-> specs, registry -> member -> wire
 *
 * and news travel back as marks (duty_mark, duty_mark_all), which 'duty'
 * works off at the end of the step, never as calls up the stack.
 */
#ifndef SKEP_CORE_CORE_PRIVATE_H
#define SKEP_CORE_CORE_PRIVATE_H

#include "base/arena.h"
#include "base/check.h"
#include "base/prng.h"
#include "core/changes.h"
#include "core/checkpoint.h"
#include "core/claim.h"
#include "core/conflict.h"
#include "core/core.h"
#include "core/duty.h"
#include "core/facts.h"
#include "core/group.h"
#include "core/handoff.h"
#include "core/instance.h"
#include "core/member.h"
#include "core/message.h"
#include "core/names.h"
#include "core/operate.h"
#include "core/place.h"
#include "core/rebalance.h"
#include "core/registry.h"
#include "core/rest.h"
#include "core/running.h"
#include "core/runtime.h"
#include "core/sealed.h"
#include "core/settings.h"
#include "core/specs.h"
#include "core/tracked.h"

/* One host's mind. */
struct core {
	struct core_config config;
	struct core_limits limits;
	struct arena arena;
	struct prng prng;

	/* The step at hand; valid while core_step runs. */
	mono now;
	int64_t wall_ms;     /* as most hosts say: member_clock.c */
	int64_t own_wall_ms; /* as this host's clock says */
	struct effects fx;

	bool is_booted;		 /* INPUT_BOOT was taken */
	bool has_unread;	 /* a record of an instance, a move or a
				    checkpoint could not be read, or had no
				    place */
	uint64_t incarnation;	 /* of this start of the node */
	uint64_t store_seq;	 /* last STORE issued */
	uint64_t stored_seq;	 /* last STORE known durable */
	uint64_t unknown_frames; /* messages of no known type */

	struct names names;
	struct changes changes;
	struct member_table members;
	struct registry registry;
	struct groups groups;
	struct specs specs;
	struct settings settings;
	struct place place;
	struct instances instances;
	struct duty duty;
	struct rebalance rebalance;
	struct handoffs handoffs;
	struct checkpoints checkpoints;
	struct conflicts conflicts;
	struct sealed sealed;
	struct rest rest;
	struct running running;
	struct claims claims;
	struct tracked tracked;
	struct operate operate;
	struct runtime runtime;
	struct messages messages;
};

/* Issues a STORE; 'value.data' NULL deletes.  Returns its number, for the
 * 'after' of what must wait for it. */
uint64_t core_store(struct core *c, enum core_table table, struct bytes key,
	struct bytes value);

/* Issues a NOTE by skep itself about 'name'; 'text' as effects_format gave. */
void core_note(struct core *c, enum note_kind kind, const char *name,
	uint64_t epoch, const char *text);

/* The same about what an operator did. */
void core_note_by(struct core *c, enum note_kind kind, const char *name,
	uint64_t epoch, const char *text, const struct actor *actor);

/* Issues a REPLY, if 'request' is not 0. */
void core_reply(struct core *c, uint64_t request, uint64_t after,
	enum reply_code code, const char *text);

#endif
