#include "core/depends.h"

#include <string.h>

#include "core/core_private.h"

/* A longer chain than this is called a circle that cannot be told. */
#define DEPTH_MAX 32
/* Services that are looked at for one height, and for one circle. */
#define HEIGHT_BUDGET 1000
#define CIRCLE_BUDGET 10000

static bool
find_service(struct core *c, const char *name, struct service_value *out)
{
	const struct entry *e = specs_find(c, ENTRY_SERVICE, name);
	return e && specs_get_service(e, out);
}

static bool
has_completed(const struct row *r, const struct service_value *s)
{
	bool has_exited = (row_run(r)->status & 0x7f) == 0;
	return r->value.state == ROW_EXITED && has_exited &&
	       row_run(r)->run_digest == s->run_digest &&
	       policy_is_success(&s->policy, (row_run(r)->status >> 8) & 0xff);
}

/* Whether one row of an instance fulfils the condition. */
static bool
is_fulfilled_by(struct core *c, const struct row *r,
	const struct service_value *s, enum depend_condition condition)
{
	bool is_completed = has_completed(r, s);
	bool is_there = member_is_present(c, r->origin);
	switch (condition) {
	case DEPEND_COMPLETED:
		return is_completed;
	case DEPEND_READY:
		return is_completed ||
		       (is_there && r->value.state == ROW_READY);
	case DEPEND_STARTED:
		return is_completed ||
		       (is_there && (r->value.state == ROW_READY ||
					    (r->value.state == ROW_STARTING &&
						    r->value.pid)));
	}
	UNREACHABLE();
}

static bool
is_fulfilled(struct core *c, const char *instance,
	const struct service_value *s, enum depend_condition condition)
{
	const struct row *r = registry_first(c, ROW_INSTANCE, instance);
	for (; r; r = registry_next(c, r))
		if (is_fulfilled_by(c, r, s, condition))
			return true;
	return false;
}

/* One dependency: NULL, or what is missing. */
static const char *
unmet(struct core *c, const struct policy_depend *d)
{
	static const char *const words[] = {
		[DEPEND_READY] = "ready",
		[DEPEND_STARTED] = "started",
		[DEPEND_COMPLETED] = "completed",
	};
	struct service_value s;
	char full[INSTANCE_NAME_MAX + 1];
	if (!find_service(c, d->service, &s))
		return effects_format(&c->fx,
			"it waits for %s, which is not declared",
			effects_text(&c->fx, d->service));
	for (uint32_t i = 0; i < s.policy.instance_count; i++) {
		policy_instance_name(&s.policy, d->service, i, full);
		if (!is_fulfilled(c, full, &s, d->condition))
			return effects_format(&c->fx,
				"it waits for %s, which is not %s yet",
				effects_text(&c->fx, full),
				words[d->condition]);
	}
	return NULL;
}

const char *
depends_unmet(struct core *c, const struct spec_policy *policy)
{
	for (uint32_t i = 0; i < policy->depend_count; i++) {
		const char *why = unmet(c, &policy->depends[i]);
		if (why)
			return why;
	}
	return NULL;
}

/* A walk along 'depends_on', as deep as DEPTH_MAX. */
struct walk {
	const char *goal;
	uint32_t budget; /* services still to be looked at */
	const char *path[DEPTH_MAX];
	uint32_t depth;
};

static bool reaches(struct core *c, struct walk *w, const char *name);

static bool
reaches_by(struct core *c, struct walk *w, const struct spec_policy *p)
{
	for (uint32_t i = 0; i < p->depend_count; i++)
		if (reaches(c, w, effects_text(&c->fx, p->depends[i].service)))
			return true;
	return false;
}

/* Whether 'name' waits, in the end, for the goal.  Its depth is bounded. */
static bool
reaches(struct core *c, struct walk *w, const char *name)
{
	struct service_value s;
	if (w->depth == DEPTH_MAX || w->budget == 0 ||
		!effects_has_room(&c->fx, 8, 8192))
		return false;
	w->budget--;
	w->path[w->depth++] = name;
	if (strcmp(name, w->goal) == 0)
		return true;
	if (find_service(c, name, &s) && reaches_by(c, w, &s.policy))
		return true;
	w->depth--;
	return false;
}

const char *
depends_circle(
	struct core *c, const char *name, const struct spec_policy *policy)
{
	struct walk w = {.goal = name, .budget = CIRCLE_BUDGET};
	if (!reaches_by(c, &w, policy))
		return NULL;
	const char *text = effects_text(&c->fx, name);
	for (uint32_t i = 0; i < w.depth; i++)
		text = effects_format(&c->fx, "%s -> %s", text, w.path[i]);
	return effects_format(&c->fx,
		"depends_on: a circle: %s; none of them could ever start",
		text);
}

/* The height of one service; 'depth' and 'budget' bound a circle that two
 * hosts closed at once, and chains that meet again and again. */
static uint32_t
height_of(struct core *c, const struct spec_policy *p, uint32_t depth,
	uint32_t *budget)
{
	uint32_t height = 0;
	for (uint32_t i = 0; i < p->depend_count && depth < DEPTH_MAX; i++) {
		struct service_value below;
		uint32_t h = 1;
		if (*budget == 0)
			break;
		--*budget;
		if (find_service(c, p->depends[i].service, &below))
			h += height_of(c, &below.policy, depth + 1, budget);
		height = h > height ? h : height;
	}
	return height;
}

uint32_t
depends_height(struct core *c, const struct spec_policy *policy)
{
	uint32_t budget = HEIGHT_BUDGET;
	return height_of(c, policy, 0, &budget);
}
