#include "core/place.h"

#include <string.h>

#include "base/hash.h"
#include "core/core_private.h"
#include "core/pattern.h"

size_t
place_need(const struct core_limits *l)
{
	return arena_need(l->members_max, sizeof(struct skep_place_node)) +
	       arena_need(l->members_max, sizeof(uint32_t)) +
	       arena_need(l->members_max, sizeof(member_id)) +
	       arena_need(l->members_max, sizeof(struct place_host)) +
	       arena_need(l->members_max, sizeof(member_id)) +
	       arena_need(l->members_max, sizeof(uint64_t));
}

void
place_init(struct core *c)
{
	struct place *p = &c->place;
	uint32_t max = c->limits.members_max;
	p->view = arena_take(&c->arena, max, sizeof *p->view);
	p->order = arena_take(&c->arena, max, sizeof *p->order);
	p->ids = arena_take(&c->arena, max, sizeof *p->ids);
	p->hosts = arena_take(&c->arena, max, sizeof *p->hosts);
	p->by_name = arena_take(&c->arena, max, sizeof *p->by_name);
	p->scratch = arena_take(&c->arena, max, sizeof *p->scratch);
	for (uint32_t i = 0; i < max; i++)
		p->hosts[i].verdict = PLACE_NOT_ALIVE;
	bool is_ok = place_register(c, &place_hrw);
	CHECK(is_ok);
}

/* --- Strategies --- */

static const struct place_strategy *
find_strategy(const struct core *c, const char *name)
{
	const struct place *p = &c->place;
	for (uint32_t i = 0; i < p->strategy_count; i++)
		if (strcmp(p->strategies[i].name, name) == 0)
			return &p->strategies[i];
	return NULL;
}

bool
place_register(struct core *c, const struct skep_place_ops *ops)
{
	struct place *p = &c->place;
	CHECK(!c->is_booted);
	size_t length = strlen(ops->name);
	if (p->strategy_count == STRATEGIES_MAX ||
		length >= sizeof p->strategies[0].name ||
		find_strategy(c, ops->name))
		return false;
	struct place_strategy *s = &p->strategies[p->strategy_count++];
	memcpy(s->name, ops->name, length + 1);
	s->ops = ops;
	s->digest = hash_text(ops->name, ops->version);
	return true;
}

uint64_t
place_strategies_digest(const struct core *c)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < c->place.strategy_count; i++)
		sum += c->place.strategies[i].digest;
	return sum;
}

/* --- Eligibility --- */

bool
place_is_allowed(const char *allow, const char *deny, const char *node)
{
	if (deny[0] && pattern_list_matches(deny, node))
		return false;
	return !allow[0] || pattern_list_matches(allow, node);
}

/* Whether a host says in its row that it cannot run this very spec, and an
 * operator has not said since that it shall be tried again: that word takes
 * all refusals back at once, or each host would take back its own and see those
 * of the others stand. */
static bool
is_refusal(struct core *c, const struct row *r, const char *instance,
	uint64_t run_digest)
{
	struct override_value o;
	const struct instance *i = instance_find(c, instance);
	if (r->value.state != ROW_REFUSED ||
		row_run(r)->run_digest != run_digest)
		return false;
	if (!i)
		return true;
	instance_override(c, i, &o);
	return row_run(r)->seen_restart >= o.restart_generation;
}

static bool
has_refused(
	struct core *c, const char *instance, member_id id, uint64_t run_digest)
{
	const struct row *r = registry_find(c, ROW_INSTANCE, instance, id);
	return r && is_refusal(c, r, instance, run_digest);
}

/* Instances of the same service with a place on 'id', this one apart.  What
 * nobody wants any more goes: it takes a place for the host that has it, until
 * it has gone, and none for others, who may have forgotten it already. */
static uint32_t
count_siblings(const struct core *c, const char *instance, member_id id)
{
	const struct instance *self = instance_find(c, instance);
	if (!self)
		return 0;
	uint32_t n = 0;
	const struct instance *i = instance_of_service(c, self->service);
	for (; i; i = instance_next_of_service(c, i)) {
		const struct row *r =
			registry_find(c, ROW_INSTANCE, i->name, id);
		bool counts = i->is_declared || id == MEMBER_SELF;
		n += i != self && counts && r && row_takes_place(r);
	}
	return n;
}

