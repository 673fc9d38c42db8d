/* Looks names up in the registry's file, from another process than its writer.
 *
 *	lookup [NAMES [CHANGES]]
 *
 * A child writes NAMES names, and with CHANGES goes on to change so many a
 * second.  Prints lines "WHAT NUMBER", the kinds in turn, so that what disturbs
 * one disturbs all: nanoseconds of "known" (names that are there, at random),
 * "unknown", and "floor": one dependent load at random places of as much memory
 * as the file takes; keys are made outside of the time that is measured.  Then
 * "list", milliseconds of a walk through all, and "size", bytes a name.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/prng.h"
#include "node/regwriter.h"
#include "skep/registry.h"

#define ROUNDS 20
#define BATCH  4096 /* keys that stay in the caches */
#define LOOKS  (50 * BATCH)

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

struct shared {
	atomic_bool is_full;
	atomic_uint_fast64_t changes;
};

static struct shared *shared;
static char path[4096];

static int64_t
now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- The writer --- */

static void
put(struct regwriter *w, uint32_t i, uint64_t epoch)
{
	char name[40];
	struct regwriter_row row = {
		.name = name,
		.host = "alpha",
		.kind = SKEP_KIND_TRACKED,
		.state = SKEP_STATE_READY,
		.pid = i,
		.epoch = epoch,
		.since_ms = 1700000000000,
	};
	snprintf(name, sizeof name, "device-%07u.fleet.example", i);
	if (regwriter_put(w, &row) < 0)
		panic(__FILE__, __LINE__, "no room");
}

/* Changes come in bursts of 5 ms, as they do from other hosts. */
static void
change(struct regwriter *w, uint32_t names, uint32_t per_s)
{
	struct prng random;
	uint64_t epoch = 2, done = 0;
	int64_t begin = now_ns();
	prng_init(&random, 3);
	for (;;) {
		uint64_t due =
			(uint64_t)((now_ns() - begin) / 1000) * per_s / 1000000;
		for (; done < due; done++)
			put(w, (uint32_t)prng_below(&random, names), epoch++);
		regwriter_flush(w);
		atomic_store(&shared->changes, done);
		usleep(5000);
	}
}

static _Noreturn void
write_names(uint32_t names, uint32_t per_s)
{
	struct regwriter *w;
	struct err err = {""};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (regwriter_open(path, names, 1, &w, &err) < 0)
		panic(path, 0, err.text);
	for (uint32_t i = 0; i < names; i++)
		put(w, i, 1);
	if (regwriter_publish(w, &err) < 0)
		panic(path, 0, err.text);
	atomic_store(&shared->is_full, true);
	if (per_s)
		change(w, names, per_s);
	for (;;)
		pause();
}

static pid_t
start_writer(uint32_t names, uint32_t per_s)
{
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child = shared == MAP_FAILED ? -1 : fork();
	if (child == 0)
		write_names(names, per_s);
	while (child > 0 && !atomic_load(&shared->is_full)) {
		if (waitpid(child, NULL, WNOHANG) != 0)
			exit(1);
		usleep(10000);
	}
	return child;
}

/* --- The reader --- */

static double
look(struct skep_registry *r, struct prng *random, uint32_t names,
	bool is_known)
{
	static char keys[BATCH][32];
	struct skep_entry e;
	int64_t spent = 0;
	for (uint32_t done = 0; done < LOOKS; done += BATCH) {
		for (uint32_t i = 0; i < BATCH; i++)
			snprintf(keys[i], sizeof keys[i], "device-%07u%s",
				(uint32_t)prng_below(random, names),
				is_known ? ".fleet.example" : ".nowhere");
		int64_t begin = now_ns();
		for (uint32_t i = 0; i < BATCH; i++) {
			int code = skep_registry_lookup(r, keys[i], &e);
			if (code != (is_known ? 0 : -ENOENT))
				panic(keys[i], code, "not as it should be");
		}
		spent += now_ns() - begin;
	}
	return (double)spent / LOOKS;
}

/* --- The floor --- */

/* A ring through all cache lines of a file of that size, in no order. */
static const uint64_t *
make_ring(uint64_t size, struct prng *random)
{
	uint64_t count = size / 64;
	char file[sizeof path + 8];
	snprintf(file, sizeof file, "%s.ring", path);
	int fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
	unlink(file);
	if (fd < 0 || posix_fallocate(fd, 0, (off_t)size) != 0)
		panic(path, 0, "no room");
	uint64_t *ring =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring == MAP_FAILED)
		panic(path, 0, "cannot map it");
	close(fd);
	for (uint64_t i = 0; i < count; i++)
		ring[i * 8] = i;
	/* Sattolo: one cycle through all. */
	for (uint64_t i = count - 1; i > 0; i--) {
		uint64_t j = prng_below(random, i), held = ring[i * 8];
		ring[i * 8] = ring[j * 8];
		ring[j * 8] = held;
	}
	return ring;
}

static double
chase(const uint64_t *ring, uint64_t *at)
{
	int64_t begin = now_ns();
	for (uint32_t i = 0; i < LOOKS; i++)
		*at = ring[*at * 8];
	return (double)(now_ns() - begin) / LOOKS;
}

static double
list(struct skep_registry *r, uint32_t names)
{
	struct skep_entry e;
	uint32_t count = 0;
	memset(&e, 0, sizeof e);
	int64_t begin = now_ns();
	while (skep_registry_next(r, "device-00012", &e) > 0)
		count++;
	if (names >= 1000000 && count != 100)
		panic(path, (int)count, "not all");
	return (double)(now_ns() - begin) / 1e6;
}

static void
measure(uint32_t names)
{
	struct skep_registry *r;
	struct skep_registry_info info;
	struct prng random;
	uint64_t at = 0;
	int code = skep_registry_open(path, &r);
	if (code < 0)
		panic(path, code, "cannot open it");
	prng_init(&random, 5);
	skep_registry_get_info(r, &info);
	const uint64_t *ring = make_ring(info.file_size, &random);
	look(r, &random, names, true);
	for (unsigned i = 0; i < ROUNDS; i++) {
		printf("floor %.1f\n", chase(ring, &at));
		printf("known %.1f\n", look(r, &random, names, true));
		printf("unknown %.1f\n", look(r, &random, names, false));
	}
	for (unsigned i = 0; i < 3; i++)
		printf("list %.1f\n", list(r, names));
	printf("size %.1f\n", (double)info.file_size / names);
	fprintf(stderr, "the ring ended at %llu\n", (unsigned long long)at);
}

int
main(int argc, char **argv)
{
	uint32_t names =
		argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000;
	uint32_t per_s = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	snprintf(path, sizeof path, "%s/skep-lookup.%ld",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : ".",
		(long)getpid());
	int64_t begin = now_ns();
	pid_t child = start_writer(names, per_s);
	if (child < 0)
		return 1;
	fprintf(stderr, "%u names written in %.0f ms\n", names,
		(double)(now_ns() - begin) / 1e6);
	begin = now_ns();
	uint64_t before = atomic_load(&shared->changes);
	measure(names);
	if (per_s)
		fprintf(stderr, "%.0f changes a second came meanwhile\n",
			(double)(atomic_load(&shared->changes) - before) * 1e9 /
				(double)(now_ns() - begin));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	unlink(path);
	return 0;
}
