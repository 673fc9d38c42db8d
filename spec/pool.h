/* Memory that is freed all at once: a bump allocator that grows.
 *
 * A parsed file and a spec are many small texts with one end of life.
 * 'pool_take' never fails to the caller: when the system has no memory left
 * the program ends in a panic, which the bounds of the parser make
 * impossible to provoke from outside.
 */
#ifndef SKEP_SPEC_POOL_H
#define SKEP_SPEC_POOL_H

#include <stddef.h>

struct pool_chunk;

/* Zero-initialise: {0} is an empty pool. */
struct pool {
	struct pool_chunk *chunks; /* newest first */
};

/* 'size' zeroed bytes, 16-byte aligned. */
void *pool_take(struct pool *pool, size_t size);

/* A copy of 'length' characters at 'text', with a NUL behind them. */
char *pool_copy(struct pool *pool, const char *text, size_t length);

/* A copy of a NUL-terminated text. */
char *pool_text(struct pool *pool, const char *text);

/* Frees everything that was taken; the pool is empty again. */
void pool_fini(struct pool *pool);

#endif
