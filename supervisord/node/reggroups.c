#include "node/reggroups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"

#define GROUP_BUCKETS  (1u << 14)
#define MEMBER_BUCKETS (1u << 18)

struct group {
	struct map_link by_text;
	struct member **places; /* NULL: free; the last one is not */
	uint32_t count;		/* of these */
	uint32_t room;
	uint32_t free_from; /* no place before this one is free */
	char text[REGFILE_GROUP_MAX + 1];
};

struct member {
	struct map_link by_text;
	struct group *group;
	uint32_t place;
	char text[];
};

struct reggroups {
	struct regwriter *writer;
	struct map_link *group_buckets[GROUP_BUCKETS];
	struct map_link *member_buckets[MEMBER_BUCKETS];
	struct map groups;
	struct map members;
};

struct reggroups *
reggroups_new(struct regwriter *writer)
{
	struct reggroups *g = calloc(1, sizeof *g);
	CHECK(g);
	g->writer = writer;
	map_init(&g->groups, g->group_buckets, GROUP_BUCKETS);
	map_init(&g->members, g->member_buckets, MEMBER_BUCKETS);
	return g;
}

void
reggroups_free(struct reggroups *g)
{
	struct map_link *l;
	if (!g)
		return;
	while ((l = map_take_any(&g->members)))
		free(container_of(l, struct member, by_text));
	while ((l = map_take_any(&g->groups))) {
		struct group *group = container_of(l, struct group, by_text);
		free(group->places);
		free(group);
	}
	free(g);
}

/* --- Finding --- */

static size_t
group_size(const char *text)
{
	const char *end = strchr(text, REGFILE_GROUP_END);
	CHECK(end && end > text && (size_t)(end - text) <= REGFILE_GROUP_MAX);
	return (size_t)(end - text);
}

static struct group *
find_group(const struct reggroups *g, const char *text, size_t size)
{
	struct map_link *l = map_first(&g->groups, hash_bytes(text, size, 0));
	for (; l; l = map_next(&g->groups, l)) {
		struct group *group = container_of(l, struct group, by_text);
		if (strlen(group->text) == size &&
			!memcmp(group->text, text, size))
			return group;
	}
	return NULL;
}

static struct member *
find_member(const struct reggroups *g, const char *text)
{
	struct map_link *l = map_first(&g->members, hash_text(text, 0));
	for (; l; l = map_next(&g->members, l)) {
		struct member *m = container_of(l, struct member, by_text);
		if (strcmp(m->text, text) == 0)
			return m;
	}
	return NULL;
}

const char *
reggroups_member(const struct reggroups *g, const char *name)
{
	size_t size = group_size(name);
	const struct group *group = find_group(g, name, size);
	const char *number = name + size + 1;
	CHECK(group);
	if (!*number)
		return NULL;
	unsigned long place = strtoul(number, NULL, 10);
	CHECK(place < group->count && group->places[place]);
	return group->places[place]->text;
}

/* --- The file --- */

static int
put_row(struct reggroups *g, const char *name, const char *member,
	uint32_t count)
{
	return regwriter_put(g->writer, &(struct regwriter_row){
						.name = name,
						.host = "",
						.meta = member,
						.meta_size = strlen(member),
						.kind = REGFILE_KIND_GROUP,
						.pid = count,
					});
}

/* Writes how many places there are; with none the row goes. */
static int
put_count(struct reggroups *g, const struct group *group)
{
	char name[REGFILE_GROUP_ROW_MAX + 1];
	regfile_group_row(name, group->text, strlen(group->text), NULL);
	if (group->count > 0)
		return put_row(g, name, "", group->count);
	regwriter_delete(g->writer, name);
	return 0;
}

static void
name_place(char *name, const struct member *m)
{
	const struct group *group = m->group;
	regfile_group_row(name, group->text, strlen(group->text), &m->place);
}

/* --- Places --- */

static struct group *
ensure_group(struct reggroups *g, const char *text, size_t size)
{
	struct group *group = find_group(g, text, size);
	if (group)
		return group;
	group = calloc(1, sizeof *group);
	CHECK(group);
	memcpy(group->text, text, size);
	map_insert(&g->groups, &group->by_text, hash_bytes(text, size, 0));
	return group;
}

static void
take_place(struct group *group, struct member *m)
{
	uint32_t place = group->free_from;
	while (place < group->count && group->places[place])
		place++;
	if (place == group->room) {
		group->room = group->room ? group->room * 2 : 4;
		group->places = realloc(
			group->places, group->room * sizeof *group->places);
		CHECK(group->places);
	}
	group->count += place == group->count;
	group->free_from = place + 1;
	group->places[place] = m;
	m->group = group;
	m->place = place;
}

static void
leave_place(struct group *group, uint32_t place)
{
	group->places[place] = NULL;
	if (place < group->free_from)
		group->free_from = place;
	while (group->count > 0 && !group->places[group->count - 1])
		group->count--;
}

/* Drops a member, and with the last one its group. */
static void
drop(struct reggroups *g, struct member *m)
{
	char name[REGFILE_GROUP_ROW_MAX + 1];
	struct group *group = m->group;
	uint32_t before = group->count;
	name_place(name, m);
	regwriter_delete(g->writer, name);
	leave_place(group, m->place);
	/* Where that finds no room the whole row is gone, the file says that it
	 * lacks something, and its filler puts all members once more. */
	if (group->count != before)
		(void)put_count(g, group);
	map_remove(&g->members, &m->by_text);
	free(m);
	if (group->count > 0)
		return;
	map_remove(&g->groups, &group->by_text);
	free(group->places);
	free(group);
}

/* The member of that text, entered if need be. */
static struct member *
ensure_member(struct reggroups *g, const char *text)
{
	struct member *m = find_member(g, text);
	if (m)
		return m;
	size_t length = strlen(text);
	m = malloc(sizeof *m + length + 1);
	CHECK(m);
	memcpy(m->text, text, length + 1);
	take_place(ensure_group(g, text, group_size(text)), m);
	map_insert(&g->members, &m->by_text, hash_text(text, 0));
	return m;
}

int
reggroups_put(struct reggroups *g, const char *text)
{
	char name[REGFILE_GROUP_ROW_MAX + 1];
	struct member *m = ensure_member(g, text);
	name_place(name, m);
	int code = put_row(g, name, text + group_size(text) + 1, 0);
	if (code == 0)
		code = put_count(g, m->group);
	if (code < 0)
		drop(g, m);
	return code;
}

void
reggroups_delete(struct reggroups *g, const char *text)
{
	struct member *m = find_member(g, text);
	if (m)
		drop(g, m);
}
