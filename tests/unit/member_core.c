/* The members' module alone behind core.h: what core.c does for it, and the
 * other modules' side of its contracts reduced to "nothing to say". */
#include <string.h>

#include "core/core_private.h"

struct core_limits
core_limits_for(uint32_t names_max)
{
	return (struct core_limits){
		.members_max = 16,
		.instances_max = names_max,
		.effects_max = 2048,
		.effects_size = FRAME_MAX,
	};
}

size_t
core_size(const struct core_limits *l)
{
	return arena_need(1, sizeof(struct core)) +
	       arena_need(l->effects_max, sizeof(struct effect)) +
	       arena_need(l->effects_size, 1) + member_need(l) +
	       arena_need(l->members_max, sizeof(struct origin));
}

struct core *
core_new(void *memory, size_t size, const struct core_limits *limits,
	const struct core_config *config)
{
	struct arena arena;
	arena_init(&arena, memory, size);
	struct core *c = arena_take(&arena, 1, sizeof *c);
	c->arena = arena;
	c->config = *config;
	c->limits = *limits;
	c->fx.items = arena_take(
		&c->arena, limits->effects_max, sizeof(struct effect));
	c->fx.capacity = limits->effects_max;
	c->fx.pool = arena_take(&c->arena, limits->effects_size, 1);
	c->fx.pool_size = limits->effects_size;
	prng_init(&c->prng, config->seed);
	c->settings.settle_timeout_ms = 60000;
	c->settings.failure_timeout_ms = 2000;
	c->settings.restart_grace_ms = 5000;
	c->settings.minority_hold_ms = 10000;
	member_init(c);
	c->registry.origins = arena_take(
		&c->arena, limits->members_max, sizeof(struct origin));
	return c;
}

uint64_t
core_store(struct core *c, enum core_table table, struct bytes key,
	struct bytes value)
{
	struct effect *e = effects_add(&c->fx, EFFECT_STORE);
	e->store.seq = ++c->store_seq;
	e->store.table = table;
	e->store.key = effects_copy(&c->fx, key);
	if (value.data)
		e->store.value = effects_copy(&c->fx, value);
	return e->store.seq;
}

void
core_note(struct core *c, enum note_kind kind, const char *name, uint64_t epoch,
	const char *text)
{
	core_note_by(c, kind, name, epoch, text, &(struct actor){0});
}

void
core_note_by(struct core *c, enum note_kind kind, const char *name,
	uint64_t epoch, const char *text, const struct actor *actor)
{
	struct effect *e = effects_add(&c->fx, EFFECT_NOTE);
	e->note.kind = kind;
	e->note.name = effects_text(&c->fx, name);
	e->note.epoch = epoch;
	e->note.text = text;
	e->note.actor = *actor;
}

void
core_reply(struct core *c, uint64_t request, uint64_t after,
	enum reply_code code, const char *text)
{
	if (request == 0)
		return;
	struct effect *e = effects_add(&c->fx, EFFECT_REPLY);
	e->after = after;
	e->reply.request = request;
	e->reply.code = code;
	e->reply.text = text;
}

static void
on_request(struct core *c, const struct input_request *r)
{
	if (r->op == REQUEST_JOIN)
		member_on_join(c, r);
	else if (r->op == REQUEST_LEAVE)
		member_on_leave(c, r);
	else if (r->op == REQUEST_FORGET)
		member_on_forget(c, r);
	else if (r->op == REQUEST_CONFIRM_DOWN)
		member_on_confirm_down(c, r);
}

static void
dispatch(struct core *c, const struct input *in)
{
	if (in->kind == INPUT_LOAD && in->load.table == TABLE_META) {
		member_on_load_meta(c, in->load.key, in->load.value);
	} else if (in->kind == INPUT_LOAD) {
		member_on_load(c, in->load.key, in->load.value);
	} else if (in->kind == INPUT_BOOT) {
		member_on_boot(c);
		c->registry.origins[MEMBER_SELF].is_ready = true;
		c->is_booted = true;
	} else if (in->kind == INPUT_LINK_UP) {
		member_on_link_up(c, &in->link_up);
	} else if (in->kind == INPUT_LINK_DOWN) {
		member_on_link_down(c, &in->link_down);
	} else if (in->kind == INPUT_RECV) {
		member_on_recv(c, &in->recv);
	} else if (in->kind == INPUT_REQUEST) {
		on_request(c, &in->request);
	}
}

void
core_step(struct core *c, const struct input *in, struct effects *out)
{
	CHECK(in->now.ms >= c->now.ms);
	c->now = in->now;
	c->wall_ms = in->wall_ms;
	c->fx.count = 0;
	c->fx.pool_used = 0;
	dispatch(c, in);
	if (c->is_booted)
		member_on_tick(c);
	if (c->members.is_leaving) /* there are no services to drain */
		member_finish_leave(c);
	*out = c->fx;
}

mono
core_deadline(const struct core *c)
{
	return c->is_booted ? member_deadline(c) : MONO_NEVER;
}

uint64_t
registry_position(const struct core *c)
{
	(void)c;
	return 0;
}

uint64_t
registry_checksum(const struct core *c)
{
	(void)c;
	return 0;
}

uint64_t
registry_gc(const struct core *c)
{
	(void)c;
	return 0;
}

uint64_t
specs_root(const struct core *c)
{
	(void)c;
	return 0;
}

/* Calls are counted where the tests can see them. */
void
registry_on_linked(struct core *c, member_id id)
{
	c->registry.origins[id].row_count++;
}

void
registry_on_forget(struct core *c, member_id id)
{
	c->registry.origins[id].tombstones++;
}

void
registry_on_heartbeat(struct core *c, member_id id)
{
	CHECK(member_get(c, id)->has_heartbeat);
}

void
specs_on_linked(struct core *c, member_id id)
{
	CHECK(member_get(c, id)->link != 0);
}

void
specs_on_heartbeat(struct core *c, member_id id)
{
	CHECK(member_get(c, id)->link != 0);
}

void
handoff_on_linked(struct core *c, member_id id)
{
	CHECK(member_get(c, id)->link != 0);
}

void
handoff_on_topology(struct core *c)
{
	CHECK(c->members.topology > 0);
}

void
duty_mark_all(struct core *c)
{
	c->duty.is_all_dirty = true;
}
