/* The wall clock that decisions go by.
 *
 * Stamps of writes, deadlines of drains and ages of states are times that other
 * hosts have to agree about, so a host whose clock is wrong by hours would
 * write what nobody takes, and take back what is new.  Each host tells its time
 * in its heartbeats.  One that is far from what most say goes by the median
 * of all, its own included, until its clock is right again; of an even number
 * it is the lower one in the middle, so that of two hosts both go by the same.
 *
 * Times are kept as what a wall clock said at zero of this host's own
 * monotonic clock: so a step of our wall clock shows at once, and changes
 * nothing of what is known of others.
 */
#include "core/member_private.h"

/* Clocks that are kept are within a second of each other; writes are refused
 * from a minute on (specs.c). */
#define APART_MS 10000

static int64_t
own_base(const struct core *c)
{
	return c->own_wall_ms - c->now.ms;
}

static bool
is_apart(int64_t a, int64_t b)
{
	return a - b > APART_MS || b - a > APART_MS;
}

/* Whether a member's word counts, and what it was; our own always does. */
static bool
base_of(const struct core *c, const struct member *m, int64_t *base_out)
{
	bool is_self = m == &c->members.items[MEMBER_SELF];
	*base_out = is_self ? own_base(c) : m->wall_base_ms;
	return is_self || (m->link && m->has_wall && m->state == MEMBER_ALIVE);
}

/* How many words count, and how many of those are near our own. */
static uint32_t
count_words(const struct core *c, uint32_t *near_out)
{
	uint32_t count = 0;
	int64_t base;
	*near_out = 0;
	for (uint32_t i = 0; i < c->members.count; i++) {
		if (!base_of(c, &c->members.items[i], &base))
			continue;
		count++;
		*near_out += !is_apart(base, own_base(c));
	}
	return count;
}

/* Whether 'base' is the word that has 'place' smaller ones before it. */
static bool
is_at(const struct core *c, int64_t base, uint32_t place)
{
	uint32_t smaller = 0, same = 0;
	int64_t other;
	for (uint32_t i = 0; i < c->members.count; i++) {
		if (!base_of(c, &c->members.items[i], &other))
			continue;
		smaller += other < base;
		same += other == base;
	}
	return smaller <= place && place < smaller + same;
}

static int64_t
find_median(const struct core *c, uint32_t count)
{
	int64_t base;
	for (uint32_t i = 0; i < c->members.count; i++)
		if (base_of(c, &c->members.items[i], &base) &&
			is_at(c, base, (count - 1) / 2))
			return base;
	return own_base(c);
}

static void
tell(struct core *c)
{
	struct member_table *t = &c->members;
	int64_t off_ms = own_base(c) - t->wall_base_ms;
	int sign = !is_apart(off_ms, 0) ? 0 : off_ms > 0 ? 1 : -1;
	if (sign == t->clock_said)
		return;
	t->clock_said = sign;
	core_note(c, NOTE_NODE_STATE, c->config.node, 0,
		sign == 0 ? "its clock is right again"
			  : effects_format(&c->fx,
				    "its clock is %d s %s those of the other "
				    "hosts: it goes by theirs; set it",
				    (off_ms < 0 ? -off_ms : off_ms) / 1000,
				    off_ms < 0 ? "behind" : "ahead of"));
}

void
member_tune_clock(struct core *c)
{
	struct member_table *t = &c->members;
	uint32_t near, count = count_words(c, &near);
	/* Among most of them we are right enough, and nothing is to be sought:
	 * with many hosts that takes long. */
	t->wall_base_ms =
		near > count / 2 ? own_base(c) : find_median(c, count);
	t->has_wall_base = true;
	tell(c);
}

void
member_hear_wall(struct core *c, struct member *m, int64_t wall_ms)
{
	m->has_wall = wall_ms > 0 && wall_ms <= WALL_MAX;
	m->wall_base_ms = wall_ms - c->now.ms;
}

int64_t
member_clock_off(const struct core *c)
{
	const struct member_table *t = &c->members;
	int64_t off_ms = own_base(c) - t->wall_base_ms;
	return t->has_wall_base && is_apart(off_ms, 0) ? off_ms : 0;
}

int64_t
member_clock_off_of(const struct core *c, member_id id)
{
	const struct member *m = member_get(c, id);
	int64_t base;
	if (!base_of(c, m, &base))
		return 0;
	return base - (own_base(c) - member_clock_off(c));
}
