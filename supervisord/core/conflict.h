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
 * Memory: a slot for each name of which something is kept here, CONFLICTS_MAX
 * at most; what finds none is said, and lost.
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
	bool was_live;	 /* it ran until it lost; else the state had been
			    waiting for a start */
};

/* What one host says of an instance in its row. */
struct conflict_word {
	uint64_t used; /* conflict_key of a state that its copy began with
			  though nobody was there who could give it; or 0 */
	uint32_t count;
	struct lost kept[CONFLICT_KEPT]; /* newest first */
};

/* What is kept here of one name. */
struct conflict {
	struct named head;
	struct conflict_word word;
	int64_t kept_ms[CONFLICT_KEPT]; /* for how long, as last recorded */
	mono counted_at;		/* up to when those count */
	uint64_t stored;		/* STORE of the last record */
};

struct conflicts {
	struct named_table table; /* of struct conflict */
	mono look_at;		  /* when ages are counted again */
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
/* Whether a kept state has this root. */
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
 * of it goes. */
void conflict_review(struct core *c, struct instance *inst,
	const struct service_value *service);
void conflict_on_tick(struct core *c);
mono conflict_deadline(const struct core *c);

/* Audits the module; panics where it is inconsistent. */
void conflict_check(const struct core *c);

#endif
