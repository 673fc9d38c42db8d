/* The replicated registry: what runs where, one log per host.
 *
 * Only the host a row belongs to (its origin) writes it; each write takes the
 * next number of that host's log.  Every host holds every log, as the rows
 * that still matter in order of their numbers: "everything after s" is a walk
 * of the list's tail.  Replicas apply batches (from, to] without gaps; a gap
 * is pulled.  What an origin announces and does not give, since it waits for
 * its disk, is asked of the others in turn.  Deletes are tombstones that the
 * origin alone collects, once all present members confirmed them or after ten
 * minutes; a replica that is below the collected mark is reset, so nothing
 * comes back from the dead and no clock is trusted.  An additive checksum per
 * origin audits for ever.
 *
 * A log that is long travels in several batches.  Between the first and the
 * last of them a replica holds some of the new rows and lacks others, whose
 * numbers have risen since; so 'position', up to which a log is complete,
 * moves only with the last batch, and 'cursor' says how far the chain from
 * one sender has come.  A replica that holds rows beyond its position (its
 * sender died in between) offers them, marked as not the end.
 *
 * Resets and new incarnations are received into a second log beside the one
 * that is shown and take its place at once when complete, so no reader ever
 * sees a gap.
 *
 * This is the scuttlebutt reconciliation of van Renesse et al. (2008) with
 * chitchat's rule for collected versions, over streams, and with one writer
 * per log deciding the collection alone.
 *
 * A new incarnation of a host starts a new log; replicas show the old one
 * until the new one is marked ready.
 */
#ifndef SKEP_CORE_REGISTRY_H
#define SKEP_CORE_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mono.h"
#include "base/slots.h"
#include "core/core.h"
#include "core/member.h"

enum row_kind {
	ROW_INSTANCE = 1, /* a service instance; name = instance name */
	ROW_NODE,	  /* facts of a host; name = node name, meta = facts */
	ROW_TRACKED,	  /* a process registered where it runs; name = run-time
			     name, meta = what its user says of it */
	ROW_MEMBER,	  /* who is in a group; name = group, ROW_GROUP_END,
			     member */
	ROW_KIND_MAX = 255, /* of kinds that only newer hosts know: carried
			       along, and shown to nobody */
};

/* state, name in the API, whether the instance occupies its host */
#define ROW_STATES(X)                                                          \
	X(ROW_NONE, "none", false)                                             \
	X(ROW_STARTING, "starting", true)                                      \
	X(ROW_READY, "ready", true)                                            \
	X(ROW_STOPPING, "stopping", true)                                      \
	X(ROW_BACKOFF, "backoff", true)                                        \
	X(ROW_HANDOFF, "handoff", true)                                        \
	X(ROW_EXITED, "exited", true)	 /* ended by itself, stays so */       \
	X(ROW_FAILED, "failed", true)	 /* attempts used up */                \
	X(ROW_STOPPED, "stopped", false) /* owned before a boot, or stopped */ \
	X(ROW_REFUSED, "refused", false) /* this host cannot run that spec */  \
	X(ROW_PAST, "past", false)	 /* given up; only its epoch counts */

enum row_state {
#define X(state, name, is_held) state,
	ROW_STATES(X)
#undef X
		ROW_STATE_COUNT,
};

#define ROW_META_MAX 512

/* What stands between a group and its member: in no name, see base/name.h. */
#define ROW_GROUP_END '\1'

/* The 'pid' of a STOPPED row, which has no leader, when a state that no run has
 * consumed lies at its host: it is to begin there, whatever else would count.
 * It stands in a field that hosts which do not know this carry along, and
 * count into their checksums; such a one may start it elsewhere, with nothing.
 */
#define ROW_PID_STATE 1

/* What a row says, as it is written; a stored row has it in pieces.
 * Everything but name and meta is fixed. */
struct row_value {
	enum row_kind kind;
	enum row_state state;
	uint64_t epoch;	       /* of the running or last start */
	uint64_t run_digest;   /* of the spec it runs */
	uint32_t pid;	       /* leader; STOPPED: ROW_PID_STATE, or 0 */
	uint32_t restarts;     /* since it came to this host */
	int32_t status;	       /* last wait status */
	uint64_t seen_restart; /* override generations that it has obeyed: an */
	uint64_t seen_move;    /* operator's later word is still to be done */
	int64_t since_wall_ms; /* when 'state' began */
	int64_t slot;	       /* a scheduled run: when it was due, wall ms;
				  0: none */
	uint64_t unran;	       /* of the epochs up to 'epoch': under the last
				  so many it ran nowhere; see row_ran */
	struct bytes meta;     /* at most ROW_META_MAX bytes */
};

