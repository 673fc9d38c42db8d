/* The store: what was said to be durable is there after a new start, many
 * writes share few transactions, and trouble with the disk is survived. */
#include <check.h>
#include <errno.h>
#include <ev.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/store.h"
#include "sys/clock.h"
#include "sys/say.h"
#include "tests/lib/scratch.h"

static struct ev_loop *loop;
static struct store *store;
static uint64_t stored_seq;
static unsigned stored_calls;
static char broken_why[512];

static void
on_stored(void *context, uint64_t seq)
{
	(void)context;
	ck_assert_uint_gt(seq, stored_seq);
	stored_seq = seq;
	stored_calls++;
}

static void
on_broken(void *context, const char *why)
{
	(void)context;
	snprintf(broken_why, sizeof broken_why, "%s", why);
}

static int
open_store(struct err *err)
{
	struct store_hooks hooks = {NULL, on_stored, on_broken};
	return store_open(loop, scratch_path("skep.db"), &hooks, &store, err);
}

static void
open_good(void)
{
	struct err err = {""};
	ck_assert_msg(open_store(&err) == 0, "%s", err.text);
}

static void
start_good(void)
{
	struct err err = {""};
	ck_assert_msg(store_start(store, &err) == 0, "%s", err.text);
}

static void
close_store(void)
{
	store_free(store);
	store = NULL;
}

static void
setup(void)
{
	say_init("test_store", SAY_ERROR);
	scratch_begin();
	loop = ev_loop_new(EVFLAG_AUTO);
	stored_seq = 0;
	stored_calls = 0;
	broken_why[0] = '\0';
}

static void
teardown(void)
{
	close_store();
	ev_loop_destroy(loop);
	scratch_end();
}

static bool
seq_is_stored(void *arg)
{
	ev_run(loop, EVRUN_NOWAIT);
	return stored_seq >= *(uint64_t *)arg;
}

static void
wait_stored(uint64_t seq)
{
	ck_assert(scratch_wait(seq_is_stored, &seq));
}

static struct bytes
text(const char *s)
{
	return (struct bytes){s, strlen(s)};
}

static int
put(unsigned table, const char *key, const char *value, uint64_t seq)
{
	struct bytes v = {NULL, 0};
	if (value)
		v = text(value);
	return store_put(store, table, text(key), v, seq);
}

/* Everything that was loaded, as "table key=value;". */
static void
collect(void *context, unsigned table, struct bytes key, struct bytes value)
{
	char *out = context;
	size_t length = strlen(out);
	snprintf(out + length, 4096 - length, "%u %.*s=%.*s;", table,
		(int)key.size, (const char *)key.data, (int)value.size,
		(const char *)value.data);
}

static const char *
load_all(void)
{
	static char out[4096];
	struct err err = {""};
	out[0] = '\0';
	ck_assert_int_eq(store_load_all(store, collect, out, &err), 0);
	return out;
}

START_TEST(test_reopen)
{
	open_good();
	start_good();
	put(TABLE_META, "b", "2", 1);
	put(TABLE_META, "a", "1", 2);
	put(TABLE_SPEC, "web", "x", 3);
	put(TABLE_META, "b", "3", 4);
	put(TABLE_OWNER, "gone", "y", 5);
	put(TABLE_OWNER, "gone", NULL, 6);
	put(TABLE_OWNER, "empty", "", 7);
	wait_stored(7);
	close_store();
	open_good();
	ck_assert_str_eq(load_all(), "1 a=1;1 b=3;3 web=x;4 empty=;");
}
END_TEST

/* What is queued when the store is freed is still written. */
START_TEST(test_free_writes)
{
	open_good();
	start_good();
	for (unsigned i = 0; i < 100; i++)
		put(TABLE_META, "k", "v", i + 1);
	close_store();
	open_good();
	ck_assert_str_eq(load_all(), "1 k=v;");
}
END_TEST

