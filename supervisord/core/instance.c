#include "core/instance.h"

#include <signal.h>
#include <string.h>

#include "base/hash.h"
#include "base/name_part.h"
#include "core/core_private.h"

const char instance_nobody[] = "";

#define OWNER_VERSION 5
/* What an OWNER record says first. */
#define OWNER_IS_OURS  1
#define OWNER_HAS_LEFT 2 /* in a drain that may go on */
#define OWNER_IS_PAST  4 /* its epoch counts */
#define OWNER_IS_STRANGER 8 /* did not run here yet since others had it */
#define OWNER_IS_UNRUN 16 /* its last start failed: 'epoch_ran' is exact */

size_t
instance_need(const struct core_limits *l)
{
	return arena_need(l->instances_max, sizeof(struct instance)) +
	       arena_need(l->instances_max, NOTE_TEXT_MAX) +
	       arena_need(l->instances_max, sizeof(struct staged)) +
	       arena_need(l->instances_max, sizeof(struct instance *)) +
	       arena_need(map_bucket_count(l->instances_max),
		       sizeof(struct map_link *));
}

void
instance_init(struct core *c)
{
	struct instances *t = &c->instances;
	uint32_t max = c->limits.instances_max;
	size_t buckets = map_bucket_count(max);
	slots_init(&t->slots,
		arena_take(&c->arena, max, sizeof(struct instance)), max,
		sizeof(struct instance));
	slots_init(&t->notes, arena_take(&c->arena, max, NOTE_TEXT_MAX), max,
		NOTE_TEXT_MAX);
	slots_init(&t->staged,
		arena_take(&c->arena, max, sizeof(struct staged)), max,
		sizeof(struct staged));
	t->timers = arena_take(&c->arena, max, sizeof *t->timers);
	map_init(&t->by_service,
		arena_take(&c->arena, buckets, sizeof(struct map_link *)),
		buckets);
	list_init(&t->all);
}

/* --- The table --- */

struct instance *
instance_find(const struct core *c, const char *name)
{
	const struct name *n = names_find(c, name);
	return n ? n->instance : NULL;
}

struct instance *
instance_add(
	struct core *c, const char *name, const char *service, uint32_t ordinal)
{
	struct instances *t = &c->instances;
	CHECK(!instance_find(c, name));
	CHECK(strlen(name) <= INSTANCE_NAME_MAX);
	CHECK(strlen(service) <= INSTANCE_NAME_MAX);
	struct instance *i = slots_take(&t->slots);
	if (!i)
		return NULL;
	memset(i, 0, sizeof *i);
	struct name *own = names_take(c, name);
	own->instance = i;
	i->name = own->text;
	i->service = names_take(c, service)->text;
	i->last_owner = instance_nobody;
	i->ordinal = ordinal;
	i->deadline = MONO_NEVER;
	i->stop_until = MONO_NEVER;
	i->heap_index = HEAP_NONE;
	i->since = c->now;
	i->since_wall_ms = c->wall_ms;
	list_init(&i->in_dirty);
	list_append(&t->all, &i->in_all);
	map_insert(&t->by_service, &i->by_service, hash_text(service, 0));
	t->count++;
	return i;
}

struct instance *
instance_ensure(struct core *c, const char *name)
{
	char service[INSTANCE_NAME_MAX + 1];
	struct instance *i = instance_find(c, name);
	if (i)
		return i;
	instance_service_name(name, service);
	return instance_add(c, name, service, 0);
}

struct instance *
instance_by_slot(const struct core *c, uint32_t slot)
{
	struct instance *i = slots_get(&c->instances.slots, slot);
	return i && i->name ? i : NULL;
}

void
instance_set_owner(struct core *c, struct instance *inst, const char *node)
{
	const char *old = inst->last_owner;
	inst->last_owner = *node ? names_take(c, node)->text : instance_nobody;
	if (old != instance_nobody)
		names_give(c, names_of(old));
}

