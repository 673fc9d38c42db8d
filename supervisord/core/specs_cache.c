/* Services decoded once, not at each use.
 *
 * A direct-mapped table by the slot of the entry.  A line is for one version
 * of one entry: every write of an entry changes its sum, and none is told
 * here.  Whatever is in it is what decoding the entry would give, so nothing
 * depends on what happens to be there.
 */
#include "core/specs_private.h"

/* Lines of the table: about 2.7 kB each, touched only when used. */
#define LINES 128

struct specs_line {
	const struct entry *entry; /* NULL: unused */
	const void *data;	   /* its value's bytes, that 'body' is in */
	uint64_t sum;		   /* of the version that was decoded */
	bool is_sound;		   /* it could be decoded */
	struct service_value value;
};

size_t
specs_cache_need(void)
{
	return arena_need(LINES, sizeof(struct specs_line));
}

void
specs_cache_init(struct core *c)
{
	c->specs.lines =
		arena_take(&c->arena, LINES, sizeof(struct specs_line));
}

bool
specs_service(struct core *c, const struct entry *e, struct service_value *out)
{
	struct specs_line *l = &c->specs.lines[e->slot % LINES];
	CHECK(e->kind == ENTRY_SERVICE && !e->is_deleted);
	if (l->entry != e || l->sum != e->sum || l->data != e->value.data) {
		l->is_sound = specs_get_service(e, &l->value);
		l->entry = e;
		l->sum = e->sum;
		l->data = e->value.data;
	}
	if (l->is_sound)
		*out = l->value;
	return l->is_sound;
}
