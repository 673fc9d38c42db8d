#include "node/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/list.h"
#include "core/specs.h"
#include "spec/cron.h"
#include "spec/spec.h"
#include "sys/clock.h"

#define LOOK_EVERY_S 1.
#define SLOTS_A_LOOK 1000 /* passed at once; beyond, the past is forgotten */

/* One scheduled service. */
struct schedule {
	struct list link;
	int64_t interval_ms; /* 0: by cron */
	struct cron cron;
	char timezone[64];
	int64_t next_ms; /* its next slot, wall; -1: none ever */
	bool is_told;	 /* its zone is not known, which was said */
	char service[INSTANCE_NAME_MAX + 1];
};

struct schedules {
	struct ev_loop *loop;
	struct core *core;
	schedule_fn *say;
	schedule_fault_fn *tell;
	void *context;
	ev_timer look;
	uint64_t root; /* of the specs when the list was made */
	bool is_made;
	struct list all;
	struct list lost; /* those whose zone this host does not have */
};

/* --- Slots --- */

/* cron_next in a time zone.  The zone is the process's, for a moment: nobody
 * else here asks for local time. */
static int64_t
next_by_cron(const struct schedule *s, int64_t after_ms)
{
	setenv("TZ", s->timezone, 1);
	tzset();
	time_t next = cron_next(&s->cron, (time_t)(after_ms / 1000));
	unsetenv("TZ");
	tzset();
	return next < 0 ? -1 : (int64_t)next * 1000;
}

static int64_t
next_slot(const struct schedule *s, int64_t after_ms)
{
	if (s->interval_ms)
		return (after_ms / s->interval_ms + 1) * s->interval_ms;
	return next_by_cron(s, after_ms);
}

/* --- The list --- */

static void
forget_all(struct list *all)
{
	list_each_safe (l, all) {
		list_remove(l);
		free(container_of(l, struct schedule, link));
	}
}

static struct schedule *
find(const struct list *all, const char *service)
{
	list_each (l, all) {
		struct schedule *one = container_of(l, struct schedule, link);
		if (strcmp(one->service, service) == 0)
			return one;
	}
	return NULL;
}

/* Says it once, however often the list is made anew. */
static void
lose(struct schedules *s, struct schedule *n, const struct list *before)
{
	const struct schedule *old = find(before, n->service);
	char text[NOTE_TEXT_MAX];
	list_append(&s->lost, &n->link);
	n->is_told = old && strcmp(old->timezone, n->timezone) == 0;
	if (n->is_told || !schedules_fault(s, n->service, text, sizeof text))
		return;
	n->is_told = true;
	s->tell(s->context, n->service, text);
}

static void
add(struct schedules *s, const struct entry *e,
	const struct service_value *value, const struct list *before,
	int64_t now_ms)
{
	struct spec *spec = NULL;
	if (spec_from_body(value->body.data, value->body.size, &spec, NULL))
		return; /* of a newer version than ours */
	struct schedule *n = calloc(1, sizeof *n);
	CHECK(n && strlen(spec->schedule.timezone) < sizeof n->timezone);
	strcpy(n->service, e->name);
	strcpy(n->timezone, spec->schedule.timezone);
	n->interval_ms = spec->schedule.interval_ms;
	if (!n->interval_ms)
		CHECK(cron_parse(spec->schedule.cron, &n->cron));
	spec_free(spec);
	if (!n->interval_ms && !cron_zone_is_known(n->timezone)) {
		lose(s, n, before);
		return;
	}
	n->next_ms = next_slot(n, now_ms);
	list_append(&s->all, &n->link);
}

/* Makes the list anew when a spec has changed.  What is due in this very
 * moment was told before: the list is looked at first. */
static void
refresh(struct schedules *s, int64_t now_ms)
{
	uint64_t root = specs_root(s->core);
	struct service_value value;
	const struct entry *e = NULL;
	if (s->is_made && root == s->root)
		return;
	s->root = root;
	s->is_made = true;
	struct list before;
	list_init(&before);
	list_move(&before, &s->lost);
	forget_all(&s->all);
	while ((e = specs_walk(s->core, ENTRY_SERVICE, e)) != NULL)
		if (specs_get_service(e, &value) &&
			policy_is_scheduled(&value.policy))
			add(s, e, &value, &before, now_ms);
	forget_all(&before);
}

/* --- Time --- */

/* The newest slot that has passed, or -1; moves on to the next one. */
static int64_t
take_due(struct schedule *s, int64_t now_ms)
{
	int64_t due_ms = -1;
	for (int i = 0; i < SLOTS_A_LOOK; i++) {
		if (s->next_ms < 0 || s->next_ms > now_ms)
			return due_ms;
		due_ms = s->next_ms;
		s->next_ms = next_slot(s, due_ms);
	}
	s->next_ms = next_slot(s, now_ms);
	return due_ms;
}

static void
on_look(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)loop;
	(void)revents;
	struct schedules *s = t->data;
	int64_t now_ms = clock_wall_ms();
	list_each (l, &s->all) {
		struct schedule *one = container_of(l, struct schedule, link);
		struct input in = {.kind = INPUT_DUE};
		in.due.service = one->service;
		in.due.slot = take_due(one, now_ms);
		if (in.due.slot >= 0)
			s->say(s->context, &in);
	}
	refresh(s, now_ms);
}

struct schedules *
schedules_new(struct ev_loop *loop, struct core *core, schedule_fn *say_fn,
	schedule_fault_fn *tell, void *context)
{
	struct schedules *s = calloc(1, sizeof *s);
	CHECK(s);
	s->loop = loop;
	s->core = core;
	s->say = say_fn;
	s->tell = tell;
	s->context = context;
	list_init(&s->all);
	list_init(&s->lost);
	ev_timer_init(&s->look, on_look, 0., LOOK_EVERY_S);
	s->look.data = s;
	ev_timer_start(loop, &s->look);
	return s;
}

void
schedules_free(struct schedules *s)
{
	if (!s)
		return;
	ev_timer_stop(s->loop, &s->look);
	forget_all(&s->all);
	forget_all(&s->lost);
	free(s);
}

bool
schedules_fault(
	const struct schedules *s, const char *service, char *out, size_t size)
{
	const struct schedule *one = s ? find(&s->lost, service) : NULL;
	if (!one)
		return false;
	snprintf(out, size,
		"schedule.timezone: %s is not known on this host, which runs "
		"nothing by it; correct it, or install tzdata here",
		one->timezone);
	return true;
}
