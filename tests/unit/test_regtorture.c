/* The registry's file under force: readers on every processor while the writer
 * churns, as threads on one mapping (for ThreadSanitizer), and as processes
 * whose writer is killed at any instruction.
 *
 * Each row's words follow from its name and epoch, so a torn one is known.
 * Names that stay must always be found, with epochs that never go back.
 */
#include <check.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/prng.h"
#include "client/reader.h"
#include "node/regwriter.h"
#include "tests/lib/scratch.h"

#define STAY	    150u /* names that are never taken out */
#define COME	    300u /* that come and go */
#define KILLS	    60u
#define READERS_MAX 8u

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

/* What readers and their parent share. */
struct told {
	atomic_uint_fast64_t looks;
	atomic_uint_fast64_t found;
	atomic_bool is_bad;
	char why[1024];
};

struct shared {
	struct told readers[READERS_MAX];
	atomic_bool is_over;
	atomic_uint_fast64_t changes;
	/* The epoch that each name was seen with; the writer goes on above. */
	atomic_uint_fast64_t round;
};

static struct shared *shared;

static unsigned
reader_count(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	return n < 2 ? 2 : n > READERS_MAX ? READERS_MAX : (unsigned)n;
}

/* --- Rows that can be checked --- */

struct made {
	char name[SKEP_NAME_SIZE];
	char host[SKEP_HOST_SIZE];
	char meta[SKEP_META_SIZE];
	uint32_t pid;
	int64_t since_ms;
	unsigned state;
};

static void
make_name(uint32_t i, char out[static SKEP_NAME_SIZE])
{
	snprintf(out, SKEP_NAME_SIZE, "name-%u%.*s", i, (int)(i % 50),
		"-with-a-tail-so-that-rows-are-of-different-sizes--");
}

static void
make(uint32_t i, uint64_t epoch, struct made *out)
{
	uint64_t h = hash_mix(hash_mix(i, epoch), 1);
	make_name(i, out->name);
	snprintf(out->host, sizeof out->host, "host-%u", (unsigned)(h % 7));
	size_t size = h >> 8 & 0xff;
	for (size_t n = 0; n < size; n++)
		out->meta[n] = (char)('a' + (h + n) % 26);
	out->meta[size] = '\0';
	out->pid = (uint32_t)(h >> 32);
	out->since_ms = (int64_t)(h >> 1);
	out->state = 1 + (unsigned)(h % 7);
}

static bool
is_whole(const struct skep_entry *e, uint32_t i)
{
	struct made m;
	make(i, e->epoch, &m);
	return strcmp(e->name, m.name) == 0 && strcmp(e->host, m.host) == 0 &&
	       strcmp(e->meta, m.meta) == 0 && e->pid == m.pid &&
	       e->since_ms == m.since_ms && e->state == (int)m.state;
}

/* --- The writer --- */

static void
put(struct regwriter *w, uint32_t i, uint64_t epoch)
{
	struct made m;
	make(i, epoch, &m);
	struct regwriter_row row = {
		.name = m.name,
		.host = m.host,
		.meta = m.meta,
		.meta_size = strlen(m.meta),
		.kind = SKEP_KIND_TRACKED,
		.state = m.state,
		.pid = m.pid,
		.epoch = epoch,
		.since_ms = m.since_ms,
	};
	if (regwriter_put(w, &row) < 0)
		panic(__FILE__, __LINE__, "no room");
}

/* A writer with the names that stay, not yet to be read. */
static struct regwriter *
begin_writer(uint64_t epoch)
{
	struct err err = {""};
	struct regwriter *w;
	if (regwriter_open(scratch_path("registry"), 10000, epoch, &w, &err))
		panic(__FILE__, __LINE__, err.text);
	for (uint32_t i = 0; i < STAY; i++)
		put(w, i, ++epoch);
	return w;
}

/* Changes one name; the table grows as 'step' does. */
static void
churn(struct regwriter *w, struct prng *random, uint64_t epoch, uint64_t step)
{
	char name[SKEP_NAME_SIZE];
	uint32_t come = step < 20000 ? COME : 10 * COME;
	uint32_t i = (uint32_t)prng_below(random, STAY + come);
	if (i < STAY || prng_below(random, 2)) {
		put(w, i, epoch);
	} else {
		make_name(i, name);
		regwriter_delete(w, name);
	}
	if (step % 16 == 0)
		regwriter_flush(w);
}

/* --- A reader --- */

struct look {
	struct skep_registry *registry;
	struct told *told;
	struct prng random;
	uint64_t epochs[STAY];
	bool does_all; /* waits and walks as well */
};

