/* Reading a core: what moves and what waits to, see view.h. */
#include "core/core_private.h"
#include "core/handoff_private.h"
#include "core/view.h"

static void
fill_move(const struct handoff *h, struct move_view *out)
{
	bool is_sealed =
		h->state == HANDOFF_FROZEN || h->state == HANDOFF_COMMITTED ||
		h->state == HANDOFF_FETCHING || h->state == HANDOFF_STAGED;
	*out = (struct move_view){
		.name = h->name,
		.peer = h->peer_name,
		.state = handoff_state_name(h->state),
		.is_source = handoff_is_source(h->state),
		.root = is_sealed && h->has_root ? h->root : NULL,
		.has_size = is_sealed || h->state == HANDOFF_PAIRED,
		.is_there = h->state == HANDOFF_COMMITTED ||
			    h->state == HANDOFF_STAGED,
		.size = is_sealed && h->has_root ? h->size : 0,
	};
}

bool
view_move_next(const struct core *c, uint32_t *cursor, struct move_view *out)
{
	uint32_t at = 0;
	list_each (l, &c->handoffs.active) {
		const struct handoff *h = container_of(l, struct handoff, link);
		if (at++ < *cursor || h->is_yield)
			continue;
		*cursor = at;
		fill_move(h, out);
		return true;
	}
	return false;
}

/* Whether an operator's word to move what is here was not obeyed yet. */
static bool
is_late(const struct core *c, const struct entry *word)
{
	struct override_value o;
	const struct row *r =
		registry_find(c, ROW_INSTANCE, word->name, MEMBER_SELF);
	return r && specs_get_override(word, &o) && o.move_to[0] &&
	       o.move_generation > row_run(r)->seen_move;
}

bool
view_late_next(
	struct core *c, const struct entry **cursor, struct instance_view *out)
{
	const struct entry *word = *cursor;
	while ((word = specs_walk(c, ENTRY_OVERRIDE, word)) != NULL) {
		*cursor = word;
		if (is_late(c, word) && view_instance(c, word->name, out) &&
			out->has_late_move)
			return true;
	}
	return false;
}
