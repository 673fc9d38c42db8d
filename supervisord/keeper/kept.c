#include "keeper/kept.h"

#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "keeper/keeper.h"
#include "sys/clock.h"

static void
on_timer(struct timer *t)
{
	struct kept *all = container_of(t, struct kept, timer);
	mono now = clock_mono();
	struct keeper *k = container_of(all, struct keeper, kept);
	while (all->count > 0 && mono_reached(all->until[0], now))
		kept_drop(all->list[0]);
	if (all->count > 0)
		loop_arm(&k->loop, t, KEPT_MS);
}

void
kept_init(struct kept *k)
{
	k->count = 0;
	timer_init(&k->timer, on_timer);
}

/* Takes 'i' out of the list; false when it is not there. */
static bool
forget(struct instance *i)
{
	struct kept *all = &i->keeper->kept;
	for (size_t n = 0; n < all->count; n++) {
		if (all->list[n] != i)
			continue;
		size_t rest = --all->count - n;
		memmove(&all->list[n], &all->list[n + 1],
			rest * sizeof *all->list);
		memmove(&all->until[n], &all->until[n + 1],
			rest * sizeof *all->until);
		if (all->count == 0)
			loop_disarm(&all->timer);
		return true;
	}
	return false;
}

void
kept_put(struct instance *i)
{
	struct keeper *k = i->keeper;
	struct kept *all = &k->kept;
	CHECK(!instance_is_alive(i));
	bool is_asked = i->is_killed || i->was_signalled || k->is_stopping;
	if (i->cgroup_fd < 0 || i->populated.fd < 0 || i->foreign_cgroup ||
		is_asked) {
		instance_remove_cgroup(i);
		return;
	}
	if (all->count == KEPT_MAX)
		kept_drop(all->list[0]);
	if (all->count == 0)
		loop_arm(&k->loop, &all->timer, KEPT_MS);
	all->list[all->count] = i;
	all->until[all->count++] = mono_add(clock_mono(), KEPT_MS);
}

void
kept_check(struct instance *i)
{
	if (i->cgroup_fd >= 0 &&
		!cgroup_is_as_new(i->cgroup_fd, i->populated.fd))
		kept_drop(i);
}

bool
kept_take(struct instance *i)
{
	return forget(i);
}

void
kept_drop(struct instance *i)
{
	if (forget(i))
		instance_remove_cgroup(i);
}

void
kept_drop_all(struct keeper *k)
{
	while (k->kept.count > 0)
		kept_drop(k->kept.list[0]);
}
