/* The registry's file: the writer (node/regwriter.h) and libskep, which reads
 * what it writes. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/prng.h"
#include "client/regfile.h"
#include "node/regwriter.h"
#include "skep/registry.h"
#include "tests/lib/scratch.h"

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

/* Check writes each of its assertions into a file, which in a loop takes long
 * and where files are bounded fails. */
#define WANT(cond)                                                             \
	do {                                                                   \
		if (!(cond))                                                   \
			ck_abort_msg("line %d: %s", __LINE__, #cond);          \
	} while (0)

static struct regwriter *writer;
static struct skep_registry *reader;
static struct skep_entry entry;
static uint64_t randoms = 1;

static struct regwriter *
begin_writer(size_t names_max)
{
	struct err err = {""};
	struct regwriter *w;
	int code = regwriter_open(
		scratch_path("registry"), names_max, randoms++, &w, &err);
	ck_assert_msg(code == 0, "%s", err.text);
	return w;
}

static void
publish(struct regwriter *w)
{
	struct err err = {""};
	ck_assert_msg(regwriter_publish(w, &err) == 0, "%s", err.text);
}

static void
setup(void)
{
	scratch_begin();
	writer = begin_writer(100000);
	publish(writer);
	ck_assert_int_eq(
		skep_registry_open(scratch_path("registry"), &reader), 0);
	memset(&entry, 0, sizeof entry);
}

static void
teardown(void)
{
	skep_registry_close(reader);
	regwriter_close(writer);
	scratch_end();
}

static int
put(struct regwriter *w, const char *name, uint64_t epoch, const char *meta)
{
	struct regwriter_row row = {
		.name = name,
		.host = "alpha",
		.meta = meta,
		.meta_size = strlen(meta),
		.kind = SKEP_KIND_SERVICE,
		.state = SKEP_STATE_READY,
		.pid = 4711,
		.epoch = epoch,
		.since_ms = 1700000000123,
	};
	return regwriter_put(w, &row);
}

/* --- One name --- */

START_TEST(a_name_is_found_with_all_that_is_known)
{
	ck_assert_int_eq(
		skep_registry_lookup(reader, "web@1", &entry), -ENOENT);
	ck_assert_int_eq(put(writer, "web@1", 7, "{\"a\":1}"), 0);
	ck_assert_int_eq(skep_registry_lookup(reader, "web@1", &entry), 0);
	ck_assert_str_eq(entry.name, "web@1");
	ck_assert_str_eq(entry.host, "alpha");
	ck_assert_str_eq(entry.meta, "{\"a\":1}");
	ck_assert_int_eq(entry.kind, SKEP_KIND_SERVICE);
	ck_assert_int_eq(entry.state, SKEP_STATE_READY);
	ck_assert_uint_eq(entry.pid, 4711);
	ck_assert_uint_eq(entry.epoch, 7);
	ck_assert_int_eq(entry.since_ms, 1700000000123);
	ck_assert_int_eq(
		skep_registry_lookup(reader, "web@2", &entry), -ENOENT);
	ck_assert_str_eq(entry.name, "web@1");
	ck_assert(regwriter_has(writer, "web@1"));
	regwriter_delete(writer, "web@1");
	regwriter_delete(writer, "web@1");
	ck_assert(!regwriter_has(writer, "web@1"));
	ck_assert_int_eq(
		skep_registry_lookup(reader, "web@1", &entry), -ENOENT);
	ck_assert_uint_eq(regwriter_count(writer), 0);
}
END_TEST

START_TEST(names_have_their_bounds)
{
	char name[300];
	memset(name, 'x', sizeof name);
	ck_assert_int_eq(skep_registry_lookup(reader, "", &entry), -EINVAL);
	name[256] = '\0';
	ck_assert_int_eq(skep_registry_lookup(reader, name, &entry), -EINVAL);
	name[255] = '\0';
	ck_assert_int_eq(skep_registry_lookup(reader, name, &entry), -ENOENT);
	char meta[REGFILE_META_MAX + 1];
	memset(meta, 'm', sizeof meta);
	meta[REGFILE_META_MAX] = '\0';
	ck_assert_int_eq(put(writer, name, 1, meta), 0);
	ck_assert_int_eq(skep_registry_lookup(reader, name, &entry), 0);
	ck_assert_str_eq(entry.name, name);
	ck_assert_str_eq(entry.meta, meta);
	ck_assert_int_eq(
		skep_registry_watch_name(reader, "", &entry, 0), -EINVAL);
}
END_TEST

/* --- Many --- */

#define NAMES 20000u

static char *
name_of(uint32_t i)
{
	static char name[200];
	snprintf(name, sizeof name, "device-%u%.*s", i, (int)(i % 100),
		"-and-a-tail-that-makes-rows-of-many-sizes-so-that-blocks-are-"
		"split-and-taken-again-for-others-of-them");
	return name;
}

static void
expect(uint32_t i, uint64_t epoch)
{
	const char *name = name_of(i);
	int code = skep_registry_lookup(reader, name, &entry);
	WANT(code == (epoch ? 0 : -ENOENT));
	WANT(regwriter_has(writer, name) == (epoch != 0));
	WANT(!epoch || strcmp(entry.name, name) == 0);
	WANT(!epoch || entry.epoch == epoch);
}

/* Whatever comes and goes, it gives what an array gives, and the file does not
 * grow for ever. */
START_TEST(agrees_with_an_array)
{
	static uint64_t epochs[NAMES];
	struct skep_registry_info info;
	struct prng random;
	uint32_t there = 0;
	uint64_t size = 0;
	prng_init(&random, 1);
	for (uint32_t step = 1; step <= 300000; step++) {
		uint32_t i = (uint32_t)prng_below(&random, NAMES);
		if (prng_below(&random, 3) == 0) {
			there -= epochs[i] != 0;
			epochs[i] = 0;
			regwriter_delete(writer, name_of(i));
		} else {
			there += epochs[i] == 0;
			epochs[i] = step;
			WANT(put(writer, name_of(i), step, "") == 0);
		}
		i = (uint32_t)prng_below(&random, NAMES);
		expect(i, epochs[i]);
		WANT(regwriter_count(writer) == there);
		skep_registry_get_info(reader, &info);
		if (step == 150000)
			size = info.file_size;
	}
	ck_assert_uint_eq(info.names, there);
	ck_assert_uint_lt(info.file_size, size + size / 8);
	for (uint32_t i = 0; i < NAMES; i++)
		expect(i, epochs[i]);
	for (uint32_t i = 0; i < NAMES; i++)
		regwriter_delete(writer, name_of(i));
	ck_assert_uint_eq(regwriter_count(writer), 0);
	for (uint32_t i = 0; i < NAMES; i++)
		expect(i, 0);
}
END_TEST

START_TEST(the_writer_walks_all)
{
	uint64_t cursor = 0;
	uint32_t count = 0;
	const char *name;
	for (uint32_t i = 0; i < 1000; i++)
		put(writer, name_of(i), 1, "");
	while ((name = regwriter_next(writer, &cursor))) {
		ck_assert_int_eq(skep_registry_lookup(reader, name, &entry), 0);
		count++;
	}
	ck_assert_uint_eq(count, 1000);
}
END_TEST

/* --- Lists --- */

START_TEST(lists_by_prefix_and_pattern)
{
	uint32_t count = 0;
	int code;
	for (uint32_t i = 0; i < 5000; i++)
		put(writer, name_of(i), i + 1, "");
	while ((code = skep_registry_next(reader, "device-12", &entry)) > 0) {
		ck_assert_int_eq(strncmp(entry.name, "device-12", 9), 0);
		ck_assert_str_eq(
			entry.name, name_of((uint32_t)entry.epoch - 1));
		count++;
	}
	ck_assert_int_eq(code, 0);
	ck_assert_uint_eq(count, 1 + 10 + 100 + 0);
	memset(&entry, 0, sizeof entry);
	count = 0;
	while ((code = skep_registry_match(reader, "device-[34]9?-*", &entry)))
		count++;
	ck_assert_uint_eq(count, 20);
	memset(&entry, 0, sizeof entry);
	ck_assert_int_eq(skep_registry_next(reader, "other", &entry), 0);
	ck_assert_int_eq(skep_registry_match(reader, "device", &entry), 0);
	ck_assert_int_eq(skep_registry_match(reader, "[a", &entry), -EINVAL);
}
END_TEST

/* Names that stay are given once each, while others come and go, the table
 * grows, and another node begins another file. */
START_TEST(a_walk_gives_each_once)
{
	static uint8_t seen[3000];
	struct regwriter *next = NULL;
	uint32_t steps = 0;
	for (uint32_t i = 0; i < 3000; i++)
		put(writer, name_of(i), i + 1, "");
	while (skep_registry_next(reader, "", &entry) > 0) {
		if (entry.epoch <= 3000)
			seen[entry.epoch - 1]++;
		struct regwriter *w = next ? next : writer;
		for (uint32_t i = 0; steps < 2000 && i < 4; i++)
			put(w, name_of(3000 + steps * 4 + i), 100000, "");
		regwriter_delete(w, name_of(3000 + steps * 2));
		if (++steps != 1500)
			continue;
		next = begin_writer(100000);
		for (uint32_t i = 0; i < 3000; i++)
			put(next, name_of(i), i + 1, "");
		publish(next);
	}
	ck_assert_uint_gt(steps, 1500);
	for (uint32_t i = 0; i < 3000; i++)
		ck_assert_msg(seen[i] == 1, "%u: %u times", i, seen[i]);
	regwriter_close(next);
}
END_TEST

START_TEST(a_walk_says_when_its_order_is_gone)
{
	for (uint32_t i = 0; i < 100; i++)
		put(writer, name_of(i), 1, "");
	ck_assert_int_eq(skep_registry_next(reader, "", &entry), 1);
	ck_assert_int_eq(unlink(scratch_path("registry")), 0);
	struct regwriter *next = begin_writer(100000);
	publish(next);
	struct skep_registry *other;
	ck_assert_int_eq(
		skep_registry_open(scratch_path("registry"), &other), 0);
	ck_assert_int_eq(skep_registry_next(other, "", &entry), -ESTALE);
	skep_registry_close(other);
	regwriter_close(next);
}
END_TEST

/* --- Watching --- */

START_TEST(watches_all)
{
	uint64_t seen = 0;
	ck_assert_int_eq(skep_registry_watch(reader, &seen, 0), 1);
	ck_assert_int_eq(skep_registry_watch(reader, &seen, 0), 0);
	ck_assert_int_eq(skep_registry_watch(reader, &seen, 5), 0);
	put(writer, "web", 1, "");
	ck_assert_int_eq(skep_registry_watch(reader, &seen, 0), 0);
	regwriter_flush(writer);
	ck_assert_int_eq(skep_registry_watch(reader, &seen, -1), 1);
	put(writer, "web", 1, "");
	regwriter_flush(writer);
	ck_assert_int_eq(skep_registry_watch(reader, &seen, 0), 0);
}
END_TEST

/* Tells what the child of the next test saw: the epoch, 0 for none. */
static void
tell_watch(int fd, struct skep_entry *e)
{
	unsigned char byte = 255;
	if (skep_registry_watch_name(reader, "web", e, 60000) == 1)
		byte = e->name[0] ? (unsigned char)e->epoch : 0;
	if (write(fd, &byte, 1) != 1)
		_exit(1);
}

static int
hear(int fd)
{
	unsigned char byte;
	ck_assert_int_eq(read(fd, &byte, 1), 1);
	return byte;
}

START_TEST(wakes_who_waits_for_a_name)
{
	int ends[2], status;
	ck_assert_int_eq(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		for (int i = 0; i < 4; i++)
			tell_watch(ends[1], &entry);
		_exit(0);
	}
	for (int i = 1; i <= 3; i++) {
		put(writer, "web", (uint64_t)i, "");
		regwriter_flush(writer);
		ck_assert_int_eq(hear(ends[0]), i);
	}
	regwriter_delete(writer, "web");
	regwriter_flush(writer);
	ck_assert_int_eq(hear(ends[0]), 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(a_watch_has_its_end)
{
	put(writer, "web", 1, "");
	ck_assert_int_eq(skep_registry_watch_name(reader, "web", &entry, 0), 1);
	ck_assert_int_eq(skep_registry_watch_name(reader, "web", &entry, 0), 0);
	ck_assert_int_eq(skep_registry_watch_name(reader, "web", &entry, 5), 0);
	/* Another name of the same shard wakes, and does not answer. */
	put(writer, "other", 1, "");
	regwriter_flush(writer);
	ck_assert_int_eq(skep_registry_watch_name(reader, "web", &entry, 5), 0);
}
END_TEST

/* --- Another node --- */

START_TEST(a_new_file_takes_over)
{
	uint64_t seen = 0;
	struct skep_registry_info info;
	put(writer, "web", 1, "");
	skep_registry_watch(reader, &seen, 0);
	struct regwriter *next = begin_writer(100000);
	put(next, "web", 2, "");
	ck_assert_int_eq(skep_registry_lookup(reader, "web", &entry), 0);
	ck_assert_uint_eq(entry.epoch, 1);
	publish(next);
	ck_assert_int_eq(skep_registry_watch(reader, &seen, -1), 1);
	ck_assert_int_eq(skep_registry_lookup(reader, "web", &entry), 0);
	ck_assert_uint_eq(entry.epoch, 2);
	skep_registry_get_info(reader, &info);
	ck_assert_int_lt(info.age_ms, 60000);
	ck_assert_int_ge(info.age_ms, 0);
	struct stat st;
	ck_assert_int_eq(stat(scratch_path("registry"), &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0644);
	regwriter_close(next);
	ck_assert_int_eq(skep_registry_lookup(reader, "web", &entry), 0);
}
END_TEST

/* It was killed between calling the old one superseded and renaming. */
START_TEST(a_successor_that_did_not_come)
{
	uint64_t seen = 0;
	struct err err;
	put(writer, "web", 1, "");
	skep_registry_watch(reader, &seen, 0);
	struct regwriter *next = begin_writer(100000);
	put(next, "web", 2, "");
	ck_assert_int_eq(unlink(scratch_path("registry.new")), 0);
	ck_assert_int_eq(regwriter_publish(next, &err), -ENOENT);
	regwriter_close(next);
	ck_assert_int_eq(skep_registry_lookup(reader, "web", &entry), 0);
	ck_assert_uint_eq(entry.epoch, 1);
	ck_assert_int_eq(skep_registry_watch(reader, &seen, 250), 0);
	next = begin_writer(100000);
	put(next, "web", 3, "");
	publish(next);
	ck_assert_int_eq(skep_registry_lookup(reader, "web", &entry), 0);
	ck_assert_uint_eq(entry.epoch, 3);
	regwriter_close(next);
}
END_TEST

/* What is no registry, or another version's, is told and never believed. */
START_TEST(bad_files_are_refused)
{
	struct skep_registry *r;
	struct regfile_head head = {
		.magic = REGFILE_MAGIC, .format = REGFILE_FORMAT + 1};
	static char page[REGFILE_HEAD_SIZE];
	ck_assert_int_eq(skep_registry_open(scratch_path("none"), &r), -ENOENT);
	scratch_write("short", "skepreg\n", 8);
	ck_assert_int_eq(
		skep_registry_open(scratch_path("short"), &r), -EBADMSG);
	scratch_write("zeros", page, sizeof page);
	ck_assert_int_eq(
		skep_registry_open(scratch_path("zeros"), &r), -EBADMSG);
	memcpy(page, &head, sizeof head);
	scratch_write("other", page, sizeof page);
	ck_assert_int_eq(
		skep_registry_open(scratch_path("other"), &r), -EPROTO);
	head.format = REGFILE_FORMAT;
	head.capacity = 2 * REGFILE_HEAD_SIZE;
	head.size = 2 * REGFILE_HEAD_SIZE;
	memcpy(page, &head, sizeof head);
	scratch_write("larger", page, sizeof page);
	ck_assert_int_eq(
		skep_registry_open(scratch_path("larger"), &r), -EBADMSG);
	head.size = REGFILE_HEAD_SIZE;
	head.table = regfile_table_make(128, 20);
	memcpy(page, &head, sizeof head);
	scratch_write("outside", page, sizeof page);
	ck_assert_int_eq(skep_registry_open(scratch_path("outside"), &r), 0);
	ck_assert_int_eq(skep_registry_lookup(r, "web", &entry), -EBADMSG);
	ck_assert_int_eq(skep_registry_next(r, "", &entry), -EBADMSG);
	skep_registry_close(r);
	skep_registry_close(NULL);
}
END_TEST

START_TEST(finds_the_file_by_itself)
{
	struct skep_registry *r;
	put(writer, "web", 1, "");
	setenv("SKEP_SOCKET", scratch_path("skepd.sock"), 1);
	unsetenv("SKEP_REGISTRY");
	ck_assert_int_eq(skep_registry_open(NULL, &r), 0);
	ck_assert_int_eq(skep_registry_lookup(r, "web", &entry), 0);
	skep_registry_close(r);
	setenv("SKEP_REGISTRY", scratch_path("none"), 1);
	ck_assert_int_eq(skep_registry_open(NULL, &r), -ENOENT);
	setenv("SKEP_REGISTRY", scratch_path("registry"), 1);
	unsetenv("SKEP_SOCKET");
	ck_assert_int_eq(skep_registry_open(NULL, &r), 0);
	skep_registry_close(r);
}
END_TEST

/* --- A full file system --- */

/* The file may not grow behind 'bytes'. */
static void
limit_files(rlim_t bytes)
{
	struct rlimit limit;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A name without room is taken out, so that nobody reads what was; what has
 * room goes on, and with room again all is well. */
START_TEST(no_room_is_an_error)
{
	struct skep_registry_info info;
	uint32_t failed = 0;
	limit_files(400000);
	for (uint32_t i = 0; i < NAMES; i++)
		failed += put(writer, name_of(i), 1, "") < 0;
	WANT(failed > 1000 && regwriter_count(writer) > 1000);
	WANT(regwriter_count(writer) + failed == NAMES);
	WANT(regwriter_is_lacking(writer));
	skep_registry_get_info(reader, &info);
	WANT(info.is_lacking == 1);
	for (uint32_t i = 0; i < NAMES; i++)
		expect(i, regwriter_has(writer, name_of(i)));
	expect(0, 1);
	/* A row that grew and finds no room. */
	char meta[500];
	memset(meta, 'm', sizeof meta);
	meta[499] = '\0';
	WANT(put(writer, name_of(0), 2, meta) < 0);
	expect(0, 0);
	limit_files(RLIM_INFINITY);
	for (uint32_t i = 0; i < NAMES; i++)
		WANT(put(writer, name_of(i), 3, "") == 0);
	regwriter_set_lacking(writer, false);
	skep_registry_get_info(reader, &info);
	ck_assert_int_eq(info.is_lacking, 0);
	for (uint32_t i = 0; i < NAMES; i++)
		expect(i, 3);
}
END_TEST

/* Another file of the same file system, of whatever room is left in it. */
static void
take_all_room(const char *path)
{
	static const char page[4096];
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	while (write(fd, page, sizeof page) > 0)
		;
	close(fd);
}

/* A tmpfs that is really full, under a mapping that is larger: nobody touches
 * what was not allocated, and nobody dies of it. */
START_TEST(a_full_tmpfs_kills_nobody)
{
	struct regwriter *w;
	struct skep_registry *r;
	struct err err = {""};
	uint32_t there = 0;
	ck_assert_int_eq(mkdir(scratch_path("small"), 0700), 0);
	if (unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("skep", scratch_path("small"), "tmpfs", 0, "size=1m")) {
		fprintf(stderr, "no tmpfs may be mounted here\n");
		return;
	}
	const char *path = scratch_path("small/registry");
	WANT(regwriter_open(path, 100000, 1, &w, &err) == 0);
	for (uint32_t i = 0; i < 100; i++)
		WANT(put(w, name_of(i), 1, "") == 0);
	WANT(regwriter_publish(w, &err) == 0);
	WANT(skep_registry_open(path, &r) == 0);
	take_all_room(scratch_path("small/ballast"));
	for (uint32_t i = 0; i < NAMES; i++)
		there += put(w, name_of(i), 2, "") == 0;
	WANT(there > 100 && there < NAMES && regwriter_is_lacking(w));
	for (uint32_t i = 0; i < NAMES; i++)
		WANT(skep_registry_lookup(r, name_of(i), &entry) ==
			(regwriter_has(w, name_of(i)) ? 0 : -ENOENT));
	/* Another node finds no room for a file, and says so. */
	struct regwriter *next;
	WANT(regwriter_open(path, 1000, 2, &next, &err) == -ENOSPC);
	WANT(strstr(err.text, "small/registry"));
	ck_assert_int_eq(unlink(scratch_path("small/ballast")), 0);
	for (uint32_t i = 0; i < 2000; i++)
		WANT(put(w, name_of(i), 3, "") == 0);
	WANT(skep_registry_lookup(r, name_of(1999), &entry) == 0);
	skep_registry_close(r);
	regwriter_close(w);
	umount(scratch_path("small"));
}
END_TEST

START_TEST(states_have_words)
{
	ck_assert_str_eq(skep_state_name(SKEP_STATE_READY), "ready");
	ck_assert_str_eq(skep_state_name(SKEP_STATE_FAILED), "failed");
	ck_assert_str_eq(skep_state_name(0), "unknown");
	ck_assert_str_eq(skep_state_name(99), "unknown");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("regwriter");
	TCase *t = tcase_create("all");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_name_is_found_with_all_that_is_known);
	tcase_add_test(t, names_have_their_bounds);
	tcase_add_test(t, agrees_with_an_array);
	tcase_add_test(t, the_writer_walks_all);
	tcase_add_test(t, lists_by_prefix_and_pattern);
	tcase_add_test(t, a_walk_gives_each_once);
	tcase_add_test(t, a_walk_says_when_its_order_is_gone);
	tcase_add_test(t, watches_all);
	tcase_add_test(t, wakes_who_waits_for_a_name);
	tcase_add_test(t, a_watch_has_its_end);
	tcase_add_test(t, a_new_file_takes_over);
	tcase_add_test(t, a_successor_that_did_not_come);
	tcase_add_test(t, bad_files_are_refused);
	tcase_add_test(t, finds_the_file_by_itself);
	tcase_add_test(t, no_room_is_an_error);
	tcase_add_test(t, a_full_tmpfs_kills_nobody);
	tcase_add_test(t, states_have_words);
	suite_add_tcase(s, t);
	SRunner *runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
