#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "node/effect_copy.h"
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

uint32_t
world_host_at(const struct world *w, const char *address)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (!strcmp(w->hosts[i].address, address) ||
			!strcmp(w->hosts[i].alias, address))
			return i;
	return WORLD_HOSTS;
}

/* --- Effects --- */

static void
do_note(struct world *w, uint32_t host, const struct effect_note *n)
{
	struct host *h = &w->hosts[host];
	h->notes[n->kind]++;
	snprintf(h->note_text[n->kind], sizeof h->note_text[0], "%s: %s",
		n->name, n->text);
	if (w->is_loud)
		printf("%8lld %s: %s %s\n", (long long)w->now.ms, h->name,
			note_kind_name(n->kind), h->note_text[n->kind]);
	if (w->on_note)
		w->on_note(w, host, n, w->context);
}

static void
perform(struct world *w, uint32_t host, const struct effect *e)
{
	struct host *h = &w->hosts[host];
	observe_effect(w, host, e);
	if (e->kind == EFFECT_SEND) {
		uint32_t n = (e->send.link - 2) / 2;
		if (n >= w->conn_count)
			return; /* a link that a test made up */
		int side = (int)(e->send.link & 1);
		CHECK(e->send.body.size <= FRAME_MAX);
		h->sent++;
		if (w->conns[n].is_open[side])
			net_send(w, n, side, EVENT_FRAME, e->send.type,
				e->send.body);
	} else if (e->kind == EFFECT_LINK_OPEN) {
		net_dial(w, host, &e->link_open);
	} else if (e->kind == EFFECT_LINK_CLOSE) {
		uint32_t n = (e->link_close.link - 2) / 2;
		if (n < w->conn_count)
			net_close(w, n, (int)(e->link_close.link & 1));
	} else if (e->kind == EFFECT_REPLY) {
		h->replied = e->reply.request;
		h->reply = e->reply.code;
		snprintf(h->reply_text, sizeof h->reply_text, "%s",
			e->reply.text);
	} else if (e->kind == EFFECT_NOTE) {
		do_note(w, host, &e->note);
	} else {
		proc_perform(w, host, e);
	}
}

/* Keeps an effect until its STORE is durable. */
static void
hold_back(struct host *h, const struct effect *e)
{
	struct effect_copy *copy = effect_copy_new(e);
	list_append(&h->waiting, &copy->link);
}

static void
drop_waiting(struct host *h)
{
	list_each_safe (l, &h->waiting) {
		list_remove(l);
		free(container_of(l, struct effect_copy, link));
	}
}

void
world_release_waiting(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	list_each_safe (l, &h->waiting) {
		struct effect_copy *copy =
			container_of(l, struct effect_copy, link);
		if (copy->effect.after > h->stored)
			continue;
		list_remove(l);
		perform(w, host, &copy->effect);
		free(copy);
	}
}

/* Adds to the hash by which two runs of a seed are compared. */
static void
add_to_hash(struct world *w, uint32_t host, const struct effect *e)
{
	uint64_t h = hash_mix(host, (uint64_t)e->kind);
	h = hash_mix(h, (uint64_t)w->now.ms);
	if (e->kind == EFFECT_NOTE)
		h = hash_mix(h, hash_text(e->note.name, e->note.kind));
	if (e->kind == EFFECT_SEND)
		h = hash_mix(h, hash_bytes(e->send.body.data, e->send.body.size,
					e->send.type));
	w->hash = hash_mix(w->hash, h);
}

static void
carry_out(struct world *w, uint32_t host, const struct effects *fx)
{
	struct host *h = &w->hosts[host];
	for (size_t i = 0; i < fx->count; i++) {
		const struct effect *e = &fx->items[i];
		add_to_hash(w, host, e);
		if (e->kind == EFFECT_STORE)
			disk_write(w, host, e);
		else if (e->after > h->stored)
			hold_back(h, e);
		else
			perform(w, host, e);
	}
}

/* --- Steps --- */

void
world_step(struct world *w, uint32_t host, struct input *in)
{
	struct host *h = &w->hosts[host];
	struct effects fx;
	in->now = w->now;
	in->wall_ms = 1700000000000 + w->now.ms;
	h->steps++;
	core_step(h->core, in, &fx);
	world_check(w, host, &fx);
	observe_step(w, host, in, &fx);
	carry_out(w, host, &fx);
}

