/* Who is where, and which ways between hosts are not as usual. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tests/sim/world_private.h"

void
way_add_host(struct world *w, struct host *h)
{
	map_insert(&w->names, &h->by_name, hash_text(h->name, 0));
	map_insert(&w->addresses, &h->by_address, hash_text(h->address, 0));
	h->faulted_at = w->now;
}

void
world_set_alias(struct world *w, uint32_t host, const char *alias)
{
	struct host *h = &w->hosts[host];
	if (h->alias[0])
		map_remove(&w->addresses, &h->by_alias);
	CHECK(strlen(alias) < sizeof h->alias);
	strcpy(h->alias, alias);
	if (alias[0])
		map_insert(&w->addresses, &h->by_alias, hash_text(alias, 0));
}

uint32_t
world_find(const struct world *w, const char *name)
{
	uint64_t hash = hash_text(name, 0);
	struct map_link *l = map_first(&w->names, hash);
	for (; l; l = map_next(&w->names, l)) {
		struct host *h = container_of(l, struct host, by_name);
		if (!strcmp(h->name, name))
			return (uint32_t)(h - w->hosts);
	}
	return WORLD_HOSTS;
}

/* The host whose link in the map of addresses 'l' is, if 'address' is what
 * that link stands for. */
static struct host *
host_of(const struct world *w, struct map_link *l, const char *address)
{
	struct host *h = container_of(l, struct host, by_address);
	size_t offset = (size_t)((char *)l - (char *)w->hosts);
	if (offset % sizeof *h == offsetof(struct host, by_address))
		return strcmp(h->address, address) ? NULL : h;
	h = container_of(l, struct host, by_alias);
	return strcmp(h->alias, address) ? NULL : h;
}

uint32_t
world_host_at(const struct world *w, const char *address)
{
	uint64_t hash = hash_text(address, 0);
	struct map_link *l = map_first(&w->addresses, hash);
	for (; l; l = map_next(&w->addresses, l)) {
		struct host *h = host_of(w, l, address);
		if (h)
			return (uint32_t)(h - w->hosts);
	}
	return WORLD_HOSTS;
}

/* --- Ways --- */

static uint64_t
pair_hash(uint32_t a, uint32_t b)
{
	return a < b ? hash_mix(a, b) : hash_mix(b, a);
}

static struct way *
find_way(const struct world *w, uint32_t a, uint32_t b)
{
	if (w->ways.count == 0)
		return NULL;
	struct map_link *l = map_first(&w->ways, pair_hash(a, b));
	for (; l; l = map_next(&w->ways, l)) {
		struct way *y = container_of(l, struct way, in_ways);
		if ((y->a == a && y->b == b) || (y->a == b && y->b == a))
			return y;
	}
	return NULL;
}

static struct way *
make_way(struct world *w, uint32_t a, uint32_t b)
{
	struct way *y = find_way(w, a, b);
	if (y)
		return y;
	y = calloc(1, sizeof *y);
	CHECK(y);
	y->a = a < b ? a : b;
	y->b = a < b ? b : a;
	map_insert(&w->ways, &y->in_ways, pair_hash(a, b));
	list_append(&w->way_list, &y->in_list);
	return y;
}

bool
world_is_open(const struct world *w, uint32_t from, uint32_t to)
{
	const struct way *y = find_way(w, from, to);
	if (w->hosts[from].group != w->hosts[to].group)
		return false;
	return !y || !y->is_cut[from > to];
}

static mono
later(mono a, mono b)
{
	return a.ms > b.ms ? a : b;
}

/* When a change of groups last touched the ways between two hosts: not when
 * both went together. */
static mono
regrouped_at(const struct host *a, const struct host *b)
{
	bool is_together = a->group_at.ms == b->group_at.ms &&
			   a->group == b->group &&
			   a->last_group == b->last_group;
	return is_together ? (mono){0} : later(a->group_at, b->group_at);
}

mono
world_faulted_at(const struct world *w, uint32_t a, uint32_t b)
{
	const struct host *x = &w->hosts[a], *z = &w->hosts[b];
	const struct way *y = find_way(w, a, b);
	mono at = later(x->faulted_at, z->faulted_at);
	at = later(at, regrouped_at(x, z));
	return y ? later(at, y->faulted_at) : at;
}

void
way_hurt_all(struct world *w, uint32_t host)
{
	w->hosts[host].faulted_at = w->now;
}

int64_t
way_latency(struct world *w, uint32_t from, uint32_t to)
{
	const struct way *y = find_way(w, from, to);
	int64_t min_ms = w->latency_min_ms, max_ms = w->latency_max_ms;
	if (y && y->has_latency[from > to]) {
		min_ms = y->latency_min_ms[from > to];
		max_ms = 2 * y->latency_mean_ms[from > to] - min_ms;
	}
	uint64_t spread = (uint64_t)(max_ms - min_ms) + 1;
	return min_ms + (int64_t)prng_below(&w->prng, spread);
}

mono
way_stalled_until(const struct world *w, uint32_t from, uint32_t to)
{
	const struct way *y = find_way(w, from, to);
	return y ? y->stalled_until[from > to] : (mono){0};
}

enum link_down_reason
way_refusal(const struct world *w, uint32_t from, uint32_t to)
{
	const struct way *y = find_way(w, from, to);
	return y ? y->refusal[from > to] : (enum link_down_reason)0;
}

