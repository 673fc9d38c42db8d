#include "tests/sim/story.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/check.h"

const char *const story_names[] = {"alpha", "beta", "gamma", "delta", "epsilon",
	"zeta", "eta", "theta", "iota"};

/* Prints what everybody thinks of everybody, for whoever looks at a seed. */
static void
dump(const struct world *w)
{
	for (uint32_t i = 0; i < w->count; i++) {
		const struct core *c = w->hosts[i].core;
		printf("%s%s\n", w->hosts[i].name, c ? "" : " is off");
		for (member_id id = 0; c && id < c->members.count; id++) {
			const struct member *m = member_get(c, id);
			printf("  %s %s inc %llx link %u dial %u rx %lld\n",
				m->name, member_state_name(m->state),
				(unsigned long long)m->incarnation, m->link,
				m->dial, (long long)m->last_rx.ms);
		}
		if (c)
			printf("  hold %s: %s\n",
				member_hold_name(c->members.hold),
				c->members.hold_text);
	}
}

void
wait_whole(struct world *w, int64_t limit_ms)
{
	int64_t took = world_run_until(w, limit_ms, world_is_whole, NULL);
	if (took < 0)
		dump(w);
	ck_assert_msg(took >= 0, "seed %llu: not whole after %lld ms",
		(unsigned long long)w->seed, (long long)limit_ms);
}

static struct world *
fill(struct world *w, uint32_t n)
{
	w->is_loud = getenv("SIM_LOUD") != NULL;
	for (uint32_t i = 0; i < n; i++)
		world_add(w, story_names[i], i ? "alpha:7400" : NULL);
	return w;
}

struct world *
world_of(uint64_t seed, uint32_t n)
{
	return fill(check_world(seed), n);
}

static struct world *
make_whole(struct world *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		world_start(w, i);
	wait_whole(w, 30000);
	world_run(w, 12000); /* the view is stable now */
	ck_assert(world_is_whole(w, NULL));
	return w;
}

struct world *
whole_world(uint64_t seed, uint32_t n)
{
	return make_whole(world_of(seed, n), n);
}

static void
check_core_only(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx, void *context)
{
	(void)in;
	(void)fx;
	(void)context;
	core_check(w->hosts[host].core);
}

struct world *
lied_to_world(uint64_t seed, uint32_t n)
{
	struct world *w = fill(world_new(seed), n);
	world_observe(w, &(struct world_observer){
				 .name = "core",
				 .on_step = check_core_only,
			 });
	return make_whole(w, n);
}

struct core *
core_of(struct world *w, uint32_t host)
{
	ck_assert_ptr_nonnull(w->hosts[host].core);
	return w->hosts[host].core;
}

enum member_hold
hold_of(struct world *w, uint32_t host)
{
	return member_hold_now(core_of(w, host));
}

/* What 'run_until' waits for: 'a' says 'state' about 'b'. */
struct saying {
	uint32_t a, b;
	enum member_state state;
};

static bool
is_said(const struct world *w, void *arg)
{
	const struct saying *s = arg;
	return world_opinion(w, s->a, s->b) == s->state;
}

int64_t
wait_said(struct world *w, uint32_t a, uint32_t b, enum member_state state,
	int64_t limit_ms)
{
	struct saying s = {a, b, state};
	return world_run_until(w, limit_ms, is_said, &s);
}

struct holding {
	uint32_t host;
	enum member_hold hold;
};

static bool
is_holding(const struct world *w, void *arg)
{
	const struct holding *h = arg;
	return w->hosts[h->host].core->members.hold == h->hold;
}

int64_t
wait_hold(
	struct world *w, uint32_t host, enum member_hold hold, int64_t limit_ms)
{
	struct holding h = {host, hold};
	return world_run_until(w, limit_ms, is_holding, &h);
}

static bool
is_answered(const struct world *w, void *arg)
{
	const struct host *h = arg;
	(void)w;
	return h->replied != 0;
}

enum reply_code
ask(struct world *w, uint32_t host, enum request_op op, const char *name)
{
	w->hosts[host].replied = 0;
	uint64_t id = world_request(w, host, op, name);
	ck_assert_int_ge(
		world_run_until(w, 20000, is_answered, &w->hosts[host]), 0);
	ck_assert_uint_eq(w->hosts[host].replied, id);
	return w->hosts[host].reply;
}