START_TEST(test_group_commit)
{
	enum { WRITES = 5000 };
	struct store_stats stats;
	open_good();
	start_good();
	for (uint64_t seq = 1; seq <= WRITES; seq++) {
		char key[16];
		snprintf(key, sizeof key, "k%u", (unsigned)(seq % 64));
		put(TABLE_OWNER, key, "value", seq);
	}
	wait_stored(WRITES);
	store_get_stats(store, &stats);
	ck_assert_uint_eq(stats.writes, WRITES);
	ck_assert_uint_lt(stats.transactions, WRITES / 10);
	ck_assert_uint_eq(stats.queued_size, 0);
	ck_assert_uint_le(stored_calls, stats.transactions);
	ck_assert_int_eq(store_stalled_ms(store), 0);
}
END_TEST

/* --- Trouble --- */

static atomic_int fault_code;

static int
fault(void *context)
{
	(void)context;
	return fault_code;
}

static bool
has_failed(void *context)
{
	unsigned times = *(unsigned *)context;
	struct store_stats stats;
	ev_run(loop, EVRUN_NOWAIT);
	store_get_stats(store, &stats);
	return stats.failures >= times;
}

static bool
has_stalled(void *context)
{
	(void)context;
	return store_stalled_ms(store) >= 50;
}

START_TEST(test_full_disk_heals)
{
	unsigned twice = 2;
	open_good();
	store_set_fault(store, fault, NULL);
	fault_code = -ENOSPC;
	start_good();
	put(TABLE_META, "a", "1", 1);
	ck_assert(scratch_wait(has_failed, &twice));
	ck_assert(scratch_wait(has_stalled, NULL));
	ck_assert_uint_eq(stored_seq, 0);
	put(TABLE_META, "b", "2", 2);
	fault_code = 0;
	wait_stored(2);
	close_store();
	open_good();
	ck_assert_str_eq(load_all(), "1 a=1;1 b=2;");
}
END_TEST

/* A batch that failed leaves nothing behind. */
START_TEST(test_free_while_failing)
{
	unsigned once = 1;
	open_good();
	store_set_fault(store, fault, NULL);
	fault_code = -EIO;
	start_good();
	put(TABLE_META, "a", "1", 1);
	ck_assert(scratch_wait(has_failed, &once));
	close_store();
	ck_assert_uint_eq(stored_seq, 0);
	open_good();
	ck_assert_str_eq(load_all(), "");
}
END_TEST

START_TEST(test_queue_is_bounded)
{
	static char value[1 << 20];
	struct bytes v = {value, sizeof value};
	struct event e = {.kind = "ready", .name = "n", .text = "", .host = ""};
	struct store_stats stats;
	int code = 0;
	unsigned taken = 0;
	open_good();
	while (!(code = store_put(store, TABLE_META, text("k"), v, taken + 1)))
		ck_assert_uint_lt(++taken, 65);
	ck_assert_int_eq(code, -ENOBUFS);
	ck_assert_uint_eq(taken, 63);
	ck_assert_uint_eq(store_add_event(store, &e), 1);
	store_get_stats(store, &stats);
	ck_assert_uint_eq(stats.events_dropped, 1);
	start_good();
	wait_stored(taken);
}
END_TEST

START_TEST(test_newer_schema)
{
	struct err err = {""};
	char command[512];
	open_good();
	close_store();
	snprintf(command, sizeof command,
		"sqlite3 %s 'PRAGMA user_version = 99'",
		scratch_path("skep.db"));
	if (system("command -v sqlite3 >/dev/null") != 0)
		return;
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(open_store(&err), -EPROTO);
	ck_assert_ptr_nonnull(strstr(err.text, "newer skep (schema 99"));
}
END_TEST

/* --- Damage --- */

static void
ck_moved_aside(void)
{
	ck_assert_str_eq(load_all(), "");
	ck_assert_int_ge(scratch_size("skep.db.corrupt-1"), 0);
	start_good();
	put(TABLE_META, "new", "1", 1);
	wait_stored(1);
}

