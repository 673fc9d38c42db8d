/* What people hear of the states of copies that lost. */
#include <string.h>

#include "core/conflict_private.h"

/* Puts it where its epoch belongs, the newest first. */
static void
add(struct instance_view *out, const char *node, const struct lost *s)
{
	struct kept_view *list = out->kept;
	uint32_t at = 0;
	while (at < out->kept_count && list[at].epoch >= s->epoch)
		at++;
	if (at == VIEW_KEPT_MAX)
		return;
	if (out->kept_count < VIEW_KEPT_MAX)
		out->kept_count++;
	memmove(list + at + 1, list + at,
		(out->kept_count - 1 - at) * sizeof *list);
	list[at] = (struct kept_view){.node = node,
		.epoch = s->epoch,
		.size = s->size,
		.wall_ms = s->wall_ms,
		.was_live = s->was_live};
	memcpy(list[at].root, s->root, DIGEST_SIZE);
}

void
conflict_fill_view(const struct core *c, struct instance_view *out)
{
	struct conflict_word word;
	const struct row *r = registry_first(c, ROW_INSTANCE, out->name);
	out->kept_count = 0;
	for (; r; r = registry_next(c, r))
		for (uint32_t n = 0;
			conflict_read_row(r, &word) && n < word.count; n++)
			add(out, member_get(c, r->origin)->name, &word.kept[n]);
}

void
conflict_add_text(
	const struct core *c, const struct instance_view *v, struct text *t)
{
	int64_t age_ms = c->wall_ms - v->kept[0].wall_ms;
	if (v->kept_count == 0)
		return;
	text_add(t, v->kept[0].was_live
			    ? "conflict: the state of a copy that lost"
			    : "conflict: the last state of an earlier copy");
	text_add(t, " (epoch ");
	text_add_number(t, (int64_t)v->kept[0].epoch);
	if (v->kept[0].size) {
		text_add(t, ", ");
		text_add_number(t, (int64_t)v->kept[0].size);
		text_add(t, " bytes");
	}
	text_add(t, ", ");
	text_add_duration(t, age_ms > 0 ? age_ms : 0);
	text_add(t, " old) is kept on ");
	text_add(t, v->kept[0].node);
	if (v->kept_count == 1)
		return;
	text_add(t, ", and ");
	text_add_number(t, v->kept_count - 1);
	text_add(t, " more");
}
