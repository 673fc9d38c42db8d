#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world_private.h"

static const struct world *current; /* for panic */

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s (seed %llu, at %lld ms)\n", file, line, what,
		current ? (unsigned long long)current->seed : 0,
		current ? (long long)current->now.ms : 0);
	fflush(stdout);
	abort();
}

/* --- Disks --- */

static void
record_free(struct record *r)
{
	free(r->value);
}

static void
disk_apply(struct host *h, struct record *r)
{
	size_t i = 0;
	for (; i < h->record_count; i++)
		if (h->records[i].table == r->table &&
			h->records[i].key_size == r->key_size &&
			!memcmp(h->records[i].key, r->key, r->key_size))
			break;
	if (i < h->record_count) {
		record_free(&h->records[i]);
		h->records[i] = h->records[--h->record_count];
	}
	if (!r->value)
		return;
	h->records =
		realloc(h->records, (h->record_count + 1) * sizeof *h->records);
	CHECK(h->records);
	h->records[h->record_count++] = *r;
	r->value = NULL;
}

static void
disk_drop_dirty(struct host *h)
{
	for (size_t i = 0; i < h->dirty_count; i++)
		record_free(&h->dirty[i]);
	h->dirty_count = 0;
}

static void
disk_write(struct world *w, uint32_t host, const struct effect_store *s)
{
	struct host *h = &w->hosts[host];
	struct record r = {.table = s->table, .key_size = s->key.size};
	CHECK(s->key.size <= sizeof r.key);
	memcpy(r.key, s->key.data, s->key.size);
	if (s->value.data) {
		r.value = malloc(s->value.size + 1);
		CHECK(r.value);
		memcpy(r.value, s->value.data, s->value.size);
		r.value_size = s->value.size;
	}
	h->dirty = realloc(h->dirty, (h->dirty_count + 1) * sizeof *h->dirty);
	CHECK(h->dirty);
	h->dirty[h->dirty_count++] = r;
	struct event *e = event_new(w, EVENT_STORED, host,
		1 + (int64_t)prng_below(&w->prng, 10), (struct bytes){NULL, 0});
	e->seq = s->seq;
	heap_push(w, e);
}

/* --- Effects --- */

static void step(struct world *w, uint32_t host, struct input *in);

static void
do_note(struct host *h, const struct effect_note *n)
{
	h->notes[n->kind]++;
	snprintf(h->note_text[n->kind], sizeof h->note_text[0], "%s: %s",
		n->name, n->text);
	if (current->is_loud)
		printf("%8lld %s: %s %s\n", (long long)current->now.ms, h->name,
			note_kind_name(n->kind), h->note_text[n->kind]);
}

static void
do_dial(struct world *w, uint32_t host, const struct effect_link_open *o)
{
	struct event *e = event_new(w, EVENT_DIAL, host, world_latency(w) * 2,
		(struct bytes){o->address, strlen(o->address) + 1});
	e->dial = o->dial;
	heap_push(w, e);
}

static void
perform(struct world *w, uint32_t host, const struct effect *e)
{
	struct host *h = &w->hosts[host];
	if (e->kind == EFFECT_SEND) {
		uint32_t n = (e->send.link - 2) / 2;
		if (n >= w->conn_count)
			return; /* a link that a test made up */
		int side = (int)(e->send.link & 1);
		CHECK(e->send.body.size <= FRAME_MAX);
		h->sent++;
		if (w->conns[n].is_open[side])
			stream_send(w, n, side, EVENT_FRAME, e->send.type,
				e->send.body);
	} else if (e->kind == EFFECT_LINK_OPEN) {
		do_dial(w, host, &e->link_open);
	} else if (e->kind == EFFECT_LINK_CLOSE) {
		uint32_t n = (e->link_close.link - 2) / 2;
		if (n < w->conn_count)
			stream_close(w, n, (int)(e->link_close.link & 1));
	} else if (e->kind == EFFECT_REPLY) {
		h->replied = e->reply.request;
		h->reply = e->reply.code;
		snprintf(h->reply_text, sizeof h->reply_text, "%s",
			e->reply.text);
	} else if (e->kind == EFFECT_NOTE) {
		do_note(h, &e->note);
	}
}

