#include "core/running.h"

#include <string.h>

#include "core/core_private.h"
#include "core/wire.h"

/* A STORE has waited for so long, and none became durable. */
#define LATE_MS	 1000
#define EVERY_MS 2000
/* So long it holds: one that is lost on the way, and a late one. */
#define HOLDS_MS 5000
#define BODY_MAX 65536 /* bytes of one message */

void
running_init(struct core *c)
{
	c->running.said_at = (mono){-EVERY_MS};
}

/* --- Saying --- */

mono
running_deadline(const struct core *c)
{
	mono since = c->members.stall.since;
	if (since.ms == MONO_NEVER.ms)
		return MONO_NEVER;
	mono late = mono_add(since, LATE_MS);
	mono next = mono_add(c->running.said_at, EVERY_MS);
	return late.ms > next.ms ? late : next;
}

static bool
put(struct wire_out *w, const struct instance *i)
{
	skep_Run run = skep_Run_init_zero;
	memcpy(run.name, i->name, strlen(i->name) + 1);
	return wire_put(w, skep_Running_runs_tag, skep_Run_fields, &run);
}

/* Writes those that have a process, from where the last message ended. */
static void
put_all(struct core *c, struct wire_out *w)
{
	struct running *r = &c->running;
	uint32_t at = 0;
	list_each (l, &c->instances.all) {
		const struct instance *i =
			container_of(l, struct instance, in_all);
		if (i->pid == 0 || at++ < r->skip)
			continue;
		if (!put(w, i)) {
			r->skip = at - 1;
			return;
		}
	}
	r->skip = 0;
}

void
running_on_tick(struct core *c)
{
	struct wire_out w;
	mono due = running_deadline(c);
	if (due.ms == MONO_NEVER.ms || !mono_reached(due, c->now))
		return;
	c->running.said_at = c->now;
	if (!effects_has_room(
		    &c->fx, c->members.count + 16, BODY_MAX + WIRE_HEAD_MAX))
		return;
	wire_begin(&w, &c->fx, BODY_MAX);
	put_all(c, &w);
	skep_Running msg = skep_Running_init_zero;
	if (w.count == 0) {
		wire_cancel(&w);
		return;
	}
	struct bytes body = wire_end(&w, WIRE_RUNNING, &msg);
	CHECK(body.data);
	member_broadcast(c, WIRE_RUNNING, body, 0);
}

/* --- Hearing --- */

void
running_on_recv(struct core *c, member_id from, struct bytes body)
{
	struct wire_in in;
	skep_Run run;
	wire_each(&in, body, skep_Running_runs_tag);
	while (wire_next(&in, skep_Run_fields, &run)) {
		struct instance *i = instance_find(c, run.name);
		if (!i)
			continue;
		i->runs_at = from;
		i->runs_until = mono_add(c->now, HOLDS_MS);
	}
}

bool
running_is_said(const struct core *c, const struct instance *inst)
{
	return inst->runs_until.ms > c->now.ms &&
	       member_is_present(c, inst->runs_at);
}
