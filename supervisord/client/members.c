/* Walks through a group, from its last place to its first: places that come
 * while it walks are not met, and who was there and stays keeps its own.
 */
#include <errno.h>

#include "client/reader.h"

/* What 'private_' of the entry holds, once the walk has begun. */
enum { WALK_PLACES = 1, WALK_BORN };

/* Finds a row of the group: a place's, or with NULL the one that counts. */
static int
find_row(struct regfile_head *head, const char *group, size_t size,
	const uint32_t *place, struct reader_row *out)
{
	char name[REGFILE_GROUP_ROW_MAX + 1];
	struct reader_key key;
	regfile_group_row(name, group, size, place);
	if (!reader_key_init(&key, name))
		return -EINVAL;
	reader_key_hash(&key, head);
	return reader_find(head, &key, out);
}

/* Finds who has a place, as its name is known now. */
static int
find_member(struct regfile_head *head, const struct reader_row *place,
	struct reader_row *out)
{
	struct skep_entry e;
	struct reader_key key;
	reader_tell(place, &e);
	if (!reader_key_init(&key, e.meta))
		return -ENOENT;
	reader_key_hash(&key, head);
	return reader_find_name(head, &key, out);
}

/* The places that are still to be looked at. */
static int
places_left(struct regfile_head *head, const char *group, size_t size,
	const struct skep_entry *entry, uint64_t *out)
{
	struct reader_row row;
	*out = entry->private_[WALK_PLACES];
	if (entry->private_[WALK_BORN])
		return entry->private_[WALK_BORN] == head->born ? 0 : -ESTALE;
	int code = find_row(head, group, size, NULL, &row);
	*out = code == 0 ? row.words[REGFILE_FACTS] >> 32 : 0;
	return code == -ENOENT ? 0 : code;
}

int
skep_registry_members(struct skep_registry *registry, const char *group,
	struct skep_entry *entry)
{
	struct reader_row place, member;
	uint64_t left;
	size_t size = strnlen(group, REGFILE_GROUP_MAX + 1);
	if (size == 0 || size > REGFILE_GROUP_MAX)
		return -EINVAL;
	reader_refresh(registry);
	struct regfile_head *head = registry->head;
	int code = places_left(head, group, size, entry, &left);
	while (code == 0 && left > 0) {
		uint32_t number = (uint32_t)--left;
		code = find_row(head, group, size, &number, &place);
		if (code == 0)
			code = find_member(head, &place, &member);
		if (code == 0) {
			reader_tell(&member, entry);
			entry->private_[WALK_PLACES] = left;
			entry->private_[WALK_BORN] = head->born;
			return 1;
		}
		if (code == -ENOENT)
			code = 0; /* free, or its process has just ended */
	}
	return code;
}