/* Keeps an effect until its STORE is durable. */
static void
hold_back(struct host *h, const struct effect *e)
{
	struct waiting **at = &h->waiting;
	struct waiting *n = calloc(1, sizeof *n);
	CHECK(n);
	n->effect = *e;
	if (e->kind == EFFECT_SEND && e->send.body.size) {
		n->body = malloc(e->send.body.size);
		CHECK(n->body);
		memcpy(n->body, e->send.body.data, e->send.body.size);
		n->effect.send.body.data = n->body;
	} else if (e->kind == EFFECT_LINK_CLOSE) {
		n->effect.link_close.why = "";
	} else if (e->kind == EFFECT_REPLY) {
		n->body = (unsigned char *)strdup(e->reply.text);
		n->effect.reply.text = (char *)n->body;
	}
	while (*at)
		at = &(*at)->next;
	*at = n;
}

static void
drop_waiting(struct host *h)
{
	while (h->waiting) {
		struct waiting *n = h->waiting;
		h->waiting = n->next;
		free(n->body);
		free(n);
	}
}

static void
release_waiting(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	struct waiting **at = &h->waiting;
	while (*at) {
		struct waiting *n = *at;
		if (n->effect.after > h->stored) {
			at = &n->next;
			continue;
		}
		*at = n->next;
		perform(w, host, &n->effect);
		free(n->body);
		free(n);
	}
}

static void
carry_out(struct world *w, uint32_t host, const struct effects *fx)
{
	struct host *h = &w->hosts[host];
	for (size_t i = 0; i < fx->count; i++) {
		const struct effect *e = &fx->items[i];
		if (e->kind == EFFECT_STORE)
			disk_write(w, host, &e->store);
		else if (e->after > h->stored)
			hold_back(h, e);
		else
			perform(w, host, e);
	}
}

/* --- Steps --- */

static void
step(struct world *w, uint32_t host, struct input *in)
{
	struct host *h = &w->hosts[host];
	struct effects fx;
	in->now = w->now;
	in->wall_ms = 1700000000000 + w->now.ms;
	h->steps++;
	core_step(h->core, in, &fx);
	world_check(w, host, &fx);
	carry_out(w, host, &fx);
}

static void
tell_down(struct world *w, uint32_t number, int side,
	enum link_down_reason reason)
{
	struct conn *k = &w->conns[number];
	if (!k->is_open[side])
		return;
	k->is_open[side] = false;
	struct input in = {.kind = INPUT_LINK_DOWN};
	in.link_down.link = link_of(number, side);
	in.link_down.dial = side == 0 ? k->dial : 0;
	in.link_down.reason = reason;
	step(w, k->host[side], &in);
}

static void
on_dial(struct world *w, struct event *e)
{
	uint32_t to = host_at(w, (const char *)e->body);
	struct input in = {.kind = INPUT_LINK_DOWN};
	struct host *h = &w->hosts[e->host];
	bool is_silent = to == WORLD_HOSTS || !w->hosts[to].is_powered ||
			 w->is_cut[e->host][to] || w->is_cut[to][e->host];
	in.link_down.dial = e->dial;
	in.link_down.reason = is_silent ? LINK_TIMEOUT : LINK_REFUSED;
	if (is_silent && e->seq == 0) {
		e->seq = 1; /* the answer that does not come */
		e->at = mono_add(w->now, DIAL_TIMEOUT_MS);
		heap_push(w, e);
		return;
	}
	if (e->seq == 0 && w->hosts[to].is_running) {
		uint32_t n = conn_new(w, e->host, to, e->dial);
		in = (struct input){.kind = INPUT_LINK_UP};
		in.link_up =
			(struct input_link_up){link_of(n, 1), 0, h->address};
		step(w, to, &in);
		in.link_up = (struct input_link_up){
			link_of(n, 0), e->dial, w->hosts[to].address};
	} else if (e->seq == 1) {
		in.link_down.reason = LINK_TIMEOUT;
	}
	step(w, e->host, &in);
	free(e);
}

/* Keeps a frame that cannot arrive, and all behind it.  Too long, and the
 * sender's kernel gives the stream up. */
