/* Records of disks, each kept once for all that hold it. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tests/sim/world_private.h"

/* What a later version writes behind a value: field 1000, as protobuf has it,
 * which is as good as any bytes in the other records. */
static const unsigned char newer[] = {0xc0, 0x3e, 0x01};

/* Whether 'r' says this; 'more' is what stands behind the value. */
static bool
is_same(const struct record *r, enum core_table table, struct bytes key,
	struct bytes value, size_t more)
{
	if (r->table != table || r->key_size != key.size ||
		!r->value != !value.data ||
		memcmp(r->key, key.data, key.size) != 0)
		return false;
	if (!value.data)
		return true;
	return r->value_size == value.size + more &&
	       !memcmp(r->value, value.data, value.size) &&
	       !memcmp(r->value + value.size, newer, more);
}

static struct record *
find(const struct map *map, uint64_t hash, enum core_table table,
	struct bytes key, struct bytes value, size_t more)
{
	struct map_link *l = map_first(map, hash);
	for (; l; l = map_next(map, l)) {
		struct record *r = container_of(l, struct record, in_records);
		if (is_same(r, table, key, value, more))
			return r;
	}
	return NULL;
}

static struct record *
make(enum core_table table, struct bytes key, struct bytes value, size_t more)
{
	size_t size = value.data ? value.size + more : 0;
	struct record *r = malloc(sizeof *r + key.size + size + 1);
	CHECK(r);
	*r = (struct record){.table = table,
		.key_size = (uint32_t)key.size,
		.value_size = (uint32_t)size};
	memcpy(r->key, key.data, key.size);
	if (!value.data)
		return r;
	unsigned char *at = r->key + key.size;
	memcpy(at, value.data, value.size);
	memcpy(at + value.size, newer, more);
	r->value = at;
	return r;
}

struct record *
record_take(struct world *w, enum core_table table, struct bytes key,
	struct bytes value, bool is_newer)
{
	size_t more = is_newer && value.data ? sizeof newer : 0;
	uint64_t key_hash = hash_bytes(key.data, key.size, table);
	uint64_t hash = value.data
				? hash_bytes(value.data, value.size, key_hash)
				: key_hash;
	struct record *r = find(&w->records, hash, table, key, value, more);
	if (r)
		return record_share(r);
	r = make(table, key, value, more);
	r->key_hash = key_hash;
	map_insert(&w->records, &r->in_records, hash);
	return record_share(r);
}

struct record *
record_share(struct record *r)
{
	r->users++;
	return r;
}

void
record_give(struct world *w, struct record *r)
{
	CHECK(r->users > 0);
	if (--r->users)
		return;
	map_remove(&w->records, &r->in_records);
	free(r);
}