static void
happen(struct world *w, struct event *e)
{
	struct host *h = &w->hosts[e->host];
	bool is_stale = e->start != h->starts || !h->is_running;
	bool is_keepers = e->kind >= EVENT_STARTED;
	bool is_stream = e->kind == EVENT_FRAME || e->kind == EVENT_RESET;
	if (h->is_running && !mono_reached(h->paused_until, w->now)) {
		e->at = h->paused_until;
		event_push(w, e);
		return;
	}
	if (is_stream)
		net_on_frame(w, e);
	else if (is_keepers)
		proc_on_event(w, e);
	else if (is_stale)
		free(e);
	else if (e->kind == EVENT_DIAL)
		net_on_dial(w, e);
	else
		disk_on_stored(w, e);
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
		happen(w, event_pop(w));
	} else {
		struct input in = {.kind = INPUT_TICK};
		world_step(w, host, &in);
		/* A step may ask for the next at once, but not for ever. */
		bool is_due =
			core_deadline(w->hosts[host].core).ms <= w->now.ms;
		w->ticks_at_once = is_due ? w->ticks_at_once + 1 : 0;
		CHECK(w->ticks_at_once < 64);
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
	observe_end(w);
	for (uint32_t i = 0; i < w->count; i++) {
		struct host *h = &w->hosts[i];
		for (size_t r = 0; r < h->record_count; r++)
			record_free(&h->records[r]);
		disk_drop_dirty(h);
		drop_waiting(h);
		free(h->records);
		free(h->dirty);
		free(h->processes);
		free(h->states);
		free(h->memory);
	}
	while (w->heap_count)
		free(event_pop(w));
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
	list_init(&h->waiting);
	if (join) {
		snprintf(h->config.join[0], ADDRESS_MAX + 1, "%s", join);
		h->config.join_count = 1;
	}
	return w->count++;
}

void
world_start(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	struct core_limits limits = core_limits_for(2048);
	limits.members_max = 16;
	limits.entries_max = 512;
	limits.bodies_size = (uint64_t)4 * 1024 * 1024;
	limits.effects_max = 4096;
	limits.effects_size = (size_t)4 * FRAME_MAX;
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
	if (w->strategy)
		place_register(h->core, w->strategy);
	h->is_keeper_up = true;
	observe_fault(w, WORLD_FAULT_START, host, WORLD_NO_HOST, 0);
	disk_load(w, host);
	proc_found(w, host);
	struct input in = {.kind = INPUT_BOOT};
	world_step(w, host, &in);
	if (w->on_minority)
		h->core->settings.on_minority = w->on_minority;
	proc_answer_again(w, host);
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

/* The kernel ends the streams of a process that is gone. */
static void
reset_streams(struct world *w, uint32_t host)
{
	for (uint32_t n = 0; n < w->conn_count; n++)
		for (int side = 0; side < 2; side++)
			if (w->conns[n].host[side] == host)
				net_close(w, n, side);
}

void
world_crash(struct world *w, uint32_t host)
{
	CHECK(w->hosts[host].is_running);
	end_process(w, host);
	reset_streams(w, host);
	observe_fault(w, WORLD_FAULT_CRASH, host, WORLD_NO_HOST, 0);
}

void
world_kill(struct world *w, uint32_t host)
{
	world_crash(w, host);
	w->hosts[host].is_keeper_up = false;
	proc_end_all(w, host);
	observe_fault(w, WORLD_FAULT_KILL, host, WORLD_NO_HOST, 0);
}

void
world_power_off(struct world *w, uint32_t host)
{
	if (w->hosts[host].is_running)
		end_process(w, host);
	w->hosts[host].is_powered = false;
	w->hosts[host].is_keeper_up = false;
	proc_end_all(w, host);
	for (uint32_t n = 0; n < w->conn_count; n++)
		for (int side = 0; side < 2; side++)
			if (w->conns[n].host[side] == host)
				w->conns[n].is_open[side] = false;
	observe_fault(w, WORLD_FAULT_POWER, host, WORLD_NO_HOST, 0);
}

void
world_pause(struct world *w, uint32_t host, int64_t ms)
{
	struct host *h = &w->hosts[host];
	h->paused_until = mono_add(w->now, ms);
	h->since = h->paused_until;
	observe_fault(w, WORLD_FAULT_PAUSE, host, WORLD_NO_HOST, ms);
}

void
world_reinstall(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	CHECK(!h->is_running);
	while (h->record_count)
		record_free(&h->records[--h->record_count]);
	h->config.node_id = prng_next(&w->prng);
	observe_fault(w, WORLD_FAULT_REINSTALL, host, WORLD_NO_HOST, 0);
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
	observe_fault(w, WORLD_FAULT_RESTORE, host, WORLD_NO_HOST, 0);
}

void
world_input(struct world *w, uint32_t host, struct input *in)
{
	world_step(w, host, in);
}

void
world_cut(struct world *w, uint32_t from, uint32_t to, bool is_cut)
{
	w->is_cut[from][to] = is_cut;
	w->faulted_at[from][to] = w->faulted_at[to][from] = w->now;
	observe_fault(
		w, is_cut ? WORLD_FAULT_CUT : WORLD_FAULT_HEAL, from, to, 0);
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
	return world_request_with(w, host, op, name, "", 0);
}

uint64_t
world_request_with(struct world *w, uint32_t host, enum request_op op,
	const char *name, const char *arg, int64_t number)
{
	struct input in = {.kind = INPUT_REQUEST};
	in.request.id = w->next_request++;
	in.request.op = op;
	in.request.name = name;
	in.request.arg = arg;
	in.request.number = number;
	world_step(w, host, &in);
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