START_TEST(test_garbage_file)
{
	char garbage[8192];
	memset(garbage, 'x', sizeof garbage);
	scratch_write("skep.db", garbage, sizeof garbage);
	open_good();
	ck_moved_aside();
}
END_TEST

START_TEST(test_damaged_page)
{
	open_good();
	start_good();
	static char value[3000];
	for (unsigned i = 0; i < 200; i++) {
		char key[8];
		snprintf(key, sizeof key, "%u", i);
		store_put(store, TABLE_SPEC, text(key),
			(struct bytes){value, sizeof value}, i + 1);
	}
	wait_stored(200);
	close_store();
	FILE *f = fopen(scratch_path("skep.db"), "r+");
	ck_assert_ptr_nonnull(f);
	for (long page = 1; page < 100; page++) {
		fseek(f, page * 4096, SEEK_SET);
		fwrite("damage, damage, damage", 1, 22, f);
	}
	fclose(f);
	open_good();
	ck_moved_aside();
	close_store();
	scratch_write("skep.db", "short", 5);
	open_good();
	ck_assert_int_ge(scratch_size("skep.db.corrupt-2"), 0);
}
END_TEST

START_TEST(test_corruption_while_running)
{
	open_good();
	store_set_fault(store, fault, NULL);
	fault_code = -EUCLEAN;
	start_good();
	put(TABLE_META, "a", "1", 1);
	while (!broken_why[0])
		ev_run(loop, EVRUN_ONCE);
	ck_assert_uint_eq(stored_seq, 0);
	ck_assert_int_ge(scratch_size("skep.db.corrupt-1"), 0);
	fault_code = 0;
}
END_TEST

START_TEST(test_readonly_folder)
{
	struct err err = {""};
	struct store_hooks hooks = {NULL, on_stored, on_broken};
	int code = store_open(
		loop, scratch_path("no/such/skep.db"), &hooks, &store, &err);
	ck_assert_int_lt(code, 0);
	ck_assert_ptr_null(store);
	ck_assert_ptr_nonnull(strstr(err.text, "no/such/skep.db"));
}
END_TEST

/* --- Events --- */

static char answer[4096];
static int answer_count;

static void
on_events(void *context, const struct event *events, int count)
{
	(void)context;
	answer[0] = '\0';
	for (int i = 0; i < count; i++) {
		size_t length = strlen(answer);
		snprintf(answer + length, sizeof answer - length, "%llu %s;",
			(unsigned long long)events[i].id, events[i].name);
	}
	answer_count = count;
}

static bool
is_answered(void *context)
{
	(void)context;
	ev_run(loop, EVRUN_NOWAIT);
	return answer_count != -1;
}

static bool has_missed; /* of the queries */

static const char *
query(const char *name, uint64_t since_id, int64_t since_ms, uint32_t max)
{
	struct store_query q = {.name = name,
		.has_missed = has_missed,
		.since_id = since_id,
		.since_wall_ms = since_ms,
		.count_max = max};
	answer_count = -1;
	store_query_events(store, &q, on_events, NULL);
	ck_assert(scratch_wait(is_answered, NULL));
	return answer;
}

static void
add_event_of(const char *kind, const char *name, int64_t wall_ms)
{
	struct event e = {
		.wall_ms = wall_ms,
		.kind = kind,
		.name = name,
		.epoch = 7,
		.text = "t",
		.uid = 1000,
		.host = "alpha",
	};
	store_add_event(store, &e);
}

static void
add_event(const char *name, int64_t wall_ms)
{
	add_event_of("ready", name, wall_ms);
}