/* Whether a present host may be given anything at all. */
static enum place_verdict
host_verdict(const struct core *c, member_id id, uint32_t weight)
{
	const char *name = member_get(c, id)->name;
	enum node_intent intent = duty_intent(c, id);
	if (intent == INTENT_DRAINING || (id == MEMBER_SELF && drain_is_on(c)))
		return PLACE_DRAINING;
	if (intent == INTENT_CORDONED)
		return PLACE_CORDONED;
	if (!place_is_allowed(c->settings.allow, c->settings.deny, name))
		return PLACE_NOT_ALLOWED;
	if (weight == 0)
		return PLACE_WEIGHT_ZERO;
	if (member_is_stalled(c, id))
		return PLACE_STALLED;
	return PLACE_ELIGIBLE;
}

struct place_host
place_look_at_host(const struct core *c, member_id id)
{
	struct place_host h = {.verdict = PLACE_NOT_ALIVE};
	if (!member_is_present(c, id))
		return h;
	struct node_facts facts;
	facts_get(c, id, &facts);
	h.weight = facts.weight;
	h.name_hash = hash_text(member_get(c, id)->name, 0);
	h.verdict = host_verdict(c, id, h.weight);
	return h;
}

/* Why an instance cannot be on a host that may be given something. */
static enum place_verdict
instance_verdict(struct core *c, const char *instance,
	const struct service_value *service, member_id id)
{
	const struct policy_placement *p = &service->policy.placement;
	if (!find_strategy(c, p->strategy))
		return PLACE_NO_STRATEGY;
	if (has_refused(c, instance, id, service->run_digest))
		return PLACE_REFUSED;
	if (p->max_per_host &&
		count_siblings(c, instance, id) >= p->max_per_host)
		return PLACE_FULL;
	return PLACE_ELIGIBLE;
}

enum place_verdict
place_verdict(struct core *c, const char *instance,
	const struct service_value *service, member_id id)
{
	const char *pin = service->policy.placement.pin;
	struct place_host h = place_look_at_host(c, id);
	if (h.verdict == PLACE_NOT_ALIVE)
		return h.verdict;
	if (pin[0] && strcmp(pin, member_get(c, id)->name) != 0)
		return PLACE_NOT_PINNED;
	if (h.verdict != PLACE_ELIGIBLE)
		return h.verdict;
	return instance_verdict(c, instance, service, id);
}

const char *
place_verdict_text(enum place_verdict verdict)
{
	static const char *const texts[] = {
		[PLACE_ELIGIBLE] = "is eligible",
		[PLACE_NOT_ALIVE] = "is not alive",
		[PLACE_CORDONED] = "is cordoned",
		[PLACE_DRAINING] = "is draining",
		[PLACE_WEIGHT_ZERO] = "has weight 0",
		[PLACE_NOT_ALLOWED] = ("is kept out by the cluster's allow or "
				       "deny patterns"),
		[PLACE_REFUSED] = "cannot run this spec",
		[PLACE_NOT_PINNED] = "is not the host it is pinned to",
		[PLACE_NO_STRATEGY] = "does not know its placement strategy",
		[PLACE_FULL] = "has max_per_host instances already",
		[PLACE_STALLED] = "has a store that does not write",
	};
	CHECK(verdict < PLACE_VERDICT_COUNT);
	return texts[verdict];
}

/* --- Ranks --- */

/* Where in 'by_name' a name belongs, among the first 'count'. */
static uint32_t
find_name(const struct core *c, const char *name, uint32_t count)
{
	uint32_t low = 0, high = count;
	while (low < high) {
		uint32_t at = low + (high - low) / 2;
		member_id id = c->place.by_name[at];
		if (strcmp(member_get(c, id)->name, name) < 0)
			low = at + 1;
		else
			high = at;
	}
	return low;
}

/* Sorts the members that came since by name. */
static void
sort_hosts(struct core *c)
{
	struct place *p = &c->place;
	for (; p->sorted < c->members.count; p->sorted++) {
		member_id id = p->sorted;
		uint32_t at = find_name(c, member_get(c, id)->name, p->sorted);
		memmove(p->by_name + at + 1, p->by_name + at,
			(p->sorted - at) * sizeof *p->by_name);
		p->by_name[at] = id;
	}
}

