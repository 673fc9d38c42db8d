#include "node/launch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "spec/spec.h"
#include "sys/kproto.h"

static const uint8_t log_targets[] = {
	[LOG_FILE] = KLOG_FILE,
	[LOG_NULL] = KLOG_NULL,
	[LOG_INHERIT] = KLOG_INHERIT,
	[LOG_JOURNAL] = KLOG_JOURNAL,
};
static const uint8_t log_when_full[] = {
	[WHEN_FULL_BLOCK] = KFULL_BLOCK,
	[WHEN_FULL_DROP] = KFULL_DROP,
};

uint64_t
launch_iid(const char *instance)
{
	return hash_text(instance, 0);
}

/* Lists of texts under construction, one behind the other: together they are
 * no larger than a message. */
struct pack {
	struct writer w;
	size_t begin;	/* of the list that is being packed */
	uint32_t count; /* of its texts */
};

static void
pack_init(struct pack *p)
{
	static unsigned char space[IPC_BODY_MAX];
	writer_init(&p->w, space, sizeof space);
	p->begin = p->count = 0;
}

static void
pack_add(struct pack *p, const char *text)
{
	writer_text(&p->w, text);
	p->count++;
}

/* Adds "KEY=value". */
static void
pack_add_pair(struct pack *p, const char *key, const char *value)
{
	size_t key_length = strlen(key);
	size_t value_length = strlen(value);
	char *text = malloc(key_length + value_length + 2);
	CHECK(text);
	memcpy(text, key, key_length);
	text[key_length] = '=';
	memcpy(text + key_length + 1, value, value_length + 1);
	pack_add(p, text);
	free(text);
}

/* The list that was packed; the next one begins. */
static struct kproto_texts
pack_done(struct pack *p)
{
	struct kproto_texts texts = {
		p->count, {p->w.base + p->begin, p->w.size - p->begin}};
	p->begin = p->w.size;
	p->count = 0;
	return texts;
}

static struct kproto_texts
pack_all(struct pack *p, const struct spec_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		pack_add(p, texts->items[i]);
	return pack_done(p);
}

/* Our own names may not be set from outside: a service must be able to
 * believe them. */
static bool
env_is_ours(const char *key)
{
	return strncmp(key, "SKEP_", 5) == 0;
}

static void
env_add_default(struct pack *p, const struct spec_pairs *pairs, const char *key,
	const char *value)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (strcmp(pairs->items[i].key, key) == 0)
			return;
	pack_add_pair(p, key, value);
}

static void
env_add_epoch(struct pack *p, uint64_t epoch)
{
	char text[24];
	char *at = text + sizeof text;
	*--at = '\0';
	do {
		*--at = (char)('0' + epoch % 10);
		epoch /= 10;
	} while (epoch);
	pack_add_pair(p, "SKEP_EPOCH", at);
}

static struct kproto_texts
launch_pack_env(struct pack *p, const struct launch_host *host,
	const struct effect_start *start, const struct spec_names *names,
	const struct spec_pairs *pairs)
{
	env_add_default(p, pairs, "PATH", LAUNCH_PATH);
	env_add_default(p, pairs, "LANG", LAUNCH_LANG);
	for (size_t i = 0; i < pairs->count; i++)
		if (!env_is_ours(pairs->items[i].key))
			pack_add_pair(
				p, pairs->items[i].key, pairs->items[i].value);
	pack_add_pair(p, "SKEP_SERVICE", names->service);
	pack_add_pair(p, "SKEP_INSTANCE", names->instance);
	pack_add_pair(p, "SKEP_NAME", names->full);
	pack_add_pair(p, "SKEP_NODE", host->node);
	env_add_epoch(p, start->epoch);
	pack_add_pair(p, "SKEP_SOCKET", host->socket);
	pack_add_pair(p, "SKEP_MAILBOX", host->mailbox);
	if (start->handoff_from && start->handoff_from[0])
		pack_add_pair(p, "SKEP_HANDOFF_FROM", start->handoff_from);
	return pack_done(p);
}

static void
launch_set_limits(struct kproto_start *out, const struct spec_rlimits *limits)
{
	_Static_assert(SPEC_LIMITS_MAX <= KLIMITS_MAX, "every limit fits");
	_Static_assert(SPEC_UNLIMITED == KLIMIT_INFINITY, "same infinity");
	out->rlimit_count = (uint32_t)limits->count;
	for (size_t i = 0; i < limits->count; i++)
		out->rlimits[i] = (struct kproto_rlimit){
			.resource = (uint8_t)limits->items[i].resource,
			.soft = limits->items[i].soft,
			.hard = limits->items[i].hard,
		};
}