bool
world_can_dial(const struct world *w, uint32_t from, uint32_t to)
{
	return world_is_open(w, from, to) && world_is_open(w, to, from) &&
	       !way_refusal(w, from, to);
}

bool
world_has_bulk(const struct world *w, uint32_t a, uint32_t b)
{
	const struct way *y = find_way(w, a, b);
	return world_is_open(w, a, b) && world_is_open(w, b, a) &&
	       !(y && y->is_bulk_cut);
}

/* --- Faults --- */

/* The exception between two hosts, which is hurt or healed now. */
static struct way *
touch(struct world *w, uint32_t a, uint32_t b)
{
	CHECK(a < w->count && b < w->count && a != b);
	struct way *y = make_way(w, a, b);
	y->faulted_at = w->now;
	return y;
}

void
way_hurt(struct world *w, uint32_t a, uint32_t b)
{
	touch(w, a, b);
}

void
world_cut(struct world *w, uint32_t from, uint32_t to, bool is_cut)
{
	if (from == to)
		return; /* a host always reaches itself */
	touch(w, from, to)->is_cut[from > to] = is_cut;
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
world_partition(struct world *w, uint32_t host, uint32_t group)
{
	struct host *h = &w->hosts[host];
	if (h->group == group)
		return;
	if (h->group_at.ms != w->now.ms)
		h->last_group = h->group;
	h->group = group;
	h->group_at = w->now;
	observe_fault(w, WORLD_FAULT_PARTITION, host, WORLD_NO_HOST, group);
}

void
world_set_latency(struct world *w, uint32_t from, uint32_t to, int64_t min_ms,
	int64_t mean_ms)
{
	struct way *y = touch(w, from, to);
	CHECK(mean_ms < 0 || (min_ms >= 0 && min_ms <= mean_ms));
	y->has_latency[from > to] = mean_ms >= 0;
	y->latency_min_ms[from > to] = min_ms;
	y->latency_mean_ms[from > to] = mean_ms;
	observe_fault(w, WORLD_FAULT_STREAM, from, to, mean_ms);
}

void
world_stall(struct world *w, uint32_t from, uint32_t to, int64_t ms)
{
	struct way *y = touch(w, from, to);
	y->stalled_until[from > to] = mono_add(w->now, ms);
	y->faulted_at = y->stalled_until[from > to];
	observe_fault(w, WORLD_FAULT_STREAM, from, to, ms);
}

void
world_set_stalls(struct world *w, uint32_t permille)
{
	CHECK(permille <= 1000);
	w->stall_permille = permille;
	for (uint32_t i = 0; i < w->count; i++)
		w->hosts[i].faulted_at = w->now;
	observe_fault(
		w, WORLD_FAULT_STREAM, WORLD_NO_HOST, WORLD_NO_HOST, permille);
}

void
world_set_dial(struct world *w, uint32_t from, uint32_t to,
	enum link_down_reason reason)
{
	touch(w, from, to)->refusal[from > to] = reason;
	observe_fault(w, WORLD_FAULT_STREAM, from, to, reason);
}

void
world_slow_reader(struct world *w, uint32_t host, int64_t bytes_per_s)
{
	struct host *h = &w->hosts[host];
	h->read_bytes_per_s = bytes_per_s;
	h->read_at = w->now;
	if (h->since.ms < w->now.ms) /* a pause ends later */
		h->since = w->now;
	observe_fault(w, WORLD_FAULT_OTHER, host, WORLD_NO_HOST, bytes_per_s);
}

void
world_starve(struct world *w, uint32_t host, uint32_t cpu_percent)
{
	struct host *h = &w->hosts[host];
	h->cpu_percent = cpu_percent < 100 ? cpu_percent : 0;
	if (h->since.ms < w->now.ms)
		h->since = w->now;
	clock_arm(w, host);
	observe_fault(w, WORLD_FAULT_OTHER, host, WORLD_NO_HOST, cpu_percent);
}

void
world_cut_bulk(struct world *w, uint32_t a, uint32_t b, bool is_cut)
{
	make_way(w, a, b)->is_bulk_cut = is_cut;
	observe_fault(w, WORLD_FAULT_OTHER, a, b, is_cut);
}

static void
heal_way(struct world *w, struct way *y)
{
	for (int d = 0; d < 2; d++) {
		bool is_hurt = y->has_latency[d] || y->refusal[d] ||
			       !mono_reached(y->stalled_until[d], w->now);
		y->has_latency[d] = false;
		y->refusal[d] = (enum link_down_reason)0;
		if (is_hurt)
			y->faulted_at = y->stalled_until[d] = w->now;
	}
	y->is_bulk_cut = false;
	if (y->is_cut[0])
		world_cut(w, y->a, y->b, false);
	if (y->is_cut[1])
		world_cut(w, y->b, y->a, false);
}

void
world_heal(struct world *w)
{
	list_each (l, &w->way_list)
		heal_way(w, container_of(l, struct way, in_list));
	for (uint32_t i = 0; i < w->count; i++)
		world_partition(w, i, 0);
	if (w->stall_permille)
		world_set_stalls(w, 0);
}

void
way_free_all(struct world *w)
{
	struct map_link *l;
	while ((l = map_take_any(&w->ways)))
		free(container_of(l, struct way, in_ways));
}
