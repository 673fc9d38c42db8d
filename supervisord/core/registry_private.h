/* What the parts of the registry share: rows (registry_row.c), logs of them
 * (registry.c), what is received (registry_log.c), what is sent
 * (registry_send.c).
 */
#ifndef SKEP_CORE_REGISTRY_PRIVATE_H
#define SKEP_CORE_REGISTRY_PRIVATE_H

#include "core/core_private.h"
#include "core/wire.h"

#define PUSH_DELAY_MS	5   /* our changes are coalesced for this long */
#define BEHIND_DELAY_MS 100 /* a log may be behind for this long */

/* One new version of a row, as it enters a log. */
struct row_change {
	enum row_kind kind;
	const char *name; /* borrowed */
	uint64_t seq;
	bool is_deleted;
	struct row_value value; /* meta borrowed */
};

/* What the checksum holds for a row. */
uint64_t registry_row_hash(const struct row *row);
/* The first row of a name, of whatever kind and log; its 'next' are the rest.
 */
struct row *registry_rows_of(const struct core *c, const char *name);
/* A row of one log, tombstones included, or NULL. */
struct row *registry_find_row(const struct core *c, enum row_kind kind,
	const char *name, member_id id, bool is_shown);
/* A row that says nothing yet, in no log; NULL when the table is full. */
struct row *registry_take_row(
	struct core *c, enum row_kind kind, const char *name);
/* It goes, out of whatever log it is in. */
void registry_give_row(struct core *c, struct row *row);
/* A block for a new meta of 'size' bytes, which may be the one that the row
 * has; NULL when there is none. */
unsigned char *registry_take_meta(
	struct registry *r, struct row *row, size_t size);
/* Copies what a change says into its row; 'block' is for its meta. */
void registry_fill_row(struct core *c, struct row *row,
	const struct row_change *change, unsigned char *block);

/* Our own log. */
struct origin *registry_own(struct core *c);
/* Whether the log holds nothing beyond what it is complete up to. */
bool registry_is_whole(const struct origin *log);
/* The log of that incarnation of 'id': the shown one, the one being received,
 * or NULL. */
struct origin *registry_log_of(
	struct core *c, member_id id, uint64_t incarnation);

/* Logs of 'id' up to this incarnation are refused, whoever has them: they went
 * when it left, which after our own start only the list of members knows. */
uint64_t registry_forgotten(const struct core *c, member_id id);

/* Makes 'log' an empty log of an incarnation. */
void registry_log_init(struct origin *log, uint64_t incarnation);
/* Puts one version of a row into a log, unless the log holds that or a newer
 * one.  False when there is no room; nothing changed then. */
bool registry_write(struct core *c, member_id id, struct origin *log,
	const struct row_change *change);
/* Drops tombstones up to and including 'gc'. */
void registry_collect(struct core *c, struct origin *log, uint64_t gc);
/* Drops all rows of a log. */
void registry_drop(struct core *c, struct origin *log);
/* Shows the log being received in the place of the one that is shown. */
void registry_show_next(struct core *c, member_id id);
/* The same, if it is complete. */
void registry_show_next_if_due(struct core *c, member_id id);

/* Asks 'peer' for what is newer of one origin; at most once a second. */
void registry_pull(struct core *c, member_id peer, member_id id);
/* The same at once. */
void registry_pull_now(struct core *c, member_id peer, member_id id);

/* Batch, from 'from'. */
void registry_on_batch(struct core *c, member_id from, struct bytes body);
/* Pull and Ack, from 'from'. */
void registry_on_pull(struct core *c, member_id from, struct bytes body);
void registry_on_ack(struct core *c, member_id from, struct bytes body);

#endif
