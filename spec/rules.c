#include "spec/rules.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "sys/units.h"

/* The service a rule looks at. */
struct subject {
	const struct place *place;
	const struct node *name; /* the key of the service */
	const struct node *map;	 /* its keys as written */
	struct spec *spec;
};

/* The value written for 'block'.'leaf' ('block' NULL: top), or NULL. */
static const struct node *
written(const struct subject *s, const char *block, const char *leaf)
{
	const struct node *map = block ? tree_get(s->map, block) : s->map;
	return map ? tree_get(map, leaf) : NULL;
}

static int
check_command(const struct subject *s)
{
	if (s->spec->command.count)
		return 0;
	return tree_fail(s->place, s->name, "%s: the key 'command' is missing",
		s->name->text);
}

static int
check_instances(const struct subject *s)
{
	const struct node *list = written(s, NULL, "instances");
	if (!list)
		return 0;
	if (s->spec->replicas)
		return tree_fail(s->place, list,
			"instances: 'replicas' is given too; keep one of them");
	if (list->count == 0)
		return tree_fail(s->place, list,
			"instances: the list is empty; to run none, set "
			"'enabled: false'");
	size_t size = 0;
	for (size_t i = 0; i < s->spec->instances.count; i++)
		size += strlen(s->spec->instances.items[i]) + 1;
	if (size > POLICY_INSTANCES_SIZE)
		return tree_fail(s->place, list,
			"instances: the names are too long together: %zu "
			"characters of at most %d",
			size, POLICY_INSTANCES_SIZE);
	return 0;
}

static int
check_restart(const struct subject *s)
{
	struct spec_restart *r = &s->spec->restart;
	const struct node *policy = written(s, "restart", "policy");
	if (s->spec->type == TYPE_ONESHOT && !policy)
		r->policy = RESTART_ON_FAILURE;
	if (s->spec->type == TYPE_ONESHOT && r->policy == RESTART_ALWAYS)
		return tree_fail(s->place, policy,
			"restart.policy: 'always' would run a oneshot for "
			"ever; use 'on-failure' or 'never'");
	const struct node *max = written(s, "restart", "max_delay");
	if (r->max_delay_ms >= r->delay_ms)
		return 0;
	if (max)
		return tree_fail(s->place, max,
			"restart.max_delay: is shorter than restart.delay");
	r->max_delay_ms = r->delay_ms;
	return 0;
}

static int
check_signals(const struct subject *s)
{
	const struct node *stop = written(s, NULL, "stop_signal");
	const struct node *handoff = written(s, "handoff", "signal");
	if (s->spec->stop_signal == SIGSTOP)
		return tree_fail(
			s->place, stop, "stop_signal: SIGSTOP ends no process");
	if (!s->spec->handoff.is_present)
		return 0;
	int32_t signal = s->spec->handoff.signal;
	if (signal == SIGKILL || signal == SIGSTOP)
		return tree_fail(s->place, handoff,
			"handoff.signal: no process can answer %s",
			signal == SIGKILL ? "SIGKILL" : "SIGSTOP");
	if (signal != s->spec->stop_signal)
		return 0;
	return tree_fail(s->place, handoff ? handoff : stop,
		"%s: handoff and stop need different signals",
		handoff ? "handoff.signal" : "stop_signal");
}

int
rules_apply(const struct place *place, const struct node *name,
	const struct node *map, struct spec *spec)
{
	struct subject s = {place, name, map, spec};
	int rc = check_command(&s);
	if (rc == 0)
		rc = check_instances(&s);
	if (rc == 0)
		rc = check_restart(&s);
	return rc ? rc : check_signals(&s);
}
