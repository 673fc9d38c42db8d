#include "core/group.h"

#include <string.h>

#include "base/hash.h"
#include "core/group_private.h"

#define TEXT_SEED 3

static uint32_t
memberships_max(const struct core_limits *l)
{
	return l->rows_max + GROUP_UNTOLD_MAX;
}

size_t
group_need(const struct core_limits *l)
{
	uint32_t max = memberships_max(l);
	size_t buckets = map_bucket_count(max);
	return arena_need(max, sizeof(struct name_group)) +
	       arena_need(max, sizeof(struct membership)) +
	       3 * arena_need(buckets, sizeof(struct map_link *));
}

void
group_init(struct core *c)
{
	struct groups *t = &c->groups;
	uint32_t max = memberships_max(&c->limits);
	size_t buckets = map_bucket_count(max);
	list_init(&t->joined);
	struct map *maps[] = {&t->by_text, &t->memberships, &t->by_member};
	slots_init(&t->groups,
		arena_take(&c->arena, max, sizeof(struct name_group)), max,
		sizeof(struct name_group));
	slots_init(&t->slots,
		arena_take(&c->arena, max, sizeof(struct membership)), max,
		sizeof(struct membership));
	for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
		map_init(maps[i],
			arena_take(
				&c->arena, buckets, sizeof(struct map_link *)),
			buckets);
}

/* --- The index --- */

static struct name_group *
find_group(const struct core *c, const char *text, size_t length)
{
	uint64_t hash = hash_bytes(text, length, TEXT_SEED);
	struct map_link *l = map_first(&c->groups.by_text, hash);
	for (; l; l = map_next(&c->groups.by_text, l)) {
		struct name_group *g =
			container_of(l, struct name_group, by_text);
		if (strlen(g->text) == length && !memcmp(g->text, text, length))
			return g;
	}
	return NULL;
}

const struct name_group *
group_find(const struct core *c, const char *name)
{
	return find_group(c, name, strlen(name));
}

/* The group of that name, made if need be; NULL when there is no room. */
static struct name_group *
ensure_group(struct core *c, const char *text, size_t length)
{
	struct name_group *g = find_group(c, text, length);
	if (g)
		return g;
	g = slots_take(&c->groups.groups);
	if (!g)
		return NULL;
	CHECK(length <= GROUP_NAME_MAX);
	memcpy(g->text, text, length);
	g->text[length] = '\0';
	g->count = 0;
	list_init(&g->members);
	map_insert(&c->groups.by_text, &g->by_text,
		hash_bytes(text, length, TEXT_SEED));
	return g;
}

struct membership *
group_membership(const struct core *c, const char *text)
{
	struct map_link *l =
		map_first(&c->groups.memberships, hash_text(text, TEXT_SEED));
	for (; l; l = map_next(&c->groups.memberships, l)) {
		struct membership *m =
			container_of(l, struct membership, by_text);
		if (strcmp(m->text, text) == 0)
			return m;
	}
	return NULL;
}

struct membership *
group_enter(struct core *c, const char *text)
{
	struct groups *t = &c->groups;
	const char *end = strchr(text, ROW_GROUP_END);
	struct membership *m = group_membership(c, text);
	if (m || !end)
		return m;
	m = slots_take(&t->slots);
	struct name_group *g =
		m ? ensure_group(c, text, (size_t)(end - text)) : NULL;
	if (!g) {
		if (m)
			slots_give(&t->slots, m);
		t->full++;
		return NULL;
	}
	m->group = g;
	m->text = names_take(c, text)->text;
	m->member = m->text + (end + 1 - text);
	m->joined = 0;
	list_init(&m->in_joined);
	list_init(&m->in_group);
	list_append(&g->members, &m->in_group);
	g->count++;
	map_insert(&t->memberships, &m->by_text, hash_text(text, TEXT_SEED));
	map_insert(
		&t->by_member, &m->by_member, hash_text(m->member, NAME_SEED));
	return m;
}

static void
drop(struct core *c, struct membership *m)
{
	struct groups *t = &c->groups;
	struct name_group *g = m->group;
	CHECK(!m->joined);
	list_remove(&m->in_group);
	map_remove(&t->memberships, &m->by_text);
	map_remove(&t->by_member, &m->by_member);
	names_give(c, names_of(m->text));
	slots_give(&t->slots, m);
	if (--g->count > 0)
		return;
	map_remove(&t->by_text, &g->by_text);
	slots_give(&t->groups, g);
}

/* Whether a row is in the books of a shown log: one that goes is in none. */
static bool
is_live(const struct row *row)
{
	return row->is_shown && !row->is_deleted &&
	       !list_is_empty(&row->in_log);
}

static bool
has_row(const struct core *c, const struct membership *m)
{
	const struct row *row = registry_first(c, ROW_MEMBER, m->text);
	while (row && !is_live(row))
		row = registry_next(c, row);
	return row != NULL;
}

void
group_drop_if_idle(struct core *c, struct membership *m)
{
	if (!m->joined && !has_row(c, m))
		drop(c, m);
}

void
group_on_row(struct core *c, const struct row *row)
{
	CHECK(row->value.kind == ROW_MEMBER);
	if (is_live(row)) {
		group_enter(c, row->name);
		return;
	}
	struct membership *m = group_membership(c, row->name);
	if (m)
		group_drop_if_idle(c, m);
}

const struct membership *
group_next(const struct name_group *g, const struct membership *after)
{
	const struct list *at = after ? after->in_group.next : g->members.next;
	return at == &g->members
		       ? NULL
		       : container_of(at, struct membership, in_group);
}

const struct row *
group_row(const struct core *c, const struct membership *m)
{
	const struct row *best = NULL;
	const struct row *r = registry_first(c, ROW_MEMBER, m->text);
	for (; r; r = registry_next(c, r)) {
		if (!is_live(r) || !member_is_present(c, r->origin))
			continue;
		if (!best || r->value.epoch > best->value.epoch ||
			(r->value.epoch == best->value.epoch &&
				strcmp(member_get(c, r->origin)->name,
					member_get(c, best->origin)->name) < 0))
			best = r;
	}
	return best;
}

void
group_check(const struct core *c)
{
	const struct groups *t = &c->groups;
	size_t members = 0;
	for (uint32_t n = 0; n < t->groups.mark; n++) {
		const struct name_group *g = slots_get(&t->groups, n);
		if (find_group(c, g->text, strnlen(g->text, GROUP_NAME_MAX)) !=
			g)
			continue;
		uint32_t count = 0;
		const struct membership *m = NULL;
		while ((m = group_next(g, m))) {
			CHECK(m->group == g &&
				group_membership(c, m->text) == m);
			CHECK(m->joined || has_row(c, m));
			count++;
		}
		CHECK(count == g->count && count > 0);
		members += count;
	}
	CHECK(members == t->memberships.count);
	CHECK(members == t->by_member.count);
}
