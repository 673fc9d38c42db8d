/* Chunks of a state that are here already, in an older one of the same
 * instance, need not travel. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/dumps.h"

/* Looking through the older states of one instance. */
struct reuse {
	struct dumps *dumps;
	const uint8_t *root;
	const char *name;
	int part;
	const struct manifest *m;
	bool *has;
	uint64_t *order; /* of the chunks that are missing, by digest */
	size_t count;
	void *data; /* STATE_CHUNK_SIZE bytes */
};

static const uint8_t *
digest_of(const struct manifest *m, uint64_t index)
{
	return m->digests + index * DIGEST_SIZE;
}

static int
compare(const void *a, const void *b, void *context)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	int r = memcmp(digest_of(context, x), digest_of(context, y),
		DIGEST_SIZE);
	return r ? r : (x > y) - (x < y);
}

/* The place in 'order' of the first chunk with a digest not below this one. */
static size_t
find(const struct reuse *u, const uint8_t digest[DIGEST_SIZE])
{
	size_t low = 0, high = u->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (memcmp(digest_of(u->m, u->order[middle]), digest,
			    DIGEST_SIZE) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Writes the chunk wherever it is missing. */
static void
take(struct reuse *u, size_t size)
{
	uint8_t digest[DIGEST_SIZE];
	struct err err;
	dumps_digest(u->data, size, digest);
	for (size_t i = find(u, digest); i < u->count; i++) {
		uint64_t index = u->order[i];
		if (memcmp(digest_of(u->m, index), digest, DIGEST_SIZE) != 0)
			return;
		if (!u->has[index] &&
			size == dumps_chunk_size(u->m->size, index))
			u->has[index] = dumps_write_chunk(u->part, u->m, index,
						u->data, size, &err) == 0;
	}
}

static void
look(void *context, const char *name, uint64_t epoch,
	const uint8_t root[DIGEST_SIZE], uint64_t size)
{
	struct reuse *u = context;
	struct err err;
	size_t got;
	(void)epoch;
	if (strcmp(name, u->name) != 0 ||
		memcmp(root, u->root, DIGEST_SIZE) == 0)
		return;
	for (uint64_t i = 0; i < dumps_chunk_count(size); i++) {
		if (u->dumps->is_stopping ||
			dumps_read_chunk(u->dumps, root, i, u->data, &got,
				&err) < 0)
			return;
		take(u, got);
	}
}

int
dumps_reuse(struct dumps *d, const uint8_t root[DIGEST_SIZE], const char *name,
	int fd, const struct manifest *m, bool *has, struct err *err)
{
	struct reuse u = {d, root, name, fd, m, has, NULL, 0, NULL};
	u.order = calloc(m->count + 1, sizeof *u.order);
	u.data = malloc(STATE_CHUNK_SIZE);
	int r = u.order && u.data ? 0 : err_sys(err, -ENOMEM, "chunk");
	for (uint64_t i = 0; r == 0 && i < m->count; i++)
		if (!has[i])
			u.order[u.count++] = i;
	if (u.count > 0) {
		qsort_r(u.order, u.count, sizeof *u.order, compare,
			(void *)(uintptr_t)m);
		r = dumps_list(d, look, &u, err);
	}
	free(u.order);
	free(u.data);
	return r;
}
