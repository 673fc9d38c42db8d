/* What applying a service would do, instance by instance (view.h). */
#include <string.h>

#include "core/core_private.h"
#include "core/text.h"
#include "core/view.h"

const char *
plan_action_name(enum plan_action action)
{
	static const char *const names[] = {
		[PLAN_NOTHING] = "nothing",
		[PLAN_UPDATE] = "update",
		[PLAN_START] = "start",
		[PLAN_RESTART] = "restart",
		[PLAN_STOP] = "stop",
		[PLAN_UNPLACED] = "unplaced",
	};
	CHECK(action < PLAN_ACTION_COUNT);
	return names[action];
}

uint64_t
view_plan_index(const struct core *c)
{
	return specs_root(c);
}

static void
say(struct plan_item *out, const char *why)
{
	struct text t;
	text_init(&t, out->why, sizeof out->why);
	text_add(&t, why);
}

/* 'i' is NULL when there is no room for it. */
static void
say_unplaced(struct core *c, const struct instance *i,
	const struct service_value *v, struct plan_item *out)
{
	struct text t;
	text_init(&t, out->why, sizeof out->why);
	text_add(&t, "no host is eligible");
	text_add(&t, i ? ": " : "");
	if (i)
		(void)view_say_verdicts(c, i, v, &t);
}

/* Where an instance would go that does not exist yet.  A slot is borrowed
 * for the question, since ranks depend on the ordinal, and given back. */
static void
plan_start(struct core *c, const char *service, uint32_t ordinal,
	const struct service_value *v, struct plan_item *out)
{
	struct instance *i = instance_find(c, out->instance);
	struct instance *borrowed = NULL;
	if (!i)
		i = borrowed =
			instance_add(c, out->instance, service, ordinal);
	member_id host = i ? duty_host(c, i, v) : MEMBER_NONE;
	out->action = host == MEMBER_NONE ? PLAN_UNPLACED : PLAN_START;
	out->node = host == MEMBER_NONE ? "" : member_get(c, host)->name;
	if (host == MEMBER_NONE)
		say_unplaced(c, i, v, out);
	else
		say(out, "it is new");
	if (borrowed)
		instance_reap(c, borrowed);
}

/* An instance that is there already. */
static void
plan_change(const struct instance_view *now, bool is_same, uint64_t run_digest,
	struct plan_item *out)
{
	out->node = now->node;
	if (now->run_digest != run_digest) {
		out->action = PLAN_RESTART;
		say(out, "what it runs with changes");
	} else if (!is_same) {
		out->action = PLAN_UPDATE;
		say(out, "only what needs no restart changes");
	} else {
		out->action = PLAN_NOTHING;
		say(out, "it runs as declared");
	}
}

static void
plan_wanted(struct core *c, const char *service, uint32_t ordinal,
	const struct service_value *v, struct plan_item *out)
{
	struct instance_view now;
	struct service_value there;
	const struct entry *e = specs_find(c, ENTRY_SERVICE, service);
	bool has = e && specs_get_service(e, &there);
	bool is_same = has && there.digest == v->digest;
	bool is_known = view_instance(c, out->instance, &now);
	struct override_value o = {0};
	struct instance *i = instance_find(c, out->instance);
	if (i)
		instance_override(c, i, &o);
	bool is_off = !v->policy.is_enabled || o.is_stopped;
	if (is_off && is_known && now.node[0]) {
		out->action = PLAN_STOP;
		out->node = now.node;
		say(out, "it is disabled");
	} else if (is_off) {
		out->action = is_same ? PLAN_NOTHING : PLAN_UPDATE;
		out->node = "";
		say(out, o.is_stopped ? "an operator stopped it"
				      : "it is disabled");
	} else if (is_known && now.node[0]) {
		plan_change(&now, is_same, v->run_digest, out);
	} else {
		plan_start(c, service, ordinal, v, out);
	}
}

/* The next instance that runs although the new spec no longer has it. */
static bool
plan_surplus(struct core *c, const char *service,
	const struct spec_policy *policy, uint32_t index,
	struct plan_item *out)
{
	const struct instance *i = instance_of_service(c, service);
	for (; i; i = instance_next_of_service(c, i)) {
		bool is_kept = false;
		char name[INSTANCE_NAME_MAX + 1];
		for (uint32_t n = 0; policy && n < policy->instance_count; n++)
			is_kept |= strcmp(policy_instance_name(policy, service,
						  n, name),
					   i->name) == 0;
		if (is_kept || !i->is_declared || index-- > 0)
			continue;
		struct instance_view now;
		view_instance(c, i->name, &now);
		strcpy(out->instance, i->name);
		out->action = now.node[0] ? PLAN_STOP : PLAN_UPDATE;
		out->node = now.node;
		say(out, policy ? "the new spec has no such instance"
				: "its service is deleted");
		return true;
	}
	return false;
}

bool
view_plan(struct core *c, const char *service,
	const struct spec_policy *policy, uint64_t digest, uint64_t run_digest,
	uint32_t *cursor, struct plan_item *out)
{
	uint32_t index = (*cursor)++;
	uint32_t wanted = policy ? policy->instance_count : 0;
	if (index >= wanted)
		return plan_surplus(c, service, policy, index - wanted, out);
	struct service_value v = {
		.digest = digest,
		.run_digest = run_digest,
		.policy = *policy,
	};
	policy_instance_name(policy, service, index, out->instance);
	plan_wanted(c, service, index, &v, out);
	return true;
}
