/* Reading a core: what has come to rest, see view.h. */
#include <string.h>

#include "core/core_private.h"
#include "core/view.h"

/* Whether a host may take it that cannot say so now: refusals of the others
 * are not the last word then. */
static bool
may_be_taken(
	struct core *c, const char *name, const struct service_value *service)
{
	const char *pin = service->policy.placement.pin;
	for (member_id id = 0; id < c->members.count; id++) {
		const struct member *m = member_get(c, id);
		if (m->state == MEMBER_LEFT || (pin[0] && strcmp(pin, m->name)))
			continue;
		enum place_verdict verdict =
			place_verdict(c, name, service, id);
		if (verdict == PLACE_NOT_ALIVE || verdict == PLACE_STALLED)
			return true;
	}
	return false;
}

/* Whether its holder has given it up, with all that it was told.  What a host
 * that may be dead gave up starts elsewhere once it is; what ended with its
 * work done or not does not. */
static bool
is_given_up(struct core *c, const struct instance *i,
	const struct service_value *service, member_id holder)
{
	struct override_value o;
	const struct row *r = registry_find(c, ROW_INSTANCE, i->name, holder);
	instance_override(c, i, &o);
	bool is_over = r->value.state == ROW_EXITED ||
		       (r->value.state == ROW_FAILED &&
			       member_get(c, holder)->state == MEMBER_ALIVE);
	return is_over && row_run(r)->run_digest == service->run_digest &&
	       row_run(r)->seen_restart >= o.restart_generation;
}

bool
view_is_at_rest(struct core *c, const char *name)
{
	struct service_value s;
	struct instance *i = instance_find(c, name);
	if (!i || !instance_service(c, i, &s) || policy_is_scheduled(&s.policy))
		return false;
	member_id holder = duty_holder(c, name, NULL);
	if (holder != MEMBER_NONE)
		return is_given_up(c, i, &s, holder);
	if (duty_finished(c, i, &s))
		return true;
	return duty_host(c, i, &s) == MEMBER_NONE &&
	       place_is_refused(c, name, s.run_digest) &&
	       !may_be_taken(c, name, &s);
}
