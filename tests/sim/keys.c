#include "tests/sim/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static uint32_t
place_of(const struct keys *k, uint64_t key)
{
	uint32_t at = (uint32_t)(key ^ key >> 32) & (k->size - 1);
	while (k->keys[at] && k->keys[at] != key)
		at = (at + 1) & (k->size - 1);
	return at;
}

static void
grow(struct keys *k)
{
	struct keys old = *k;
	k->size = old.size ? old.size * 2 : 64;
	k->keys = calloc(k->size, sizeof *k->keys);
	k->values = calloc(k->size, sizeof *k->values);
	CHECK(k->keys && k->values);
	for (uint32_t i = 0; i < old.size; i++) {
		if (!old.keys[i])
			continue;
		uint32_t at = place_of(k, old.keys[i]);
		k->keys[at] = old.keys[i];
		k->values[at] = old.values[i];
	}
	free(old.keys);
	free(old.values);
}

uint32_t *
keys_at(struct keys *k, uint64_t key)
{
	key += !key;
	if (k->count * 2 >= k->size)
		grow(k);
	uint32_t at = place_of(k, key);
	if (!k->keys[at]) {
		k->keys[at] = key;
		k->values[at] = 0;
		k->count++;
	}
	return &k->values[at];
}

uint32_t
keys_get(const struct keys *k, uint64_t key)
{
	key += !key;
	if (!k->size)
		return 0;
	uint32_t at = place_of(k, key);
	return k->keys[at] ? k->values[at] : 0;
}

void
keys_fini(struct keys *k)
{
	free(k->keys);
	free(k->values);
	memset(k, 0, sizeof *k);
}

void *
array_add(void *items, uint32_t *count, size_t size)
{
	uint32_t n = *count;
	if ((n & (n - 1)) == 0) {
		items = realloc(items, (n ? (size_t)n * 2 : 1) * size);
		CHECK(items);
	}
	memset((char *)items + n * size, 0, size);
	*count = n + 1;
	return items;
}
