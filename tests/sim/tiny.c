#include "tests/sim/tiny.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire.h"
#include "tests/dialogue/script.h"
#include "tests/sim/pages.h"

#define FAR_MS 100000000

/* --- Effects --- */

static void
hold(struct tiny_host *h, const struct tiny_held *e)
{
	CHECK(h->held_count < TINY_HELD);
	h->held[h->held_count++] = *e;
}

/* What is stopped while its START waits begins nothing. */
static void
void_start(struct tiny_host *h, const struct tiny_held *stop)
{
	bool is_stop = stop->kind == EFFECT_KILL ||
		       (stop->kind == EFFECT_SIGNAL && stop->is_stop);
	for (uint32_t i = 0; is_stop && i < h->held_count; i++)
		if (h->held[i].kind == EFFECT_START &&
			h->held[i].epoch == stop->epoch)
			h->held[i].is_void = true;
}

static void
open_dial(struct tiny *t, uint32_t host, const struct effect_link_open *o)
{
	uint32_t to = tiny_host_of(t, o->address);
	CHECK(to < t->count);
	t->hosts[host]->dials[to] = o->dial;
}

/* Carries out what needs no payload beyond 'e'. */
static void
perform(struct tiny *t, uint32_t host, const struct tiny_held *e)
{
	if (e->kind == EFFECT_SEND)
		tiny_send(t, host, e->link, e->frame.type,
			(struct bytes){e->frame.body, e->frame.size});
	else if (e->kind == EFFECT_LINK_CLOSE)
		tiny_close(t, host, e->link);
	else
		tiny_perform_proc(t, host, e);
}

static void
fill_proc(struct tiny_held *out, const struct effect *e)
{
	switch (e->kind) {
	case EFFECT_START:
		out->epoch = e->start.epoch;
		out->run_digest = e->start.run_digest;
		out->has_state = e->start.has_state;
		out->state = tiny_state_of(e->start.root);
		break;
	case EFFECT_SIGNAL:
		out->epoch = e->signal.epoch;
		out->signal = e->signal.signal;
		out->is_handoff = e->signal.is_handoff;
		out->is_stop = e->signal.is_stop;
		break;
	case EFFECT_KILL:
	case EFFECT_RELEASE:
		out->epoch = e->proc.epoch;
		break;
	case EFFECT_DUMP:
		out->epoch = e->dump.epoch;
		break;
	case EFFECT_FETCH:
		out->state = tiny_state_of(e->fetch.root);
		break;
	case EFFECT_DROP:
		out->state = tiny_state_of(e->drop.root);
		break;
	case EFFECT_RUN: /* its service has no hooks */
	case EFFECT_DELIVER: /* nobody writes to it */
	case EFFECT_ANSWER:
	case EFFECT_SEND:
	case EFFECT_STORE:
	case EFFECT_LINK_OPEN:
	case EFFECT_LINK_CLOSE:
	case EFFECT_REPLY:
	case EFFECT_NOTE:
	case EFFECT_KIND_COUNT:
		break;
	}
}

/* One effect as this world keeps it. */
static void
fill_held(struct tiny *t, uint32_t host, struct tiny_held *out,
	const struct effect *e)
{
	memset(out, 0, sizeof *out);
	out->after = e->after;
	out->kind = e->kind;
	fill_proc(out, e);
	if (e->kind == EFFECT_START)
		out->is_at_hand = tiny_is_at_hand(t, host);
	else if (e->kind == EFFECT_FETCH)
		out->link = tiny_host_of(t, e->fetch.node);
	else if (e->kind == EFFECT_LINK_CLOSE)
		out->link = e->link_close.link;
	if (e->kind != EFFECT_SEND)
		return;
	CHECK(e->send.body.size <= TINY_BODY);
	out->link = e->send.link;
	out->frame.type = e->send.type;
	out->frame.size = (uint16_t)e->send.body.size;
	memcpy(out->frame.body, e->send.body.data, e->send.body.size);
}

static void
write_record(struct tiny_host *h, const struct effect_store *s)
{
	CHECK(h->dirty_count < TINY_RECORDS);
	struct tiny_record *r = &h->dirty[h->dirty_count++];
	CHECK(s->key.size <= sizeof r->key && s->value.size <= TINY_BODY);
	memset(r, 0, sizeof *r);
	r->table = s->table;
	r->seq = s->seq;
	r->key_size = (uint16_t)s->key.size;
	memcpy(r->key, s->key.data, s->key.size);
	if (!s->value.data)
		return;
	CHECK(s->value.size > 0);
	r->size = (uint16_t)s->value.size;
	memcpy(r->value, s->value.data, s->value.size);
}

