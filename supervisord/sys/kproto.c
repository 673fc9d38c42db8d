#include "sys/kproto.h"

#include <stddef.h>

/* A reader that also minds the bounds of what it reads. */
static bool
get_bool(struct reader *r)
{
	uint8_t v = reader_u8(r);
	if (v > 1)
		r->bad = true;
	return v == 1;
}

static int32_t
get_i32(struct reader *r)
{
	return (int32_t)reader_u32(r);
}

/* One byte that must lie in 'first' to 'last'. */
static uint8_t
get_choice(struct reader *r, uint8_t first, uint8_t last)
{
	uint8_t v = reader_u8(r);
	if (v < first || v > last)
		r->bad = true;
	return v;
}

static struct kproto_texts
get_texts(struct reader *r)
{
	struct kproto_texts t = {.count = reader_u32(r)};
	t.packed = reader_bytes(r);
	struct reader inner;
	reader_init(&inner, t.packed.data, t.packed.size);
	for (uint32_t i = 0; i < t.count && !inner.bad; i++)
		reader_text(&inner);
	if (!reader_is_done(&inner))
		r->bad = true;
	return t;
}

static void
put_i32(struct writer *w, int32_t v)
{
	writer_u32(w, (uint32_t)v);
}

static void
put_texts(struct writer *w, const struct kproto_texts *t)
{
	writer_u32(w, t->count);
	writer_bytes(w, t->packed.data, t->packed.size);
}

void
kproto_put_welcome(struct writer *w, const struct kproto_welcome *v)
{
	writer_u32(w, v->version);
	writer_u32(w, v->sockets);
	writer_text(w, v->boot_id);
	writer_u64(w, v->keeper_start_ms);
	writer_u32(w, v->node_restarts);
	writer_u8(w, v->tracks_cgroups);
	writer_text(w, v->conf_path);
	writer_text(w, v->weaker_why);
	writer_text(w, v->keeper_version);
	writer_u32(w, v->keeper_crashes);
}

bool
kproto_get_welcome(struct bytes body, struct kproto_welcome *v)
{
	struct reader r;
	reader_init(&r, body.data, body.size);
	*v = (struct kproto_welcome){.version = reader_u32(&r)};
	if (!r.bad && v->version != KPROTO_VERSION)
		return true;
	v->sockets = reader_u32(&r);
	v->boot_id = reader_text(&r);
	v->keeper_start_ms = reader_u64(&r);
	v->node_restarts = reader_u32(&r);
	v->tracks_cgroups = get_bool(&r);
	v->conf_path = reader_text(&r);
	v->weaker_why = reader_text(&r);
	v->keeper_version = reader_text(&r);
	v->keeper_crashes = reader_u32(&r);
	return reader_is_done(&r);
}

void
kproto_put_instance(struct writer *w, const struct kproto_instance *v)
{
	writer_u64(w, v->iid);
	writer_u64(w, v->epoch);
	writer_text(w, v->name);
	writer_u32(w, v->pid);
	writer_u64(w, v->start_time);
	writer_u8(w, v->is_empty);
	put_i32(w, v->status);
	writer_u64(w, v->run_digest);
	writer_i64(w, v->started_wall_ms);
	writer_u8(w, v->is_ready);
	writer_u8(w, v->has_run);
}

bool
kproto_get_instance(struct bytes body, struct kproto_instance *v)
{
	struct reader r;
	reader_init(&r, body.data, body.size);
	v->iid = reader_u64(&r);
	v->epoch = reader_u64(&r);
	v->name = reader_text(&r);
	v->pid = reader_u32(&r);
	v->start_time = reader_u64(&r);
	v->is_empty = get_bool(&r);
	v->status = get_i32(&r);
	v->run_digest = reader_u64(&r);
	v->started_wall_ms = reader_i64(&r);
	v->is_ready = get_bool(&r);
	v->has_run = get_bool(&r);
	return reader_is_done(&r);
}

void
kproto_put_event(struct writer *w, const struct kproto_event *v)
{
	writer_u64(w, v->iid);
	writer_u64(w, v->epoch);
	writer_i64(w, v->value);
}