void
instance_set_note(struct core *c, struct instance *inst, const char *text)
{
	struct slots *notes = &c->instances.notes;
	size_t length = strlen(text);
	if (length == 0) {
		if (inst->note)
			slots_give(notes, inst->note);
		inst->note = NULL;
		return;
	}
	if (!inst->note)
		inst->note = slots_take(notes);
	CHECK(inst->note); /* there are as many as instances */
	if (length > NOTE_TEXT_MAX - 1)
		length = NOTE_TEXT_MAX - 1;
	memcpy(inst->note, text, length);
	inst->note[length] = '\0';
}

/* The first instance from 'l' on that belongs to 'service'. */
static struct instance *
scan_service(const struct map *m, struct map_link *l, const char *service)
{
	for (; l; l = map_next(m, l)) {
		struct instance *i =
			container_of(l, struct instance, by_service);
		if (strcmp(i->service, service) == 0)
			return i;
	}
	return NULL;
}

struct instance *
instance_of_service(const struct core *c, const char *service)
{
	const struct map *m = &c->instances.by_service;
	return scan_service(m, map_first(m, hash_text(service, 0)), service);
}

struct instance *
instance_next_of_service(const struct core *c, const struct instance *inst)
{
	const struct map *m = &c->instances.by_service;
	return scan_service(m, map_next(m, &inst->by_service), inst->service);
}

void
instance_reap(struct core *c, struct instance *inst)
{
	struct instances *t = &c->instances;
	if (inst->state != INSTANCE_IDLE || inst->is_declared ||
		inst->is_remembered || inst->is_draining_out)
		return;
	if (inst->last_owner[0] || inst->epoch_floor) {
		instance_set_owner(c, inst, "");
		instance_store_owner(c, inst);
	}
	instance_arm(c, inst, MONO_NEVER);
	map_remove(&t->by_service, &inst->by_service);
	list_remove(&inst->in_dirty);
	list_remove(&inst->in_all);
	instance_set_note(c, inst, "");
	instance_unstage(c, inst);
	names_of(inst->name)->instance = NULL;
	names_give(c, names_of(inst->name));
	names_give(c, names_of(inst->service));
	inst->name = NULL;
	slots_give(&t->slots, inst);
	CHECK(t->count > 0);
	t->count--;
}

bool
instance_is_held(const struct instance *inst)
{
	return inst->state != INSTANCE_IDLE;
}

bool
instance_is_waiting(const struct instance *inst)
{
	return inst->state == INSTANCE_BACKOFF && inst->heap_index == HEAP_NONE;
}

bool
instance_is_over(const struct instance *inst)
{
	return inst->state == INSTANCE_EXITED || inst->state == INSTANCE_FAILED;
}

bool
instance_is_live(const struct instance *inst)
{
	switch (inst->state) {
	case INSTANCE_STARTING:
	case INSTANCE_READY:
	case INSTANCE_CLEANING:
	case INSTANCE_STOPPING:
		return true;
	case INSTANCE_HANDOFF:
	case INSTANCE_IDLE:
	case INSTANCE_BACKOFF:
	case INSTANCE_EXITED:
	case INSTANCE_FAILED:
	case INSTANCE_STATE_COUNT:
		break;
	}
	return false;
}

bool
instance_service(
	struct core *c, const struct instance *inst, struct service_value *out)
{
	const struct entry *e = specs_find(c, ENTRY_SERVICE, inst->service);
	return e && inst->is_declared && specs_service(c, e, out);
}

/* Reads one override; its stamp, or 0 when there is none. */
static uint64_t
read_override(
	const struct core *c, const char *name, struct override_value *out)
{
	const struct entry *e = specs_find(c, ENTRY_OVERRIDE, name);
	memset(out, 0, sizeof *out);
	return e && specs_get_override(e, out) ? e->stamp : 0;
}