static void
hold_frame(struct world *w, struct event *e)
{
	struct conn *k = &w->conns[e->conn];
	uint32_t from = k->host[!e->side];
	if (e->held_since.ms == MONO_NEVER.ms) {
		e->held_since = w->now;
		k->held[e->side]++;
	}
	if (mono_diff(w->now, e->held_since) < STREAM_TIMEOUT_MS) {
		/* All on one grid, so that they keep their order. */
		e->at.ms = (w->now.ms / 100 + 1) * 100;
		heap_push(w, e);
		return;
	}
	k->held[e->side]--;
	if (w->hosts[from].starts == k->start[!e->side] &&
		w->hosts[from].is_running)
		tell_down(w, e->conn, !e->side, LINK_TIMEOUT);
	free(e);
}

static void
arrive(struct world *w, struct event *e)
{
	struct conn *k = &w->conns[e->conn];
	int side = e->side;
	bool is_there = w->hosts[e->host].starts == k->start[side] &&
			w->hosts[e->host].is_running && k->is_open[side];
	if (is_there && e->kind == EVENT_RESET) {
		tell_down(w, e->conn, side, LINK_RESET);
	} else if (is_there) {
		struct input in = {.kind = INPUT_RECV};
		in.recv = (struct input_recv){
			link_of(e->conn, side), e->type, {e->body, e->size}};
		step(w, e->host, &in);
	} else if (e->kind == EVENT_FRAME && k->is_open[!side]) {
		stream_send(w, e->conn, side, EVENT_RESET, 0,
			(struct bytes){NULL, 0});
	}
}

/* A frame or an end of stream arrives, unless the way is cut. */
static void
on_frame(struct world *w, struct event *e)
{
	struct conn *k = &w->conns[e->conn];
	uint32_t from = k->host[!e->side];
	bool is_held = e->held_since.ms != MONO_NEVER.ms;
	if (w->is_cut[from][e->host] || !w->hosts[e->host].is_powered ||
		(!is_held && k->held[e->side] > 0)) {
		hold_frame(w, e);
		return;
	}
	if (is_held)
		k->held[e->side]--;
	arrive(w, e);
	free(e);
}

static void
on_stored(struct world *w, struct event *e)
{
	struct host *h = &w->hosts[e->host];
	CHECK(h->dirty_count > 0);
	if (e->seq != h->stored + 1) { /* the disk keeps order */
		e->at = mono_add(w->now, 1);
		heap_push(w, e);
		return;
	}
	disk_apply(h, &h->dirty[0]);
	record_free(&h->dirty[0]);
	memmove(h->dirty, h->dirty + 1, --h->dirty_count * sizeof *h->dirty);
	h->stored = e->seq;
	struct input in = {.kind = INPUT_STORED};
	in.stored.seq = e->seq;
	step(w, e->host, &in);
	release_waiting(w, e->host);
	free(e);
}

static void
happen(struct world *w, struct event *e)
{
	struct host *h = &w->hosts[e->host];
	bool is_stale = e->start != h->starts || !h->is_running;
	bool is_stream = e->kind == EVENT_FRAME || e->kind == EVENT_RESET;
	if (h->is_running && !mono_reached(h->paused_until, w->now)) {
		e->at = h->paused_until;
		heap_push(w, e);
		return;
	}
	if (is_stream)
		on_frame(w, e);
	else if (is_stale)
		free(e);
	else if (e->kind == EVENT_DIAL)
		on_dial(w, e);
	else
		on_stored(w, e);
}

/* The host whose core wants to be called next, and when. */
static uint32_t
next_deadline(const struct world *w, mono *at)
{
	uint32_t host = WORLD_HOSTS;
	*at = MONO_NEVER;
	for (uint32_t i = 0; i < w->count; i++) {
		if (!w->hosts[i].core)
			continue;
		mono d = core_deadline(w->hosts[i].core);
		if (d.ms < w->hosts[i].paused_until.ms)
			d = w->hosts[i].paused_until;
		if (d.ms < at->ms) {
			*at = d;
			host = i;
		}
	}
	return host;
}

/* The next thing before 'end' happens; false when there is none. */
static bool
advance(struct world *w, mono end)
{
	mono at;
	uint32_t host = next_deadline(w, &at);
	bool is_event = w->heap_count > 0 && w->heap[0]->at.ms <= at.ms;
	if (is_event)
		at = w->heap[0]->at;
	if (at.ms > end.ms)
		return false;
	if (at.ms > w->now.ms)
		w->now = at;
	if (is_event) {
		happen(w, heap_pop(w));
	} else {
		struct input in = {.kind = INPUT_TICK};
		step(w, host, &in);
		CHECK(core_deadline(w->hosts[host].core).ms > w->now.ms);
	}
	return true;
}

