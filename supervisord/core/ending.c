/* All of skepd ends on this host: what runs here is stopped as by an
 * operator's word, with its hooks; what depends on others before them.
 *
 * It is another thing than a drain: nothing is moved, and nobody waits until
 * it is ready elsewhere.  The other hosts see a hold, so that they move
 * nothing here; they take over when this host is gone.  A rank waits until
 * nothing is left of those above; each stop is bounded by its own timeouts, and
 * so is this.
 *
 * A move that has told a service to put its state aside goes on until that
 * is sealed; where it ends, commit or not, this host's next start finds out.
 */
#include "core/core_private.h"
#include "core/depends.h"

/* Whether a move has told it to put its state aside, which is not sealed
 * yet: the state has no other home. */
static bool
is_putting_aside(const struct core *c, const struct instance *i)
{
	const struct handoff *h = handoff_find(c, i->name);
	return h &&
	       (h->state == HANDOFF_SIGNALLED || h->state == HANDOFF_STOPPING ||
		       h->state == HANDOFF_DUMPING);
}

/* Whether something of it is left that the end must wait for. */
static bool
is_left(const struct core *c, const struct instance *i)
{
	return instance_is_live(i) || is_putting_aside(c, i);
}

static uint32_t
height_of(struct core *c, const struct instance *i)
{
	struct service_value s;
	return instance_service(c, i, &s) ? depends_height(c, &s.policy) : 0;
}

/* The height of those whose turn it is. */
static uint32_t
find_top(struct core *c)
{
	uint32_t top = 0;
	list_each (l, &c->instances.all) {
		const struct instance *i =
			container_of(l, struct instance, in_all);
		uint32_t height = is_left(c, i) ? height_of(c, i) : 0;
		top = height > top ? height : top;
	}
	return top;
}

/* Of a stop that is under way only the purpose may be another. */
static bool
is_told(const struct instance *i)
{
	return i->state == INSTANCE_STOPPING &&
	       (i->purpose == STOP_HALT || i->purpose == STOP_GONE ||
		       i->purpose == STOP_LEAVE);
}

static void
stop_one(struct core *c, struct instance *i)
{
	struct service_value s;
	bool has = instance_service(c, i, &s);
	const struct handoff *h = handoff_find(c, i->name);
	if (h && h->state == HANDOFF_OFFERED)
		handoff_cancel(c, i->name, "skepd ends on its host");
	if (!handoff_is_busy(c, i->name) && !is_told(i))
		instance_stop(c, i, has ? &s.policy : NULL, STOP_HALT,
			"skepd ends on this host");
}

void
ending_run(struct core *c)
{
	struct duty *d = &c->duty;
	if (!d->is_ending || !d->is_ending_dirty)
		return;
	d->is_ending_dirty = false;
	uint32_t top = find_top(c);
	list_each_safe (l, &c->instances.all) {
		struct instance *i = container_of(l, struct instance, in_all);
		if (!instance_is_held(i) || instance_is_over(i))
			continue;
		if (!effects_has_room(&c->fx, 64, FRAME_MAX / 4)) {
			d->is_ending_dirty = true;
			return;
		}
		/* What only waits for its next start has no turn. */
		if (!is_left(c, i) || height_of(c, i) == top)
			stop_one(c, i);
	}
}

void
ending_begin(struct core *c)
{
	if (c->duty.is_ending)
		return;
	c->duty.is_ending = c->duty.is_ending_dirty = true;
	member_on_ending(c);
}

bool
ending_is_done(const struct core *c)
{
	if (!c->duty.is_ending || c->duty.is_ending_dirty)
		return false;
	list_each (l, &c->instances.all)
		if (is_left(c, container_of(l, struct instance, in_all)))
			return false;
	return true;
}
