#include "core_stub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_MS	     10
#define HEARTBEAT_MS 500

/* The host whose step runs; the stubs below have no other way to know. */
static struct stub_node *current;

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

/* --- What the modules under test call --- */

void
duty_mark(struct core *c, const char *instance)
{
	(void)c;
	CHECK(instance[0]);
	current->marks++;
}

void
duty_know(struct core *c, const struct row *row)
{
	(void)c;
	(void)row;
}

void
duty_mark_siblings(struct core *c, const char *instance, bool has_left_us)
{
	(void)c;
	(void)has_left_us;
	CHECK(instance[0]);
}

void
duty_mark_service(struct core *c, const char *name)
{
	(void)c;
	CHECK(name[0]);
	current->marks++;
}

size_t
claim_uses_max(const struct core_limits *l)
{
	(void)l;
	return 0;
}

void
claim_mark(struct core *c, const struct row *row)
{
	(void)c;
	(void)row;
}

void
tracked_on_lost(struct core *c, member_id id)
{
	(void)c;
	(void)id;
}

void
tracked_mark(struct core *c, const struct row *row)
{
	(void)c;
	(void)row;
}

void
duty_mark_all(struct core *c)
{
	(void)c;
	current->marks++;
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
core_note_by(struct core *c, enum note_kind kind, const char *name,
	uint64_t epoch, const char *text, const struct actor *actor)
{
	(void)c, (void)kind, (void)epoch, (void)actor;
	CHECK(name && text);
	current->notes++;
}

void
core_note(struct core *c, enum note_kind kind, const char *name, uint64_t epoch,
	const char *text)
{
	core_note_by(c, kind, name, epoch, text, NULL);
}

void
core_reply(struct core *c, uint64_t request, uint64_t after,
	enum reply_code code, const char *text)
{
	(void)c, (void)request, (void)after;
	CHECK(text);
	current->reply = code;
}

uint64_t
member_log_incarnation(uint64_t incarnation)
{
	return incarnation >> 16;
}

member_id
member_find(const struct core *c, const char *name)
{
	for (member_id id = 0; id < c->members.count; id++)
		if (!strcmp(c->members.items[id].name, name))
			return id;
	return MEMBER_NONE;
}

const struct member *
member_get(const struct core *c, member_id id)
{
	CHECK(id < c->members.count);
	return &c->members.items[id];
}

bool
member_is_present(const struct core *c, member_id id)
{
	return c->members.items[id].state == MEMBER_ALIVE;
}

void
member_send(struct core *c, member_id to, uint16_t type, struct bytes body,
	uint64_t after)
{
	const struct member *m = member_get(c, to);
	CHECK(to != MEMBER_SELF);
	if (!m->link)
		return;
	struct effect *e = effects_add(&c->fx, EFFECT_SEND);
	e->after = after;
	e->send.link = m->link;
	e->send.type = type;
	e->send.body = body;
}

void
member_broadcast(
	struct core *c, uint16_t type, struct bytes body, uint64_t after)
{
	for (member_id id = 1; id < c->members.count; id++)
		member_send(c, id, type, body, after);
}

/* --- The store --- */

static struct record **
find_record(struct stub_node *n, const struct effect_store *s)
{
	struct record **at = &n->records;
	while (*at &&
		((*at)->table != s->table || (*at)->key_size != s->key.size ||
			memcmp((*at)->bytes, s->key.data, s->key.size) != 0))
		at = &(*at)->next;
	return at;
}

static void
store(struct stub_node *n, const struct effect_store *s)
{
	struct record **at = find_record(n, s);
	struct record *old = *at;
	if (old) {
		*at = old->next;
		free(old->bytes);
		free(old);
	}
	if (!s->value.data)
		return;
	struct record *r = calloc(1, sizeof *r);
	r->table = s->table;
	r->key_size = s->key.size;
	r->value_size = s->value.size;
	r->bytes = malloc(s->key.size + s->value.size + 1);
	memcpy(r->bytes, s->key.data, s->key.size);
	if (s->value.size)
		memcpy(r->bytes + s->key.size, s->value.data, s->value.size);
	r->next = n->records;
	n->records = r;
}

static void
load(struct stub_node *n)
{
	for (struct record *r = n->records; r; r = r->next) {
		struct bytes key = {r->bytes, r->key_size};
		struct bytes value = {r->bytes + r->key_size, r->value_size};
		if (r->table == TABLE_META)
			specs_on_load_meta(n->c, key, value);
		else if (r->table == TABLE_SPEC)
			specs_on_load(n->c, key, value);
	}
}

/* --- Hosts --- */

member_id
world_id(const struct world *w, unsigned i, unsigned j)
{
	(void)w;
	return i == j ? MEMBER_SELF : j < i ? j + 1 : j;
}

static unsigned
index_of(unsigned i, member_id id)
{
	return id == MEMBER_SELF ? i : id <= i ? id - 1 : id;
}

static size_t
memory_size(const struct core_limits *l)
{
	return arena_need(1, sizeof(struct core)) +
	       arena_need(l->effects_max, sizeof(struct effect)) +
	       arena_need(l->effects_size, 1) +
	       arena_need(l->members_max, sizeof(struct member)) +
	       names_need(l) + changes_need(l) + registry_need(l) +
	       group_need(l) + specs_need(l);
}

static struct core *
make_core(struct world *w, unsigned i)
{
	const struct core_limits *l = &w->limits;
	struct stub_node *n = &w->nodes[i];
	struct arena a;
	memset(n->memory, 0, memory_size(l));
	arena_init(&a, n->memory, memory_size(l));
	struct core *c = arena_take(&a, 1, sizeof *c);
	c->arena = a;
	c->limits = *l;
	snprintf(c->config.node, sizeof c->config.node, "n%u", i);
	c->fx.items =
		arena_take(&c->arena, l->effects_max, sizeof(struct effect));
	c->fx.capacity = l->effects_max;
	c->fx.pool = arena_take(&c->arena, l->effects_size, 1);
	c->fx.pool_size = l->effects_size;
	prng_init(&c->prng, n->boot * NODES_MAX + i);
	c->members.items =
		arena_take(&c->arena, l->members_max, sizeof(struct member));
	c->members.count = w->count;
	for (unsigned j = 0; j < w->count; j++) {
		struct member *m = &c->members.items[world_id(w, i, j)];
		snprintf(m->name, sizeof m->name, "n%u", j);
		m->state = i == j ? MEMBER_ALIVE : MEMBER_UNKNOWN;
		m->version = WIRE_VERSION;
	}
	settings_init(c);
	names_init(c);
	changes_init(c);
	registry_init(c);
	group_init(c);
	specs_init(c);
	CHECK(c->arena.used == c->arena.size);
	return c;
}

void
world_start(struct world *w, unsigned i)
{
	struct stub_node *n = &w->nodes[i];
	CHECK(!n->is_up);
	n->is_up = true;
	n->boot++;
	current = n;
	n->c = make_core(w, i);
	load(n);
	struct core *c = world_enter(w, i);
	c->incarnation = n->boot;
	c->is_booted = true;
	specs_on_boot(c);
	settings_refresh(c);
	world_leave(w, i);
}

void
world_stop(struct world *w, unsigned i)
{
	for (unsigned j = 0; j < w->count; j++)
		if (j != i)
			world_cut(w, i, j);
	w->nodes[i].is_up = false;
}

void
world_init(struct world *w, unsigned count, uint32_t rows_max, uint64_t seed)
{
	CHECK(count <= NODES_MAX);
	memset(w, 0, sizeof *w);
	w->count = count;
	w->now.ms = 1000;
	w->wall_ms = 1700000000000;
	w->limits = (struct core_limits){
		.members_max = count,
		.instances_max = 64,
		.rows_max = rows_max,
		.entries_max = 256,
		.bodies_size = 1 << 20,
		.effects_max = 1024,
		.effects_size = 4 << 20,
		.changes_max = 6,
	};
	prng_init(&w->prng, seed);
	size_t size = (memory_size(&w->limits) + 15) & ~(size_t)15;
	for (unsigned i = 0; i < count; i++) {
		w->nodes[i].memory = aligned_alloc(16, size);
		world_start(w, i);
	}
}

static void
drop_queue(struct world *w, unsigned from, unsigned to)
{
	struct parcel *p = w->queues[from][to];
	w->queues[from][to] = NULL;
	while (p) {
		struct parcel *next = p->next;
		free(p->body);
		free(p);
		p = next;
	}
}

void
world_drain(struct world *w)
{
	for (unsigned i = 0; i < w->count; i++)
		for (unsigned j = 0; j < w->count; j++)
			drop_queue(w, i, j);
}

void
world_fini(struct world *w)
{
	world_drain(w);
	for (unsigned i = 0; i < w->count; i++) {
		struct record *r = w->nodes[i].records;
		while (r) {
			struct record *next = r->next;
			free(r->bytes);
			free(r);
			r = next;
		}
		free(w->nodes[i].memory);
	}
}

/* --- Links --- */

static void
set_link(struct world *w, unsigned i, unsigned j, bool is_up)
{
	struct member *m = &w->nodes[i].c->members.items[world_id(w, i, j)];
	m->link = is_up ? j + 1 : 0;
	m->state = is_up ? MEMBER_ALIVE : MEMBER_DEAD;
	m->has_heartbeat = false;
	if (is_up)
		m->incarnation = w->nodes[j].boot << 16;
}

void
world_cut(struct world *w, unsigned i, unsigned j)
{
	if (!w->is_linked[i][j])
		return;
	w->is_linked[i][j] = w->is_linked[j][i] = false;
	drop_queue(w, i, j);
	drop_queue(w, j, i);
	set_link(w, i, j, false);
	set_link(w, j, i, false);
}

static void
greet(struct world *w, unsigned i, unsigned j)
{
	struct core *c = world_enter(w, i);
	set_link(w, i, j, true);
	registry_on_linked(c, world_id(w, i, j));
	specs_on_linked(c, world_id(w, i, j));
	world_leave(w, i);
}

void
world_link(struct world *w, unsigned i, unsigned j)
{
	if (w->is_linked[i][j] || !w->nodes[i].is_up || !w->nodes[j].is_up)
		return;
	w->is_linked[i][j] = w->is_linked[j][i] = true;
	greet(w, i, j);
	greet(w, j, i);
}

void
world_link_all(struct world *w)
{
	for (unsigned i = 0; i < w->count; i++)
		for (unsigned j = 0; j < i; j++)
			world_link(w, i, j);
}

/* --- Steps --- */

static void
send(struct world *w, unsigned from, unsigned to, uint16_t type,
	struct bytes body)
{
	if (!w->is_linked[from][to])
		return;
	struct parcel *p = calloc(1, sizeof *p);
	p->type = type;
	p->size = body.size;
	p->body = malloc(body.size + 1);
	if (body.size)
		memcpy(p->body, body.data, body.size);
	struct parcel **at = &w->queues[from][to];
	while (*at)
		at = &(*at)->next;
	*at = p;
	w->sent++;
	w->bytes += body.size;
}

struct core *
world_enter(struct world *w, unsigned i)
{
	struct stub_node *n = &w->nodes[i];
	CHECK(n->is_up);
	current = n;
	n->c->now = w->now;
	n->c->wall_ms = w->wall_ms;
	n->c->fx.count = n->c->fx.pool_used = 0;
	changes_begin(n->c);
	return n->c;
}

void
world_leave(struct world *w, unsigned i)
{
	struct stub_node *n = &w->nodes[i];
	const struct effects *fx = &n->c->fx;
	for (size_t k = 0; k < fx->count; k++) {
		const struct effect *e = &fx->items[k];
		if (e->kind == EFFECT_SEND)
			send(w, i, e->send.link - 1, e->send.type,
				e->send.body);
		else if (e->kind == EFFECT_STORE)
			store(n, &e->store);
	}
	if (w->on_left)
		w->on_left(w, i);
}

/* A heartbeat travels as the fields that the modules look at. */
struct beat {
	uint64_t incarnation;
	uint64_t position;
	uint64_t checksum;
	uint64_t gc;
	uint64_t spec_root;
	uint64_t kv_root;
	bool is_ready;
};

static void
beat(struct world *w, unsigned from, unsigned to)
{
	const struct core *c = w->nodes[from].c;
	struct beat b;
	memset(&b, 0, sizeof b);
	b.incarnation = c->incarnation << 16;
	b.position = registry_position(c);
	b.checksum = registry_checksum(c);
	b.gc = registry_gc(c);
	b.spec_root = specs_root(c);
	b.kv_root = specs_kv_root(c);
	b.is_ready = c->registry.origins[MEMBER_SELF].is_ready;
	send(w, from, to, WIRE_HEARTBEAT, (struct bytes){&b, sizeof b});
}

static void
on_beat(struct world *w, unsigned from, unsigned to, const struct parcel *p)
{
	struct core *c = w->nodes[to].c;
	member_id id = world_id(w, to, from);
	struct member *m = &c->members.items[id];
	struct beat b;
	CHECK(p->size == sizeof b);
	memcpy(&b, p->body, sizeof b);
	m->incarnation = b.incarnation;
	m->has_heartbeat = true;
	m->hb_log_position = b.position;
	m->hb_log_checksum = b.checksum;
	m->hb_log_gc = b.gc;
	m->hb_spec_root = b.spec_root;
	m->hb_kv_root = b.kv_root;
	m->hb_is_ready = b.is_ready;
	registry_on_heartbeat(c, id);
	specs_on_heartbeat(c, id);
}

static void
deliver(struct world *w, unsigned from, unsigned to)
{
	struct parcel *p = w->queues[from][to];
	w->queues[from][to] = p->next;
	struct core *c = world_enter(w, to);
	member_id id = world_id(w, to, from);
	CHECK(index_of(to, id) == from);
	if (p->type == WIRE_HEARTBEAT)
		on_beat(w, from, to, p);
	else if (p->type <= WIRE_ACK)
		registry_on_recv(
			c, id, p->type, (struct bytes){p->body, p->size});
	else
		specs_on_recv(c, id, p->type, (struct bytes){p->body, p->size});
	world_leave(w, to);
	free(p->body);
	free(p);
}

/* Delivers some of what waits, at random, in order per direction. */
static void
deliver_some(struct world *w)
{
	for (unsigned i = 0; i < w->count; i++)
		for (unsigned j = 0; j < w->count; j++)
			for (uint64_t k = prng_below(&w->prng, 8);
				k && w->queues[i][j]; k--)
				deliver(w, i, j);
}

void
world_pass(struct world *w)
{
	w->now.ms += STEP_MS;
	w->wall_ms += STEP_MS;
	deliver_some(w);
	for (unsigned i = 0; i < w->count; i++) {
		if (!w->nodes[i].is_up)
			continue;
		struct core *c = world_enter(w, i);
		if (mono_reached(registry_deadline(c), w->now))
			registry_on_tick(c);
		if (mono_reached(specs_deadline(c), w->now))
			specs_on_tick(c);
		world_leave(w, i);
		if (w->now.ms % HEARTBEAT_MS)
			continue;
		for (unsigned j = 0; j < w->count; j++)
			beat(w, i, j);
	}
}

void
world_pass_ms(struct world *w, int64_t ms)
{
	for (int64_t i = 0; i < ms; i += STEP_MS)
		world_pass(w);
}