/* --- The world --- */

struct world *
world_new(uint64_t seed)
{
	struct world *w = calloc(1, sizeof *w);
	CHECK(w);
	w->seed = seed;
	prng_init(&w->prng, seed);
	w->now.ms = 1000000;
	w->latency_min_ms = 0;
	w->latency_max_ms = 3;
	w->next_request = 1;
	current = w;
	for (int a = 0; a < WORLD_HOSTS; a++)
		for (int b = 0; b < WORLD_HOSTS; b++)
			w->faulted_at[a][b] = w->now;
	return w;
}

void
world_free(struct world *w)
{
	for (uint32_t i = 0; i < w->count; i++) {
		struct host *h = &w->hosts[i];
		for (size_t r = 0; r < h->record_count; r++)
			record_free(&h->records[r]);
		disk_drop_dirty(h);
		drop_waiting(h);
		free(h->records);
		free(h->dirty);
		free(h->memory);
	}
	while (w->heap_count)
		free(heap_pop(w));
	free(w->heap);
	free(w->conns);
	free(w);
	current = NULL;
}

uint32_t
world_add(struct world *w, const char *name, const char *join)
{
	CHECK(w->count < WORLD_HOSTS);
	struct host *h = &w->hosts[w->count];
	snprintf(h->name, sizeof h->name, "%s", name);
	snprintf(h->address, sizeof h->address, "%s:7400", name);
	memcpy(h->config.node, h->name, sizeof h->name);
	memcpy(h->config.address, h->address, sizeof h->address);
	strcpy(h->config.cluster, "test");
	h->config.node_id = prng_next(&w->prng);
	h->config.boot = 1;
	h->config.weight = 100;
	h->paused_until = w->now;
	if (join) {
		snprintf(h->config.join[0], ADDRESS_MAX + 1, "%s", join);
		h->config.join_count = 1;
	}
	return w->count++;
}

static void
load(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	for (size_t i = 0; i < h->record_count; i++) {
		const struct record *r = &h->records[i];
		struct input in = {.kind = INPUT_LOAD};
		in.load = (struct input_load){r->table, {r->key, r->key_size},
			{r->value, r->value_size}};
		step(w, host, &in);
	}
}

void
world_start(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	struct core_limits limits = core_limits_for(64);
	limits.members_max = 16;
	limits.entries_max = 256;
	limits.rows_max = 1024;
	limits.bodies_size = (uint64_t)1 << 20;
	limits.effects_max = 2048;
	limits.effects_size = FRAME_MAX;
	CHECK(!h->is_running);
	h->starts++;
	h->is_powered = h->is_running = true;
	h->since = w->now;
	h->paused_until = w->now;
	h->stored = 0;
	h->opinion_count = 0;
	h->config.nonce = prng_next(&w->prng);
	h->config.seed = prng_next(&w->prng);
	size_t size = core_size(&limits);
	if (!h->memory)
		h->memory = aligned_alloc(16, (size + 15) & ~(size_t)15);
	CHECK(h->memory);
	memset(h->memory, 0, size);
	h->core = core_new(h->memory, size, &limits, &h->config);
	load(w, host);
	struct input in = {.kind = INPUT_BOOT};
	step(w, host, &in);
	h->core->settings.on_minority = w->on_minority;
}

static void
end_process(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	h->is_running = false;
	h->core = NULL;
	h->since = w->now;
	disk_drop_dirty(h);
	drop_waiting(h);
	for (uint32_t i = 0; i < w->count; i++)
		w->faulted_at[i][host] = w->faulted_at[host][i] = w->now;
}

void
world_kill(struct world *w, uint32_t host)
{
	CHECK(w->hosts[host].is_running);
	end_process(w, host);
	for (uint32_t n = 0; n < w->conn_count; n++)
		for (int side = 0; side < 2; side++)
			if (w->conns[n].host[side] == host)
				stream_close(w, n, side);
}

void
world_power_off(struct world *w, uint32_t host)
{
	if (w->hosts[host].is_running)
		end_process(w, host);
	w->hosts[host].is_powered = false;
	for (uint32_t n = 0; n < w->conn_count; n++)
		for (int side = 0; side < 2; side++)
			if (w->conns[n].host[side] == host)
				w->conns[n].is_open[side] = false;
}

