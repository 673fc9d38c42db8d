#include "node/store_db.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/glob.h"

#define SCHEMA_VERSION	1
#define BUSY_TIMEOUT_MS 5000
/* Negative: KiB.  Records are read once, at start; what is left are writes of
 * single keys, for which the upper pages of the trees are enough. */
#define CACHE_SIZE "-256"

static const char *const table_names[STORE_TABLE_COUNT] = {
	[TABLE_META] = "meta",
	[TABLE_MEMBER] = "member",
	[TABLE_SPEC] = "spec",
	[TABLE_OWNER] = "owner",
	[TABLE_HANDOFF] = "handoff",
	[TABLE_CHECKPOINT] = "checkpoint",
	[TABLE_CONFLICT] = "conflict",
	[TABLE_TRACKED] = "tracked",
	[TABLE_GROUP] = "groups",
	[STORE_FILES] = "files",
	[STORE_QUARANTINE] = "quarantine",
};

static const char events_schema[] =
	"CREATE TABLE events(id INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL,"
	" kind TEXT NOT NULL, name TEXT NOT NULL, epoch INTEGER NOT NULL,"
	" text TEXT NOT NULL, uid INTEGER NOT NULL, pid INTEGER NOT NULL,"
	" host TEXT NOT NULL);"
	"CREATE INDEX events_name ON events(name, id);";

/* '?1' is the name; the range finds the instances NAME@... ('A' follows
 * '@'); '?5' is a pattern; '?6' a kind that is given with any name. */
static const char query_sql[] =
	"SELECT id, wall_ms, kind, name, epoch, text, uid, pid, host"
	" FROM events WHERE (((?1 IS NULL OR name = ?1"
	" OR (name >= ?1 || '@' AND name < ?1 || 'A'))"
	" AND (?5 IS NULL OR skep_glob(?5, name))) OR kind = ?6)"
	" AND id > ?2 AND wall_ms >= ?3 ORDER BY id DESC LIMIT ?4";

struct store_db {
	sqlite3 *sql;
	sqlite3_stmt *put[STORE_TABLE_COUNT];
	sqlite3_stmt *del[STORE_TABLE_COUNT];
	sqlite3_stmt *add_event;
	sqlite3_stmt *prune;
	sqlite3_stmt *query;
};

