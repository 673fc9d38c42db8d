#include "node/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/list.h"
#include "core/specs.h"
#include "spec/cron.h"
#include "spec/spec.h"
#include "sys/clock.h"
#include "sys/say.h"

#define LOOK_EVERY_S 1.
#define SLOTS_A_LOOK 1000 /* passed at once; beyond, the past is forgotten */

/* One scheduled service. */
struct schedule {
	struct list link;
	int64_t interval_ms; /* 0: by cron */
	struct cron cron;
	char timezone[64];
	int64_t next_ms; /* its next slot, wall; -1: none ever */
	char service[INSTANCE_NAME_MAX + 1];
};

struct schedules {
	struct ev_loop *loop;
	struct core *core;
	schedule_fn *say;
	void *context;
	ev_timer look;
	uint64_t root; /* of the specs when the list was made */
	bool is_made;
	struct list all;
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
forget_all(struct schedules *s)
{
	list_each_safe (l, &s->all) {
		list_remove(l);
		free(container_of(l, struct schedule, link));
	}
}

/* Without its file the C library would take UTC, silently. */
static bool
is_zone_known(const char *zone)
{
	char path[128];
	snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", zone);
	return strcmp(zone, "UTC") == 0 || access(path, R_OK) == 0;
}

static void
add(struct schedules *s, const struct entry *e,
	const struct service_value *value, int64_t now_ms)
{
	struct spec *spec = NULL;
	if (spec_from_body(value->body.data, value->body.size, &spec, NULL))
		return; /* of a newer version than ours */
	if (!is_zone_known(spec->schedule.timezone)) {
		say(SAY_WARNING,
			"%s: schedule.timezone: %s is not known on this host; "
			"install tzdata; it does not run from here",
			e->name, spec->schedule.timezone);
		spec_free(spec);
		return;
	}
	struct schedule *n = calloc(1, sizeof *n);
	CHECK(n && strlen(spec->schedule.timezone) < sizeof n->timezone);
	strcpy(n->service, e->name);
	strcpy(n->timezone, spec->schedule.timezone);
	n->interval_ms = spec->schedule.interval_ms;
	if (!n->interval_ms)
		CHECK(cron_parse(spec->schedule.cron, &n->cron));
	n->next_ms = next_slot(n, now_ms);
	list_append(&s->all, &n->link);
	spec_free(spec);
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
	forget_all(s);
	while ((e = specs_walk(s->core, ENTRY_SERVICE, e)) != NULL)
		if (specs_get_service(e, &value) &&
			policy_is_scheduled(&value.policy))
			add(s, e, &value, now_ms);
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
	void *context)
{
	struct schedules *s = calloc(1, sizeof *s);
	CHECK(s);
	s->loop = loop;
	s->core = core;
	s->say = say_fn;
	s->context = context;
	list_init(&s->all);
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
	forget_all(s);
	free(s);
}
