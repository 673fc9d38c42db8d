#include "base/hash.h"

#include <string.h>

#define XXH_INLINE_ALL
#define XXH_NO_STDLIB
#include <xxhash.h>

uint64_t
hash_bytes(const void *data, size_t size, uint64_t seed)
{
	return XXH64(data, size, seed);
}

uint64_t
hash_text(const char *text, uint64_t seed)
{
	return XXH64(text, strlen(text), seed);
}

uint64_t
hash_mix(uint64_t a, uint64_t b)
{
	/* The finaliser of splitmix64 over both words. */
	uint64_t z = a + 0x9e3779b97f4a7c15u * (b + 1);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

_Static_assert(sizeof(XXH64_state_t) == sizeof(struct hash_stream),
	"hash_stream must hold XXH64's state");

void
hash_stream_init(struct hash_stream *h, uint64_t seed)
{
	XXH64_reset((XXH64_state_t *)h->opaque, seed);
}

void
hash_stream_add(struct hash_stream *h, const void *data, size_t size)
{
	XXH64_update((XXH64_state_t *)h->opaque, data, size);
}

uint64_t
hash_stream_value(const struct hash_stream *h)
{
	return XXH64_digest((const XXH64_state_t *)h->opaque);
}
