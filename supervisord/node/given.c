/* What was given of each state, for those who look on.  It is told by the
 * questions of the host that fetches, and forgotten with the state. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "node/bulk_private.h"
#include "sys/clock.h"

#define RATE_MS	  1000 /* a rate is of at least this time */
#define SILENT_MS 3000 /* without a chunk for that long nothing travels */

/* One state on its way to another host. */
struct given {
	struct list link;
	char name[INSTANCE_NAME_MAX + 1];
	uint8_t root[DIGEST_SIZE];
	uint64_t sent;
	uint64_t here;
	uint64_t rate;	    /* of the last whole span */
	mono span;	    /* when the present one began */
	uint64_t span_sent; /* 'sent' at that time */
	mono last;	    /* when a chunk went out */
};

static struct given *
find(const struct bulk *b, const char *name, const uint8_t root[DIGEST_SIZE])
{
	list_each (it, &b->given) {
		struct given *g = container_of(it, struct given, link);
		if (strcmp(g->name, name) == 0 &&
			memcmp(g->root, root, DIGEST_SIZE) == 0)
			return g;
	}
	return NULL;
}

static void
forget(struct bulk *b, struct given *g)
{
	if (!g)
		return;
	list_remove(&g->link);
	b->given_count--;
	free(g);
}

void
given_on_question(struct bulk *b, const char *name,
	const uint8_t root[DIGEST_SIZE], uint64_t here)
{
	struct given *g = find(b, name, root);
	if (!g) {
		if (b->given_count == BULK_GIVEN_MAX)
			forget(b, container_of(
					  b->given.next, struct given, link));
		g = calloc(1, sizeof *g);
		CHECK(g);
		snprintf(g->name, sizeof g->name, "%s", name);
		memcpy(g->root, root, sizeof g->root);
		g->span = g->last = clock_mono();
		b->given_count++;
	} else {
		list_remove(&g->link);
	}
	list_append(&b->given, &g->link);
	g->here = here;
}

void
given_on_sent(struct bulk *b, const char *name, const uint8_t root[DIGEST_SIZE],
	size_t size)
{
	struct given *g = find(b, name, root);
	if (!g)
		return; /* others came between question and answer */
	mono now = clock_mono();
	g->sent += size;
	g->last = now;
	int64_t ms = mono_diff(now, g->span);
	if (ms < RATE_MS)
		return;
	g->rate = (g->sent - g->span_sent) * 1000 / (uint64_t)ms;
	g->span = now;
	g->span_sent = g->sent;
}

void
given_forget(struct bulk *b, const char *name, const uint8_t root[DIGEST_SIZE])
{
	forget(b, find(b, name, root));
}

void
given_forget_all(struct bulk *b)
{
	list_each_safe (it, &b->given)
		forget(b, container_of(it, struct given, link));
}

bool
bulk_get_given(const struct bulk *b, const char *name,
	const uint8_t root[DIGEST_SIZE], struct bulk_given *out)
{
	const struct given *g = find(b, name, root);
	if (!g)
		return false;
	mono now = clock_mono();
	int64_t span_ms = mono_diff(now, g->span);
	*out = (struct bulk_given){
		.sent = g->sent,
		.here = g->here ? g->here : g->sent,
		.rate = g->rate,
	};
	if (mono_diff(now, g->last) > SILENT_MS)
		out->rate = 0;
	else if (g->rate == 0 && span_ms > 0) /* its first second */
		out->rate = g->sent * 1000 / (uint64_t)span_ms;
	return true;
}