void
instance_override(
	struct core *c, const struct instance *inst, struct override_value *out)
{
	struct override_value own, of_service;
	uint64_t own_stamp = read_override(c, inst->name, &own);
	if (strcmp(inst->name, inst->service) == 0) {
		*out = own;
		return;
	}
	uint64_t service_stamp = read_override(c, inst->service, &of_service);
	*out = own;
	/* Whether it is stopped is the later word of the two; the
	 * generations only ever rise, so they add up. */
	if (service_stamp > own_stamp)
		out->is_stopped = of_service.is_stopped;
	out->restart_generation += of_service.restart_generation;
	out->anyway_generation += of_service.anyway_generation;
}

/* --- Timers: a binary heap by (deadline, slot) --- */

static bool
is_earlier(const struct instance *a, const struct instance *b)
{
	if (a->deadline.ms != b->deadline.ms)
		return a->deadline.ms < b->deadline.ms;
	return a < b; /* slots of one array: the order of their numbers */
}

static void
heap_set(struct instances *t, uint32_t at, struct instance *i)
{
	t->timers[at] = i;
	i->heap_index = at;
}

static void
heap_up(struct instances *t, uint32_t at)
{
	struct instance *i = t->timers[at];
	while (at > 0 && is_earlier(i, t->timers[(at - 1) / 2])) {
		heap_set(t, at, t->timers[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_set(t, at, i);
}

static void
heap_down(struct instances *t, uint32_t at)
{
	struct instance *i = t->timers[at];
	for (;;) {
		uint32_t child = 2 * at + 1;
		if (child >= t->timer_count)
			break;
		if (child + 1 < t->timer_count &&
			is_earlier(t->timers[child + 1], t->timers[child]))
			child++;
		if (!is_earlier(t->timers[child], i))
			break;
		heap_set(t, at, t->timers[child]);
		at = child;
	}
	heap_set(t, at, i);
}

static void
heap_remove(struct instances *t, struct instance *i)
{
	uint32_t at = i->heap_index;
	CHECK(at < t->timer_count);
	CHECK(t->timers[at] == i);
	i->heap_index = HEAP_NONE;
	struct instance *last = t->timers[--t->timer_count];
	if (last == i)
		return;
	heap_set(t, at, last);
	heap_up(t, at);
	heap_down(t, last->heap_index);
}

void
instance_arm(struct core *c, struct instance *inst, mono deadline)
{
	struct instances *t = &c->instances;
	if (inst->heap_index != HEAP_NONE)
		heap_remove(t, inst);
	inst->deadline = deadline;
	if (deadline.ms == MONO_NEVER.ms)
		return;
	CHECK(t->timer_count < c->limits.instances_max);
	heap_set(t, t->timer_count++, inst);
	heap_up(t, t->timer_count - 1);
}

mono
instance_deadline(const struct core *c)
{
	const struct instances *t = &c->instances;
	return t->timer_count ? t->timers[0]->deadline : MONO_NEVER;
}

/* --- What others see, and what the disk keeps --- */

static enum row_state
row_state_of(const struct core *c, const struct instance *i)
{
	static const enum row_state shown[] = {
#define X(state, row) [state] = row,
		INSTANCE_STATES(X)
#undef X
	};
	if (i->state == INSTANCE_IDLE && i->is_refused)
		return ROW_REFUSED;
	if (i->state == INSTANCE_IDLE && i->is_remembered)
		return ROW_STOPPED;
	if (i->state == INSTANCE_IDLE && i->is_past)
		return ROW_PAST;
	/* A copy that loses is one until it has ended: nobody else starts. */
	if (i->state == INSTANCE_STOPPING && i->purpose == STOP_HANDOFF &&
		!handoff_is_yield(c, i->name))
		return ROW_HANDOFF;
	return shown[i->state];
}

/* How many of the epochs up to 'epoch' it ran under nowhere.  A start that did
 * not fail yet may be running, and who was given a state counts as having run
 * it. */
static uint64_t
unran_of(const struct instance *i, uint64_t epoch)
{
	if (!i->has_start_failed || i->staged)
		return 0;
	uint64_t ran = i->epoch_ran > i->epoch_before ? i->epoch_ran
						      : i->epoch_before;
	return ran < epoch ? epoch - ran : 0;
}

void
instance_publish(struct core *c, struct instance *inst)
{
	unsigned char meta[ROW_META_MAX];
	enum row_state state = row_state_of(c, inst);
	uint64_t kept = checkpoint_epoch(c, inst->name);
	uint64_t lost = conflict_epoch(c, inst->name);
	if (kept < lost)
		kept = lost;
	bool is_keeper = state == ROW_NONE && kept;
	uint64_t epoch = state == ROW_PAST ? inst->epoch_used : inst->epoch;
	instance_advance_clock(c, inst);
	if (is_keeper) {
		state = ROW_PAST;
		instance_use_epoch(inst, kept);
		epoch = inst->epoch_used;
	} else if (state == ROW_NONE) {
		registry_delete(c, ROW_INSTANCE, inst->name);
		group_follow(c, inst);
		message_follow(c, inst);
		return;
	}
	bool has_state = state == ROW_STOPPED && instance_offers_state(c, inst);
	struct row_value v = {
		.kind = ROW_INSTANCE,
		.state = state,
		.epoch = epoch,
		.unran = is_keeper ? epoch - kept : unran_of(inst, epoch),
		.pid = has_state ? ROW_PID_STATE : inst->pid,
		.run_digest = inst->run_digest,
		.restarts = inst->restarts,
		.status = inst->status,
		.since_wall_ms = inst->since_wall_ms,
		.slot = inst->slot,
		.seen_restart = inst->seen_restart,
		.seen_move = inst->seen_move,
		.meta = checkpoint_meta(c, inst, is_keeper, meta),
	};
	uint64_t after = checkpoint_stored(c, inst->name);
	if (after < inst->epoch_after)
		after = inst->epoch_after;
	if (after < conflict_stored(c, inst->name))
		after = conflict_stored(c, inst->name);
	if (!registry_put(c, inst->name, &v, after > c->stored_seq ? after : 0))
		core_note(c, NOTE_REPAIR, inst->name, inst->epoch,
			"the registry is full: raise names_max");
	group_follow(c, inst);
	message_follow(c, inst);
}

void
instance_enter(struct core *c, struct instance *inst, enum instance_state state,
	mono deadline)
{
	bool was_starting = inst->state == INSTANCE_STARTING;
	inst->state = state;
	inst->since = c->now;
	inst->since_wall_ms = c->wall_ms;
	if (was_starting != (state == INSTANCE_STARTING)) {
		CHECK(!was_starting || c->duty.starting > 0);
		if (was_starting)
			c->duty.starting--;
		else
			c->duty.starting++;
	}
	if (!instance_is_live(inst))
		inst->pid = 0;
	instance_arm(c, inst, deadline);
	instance_publish(c, inst);
	duty_mark(c, inst->name);
}

uint64_t
instance_store_owner(struct core *c, struct instance *inst)
{
	struct bytes key = {inst->name, strlen(inst->name)};
	bool is_ours = instance_is_held(inst) || inst->is_remembered;
	/* While it is wanted, the epochs that were used here count. */
	bool has_floor = inst->is_declared && inst->epoch_floor;
	if (!is_ours && !inst->last_owner[0] && !has_floor)
		return core_store(c, TABLE_OWNER, key, (struct bytes){NULL, 0});
	unsigned char buffer[512];
	struct writer w;
	writer_init(&w, buffer, sizeof buffer);
	writer_u8(&w, OWNER_VERSION);
	writer_text(&w, inst->service);
	writer_u32(&w, inst->ordinal);
	uint8_t left = (inst->is_draining_out ? OWNER_HAS_LEFT : 0) |
		(inst->is_past ? OWNER_IS_PAST : 0);
	uint8_t both = (inst->is_stranger ? OWNER_IS_STRANGER : 0) |
		(inst->is_unrun ? OWNER_IS_UNRUN : 0);
	writer_u8(&w, both | (is_ours ? OWNER_IS_OURS : left));
	writer_text(&w, inst->last_owner);
	writer_u64(&w, is_ours ? inst->epoch_reserved : inst->epoch_floor);
	writer_u8(&w, inst->state == INSTANCE_EXITED);
	writer_i64(&w, inst->status);
	writer_u64(&w, inst->run_digest);
	writer_u64(&w, inst->seen_restart);
	writer_u64(&w, inst->seen_move);
	writer_i64(&w, inst->slot);
	static const struct staged nothing;
	const struct staged *s = inst->staged ? inst->staged : &nothing;
	writer_u8(&w, s != &nothing);
	writer_bytes(&w, s->root, sizeof s->root);
	writer_i64(&w, s->wall_ms);
	writer_text(&w, s->kind);
	writer_text(&w, s->from);
	writer_u64(&w, inst->epoch_ran);
	writer_u64(&w, inst->epoch_before);
	writer_u64(&w, inst->stay);
	writer_u64(&w, inst->epoch_owner);
	CHECK(!w.bad);
	return core_store(c, TABLE_OWNER, key, writer_done(&w));
}

/* Copies a text from outside if it fits. */
static bool
take_text(char *out, size_t size, const char *text)
{
	size_t length = strlen(text);
	if (length >= size)
		return false;
	memcpy(out, text, length + 1);
	return true;
}

/* Reads an OWNER record into 'i'; false when it makes no sense. */
static bool
read_owner(struct core *c, struct instance *i, struct bytes value,
	bool *has_exited)
{
	char owner[NODE_NAME_MAX + 1];
	struct staged staged;
	struct reader r;
	reader_init(&r, value.data, value.size);
	uint8_t version = reader_u8(&r);
	bool is_ok = strcmp(i->service, reader_text(&r)) == 0;
	i->ordinal = reader_u32(&r);
	uint8_t what = reader_u8(&r);
	i->is_remembered = (what & OWNER_IS_OURS) != 0;
	i->is_draining_out = (what & OWNER_HAS_LEFT) != 0;
	i->is_past = (what & OWNER_IS_PAST) != 0;
	i->is_stranger = (what & OWNER_IS_STRANGER) != 0;
	i->is_unrun = (what & OWNER_IS_UNRUN) != 0;
	is_ok &= take_text(owner, sizeof owner, reader_text(&r));
	i->epoch_reserved = i->epoch_floor = i->epoch_used = reader_u64(&r);
	*has_exited = reader_u8(&r) != 0;
	i->status = (int32_t)reader_i64(&r);
	i->run_digest = reader_u64(&r);
	i->seen_restart = reader_u64(&r);
	i->seen_move = reader_u64(&r);
	i->slot = version >= 2 ? reader_i64(&r) : 0;
	bool has_staged = reader_u8(&r) != 0;
	struct bytes root = reader_bytes(&r);
	staged.size = 0;
	staged.wall_ms = reader_i64(&r);
	is_ok &= take_text(staged.kind, sizeof staged.kind, reader_text(&r));
	is_ok &= take_text(staged.from, sizeof staged.from, reader_text(&r));
	i->epoch_ran = version >= 3 ? reader_u64(&r) : 0;
	i->epoch_before = version >= 4 ? reader_u64(&r) : EPOCH_MAX;
	i->stay = version >= 5 ? reader_u64(&r) : 0;
	i->epoch_owner = version >= 5 ? reader_u64(&r) : i->epoch_floor;
	/* Of a block of ours every epoch may have run. */
	if (i->is_remembered && !i->is_stranger && !i->is_unrun)
		i->epoch_ran = i->epoch_reserved;
	/* A later version may have written more behind it. */
	if (!is_ok || r.bad || version < 1 ||
		root.size != DIGEST_SIZE)
		return false;
	instance_set_owner(c, i, owner);
	memcpy(staged.root, root.data, DIGEST_SIZE);
	if (has_staged)
		instance_stage(c, i, &staged);
	return true;
}

void
instance_service_name(
	const char *name, char out[static INSTANCE_NAME_MAX + 1])
{
	size_t length = name_service_length(name);
	CHECK(length <= INSTANCE_NAME_MAX);
	memcpy(out, name, length);
	out[length] = '\0';
}

bool
instance_name_of_key(struct bytes key, char out[static INSTANCE_NAME_MAX + 1])
{
	if (key.size == 0 || key.size > INSTANCE_NAME_MAX ||
		memchr(key.data, 0, key.size))
		return false;
	memcpy(out, key.data, key.size);
	out[key.size] = '\0';
	return true;
}

/* Reads one record; false when it is lost on us. */
static bool
load(struct core *c, struct bytes key, struct bytes value)
{
	char name[INSTANCE_NAME_MAX + 1];
	char service[INSTANCE_NAME_MAX + 1];
	if (!instance_name_of_key(key, name))
		return false;
	instance_service_name(name, service);
	struct instance *i = instance_find(c, name)
				     ? NULL
				     : instance_add(c, name, service, 0);
	if (!i)
		return false;
	bool has_exited;
	if (!read_owner(c, i, value, &has_exited)) {
		i->is_remembered = i->is_draining_out = i->is_past = false;
		instance_reap(c, i);
		return false;
	}
	/* It began with this one at the earliest: every start elsewhere since
	 * then lies above it, and every start here above the whole block. */
	if (i->is_remembered)
		i->epoch = i->epoch_reserved >= EPOCH_BLOCK
				   ? i->epoch_reserved - EPOCH_BLOCK + 1
				   : 1;
	if (i->is_remembered && has_exited)
		i->state = INSTANCE_EXITED;
	return true;
}

void
instance_on_load(struct core *c, struct bytes key, struct bytes value)
{
	c->has_unread |= !load(c, key, value);
}

void
instance_on_found(struct core *c, const struct input_found *in)
{
	CHECK(!c->is_booted);
	struct instance *i = strlen(in->name) <= INSTANCE_NAME_MAX
				     ? instance_ensure(c, in->name)
				     : NULL;
	if (!i)
		return;
	i->epoch = in->epoch;
	/* It says how far into our block on the disk the starts have come. */
	bool is_of_block = i->is_remembered &&
		i->epoch_used < in->epoch + EPOCH_BLOCK;
	if (i->epoch_used < in->epoch || is_of_block)
		i->epoch_used = in->epoch;
	if (i->epoch_reserved < in->epoch)
		i->epoch_reserved = in->epoch;
	i->is_past = false;
	i->run_digest = in->run_digest;
	i->pid = in->pid;
	i->status = in->status;
	i->is_remembered = true;
	i->is_found = true;
	i->epoch_kept = in->epoch;
	i->state = in->pid ? INSTANCE_READY : INSTANCE_CLEANING;
	/* What is on its way yet is told of when it has come so far. */
	if (in->pid && !in->has_run) {
		i->state = INSTANCE_STARTING;
		c->duty.starting++;
	}
	i->has_readiness = in->pid && !in->is_ready;
	i->has_start_failed = !in->has_run && !in->pid;
	if (in->has_run && (in->pid || in->status != STATUS_UNKNOWN))
		i->is_stranger = false;
	if (!i->is_stranger && in->has_run)
		i->epoch_ran = in->epoch;
	else if (i->epoch_ran >= in->epoch)
		i->epoch_ran = in->epoch - 1;
	int64_t age_ms = c->own_wall_ms - in->started_wall_ms;
	i->since_wall_ms = c->wall_ms - age_ms;
	i->since = i->ready_since = mono_add(c->now, age_ms > 0 ? -age_ms : 0);
	/* What ended while nobody looked is judged at BOOT, when the specs
	 * are known. */
	i->stop_until = in->is_empty ? c->now : MONO_NEVER;
}

/* A run that began under another node: what it was, its spec says again. */
static void
resume_run(struct core *c, struct instance *i)
{
	struct service_value s;
	/* Nothing is declared yet; what is wanted is known. */
	const struct entry *e = specs_find(c, ENTRY_SERVICE, i->service);
	bool has = e && specs_get_service(e, &s);
	bool is_awaited = i->has_readiness && has && s.policy.has_readiness;
	if (has)
		i->hooks = s.policy.hooks;
	i->has_readiness = is_awaited;
	if (!is_awaited || i->state == INSTANCE_STARTING)
		return;
	instance_enter(c, i, INSTANCE_STARTING, MONO_NEVER);
	instance_await_ready(c, i, &s.policy);
}

void
instance_on_boot(struct core *c)
{
	list_each_safe (l, &c->instances.all) {
		struct instance *i = container_of(l, struct instance, in_all);
		if (i->state == INSTANCE_IDLE && i->staged)
			instance_enter(c, i, INSTANCE_BACKOFF, MONO_NEVER);
		else if (i->state == INSTANCE_CLEANING)
			instance_on_boot_cleaning(c, i);
		else
			instance_publish(c, i);
		if (i->state == INSTANCE_READY || i->state == INSTANCE_STARTING)
			resume_run(c, i);
	}
}

void
instance_check(const struct core *c)
{
	const struct instances *t = &c->instances;
	uint32_t seen = 0, starting = 0;
	list_each (l, &t->all) {
		const struct instance *i =
			container_of(l, struct instance, in_all);
		seen++;
		CHECK(i->state < INSTANCE_STATE_COUNT);
		CHECK((i->state == INSTANCE_STOPPING) ==
			(i->purpose != STOP_NONE));
		CHECK(i->epoch <= i->epoch_reserved || i->is_remembered);
		if (i->heap_index != HEAP_NONE)
			CHECK(t->timers[i->heap_index] == i);
		starting += i->state == INSTANCE_STARTING;
	}
	CHECK(seen == t->count);
	CHECK(starting == c->duty.starting);
}

const char *
instance_status_text(struct core *c, int32_t status)
{
	static const char *const names[] = {
		[SIGHUP] = "SIGHUP",
		[SIGINT] = "SIGINT",
		[SIGQUIT] = "SIGQUIT",
		[SIGILL] = "SIGILL",
		[SIGABRT] = "SIGABRT",
		[SIGBUS] = "SIGBUS",
		[SIGFPE] = "SIGFPE",
		[SIGKILL] = "SIGKILL",
		[SIGUSR1] = "SIGUSR1",
		[SIGSEGV] = "SIGSEGV",
		[SIGUSR2] = "SIGUSR2",
		[SIGPIPE] = "SIGPIPE",
		[SIGALRM] = "SIGALRM",
		[SIGTERM] = "SIGTERM",
	};
	if (status == STATUS_UNKNOWN)
		return "ended unseen, while no skepd ran";
	uint32_t signal = (uint32_t)status & 0x7f;
	const char *core_text = (status & 0x80) ? " (core dumped)" : "";
	if (signal == 0)
		return effects_format(&c->fx, "exited %u",
			(uint64_t)((uint32_t)status >> 8 & 0xff));
	if (signal < sizeof names / sizeof *names && names[signal])
		return effects_format(
			&c->fx, "killed by %s%s", names[signal], core_text);
	return effects_format(
		&c->fx, "killed by signal %u%s", (uint64_t)signal, core_text);
}