/* Whether a host that stays here may be given more or less than before. */
static bool
has_changed(const struct place_host *old, const struct place_host *new)
{
	return old->verdict != PLACE_NOT_ALIVE &&
	       new->verdict != PLACE_NOT_ALIVE &&
	       old->name_hash == new->name_hash &&
	       (old->verdict != new->verdict || old->weight != new->weight);
}

/* Looks at all hosts. */
static void
look_at_hosts(struct core *c)
{
	struct place *p = &c->place;
	if (p->has_hosts && p->is_round)
		return;
	sort_hosts(c);
	for (member_id id = 0; id < c->members.count; id++) {
		struct place_host h = place_look_at_host(c, id);
		if (has_changed(&p->hosts[id], &h))
			rest_on_host(c, id);
		p->hosts[id] = h;
	}
	p->has_hosts = true;
	p->view_count = 0;
}

const struct place_host *
place_hosts(struct core *c)
{
	if (!c->place.has_hosts)
		look_at_hosts(c);
	return c->place.hosts;
}

void
place_begin_round(struct core *c)
{
	c->place.is_round = true;
}

void
place_end_round(struct core *c)
{
	c->place.is_round = false;
}

void
place_forget_hosts(struct core *c)
{
	c->place.has_hosts = false;
}

void
place_on_renamed(struct core *c)
{
	c->place.sorted = 0;
	c->place.has_hosts = false;
}

void
place_check(const struct core *c)
{
	const struct place *p = &c->place;
	if (!p->has_hosts)
		return;
	CHECK(p->sorted == c->members.count);
	uint32_t eligible = 0;
	for (member_id id = 0; id < c->members.count; id++) {
		struct place_host h = place_look_at_host(c, id);
		CHECK(h.verdict == p->hosts[id].verdict);
		CHECK(h.weight == p->hosts[id].weight);
		CHECK(h.name_hash == p->hosts[id].name_hash);
		eligible += h.verdict == PLACE_ELIGIBLE;
	}
	CHECK(!p->view_count || p->view_count == eligible);
}

bool
place_is_refused(struct core *c, const char *instance, uint64_t run_digest)
{
	const struct row *r = registry_first(c, ROW_INSTANCE, instance);
	for (; r; r = registry_next(c, r))
		if (is_refusal(c, r, instance, run_digest))
			return true;
	return false;
}

/* Whether an instance can be wherever any can. */
static bool
is_plain(struct core *c, const char *instance,
	const struct service_value *service)
{
	const struct policy_placement *policy = &service->policy.placement;
	return !policy->max_per_host && !policy->pin[0] &&
	       !place_is_refused(c, instance, service->run_digest);
}

/* Whether it can be on a host that may be given something. */
static bool
is_fit(struct core *c, const char *instance,
	const struct service_value *service, member_id id)
{
	const char *pin = service->policy.placement.pin;
	if (pin[0] && strcmp(pin, member_get(c, id)->name) != 0)
		return false;
	return instance_verdict(c, instance, service, id) == PLACE_ELIGIBLE;
}

/* Fills the view with the hosts that may be given something, sorted by name;
 * returns their number. */
static uint32_t
fill_view(struct core *c)
{
	struct place *p = &c->place;
	uint32_t count = 0;
	look_at_hosts(c);
	if (p->view_count)
		return p->view_count;
	for (uint32_t i = 0; i < c->members.count; i++) {
		member_id id = p->by_name[i];
		if (p->hosts[id].verdict != PLACE_ELIGIBLE)
			continue;
		p->ids[count] = id;
		p->view[count++] = (struct skep_place_node){
			.name = member_get(c, id)->name,
			.name_hash = p->hosts[id].name_hash,
			.weight = p->hosts[id].weight,
		};
	}
	p->view_count = count;
	p->top_count = 0;
	return count;
}

static void
fill_item(const struct core *c, const char *instance,
	const struct service_value *service, struct skep_place_item *item,
	char service_name[static INSTANCE_NAME_MAX + 1])
{
	const struct instance *i = instance_find(c, instance);
	instance_service_name(instance, service_name);
	*item = (struct skep_place_item){
		.instance = instance,
		.service = service_name,
		.instance_hash = hash_text(instance, 0),
		.service_hash = hash_text(service_name, 0),
		.ordinal = i ? i->ordinal : 0,
		.replicas = service->policy.instance_count,
	};
}

/* The index that hrw ranks first in the view.  Many instances of a service
 * ask one after the other: as many ranks as it has are found at once. */
