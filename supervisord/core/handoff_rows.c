/* What the rows of other hosts say about a move: what was before it, whether it
 * is history, whether somebody went on without it. */
#include <string.h>

#include "core/handoff_private.h"

const struct row *
handoff_peer_row(const struct core *c, const struct handoff *h)
{
	return registry_find_at(c, h->name, h->peer_name);
}

void
handoff_learn(const struct core *c, struct handoff *h)
{
	const struct instance *i = instance_find(c, h->name);
	uint64_t known =
		i && i->epoch_used > h->epoch ? i->epoch_used : h->epoch;
	const struct row *r = registry_first(c, ROW_INSTANCE, h->name);
	for (; r; r = registry_next(c, r)) {
		bool is_rival = row_state_is_held(r->value.state) &&
				member_is_present(c, r->origin);
		if (!is_rival && r->value.epoch > known)
			known = r->value.epoch;
	}
	if (h->epoch_known < known)
		h->epoch_known = known;
}

bool
handoff_is_staged_there(const struct core *c, const struct handoff *h)
{
	const struct row *r = handoff_peer_row(c, h);
	return r && r->value.state == ROW_HANDOFF &&
	       r->value.epoch == h->epoch && member_is_present(c, r->origin);
}

/* Whether a row says that the move is history: it is ready elsewhere, or, once
 * committed, was there and came to rest since.  A host that is gone, or began
 * anew, and is not the target, has not had this state; before the commit the
 * target may have begun without it, and lost that with its disk. */
static bool
is_later(const struct core *c, const struct handoff *h, const struct row *r)
{
	const enum row_state state = r->value.state;
	bool is_committed = h->state == HANDOFF_COMMITTED;
	bool is_target = r->origin == member_find(c, h->peer_name);
	bool is_current = registry_is_current(c, r->origin);
	if (r->origin == MEMBER_SELF || r->value.epoch <= h->epoch_known)
		return false;
	if (state == ROW_READY || state == ROW_EXITED)
		return is_target
			       ? is_committed || is_current
			       : is_current && member_is_present(c, r->origin);
	return is_committed && (state == ROW_STOPPED || state == ROW_FAILED) &&
	       !handoff_is_staged_there(c, h);
}

bool
handoff_is_taken(const struct core *c, const struct handoff *h)
{
	const struct row *r = registry_first(c, ROW_INSTANCE, h->name);
	for (; r; r = registry_next(c, r))
		if (is_later(c, h, r))
			return true;
	return false;
}

bool
handoff_has_gone_on(
	const struct core *c, const skep_Handoff *m, bool *is_open_out)
{
	const struct row *r = registry_first(c, ROW_INSTANCE, m->name);
	*is_open_out = false;
	for (; r; r = registry_next(c, r)) {
		if (r->value.epoch <= m->epoch_known ||
			r->value.state == ROW_PAST ||
			!member_is_present(c, r->origin))
			continue;
		if (r->origin == MEMBER_SELF ||
			registry_is_current(c, r->origin))
			return true;
		*is_open_out = true;
	}
	return false;
}

bool
handoff_has_rival(const struct core *c, const skep_Handoff *m)
{
	const struct row *r = registry_first(c, ROW_INSTANCE, m->name);
	for (; r; r = registry_next(c, r))
		if (r->value.epoch > m->epoch_known &&
			row_state_is_held(r->value.state) &&
			member_is_present(c, r->origin))
			return true;
	return false;
}
