/* Everything that hosts replicate, as text in an order that depends on the
 * content alone: two hosts that agree give equal dumps. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "core/settings.h"
#include "node/api_private.h"

/* Pointers, to be sorted. */
struct pointers {
	const void **items;
	size_t count;
	size_t capacity;
};

static void
pointers_add(struct pointers *p, const void *item)
{
	if (p->count == p->capacity) {
		p->capacity = p->capacity ? 2 * p->capacity : 64;
		p->items = realloc(p->items, p->capacity * sizeof(void *));
		CHECK(p->items);
	}
	p->items[p->count++] = item;
}

static void
pointers_sort(struct pointers *p, int (*compare)(const void *, const void *))
{
	if (p->count)
		qsort(p->items, p->count, sizeof(void *), compare);
}

static int
compare_members(const void *a, const void *b)
{
	const struct member *const *x = a;
	const struct member *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static int
compare_rows(const void *a, const void *b)
{
	const struct row *const *x = a;
	const struct row *const *y = b;
	if ((*x)->value.kind != (*y)->value.kind)
		return (*x)->value.kind < (*y)->value.kind ? -1 : 1;
	return strcmp((*x)->name, (*y)->name);
}

static int
compare_entries(const void *a, const void *b)
{
	const struct entry *const *x = a;
	const struct entry *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static const char *
kind_name(enum row_kind kind)
{
	switch (kind) {
	case ROW_INSTANCE:
		return "instance";
	case ROW_NODE:
		return "node";
	case ROW_TRACKED:
		return "tracked";
	case ROW_MEMBER:
		return "member";
	case ROW_KIND_MAX:
		break;
	}
	return "unknown";
}

static void
dump_row(struct api_text *out, const struct member *m, const struct row *r)
{
	const struct row_value value = row_value(r), *v = &value;
	api_text_printf(out,
		"row %s %s %s seq=%llu state=%s epoch=%llu pid=%u "
		"run=%016llx restarts=%u status=%d since=%lld meta=%016llx\n",
		m->name, kind_name(v->kind), r->name,
		(unsigned long long)r->seq, row_state_name(v->state),
		(unsigned long long)v->epoch, v->pid,
		(unsigned long long)v->run_digest, v->restarts, v->status,
		(long long)v->since_wall_ms,
		(unsigned long long)hash_bytes(v->meta.data, v->meta.size, 0));
}

static void
dump_origin(
	struct api_text *out, const struct core *core, const struct member *m)
{
	struct pointers rows = {0};
	const struct row *r = NULL;
	member_id id = member_find(core, m->name);
	if (id == MEMBER_NONE)
		return;
	while ((r = registry_walk(core, id, r)))
		pointers_add(&rows, r);
	pointers_sort(&rows, compare_rows);
	for (size_t i = 0; i < rows.count; i++)
		dump_row(out, m, rows.items[i]);
	free(rows.items);
}

static void
dump_members(struct api_text *out, struct core *core)
{
	struct pointers members = {0};
	uint32_t count = view_node_count(core);
	for (uint32_t i = 0; i < count; i++) {
		struct node_view v;
		if (!view_node(core, i, &v))
			continue;
		member_id id = member_find(core, v.name);
		if (id != MEMBER_NONE)
			pointers_add(&members, member_get(core, id));
	}
	pointers_sort(&members, compare_members);
	for (size_t i = 0; i < members.count; i++) {
		const struct member *m = members.items[i];
		api_text_printf(out, "member %s %s incarnation=%llu\n", m->name,
			member_state_name(m->state),
			(unsigned long long)m->incarnation);
	}
	for (size_t i = 0; i < members.count; i++)
		dump_origin(out, core, members.items[i]);
	free(members.items);
}

static const char *
entry_kind_text(enum entry_kind kind)
{
	switch (kind) {
	case ENTRY_SERVICE:
		return "service";
	case ENTRY_OVERRIDE:
		return "override";
	case ENTRY_NODE:
		return "node";
	case ENTRY_SETTING:
		return "setting";
	case ENTRY_KV:
		return "kv";
	case ENTRY_KIND_COUNT:
		break;
	}
	return "unknown";
}

static void
dump_entries(
	struct api_text *out, const struct core *core, enum entry_kind kind)
{
	struct pointers entries = {0};
	const struct entry *e = NULL;
	while ((e = specs_walk(core, kind, e)))
		pointers_add(&entries, e);
	pointers_sort(&entries, compare_entries);
	for (size_t i = 0; i < entries.count; i++) {
		e = entries.items[i];
		api_text_printf(out,
			"entry %s %s stamp=%llu writer=%s size=%zu "
			"value=%016llx\n",
			entry_kind_text(kind), e->name,
			(unsigned long long)e->stamp, e->writer, e->value.size,
			(unsigned long long)hash_bytes(
				e->value.data, e->value.size, 0));
	}
	free(entries.items);
}

static void
dump_settings(struct api_text *out, const struct core *core)
{
	const char *key;
	for (unsigned i = 0; (key = settings_key(i)); i++) {
		char buffer[PATTERNS_SIZE];
		api_text_printf(out, "setting %s=%s\n", key,
			settings_text(core, key, buffer, sizeof(buffer)));
	}
}

void
api_get_dump(struct call *c)
{
	struct api_text out = {0};
	struct core *core = c->api->node->core;
	struct cluster_view v;
	view_cluster(core, &v);
	api_text_printf(&out, "cluster %s spec_root=%016llx\n", v.cluster,
		(unsigned long long)v.spec_root);
	dump_members(&out, core);
	dump_entries(&out, core, ENTRY_SERVICE);
	dump_entries(&out, core, ENTRY_OVERRIDE);
	dump_entries(&out, core, ENTRY_NODE);
	dump_entries(&out, core, ENTRY_SETTING);
	dump_entries(&out, core, ENTRY_KV);
	dump_settings(&out, core);
	call_reply_text(c, "text/plain; charset=utf-8", &out);
}