static void
complain(struct look *l, const char *what, uint32_t i, int code,
	const struct skep_entry *e)
{
	if (atomic_exchange(&l->told->is_bad, true))
		return;
	snprintf(l->told->why, sizeof l->told->why,
		"%s: %u, %d: %.100s on %.60s, epoch %llu, meta %.300s", what, i,
		code, e->name, e->host, (unsigned long long)e->epoch, e->meta);
}

static void
look_at(struct look *l, uint32_t i)
{
	char name[SKEP_NAME_SIZE];
	struct skep_entry e = {0};
	make_name(i, name);
	int code = skep_registry_lookup(l->registry, name, &e);
	atomic_fetch_add_explicit(&l->told->looks, 1, memory_order_relaxed);
	if (code != 0 && code != -ENOENT)
		complain(l, "an error", i, code, &e);
	if (code == 0 && !is_whole(&e, i))
		complain(l, "torn", i, code, &e);
	if (code == 0)
		atomic_fetch_add_explicit(
			&l->told->found, 1, memory_order_relaxed);
	if (i >= STAY)
		return;
	if (code == -ENOENT)
		complain(l, "not found", i, code, &e);
	else if (e.epoch < l->epochs[i])
		complain(l, "an older one", i, code, &e);
	else
		l->epochs[i] = e.epoch;
}

/* All that stay are given, once each, and whole. */
static void
walk(struct look *l)
{
	static _Thread_local uint8_t seen[STAY];
	struct skep_entry e = {0};
	uint32_t i;
	int code;
	memset(seen, 0, sizeof seen);
	while ((code = skep_registry_next(l->registry, "name-", &e)) > 0) {
		if (sscanf(e.name, "name-%u", &i) != 1 || !is_whole(&e, i))
			complain(l, "torn in a walk", 0, code, &e);
		else if (i < STAY)
			seen[i]++;
	}
	if (code < 0)
		complain(l, "a walk", 0, code, &e);
	for (i = 0; i < STAY; i++)
		if (seen[i] != 1)
			complain(l, "given in a walk so often", i, seen[i], &e);
}

static void
wait_a_little(struct look *l)
{
	struct skep_entry e = {0};
	uint32_t i = (uint32_t)prng_below(&l->random, STAY);
	char name[SKEP_NAME_SIZE];
	make_name(i, name);
	for (unsigned n = 0; n < 2; n++) {
		int code = skep_registry_watch_name(l->registry, name, &e, 3);
		if (code < 0 || (code == 0 && n == 0) || !is_whole(&e, i))
			complain(l, "a watch", i, code, &e);
	}
}

static void
look_around(struct look *l)
{
	for (unsigned n = 0; n < 3000; n++)
		look_at(l, (uint32_t)prng_below(&l->random, STAY + COME));
	if (l->does_all) {
		wait_a_little(l);
		walk(l);
	}
}

static void
expect_good(unsigned readers)
{
	for (unsigned i = 0; i < readers; i++)
		ck_assert_msg(!shared->readers[i].is_bad, "reader %u: %s", i,
			shared->readers[i].why);
}

static void
setup(void)
{
	scratch_begin();
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
}

static void
teardown(void)
{
	munmap(shared, sizeof *shared);
	scratch_end();
}

/* --- Threads, on the writer's own mapping --- */

#define THREAD_CHANGES 60000

static void *
read_on(void *arg)
{
	struct look *l = arg;
	while (!atomic_load(&shared->is_over))
		look_around(l);
	return NULL;
}

START_TEST(readers_are_threads)
{
	static struct look looks[READERS_MAX];
	pthread_t ids[READERS_MAX];
	struct regwriter *w = begin_writer(0);
	struct prng random;
	unsigned readers = reader_count();
	prng_init(&random, 7);
	for (unsigned i = 0; i < readers; i++) {
		struct look *l = &looks[i];
		l->registry = calloc(1, sizeof *l->registry + 1);
		l->registry->is_borrowed = true;
		l->registry->head = regwriter_base(w, &l->registry->capacity);
		l->told = &shared->readers[i];
		l->does_all = true;
		prng_init(&l->random, i);
		ck_assert_int_eq(pthread_create(&ids[i], NULL, read_on, l), 0);
	}
	for (uint64_t step = 1; step <= THREAD_CHANGES; step++)
		churn(w, &random, STAY + step, step);
	atomic_store(&shared->is_over, true);
	for (unsigned i = 0; i < readers; i++) {
		pthread_join(ids[i], NULL);
		skep_registry_close(looks[i].registry);
		ck_assert_uint_gt(shared->readers[i].found, 0);
	}
	expect_good(readers);
	regwriter_close(w);
}
END_TEST

/* --- Processes, whose writer is killed --- */

/* The epochs of each round are above those of the ones before. */
static uint64_t
first_epoch(uint64_t round)
{
	return round << 32;
}

