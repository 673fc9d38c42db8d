/* Processes that skep did not start and that have names by 'register': they
 * live until they end by themselves or their machine does. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "tests/sim/world_private.h"

static uint64_t
name_key(const char *name)
{
	return hash_text(name, 0);
}

/* Where 'g' stands now is 'place', from 1; 0: nowhere. */
static void
note_place(struct host *h, const struct guest *g, uint32_t place)
{
	*keys_at(&h->guest_pids, g->pid) = place;
	*keys_at(&h->guest_names, name_key(g->name)) = place;
	if (g->request)
		*keys_at(&h->guest_requests, g->request) = place;
}

static struct guest *
guest_at(struct host *h, uint32_t place)
{
	return place ? &h->guests[place - 1] : NULL;
}

static struct guest *
guest_of(struct host *h, const char *name, uint32_t pid)
{
	struct guest *g = guest_at(h, keys_get(&h->guest_pids, pid));
	return g && (!name || !strcmp(g->name, name)) ? g : NULL;
}

const struct guest *
world_guest_named(struct world *w, uint32_t host, const char *name)
{
	struct host *h = &w->hosts[host];
	return guest_at(h, keys_get(&h->guest_names, name_key(name)));
}

const struct guest *
world_guest_of(struct world *w, uint32_t host, uint32_t pid)
{
	return guest_of(&w->hosts[host], NULL, pid);
}

static void
remove_guest(struct host *h, struct guest *g)
{
	note_place(h, g, 0);
	--*keys_at(&h->guest_counts, name_key(g->name));
	*g = h->guests[--h->guest_count];
	if (g != &h->guests[h->guest_count])
		note_place(h, g, (uint32_t)(g - h->guests) + 1);
}

struct guest
world_guest_add(struct world *w, uint32_t host, const char *name, uint32_t pid)
{
	struct host *h = &w->hosts[host];
	struct guest g = {.pid = pid, .request = w->next_request++};
	CHECK(h->is_running);
	snprintf(g.name, sizeof g.name, "%s", name);
	h->guests = array_add(h->guests, &h->guest_count, sizeof *h->guests);
	h->guests[h->guest_count - 1] = g;
	note_place(h, &g, h->guest_count);
	++*keys_at(&h->guest_counts, name_key(name));
	return g;
}

void
world_guest_forget(struct world *w, uint32_t host, uint32_t pid)
{
	struct host *h = &w->hosts[host];
	struct guest *g;
	while ((g = guest_of(h, NULL, pid)) != NULL)
		remove_guest(h, g);
}

void
world_register(struct world *w, uint32_t host, const char *name, int64_t ms)
{
	struct guest g = world_guest_add(w, host, name, ++w->next_guest);
	struct input in = {.kind = INPUT_REGISTER};
	in.enroll = (struct input_register){.request = g.request,
		.name = g.name,
		.pid = g.pid,
		.start = g.pid,
		.timeout_ms = ms};
	world_input(w, host, &in);
}

void
world_guest_end(struct world *w, uint32_t host, uint32_t number)
{
	struct host *h = &w->hosts[host];
	struct guest g = h->guests[number];
	CHECK(h->is_running);
	if (g.request)
		return; /* its end is told behind the answer */
	remove_guest(h, &h->guests[number]);
	struct input in = {.kind = INPUT_GONE, .gone = {g.name, g.pid}};
	world_input(w, host, &in);
}

void
guest_on_reply(struct host *h, const struct effect_reply *reply)
{
	uint32_t place = keys_get(&h->guest_requests, reply->request);
	struct guest *g = reply->request ? guest_at(h, place) : NULL;
	if (!g)
		return;
	*keys_at(&h->guest_requests, reply->request) = 0;
	g->request = 0;
	/* What was given and taken may be answered behind both. */
	g->is_registered = reply->code == REPLY_OK && !g->is_lost;
	if (reply->code != REPLY_OK)
		remove_guest(h, g);
}

void
guest_on_lost(struct host *h, const char *name)
{
	uint32_t left = keys_get(&h->guest_counts, name_key(name));
	for (uint32_t i = 0; left && i < h->guest_count; i++) {
		struct guest *g = &h->guests[i];
		if (strcmp(g->name, name) != 0)
			continue;
		g->is_registered = false;
		g->is_lost = true;
		left--;
	}
}

void
guest_forget(struct host *h)
{
	for (uint32_t i = 0; i < h->guest_count; i++)
		h->guests[i].is_registered = false;
}

void
guest_end_all(struct host *h)
{
	h->guest_count = 0;
	keys_fini(&h->guest_pids);
	keys_fini(&h->guest_names);
	keys_fini(&h->guest_counts);
	keys_fini(&h->guest_requests);
}

/* One stored name: its process lives, or that it does not is told. */
static void
find(struct world *w, uint32_t host, const struct record *r)
{
	struct host *h = &w->hosts[host];
	struct tracked_record t;
	char name[RUNTIME_NAME_MAX + 1];
	struct bytes value = {r->value, r->value_size};
	if (r->table != TABLE_TRACKED || !r->value || !tracked_read(value, &t))
		return;
	memcpy(name, r->key, r->key_size);
	name[r->key_size] = '\0';
	struct guest *g = guest_of(h, name, t.pid);
	if (g) {
		g->is_registered = true;
		return;
	}
	struct input in = {.kind = INPUT_GONE, .gone = {name, t.pid}};
	world_step(w, host, &in);
}

void
guest_found(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	/* Whoever waited for an answer knows that it will not come. */
	for (uint32_t i = 0; i < h->guest_count; i++) {
		if (h->guests[i].request)
			*keys_at(&h->guest_requests, h->guests[i].request) = 0;
		h->guests[i].request = 0;
		h->guests[i].is_registered = false;
	}
	for (size_t i = 0; i < h->record_count; i++)
		find(w, host, h->records[i]);
}
