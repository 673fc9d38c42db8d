#include "core/core.h"

#include <string.h>

#include "core/core_private.h"
#include "core/wire.h"

struct core_limits
core_limits_for(uint32_t names_max)
{
	uint32_t services = names_max < 65536 ? names_max : 65536;
	return (struct core_limits){
		.members_max = 256,
		.instances_max = names_max,
		/* Room for tombstones, and for a log that is replaced, also
		 * where one host has nearly all names. */
		.rows_max = 2 * names_max + 4096,
		.entries_max = services + services / 2 + 2048,
		.bodies_size = (uint64_t)64 * 1024 * 1024,
		/* Far above any step; pages that no step needs stay free. */
		.effects_max = 65536,
		.effects_size = (size_t)64 * FRAME_MAX,
	};
}

size_t
core_size(const struct core_limits *l)
{
	return arena_need(1, sizeof(struct core)) +
	       arena_need(l->effects_max, sizeof(struct effect)) +
	       arena_need(l->effects_size, 1) + names_need(l) +
	       changes_need(l) + member_need(l) + registry_need(l) +
	       specs_need(l) + place_need(l) + instance_need(l) + duty_need(l) +
	       handoff_need(l) + checkpoint_need(l) + conflict_need(l) +
	       claim_need(l) + group_need(l) + runtime_need(l) +
	       message_need(l) + sealed_need();
}

struct core *
core_new(void *memory, size_t size, const struct core_limits *limits,
	const struct core_config *config)
{
	CHECK(size >= core_size(limits));
	CHECK(limits->members_max >= 1);
	CHECK(limits->effects_size >= FRAME_MAX);
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
	settings_init(c);
	names_init(c);
	changes_init(c);
	member_init(c);
	registry_init(c);
	group_init(c);
	specs_init(c);
	place_init(c);
	instance_init(c);
	duty_init(c);
	rebalance_init(c);
	handoff_init(c);
	sealed_init(c);
	rest_init(c);
	running_init(c);
	checkpoint_init(c);
	conflict_init(c);
	claim_init(c);
	tracked_init(c);
	runtime_init(c);
	operate_init(c);
	message_init(c);
	return c;
}

