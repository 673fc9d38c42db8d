#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/hash.h"
#include "node/effect_copy.h"
#include "tests/sim/world_private.h"

/* What panic() says; it gets no argument.  One for each thread, as worlds
 * share nothing else. */
static _Thread_local const struct world *current;

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s (seed %llu, at %lld ms)\n", file, line, what,
		current ? (unsigned long long)current->seed : 0,
		current ? (long long)current->now.ms : 0);
	fflush(stdout);
	abort();
}

/* --- Effects --- */

static void
do_note(struct world *w, uint32_t host, const struct effect_note *n)
{
	struct host *h = &w->hosts[host];
	h->notes[n->kind]++;
	if (n->kind == NOTE_UNREGISTERED || n->kind == NOTE_CONFLICT)
		guest_on_lost(h, n->name);
	if (n->kind == NOTE_READY)
		proc_mark_ready(w, host, n->name, n->epoch);
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
		int side;
		struct conn *k = net_find(w, e->send.link, &side);
		CHECK(e->send.body.size <= FRAME_MAX);
		h->sent++;
		if (k && k->ends[side].is_open)
			net_send(w, k, side, e->send.type, e->send.body);
	} else if (e->kind == EFFECT_LINK_OPEN) {
		net_dial(w, host, &e->link_open);
	} else if (e->kind == EFFECT_LINK_CLOSE) {
		int side;
		struct conn *k = net_find(w, e->link_close.link, &side);
		if (k)
			net_close(w, k, side);
	} else if (e->kind == EFFECT_REPLY) {
		h->replied = e->reply.request;
		h->reply = e->reply.code;
		snprintf(h->reply_text, sizeof h->reply_text, "%s",
			e->reply.text);
		guest_on_reply(h, &e->reply);
	} else if (e->kind == EFFECT_NOTE) {
		do_note(w, host, &e->note);
	} else if (e->kind == EFFECT_DELIVER || e->kind == EFFECT_ANSWER) {
		mail_perform(w, host, e);
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

static void
carry_out(struct world *w, uint32_t host, const struct effects *fx)
{
	struct host *h = &w->hosts[host];
	for (size_t i = 0; i < fx->count; i++) {
		const struct effect *e = &fx->items[i];
		ahead_of_effect(w, fx, i);
		effect_copy_void_start(&h->waiting, e);
		hash_effect(w, host, e);
		if (e->kind == EFFECT_STORE)
			disk_write(w, host, e);
		else if (e->after > h->stored)
			hold_back(h, e);
		else
			perform(w, host, e);
	}
}

/* --- Steps --- */

/* A tick that comes too early is looked at again then. */
void
clock_arm(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	if (!h->core)
		return;
	mono at = clock_deadline(w, host);
	if (at.ms >= h->tick_at.ms)
		return;
	h->tick_at = at;
	event_push_tick(w, host, at);
}

void
world_step(struct world *w, uint32_t host, struct input *in)
{
	struct host *h = &w->hosts[host];
	struct effects fx;
	in->now = clock_of(w, host);
	in->wall_ms = clock_wall_ms(w, host);
	h->steps++;
	core_step(h->core, in, &fx);
	if (h->core->members.incarnation_seq > h->core->stored_seq)
		h->mute_at = w->now;
	observe_step(w, host, in, &fx);
	carry_out(w, host, &fx);
	clock_arm(w, host);
}

/* A request that waited in the socket is read. */
static void
on_request(struct world *w, struct event *e)
{
	struct input in = {.kind = INPUT_REQUEST};
	in.request.id = e->seq;
	in.request.op = (enum request_op)e->type;
	in.request.name = (const char *)e->body;
	in.request.arg = in.request.name + strlen(in.request.name) + 1;
	in.request.number = e->amount;
	world_step(w, e->host, &in);
	event_free(w, e);
}

static void
happen(struct world *w, struct event *e)
{
	struct host *h = &w->hosts[e->host];
	bool is_stale = e->start != h->starts || !h->is_running;
	bool is_keepers = e->kind >= EVENT_STARTED;
	mono at = clock_runs_at(w, e->host, w->now);
	if (h->is_running && at.ms > w->now.ms && !net_is_kernels(w, e)) {
		e->at = at;
		e->is_parked = true;
		event_push(w, e);
		return;
	}
	e->is_parked = false;
	if (e->kind <= EVENT_RESET) {
		net_on_frame(w, e);
	} else if (e->kind <= EVENT_CLOSED) {
		net_on_word(w, e);
	} else if (is_keepers) {
		proc_on_event(w, e);
	} else if (is_stale) {
		event_free(w, e);
	} else if (e->kind == EVENT_DIAL) {
		net_on_dial(w, e);
	} else if (e->kind == EVENT_REQUEST) {
		on_request(w, e);
	} else if (e->kind == EVENT_MAIL) {
		mail_on_event(w, e);
	} else {
		disk_on_stored(w, e);
	}
}

/* Whether the tick on top of the heap is one that is still wanted; makes it
 * anew when it is wanted later. */
static bool
is_due(struct world *w, uint32_t host, int64_t ms)
{
	struct host *h = &w->hosts[host];
	if (!h->core || h->tick_at.ms != ms)
		return false;
	if (clock_deadline(w, host).ms <= ms)
		return true;
	h->tick_at = MONO_NEVER;
	clock_arm(w, host);
	return false;
}

static void
tick(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	struct input in = {.kind = INPUT_TICK};
	h->tick_at = MONO_NEVER;
	world_step(w, host, &in);
	/* A step may ask for the next at once, but not for ever. */
	bool is_due_again = clock_deadline(w, host).ms <= w->now.ms;
	w->ticks_at_once = is_due_again ? w->ticks_at_once + 1 : 0;
	CHECK(w->ticks_at_once < 64);
}

/* The next thing before 'end' happens; false when there is none. */
static bool
advance(struct world *w, mono end)
{
	while (w->heap_count > 0 && w->heap[0].ms <= end.ms) {
		uint32_t host;
		bool is_tick = event_is_tick(&w->heap[0], &host);
		struct world_due due = event_pop(w);
		ahead_of_events(w);
		if (is_tick && !is_due(w, host, due.ms))
			continue;
		if (due.ms > w->now.ms)
			w->now.ms = due.ms;
		w->happened++;
		if (is_tick)
			tick(w, host);
		else
			happen(w, due.event);
		return true;
	}
	return false;
}

/* --- The world --- */

struct world_options
world_options_for(uint32_t hosts_max, uint32_t names_max)
{
	struct world_options o = {.hosts_max = hosts_max};
	o.limits = core_limits_for(names_max < 2048 ? 2048 : names_max);
	o.limits.members_max = hosts_max;
	if (names_max > 512)
		return o;
	/* What many small worlds one after the other can pay for. */
	o.limits.entries_max = 512;
	o.limits.bodies_size = (uint64_t)4 * 1024 * 1024;
	o.limits.effects_max = 4096;
	o.limits.effects_size = (size_t)4 * FRAME_MAX;
	return o;
}

struct world *
world_new(uint64_t seed)
{
	struct world_options options = world_options_for(16, 512);
	return world_new_with(seed, &options);
}

/* A map with room for 'count' links; its buckets are malloc's. */
static void
make_map(struct map *m, size_t count)
{
	size_t buckets = map_bucket_count(count);
	struct map_link **at = malloc(buckets * sizeof(struct map_link *));
	CHECK(at);
	map_init(m, at, buckets);
}

struct world *
world_new_with(uint64_t seed, const struct world_options *options)
{
	struct world *w = calloc(1, sizeof *w);
	CHECK(w);
	w->options = *options;
	w->hosts = calloc(options->hosts_max, sizeof *w->hosts);
	CHECK(w->hosts);
	make_map(&w->records, (size_t)options->limits.rows_max * 2);
	make_map(&w->names, options->hosts_max);
	make_map(&w->addresses, options->hosts_max);
	make_map(&w->ways, (size_t)options->hosts_max * 64);
	list_init(&w->way_list);
	w->seed = seed;
	prng_init(&w->prng, seed);
	w->now.ms = 1000000;
	w->latency_min_ms = 0;
	w->latency_max_ms = 3;
	w->next_request = 1;
	current = w;
	return w;
}

static void
free_host(struct world *w, struct host *h)
{
	disk_clear(w, h);
	disk_drop_dirty(w, h);
	drop_waiting(h);
	free(h->dirty);
	free(h->processes);
	free(h->states);
	free(h->places);
	guest_end_all(h);
	free(h->guests);
	free(h->fetches);
	if (h->memory)
		munmap(h->memory, core_size(&w->options.limits));
}

void
world_free(struct world *w)
{
	observe_end(w);
	for (uint32_t i = 0; i < w->count; i++)
		free_host(w, &w->hosts[i]);
	net_free_all(w);
	event_free_all(w);
	way_free_all(w);
	free(w->records.buckets);
	free(w->names.buckets);
	free(w->addresses.buckets);
	free(w->ways.buckets);
	free(w->hosts);
	free(w);
	current = NULL;
}

uint32_t
world_add(struct world *w, const char *name, const char *join)
{
	CHECK(w->count < w->options.hosts_max);
	CHECK(world_find(w, name) == WORLD_HOSTS);
	struct host *h = &w->hosts[w->count];
	snprintf(h->name, sizeof h->name, "%s", name);
	snprintf(h->address, sizeof h->address, "%s:7400", name);
	memcpy(h->config.node, h->name, sizeof h->name);
	memcpy(h->config.address, h->address, sizeof h->address);
	strcpy(h->config.cluster, "test");
	h->config.node_id = prng_next(&w->prng);
	h->config.boot = 1;
	h->config.weight = 100;
	h->paused_until = h->clock_at = h->clock_from = w->now;
	h->tick_at = MONO_NEVER;
	list_init(&h->waiting);
	list_init(&h->conns);
	way_add_host(w, h);
	if (join) {
		snprintf(h->config.join[0], ADDRESS_MAX + 1, "%s", join);
		h->config.join_count = 1;
	}
	return w->count++;
}

/* Zeroed pages for a core: of those that it never touches none exists. */
static void *
fresh_memory(struct host *h, size_t size)
{
	if (h->memory)
		munmap(h->memory, size);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(memory != MAP_FAILED);
	return memory;
}

void
world_start(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	const struct core_limits *limits = &w->options.limits;
	CHECK(!h->is_running);
	h->starts++;
	h->is_powered = h->is_running = true;
	h->since = w->now;
	h->paused_until = w->now;
	h->stored = 0;
	h->config.nonce = prng_next(&w->prng);
	h->config.seed = prng_next(&w->prng);
	size_t size = core_size(limits);
	h->memory = fresh_memory(h, size);
	h->core = core_new(h->memory, size, limits, &h->config);
	if (w->strategy)
		place_register(h->core, w->strategy);
	h->is_keeper_up = true;
	observe_fault(w, WORLD_FAULT_START, host, WORLD_NO_HOST, 0);
	disk_load(w, host);
	proc_found(w, host);
	proc_sealed(w, host);
	guest_found(w, host);
	struct input in = {.kind = INPUT_BOOT};
	world_step(w, host, &in);
	if (w->on_minority)
		h->core->settings.on_minority = w->on_minority;
	proc_answer_again(w, host);
	world_open_mail(w, host);
}

static void
end_process(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	h->is_running = false;
	h->core = NULL;
	h->since = w->now;
	disk_end(w, host);
	drop_waiting(h);
	h->fetch_count = 0;
	h->tick_at = MONO_NEVER;
	way_hurt_all(w, host);
}

void
world_crash(struct world *w, uint32_t host)
{
	CHECK(w->hosts[host].is_running);
	end_process(w, host);
	net_reset_all(w, host);
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
	guest_end_all(&w->hosts[host]);
	net_silence_all(w, host);
	observe_fault(w, WORLD_FAULT_POWER, host, WORLD_NO_HOST, 0);
}

void
world_reinstall(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	CHECK(!h->is_running);
	disk_clear(w, h);
	h->state_count = 0;
	h->place_count = 0;
	guest_forget(h);
	h->config.node_id = prng_next(&w->prng);
	observe_fault(w, WORLD_FAULT_REINSTALL, host, WORLD_NO_HOST, 0);
}

bool
world_is_still(const struct world *w, uint32_t host)
{
	return clock_runs_at(w, host, w->now).ms > w->now.ms;
}

void
world_input(struct world *w, uint32_t host, struct input *in)
{
	world_step(w, host, in);
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
	char body[512];
	size_t name_size = strlen(name) + 1, size = name_size + strlen(arg) + 1;
	CHECK(size <= sizeof body);
	memcpy(body, name, name_size);
	memcpy(body + name_size, arg, size - name_size);
	struct event *e = event_new(
		w, EVENT_REQUEST, host, 0, (struct bytes){body, size});
	uint64_t id = w->next_request++;
	e->seq = id;
	e->type = (uint16_t)op;
	e->amount = number;
	/* Who stands still reads it when it goes on. */
	if (clock_runs_at(w, host, w->now).ms > w->now.ms)
		event_push(w, e);
	else
		on_request(w, e);
	return id;
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