/* What every stored row says. */
struct row_said {
	uint64_t epoch;
	union {
		int64_t since_wall_ms;
		mono deleted_at; /* of our own tombstones: when */
	};
	uint32_t pid;
	uint8_t kind;  /* enum row_kind */
	uint8_t state; /* enum row_state */
};

/* What only instances say; other rows have none, and cost no room for it.  The
 * members are those of struct row_value. */
struct row_run {
	uint64_t run_digest;
	uint64_t seen_restart;
	uint64_t seen_move;
	int64_t slot;
	uint64_t unran;
	uint32_t restarts;
	int32_t status;
	unsigned char *meta; /* registry.c's own block, or NULL */
};

/* A stored row, as others may read it.  There may be a million: what is not
 * needed to tell who has a name is elsewhere. */
struct row {
	struct row *next;   /* of its name, in the order of their coming */
	struct list in_log; /* in its origin's log, by seq */
	const char *name;   /* in 'names', used */
	uint64_t seq;
	struct row_said value;
	member_id origin;
	uint16_t meta_size;
	bool is_deleted : 1; /* a tombstone; of the value only the epochs
				still mean something */
	bool is_shown : 1;   /* false in a log that is being received */
	bool has_run : 1;    /* which of these it has */
	union {
		struct row_run *run;
		unsigned char *meta; /* registry.c's own block, or NULL */
	};
};

/* What a row says that has no struct row_run. */
extern const struct row_run row_no_run;

/* Borrows what a row says as an instance's. */
static inline const struct row_run *
row_run(const struct row *row)
{
	return row->has_run ? row->run : &row_no_run;
}

/* Borrows its meta; NULL data where there is none. */
static inline struct bytes
row_meta(const struct row *row)
{
	return (struct bytes){
		row->has_run ? row->run->meta : row->meta, row->meta_size};
}

/* All that a row says; 'meta' is borrowed from it. */
struct row_value row_value(const struct row *row);

/* One host's log as held here. */
struct origin {
	uint64_t incarnation; /* of the log; 0: none is held */
	uint64_t position;    /* complete up to this seq */
	uint64_t gc;	      /* tombstones up to here are gone; in a log
				 that is being received: were gone already
				 when it began */
	uint64_t checksum;    /* sum of row hashes */
	struct list log;      /* live rows by seq */
	struct list tombs;    /* tombstones by seq */
	struct row *given;    /* in 'log': the last of the last answer, where
				 the next one begins to look; or NULL */
	uint32_t row_count;   /* live rows */
	uint32_t tombstones;
	bool is_ready; /* complete since that incarnation began */
	bool is_shown; /* its rows count; false in a log that is
			  being received */
	/* The rest is the registry's own. */
	bool has_end;	      /* an end was reached, 'position' says which */
	uint64_t top;	      /* newest seq held; > position: not whole */
	uint64_t cursor;      /* how far the chain of 'source' has come */
	member_id source;     /* sender of the last batch applied */
	struct origin *next;  /* the log being received, or NULL */
	uint64_t acked;	      /* of OUR log, by this member */
	uint64_t ack_sent;    /* position that we last confirmed to it */
	uint64_t forgotten;   /* incarnations up to this one are refused */
	bool is_reset_wanted; /* an audit failed; ask for a reset */
	mono pull_at;	      /* do not pull again before */
	mono behind_at;	      /* when to look whether it must be pulled */
	uint64_t chased;      /* how far it had come when it was pulled last */
	member_id helper;     /* whom else it was asked of last */
	mono lacking_since;   /* since when it announces rows that are not
				 here; NEVER: it does not */
};

/* What a Pull said about one origin; scratch. */
struct registry_want {
	bool is_listed;
	bool is_ready;
	bool is_reset;
	uint64_t incarnation;
	uint64_t position;
	uint64_t top;
	uint64_t gc;
};

struct registry {
	struct slots rows;	/* of struct row, rows_max of them */
	struct origin *origins; /* members_max of them, index = member_id */
	struct origin *spares;	/* members_max: incarnations being received */
	uint32_t row_count;	/* rows in use */
	mono chase_at;		/* no log's 'behind_at' is earlier */
	mono next_audit;	/* anti-entropy with one random peer */
	mono push_at;		/* coalescing of our own changes; NEVER: none */
	uint64_t pushed;	/* position up to which we pushed */
	uint64_t push_after;	/* STORE that all our rows wait for */
	bool is_ready_due;	/* that we are ready was not pushed yet */
	mono ack_at;		/* next round of Acks; NEVER: none is due */
	mono gc_at;		/* next look at our own tombstones */
	mono pull_all_at;	/* do not ask a new link for all before */
	uint64_t resets;	/* counted, for status */
	uint64_t mismatches;	/* checksum audits that failed */
	uint64_t refused;	/* messages that made no sense */
	uint64_t full;		/* rows that found no room */
	struct slots runs;	/* of struct row_run, rows_max of them */
	struct slots metas;	/* of instances and hosts, ROW_META_MAX bytes */
	struct buddy *texts;	/* metas of all other rows */
	struct registry_want *wants; /* members_max; scratch */
};

