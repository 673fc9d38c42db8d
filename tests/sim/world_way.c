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
	return !y || !y->is_cut[from > to];
}

static mono
later(mono a, mono b)
{
	return a.ms > b.ms ? a : b;
}

mono
world_faulted_at(const struct world *w, uint32_t a, uint32_t b)
{
	const struct way *y = find_way(w, a, b);
	mono at = later(w->hosts[a].faulted_at, w->hosts[b].faulted_at);
	return y ? later(at, y->faulted_at) : at;
}

void
way_hurt_all(struct world *w, uint32_t host)
{
	w->hosts[host].faulted_at = w->now;
}

void
world_cut(struct world *w, uint32_t from, uint32_t to, bool is_cut)
{
	struct way *y = make_way(w, from, to);
	y->is_cut[from > to] = is_cut;
	y->faulted_at = w->now;
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
	list_each (l, &w->way_list) {
		struct way *y = container_of(l, struct way, in_list);
		if (y->is_cut[0])
			world_cut(w, y->a, y->b, false);
		if (y->is_cut[1])
			world_cut(w, y->b, y->a, false);
	}
}

void
way_free_all(struct world *w)
{
	struct map_link *l;
	while ((l = map_take_any(&w->ways)))
		free(container_of(l, struct way, in_ways));
}
