/* The arbiter's side of claims: who has a name, and who may. */
#include <string.h>

#include "base/hash.h"
#include "core/core_private.h"
#include "core/view.h"

/* How long rows of a host that is linked may be missing before names are given
 * without them. */
#define LACKING_MS 10000

/* Whether all rows are here that a decision needs. */
static bool
is_complete(const struct core *c)
{
	for (member_id id = 1; id < c->members.count; id++)
		if (member_is_present(c, id) && !registry_is_complete(c, id) &&
			registry_lacking_ms(c, id) < LACKING_MS)
			return false;
	return true;
}

bool
claim_is_settled(struct core *c)
{
	struct claims *k = &c->claims;
	if (k->view != c->members.view_digest) {
		k->view = c->members.view_digest;
		k->is_settled = false;
	}
	if (member_hold_now(c) != HOLD_NONE)
		return false;
	if (!k->is_settled)
		k->is_settled = member_is_view_agreed(c) && is_complete(c);
	return k->is_settled;
}

member_id
claim_arbiter(struct core *c, const char *name)
{
	const struct place_host *hosts = place_hosts(c);
	const uint64_t hash = hash_text(name, NAME_SEED);
	member_id best = MEMBER_SELF;
	uint64_t least = UINT64_MAX;
	for (member_id id = 0; id < c->members.count; id++) {
		const struct place_host *h = &hosts[id];
		if (h->verdict == PLACE_NOT_ALIVE)
			continue;
		/* Hosts that take no services can still decide. */
		uint64_t score = place_hrw_score(
			hash, h->name_hash, h->weight ? h->weight : 1);
		if (score < least ||
			(score == least &&
				strcmp(member_get(c, id)->name,
					member_get(c, best)->name) < 0))
			best = id;
		least = score < least ? score : least;
	}
	return best;
}

/* --- Grants --- */

static struct grant *
find_grant(const struct core *c, const char *name)
{
	const struct map *map = &c->claims.grants;
	struct map_link *l = map_first(map, hash_text(name, NAME_SEED));
	for (; l; l = map_next(map, l)) {
		struct grant *g = container_of(l, struct grant, by_name);
		if (strcmp(g->name, name) == 0)
			return g;
	}
	return NULL;
}

static void
drop_grant(struct core *c, struct grant *g)
{
	struct claims *k = &c->claims;
	map_remove(&k->grants, &g->by_name);
	list_remove(&g->link);
	names_give(c, names_of(g->name));
	slots_give(&k->grant_slots, g);
}

/* Whether its row may still be on its way. */
static bool
is_pending(const struct core *c, const struct grant *g)
{
	if (!member_is_present(c, g->to))
		return false;
	return mono_diff(c->now, g->at) < GRANT_MS ||
	       (!registry_is_complete(c, g->to) &&
		       registry_lacking_ms(c, g->to) < LACKING_MS);
}

void
claim_expire_grants(struct core *c)
{
	list_each_safe (it, &c->claims.by_age) {
		struct grant *g = container_of(it, struct grant, link);
		if (mono_diff(c->now, g->at) < GRANT_MS)
			break;
		if (!is_pending(c, g))
			drop_grant(c, g);
	}
}

void
claim_mark_name(struct core *c, const char *name)
{
	struct grant *g = c->claims.grants.count ? find_grant(c, name) : NULL;
	if (g)
		drop_grant(c, g);
}

void
claim_mark(struct core *c, const struct row *row)
{
	if (c->claims.grants.count == 0)
		return;
	struct grant *g = find_grant(c, row->name);
	if (g && g->to == row->origin && row->value.epoch >= g->epoch)
		drop_grant(c, g);
}

void
claim_withdraw(
	struct core *c, const char *name, member_id asker, uint64_t number)
{
	struct grant *g = find_grant(c, name);
	if (g && g->to == asker && g->number == number)
		drop_grant(c, g);
}

/* Grants a name; false when the table is full. */
static bool
grant(struct core *c, const char *name, const struct grant *what)
{
	struct claims *k = &c->claims;
	struct grant *g = slots_take(&k->grant_slots);
	if (!g)
		return false;
	*g = *what;
	g->name = names_take(c, name)->text;
	g->at = c->now;
	list_init(&g->link);
	list_append(&k->by_age, &g->link);
	map_insert(&k->grants, &g->by_name, hash_text(name, NAME_SEED));
	k->granted++;
	return true;
}

/* --- Words --- */

static struct claim_answer
taken(const char *node, uint32_t pid, uint64_t epoch)
{
	return (struct claim_answer){
		.verdict = CLAIM_TAKEN,
		.epoch = epoch,
		.node = node,
		.pid = pid,
		.state = "",
		.why = "",
	};
}

/* Adds what only who looks wants to know. */
static void
add_state(struct core *c, const char *name, struct claim_answer *a)
{
	struct instance_view v;
	if (a->pid) {
		a->state = row_state_name(ROW_READY);
	} else if (view_state(c, name, &v)) {
		a->node = v.node;
		a->pid = v.pid;
		a->state = v.state;
	}
}

/* Whether the desired state has that name, of a service or an instance. */
static bool
is_declared(const struct core *c, const char *name)
{
	const struct instance *i = instance_find(c, name);
	return (i && i->is_declared) || specs_find(c, ENTRY_SERVICE, name);
}

struct claim_answer
claim_look(struct core *c, const char *name, member_id asker)
{
	if (is_declared(c, name)) {
		member_id holder = duty_holder(c, name, NULL);
		return taken(holder == MEMBER_NONE
				     ? ""
				     : member_get(c, holder)->name,
			0, 0);
	}
	const struct row *row = registry_first(c, ROW_TRACKED, name);
	for (; row; row = registry_next(c, row))
		if (row->origin != asker && tracked_is_live(c, row))
			return taken(member_get(c, row->origin)->name,
				row->value.pid, row->value.epoch);
	return (struct claim_answer){
		.verdict = CLAIM_GRANTED,
		.epoch = tracked_epoch_max(c, name) + 1,
		.node = "",
		.why = "",
	};
}

struct claim_answer
claim_decide(struct core *c, const char *name, member_id asker, uint64_t number,
	enum claim_kind kind, uint32_t pid)
{
	const struct claim_answer again = {
		.verdict = CLAIM_AGAIN, .node = "", .why = ""};
	const bool is_look = kind == CLAIM_LOOK;
	if (!claim_is_settled(c) || claim_arbiter(c, name) != MEMBER_SELF)
		return again;
	struct claim_answer a =
		claim_look(c, name, is_look ? MEMBER_NONE : asker);
	struct grant *g = find_grant(c, name);
	if (g && !is_pending(c, g)) {
		drop_grant(c, g);
		g = NULL;
	}
	if (a.verdict == CLAIM_GRANTED && g) {
		bool is_same = g->to == asker && g->number == number;
		if (!is_same)
			a = taken(member_get(c, g->to)->name, g->pid, g->epoch);
		a.epoch = g->epoch;
	} else if (a.verdict == CLAIM_GRANTED && !is_look) {
		const struct grant new = {.number = number,
			.epoch = a.epoch,
			.to = asker,
			.pid = pid};
		if (!grant(c, name, &new))
			return again;
	}
	if (is_look && a.verdict == CLAIM_TAKEN)
		add_state(c, name, &a);
	c->claims.contested += a.verdict == CLAIM_TAKEN && !is_look;
	return a;
}