static uint32_t
first_of(struct core *c, const struct skep_place_item *item, uint32_t nodes)
{
	struct place *p = &c->place;
	uint64_t hash = place_hrw_hash(item, nodes);
	uint32_t rank = item->ordinal < nodes ? item->ordinal : 0;
	if (p->top_hash != hash || rank >= p->top_count) {
		uint32_t kept = item->ordinal < nodes ? item->replicas : 1;
		kept = kept > rank ? kept : rank + 1;
		p->top_count = kept < nodes ? kept : nodes;
		p->top_hash = hash;
		place_hrw_top(hash, p->view, nodes, p->scratch, p->order,
			p->top_count);
	}
	return p->order[rank];
}

uint32_t
place_rank_first(struct core *c, const char *instance,
	const struct service_value *service, member_id *out, uint32_t max)
{
	struct place *p = &c->place;
	const struct place_strategy *s =
		find_strategy(c, service->policy.placement.strategy);
	if (!s || s->ops != &place_hrw || !is_plain(c, instance, service))
		return place_rank(c, instance, service, out, max);
	uint32_t nodes = fill_view(c);
	if (nodes == 0)
		return 0;
	CHECK(nodes <= max);
	struct skep_place_item item;
	char service_name[INSTANCE_NAME_MAX + 1];
	fill_item(c, instance, service, &item, service_name);
	uint32_t first = first_of(c, &item, nodes);
	memcpy(out, p->ids, nodes * sizeof *out);
	out[first] = out[0];
	out[0] = p->ids[first];
	return nodes;
}

uint32_t
place_rank(struct core *c, const char *instance,
	const struct service_value *service, member_id *out, uint32_t max)
{
	struct place *p = &c->place;
	const struct place_strategy *s =
		find_strategy(c, service->policy.placement.strategy);
	if (!s)
		return 0;
	uint32_t nodes = fill_view(c);
	if (nodes == 0)
		return 0;
	struct skep_place_item item;
	char service_name[INSTANCE_NAME_MAX + 1];
	fill_item(c, instance, service, &item, service_name);
	uint32_t ranked = s->ops->rank(
		&item, p->view, nodes, p->scratch, p->order, nodes);
	p->top_count = 0;
	bool is_any = is_plain(c, instance, service);
	uint32_t count = 0;
	/* A plugin's numbers are not trusted. */
	for (uint32_t i = 0; i < ranked && i < nodes && count < max; i++) {
		if (p->order[i] >= nodes)
			continue;
		member_id id = p->ids[p->order[i]];
		if (is_any || is_fit(c, instance, service, id))
			out[count++] = id;
	}
	return count;
}

member_id
place_first_other(struct core *c, const char *instance,
	const struct service_value *service)
{
	member_id *ranks = c->duty.ranks;
	uint32_t count =
		place_rank(c, instance, service, ranks, c->limits.members_max);
	for (uint32_t i = 0; i < count; i++)
		if (ranks[i] != MEMBER_SELF)
			return ranks[i];
	return MEMBER_NONE;
}

member_id
place_first_with(struct core *c, const char *instance,
	const struct service_value *service, member_id id)
{
	struct place *p = &c->place;
	member_id *ranks = c->duty.ranks;
	place_hosts(c);
	CHECK(p->is_round);
	enum place_verdict now = p->hosts[id].verdict;
	p->hosts[id].verdict = PLACE_ELIGIBLE;
	p->view_count = 0;
	uint32_t count = place_rank_first(
		c, instance, service, ranks, c->limits.members_max);
	p->hosts[id].verdict = now;
	p->view_count = 0;
	return count ? ranks[0] : MEMBER_NONE;
}

uint32_t
place_rank_without(struct core *c, const char *instance,
	const struct service_value *service, member_id id, member_id *out,
	uint32_t max)
{
	struct place *p = &c->place;
	bool was_round = p->is_round;
	look_at_hosts(c);
	enum place_verdict now = p->hosts[id].verdict;
	if (now == PLACE_ELIGIBLE)
		p->hosts[id].verdict = PLACE_DRAINING;
	p->view_count = 0;
	p->is_round = true; /* or they would be looked at again */
	uint32_t count = place_rank_first(c, instance, service, out, max);
	p->is_round = was_round;
	p->hosts[id].verdict = now;
	p->view_count = 0;
	return count;
}