static void
carry_out(struct tiny *t, uint32_t host, const struct effect *e)
{
	struct tiny_host *h = t->hosts[host];
	struct tiny_held held;
	if (e->kind == EFFECT_NOTE) {
		if (t->is_loud)
			printf("\t\t%s: %s %s\n", h->name,
				note_kind_name(e->note.kind), e->note.text);
	} else if (e->kind == EFFECT_STORE) {
		write_record(h, &e->store);
	} else if (e->kind == EFFECT_LINK_OPEN) {
		open_dial(t, host, &e->link_open);
	} else if (e->kind == EFFECT_SEND && e->after <= h->stored) {
		tiny_send(t, host, e->send.link, e->send.type, e->send.body);
	} else if (e->kind != EFFECT_REPLY) {
		fill_held(t, host, &held, e);
		void_start(h, &held);
		if (e->after > h->stored)
			hold(h, &held);
		else
			perform(t, host, &held);
	}
}

/* No time passes but the jumps: nobody is late, and whoever could be heard
 * was heard. */
static void
stop_clock(struct tiny *t, uint32_t host)
{
	struct tiny_host *h = t->hosts[host];
	struct member_table *m = &h->core->members;
	m->next_heartbeat = mono_add(h->now, FAR_MS);
	m->tick_due = MONO_NEVER;
	m->health = 0;
	for (uint32_t i = 1; i < m->count; i++) {
		uint32_t other = tiny_host_of(t, m->items[i].name);
		if (tiny_is_reachable(t, host, other))
			m->items[i].last_rx = m->items[i].vouched_at = h->now;
	}
	m->is_quiet = false; /* its timers are not what it found them to be */
}

void
tiny_step(struct tiny *t, uint32_t host, struct input *in)
{
	struct tiny_host *h = t->hosts[host];
	struct effects fx;
	in->now = h->now;
	in->wall_ms = TINY_WALL_MS;
	stop_clock(t, host);
	t->touched |= (uint8_t)(1u << host);
	core_step(h->core, in, &fx);
	for (size_t i = 0; i < fx.count; i++)
		carry_out(t, host, &fx.items[i]);
}

/* --- Time --- */

static void
tick(struct tiny *t, uint32_t host)
{
	struct input in = {.kind = INPUT_TICK};
	tiny_step(t, host, &in);
}

void
tiny_jump(struct tiny *t, uint32_t host, mono to)
{
	struct tiny_host *h = t->hosts[host];
	if (to.ms > h->now.ms)
		h->now = to;
	tick(t, host);
}

/* When something is due that does not wait for anybody. */
static mono
soon(const struct tiny_host *h)
{
	const struct core *c = h->core;
	mono at = c->registry.push_at;
	if (c->members.is_topology_dirty)
		at = mono_min(at, c->members.topology_at);
	if (!list_is_empty(&c->duty.dirty) || c->duty.is_all_dirty)
		at = h->now;
	return at;
}

static bool
is_of_interest(const struct tiny_record *r)
{
	return r->table == TABLE_OWNER || r->table == TABLE_HANDOFF;
}

/* --- The disk --- */

static void
apply(struct tiny_host *h, const struct tiny_record *r)
{
	uint32_t i = 0;
	CHECK(r->table != TABLE_CHECKPOINT);
	for (; i < h->record_count; i++)
		if (h->records[i].table == r->table &&
			h->records[i].key_size == r->key_size &&
			!memcmp(h->records[i].key, r->key, r->key_size))
			break;
	CHECK(i < TINY_RECORDS);
	if (r->size) {
		h->records[i] = *r;
		h->records[i].seq = 0;
		h->record_count += i == h->record_count;
	} else if (i < h->record_count) {
		h->record_count--;
		memmove(&h->records[i], &h->records[i + 1],
			(h->record_count - i) * sizeof *r);
		memset(&h->records[h->record_count], 0, sizeof *r);
	}
}

static void
release_held(struct tiny *t, uint32_t host)
{
	struct tiny_host *h = t->hosts[host];
	uint32_t i = 0;
	while (i < h->held_count) {
		struct tiny_held e = h->held[i];
		if (e.after > h->stored) {
			i++;
			continue;
		}
		h->held_count--;
		memmove(&h->held[i], &h->held[i + 1],
			(h->held_count - i) * sizeof e);
		memset(&h->held[h->held_count], 0, sizeof e);
		perform(t, host, &e);
	}
}