bool
kproto_get_event(struct bytes body, struct kproto_event *v)
{
	struct reader r;
	reader_init(&r, body.data, body.size);
	v->iid = reader_u64(&r);
	v->epoch = reader_u64(&r);
	v->value = reader_i64(&r);
	return reader_is_done(&r);
}

void
kproto_put_failure(struct writer *w, const struct kproto_failure *v)
{
	writer_u64(w, v->iid);
	writer_u64(w, v->epoch);
	writer_u8(w, v->blame);
	put_i32(w, v->code);
	writer_text(w, v->step);
	writer_text(w, v->text);
}

bool
kproto_get_failure(struct bytes body, struct kproto_failure *v)
{
	struct reader r;
	reader_init(&r, body.data, body.size);
	v->iid = reader_u64(&r);
	v->epoch = reader_u64(&r);
	v->blame = get_choice(&r, KBLAME_SERVICE, KBLAME_RESOLVE);
	v->code = get_i32(&r);
	v->step = reader_text(&r);
	v->text = reader_text(&r);
	return reader_is_done(&r);
}

void
kproto_put_crash(struct writer *w, const struct kproto_crash *v)
{
	put_i32(w, v->status);
	writer_u64(w, v->digest);
	writer_u32(w, v->in_a_row);
}

bool
kproto_get_crash(struct bytes body, struct kproto_crash *v)
{
	struct reader r;
	reader_init(&r, body.data, body.size);
	v->status = get_i32(&r);
	v->digest = reader_u64(&r);
	v->in_a_row = reader_u32(&r);
	return reader_is_done(&r);
}

void
kproto_put_signal(struct writer *w, const struct kproto_signal *v)
{
	writer_u64(w, v->iid);
	writer_u64(w, v->epoch);
	put_i32(w, v->signal);
	writer_u8(w, v->target);
	writer_u8(w, v->is_handoff);
	writer_u8(w, v->then_continue);
	writer_u8(w, v->is_checkpoint);
}

bool
kproto_get_signal(struct bytes body, struct kproto_signal *v)
{
	struct reader r;
	reader_init(&r, body.data, body.size);
	v->iid = reader_u64(&r);
	v->epoch = reader_u64(&r);
	v->signal = get_i32(&r);
	v->target = get_choice(&r, KTARGET_MAIN, KTARGET_ALL);
	v->is_handoff = get_bool(&r);
	v->then_continue = get_bool(&r);
	v->is_checkpoint = get_bool(&r);
	return reader_is_done(&r);
}

void
kproto_put_run(struct writer *w, const struct kproto_run *v)
{
	writer_u64(w, v->iid);
	writer_u64(w, v->epoch);
	writer_u8(w, v->command);
	writer_i64(w, v->timeout_ms);
}

bool
kproto_get_run(struct bytes body, struct kproto_run *v)
{
	struct reader r;
	reader_init(&r, body.data, body.size);
	v->iid = reader_u64(&r);
	v->epoch = reader_u64(&r);
	v->command = get_choice(&r, KCMD_POST_START, KCMD_CHECKPOINT);
	v->timeout_ms = reader_i64(&r);
	return reader_is_done(&r) && v->timeout_ms > 0;
}

void
kproto_put_ran(struct writer *w, const struct kproto_ran *v)
{
	writer_u64(w, v->iid);
	writer_u64(w, v->epoch);
	writer_u8(w, v->command);
	put_i32(w, v->status);
	writer_u8(w, v->has_expired);
	writer_u8(w, v->is_refused);
	writer_text(w, v->text);
}

bool
kproto_get_ran(struct bytes body, struct kproto_ran *v)
{
	struct reader r;
	reader_init(&r, body.data, body.size);
	v->iid = reader_u64(&r);
	v->epoch = reader_u64(&r);
	v->command = get_choice(&r, KCMD_POST_START, KCMD_CHECKPOINT);
	v->status = get_i32(&r);
	v->has_expired = get_bool(&r);
	v->is_refused = get_bool(&r);
	v->text = reader_text(&r);
	return reader_is_done(&r);
}

void
kproto_put_news(struct writer *w, const struct kproto_news *v)
{
	writer_u64(w, v->iid);
	writer_u64(w, v->epoch);
	writer_u8(w, v->kind);
	writer_i64(w, v->number);
	writer_text(w, v->text);
}

