/* Checkpoints: what a service wrote while it ran, kept on other hosts for the
 * day on which its host dies.
 *
 * A checkpoint is a sealed state like that of a handoff (node/dumps.h) with a
 * place in an order: (epoch of the run that wrote it, number within that run).
 * What a run left at its end is its last one (CHECKPOINT_LAST), so the order
 * knows moves too, and nothing older than a move is ever started from.
 *
 *   runner                               holders: its first 'replicas' ranks
 *   asks (signal, command) or hears      other than itself
 *   that a file was renamed into place
 *   seals it*, says so in its row  --->  fetch what they lack of it
 *                                  <---  hold it*, say so in their rows
 *   all of them have it: acknowledged, in its row
 *
 * (* = durable before it is said.)  There are no messages: what a host keeps
 * stands in the 'meta' of its own row of the instance, and a host that has no
 * other reason for a row shows it as PAST with a note that it only keeps
 * ("keeps only").  A host that knows nothing of checkpoints carries that meta
 * on unread, holds none, and does not read the spec, so it does not run it.
 *
 * Each host keeps two: the newest, and the last acknowledged one before it.  A
 * host that is not named any more keeps what it has until all that are named
 * have as much, so a change of ranks never leaves fewer copies.
 *
 * Who is to start an instance takes the newest that any present host has, its
 * own included, and fetches it first ('checkpoint_missing'); of its own copy it
 * has every byte verified, and one that is damaged counts no more.  With
 * 'takeover: wait' it does not start from less than what was acknowledged: it
 * waits until that is there, and until it has heard, from whomever, what each
 * host that is away said last, or an operator restarts it.  A start in place
 * takes the host's own newest, or one that is newer and that others have, but
 * for a service with a state_path, whose own files are newer.
 *
 * Memory: a slot for each name of which something is kept or taken here; a
 * full table is said, and such a name has no checkpoints on this host.
 */
#ifndef SKEP_CORE_CHECKPOINT_H
#define SKEP_CORE_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "base/mono.h"
#include "core/core.h"
#include "core/named.h"
#include "core/specs.h"

#define CHECKPOINTS_MAX 65536 /* names on one host */
/* Number of what a run left at its end. */
#define CHECKPOINT_LAST	      UINT64_MAX
#define CHECKPOINT_KEPT	      2
/* What says that it was sealed so many ms from 1970, before or after, or that
 * it has so many bytes, was not written by us. */
#define WALL_MAX (INT64_C(1) << 52)
#define SIZE_LIM (UINT64_C(1) << 62)
#define CHECKPOINT_FAILED_MAX 4

/* One checkpoint. */
struct snapshot {
	uint64_t epoch;	 /* of the run that wrote it; 0: there is none */
	uint64_t number; /* in that run, from 1 */
	uint8_t root[DIGEST_SIZE];
	uint64_t size;	 /* bytes */
	int64_t wall_ms; /* when it was sealed */
};

/* What one host says of an instance's checkpoints in its row. */
struct checkpoint_word {
	bool is_keeper; /* the row is there for this only */
	bool is_runner; /* it holds the instance */
	uint8_t wanted; /* hosts that should keep it: 'replicas' */
	uint32_t count; /* of 'kept' */
	struct snapshot kept[CHECKPOINT_KEPT]; /* newest first */
	struct snapshot acked; /* last acknowledged; the root is not told */
	uint32_t holder_count;
	char holders[POLICY_HOLDERS_MAX][NODE_NAME_MAX + 1]; /* its choice */
};

enum checkpoint_phase {
	CHECKPOINT_IDLE,
	CHECKPOINT_ASKED,   /* signalled, or its command runs */
	CHECKPOINT_SEALING, /* DUMP was issued */
};

/* What this host keeps and does for one name. */
struct checkpoint {
	struct named head;
	struct checkpoint_word word; /* as our row says it */
	uint64_t stored;	     /* STORE of the last record */
	bool is_changed;	     /* 'word' is to be said again */
	bool has_lost;	/* its newest was damaged: what counted is known */
	bool is_ending; /* it goes when what it gave up cannot come any more */

	/* One on its way here. */
	struct snapshot want;	      /* epoch 0: none */
	char from[NODE_NAME_MAX + 1]; /* "": from our own disk alone */
	bool is_proving;  /* it is our own newest, which is to be verified */
	bool is_proven;	  /* that was so, for the start that is coming, */
	mono proven_at;	  /* ... then */
	uint64_t came;	  /* bytes of it */
	uint64_t dropped; /* the STORE that its DROP waited for, when one was
			     given up */
	mono want_until;  /* without more of them until then it is in vain */
	uint64_t failed[CHECKPOINT_FAILED_MAX]; /* of root and host: no use */
	uint32_t failed_count;
	mono retry_at; /* when those are forgotten */

	/* Of the run here. */
	enum checkpoint_phase phase;
	uint64_t epoch;	   /* of that run; another one begins anew */
	bool is_announced; /* a file is there that is not sealed */
	bool is_refused;   /* the signal would kill this run */
	mono phase_until;
	mono next_at;	   /* the next one is not asked for before */
	mono spread_until; /* the last one has so long to be acknowledged */
	mono late_at;	   /* when that will be too long ago */
	bool is_late;	   /* it is; said once */
	bool is_loss_told; /* that it starts from an older one */
	bool is_waiting;   /* a start waits for what was acknowledged */
	uint64_t told;	   /* the anyway generation when it began to */
	bool is_passed;	   /* an operator said to go on without ... */
	struct snapshot passed; /* ... what had counted until then */
};