/* SQLite's result as -errno. */
static int
db_code(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EAGAIN;
	case SQLITE_CANTOPEN:
		return -ENOENT;
	case SQLITE_NOMEM:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

static int
db_fail(struct store_db *db, const char *doing, struct err *err)
{
	int rc = sqlite3_extended_errcode(db->sql);
	int saved = sqlite3_system_errno(db->sql);
	return err_set(err, db_code(rc), "%s: %s%s%s", doing,
		sqlite3_errmsg(db->sql), saved ? ": " : "",
		saved ? strerror(saved) : "");
}

static int
db_exec(struct store_db *db, const char *sql, struct err *err)
{
	if (sqlite3_exec(db->sql, sql, NULL, NULL, NULL) != SQLITE_OK)
		return db_fail(db, sql, err);
	return 0;
}

/* skep_glob(PATTERN, NAME) in a statement. */
static void
sql_glob(sqlite3_context *context, int count, sqlite3_value **values)
{
	const char *pattern = (const char *)sqlite3_value_text(values[0]);
	const char *name = (const char *)sqlite3_value_text(values[1]);
	CHECK(count == 2);
	sqlite3_result_int(
		context, pattern && name && glob_matches(pattern, name));
}

static int
db_add_functions(struct store_db *db, struct err *err)
{
	int rc = sqlite3_create_function(db->sql, "skep_glob", 2,
		SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, sql_glob, NULL, NULL);
	return rc == SQLITE_OK ? 0 : db_fail(db, "add a function", err);
}

static int
db_prepare(struct store_db *db, const char *sql, sqlite3_stmt **out,
	struct err *err)
{
	if (sqlite3_prepare_v3(db->sql, sql, -1, SQLITE_PREPARE_PERSISTENT, out,
		    NULL) != SQLITE_OK)
		return db_fail(db, sql, err);
	return 0;
}

/* Runs a statement that returns no rows, and readies it for the next use. */
static int
db_run(struct store_db *db, sqlite3_stmt *stmt, struct err *err)
{
	int code = 0;
	if (sqlite3_step(stmt) != SQLITE_DONE)
		code = db_fail(db, "write", err);
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return code;
}

/* The first column of the first row of 'sql'. */
static int
db_get_number(
	struct store_db *db, const char *sql, int64_t *out, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int code = db_prepare(db, sql, &stmt, err);
	if (code)
		return code;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		*out = sqlite3_column_int64(stmt, 0);
	else
		code = db_fail(db, sql, err);
	sqlite3_finalize(stmt);
	return code;
}

static int
db_check_pages(struct store_db *db, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int code = db_prepare(db, "PRAGMA quick_check(1)", &stmt, err);
	if (code)
		return code;
	if (sqlite3_step(stmt) != SQLITE_ROW) {
		code = db_fail(db, "quick_check", err);
	} else {
		const char *said = (const char *)sqlite3_column_text(stmt, 0);
		if (!said || strcmp(said, "ok") != 0)
			code = err_set(err, -EUCLEAN, "damaged: %s",
				said ? said : "quick_check says nothing");
	}
	sqlite3_finalize(stmt);
	return code;
}

/* Creates the tables that are not there: all, or those that an older skep did
 * not know. */
static int
db_add_tables(struct store_db *db, struct err *err)
{
	int code = 0;
	for (unsigned t = 1; !code && t < STORE_TABLE_COUNT; t++) {
		char sql[160];
		snprintf(sql, sizeof sql,
			"CREATE TABLE IF NOT EXISTS %s(key BLOB PRIMARY KEY, "
			"value BLOB NOT NULL) WITHOUT ROWID",
			table_names[t]);
		code = db_exec(db, sql, err);
	}
	return code;
}

static int
db_create(struct store_db *db, struct err *err)
{
	int code = db_exec(db, "BEGIN IMMEDIATE", err);
	if (!code)
		code = db_add_tables(db, err);
	if (!code)
		code = db_exec(db, events_schema, err);
	if (!code) {
		char sql[64];
		snprintf(sql, sizeof sql, "PRAGMA user_version = %d",
			SCHEMA_VERSION);
		code = db_exec(db, sql, err);
	}
	if (!code)
		code = db_exec(db, "COMMIT", err);
	return code;
}

static int
db_open_schema(struct store_db *db, struct err *err)
{
	int64_t version = 0;
	int code = db_get_number(db, "PRAGMA user_version", &version, err);
	if (code)
		return code;
	if (version > SCHEMA_VERSION)
		return err_set(err, -EPROTO,
			"was written by a newer skep (schema %lld, this one "
			"knows %d): install that version again",
			(long long)version, SCHEMA_VERSION);
	if (version == 0)
		return db_create(db, err);
	code = db_check_pages(db, err);
	return code ? code : db_add_tables(db, err);
}

static int
db_prepare_all(struct store_db *db, struct err *err)
{
	int code = 0;
	for (unsigned t = 1; !code && t < STORE_TABLE_COUNT; t++) {
		char sql[160];
		snprintf(sql, sizeof sql,
			"INSERT INTO %s(key, value) VALUES(?1, ?2) ON "
			"CONFLICT(key) DO UPDATE SET value = ?2",
			table_names[t]);
		code = db_prepare(db, sql, &db->put[t], err);
		if (code)
			return code;
		snprintf(sql, sizeof sql, "DELETE FROM %s WHERE key = ?1",
			table_names[t]);
		code = db_prepare(db, sql, &db->del[t], err);
	}
	if (!code)
		code = db_prepare(db,
			"INSERT OR REPLACE INTO events "
			"VALUES(?,?,?,?,?,?,?,?,?)",
			&db->add_event, err);
	if (!code)
		code = db_prepare(db, "DELETE FROM events WHERE id <= ?1",
			&db->prune, err);
	return code;
}

int
store_db_open(const char *path, struct store_db **out, struct err *err)
{
	*out = NULL;
	struct store_db *db = calloc(1, sizeof *db);
	if (!db)
		return err_sys(err, -ENOMEM, "%s", path);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
		    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	int code = 0;
	if (sqlite3_open_v2(path, &db->sql, flags, NULL) != SQLITE_OK) {
		code = db->sql ? db_fail(db, "open", err)
			       : err_sys(err, -ENOMEM, "open");
		goto out;
	}
	sqlite3_busy_timeout(db->sql, BUSY_TIMEOUT_MS);
	sqlite3_db_config(db->sql, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0);
	code = db_exec(db, "PRAGMA cache_size = " CACHE_SIZE, err);
	if (!code)
		code = db_exec(db, "PRAGMA journal_mode = WAL", err);
	if (!code)
		code = db_exec(db, "PRAGMA synchronous = FULL", err);
	if (!code)
		code = db_add_functions(db, err);
	if (!code)
		code = db_open_schema(db, err);
	if (!code)
		code = db_prepare_all(db, err);
out:
	if (code) {
		store_db_close(db);
		return err_wrap(err, code, "%s", path);
	}
	*out = db;
	return 0;
}

int
store_db_open_reader(const char *path, struct store_db **out, struct err *err)
{
	*out = NULL;
	struct store_db *db = calloc(1, sizeof *db);
	if (!db)
		return err_sys(err, -ENOMEM, "%s", path);
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX |
		    SQLITE_OPEN_PRIVATECACHE;
	int code = 0;
	if (sqlite3_open_v2(path, &db->sql, flags, NULL) != SQLITE_OK)
		code = db->sql ? db_fail(db, "open", err)
			       : err_sys(err, -ENOMEM, "open");
	if (!code) {
		sqlite3_busy_timeout(db->sql, BUSY_TIMEOUT_MS);
		sqlite3_db_config(
			db->sql, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0);
		code = db_exec(db, "PRAGMA cache_size = " CACHE_SIZE, err);
	}
	if (!code)
		code = db_add_functions(db, err);
	if (!code)
		code = db_prepare(db, query_sql, &db->query, err);
	if (code) {
		store_db_close(db);
		return err_wrap(err, code, "%s", path);
	}
	*out = db;
	return 0;
}

void
store_db_close(struct store_db *db)
{
	if (!db)
		return;
	for (unsigned t = 0; t < STORE_TABLE_COUNT; t++) {
		sqlite3_finalize(db->put[t]);
		sqlite3_finalize(db->del[t]);
	}
	sqlite3_finalize(db->add_event);
	sqlite3_finalize(db->prune);
	sqlite3_finalize(db->query);
	sqlite3_close(db->sql);
	free(db);
}

static struct bytes
column_bytes(sqlite3_stmt *stmt, int column)
{
	const void *data = sqlite3_column_blob(stmt, column);
	size_t size = (size_t)sqlite3_column_bytes(stmt, column);
	return (struct bytes){size ? data : "", size};
}

int
store_db_load(struct store_db *db, unsigned table, store_load_fn *fn,
	void *context, struct err *err)
{
	CHECK(table > 0 && table < STORE_TABLE_COUNT);
	char sql[80];
	snprintf(sql, sizeof sql, "SELECT key, value FROM %s ORDER BY key",
		table_names[table]);
	sqlite3_stmt *stmt = NULL;
	int code = db_prepare(db, sql, &stmt, err);
	if (code)
		return code;
	int rc;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
		fn(context, table, column_bytes(stmt, 0),
			column_bytes(stmt, 1));
	if (rc != SQLITE_DONE)
		code = db_fail(db, sql, err);
	sqlite3_finalize(stmt);
	return code;
}

int
store_db_last_event(struct store_db *db, uint64_t *id_out, struct err *err)
{
	int64_t id = 0;
	int code = db_get_number(
		db, "SELECT coalesce(max(id), 0) FROM events", &id, err);
	*id_out = (uint64_t)id;
	return code;
}

int
store_db_begin(struct store_db *db, struct err *err)
{
	return db_exec(db, "BEGIN IMMEDIATE", err);
}

int
store_db_commit(struct store_db *db, struct err *err)
{
	return db_exec(db, "COMMIT", err);
}

void
store_db_rollback(struct store_db *db)
{
	if (!sqlite3_get_autocommit(db->sql))
		sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
}

static void
bind_bytes(sqlite3_stmt *stmt, int index, struct bytes b)
{
	if (b.size)
		sqlite3_bind_blob64(stmt, index, b.data, b.size, SQLITE_STATIC);
	else
		sqlite3_bind_zeroblob(stmt, index, 0);
}

int
store_db_put(struct store_db *db, unsigned table, struct bytes key,
	struct bytes value, struct err *err)
{
	CHECK(table > 0 && table < STORE_TABLE_COUNT);
	sqlite3_stmt *stmt = value.data ? db->put[table] : db->del[table];
	bind_bytes(stmt, 1, key);
	if (value.data)
		bind_bytes(stmt, 2, value);
	return db_run(db, stmt, err);
}

static void
bind_text(sqlite3_stmt *stmt, int index, const char *text)
{
	sqlite3_bind_text(stmt, index, text ? text : "", -1, SQLITE_STATIC);
}

int
store_db_add_event(
	struct store_db *db, const struct event *event, struct err *err)
{
	sqlite3_stmt *stmt = db->add_event;
	sqlite3_bind_int64(stmt, 1, (int64_t)event->id);
	sqlite3_bind_int64(stmt, 2, event->wall_ms);
	bind_text(stmt, 3, event->kind);
	bind_text(stmt, 4, event->name);
	sqlite3_bind_int64(stmt, 5, (int64_t)event->epoch);
	bind_text(stmt, 6, event->text);
	sqlite3_bind_int64(stmt, 7, event->uid);
	sqlite3_bind_int64(stmt, 8, event->pid);
	bind_text(stmt, 9, event->host);
	return db_run(db, stmt, err);
}

int
store_db_prune(struct store_db *db, uint64_t id_max, struct err *err)
{
	sqlite3_bind_int64(db->prune, 1, (int64_t)id_max);
	return db_run(db, db->prune, err);
}

static const char *
column_text(sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);
	return text ? text : "";
}

