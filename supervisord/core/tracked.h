/* Names of processes that run where they run: 'register NAME --pid'.
 *
 * A tracked name is a row of its host's log and a record in its store, from the
 * moment its claim is granted (claim.h) until its process ends, an operator
 * takes it away, or another host's copy wins.  The process is not skep's: it is
 * not started, stopped, or moved.  The shell watches it and tells its end; it
 * also looks, before BOOT, who of the stored ones still lives, so that a new
 * node shows the names anew before others drop the old log.
 *
 * A host that is gone takes its names with it: rows of hosts that are not
 * present do not count, and others may have these names.  When hosts that were
 * cut off from each other meet again, and both have a name, the higher epoch
 * wins, then the smaller host name, and a declared service before any; the
 * loser's host lets go of the name and says so.  Its process runs on.
 *
 * Events of names can come by the ten thousand a second: beyond
 * TRACKED_NOTES_MAX in a second they are counted, and one event says how many
 * there were.  Of the names of a host that is gone each other host tells the
 * number, once.  Both are NOTE_MISSED, for all who follow events of names.
 */
#ifndef SKEP_CORE_TRACKED_H
#define SKEP_CORE_TRACKED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/mono.h"
#include "core/core.h"
#include "core/member.h"

/* Events of names in a second that are told one by one. */
#define TRACKED_NOTES_MAX 100

/* Rows of others about our names that are looked at one by one; if there are
 * more, all of ours are looked at. */
#define TRACKED_DIRTY_MAX 256

struct core;
struct row;

struct tracked {
	const char *dirty[TRACKED_DIRTY_MAX]; /* names, used */
	uint32_t dirty_count;
	bool is_all_dirty;
	uint64_t all_seq;   /* the last row of ours that was looked at then */
	uint64_t view;	    /* members, when all were looked at */
	uint32_t count;	    /* names that this host has */
	mono notes_until;   /* end of the second */
	uint32_t notes;	    /* in it */
	uint32_t untold[2]; /* registered, unregistered, beyond them */
	uint64_t conflicts; /* names lost to others, for status */
};

/* One stored name, for the shell, which must find its process again. */
struct tracked_record {
	uint32_t pid;
	uint64_t start; /* as in REGISTER */
	uint64_t epoch;
	int64_t since_wall_ms;
	struct bytes meta; /* borrowed from the record */
};

/* Reads a value of TABLE_TRACKED; false: it makes no sense. */
bool tracked_read(struct bytes value, struct tracked_record *out);

void tracked_init(struct core *c);
/* Gives back a TABLE_TRACKED record. */
void tracked_on_load(struct core *c, struct bytes key, struct bytes value);
void tracked_on_register(struct core *c, const struct input_register *in);
void tracked_on_gone(struct core *c, const struct input_gone *in);
/* REQUEST_UNREGISTER and REQUEST_LOCATE. */
void tracked_on_unregister(struct core *c, const struct input_request *r);
void tracked_on_locate(struct core *c, const struct input_request *r);
/* Another host's operator wants it gone; false: it is not here. */
bool tracked_unregister_here(
	struct core *c, const char *name, const struct actor *actor);

/* A row of a tracked name changed, anywhere. */
void tracked_mark(struct core *c, const struct row *row);
/* Something else has that name now. */
void tracked_mark_name(struct core *c, const char *name);

/* A host was present, and is declared gone; its rows are still here. */
void tracked_on_lost(struct core *c, member_id id);

void tracked_on_tick(struct core *c);
mono tracked_deadline(const struct core *c);

/* The row that counts of a tracked name, as far as this host knows: of present
 * hosts, the one that wins; or NULL. */
const struct row *tracked_find(const struct core *c, const char *name);
/* Whether this host has the name, for that process. */
bool tracked_is_here(const struct core *c, const char *name, uint32_t pid);
/* Whether a row of a tracked name counts. */
bool tracked_is_live(const struct core *c, const struct row *row);
/* The largest epoch that any row carries for that name as a tracked one. */
uint64_t tracked_epoch_max(const struct core *c, const char *name);
/* A present host whose version knows no run-time names, or NULL. */
const char *tracked_old_host(const struct core *c);
/* The sentence that says where a name is; tracked_place.h takes it apart. */
const char *tracked_place_text(struct core *c, const char *node, uint32_t pid);

#endif
