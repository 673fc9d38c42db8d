#include "core/changes.h"

#include "core/core_private.h"

size_t
changes_need(const struct core_limits *limits)
{
	return arena_need(limits->changes_max, sizeof(struct name *));
}

void
changes_init(struct core *c)
{
	struct changes *l = &c->changes;
	l->names = arena_take(
		&c->arena, c->limits.changes_max, sizeof(struct name *));
}

void
changes_begin(struct core *c)
{
	struct changes *l = &c->changes;
	while (l->count > 0) {
		struct name *name = l->names[--l->count];
		CHECK(name->is_changed);
		name->is_changed = false;
		names_give(c, name);
	}
	l->is_all = false;
}

void
changes_on_row(struct core *c, const struct row *row)
{
	struct changes *l = &c->changes;
	struct name *name = names_of(row->name);
	bool is_of_name = row->value.kind == ROW_INSTANCE ||
			  row->value.kind == ROW_TRACKED ||
			  row->value.kind == ROW_MEMBER;
	if (!is_of_name || name->is_changed)
		return;
	if (l->count == c->limits.changes_max) {
		l->is_all = true;
		return;
	}
	name->uses++;
	name->is_changed = true;
	l->names[l->count++] = name;
}

void
changes_on_instance(struct core *c, const char *name)
{
	const struct row *row = registry_first(c, ROW_INSTANCE, name);
	if (row)
		changes_on_row(c, row);
}

void
changes_on_host(struct core *c, member_id id)
{
	const struct row *row = registry_walk(c, id, NULL);
	for (; row && !c->changes.is_all; row = registry_walk(c, id, row))
		changes_on_row(c, row);
}