struct buddy;
struct core;

void registry_init(struct core *c);
size_t registry_need(const struct core_limits *limits);

/* Our own rows. 'value.meta' is copied.  Returns false when the table is
 * full.  Setting a row to what it already says does nothing.  'after' is the
 * STORE that must be durable before others may see the row; later rows wait
 * for it too, so that their order holds. */
bool registry_put(struct core *c, const char *name,
	const struct row_value *value, uint64_t after);
/* Turns our own row into a tombstone; nothing if there is none. */
void registry_delete(struct core *c, enum row_kind kind, const char *name);
/* Our log is complete since this start: others may show it. */
void registry_set_ready(struct core *c);

/* The live (not deleted, shown) rows with this name: first, next; NULL ends. */
const struct row *registry_first(
	const struct core *c, enum row_kind kind, const char *name);
const struct row *registry_next(const struct core *c, const struct row *row);
/* The live row of this name that this origin wrote, or NULL. */
const struct row *registry_find(const struct core *c, enum row_kind kind,
	const char *name, member_id origin);
/* Walks the live shown rows of one origin in seq order: NULL starts. */
const struct row *registry_walk(
	const struct core *c, member_id origin, const struct row *after);
/* The largest epoch that any row held here carries for this instance name:
 * of dead hosts, in tombstones, in logs not yet shown; 0 if none.  What was
 * collected or forgotten is not remembered; the OWNER records are. */
uint64_t registry_epoch_max(const struct core *c, const char *name);
/* ... under which, as such rows of others say, it may have run. */
uint64_t registry_ran_max(const struct core *c, const char *name);
/* The row that the host called 'node' has of an instance, or NULL. */
const struct row *registry_find_at(
	const struct core *c, const char *name, const char *node);
/* The largest epoch under which it may have run, as one row says. */
uint64_t row_ran(const struct row *row);
/* Whether 'state' occupies its host, see ROW_STATES. */
bool row_state_is_held(enum row_state state);
const char *row_state_name(enum row_state state);
/* Whether it is stopped, and a state waits at its host, see ROW_PID_STATE. */
bool row_has_state(const struct row *row);
/* Whether it takes one of the places of its service on its host: it is held
 * there, or will be, because its state waits. */
bool row_takes_place(const struct row *row);

/* Whether we hold 'id's log up to the position it last announced. */
bool registry_is_complete(const struct core *c, member_id id);
/* For how long a present host has had rows that we lack, 0 when it has none:
 * they wait for its disk, or nothing of it comes here. */
int64_t registry_lacking_ms(const struct core *c, member_id id);
/* Whether what we show of 'id' is of its present life: it began no other log
 * since, whose rows are still on their way. */
bool registry_is_current(const struct core *c, member_id id);
/* The next row of the instance 'name' behind 'row' (NULL: the first) of another
 * host that is present and current. */
const struct row *registry_next_other(
	const struct core *c, const char *name, const struct row *row);
/* Position and checksum of our own log, for heartbeats. */
uint64_t registry_position(const struct core *c);
uint64_t registry_checksum(const struct core *c);
uint64_t registry_gc(const struct core *c);

/* A member's link came up: exchange positions. */
void registry_on_linked(struct core *c, member_id id);
/* A heartbeat came: compare positions and checksums, pull what is missing. */
void registry_on_heartbeat(struct core *c, member_id id);
/* Batch, Pull, Ack from a member. */
void registry_on_recv(
	struct core *c, member_id from, uint16_t type, struct bytes body);
/* An operator forgot this member: its rows go, and rows of incarnations seen
 * so far do not come back, unless the host itself does. */
void registry_on_forget(struct core *c, member_id id);
/* A member that was forgotten is back, by its own word, which we may have from
 * others.  Logs below its own stay forgotten: a third host may hold one of a
 * start under a number that was used before. */
void registry_on_back(struct core *c, member_id id);
void registry_on_tick(struct core *c);
mono registry_deadline(const struct core *c);

/* Audits the module; panics where it is inconsistent. */
void registry_check(const struct core *c);

#endif
