/* replay: a fresh core is given what a recorded one was told.
 *
 * Prints what the core notes about instances and hosts, one line each, and
 * compares every effect with what was recorded.  Needs no skepd.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "core/trace.h"
#include "ctl/ctl.h"
#include "ctl/replay_text.h"
#include "sys/plugin_host.h"
#include "sys/say.h"
#include "sys/units.h"

#define SUBJECTS    65536 /* last notes that are remembered */
#define CHECK_EVERY 1000  /* steps between looks at the invariants */
#define TEXT_SIZE   512

/* What was last said about a name, by its hash; a collision forgets. */
struct subject {
	uint64_t hash;
	enum note_kind kind;
};

/* One run. */
struct replay {
	struct ctl *ctl;
	const char *path;
	struct trace_reader reader;
	struct trace_head head;
	struct trace_item item;
	struct trace_input input; /* of the last step, for sentences */
	struct core *core;
	struct effects fx;
	int64_t began_ms; /* of the first input's clock */
	uint64_t until_step;
	int64_t until_ms; /* since 'began_ms' */
	bool is_over;	  /* --until was reached */
	bool is_compared; /* the effects of the last step were */
	struct subject subjects[SUBJECTS];
};

static struct replay *running; /* for panic */

/* --- Lines --- */

static int64_t
elapsed_ms(const struct replay *r)
{
	return r->input.in.now.ms - r->began_ms;
}

/* "step 812, 12.345 s: recv WIRE_HEARTBEAT on link 3, 120 bytes" */
static const char *
step_text(const struct replay *r, char *buffer, size_t size)
{
	char text[TEXT_SIZE];
	int64_t ms = elapsed_ms(r);
	snprintf(buffer, size, "step %llu, %lld.%03lld s: %s",
		(unsigned long long)r->reader.steps, (long long)ms / 1000,
		(long long)ms % 1000,
		input_text(&r->input.in, text, sizeof(text)));
	return buffer;
}

/* "   12.345 alpha    " */
static void
print_prefix(const struct replay *r)
{
	int64_t ms = elapsed_ms(r);
	printf("%6lld.%03lld %-8s ", (long long)ms / 1000, (long long)ms % 1000,
		r->head.config.node);
}

/* One transition, in the columns of the simulator's trace (HACKING): time,
 * host, subject, from, to, cause; and the step, for --until. */
static void
print_note(struct replay *r, const struct effect_note *note)
{
	uint64_t hash = hash_text(note->name, 0);
	struct subject *s = &r->subjects[hash % SUBJECTS];
	const char *from = s->hash == hash ? note_kind_name(s->kind) : "-";
	print_prefix(r);
	printf("%-20s %-11s -> %-11s %s%s", note->name, from,
		note_kind_name(note->kind), note->text ? note->text : "",
		note->text && *note->text ? " " : "");
	if (note->epoch)
		printf("epoch %llu ", (unsigned long long)note->epoch);
	printf("(step %llu)\n", (unsigned long long)r->reader.steps);
	*s = (struct subject){hash, note->kind};
}

static void
print_step(struct replay *r)
{
	char text[TEXT_SIZE];
	bool is_verbose = r->ctl->opt.is_verbose;
	if (is_verbose) {
		print_prefix(r);
		printf("%llu input   %s\n", (unsigned long long)r->reader.steps,
			input_text(&r->input.in, text, sizeof(text)));
	}
	for (size_t i = 0; i < r->fx.count; i++) {
		const struct effect *e = &r->fx.items[i];
		if (is_verbose) {
			print_prefix(r);
			printf("%llu effect  %s\n",
				(unsigned long long)r->reader.steps,
				effect_text(e, text, sizeof(text)));
		} else if (e->kind == EFFECT_NOTE) {
			print_note(r, &e->note);
		}
	}
}

