#include "tests/sim/world_view.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/view.h"

const char *
world_say(char *out, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(out, WORLD_TROUBLE_MAX, format, args);
	va_end(args);
	return out;
}

uint32_t
world_first_running(const struct world *w)
{
	uint32_t i = 0;
	while (i < w->count && !w->hosts[i].is_running)
		i++;
	return i < w->count ? i : WORLD_HOSTS;
}

/* Whether host 'b' says the same of an instance as 'v'. */
static bool
is_same_there(struct core *b, const struct instance_view *v)
{
	struct instance_view there;
	if (!view_instance(b, v->name, &there))
		return !v->node[0];
	return !strcmp(there.state, v->state) && !strcmp(there.node, v->node) &&
	       there.epoch == v->epoch;
}

static const char *
agreement(struct world *w, uint32_t a, const struct instance_view *v,
	char *buffer)
{
	for (uint32_t b = 0; b < w->count; b++) {
		if (b == a || !w->hosts[b].is_running ||
			is_same_there(w->hosts[b].core, v))
			continue;
		snprintf(buffer, WORLD_TROUBLE_MAX,
			"%s says that %s is %s on '%s', %s does not",
			w->hosts[a].name, v->name, v->state, v->node,
			w->hosts[b].name);
		return buffer;
	}
	return NULL;
}

/* Whether a wanted instance may stay as 'v' says. */
static bool
is_at_rest(const struct instance_view *v)
{
	return !strcmp(v->state, "ready") || !strcmp(v->state, "exited") ||
	       !strcmp(v->state, "failed") || !strcmp(v->state, "unplaced") ||
	       !strcmp(v->state, "backoff");
}

/* One process against what the cluster says about its instance. */
static const char *
process_trouble(
	struct world *w, uint32_t host, const struct process *p, char *buffer)
{
	struct instance_view v;
	struct core *c = w->hosts[host].core;
	bool is_right = c && view_instance(c, p->name, &v) &&
			!strcmp(v.node, w->hosts[host].name) &&
			v.epoch == p->epoch && !strcmp(v.state, "ready");
	if (p->phase >= PROCESS_EXITED || is_right)
		return NULL;
	snprintf(buffer, WORLD_TROUBLE_MAX,
		"%s epoch %llu runs on %s, and should not", p->name,
		(unsigned long long)p->epoch, w->hosts[host].name);
	return buffer;
}

bool
world_goes_on(const struct core *c, const char *name)
{
	const struct instance *i = instance_find(c, name);
	const struct conflict *k = conflict_find(c, name);
	return i && k && !i->is_left_alone &&
	       (k->phase == ADOPT_FETCHING || k->phase == ADOPT_CLAIMED);
}

static const char *
instance_trouble(struct world *w, uint32_t host, const struct instance_view *v,
	char *buffer)
{
	const char *why = NULL;
	uint32_t node = 0;
	while (node < w->count && strcmp(w->hosts[node].name, v->node))
		node++;
	const struct process *p =
		node < w->count ? world_process(w, node, v->name) : NULL;
	if (v->is_foreign_copy)
		why = "is held twice";
	else if (v->is_wanted && !is_at_rest(v))
		why = "is wanted and not at rest";
	else if (!v->is_wanted && v->node[0] && strcmp(v->state, "stopped"))
		why = "is not wanted and still held";
	else if (!strcmp(v->state, "ready") && v->is_wanted &&
		 v->run_digest != v->wanted_digest)
		why = "runs an old spec";
	else if (!strcmp(v->state, "ready") &&
		 (!p || p->phase != PROCESS_RUNNING || p->epoch != v->epoch))
		why = "is called ready and has no process";
	else if (handoff_is_busy(w->hosts[host].core, v->name))
		why = "is being moved";
	else if (world_goes_on(w->hosts[host].core, v->name))
		why = "is to go on from another state";
	if (!why)
		return agreement(w, host, v, buffer);
	snprintf(buffer, WORLD_TROUBLE_MAX, "%s says: %s (%s on '%s') %s",
		w->hosts[host].name, v->name, v->state, v->node, why);
	return buffer;
}

const char *
world_trouble(struct world *w, char buffer[WORLD_TROUBLE_MAX])
{
	if (!world_is_whole(w, NULL)) {
		snprintf(buffer, WORLD_TROUBLE_MAX, "the members are not one");
		return buffer;
	}
	for (uint32_t a = 0; a < w->count; a++) {
		struct host *h = &w->hosts[a];
		struct instance_view v;
		uint32_t cursor = 0;
		const char *why = NULL;
		while (h->core && !why &&
			view_instance_next(h->core, &cursor, &v))
			why = instance_trouble(w, a, &v, buffer);
		for (size_t i = 0; i < h->process_count && !why; i++)
			why = process_trouble(w, a, &h->processes[i], buffer);
		if (why)
			return why;
		if (h->core)
			core_check(h->core);
	}
	return NULL;
}

int64_t
world_settle(struct world *w, int64_t limit_ms, char buffer[WORLD_TROUBLE_MAX])
{
	mono start = w->now;
	while (world_trouble(w, buffer)) {
		if (mono_diff(w->now, start) >= limit_ms)
			return -1;
		world_run(w, 100);
	}
	return mono_diff(w->now, start);
}
