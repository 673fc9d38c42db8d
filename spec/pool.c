#include "spec/pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define CHUNK_SIZE 4096

/* One block of memory. */
struct pool_chunk {
	struct pool_chunk *next;
	size_t size; /* bytes in 'data' */
	size_t used; /* bytes handed out */
	_Alignas(16) unsigned char data[];
};

static struct pool_chunk *
chunk_new(size_t size)
{
	CHECK(size < SIZE_MAX / 2);
	struct pool_chunk *c = calloc(1, sizeof *c + size);
	if (!c)
		panic(__FILE__, __LINE__, "out of memory");
	c->size = size;
	return c;
}

void *
pool_take(struct pool *pool, size_t size)
{
	CHECK(size < SIZE_MAX / 4);
	size_t need = (size + 15) & ~(size_t)15;
	struct pool_chunk *c = pool->chunks;
	if (!c || c->size - c->used < need) {
		c = chunk_new(need > CHUNK_SIZE ? need : CHUNK_SIZE);
		c->next = pool->chunks;
		pool->chunks = c;
	}
	void *at = c->data + c->used;
	c->used += need;
	return at;
}

char *
pool_copy(struct pool *pool, const char *text, size_t length)
{
	char *copy = pool_take(pool, length + 1);
	memcpy(copy, text, length);
	return copy;
}

char *
pool_text(struct pool *pool, const char *text)
{
	return pool_copy(pool, text, strlen(text));
}

void
pool_fini(struct pool *pool)
{
	while (pool->chunks) {
		struct pool_chunk *c = pool->chunks;
		pool->chunks = c->next;
		free(c);
	}
}