static struct event
column_event(sqlite3_stmt *stmt)
{
	return (struct event){
		.id = (uint64_t)sqlite3_column_int64(stmt, 0),
		.wall_ms = sqlite3_column_int64(stmt, 1),
		.kind = column_text(stmt, 2),
		.name = column_text(stmt, 3),
		.epoch = (uint64_t)sqlite3_column_int64(stmt, 4),
		.text = column_text(stmt, 5),
		.uid = (uint32_t)sqlite3_column_int64(stmt, 6),
		.pid = (uint32_t)sqlite3_column_int64(stmt, 7),
		.host = column_text(stmt, 8),
	};
}

int
store_db_query(struct store_db *db, const struct store_query *q,
	void (*fn)(void *context, const struct event *event), void *context,
	struct err *err)
{
	sqlite3_stmt *stmt = db->query;
	if (q->name)
		bind_text(stmt, glob_is_pattern(q->name) ? 5 : 1, q->name);
	if (q->has_missed)
		bind_text(stmt, 6, EVENTS_MISSED);
	sqlite3_bind_int64(stmt, 2, (int64_t)q->since_id);
	sqlite3_bind_int64(stmt, 3, q->since_wall_ms);
	sqlite3_bind_int64(stmt, 4, q->count_max);
	int code = 0;
	int rc;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct event e = column_event(stmt);
		fn(context, &e);
	}
	if (rc != SQLITE_DONE)
		code = db_fail(db, "read events", err);
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return code;
}