uint64_t
core_store(struct core *c, enum core_table table, struct bytes key,
	struct bytes value)
{
	struct effect *e = effects_add(&c->fx, EFFECT_STORE);
	e->store.seq = ++c->store_seq;
	member_on_store(c);
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
	if (actor->host)
		e->note.actor.host = effects_text(&c->fx, actor->host);
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
on_load(struct core *c, const struct input_load *in)
{
	CHECK(!c->is_booted);
	switch (in->table) {
	case TABLE_META:
		member_on_load_meta(c, in->key, in->value);
		specs_on_load_meta(c, in->key, in->value);
		break;
	case TABLE_MEMBER:
		member_on_load(c, in->key, in->value);
		break;
	case TABLE_SPEC:
		specs_on_load(c, in->key, in->value);
		break;
	case TABLE_OWNER:
		instance_on_load(c, in->key, in->value);
		break;
	case TABLE_HANDOFF:
		handoff_on_load(c, in->key, in->value);
		break;
	case TABLE_CHECKPOINT:
		checkpoint_on_load(c, in->key, in->value);
		break;
	case TABLE_CONFLICT:
		conflict_on_load(c, in->key, in->value);
		break;
	case TABLE_TRACKED:
		tracked_on_load(c, in->key, in->value);
		break;
	case TABLE_GROUP:
		group_on_load(c, in->key, in->value);
		break;
	case TABLE_COUNT:
		UNREACHABLE();
	}
}

/* The order matters: who we are, what is wanted, what is here. */
static void
on_boot(struct core *c)
{
	CHECK(!c->is_booted);
	member_on_boot(c);
	specs_on_boot(c);
	settings_seed(c);
	settings_refresh(c);
	instance_on_boot(c);
	checkpoint_on_boot(c);
	conflict_on_boot(c);
	group_on_boot(c);
	handoff_on_boot(c);
	registry_set_ready(c);
	c->is_booted = true;
	rebalance_on_boot(c);
	facts_publish(c);
	duty_on_boot(c);
	claim_on_boot(c);
}

static void
on_recv(struct core *c, const struct input_recv *in)
{
	member_id from = member_on_recv(c, in);
	if (from == MEMBER_NONE)
		return;
	switch ((enum wire_type)in->type) {
	case WIRE_BATCH:
	case WIRE_PULL:
	case WIRE_ACK:
		registry_on_recv(c, from, in->type, in->body);
		break;
	case WIRE_ENTRIES:
	case WIRE_TREE_NODE:
	case WIRE_ENTRIES_WANTED:
		specs_on_recv(c, from, in->type, in->body);
		break;
	case WIRE_FORWARD:
	case WIRE_FORWARD_REPLY:
		operate_on_recv(c, from, in->type, in->body);
		break;
	case WIRE_CLAIM:
	case WIRE_CLAIM_ANSWER:
		claim_on_recv(c, from, in->type, in->body);
		break;
	case WIRE_HANDOFF_OFFER:
	case WIRE_HANDOFF_ACCEPT:
	case WIRE_HANDOFF_REFUSE:
	case WIRE_HANDOFF_FROZEN:
	case WIRE_HANDOFF_STAGED:
	case WIRE_HANDOFF_COMMIT:
	case WIRE_HANDOFF_ABORT:
	case WIRE_HANDOFF_QUERY:
	case WIRE_HANDOFF_ACTIVE:
	case WIRE_HANDOFF_UNKNOWN:
	case WIRE_HANDOFF_BEGIN:
		handoff_on_recv(c, from, in->type, in->body);
		break;
	case WIRE_LETTER:
	case WIRE_RECEIPT:
	case WIRE_ANSWER:
		message_on_recv(c, from, in->type, in->body);
		break;
	case WIRE_RUNNING:
		running_on_recv(c, from, in->body);
		break;
	case WIRE_HELLO:
	case WIRE_REFUSE:
	case WIRE_HEARTBEAT:
	case WIRE_LAST_HEARD_QUERY:
	case WIRE_LAST_HEARD_ANSWER:
	case WIRE_MEMBER_NEWS:
	case WIRE_BULK_GET:
	case WIRE_BULK_DATA:
	case WIRE_BULK_MANIFEST:
	case WIRE_QUERY:
	case WIRE_QUERY_DATA:
	case WIRE_QUERY_MORE:
	default: /* bytes from outside: any number may stand here */
		c->unknown_frames++;
		break;
	}
}

static void
on_tick(struct core *c)
{
	member_on_tick(c);
	registry_on_tick(c);
	specs_on_tick(c);
	instance_on_tick(c);
	handoff_on_tick(c);
	checkpoint_on_tick(c);
	conflict_on_tick(c);
	tracked_on_tick(c);
	claim_on_tick(c);
	operate_on_tick(c);
	message_on_tick(c);
	running_on_tick(c);
	duty_on_tick(c);
}

static void
on_stored(struct core *c, const struct input_stored *in)
{
	CHECK(in->seq <= c->store_seq);
	c->stored_seq = in->seq;
	member_on_stored(c);
	rest_on_stored(c);
	sealed_review(c);
}

/* Of this node, or of all of skepd here. */
static void
on_end(struct core *c, enum input_kind kind)
{
	if (kind == INPUT_GOING)
		member_on_going(c);
	else
		ending_begin(c);
}

/* What no move waits for. */
static void
on_other_answer(struct core *c, const struct input_proc *in)
{
	if (in->answer == ANSWER_RESUME)
		instance_on_put_aside(c, in);
	else
		checkpoint_on_answered(c, in);
}

static void
on_answered(struct core *c, const struct input_proc *in)
{
	if (in->answer == ANSWER_CHECKPOINT || !handoff_on_answered(c, in))
		on_other_answer(c, in);
}

static void
on_dumped(struct core *c, const struct input_dumped *in)
{
	if (in->is_checkpoint)
		checkpoint_on_dumped(c, in);
	else if (!handoff_on_dumped(c, in))
		instance_on_dumped(c, in);
	sealed_review(c);
}

/* A move, a checkpoint and a copy that won may wait for the same state. */
static void
on_fetched(struct core *c, const struct input_fetched *in)
{
	checkpoint_on_fetched(c, in);
	handoff_on_fetched(c, in);
	conflict_on_fetched(c, in);
}

/* What comes before everything else, in this order; GONE then and later. */
static void
on_birth(struct core *c, const struct input *in)
{
	if (in->kind == INPUT_LOAD)
		on_load(c, &in->load);
	else if (in->kind == INPUT_FOUND)
		instance_on_found(c, &in->found);
	else if (in->kind == INPUT_SEALED)
		handoff_on_sealed(c, &in->sealed);
	else if (in->kind == INPUT_GONE)
		tracked_on_gone(c, &in->gone);
	else
		on_boot(c);
}

static void
on_link(struct core *c, const struct input *in)
{
	if (in->kind == INPUT_LINK_UP)
		member_on_link_up(c, &in->link_up);
	else if (in->kind == INPUT_LINK_DOWN)
		member_on_link_down(c, &in->link_down);
	else
		member_on_reached(c, &in->reached);
}

/* Somebody on this host wants something. */
static void
on_asked(struct core *c, const struct input *in)
{
	if (in->kind == INPUT_SPEC_SET)
		operate_on_spec_set(c, &in->spec_set);
	else if (in->kind == INPUT_SPEC_DEL)
		operate_on_spec_del(c, &in->spec_del);
	else if (in->kind == INPUT_REGISTER)
		tracked_on_register(c, &in->enroll);
	else if (in->kind == INPUT_REQUEST)
		operate_on_request(c, &in->request);
	else
		message_on_mail(c, &in->mail);
}

static void
dispatch(struct core *c, const struct input *in)
{
	switch (in->kind) {
	case INPUT_LOAD:
	case INPUT_FOUND:
	case INPUT_SEALED:
	case INPUT_GONE:
	case INPUT_BOOT:
		on_birth(c, in);
		break;
	case INPUT_TICK:
		break; /* every step looks at its timers */
	case INPUT_LINK_UP:
	case INPUT_LINK_DOWN:
	case INPUT_REACHED:
		on_link(c, in);
		break;
	case INPUT_RECV:
		on_recv(c, &in->recv);
		break;
	case INPUT_STARTED:
		instance_on_started(c, &in->proc);
		break;
	case INPUT_START_FAILED:
		instance_on_start_failed(c, &in->start_failed);
		break;
	case INPUT_EXITED:
		instance_on_exited(c, &in->proc);
		break;
	case INPUT_EMPTY:
		instance_on_empty(c, &in->proc);
		break;
	case INPUT_ANSWERED:
		on_answered(c, &in->proc);
		break;
	case INPUT_NEWS:
		instance_on_news(c, &in->news);
		break;
	case INPUT_RAN:
		instance_on_ran(c, &in->ran);
		break;
	case INPUT_DUE:
		duty_on_due(c, &in->due);
		break;
	case INPUT_GOING:
	case INPUT_ENDING:
		on_end(c, in->kind);
		break;
	case INPUT_STORED:
		on_stored(c, &in->stored);
		break;
	case INPUT_DUMPED:
		on_dumped(c, &in->dumped);
		break;
	case INPUT_FETCHED:
		on_fetched(c, &in->fetched);
		break;
	case INPUT_SPEC_SET:
	case INPUT_SPEC_DEL:
	case INPUT_REGISTER:
	case INPUT_REQUEST:
	case INPUT_MAIL:
		on_asked(c, in);
		break;
	case INPUT_KIND_COUNT:
		UNREACHABLE();
	}
}

void
core_step(struct core *c, const struct input *in, struct effects *out)
{
	CHECK(in->now.ms >= c->now.ms);
	c->now = in->now;
	c->own_wall_ms = in->wall_ms;
	c->wall_ms = in->wall_ms - member_clock_off(c);
	c->fx.count = 0;
	c->fx.pool_used = 0;
	changes_begin(c);
	dispatch(c, in);
	if (c->is_booted) {
		on_tick(c);
		duty_run(c);
	}
	*out = c->fx;
}

mono
core_deadline(const struct core *c)
{
	if (!c->is_booted)
		return MONO_NEVER;
	mono at = member_deadline(c);
	at = mono_min(at, registry_deadline(c));
	at = mono_min(at, specs_deadline(c));
	at = mono_min(at, instance_deadline(c));
	at = mono_min(at, handoff_deadline(c));
	at = mono_min(at, checkpoint_deadline(c));
	at = mono_min(at, conflict_deadline(c));
	at = mono_min(at, tracked_deadline(c));
	at = mono_min(at, claim_deadline(c));
	at = mono_min(at, operate_deadline(c));
	at = mono_min(at, message_deadline(c));
	at = mono_min(at, running_deadline(c));
	return mono_min(at, duty_deadline(c));
}

void
core_check(const struct core *c)
{
	CHECK(c->stored_seq <= c->store_seq);
	names_check(c);
	member_check(c);
	registry_check(c);
	specs_check(c);
	place_check(c);
	instance_check(c);
	checkpoint_check(c);
	conflict_check(c);
	claim_check(c);
	group_check(c);
	message_check(c);
}
