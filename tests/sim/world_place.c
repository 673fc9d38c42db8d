/* What stands at the state_paths of a host's instances.  A disk: it outlives
 * everything that happens to the host. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world_private.h"

struct state_place *
place_of(struct host *h, const char *name)
{
	for (size_t i = 0; i < h->place_count; i++)
		if (!strcmp(h->places[i].name, name))
			return &h->places[i];
	h->places =
		realloc(h->places, (h->place_count + 1) * sizeof *h->places);
	CHECK(h->places);
	struct state_place *p = &h->places[h->place_count++];
	memset(p, 0, sizeof *p);
	strcpy(p->name, name);
	return p;
}

bool
world_place_is_old(const struct state_place *at, const struct effect_start *s)
{
	bool is_ours = at->stay && at->stay == s->stay;
	return s->sets_aside && !(is_ours && at->emptied > s->before);
}

void
place_forget(struct state_place *at)
{
	at->is_marked = false;
	at->stay = 0;
}

static void
put_back_notes(struct state_place *at, const struct disk *disk)
{
	place_forget(at);
	for (size_t i = 0; i < disk->place_count; i++) {
		const struct state_place *old = &disk->places[i];
		if (strcmp(old->name, at->name))
			continue;
		at->is_marked = old->is_marked;
		memcpy(at->root, old->root, DIGEST_SIZE);
		at->stay = old->stay;
		at->emptied = old->emptied;
	}
}

void
place_restore(struct host *h, const struct disk *disk)
{
	if (disk->is_partial) {
		for (size_t i = 0; i < h->place_count; i++)
			put_back_notes(&h->places[i], disk);
		return;
	}
	size_t size = disk->place_count * sizeof *h->places;
	h->places = realloc(h->places, size + 1);
	CHECK(h->places);
	memcpy(h->places, disk->places, size);
	h->place_count = disk->place_count;
}

void
place_prepare(struct state_place *at, const struct effect_start *s,
	const struct state *from)
{
	uint8_t mark[DIGEST_SIZE];
	memcpy(mark, s->root, DIGEST_SIZE);
	for (size_t i = 0; s->has_theirs && i < DIGEST_SIZE; i++)
		mark[i] = (uint8_t)(mark[i] * 3 + s->theirs[i]);
	bool is_put = at->is_marked && at->is_there &&
		      !memcmp(at->root, mark, DIGEST_SIZE);
	if (world_place_is_old(at, s)) {
		at->is_there = at->is_marked = false;
		at->stay = s->stay;
		at->emptied = s->epoch;
	}
	if (!from || is_put)
		return;
	at->stay = 0;
	at->state = *from;
	at->is_there = at->is_marked = true;
	memcpy(at->root, mark, DIGEST_SIZE);
}