bool
kproto_get_news(struct bytes body, struct kproto_news *v)
{
	struct reader r;
	reader_init(&r, body.data, body.size);
	v->iid = reader_u64(&r);
	v->epoch = reader_u64(&r);
	v->kind = get_choice(&r, KNEWS_READY, KNEWS_ASIDE);
	v->number = reader_i64(&r);
	v->text = reader_text(&r);
	return reader_is_done(&r);
}

void
kproto_put_log(struct writer *w, const struct kproto_log *v)
{
	writer_u64(w, v->iid);
	writer_u64(w, v->epoch);
	writer_text(w, v->name);
	writer_u8(w, v->target);
	writer_u64(w, v->max_size);
	writer_u32(w, v->max_files);
	writer_u8(w, v->when_full);
	writer_i64(w, v->max_age_ms);
	writer_u8(w, v->is_compressed);
	writer_text(w, v->ready_line);
}

static void
get_log(struct reader *r, struct kproto_log *v)
{
	v->iid = reader_u64(r);
	v->epoch = reader_u64(r);
	v->name = reader_text(r);
	v->target = get_choice(r, KLOG_FILE, KLOG_JOURNAL);
	v->max_size = reader_u64(r);
	v->max_files = reader_u32(r);
	v->when_full = get_choice(r, KFULL_BLOCK, KFULL_DROP);
	v->max_age_ms = reader_i64(r);
	v->is_compressed = get_bool(r);
	v->ready_line = reader_text(r);
}

bool
kproto_get_log(struct bytes body, struct kproto_log *v)
{
	struct reader r;
	reader_init(&r, body.data, body.size);
	get_log(&r, v);
	return reader_is_done(&r);
}

static void
put_rlimits(struct writer *w, const struct kproto_start *v)
{
	if (v->rlimit_count > KLIMITS_MAX) {
		w->bad = true;
		return;
	}
	writer_u32(w, v->rlimit_count);
	for (uint32_t i = 0; i < v->rlimit_count; i++) {
		writer_u8(w, v->rlimits[i].resource);
		writer_u64(w, v->rlimits[i].soft);
		writer_u64(w, v->rlimits[i].hard);
	}
}

static void
get_rlimits(struct reader *r, struct kproto_start *v)
{
	uint32_t count = reader_u32(r);
	if (count > KLIMITS_MAX) {
		r->bad = true;
		count = 0;
	}
	v->rlimit_count = count;
	for (uint32_t i = 0; i < count; i++) {
		v->rlimits[i].resource = reader_u8(r);
		v->rlimits[i].soft = reader_u64(r);
		v->rlimits[i].hard = reader_u64(r);
	}
}

/* What stands around a run, and its limits. */
static void
put_life(struct writer *w, const struct kproto_start *v)
{
	const struct kproto_resources *r = &v->resources;
	for (unsigned i = 0; i < KCMD_COUNT; i++)
		put_texts(w, &v->commands[i]);
	writer_i64(w, v->hook_timeout_ms);
	writer_u8(w, v->readiness);
	writer_u8(w, v->ready_fd);
	writer_text(w, v->ready_line);
	writer_i64(w, v->watchdog_ms);
	writer_u64(w, r->memory_max);
	writer_u64(w, r->memory_high);
	writer_u32(w, r->cpu_max);
	writer_u32(w, r->cpu_weight);
	writer_u32(w, r->pids_max);
	writer_u32(w, r->io_weight);
	put_texts(w, &v->capabilities);
}

static void
get_life(struct reader *r, struct kproto_start *v)
{
	struct kproto_resources *to = &v->resources;
	for (unsigned i = 0; i < KCMD_COUNT; i++)
		v->commands[i] = get_texts(r);
	v->hook_timeout_ms = reader_i64(r);
	v->readiness = get_choice(r, KREADY_NONE, KREADY_PROBE);
	v->ready_fd = reader_u8(r);
	v->ready_line = reader_text(r);
	v->watchdog_ms = reader_i64(r);
	to->memory_max = reader_u64(r);
	to->memory_high = reader_u64(r);
	to->cpu_max = reader_u32(r);
	to->cpu_weight = reader_u32(r);
	to->pids_max = reader_u32(r);
	to->io_weight = reader_u32(r);
	v->capabilities = get_texts(r);
	if (v->readiness == KREADY_FD && v->ready_fd < 3)
		r->bad = true;
}

