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

void
place_prepare(struct state_place *at, const struct effect_start *s,
	const struct state *from)
{
	bool is_put = at->is_marked && at->is_there &&
		      !memcmp(at->root, s->root, DIGEST_SIZE);
	if (s->sets_aside)
		at->is_there = at->is_marked = false;
	if (!from || is_put)
		return;
	at->state = *from;
	at->is_there = at->is_marked = true;
	memcpy(at->root, s->root, DIGEST_SIZE);
}