static _Noreturn void
be_writer(uint64_t round)
{
	struct prng random;
	struct err err;
	struct regwriter *w = begin_writer(first_epoch(round));
	if (regwriter_publish(w, &err) < 0)
		panic(__FILE__, __LINE__, err.text);
	atomic_store(&shared->round, round);
	prng_init(&random, round);
	for (uint64_t step = 1;; step++) {
		churn(w, &random, first_epoch(round) + STAY + step, step);
		atomic_fetch_add_explicit(
			&shared->changes, 1, memory_order_relaxed);
	}
}

static pid_t
start_writer(uint64_t round)
{
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		be_writer(round);
	return child;
}

static void
end_child(pid_t child)
{
	int status;
	ck_assert_int_eq(kill(child, SIGKILL), 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		"it had ended by itself: %x", status);
}

static pid_t
start_reader(unsigned i)
{
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child)
		return child;
	static struct look l;
	l.told = &shared->readers[i];
	l.does_all = i % 2;
	prng_init(&l.random, i);
	if (skep_registry_open(scratch_path("registry"), &l.registry) < 0)
		panic(__FILE__, __LINE__, "no registry");
	for (;;)
		look_around(&l);
}

static bool
is_round(void *arg)
{
	return atomic_load(&shared->round) >= *(uint64_t *)arg;
}

static bool
has_looked(void *arg)
{
	const uint64_t *before = arg;
	for (unsigned i = 0; i < reader_count(); i++)
		if (shared->readers[i].looks < before[i] + 100)
			return false;
	return true;
}

/* Nobody waits for a dead writer. */
static void
expect_looks(void)
{
	uint64_t before[READERS_MAX];
	for (unsigned i = 0; i < READERS_MAX; i++)
		before[i] = shared->readers[i].looks;
	ck_assert(scratch_wait(has_looked, before));
}

START_TEST(writers_are_killed)
{
	pid_t readers[READERS_MAX];
	unsigned count = reader_count();
	struct prng random;
	uint64_t round = 1;
	prng_init(&random, (uint64_t)getpid());
	pid_t writer = start_writer(round);
	ck_assert(scratch_wait(is_round, &round));
	for (unsigned i = 0; i < count; i++)
		readers[i] = start_reader(i);
	expect_looks();
	while (++round <= KILLS) {
		/* Not to let things settle: at any moment of its life. */
		usleep((useconds_t)prng_below(&random, 20000));
		end_child(writer);
		expect_looks();
		expect_good(count);
		writer = start_writer(round);
	}
	round--;
	ck_assert(scratch_wait(is_round, &round));
	expect_looks();
	end_child(writer);
	for (unsigned i = 0; i < count; i++) {
		end_child(readers[i]);
		ck_assert_uint_gt(shared->readers[i].found, 1000);
	}
	expect_good(count);
	ck_assert_uint_gt(shared->changes, 1000);
}
END_TEST

/* --- No system call --- */

/* A sanitizer's runtime calls the kernel by itself, from threads of its own. */
#if defined __has_feature
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define HAS_RUNTIME true
#endif
#endif
#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
#define HAS_RUNTIME true
#endif
#ifndef HAS_RUNTIME
#define HAS_RUNTIME false
#endif

#define STRICT_LOOKS 200000

/* In strict mode any call but read, write and exit kills the caller. */
static _Noreturn void
look_strictly(int fd)
{
	static struct look l;
	char byte = 'n';
	l.told = &shared->readers[0];
	if (skep_registry_open(scratch_path("registry"), &l.registry) < 0)
		_exit(1);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0) {
		for (unsigned n = 0; n < STRICT_LOOKS; n++)
			look_at(&l, n % (STAY + COME));
		byte = 'y';
	}
	syscall(SYS_exit, write(fd, &byte, 1) == 1 ? 0 : 1);
	for (;;)
		;
}

START_TEST(lookups_make_no_system_call)
{
	int ends[2], status;
	char byte = '\0';
	uint64_t round = 1;
	if (HAS_RUNTIME)
		return;
	pid_t writer = start_writer(round);
	ck_assert(scratch_wait(is_round, &round));
	ck_assert_int_eq(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0)
		look_strictly(ends[1]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(status == 0, "a lookup called the kernel: %x", status);
	ck_assert_int_eq(read(ends[0], &byte, 1), 1);
	if (byte == 'y')
		ck_assert_uint_eq(shared->readers[0].looks, STRICT_LOOKS);
	else
		fprintf(stderr, "no seccomp here: calls were not counted\n");
	end_child(writer);
	expect_good(1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("regtorture");
	TCase *t = tcase_create("all");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, readers_are_threads);
	tcase_add_test(t, writers_are_killed);
	tcase_add_test(t, lookups_make_no_system_call);
	suite_add_tcase(s, t);
	SRunner *runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