START_TEST(test_events)
{
	open_good();
	start_good();
	add_event("web@1", 10);
	add_event("web", 20);
	add_event("webby", 30);
	add_event("web@2", 40);
	ck_assert_str_eq(
		query(NULL, 0, 0, 100), "1 web@1;2 web;3 webby;4 web@2;");
	ck_assert_str_eq(query("web", 0, 0, 100), "1 web@1;2 web;4 web@2;");
	ck_assert_str_eq(query("web@2", 0, 0, 100), "4 web@2;");
	ck_assert_str_eq(query(NULL, 2, 0, 100), "3 webby;4 web@2;");
	ck_assert_str_eq(query(NULL, 0, 20, 2), "3 webby;4 web@2;");
	add_event_of(EVENTS_MISSED, "alpha", 45);
	ck_assert_str_eq(query("web@*", 0, 0, 100), "1 web@1;4 web@2;");
	has_missed = true;
	ck_assert_str_eq(query("web@*", 0, 0, 100), "1 web@1;4 web@2;5 alpha;");
	ck_assert_str_eq(query("web@2", 0, 0, 100), "4 web@2;5 alpha;");
	has_missed = false;
	ck_assert_str_eq(query("none", 0, 0, 100), "");
	close_store();
	open_good();
	start_good();
	add_event("later", 50);
	ck_assert_str_eq(query(NULL, 5, 0, 100), "6 later;");
}
END_TEST

/* Events wait for each other, and no longer than that; a record does not wait
 * for events. */
START_TEST(test_events_gather)
{
	struct store_stats stats;
	open_good();
	start_good();
	int64_t began_ms = clock_mono().ms;
	for (int i = 0; i < 200; i++) {
		add_event("n", i);
		usleep(1000);
	}
	for (;;) {
		store_get_stats(store, &stats);
		if (stats.writes == 200)
			break;
		usleep(1000);
	}
	int64_t took_ms = clock_mono().ms - began_ms;
	ck_assert_uint_le(stats.transactions, (uint64_t)took_ms / 100 + 1);
	add_event("last", 1000);
	put(TABLE_META, "key", "value", 1);
	wait_stored(1);
	store_get_stats(store, &stats);
	ck_assert_uint_eq(stats.writes, 202);
}
END_TEST

START_TEST(test_events_are_pruned)
{
	enum { COUNT = STORE_EVENTS_MAX + 1500 };
	open_good();
	start_good();
	for (int i = 0; i < COUNT; i++)
		add_event("n", i);
	query(NULL, 0, 0, 100);
	add_event("last", COUNT);
	for (int i = 0; i < 1000; i++)
		add_event("n", i);
	query(NULL, 0, 0, 100);
	close_store();
	char command[512], *said;
	snprintf(command, sizeof command,
		"sqlite3 %s 'SELECT count(*) <= %d FROM events' >%s",
		scratch_path("skep.db"), STORE_EVENTS_MAX + 1000,
		scratch_path("count"));
	if (system("command -v sqlite3 >/dev/null") != 0)
		return;
	ck_assert_int_eq(system(command), 0);
	said = scratch_read("count", NULL);
	ck_assert_str_eq(said, "1\n");
	free(said);
}
END_TEST

/* Whoever asked is told even when the store ends first. */
START_TEST(test_query_cancelled)
{
	struct store_query q = {.count_max = 10};
	open_good();
	answer_count = -1;
	store_query_events(store, &q, on_events, NULL);
	close_store();
	ck_assert_int_eq(answer_count, -ECANCELED);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("store");
	TCase *tc = tcase_create("store");
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_reopen);
	tcase_add_test(tc, test_free_writes);
	tcase_add_test(tc, test_group_commit);
	tcase_add_test(tc, test_full_disk_heals);
	tcase_add_test(tc, test_free_while_failing);
	tcase_add_test(tc, test_queue_is_bounded);
	tcase_add_test(tc, test_newer_schema);
	tcase_add_test(tc, test_garbage_file);
	tcase_add_test(tc, test_damaged_page);
	tcase_add_test(tc, test_corruption_while_running);
	tcase_add_test(tc, test_readonly_folder);
	tcase_add_test(tc, test_events);
	tcase_add_test(tc, test_events_gather);
	tcase_add_test(tc, test_events_are_pruned);
	tcase_add_test(tc, test_query_cancelled);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
