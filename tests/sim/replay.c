/* Replays recordings, of simulated hosts and of live ones alike.
 *
 *	replay FILE...
 *
 * Each must hold: a fresh core gives the recorded effects at every step, and
 * its invariants (core_check) hold every thousand steps and at the end.  One
 * line for each file.  'skepctl replay' shows what happens in one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "core/trace.h"

#define CHECK_EVERY 1000

extern const struct skep_plugin skep_plugin; /* plugins/ring.c */

/* One file. */
struct replay {
	const char *path;
	struct trace_reader reader;
	struct trace_head head;
	struct trace_item item;
	struct core *core;
	struct effects fx;
};

static const char *replayed; /* for panic */
static uint64_t replayed_step;

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s (%s, step %llu)\n", file, line, what,
		replayed ? replayed : "-", (unsigned long long)replayed_step);
	abort();
}

static bool
complain(const struct replay *r, const char *what)
{
	fprintf(stderr, "%s: %s, at byte %zu, behind step %llu\n", r->path,
		what, trace_offset(&r->reader),
		(unsigned long long)r->reader.steps);
	return false;
}

/* Registers the strategies that the recorded core had. */
static bool
add_strategies(struct replay *r)
{
	const struct skep_place_ops *ring = skep_plugin.ops;
	for (uint32_t i = 0; i < r->head.strategy_count; i++) {
		const struct trace_strategy *s = &r->head.strategies[i];
		bool is_ring = !strcmp(s->name, ring->name) &&
			       s->version == ring->version;
		bool is_hrw = !strcmp(s->name, place_hrw.name) &&
			      s->version == place_hrw.version;
		if (is_ring)
			CHECK(place_register(r->core, ring));
		else if (!is_hrw)
			return complain(
				r, "it has a strategy that is not here");
	}
	return true;
}

static bool
step(struct replay *r)
{
	struct trace_difference d;
	const struct input *in = &r->item.input.in;
	if (r->item.kind == TRACE_INPUT) {
		replayed_step = r->reader.steps;
		core_step(r->core, in, &r->fx);
		if (r->reader.steps % CHECK_EVERY == 0)
			core_check(r->core);
		return true;
	}
	if (r->item.kind != TRACE_EFFECTS ||
		trace_is_same(&r->item.effects, &r->fx, &d))
		return true;
	fprintf(stderr, "effect %u of %u (%u now):\n", d.index + 1, d.recorded,
		d.now);
	return complain(r, "the effects differ");
}

static bool
run(struct replay *r)
{
	enum trace_result result = TRACE_OK;
	while (result == TRACE_OK) {
		result = trace_next(&r->reader, &r->item);
		if (result == TRACE_OK && !step(r))
			return false;
	}
	if (result != TRACE_DONE)
		return complain(r, r->reader.why);
	core_check(r->core);
	printf("%s: %s, %llu steps, the same\n", r->path, r->head.config.node,
		(unsigned long long)r->reader.steps);
	return true;
}

static bool
replay_bytes(struct replay *r, struct bytes bytes)
{
	if (trace_open(&r->reader, bytes, &r->head) != TRACE_OK)
		return complain(r, r->reader.why);
	size_t size = core_size(&r->head.limits);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(memory != MAP_FAILED);
	r->core = core_new(memory, size, &r->head.limits, &r->head.config);
	bool is_ok = add_strategies(r) && run(r);
	munmap(memory, size);
	return is_ok;
}

static bool
replay_file(const char *path)
{
	static struct replay r;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	r.path = replayed = path;
	if (fd < 0 || fstat(fd, &st) || st.st_size == 0) {
		perror(path);
		return false;
	}
	size_t size = (size_t)st.st_size;
	void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(data != MAP_FAILED);
	close(fd);
	bool is_ok = replay_bytes(&r, (struct bytes){data, size});
	munmap(data, size);
	return is_ok;
}

int
main(int argc, char **argv)
{
	int failures = argc < 2;
	for (int i = 1; i < argc; i++)
		failures += !replay_file(argv[i]);
	return failures != 0;
}
