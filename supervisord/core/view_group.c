/* Who is in a group, and what became of messages, as the API sees it. */
#include <string.h>

#include "core/view.h"

#include "core/group_private.h"

/* What its host says of the member's process itself. */
static const struct row *
run_row(const struct core *c, const char *member, member_id origin)
{
	const struct row *row = registry_find(c, ROW_INSTANCE, member, origin);
	return row ? row : registry_find(c, ROW_TRACKED, member, origin);
}

static bool
fill(const struct core *c, const struct membership *m, struct group_view *out)
{
	const struct row *row = group_row(c, m);
	const struct row *run = row ? run_row(c, m->member, row->origin) : NULL;
	if (!run)
		return false;
	*out = (struct group_view){
		.member = m->member,
		.node = member_get(c, row->origin)->name,
		.pid = run->value.pid,
		.epoch = row->value.epoch,
		.state = row_state_name(run->value.state),
		.is_ready = run->value.state == ROW_READY,
		.since_wall_ms = row->value.since_wall_ms,
	};
	return true;
}

bool
view_group_next(const struct core *c, const char *group,
	const struct membership **cursor, struct group_view *out)
{
	const struct name_group *g = group_find(c, group);
	const struct membership *m = *cursor;
	while (g && (m = group_next(g, m))) {
		*cursor = m;
		if (fill(c, m, out))
			return true;
	}
	return false;
}

bool
view_is_member(const struct core *c, const char *text)
{
	const struct membership *m = group_membership(c, text);
	return m && group_row(c, m);
}

void
view_mail(const struct core *c, struct mail_view *out)
{
	const struct messages *m = &c->messages;
	*out = (struct mail_view){
		.waiting = (uint32_t)m->by_id.count,
		.sent = m->sent,
		.taken = m->taken,
		.refused = m->refused,
		.again = m->again,
		.lost = m->lost,
	};
}
