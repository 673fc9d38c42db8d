/* What would be rebalanced, for people; nothing here changes anything. */
#include <string.h>

#include "core/core_private.h"
#include "core/text.h"

uint64_t
rebalance_pass_number(const struct core *c)
{
	return c->settings.rebalance_pass;
}

bool
rebalance_host_next(
	const struct core *c, uint32_t *cursor, struct rebalance_host *out)
{
	struct node_facts f;
	while (*cursor < c->members.count &&
		!member_is_present(c, (member_id)*cursor))
		++*cursor;
	if (*cursor >= c->members.count)
		return false;
	member_id id = (member_id)(*cursor)++;
	facts_get(c, id, &f);
	out->name = member_get(c, id)->name;
	out->moving = f.rebalance_moving;
	out->left = f.rebalance_left;
	out->is_through = f.rebalance_done >= c->settings.rebalance_pass;
	return true;
}

/* Why it goes, and when, as far as this host knows. */
static void
say_going(struct core *c, const struct instance *i, member_id from,
	struct text *t)
{
	text_add(t, rebalance_verdict_text(REBALANCE_GOES));
	if (c->settings.rebalance != REBALANCE_AUTO || from != MEMBER_SELF)
		return;
	int64_t left_ms = mono_diff(rebalance_due_at(c, i), c->now);
	if (left_ms <= 0)
		return;
	text_add(t, "; by itself in ");
	text_add_duration(t, left_ms);
}

/* Whether it is to be listed. */
static bool
fill(struct core *c, struct instance *i, struct rebalance_item *out)
{
	struct service_value s;
	struct text t;
	member_id from, to;
	if (!i->is_declared || !instance_service(c, i, &s))
		return false;
	enum rebalance_verdict v = rebalance_look(c, i, &s, &from, &to);
	if (v == REBALANCE_BELONGS || v == REBALANCE_NOT_HELD)
		return false;
	memset(out, 0, sizeof *out);
	out->name = i->name;
	out->from = member_get(c, from)->name;
	out->to = member_get(c, to)->name;
	out->goes = v == REBALANCE_GOES || v == REBALANCE_MOVING;
	text_init(&t, out->why, sizeof out->why);
	if (v == REBALANCE_GOES)
		say_going(c, i, from, &t);
	else
		text_add(&t, rebalance_verdict_text(v));
	return true;
}

bool
rebalance_view_next(
	struct core *c, uint32_t *cursor, struct rebalance_item *out)
{
	while (*cursor < c->instances.slots.mark) {
		struct instance *i = instance_by_slot(c, (*cursor)++);
		if (i && fill(c, i, out))
			return true;
	}
	return false;
}

/* --- For 'why' --- */

void
rebalance_say_staying(struct core *c, struct instance *inst,
	const struct service_value *service, bool is_live, struct text *t)
{
	member_id from, to;
	if (c->settings.rebalance == REBALANCE_OFF) {
		text_add(t, is_live ? ", but what runs stays where it is. "
				    : ", but it is kept where it is. ");
		return;
	}
	enum rebalance_verdict v = rebalance_look(c, inst, service, &from, &to);
	if (v != REBALANCE_GOES) {
		text_add(t, ", but stays where it is: ");
		text_add(t, rebalance_verdict_text(v));
	} else if (c->settings.rebalance == REBALANCE_MANUAL) {
		text_add(t, ", where 'skepctl rebalance' moves it");
	} else {
		text_add(t, ", where rebalancing moves it when its time has "
			    "come");
	}
	text_add(t, ". ");
}

void
rebalance_say_moved(const struct core *c, const struct instance *inst,
	uint64_t epoch, struct text *t)
{
	if (inst->rebalanced_epoch == 0 || inst->rebalanced_epoch != epoch)
		return;
	text_add(t, "It left ");
	text_add(t, c->config.node);
	text_add(t, " ");
	text_add_duration(t, mono_diff(c->now, inst->departed_at));
	text_add(t, " ago by rebalancing. ");
}
