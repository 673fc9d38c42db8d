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

/* The key that gives it a state to carry, or NULL. */
static const char *
carrier_of(const struct spec_handoff *h, bool has_signal)
{
	if (has_signal && h->signal)
		return "signal";
	if (h->command.count > 0)
		return "command";
	if (h->restore.count > 0)
		return "restore";
	if (h->state_path[0])
		return "state_path";
	return h->is_required ? "required" : NULL;
}

/* Two copies at a time are for what has nothing to carry. */
static int
check_start_first(const struct subject *s)
{
	struct spec_handoff *h = &s->spec->handoff;
	if (h->mode != HANDOFF_RESTART)
		return tree_fail(s->place, written(s, "handoff", "order"),
			"handoff.order: 'start-first' is for services without "
			"state; give 'mode: restart' with it");
	const char *key = carrier_of(h, written(s, "handoff", "signal"));
	if (key)
		return tree_fail(s->place, written(s, "handoff", key),
			"handoff.%s: there is no state with 'order: "
			"start-first'; leave it out",
			key);
	if (s->spec->checkpoint.is_present)
		return tree_fail(s->place, written(s, NULL, "checkpoint"),
			"checkpoint: there is no state with 'handoff: {order: "
			"start-first}'; leave one of them out");
	h->signal = 0;
	return 0;
}

/* How it gives its state: by a signal, a command, or what it leaves. */
static int
check_handoff(const struct subject *s)
{
	struct spec_handoff *h = &s->spec->handoff;
	const struct node *signal = written(s, "handoff", "signal");
	if (h->order == HANDOFF_START_FIRST)
		return check_start_first(s);
	bool has_other = h->command.count > 0 || h->state_path[0];
	if (!h->is_present)
		return 0;
	if (!signal && has_other)
		h->signal = 0;
	if (h->signal == 0 && !has_other)
		return tree_fail(s->place, signal,
			"handoff.signal: 'none' leaves no way to its state; "
			"give handoff.command or handoff.state_path");
	if (h->signal && h->command.count > 0)
		return tree_fail(s->place, written(s, "handoff", "command"),
			"handoff.command: 'signal' is given too; keep one of "
			"them");
	if (h->state_path[0] && h->state_path[0] != '/' &&
		s->spec->working_dir[0] == '\0')
		return tree_fail(s->place, written(s, "handoff", "state_path"),
			"handoff.state_path: is relative, and there is no "
			"'working_dir'; write it with a '/' in front");
	return 0;
}

/* How it writes its checkpoints. */
static int
check_checkpoint(const struct subject *s)
{
	const struct spec_checkpoint *k = &s->spec->checkpoint;
	const struct node *signal = written(s, "checkpoint", "signal");
	if (!k->is_present)
		return 0;
	if (s->spec->type == TYPE_ONESHOT)
		return tree_fail(s->place, written(s, NULL, "checkpoint"),
			"checkpoint: a oneshot keeps none; each of its runs "
			"begins anew");
	if (k->signal && k->command.count > 0)
		return tree_fail(s->place, signal,
			"checkpoint.signal: 'command' is given too; keep one "
			"of them");
	if (s->spec->handoff.state_path[0] && k->command.count == 0)
		return tree_fail(s->place, written(s, NULL, "checkpoint"),
			"checkpoint: what stands at handoff.state_path may be "
			"half written while the service runs; give a 'command' "
			"that makes it whole");
	if (k->signal == SIGKILL || k->signal == SIGSTOP)
		return tree_fail(s->place, signal,
			"checkpoint.signal: no process can answer %s",
			k->signal == SIGKILL ? "SIGKILL" : "SIGSTOP");
	if (k->signal && k->signal == s->spec->stop_signal)
		return tree_fail(s->place, signal,
			"checkpoint.signal: checkpoint and stop need different "
			"signals");
	if (k->signal && s->spec->handoff.is_present &&
		k->signal == s->spec->handoff.signal)
		return tree_fail(s->place, signal,
			"checkpoint.signal: checkpoint and handoff need "
			"different signals");
	return 0;
}