/* The oldest record becomes durable. */
static void
store_one(struct tiny *t, uint32_t host)
{
	struct tiny_host *h = t->hosts[host];
	struct input in = {.kind = INPUT_STORED};
	CHECK(h->dirty_count > 0);
	struct tiny_record r = h->dirty[0];
	h->dirty_count--;
	memmove(&h->dirty[0], &h->dirty[1], h->dirty_count * sizeof r);
	memset(&h->dirty[h->dirty_count], 0, sizeof r);
	apply(h, &r);
	tiny_on_record(t, &r);
	h->stored = r.seq;
	in.stored.seq = r.seq;
	tiny_step(t, host, &in);
	release_held(t, host);
}

void
tiny_store(struct tiny *t, uint32_t host)
{
	store_one(t, host);
	tiny_settle(t);
}

static bool
settle_host(struct tiny *t, uint32_t host)
{
	struct tiny_host *h = t->hosts[host];
	if (!h->is_up)
		return false;
	if (tiny_deliver_busy(t, host))
		return true;
	if (h->dirty_count && !is_of_interest(&h->dirty[0])) {
		store_one(t, host);
		return true;
	}
	mono at = soon(h);
	if (at.ms == MONO_NEVER.ms)
		return false;
	tiny_jump(t, host, at);
	return true;
}

static bool
exchange_heartbeats(struct tiny *t)
{
	bool has = false;
	for (uint32_t a = 0; a < t->count && !t->is_talkative; a++)
		for (uint32_t b = 0; b < t->count; b++)
			if (tiny_has_news(t, a, b)) {
				tiny_heartbeat(t, a, b);
				has = true;
			}
	return has;
}

void
tiny_settle(struct tiny *t)
{
	for (uint32_t rounds = 0;; rounds++) {
		bool has = false;
		CHECK(rounds < 500);
		while (tiny_deliver_eager(t))
			has = true;
		for (uint32_t i = 0; i < t->count; i++)
			has |= settle_host(t, i);
		if (!has && !exchange_heartbeats(t))
			return;
	}
}

/* --- Lives --- */

static void
load(struct tiny *t, uint32_t host)
{
	struct tiny_host *h = t->hosts[host];
	for (uint32_t i = 0; i < h->record_count; i++) {
		struct tiny_record r = h->records[i];
		struct input in = {.kind = INPUT_LOAD};
		in.load = (struct input_load){
			r.table, {r.key, r.key_size}, {r.value, r.size}};
		tiny_step(t, host, &in);
	}
}

static void
configure(struct core_config *config, const struct tiny_host *h, uint32_t host)
{
	memset(config, 0, sizeof *config);
	strcpy(config->node, h->name);
	strcpy(config->cluster, "test");
	strcpy(config->address, h->address);
	config->node_id = 100 + host;
	config->boot = 1;
	config->nonce = 1000 * (host + 1) + h->starts;
	config->seed = config->nonce;
	config->weight = 100;
	if (host > 0) {
		strcpy(config->join[0], "alpha:7400");
		config->join_count = 1;
	}
}

void
tiny_start(struct tiny *t, uint32_t host)
{
	static struct core_config config;
	struct tiny_host *h = t->hosts[host];
	struct input in = {.kind = INPUT_BOOT};
	CHECK(!h->is_up && !h->is_gone);
	h->starts++;
	h->is_up = h->is_keeper_up = true;
	h->stored = 0;
	configure(&config, h, host);
	pages_zero(host, t->memory[host], t->memory_size);
	h->core =
		core_new(t->memory[host], t->memory_size, &t->limits, &config);
	load(t, host);
	tiny_found(t, host);
	tiny_sealed(t, host);
	tiny_step(t, host, &in);
	tiny_answer_again(t, host);
	tiny_settle(t);
}

void
tiny_crash(struct tiny *t, uint32_t host, bool with_power)
{
	struct tiny_host *h = t->hosts[host];
	h->is_up = false;
	h->core = NULL;
	t->net->is_stop_forgotten |= h->proc.is_told;
	h->dirty_count = h->held_count = 0;
	memset(h->dirty, 0, sizeof h->dirty);
	memset(h->held, 0, sizeof h->held);
	memset(h->dials, 0, sizeof h->dials);
	h->is_dumping = false;
	h->is_fetching = (struct tiny_state){0};
	h->busy_epoch = 0;
	h->stored = 0;
	t->touched |= (uint8_t)(1u << host);
	if (with_power) {
		h->is_keeper_up = false;
		tiny_end_proc(t, host);
	}
	for (uint32_t i = 0; i < t->count; i++) {
		bool is_told[TINY_HOSTS] = {true, true, true};
		is_told[host] = false;
		if (t->net->link[host][i])
			tiny_unlink(t, host, i,
				with_power ? LINK_TIMEOUT : LINK_RESET,
				is_told);
	}
	tiny_settle(t);
}

