#include "keeper/kept.h"

#include <string.h>

#include "base/check.h"
#include "keeper/keeper.h"
#include "sys/clock.h"

/* Takes it out of the list. */
static void
forget(struct kept *all, struct kept_one *one)
{
	size_t at = (size_t)(one - all->list);
	CHECK(at < all->count);
	memmove(one, one + 1, (--all->count - at) * sizeof *one);
	if (all->count == 0)
		loop_disarm(&all->timer);
}

/* What is kept of 'i', or NULL. */
static struct kept_one *
find(struct instance *i)
{
	struct kept *all = &i->keeper->kept;
	for (size_t n = 0; n < all->count; n++)
		if (all->list[n].of == i)
			return &all->list[n];
	return NULL;
}

static bool
has_child(struct kept_one *one)
{
	ahead_learn(&one->ahead);
	return one->ahead.child.pid != 0;
}

/* Removes a cgroup that nobody uses any more, whoever dropped it. */
static void
remove_unused(struct keeper *k, uint64_t iid)
{
	struct instance *i = instance_find(&k->instances, iid);
	if (!i || i->cgroup_fd < 0)
		cgroup_remove(&k->cgroups, iid);
}

/* Nobody wants it.  A child has to be gone first; one that has not said yet
 * who it is ends by itself when it finds that we do not listen. */
static void
drop(struct kept *all, struct kept_one *one)
{
	struct instance *i = one->of;
	one->of = NULL;
	if (has_child(one)) {
		ahead_kill(&one->ahead);
		instance_release_cgroup(i);
	} else if (one->ahead.is_called) {
		ahead_release(&one->ahead);
		instance_release_cgroup(i);
	} else {
		ahead_release(&one->ahead);
		forget(all, one);
		instance_remove_cgroup(i);
	}
}

/* What is left of one that was dropped. */
static void
sweep(struct keeper *k, struct kept_one *one)
{
	uint64_t iid = one->iid;
	struct instance *i = instance_find(&k->instances, iid);
	bool is_used = i && i->cgroup_fd >= 0; /* by a later start */
	if (one->ahead.child.pid != 0 ||
		(!is_used && cgroup_is_populated(&k->cgroups, iid)))
		return;
	forget(&k->kept, one);
	remove_unused(k, iid);
}

static void
on_timer(struct timer *t)
{
	struct kept *all = container_of(t, struct kept, timer);
	struct keeper *k = container_of(all, struct keeper, kept);
	mono now = clock_mono();
	for (size_t n = all->count; n-- > 0;) {
		struct kept_one *one = &all->list[n];
		if (!one->of) {
			sweep(k, one);
		} else if (mono_reached(one->until, now)) {
			ahead_forget(one->of);
			drop(all, one);
		}
	}
	if (all->count > 0)
		loop_arm(&k->loop, t, KEPT_MS);
}

void
kept_init(struct kept *k)
{
	k->count = 0;
	timer_init(&k->timer, on_timer);
}

/* A place for one more, or NULL. */
static struct kept_one *
make_place(struct keeper *k)
{
	struct kept *all = &k->kept;
	if (all->count == KEPT_MAX)
		return NULL;
	if (all->count == 0)
		loop_arm(&k->loop, &all->timer, KEPT_MS);
	return &all->list[all->count++];
}

/* Whether it may do, and a start is not unlikely. */
static bool
is_wanted(const struct instance *i)
{
	bool is_asked =
		i->is_killed || i->was_signalled || i->keeper->is_stopping;
	return !is_asked && i->cgroup_fd >= 0 && i->populated.fd >= 0 &&
	       !i->foreign_cgroup &&
	       cgroup_is_bare(i->cgroup_fd, i->populated.fd);
}

void
kept_put(struct instance *i)
{
	CHECK(i->pid == 0);
	struct kept_one *one = is_wanted(i) ? make_place(i->keeper) : NULL;
	if (!one)
		return;
	one->of = i;
	one->iid = i->iid;
	one->until = mono_add(clock_mono(), KEPT_MS);
	ahead_fork(i, &one->ahead);
}

bool
kept_has(struct instance *i)
{
	return find(i) != NULL;
}

/* Nobody wants it, and it is gone when this returns, if the child hurries. */
static void
drop_now(struct kept *all, struct kept_one *one)
{
	struct instance *i = one->of;
	ahead_clear(&one->ahead, KEPT_CLEAR_MS);
	drop(all, one);
	if (i->cgroup_fd < 0)
		remove_unused(i->keeper, i->iid);
}

void
kept_check(struct instance *i)
{
	struct kept_one *one = find(i);
	if (one && !cgroup_is_untouched(i->cgroup_fd))
		drop_now(&i->keeper->kept, one);
}

bool
kept_take(struct instance *i, struct bytes body, struct ahead *ahead)
{
	struct kept_one *one = find(i);
	*ahead = (struct ahead){.report_fd = -1};
	if (!one)
		return false;
	one->of = NULL;
	if (has_child(one) && !ahead_is_for(&one->ahead, body)) {
		ahead_kill(&one->ahead);
		return true;
	}
	if (has_child(one))
		*ahead = one->ahead;
	else
		ahead_release(&one->ahead);
	forget(&i->keeper->kept, one);
	return true;
}

void
kept_drop(struct instance *i)
{
	struct kept_one *one = find(i);
	if (one)
		drop(&i->keeper->kept, one);
}

void
kept_drop_all(struct keeper *k)
{
	for (size_t n = k->kept.count; n-- > 0;)
		if (k->kept.list[n].of)
			drop_now(&k->kept, &k->kept.list[n]);
}

bool
kept_on_exit(struct keeper *k, pid_t pid)
{
	struct kept *all = &k->kept;
	for (size_t n = 0; n < all->count; n++) {
		struct kept_one *one = &all->list[n];
		if (!has_child(one) || one->ahead.child.pid != pid)
			continue;
		ahead_release(&one->ahead);
		if (one->of)
			return true; /* the cgroup stays for its moment */
		remove_unused(k, one->iid);
		forget(all, one);
		return true;
	}
	return false;
}