/* Two states are joined where each copy gives one. */
static int
check_resolve(const struct subject *s)
{
	const struct spec *spec = s->spec;
	const struct node *at = written(s, "hooks", "resolve_conflict");
	if (spec->hooks.resolve_conflict.count == 0)
		return 0;
	if (!spec->handoff.is_present)
		return tree_fail(s->place, at,
			"hooks.resolve_conflict: there is no state to join; "
			"say in 'handoff' how the service gives it");
	if (spec->handoff.order == HANDOFF_START_FIRST)
		return tree_fail(s->place, at,
			"hooks.resolve_conflict: there is no state with "
			"'handoff: {order: start-first}'; leave one of them "
			"out");
	if (spec->type == TYPE_ONESHOT)
		return tree_fail(s->place, at,
			"hooks.resolve_conflict: of a oneshot no state is "
			"joined; each of its runs begins anew");
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

/* --- Readiness and probes --- */

static int
check_port(const struct subject *s, const struct node *probe, const char *block,
	const char *way, int32_t port)
{
	const struct node *at = tree_get(probe, way);
	if (!at || port != 0)
		return 0;
	return tree_fail(s->place, at, "%s.%s.port: is missing", block, way);
}

/* Exactly one of the ways named in 'ways' stands in the block. */
static int
check_ways(const struct subject *s, const char *block, const char *const *ways)
{
	const struct node *map = tree_get(s->map, block);
	const struct node *first = NULL;
	const char *found = NULL;
	for (size_t i = 0; ways[i]; i++) {
		const struct node *way = tree_get(map, ways[i]);
		if (way && first)
			return tree_fail(s->place, way,
				"%s.%s: '%s' is given too; keep one of them",
				block, ways[i], found);
		if (way) {
			first = way;
			found = ways[i];
		}
	}
	if (first)
		return 0;
	return tree_fail(s->place, map,
		"%s: says no way; give %sexec, http or tcp", block,
		ways[3] ? "one of notify, fd, log_line, " : "");
}

static int
check_probe(const struct subject *s, const char *block,
	const struct spec_probe *probe)
{
	const struct node *map = tree_get(s->map, block);
	int rc = check_port(s, map, block, "http", probe->http_port);
	return rc ? rc : check_port(s, map, block, "tcp", probe->tcp_port);
}

/* A line can be found only where we read the output. */
static int
check_log_line(const struct subject *s)
{
	const struct node *line = written(s, "readiness", "log_line");
	bool is_read = s->spec->logs.target == LOG_FILE ||
		       s->spec->logs.target == LOG_JOURNAL;
	if (!line || is_read)
		return 0;
	return tree_fail(s->place, line,
		"readiness.log_line: skep does not read the output with "
		"'logs.target: %s'; use file or journal, or another way to be "
		"ready",
		s->spec->logs.target == LOG_NULL ? "null" : "inherit");
}

static int
check_readiness(const struct subject *s)
{
	static const char *const ways[] = {
		"exec", "http", "tcp", "notify", "fd", "log_line", NULL};
	struct spec_readiness *r = &s->spec->readiness;
	if (s->spec->type == SPEC_TYPE_NOTIFY) {
		const struct node *map = tree_get(s->map, "readiness");
		if (map)
			return tree_fail(s->place, map,
				"readiness: 'type: notify' says it already; "
				"keep one of them");
		s->spec->type = TYPE_SIMPLE;
		r->is_present = true;
		r->notify = 1;
	}
	if (!tree_get(s->map, "readiness"))
		return 0;
	int rc = check_ways(s, "readiness", ways);
	if (rc == 0)
		rc = check_log_line(s);
	return rc ? rc : check_probe(s, "readiness", &r->probe);
}

static int
check_liveness(const struct subject *s)
{
	static const char *const ways[] = {"exec", "http", "tcp", NULL};
	if (!s->spec->liveness.is_present)
		return 0;
	int rc = check_ways(s, "liveness", ways);
	return rc ? rc : check_probe(s, "liveness", &s->spec->liveness.probe);
}

/* --- Order and time --- */

static int
check_groups(const struct subject *s)
{
	const struct spec_texts *groups = &s->spec->groups;
	size_t size = 0;
	for (size_t i = 0; i < groups->count; i++)
		size += strlen(groups->items[i]) + 1;
	if (size <= POLICY_GROUPS_SIZE)
		return 0;
	return tree_fail(s->place, written(s, NULL, "groups"),
		"groups: the names are too long together: %zu bytes of at most "
		"%d",
		size, POLICY_GROUPS_SIZE);
}

static int
check_depends(const struct subject *s)
{
	const struct spec_depends *d = &s->spec->depends_on;
	const struct node *map = tree_get(s->map, "depends_on");
	for (size_t i = 0; i < d->count; i++)
		if (strcmp(d->items[i].service, s->spec->name) == 0)
			return tree_fail(s->place, map,
				"depends_on: %s cannot wait for itself",
				s->spec->name);
	return 0;
}

static int
check_schedule(const struct subject *s)
{
	const struct spec_schedule *schedule = &s->spec->schedule;
	const struct node *map = tree_get(s->map, "schedule");
	if (!schedule->is_present)
		return 0;
	if (s->spec->type != TYPE_ONESHOT)
		return tree_fail(s->place, map,
			"schedule: only a oneshot has one; add 'type: "
			"oneshot'");
	if (schedule->interval_ms && schedule->cron[0])
		return tree_fail(s->place, tree_get(map, "cron"),
			"schedule.cron: 'interval' is given too; keep one of "
			"them");
	if (!schedule->interval_ms && !schedule->cron[0])
		return tree_fail(s->place, map,
			"schedule: says no time; give 'interval' or 'cron'");
	if (schedule->allow_overlap)
		return tree_fail(s->place, tree_get(map, "allow_overlap"),
			"schedule.allow_overlap: a name never runs twice at a "
			"time; write two services whose 'cron' take turns");
	return 0;
}

int
rules_apply(const struct place *place, const struct node *name,
	const struct node *map, struct spec *spec)
{
	struct subject s = {place, name, map, spec};
	static int (*const rules[])(const struct subject *) = {
		check_command,
		check_instances,
		check_readiness,
		check_liveness,
		check_restart,
		check_handoff,
		check_checkpoint,
		check_resolve,
		check_signals,
		check_depends,
		check_schedule,
		check_groups,
	};
	int rc = 0;
	for (size_t i = 0; i < sizeof rules / sizeof *rules && rc == 0; i++)
		rc = rules[i](&s);
	return rc;
}
