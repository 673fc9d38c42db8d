#include "tests/sim/scale_audit.h"

#include <stdio.h>
#include <string.h>

/* Whether 'log' is what its origin has. */
static bool
is_same_log(const struct origin *log, const struct origin *own)
{
	return log->incarnation == own->incarnation &&
	       log->position == own->position &&
	       log->checksum == own->checksum &&
	       log->row_count == own->row_count;
}

/* What host 'a' has of 'b'. */
static const char *
pair_trouble(const struct world *w, uint32_t a, uint32_t b, char *out)
{
	const struct core *c = w->hosts[a].core, *of = w->hosts[b].core;
	const char *who = w->hosts[a].name, *about = w->hosts[b].name;
	member_id id = member_find(c, about);
	if (!of && id != MEMBER_NONE && member_is_present(c, id))
		return world_say(
			out, "%s: %s is gone, and present", who, about);
	if (!of)
		return NULL;
	if (id == MEMBER_NONE || !member_get(c, id)->link ||
		member_get(c, id)->state != MEMBER_ALIVE)
		return world_say(
			out, "%s: %s is well, and not linked", who, about);
	if (!is_same_log(&c->registry.origins[id],
		    &of->registry.origins[MEMBER_SELF]))
		return world_say(
			out, "%s does not have the rows of %s", who, about);
	return NULL;
}

static const char *
host_trouble(
	const struct world *w, uint32_t a, const struct core *first, char *out)
{
	const struct core *c = w->hosts[a].core;
	const char *why = NULL;
	if (member_hold_now(c) != HOLD_NONE)
		return world_say(
			out, "%s: %s", c->config.node, c->members.hold_text);
	if (c->members.view_digest != first->members.view_digest ||
		!member_is_view_agreed(c))
		return world_say(out, "%s sees other members", c->config.node);
	if (specs_root(c) != specs_root(first) ||
		c->settings.digest != first->settings.digest)
		return world_say(
			out, "%s wants something else", c->config.node);
	for (uint32_t b = 0; b < w->count && !why; b++)
		if (b != a)
			why = pair_trouble(w, a, b, out);
	if (!why)
		core_check(c);
	return why;
}

/* The one row that holds an instance, or NULL. */
static const struct row *
holder(struct core *c, const char *name)
{
	uint32_t copies;
	member_id id = duty_holder(c, name, &copies);
	return copies == 1 ? registry_find(c, ROW_INSTANCE, name, id) : NULL;
}

/* Whether what the first host says of an instance is so. */
static bool
is_true(const struct world *w, struct core *first, const char *name)
{
	const struct row *row = holder(first, name);
	if (!row || row->value.state != ROW_READY)
		return false;
	const char *node = member_get(first, row->origin)->name;
	uint32_t host = world_find(w, node);
	const struct process *p =
		host == WORLD_HOSTS ? NULL : world_process(w, host, name);
	return p && p->phase == PROCESS_RUNNING && p->epoch == row->value.epoch;
}

/* Whether another host says the same. */
static bool
is_same(struct core *c, struct core *first, const char *name)
{
	const struct row *here = holder(c, name), *there = holder(first, name);
	return here && there && here->value.epoch == there->value.epoch &&
	       !strcmp(member_get(c, here->origin)->name,
		       member_get(first, there->origin)->name);
}

static const char *
instance_trouble(
	const struct world *w, struct core *c, struct core *first, char *out)
{
	if (c->instances.count != first->instances.count)
		return world_say(out, "%s knows %u instances, %s %u",
			c->config.node, c->instances.count, first->config.node,
			first->instances.count);
	list_each (l, &c->instances.all) {
		const struct instance *i =
			container_of(l, struct instance, in_all);
		bool is_right = c == first ? is_true(w, c, i->name)
					   : is_same(c, first, i->name);
		if (!i->is_declared || !is_right)
			return world_say(out, "%s errs about %s",
				c->config.node, i->name);
	}
	return NULL;
}

static uint32_t
processes(const struct world *w)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < w->count; i++)
		for (size_t k = 0; k < w->hosts[i].process_count; k++)
			n += w->hosts[i].processes[k].phase < PROCESS_EXITED;
	return n;
}

const char *
scale_audit(const struct world *w, char out[WORLD_TROUBLE_MAX])
{
	uint32_t at = world_first_running(w);
	if (at == WORLD_HOSTS)
		return world_say(out, "no host runs");
	struct core *first = w->hosts[at].core;
	const char *why = NULL;
	for (uint32_t a = 0; a < w->count && !why; a++)
		if (w->hosts[a].core)
			why = host_trouble(w, a, first, out);
	for (uint32_t a = 0; a < w->count && !why; a++)
		if (w->hosts[a].core)
			why = instance_trouble(w, w->hosts[a].core, first, out);
	if (!why && processes(w) != first->instances.count)
		why = world_say(out, "%u processes run for %u instances",
			processes(w), first->instances.count);
	return why;
}