static void
launch_set_log(struct kproto_start *out, const struct spec_logs *logs)
{
	out->log = (struct kproto_log){
		.iid = out->iid,
		.epoch = out->epoch,
		.name = out->name,
		.target = log_targets[logs->target],
		.max_size = logs->max_size,
		.max_files = (uint32_t)logs->max_files,
		.when_full = log_when_full[logs->when_full],
		.max_age_ms = logs->max_age_ms,
		.is_compressed = logs->is_compressed,
	};
}

static void
launch_set_state(struct kproto_start *out, const struct launch_host *host,
	const struct effect_start *start)
{
	static uint8_t roots[2 * DIGEST_SIZE];
	int64_t age_ms = host->wall_ms - start->state_wall_ms;
	out->has_state = start->has_state;
	out->state_kind = start->has_state ? start->state_kind : "";
	out->state_age_ms = start->has_state && age_ms > 0 ? age_ms : 0;
	out->has_theirs = start->has_theirs;
	memcpy(roots, start->root, DIGEST_SIZE);
	memcpy(roots + DIGEST_SIZE, start->theirs, DIGEST_SIZE);
	if (start->has_state)
		out->state_root = (struct bytes){
			roots, start->has_theirs ? sizeof roots : DIGEST_SIZE};
	out->sets_aside = start->sets_aside;
	out->before = start->before;
	out->stay = start->stay;
}

/* 'handoff.state_path', from the root on; in 'p'. */
static const char *
launch_state_path(struct pack *p, const struct spec_launch *expanded)
{
	const char *path = expanded->state_path;
	if (path[0] == '\0' || path[0] == '/')
		return path;
	size_t size = strlen(expanded->working_dir) + strlen(path) + 2;
	char *text = malloc(size);
	CHECK(text);
	snprintf(text, size, "%s/%s", expanded->working_dir, path);
	pack_add(p, text);
	free(text);
	struct reader r;
	struct kproto_texts texts = pack_done(p);
	reader_init(&r, texts.packed.data, texts.packed.size);
	return reader_text(&r);
}

/* How it says that it is ready. */
static uint8_t
launch_readiness(const struct spec_readiness *r)
{
	if (!r->is_present)
		return KREADY_NONE;
	if (r->notify)
		return KREADY_NOTIFY;
	if (r->fd)
		return KREADY_FD;
	return r->log_line[0] ? KREADY_LOG_LINE : KREADY_PROBE;
}

static void
launch_set_life(struct kproto_start *out, const struct spec *spec)
{
	const struct spec_resources *r = &spec->resources;
	out->hook_timeout_ms = spec->hooks.timeout_ms;
	out->readiness = launch_readiness(&spec->readiness);
	out->ready_fd = (uint8_t)spec->readiness.fd;
	out->ready_line = spec->readiness.log_line;
	out->watchdog_ms = spec->watchdog_ms;
	out->resources = (struct kproto_resources){
		.memory_max = r->memory_max,
		.memory_high = r->memory_high,
		.cpu_max = (uint32_t)r->cpu_max,
		.cpu_weight = (uint32_t)r->cpu_weight,
		.pids_max = (uint32_t)r->pids_max,
		.io_weight = (uint32_t)r->io_weight,
	};
}

/* Fills what needs no memory of its own. */
static void
launch_fill(struct kproto_start *out, const struct launch_host *host,
	const struct effect_start *start, const struct spec *spec,
	const struct spec_launch *expanded)
{
	*out = (struct kproto_start){
		.iid = launch_iid(start->name),
		.epoch = start->epoch,
		.run_digest = start->run_digest,
		.name = start->name,
		.service = start->service,
		.user = spec->user,
		.group = spec->group,
		.working_dir = expanded->working_dir,
		.env_file = expanded->env_file,
		.umask = (uint32_t)spec->umask,
		.nice = spec->nice,
		.oom_score_adj = spec->oom_score_adj,
		.no_new_privileges = spec->no_new_privileges,
		.start_timeout_ms = spec->start_timeout_ms,
		.stop_signal = spec->stop_signal,
		.stop_timeout_ms = spec->stop_timeout_ms,
		.stop_all = spec->kill_mode == KILL_CONTROL_GROUP,
		.has_handoff =
			spec->handoff.is_present &&
			(!expanded->state_path[0] || spec->handoff.signal),
		.has_checkpoint =
			spec->checkpoint.is_present && !expanded->state_path[0],
	};
	out->stop_rank = host->stop_rank;
	launch_set_limits(out, &spec->rlimits);
	launch_set_life(out, spec);
	launch_set_log(out, &spec->logs);
	launch_set_state(out, host, start);
}

