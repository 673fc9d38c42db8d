/* Reading a core by names: see view.h. */
#include "core/core_private.h"
#include "core/view.h"

/* The row that counts of a name, or NULL. */
static const struct row *
head_of(struct core *c, const char *name)
{
	member_id holder = duty_holder(c, name, NULL);
	return holder == MEMBER_NONE
		       ? tracked_find(c, name)
		       : registry_find(c, ROW_INSTANCE, name, holder);
}

bool
view_name(struct core *c, const char *name, struct name_view *out)
{
	const struct row *row = head_of(c, name);
	if (!row)
		return false;
	*out = (struct name_view){
		.name = row->name,
		.node = member_get(c, row->origin)->name,
		.kind = row->value.kind,
		.state = row->value.state,
		.pid = row->value.pid,
		.epoch = row->value.epoch,
		.since_wall_ms = row->value.since_wall_ms,
	};
	/* What instances carry there is no text. */
	if (row->value.kind == ROW_TRACKED)
		out->meta = row_meta(row);
	return true;
}

bool
view_names_walk(const struct core *c, uint64_t *cursor, uint32_t count,
	view_name_fn *visit, void *context)
{
	/* A map that grows moves elements to the end of its buckets. */
	const struct map *map = &c->names.by_text;
	for (; count > 0 && *cursor < map->bucket_count; count--) {
		struct map_link *link = map->buckets[(*cursor)++];
		for (; link; link = link->next) {
			const struct name *name =
				container_of(link, struct name, by_text);
			if (name->rows)
				visit(context, name->text);
		}
	}
	return *cursor < map->bucket_count;
}

bool
view_names_changed(const struct core *c, view_name_fn *visit, void *context)
{
	const struct changes *l = &c->changes;
	if (l->is_all)
		return false;
	for (uint32_t i = 0; i < l->count; i++)
		visit(context, l->names[i]->text);
	return true;
}
