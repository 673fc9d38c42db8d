/* Processes that skep did not start and that have names by 'register': they
 * live until they end by themselves or their machine does. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/keys.h"
#include "tests/sim/world_private.h"

static struct guest *
guest_of(struct host *h, const char *name, uint32_t pid)
{
	for (uint32_t i = 0; i < h->guest_count; i++)
		if (h->guests[i].pid == pid &&
			(!name || !strcmp(h->guests[i].name, name)))
			return &h->guests[i];
	return NULL;
}

static void
remove_guest(struct host *h, struct guest *g)
{
	*g = h->guests[--h->guest_count];
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
	for (uint32_t i = 0; i < h->guest_count; i++) {
		struct guest *g = &h->guests[i];
		if (!g->request || g->request != reply->request)
			continue;
		g->request = 0;
		/* What was given and taken may be answered behind both. */
		g->is_registered = reply->code == REPLY_OK && !g->is_lost;
		if (reply->code != REPLY_OK)
			remove_guest(h, g);
		return;
	}
}

void
guest_on_lost(struct host *h, const char *name)
{
	for (uint32_t i = 0; i < h->guest_count; i++) {
		struct guest *g = &h->guests[i];
		if (strcmp(g->name, name) != 0)
			continue;
		g->is_registered = false;
		g->is_lost = true;
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
		h->guests[i].request = 0;
		h->guests[i].is_registered = false;
	}
	for (size_t i = 0; i < h->record_count; i++)
		find(w, host, h->records[i]);
}
