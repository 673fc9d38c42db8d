#include "keeper/stop.h"

#include <signal.h>

#include "keeper/keeper.h"
#include "keeper/logs.h"
#include "sys/say.h"

#define ASK_MS	   10000
#define KILL_MS	   5000
#define HELPERS_MS 5000

/* Instances of which something may be left. */
static unsigned
count_alive(struct keeper *k)
{
	unsigned count = 0;
	list_each (it, &k->instances.all)
		count += instance_is_alive(
			container_of(it, struct instance, in_all));
	return count;
}

static void
enter(struct keeper *k, enum stop_phase phase, int64_t bound_ms)
{
	k->stop_phase = phase;
	k->is_stopping = true;
	loop_arm(&k->loop, &k->stop_timer, bound_ms);
}

static void
ask(struct instance *i)
{
	if (i->state != INSTANCE_RUNNING) {
		instance_kill(i);
		instance_settle(i);
		return;
	}
	instance_signal(i, SIGTERM, KTARGET_MAIN);
	instance_signal(i, SIGCONT, KTARGET_MAIN);
}

/* Leaders that have gone leave their children to us. */
static void
kill_left_behind(struct keeper *k, bool all)
{
	list_each (it, &k->instances.all) {
		struct instance *i = container_of(it, struct instance, in_all);
		if (instance_is_alive(i) && !i->is_killed &&
			(all || i->pid == 0)) {
			instance_kill(i);
			loop_arm(&k->loop, &i->again, 0);
		}
	}
}

static void
end_helpers(struct keeper *k)
{
	enter(k, STOP_HELPERS, HELPERS_MS);
	logs_close_all(k);
	helper_close(&k->node);
	helper_close(&k->logger);
	stop_check(k);
}

void
stop_begin(struct keeper *k)
{
	if (k->stop_phase != STOP_NO) {
		if (k->stop_phase == STOP_ASKED)
			stop_on_timer(&k->stop_timer);
		return;
	}
	say(SAY_NOTICE, "stopping %u instances", count_alive(k));
	enter(k, STOP_ASKED, ASK_MS);
	list_each (it, &k->instances.all) {
		struct instance *i = container_of(it, struct instance, in_all);
		if (instance_is_alive(i))
			ask(i);
	}
	stop_check(k);
}

void
stop_leave(struct keeper *k)
{
	if (k->stop_phase != STOP_NO)
		return;
	say(SAY_NOTICE, "leaving %u instances to the next skepd",
		count_alive(k));
	k->is_leaving = true;
	end_helpers(k);
}

void
stop_check(struct keeper *k)
{
	switch (k->stop_phase) {
	case STOP_NO:
		return;
	case STOP_ASKED:
	case STOP_KILLED:
		if (count_alive(k) == 0)
			end_helpers(k);
		else
			kill_left_behind(k, k->stop_phase == STOP_KILLED);
		return;
	case STOP_HELPERS:
		if (k->node.pid == 0 && k->logger.pid == 0)
			k->loop.is_over = true;
		return;
	}
}

void
stop_on_timer(struct timer *t)
{
	struct keeper *k = container_of(t, struct keeper, stop_timer);
	switch (k->stop_phase) {
	case STOP_NO:
		return;
	case STOP_ASKED:
		say(SAY_WARNING, "%u instances did not stop: killing them",
			count_alive(k));
		enter(k, STOP_KILLED, KILL_MS);
		stop_check(k);
		return;
	case STOP_KILLED:
		say(SAY_ERROR, "%u instances cannot be killed", count_alive(k));
		end_helpers(k);
		return;
	case STOP_HELPERS:
		helper_kill(&k->node);
		helper_kill(&k->logger);
		loop_arm(&k->loop, &k->stop_timer, HELPERS_MS);
		return;
	}
}
