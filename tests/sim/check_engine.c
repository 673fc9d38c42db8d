/* E1 to E5: the core as a machine.
 *
 * E1 (a seed is the whole of a run) is shown by running a seed twice, which
 * tests/sim/run does; observers change nothing, so it holds with them.  E4
 * (two versions at once) is a matter of the worlds that mix them: everything
 * here holds in those too.  E5 (no step takes longer than 1 ms) is about a
 * real processor, which a simulated clock does not know: the bench measures
 * it; what a step may do is bounded here instead.
 */
#include <stdlib.h>
#include <string.h>

#include "core/wire.h"
#include "tests/sim/check.h"

/* Every so many messages one is read back. */
#define READ_EVERY 32

struct engine {
	struct check *k;
	uint32_t read_in; /* messages */
};

union message {
	skep_Hello hello;
	skep_Heartbeat heartbeat;
	skep_MemberNews news;
	skep_Batch batch;
	skep_Pull pull;
	skep_Entries entries;
	skep_TreeNode node;
	skep_EntriesWanted wanted;
	skep_Forward forward;
	skep_ForwardReply reply;
	skep_Handoff handoff;
	skep_LastHeardAnswer answer;
	skep_Refuse refuse;
};

/* E3: what one host writes, another can read. */
static void
check_codec(struct engine *e, uint32_t host, const struct effect_send *s)
{
	union message m;
	if (e->read_in-- > 0)
		return;
	e->read_in = READ_EVERY;
	memset(&m, 0, sizeof m);
	if (!wire_decode(s->type, s->body, &m))
		world_violated(e->k->w, "E3", "%s sends a %s that nobody reads",
			e->k->w->hosts[host].name, wire_type_name(s->type));
}

/* E2: all queues have bounds, and are within them. */
static void
check_bounds(struct engine *e, uint32_t host, const struct effects *fx)
{
	const struct core *c = e->k->w->hosts[host].core;
	if (fx->count > fx->capacity || fx->pool_used > fx->pool_size)
		world_violated(e->k->w, "E2", "%s: %zu effects, %zu bytes",
			c->config.node, fx->count, fx->pool_used);
	if (c->duty.starting > c->instances.count)
		world_violated(e->k->w, "E2", "%s: %u starts under way",
			c->config.node, c->duty.starting);
	if (c->stored_seq > c->store_seq)
		world_violated(e->k->w, "E2", "%s: more is stored than written",
			c->config.node);
}

static void
on_step(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx, void *context)
{
	struct engine *e = context;
	(void)w;
	(void)in;
	check_bounds(e, host, fx);
	for (size_t i = 0; i < fx->count; i++)
		if (fx->items[i].kind == EFFECT_SEND)
			check_codec(e, host, &fx->items[i].send);
}

/* Write before you speak: nothing is carried out whose STORE is not durable.
 * This is a rule for the shell, real or not. */
static void
on_effect(struct world *w, uint32_t host, const struct effect *effect,
	void *context)
{
	(void)context;
	if (effect->after > w->hosts[host].stored)
		world_violated(w, "E2",
			"%s carries out a %s before STORE %llu "
			"is durable",
			w->hosts[host].name, effect_kind_name(effect->kind),
			(unsigned long long)effect->after);
}

static void
on_phase(struct world *w, enum world_phase phase, void *context)
{
	(void)context;
	if (phase != WORLD_PHASE_SETTLED)
		return;
	for (uint32_t a = 0; a < w->count; a++)
		if (w->hosts[a].core)
			core_check(w->hosts[a].core);
}

static void
on_end(struct world *w, void *context)
{
	(void)w;
	free(context);
}

void
check_engine(struct check *k)
{
	struct engine *e = calloc(1, sizeof *e);
	CHECK(e);
	e->k = k;
	world_observe(k->w, &(struct world_observer){
				    .name = "engine",
				    .on_step = on_step,
				    .on_effect = on_effect,
				    .on_phase = on_phase,
				    .on_end = on_end,
				    .context = e,
			    });
}
