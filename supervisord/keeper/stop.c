#include "keeper/stop.h"

#include <signal.h>

#include "keeper/keeper.h"
#include "keeper/logs.h"
#include "keeper/systemd.h"
#include "sys/clock.h"
#include "sys/say.h"

#define ASK_MS	   10000 /* where the spec says nothing */
#define ASK_MAX_MS 3600000
#define KILL_MS	   5000
#define HELPERS_MS 5000
#define SPARE_MS   15000 /* a rank has, beside its own timeouts */

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
	if (k->stop_phase == STOP_NO) {
		systemd_stopping();
		kept_drop_all(k);
		standby_end(k);
	}
	k->stop_phase = phase;
	k->is_stopping = true;
	loop_arm(&k->loop, &k->stop_timer, bound_ms);
}

/* No more than an hour of anybody's word. */
static int64_t
bounded_ms(int64_t ms)
{
	return ms < 0 ? 0 : ms < ASK_MAX_MS ? ms : ASK_MAX_MS;
}

/* How long it may take, by its own word or ours. */
static int64_t
patience_ms(const struct instance *i)
{
	return i->stop_timeout_ms > 0 ? bounded_ms(i->stop_timeout_ms) : ASK_MS;
}

/* How long the node may take: for each rank pre_stop and post_stop,
 * stop_command and the signal, and the end of what was killed. */
static int64_t
node_patience_ms(struct keeper *k)
{
	uint64_t ranks = 0;
	int64_t one_ms = 0;
	list_each (it, &k->instances.all) {
		struct instance *i = container_of(it, struct instance, in_all);
		if (!instance_is_alive(i))
			continue;
		int64_t ms = 2 * patience_ms(i) +
			     2 * bounded_ms(i->hook_timeout_ms) + SPARE_MS;
		one_ms = ms > one_ms ? ms : one_ms;
		ranks |= 1ULL << (i->stop_rank % 64);
	}
	return one_ms * __builtin_popcountll(ranks);
}

static int
soft_signal(const struct instance *i)
{
	return i->stop_signal > 0 && i->stop_signal < NSIG ? i->stop_signal
							   : SIGTERM;
}

static void
ask(struct instance *i)
{
	enum kproto_target to = i->stop_all ? KTARGET_ALL : KTARGET_MAIN;
	i->is_asked = true;
	i->stop_until = mono_add(clock_mono(), patience_ms(i));
	if (i->state == INSTANCE_LAUNCHING || i->state == INSTANCE_FAILED) {
		instance_kill(i);
		instance_settle(i);
		return;
	}
	if (i->pid == 0)
		return; /* see 'ask_rest' */
	instance_signal(i, soft_signal(i), to);
	instance_signal(i, SIGCONT, to);
}

/* A leader that has gone leaves its children to us: they get the signal too,
 * and what is left of the time. */
static void
ask_rest(struct instance *i)
{
	if (i->pid != 0 || i->is_rest_asked || i->is_killed)
		return;
	i->is_rest_asked = true;
	instance_signal(i, soft_signal(i), KTARGET_ALL);
	instance_signal(i, SIGCONT, KTARGET_ALL);
}

/* Kills what has had its time. */
static void
kill_overdue(struct instance *i, mono now)
{
	if (!i->is_asked || i->is_killed || !mono_reached(i->stop_until, now))
		return;
	say(SAY_WARNING, "%s did not stop: killed", i->name);
	instance_kill(i);
	loop_arm(&i->keeper->loop, &i->again, 0);
}

/* Asks those of the highest rank when all above are gone, or killed at
 * least. */
static void
ask_next(struct keeper *k)
{
	bool is_any = false;
	uint32_t rank = 0;
	list_each (it, &k->instances.all) {
		struct instance *i = container_of(it, struct instance, in_all);
		if (!instance_is_alive(i) || i->is_killed)
			continue;
		if (i->is_asked)
			return;
		is_any = true;
		rank = i->stop_rank > rank ? i->stop_rank : rank;
	}
	if (!is_any)
		return;
	list_each (it, &k->instances.all) {
		struct instance *i = container_of(it, struct instance, in_all);
		if (instance_is_alive(i) && !i->is_asked &&
			i->stop_rank == rank)
			ask(i);
	}
}

/* Goes on with those that are there: the rest of some, the time of some, the
 * next rank; and arms the timer for what comes first. */
static void
press_on(struct keeper *k)
{
	mono now = clock_mono(), next = MONO_NEVER;
	ask_next(k);
	list_each (it, &k->instances.all) {
		struct instance *i = container_of(it, struct instance, in_all);
		if (!instance_is_alive(i) || !i->is_asked)
			continue;
		ask_rest(i);
		kill_overdue(i, now);
		if (!i->is_killed)
			next = mono_min(next, i->stop_until);
	}
	if (mono_diff(next, MONO_NEVER) != 0)
		loop_arm(&k->loop, &k->stop_timer, mono_diff(next, now));
	else if (k->stop_phase == STOP_ASKED)
		enter(k, STOP_KILLED, KILL_MS);
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

/* Nobody has any more time. */
static void
hurry(struct keeper *k)
{
	list_each (it, &k->instances.all) {
		struct instance *i = container_of(it, struct instance, in_all);
		i->is_asked = true;
		i->stop_until = clock_mono();
	}
	press_on(k);
}

void
stop_begin(struct keeper *k)
{
	if (k->stop_phase != STOP_NO) {
		if (k->stop_phase == STOP_BY_NODE)
			enter(k, STOP_ASKED, ASK_MS);
		if (k->stop_phase == STOP_ASKED)
			hurry(k);
		return;
	}
	say(SAY_NOTICE, "stopping %u instances", count_alive(k));
	enter(k, STOP_BY_NODE, node_patience_ms(k));
	helper_send(&k->node, KMSG_ENDING, (struct bytes){NULL, 0}, NULL, 0);
	stop_check(k);
}

/* What the node left is ours. */
static void
go_on_alone(struct keeper *k, const char *why)
{
	if (count_alive(k) > 0)
		say(SAY_WARNING, "%s: skepd stops the last %u, without hooks",
			why, count_alive(k));
	enter(k, STOP_ASKED, ASK_MS);
	stop_check(k);
}

void
stop_on_ended(struct keeper *k)
{
	if (k->stop_phase == STOP_BY_NODE)
		go_on_alone(k, "skep-node does not know of all");
}

void
stop_leave(struct keeper *k)
{
	if (k->stop_phase != STOP_NO)
		return;
	say(SAY_NOTICE, "leaving %u instances to the next skepd",
		count_alive(k));
	k->is_leaving = true;
	helper_send(&k->node, KMSG_GOING, (struct bytes){NULL, 0}, NULL, 0);
	end_helpers(k);
}

void
stop_check(struct keeper *k)
{
	switch (k->stop_phase) {
	case STOP_NO:
		return;
	case STOP_BY_NODE:
		if (k->node.pid == 0)
			go_on_alone(k, "skep-node is gone");
		return;
	case STOP_ASKED:
	case STOP_KILLED:
		if (count_alive(k) == 0)
			end_helpers(k);
		else if (k->stop_phase == STOP_ASKED)
			press_on(k);
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
	case STOP_BY_NODE:
		go_on_alone(k, "skep-node takes too long");
		return;
	case STOP_ASKED:
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
