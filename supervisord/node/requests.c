#include "node/requests.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/list.h"
#include "base/map.h"

#define BUCKETS 1024

struct asker {
	struct map_link by_id;
	requests_done_fn *done;
	void *context;
};

struct requests {
	struct map_link *buckets[BUCKETS];
	struct map by_id;
};

struct requests *
requests_new(void)
{
	struct requests *r = calloc(1, sizeof *r);
	CHECK(r);
	map_init(&r->by_id, r->buckets, BUCKETS);
	return r;
}

void
requests_free(struct requests *r)
{
	if (!r)
		return;
	struct map_link *l;
	while ((l = map_take_any(&r->by_id)))
		free(container_of(l, struct asker, by_id));
	free(r);
}

void
requests_add(
	struct requests *r, uint64_t id, requests_done_fn *done, void *context)
{
	struct asker *a = calloc(1, sizeof *a);
	CHECK(a);
	CHECK(!map_first(&r->by_id, id));
	a->done = done;
	a->context = context;
	map_insert(&r->by_id, &a->by_id, id);
}

/* Takes an asker out, for the caller to free; NULL if there is none. */
static struct asker *
requests_take(struct requests *r, uint64_t id)
{
	struct map_link *link = map_first(&r->by_id, id);
	if (!link)
		return NULL;
	map_remove(&r->by_id, link);
	return container_of(link, struct asker, by_id);
}

void
requests_cancel(struct requests *r, uint64_t id)
{
	free(requests_take(r, id));
}

void
requests_answer(struct requests *r, const struct effect_reply *reply)
{
	struct asker *a = requests_take(r, reply->request);
	if (!a)
		return;
	a->done(a->context, reply->code, reply->text ? reply->text : "");
	free(a);
}

size_t
requests_count(const struct requests *r)
{
	return r->by_id.count;
}