void
world_pause(struct world *w, uint32_t host, int64_t ms)
{
	struct host *h = &w->hosts[host];
	h->paused_until = mono_add(w->now, ms);
	h->since = h->paused_until;
}

void
world_reinstall(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	CHECK(!h->is_running);
	while (h->record_count)
		record_free(&h->records[--h->record_count]);
	h->config.node_id = prng_next(&w->prng);
}

static struct record *
records_copy(const struct record *from, size_t count)
{
	struct record *to = calloc(count + 1, sizeof *to);
	CHECK(to);
	for (size_t i = 0; i < count; i++) {
		to[i] = from[i];
		to[i].value = malloc(from[i].value_size + 1);
		CHECK(to[i].value);
		memcpy(to[i].value, from[i].value, from[i].value_size);
	}
	return to;
}

struct disk *
world_disk_copy(const struct world *w, uint32_t host)
{
	const struct host *h = &w->hosts[host];
	struct disk *d = calloc(1, sizeof *d);
	CHECK(d);
	d->records = records_copy(h->records, h->record_count);
	d->count = h->record_count;
	return d;
}

void
world_disk_restore(struct world *w, uint32_t host, struct disk *disk)
{
	struct host *h = &w->hosts[host];
	CHECK(!h->is_running);
	while (h->record_count)
		record_free(&h->records[--h->record_count]);
	free(h->records);
	h->records = disk->records;
	h->record_count = disk->count;
	free(disk);
}

void
world_input(struct world *w, uint32_t host, struct input *in)
{
	step(w, host, in);
}

void
world_cut(struct world *w, uint32_t from, uint32_t to, bool is_cut)
{
	w->is_cut[from][to] = is_cut;
	w->faulted_at[from][to] = w->faulted_at[to][from] = w->now;
}

void
world_cut_both(struct world *w, uint32_t a, uint32_t b, bool is_cut)
{
	world_cut(w, a, b, is_cut);
	world_cut(w, b, a, is_cut);
}

void
world_heal(struct world *w)
{
	for (uint32_t a = 0; a < w->count; a++)
		for (uint32_t b = 0; b < w->count; b++)
			if (w->is_cut[a][b])
				world_cut(w, a, b, false);
}

int64_t
world_run_until(struct world *w, int64_t limit_ms,
	bool (*is_done)(const struct world *w, void *arg), void *arg)
{
	mono start = w->now;
	mono end = mono_add(w->now, limit_ms);
	current = w;
	while (!is_done || !is_done(w, arg))
		if (!advance(w, end)) {
			w->now = end;
			return -1;
		}
	return mono_diff(w->now, start);
}

void
world_run(struct world *w, int64_t ms)
{
	world_run_until(w, ms, NULL, NULL);
}

uint64_t
world_request(
	struct world *w, uint32_t host, enum request_op op, const char *name)
{
	struct input in = {.kind = INPUT_REQUEST};
	in.request.id = w->next_request++;
	in.request.op = op;
	in.request.name = name;
	in.request.arg = "";
	step(w, host, &in);
	return in.request.id;
}

enum member_state
world_opinion(const struct world *w, uint32_t host, uint32_t about)
{
	const struct core *c = w->hosts[host].core;
	CHECK(c);
	member_id id = member_find(c, w->hosts[about].name);
	return id == MEMBER_NONE ? MEMBER_UNKNOWN : member_get(c, id)->state;
}

bool
world_is_whole(const struct world *w, void *unused)
{
	(void)unused;
	for (uint32_t a = 0; a < w->count; a++) {
		const struct core *c = w->hosts[a].core;
		if (!c)
			continue;
		if (member_hold_now(c) != HOLD_NONE ||
			!member_is_view_agreed(c) ||
			c->members.is_topology_dirty)
			return false;
		for (uint32_t b = 0; b < w->count; b++) {
			if (a == b)
				continue;
			member_id id = member_find(c, w->hosts[b].name);
			bool is_alive =
				id != MEMBER_NONE &&
				member_get(c, id)->state == MEMBER_ALIVE &&
				member_get(c, id)->link;
			if (is_alive != w->hosts[b].is_running)
				return false;
		}
	}
	return true;
}