uint32_t
tiny_host_of(const struct tiny *t, const char *name)
{
	size_t length = strcspn(name, ":");
	for (uint32_t i = 0; i < t->count; i++)
		if (strlen(t->hosts[i]->name) == length &&
			!memcmp(t->hosts[i]->name, name, length))
			return i;
	return TINY_HOSTS;
}

void
tiny_ask(struct tiny *t, uint32_t host, enum request_op op, const char *name,
	const char *arg)
{
	struct input in = {.kind = INPUT_REQUEST};
	in.request.id = 1;
	in.request.op = op;
	in.request.name = name;
	in.request.arg = arg;
	tiny_step(t, host, &in);
	tiny_settle(t);
}

/* --- The beginning --- */

static void
apply_service(struct tiny *t, char *further)
{
	char with_state[] = "handoff";
	char starts_first[] = "handoff start-first hmode=restart";
	char plain[] = "";
	char *lines[] = {[TINY_MOVE] = with_state,
		[TINY_FIRST] = starts_first,
		[TINY_OWNER] = plain};
	char *words[2 * WORDS_MAX];
	struct script_service service;
	int count = script_words(lines[t->kind], words);
	count += script_words(further, words + count);
	script_service(words, count, &service);
	t->is_required = service.policy.handoff.is_required;
	t->has_readiness = service.policy.has_readiness;
	struct input in = script_spec_set(TINY_NAME, &service);
	tiny_step(t, 0, &in);
	tiny_settle(t);
}

/* Everything that can happen happens, in order, until nothing can. */
static void
run_quietly(struct tiny *t)
{
	for (int rounds = 0; rounds < 200; rounds++) {
		for (uint32_t a = 0; a < t->count; a++) {
			for (uint32_t b = 0; b < t->count; b++) {
				if (tiny_can_link(t, a, b))
					tiny_link(t, a, b);
				while (t->net->way[a][b].count)
					tiny_deliver(t, a, b, 0, false);
			}
			while (t->hosts[a]->dirty_count)
				tiny_store(t, a);
			for (int d = 0; d < DEED_COUNT; d++)
				if (tiny_can_do(t, a, (enum tiny_deed)d))
					tiny_do(t, a, (enum tiny_deed)d);
			if (!t->hosts[a]->is_up)
				continue;
			tiny_jump(t, a, mono_add(t->hosts[a]->now, 200));
			tiny_settle(t);
		}
	}
}

static void
limit_sizes(struct tiny *t)
{
	t->limits = (struct core_limits){
		.members_max = 4,
		.instances_max = 4,
		.rows_max = 64,
		.entries_max = 64,
		.bodies_size = 1 << 20,
		.effects_max = 4096,
		.effects_size = (size_t)4 * FRAME_MAX,
	};
	t->memory_size = core_size(&t->limits);
}

static void
add_host(struct tiny *t, uint32_t i)
{
	static const char *const names[] = {"alpha", "beta", "gamma"};
	uint32_t number;
	size_t own = (sizeof(struct tiny_host) + 4095) / 4096 * 4096;
	unsigned char *pages = pages_new(own + t->memory_size, &number);
	CHECK(number == i);
	struct tiny_host *h = t->hosts[i] = (struct tiny_host *)pages;
	t->memory[i] = pages + own;
	snprintf(h->name, sizeof h->name, "%s", names[i]);
	snprintf(h->address, sizeof h->address, "%s:7400", names[i]);
	h->now.ms = 1000000;
	/* Where the effects of a step lie. */
	size_t before = arena_need(1, sizeof(struct core));
	pages_ignore(number, pages + own + before,
		arena_need(t->limits.effects_max, sizeof(struct effect)) +
			arena_need(t->limits.effects_size, 1));
}

struct tiny *
tiny_new(enum tiny_kind kind, uint32_t count, char *words)
{
	uint32_t number;
	struct tiny *t = calloc(1, sizeof *t);
	CHECK(t && count >= 2 && count <= TINY_HOSTS);
	t->kind = kind;
	t->count = count;
	limit_sizes(t);
	for (uint32_t i = 0; i < count; i++)
		add_host(t, i);
	t->net = pages_new(sizeof *t->net, &number);
	CHECK(number == count);
	t->net->is_lost = true;
	tiny_start(t, 0);
	if (kind != TINY_OWNER)
		apply_service(t, words);
	run_quietly(t);
	for (uint32_t i = 1; i < count; i++)
		tiny_start(t, i);
	run_quietly(t);
	if (kind == TINY_OWNER)
		apply_service(t, words);
	return t;
}
