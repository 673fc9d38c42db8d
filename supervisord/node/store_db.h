/* The database file: SQLite, seen as tables of byte keys and byte values.
 *
 * Blocking, and each connection is used by one thread at a time: by main
 * before the store's threads run (open, load), then by one of them alone.  The
 * file is in WAL mode with synchronous=FULL, so a transaction that committed is
 * on the disk.  'user_version' holds the schema's number; a newer one is
 * refused, because an older program must not guess what a newer one wrote.
 *
 * Errors are -errno: -EUCLEAN for a damaged file, -EPROTO for a newer schema,
 * -ENOSPC, -EROFS, -EAGAIN (locked by somebody), -EIO and the like otherwise.
 */
#ifndef SKEP_NODE_STORE_DB_H
#define SKEP_NODE_STORE_DB_H

#include <stdint.h>

#include "base/cursor.h"
#include "node/store.h"
#include "sys/err.h"

struct store_db;

/* Opens or creates the file and checks every page of it. */
int store_db_open(const char *path, struct store_db **out, struct err *err);
/* Opens the file that is open already once more, to be queried only. */
int store_db_open_reader(
	const char *path, struct store_db **out, struct err *err);
/* Closes; NULL accepted. */
void store_db_close(struct store_db *db);

/* Calls 'fn' for each record of a table, in the order of keys. */
int store_db_load(struct store_db *db, unsigned table, store_load_fn *fn,
	void *context, struct err *err);
/* The largest id of an event, 0 if there is none. */
int store_db_last_event(struct store_db *db, uint64_t *id_out, struct err *err);

/* A transaction: everything between is durable after 'commit', or nothing is
 * after 'rollback' or an error. */
int store_db_begin(struct store_db *db, struct err *err);
int store_db_commit(struct store_db *db, struct err *err);
void store_db_rollback(struct store_db *db);

/* Sets a record, or deletes it when 'value.data' is NULL. */
int store_db_put(struct store_db *db, unsigned table, struct bytes key,
	struct bytes value, struct err *err);
/* Keeps an event. */
int store_db_add_event(
	struct store_db *db, const struct event *event, struct err *err);
/* Deletes the events with id <= 'id_max'. */
int store_db_prune(struct store_db *db, uint64_t id_max, struct err *err);

/* Reads the last 'q->count_max' events that fit 'q', newest first, calling
 * 'fn' for each. */
int store_db_query(struct store_db *db, const struct store_query *q,
	void (*fn)(void *context, const struct event *event), void *context,
	struct err *err);

#endif