static void
print_head(const struct replay *r)
{
	char when[64];
	time_t seconds = (time_t)(r->head.wall_ms / 1000);
	struct tm tm;
	const char *version = r->head.config.version;
	if (!gmtime_r(&seconds, &tm) ||
		!strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(when, sizeof(when), "an unknown time");
	tell(r->ctl, "%s of cluster %s, recorded at %s by skep %s",
		r->head.config.node, r->head.config.cluster, when,
		*version ? version : "(unknown)");
	if (*version && strcmp(version, PACKAGE_VERSION) != 0)
		tell(r->ctl,
			"this is skep %s, which may decide otherwise than %s",
			PACKAGE_VERSION, version);
}

/* --- Failures --- */

static int
fail_at(struct replay *r, const char *why)
{
	char text[TEXT_SIZE + 64];
	err_set(&r->ctl->err, -EBADMSG, "%s: %s, at byte %zu%s%s", r->path, why,
		trace_offset(&r->reader), r->reader.steps ? ", behind " : "",
		r->reader.steps ? step_text(r, text, sizeof(text)) : "");
	return ctl_fail(r->ctl, EXIT_FAILED);
}

static const char *
kind_or_none(enum effect_kind kind)
{
	return kind == EFFECT_KIND_COUNT ? "nothing" : effect_kind_name(kind);
}

static int
fail_difference(struct replay *r, const struct trace_difference *d)
{
	char text[TEXT_SIZE + 64], effect[TEXT_SIZE] = "";
	if (d->index < d->now)
		effect_text(&r->fx.items[d->index], effect, sizeof(effect));
	err_set(&r->ctl->err, -EBADMSG,
		"%s: differs at %s: effect %u: recorded %s (of %u), now %s "
		"(of %u)%s%s",
		r->path, step_text(r, text, sizeof(text)), d->index + 1,
		kind_or_none(d->kind_recorded), d->recorded,
		kind_or_none(d->kind_now), d->now, *effect ? ": " : "", effect);
	return ctl_fail(r->ctl, EXIT_FAILED);
}

/* The core panicked, as it may have where it was recorded. */
static void
on_panic(void)
{
	char text[TEXT_SIZE + 64];
	fflush(stdout);
	fprintf(stderr, "skepctl: %s: the core panicked at %s\n", running->path,
		step_text(running, text, sizeof(text)));
}

/* --- Stepping --- */

static bool
take_strategy(void *context, const struct skep_place_ops *ops)
{
	struct replay *r = context;
	for (uint32_t i = 0; i < r->head.strategy_count; i++)
		if (strcmp(r->head.strategies[i].name, ops->name) == 0 &&
			r->head.strategies[i].version == ops->version)
			return place_register(r->core, ops);
	return true; /* the recorded node did not have it */
}

/* Loads the strategies that the recorded core had; without one of them it
 * would rank otherwise. */
static int
load_strategies(struct replay *r)
{
	struct plugin_report report = {0};
	static struct trace_head now;
	const char *folder =
		r->ctl->opt.plugin_dir ? r->ctl->opt.plugin_dir : PLUGIN_DIR;
	plugin_host_load(folder, take_strategy, r, &report);
	CHECK(trace_head_of(r->core, 0, &now));
	for (uint32_t i = 0; i < r->head.strategy_count; i++) {
		const struct trace_strategy *s = &r->head.strategies[i];
		uint32_t k = 0;
		while (k < now.strategy_count &&
			(strcmp(now.strategies[k].name, s->name) != 0 ||
				now.strategies[k].version != s->version))
			k++;
		if (k < now.strategy_count)
			continue;
		err_set(&r->ctl->err, -ENOENT,
			"%s: needs the placement strategy '%s' version %u, "
			"which is not in %s: give its folder with --plugin-dir",
			r->path, s->name, s->version, folder);
		return ctl_fail(r->ctl, EXIT_FAILED);
	}
	return EXIT_DONE;
}

static int
on_input(struct replay *r)
{
	r->input = r->item.input;
	if (r->input.in.kind == INPUT_SPEC_SET)
		r->input.in.spec_set.policy = &r->input.policy;
	if (r->reader.steps == 1)
		r->began_ms = r->input.in.now.ms;
	core_step(r->core, &r->input.in, &r->fx);
	r->is_compared = false;
	if (!r->ctl->opt.is_check)
		print_step(r);
	else if (r->reader.steps % CHECK_EVERY == 0)
		core_check(r->core);
	return EXIT_DONE;
}

static int
on_effects(struct replay *r)
{
	struct trace_difference d;
	r->is_compared = true;
	if (!trace_is_same(&r->item.effects, &r->fx, &d))
		return fail_difference(r, &d);
	r->is_over = r->reader.steps >= r->until_step ||
		     elapsed_ms(r) >= r->until_ms;
	return EXIT_DONE;
}

static int
on_item(struct replay *r)
{
	switch (r->item.kind) {
	case TRACE_INPUT:
		return on_input(r);
	case TRACE_EFFECTS:
		return on_effects(r);
	case TRACE_END:
		tell(r->ctl, "it ended because %s", r->item.end.why);
		return EXIT_DONE;
	case TRACE_HEAD:
		break;
	}
	UNREACHABLE();
}

static int
run(struct replay *r)
{
	enum trace_result result = TRACE_OK;
	int code = EXIT_DONE;
	while (code == EXIT_DONE && !r->is_over) {
		result = trace_next(&r->reader, &r->item);
		if (result != TRACE_OK)
			break;
		code = on_item(r);
	}
	if (code != EXIT_DONE)
		return code;
	if (r->ctl->opt.is_check)
		core_check(r->core);
	if (result == TRACE_CUT || result == TRACE_BAD)
		return fail_at(r, r->is_compared || !r->reader.steps
					  ? r->reader.why
					  : "it breaks off before the effects "
					    "of this step: the node may have "
					    "ended in it");
	tell(r->ctl, "%llu steps, each with the recorded effects",
		(unsigned long long)r->reader.steps);
	return EXIT_DONE;
}

/* --- Opening --- */

/* "812" is a step, "90s" a time since the beginning. */
static int
parse_until(struct replay *r)
{
	const char *text = r->ctl->opt.until;
	char *end = "";
	r->until_step = UINT64_MAX;
	r->until_ms = INT64_MAX;
	if (!text)
		return EXIT_DONE;
	if (*text >= '0' && *text <= '9' &&
		strspn(text, "0123456789") == strlen(text)) {
		r->until_step = strtoull(text, &end, 10);
		return EXIT_DONE;
	}
	if (units_parse_duration(text, &r->until_ms) == 0)
		return EXIT_DONE;
	return usage_error(r->ctl,
		"--until: '%s' is neither a step like 812 nor a time like 90s",
		text);
}

static int
replay_bytes(struct replay *r, struct bytes bytes)
{
	if (trace_open(&r->reader, bytes, &r->head) != TRACE_OK)
		return fail_at(r, r->reader.why);
	print_head(r);
	size_t size = core_size(&r->head.limits);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED) {
		err_sys(&r->ctl->err, -errno, "%s: %zu MiB for its core",
			r->path, size >> 20);
		return ctl_fail(r->ctl, EXIT_FAILED);
	}
	r->core = core_new(memory, size, &r->head.limits, &r->head.config);
	int code = load_strategies(r);
	if (code == EXIT_DONE)
		code = run(r);
	munmap(memory, size);
	return code;
}