static void
launch_pack_commands(struct pack *p, const struct spec_launch *expanded,
	struct kproto_start *out)
{
	const struct spec_texts *const commands[KCMD_COUNT] = {
		[KCMD_PRE_START] = &expanded->hooks.pre_start,
		[KCMD_POST_START] = &expanded->hooks.post_start,
		[KCMD_PRE_STOP] = &expanded->hooks.pre_stop,
		[KCMD_STOP] = &expanded->stop_command,
		[KCMD_POST_STOP] = &expanded->hooks.post_stop,
		[KCMD_READINESS] = &expanded->readiness.exec,
		[KCMD_LIVENESS] = &expanded->liveness.exec,
		[KCMD_HANDOFF] = &expanded->handoff_command,
		[KCMD_RESTORE] = &expanded->handoff_restore,
		[KCMD_RESOLVE] = &expanded->hooks.resolve_conflict,
		[KCMD_CHECKPOINT] = &expanded->checkpoint_command,
	};
	for (unsigned i = 0; i < KCMD_COUNT; i++)
		out->commands[i] = pack_all(p, commands[i]);
}

static int
launch_write_spec(const struct launch_host *host,
	const struct effect_start *start, const struct spec *spec,
	const struct spec_names *names, struct writer *w)
{
	struct spec_launch expanded;
	spec_expand(spec, names, &expanded);
	struct kproto_start out;
	launch_fill(&out, host, start, spec, &expanded);
	struct pack p;
	pack_init(&p);
	out.argv = pack_all(&p, &expanded.command);
	out.groups = pack_all(&p, &spec->supplementary_groups);
	out.capabilities = pack_all(&p, &spec->capabilities);
	out.env =
		launch_pack_env(&p, host, start, names, &expanded.environment);
	launch_pack_commands(&p, &expanded, &out);
	out.state_path = launch_state_path(&p, &expanded);
	out.handoff_timeout_ms = spec->handoff.timeout_ms;
	kproto_put_start(w, &out);
	spec_launch_fini(&expanded);
	return p.w.bad || w->bad ? -E2BIG : 0;
}

/* --- Specs that were decoded --- */

#define KNOWN_MAX 8

struct known_spec {
	struct bytes body; /* ours; as it came */
	struct spec *spec;
};

struct launcher {
	struct known_spec known[KNOWN_MAX];
	unsigned next; /* of 'known', to be replaced */
};

struct launcher *
launcher_new(void)
{
	struct launcher *l = calloc(1, sizeof *l);
	CHECK(l);
	return l;
}

static void
known_fini(struct known_spec *k)
{
	free((void *)(uintptr_t)k->body.data);
	spec_free(k->spec);
}

void
launcher_free(struct launcher *l)
{
	for (unsigned i = 0; l && i < KNOWN_MAX; i++)
		known_fini(&l->known[i]);
	free(l);
}

static const struct spec *
launcher_find(const struct launcher *l, struct bytes body)
{
	for (unsigned i = 0; i < KNOWN_MAX; i++) {
		const struct known_spec *k = &l->known[i];
		if (k->spec && k->body.size == body.size &&
			memcmp(k->body.data, body.data, body.size) == 0)
			return k->spec;
	}
	return NULL;
}

bool
launcher_knows(const struct launcher *l, struct bytes body)
{
	return launcher_find(l, body) != NULL;
}

/* Decodes it, in the place of the one that was decoded longest ago. */
static int
launcher_decode(struct launcher *l, struct bytes body, const struct spec **out,
	struct err *err)
{
	struct spec *spec;
	int code = spec_from_body(body.data, body.size, &spec, err);
	if (code)
		return code;
	void *copy = malloc(body.size);
	CHECK(copy);
	memcpy(copy, body.data, body.size);
	struct known_spec *k = &l->known[l->next++ % KNOWN_MAX];
	known_fini(k);
	*k = (struct known_spec){{copy, body.size}, spec};
	*out = spec;
	return 0;
}

int
launch_write(struct launcher *l, const struct launch_host *host,
	const struct effect_start *start, struct writer *w, struct err *err)
{
	char service[INSTANCE_NAME_MAX + 1];
	const char *instance = "";
	int code = spec_split_name(start->name, service, &instance);
	if (code)
		return err_set(
			err, code, "'%s' is no instance's name", start->name);
	const struct spec *spec = launcher_find(l, start->body);
	if (!spec)
		code = launcher_decode(l, start->body, &spec, err);
	if (code)
		return err_wrap(err, code,
			"its spec is not understood by this version");
	struct spec_names names = {
		.service = service,
		.instance = instance,
		.full = start->name,
		.host = host->node,
	};
	code = launch_write_spec(host, start, spec, &names, w);
	if (code)
		return err_set(err, code,
			"its command and environment are larger than %u bytes",
			IPC_BODY_MAX);
	return 0;
}
