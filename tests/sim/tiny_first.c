/* Start first: what may be while two copies of a service without state live.
 *
 * The second one begins because the host of the first told it to; the first one
 * ends when the second is ready, and never before.  A source that forgot the
 * move, because its node crashed, or whose copy ended by itself, may start that
 * once more beside the new one: a conflict of those two, which is allowed.
 */
#include <string.h>

#include "tests/sim/tiny.h"

/* Whether a source may have forgotten that it told another host to begin. */
static bool
may_begin_again(const struct tiny_net *n)
{
	return n->spent[BUDGET_END] + n->spent[BUDGET_CRASH] > 0;
}

void
tiny_on_begin(struct tiny *t, uint32_t from, uint32_t to)
{
	const struct tiny_proc *p = &t->hosts[from]->proc;
	if (p->phase == TINY_RUNNING || may_begin_again(t->net))
		t->net->is_begun[to][from] = true;
}

void
tiny_on_left(struct tiny *t, uint32_t host)
{
	if (may_begin_again(t->net))
		return;
	for (uint32_t i = 0; i < TINY_HOSTS; i++)
		t->net->is_begun[i][host] = false;
}

/* Whether a copy is there that has not ended. */
static bool
is_live(const struct tiny_host *h)
{
	return h->proc.phase != TINY_NOTHING && h->proc.phase != TINY_EMPTY;
}

/* Whether one is ready, and is not being stopped. */
static bool
is_serving(const struct tiny_host *h)
{
	return h->proc.phase == TINY_RUNNING && h->proc.is_ready &&
	       !h->proc.is_told;
}

const char *
tiny_judge_first(const struct tiny *t, uint32_t host)
{
	const struct tiny_net *n = t->net;
	uint32_t live = 0;
	for (uint32_t i = 0; i < t->count; i++) {
		if (i == host || !is_live(t->hosts[i]))
			continue;
		live++;
		bool is_its_own = may_begin_again(n) && n->is_begun[i][host];
		if (!n->is_begun[host][i] && !is_its_own)
			return "H1: a second copy that nobody told to begin";
	}
	return live > 1 ? "H1: a third copy" : NULL;
}

/* Whether something happened that a copy does not outlive. */
static bool
has_killed(const struct tiny_net *n)
{
	return n->is_stop_forgotten ||
	       n->spent[BUDGET_POWER] + n->spent[BUDGET_GONE] +
			       n->spent[BUDGET_WIPE] + n->spent[BUDGET_END] >
		       0;
}

/* What holds while no copy was killed: one is ready, and goes on. */
const char *
tiny_trouble_first(const struct tiny *t)
{
	const struct tiny_net *n = t->net;
	uint32_t live = 0, serving = 0;
	for (uint32_t i = 0; i < t->count; i++) {
		live += is_live(t->hosts[i]);
		serving += is_serving(t->hosts[i]);
	}
	if (live > 2 && !n->is_split)
		return "H1: three live copies";
	if (serving == 0 && !has_killed(n) && !n->is_split)
		return "H1: no copy is ready, and none failed";
	return NULL;
}