/* Maps the file; 'out->data' is NULL for an empty one. */
static int
map_file(struct ctl *ctl, const char *path, struct bytes *out)
{
	struct stat st;
	void *data = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		err_sys(&ctl->err, -errno, "%s", path);
	} else if (!S_ISREG(st.st_mode)) {
		err_set(&ctl->err, -EINVAL, "%s: is no file", path);
	} else {
		if (st.st_size > 0)
			data = mmap(NULL, (size_t)st.st_size, PROT_READ,
				MAP_PRIVATE, fd, 0);
		if (data == MAP_FAILED)
			err_sys(&ctl->err, -errno, "%s", path);
		else
			*out = (struct bytes){data, (size_t)st.st_size};
	}
	if (fd >= 0)
		close(fd);
	return *ctl->err.text ? ctl_fail(ctl, EXIT_FAILED) : EXIT_DONE;
}

int
cmd_replay(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	struct bytes bytes = {NULL, 0};
	int code = map_file(ctl, argv[0], &bytes);
	if (code != EXIT_DONE)
		return code;
	struct replay *r = calloc(1, sizeof(*r));
	CHECK(r);
	r->ctl = ctl;
	r->path = argv[0];
	running = r;
	code = parse_until(r);
	if (code == EXIT_DONE) {
		say_at_panic(on_panic);
		code = replay_bytes(r, bytes);
		say_at_panic(NULL);
	}
	if (bytes.data)
		munmap((void *)(uintptr_t)bytes.data, bytes.size);
	running = NULL;
	free(r);
	return code;
}