struct checkpoints {
	struct named_table table; /* of struct checkpoint */
	mono look_at;		  /* nothing in 'table' is due before */
};

struct core;
struct instance;
struct row;

void checkpoint_init(struct core *c);
size_t checkpoint_need(const struct core_limits *limits);
/* Gives back a TABLE_CHECKPOINT record; then BOOT. */
void checkpoint_on_load(struct core *c, struct bytes key, struct bytes value);
void checkpoint_on_boot(struct core *c);

/* Negative, 0, positive as 'a' is older than, the same as, newer than 'b'; what
 * is none is oldest. */
int snapshot_compare(const struct snapshot *a, const struct snapshot *b);

/* What is kept and done here for a name, or NULL; for status. */
const struct checkpoint *checkpoint_find(
	const struct core *c, const char *name);
/* Reads what a row says, whoever wrote it; false, and all zero, when it says
 * nothing that can be read. */
bool checkpoint_read_row(const struct row *row, struct checkpoint_word *out);
/* Reads it from where such a word begins into '*out'; behind it
 * stands what conflict.h says. */
bool checkpoint_read_word(struct reader *r, struct checkpoint_word *out);
/* Whether a row is there only because its host keeps a checkpoint, or the state
 * of a copy that lost. */
bool checkpoint_is_keeper(const struct row *row);
/* Whether 'word' chose that host to keep what its own runs. */
bool checkpoint_names_host(
	const struct checkpoint_word *word, const char *node);
/* How many of 'word's holders show in their rows that they have 'what'. */
uint32_t checkpoint_count(const struct core *c, const char *name,
	const struct checkpoint_word *word, const struct snapshot *what);
/* What was acknowledged at last, as far as any row or our disk tells. */
void checkpoint_acked(
	const struct core *c, const char *name, struct snapshot *out);
/* Our own words, for the row, those of conflict.h behind that of the
 * checkpoints; empty when there are none.  'room' has ROW_META_MAX
 * bytes. */
struct bytes checkpoint_meta(const struct core *c, const struct instance *inst,
	bool is_keeper, void *room);
/* The epoch of the newest that is kept here, or 0. */
uint64_t checkpoint_epoch(const struct core *c, const char *name);
/* The highest epoch that any row or our disk tells of in a checkpoint, or 0: a
 * run under a lower one could never outdo it. */
uint64_t checkpoint_epoch_max(const struct core *c, const char *name);
/* The STORE that our word waits for, or 0. */
uint64_t checkpoint_stored(const struct core *c, const char *name);

/* Something changed: members, rows, the desired state, or the instance.
 * 'service' is NULL when nobody wants it any more. */
void checkpoint_review(struct core *c, struct instance *inst,
	const struct service_value *service);
/* Whether it is the root of one that is kept here. */
bool checkpoint_keeps(const struct core *c, const char *name,
	const uint8_t root[DIGEST_SIZE]);
/* Whether a checkpoint that is kept, or on its way, needs this state. */
bool checkpoint_needs_state(const struct core *c, const char *name,
	const uint8_t root[DIGEST_SIZE]);
/* A run ended and left this state, which is here: its last checkpoint. */
void checkpoint_adopt(struct core *c, struct instance *inst, uint64_t epoch,
	const uint8_t root[DIGEST_SIZE], uint64_t size, int64_t wall_ms);
/* The sentence what a start here waits for, or NULL: go ahead. */
const char *checkpoint_missing(struct core *c, struct instance *inst,
	const struct service_value *service);
/* Whether others have a checkpoint that does not come here: then another host
 * may have more luck, if there is one. */
bool checkpoint_is_out_of_reach(struct core *c, struct instance *inst,
	const struct service_value *service);
/* What a start here begins with, if no move left it a state; or NULL. */
const struct snapshot *checkpoint_to_start(struct core *c,
	const struct instance *inst, const struct service_value *service);
/* The sentence why a start here must wait, or NULL: what the last run wrote is
 * being sealed; our own newest, if it begins with that, is verified first, or
 * fetched again when it was damaged, which begins with this. */
const char *checkpoint_unfit(struct core *c, struct instance *inst,
	const struct service_value *service);

/* A file was renamed to $SKEP_CHECKPOINT_OUT, or the signal would kill it. */
void checkpoint_on_answered(struct core *c, const struct input_proc *in);
/* The end of checkpoint.command. */
void checkpoint_on_ran(struct core *c, const struct input_ran *in);
void checkpoint_on_dumped(struct core *c, const struct input_dumped *in);
void checkpoint_on_fetched(struct core *c, const struct input_fetched *in);
void checkpoint_on_tick(struct core *c);
mono checkpoint_deadline(const struct core *c);

/* How old the last acknowledged one may be. */
int64_t checkpoint_late_ms(const struct policy_checkpoint *policy);

/* Audits the module; panics where it is inconsistent. */
void checkpoint_check(const struct core *c);

#endif