void
kproto_put_start(struct writer *w, const struct kproto_start *v)
{
	writer_u64(w, v->iid);
	writer_u64(w, v->epoch);
	writer_u64(w, v->run_digest);
	writer_text(w, v->name);
	writer_text(w, v->service);
	put_texts(w, &v->argv);
	put_texts(w, &v->env);
	writer_text(w, v->user);
	writer_text(w, v->group);
	put_texts(w, &v->groups);
	writer_text(w, v->working_dir);
	writer_text(w, v->env_file);
	writer_u32(w, v->umask);
	put_i32(w, v->nice);
	put_i32(w, v->oom_score_adj);
	writer_u8(w, v->no_new_privileges);
	put_rlimits(w, v);
	writer_i64(w, v->start_timeout_ms);
	put_i32(w, v->stop_signal);
	writer_i64(w, v->stop_timeout_ms);
	writer_u32(w, v->stop_rank);
	writer_u8(w, v->stop_all);
	kproto_put_log(w, &v->log);
	writer_u8(w, v->has_handoff);
	writer_u8(w, v->has_checkpoint);
	writer_u8(w, v->has_state);
	writer_text(w, v->state_kind);
	writer_i64(w, v->state_age_ms);
	writer_text(w, v->state_path);
	writer_u8(w, v->has_theirs);
	writer_bytes(w, v->state_root.data, v->state_root.size);
	writer_u8(w, v->sets_aside);
	writer_u64(w, v->before);
	writer_u64(w, v->stay);
	writer_i64(w, v->handoff_timeout_ms);
	put_life(w, v);
}

bool
kproto_get_start(struct bytes body, struct kproto_start *v)
{
	struct reader r;
	reader_init(&r, body.data, body.size);
	v->iid = reader_u64(&r);
	v->epoch = reader_u64(&r);
	v->run_digest = reader_u64(&r);
	v->name = reader_text(&r);
	v->service = reader_text(&r);
	v->argv = get_texts(&r);
	v->env = get_texts(&r);
	v->user = reader_text(&r);
	v->group = reader_text(&r);
	v->groups = get_texts(&r);
	v->working_dir = reader_text(&r);
	v->env_file = reader_text(&r);
	v->umask = reader_u32(&r);
	v->nice = get_i32(&r);
	v->oom_score_adj = get_i32(&r);
	v->no_new_privileges = get_bool(&r);
	get_rlimits(&r, v);
	v->start_timeout_ms = reader_i64(&r);
	v->stop_signal = get_i32(&r);
	v->stop_timeout_ms = reader_i64(&r);
	v->stop_rank = reader_u32(&r);
	v->stop_all = get_bool(&r);
	get_log(&r, &v->log);
	v->has_handoff = get_bool(&r);
	v->has_checkpoint = get_bool(&r);
	v->has_state = get_bool(&r);
	v->state_kind = reader_text(&r);
	v->state_age_ms = reader_i64(&r);
	v->state_path = reader_text(&r);
	v->has_theirs = get_bool(&r);
	v->state_root = reader_bytes(&r);
	v->sets_aside = get_bool(&r);
	v->before = reader_u64(&r);
	v->stay = reader_u64(&r);
	v->handoff_timeout_ms = reader_i64(&r);
	get_life(&r, v);
	return reader_is_done(&r) && v->argv.count > 0;
}

const char *
kproto_command_name(enum kproto_command command)
{
	static const char *const names[] = {
#define X(command, name) [command] = name,
		KPROTO_COMMANDS(X)
#undef X
	};
	return command < KCMD_COUNT ? names[command] : "unknown";
}

const char *
kproto_message_name(uint16_t type)
{
	switch (type) {
#define X(name, number)                                                        \
	case number:                                                           \
		return #name;
		KPROTO_MESSAGES(X)
#undef X
	default:
		return "unknown";
	}
}
