/* What hosts tell of an instance's checkpoints, for people. */
#include <string.h>

#include "core/core_private.h"
#include "core/text.h"
#include "core/view.h"

static int64_t
age_ms(const struct core *c, const struct snapshot *s)
{
	int64_t ms = c->wall_ms - s->wall_ms;
	return s->epoch == 0 ? -1 : ms < 0 ? 0 : ms;
}

/* Whether what a row tells is so: our own, or one of a host that is present and
 * tells of its present life. */
static bool
is_here(const struct core *c, const struct row *r)
{
	return r->origin == MEMBER_SELF ||
	       (member_is_present(c, r->origin) &&
		       registry_is_current(c, r->origin));
}

/* The newest that hosts other than 'but' have, and who. */
static void
find_next(const struct core *c, const char *name, member_id but,
	struct checkpoint_view *out)
{
	struct checkpoint_word word;
	const struct row *r = registry_first(c, ROW_INSTANCE, name);
	out->next_node = "";
	for (; r; r = registry_next(c, r)) {
		if (r->origin == but || !is_here(c, r) ||
			!checkpoint_read_row(r, &word) || word.count == 0 ||
			snapshot_compare(&word.kept[0], &out->next) <= 0)
			continue;
		out->next = word.kept[0];
		out->next_node = member_get(c, r->origin)->name;
	}
}

/* How many hosts other than 'but', of those that 'holder' names (NULL: of
 * all), have the newest. */
static uint32_t
count_newest(const struct core *c, const char *name, member_id but,
	const struct checkpoint_word *holder, const struct snapshot *newest)
{
	struct checkpoint_word word;
	uint32_t count = 0;
	const struct row *r = registry_first(c, ROW_INSTANCE, name);
	for (; newest->epoch && r; r = registry_next(c, r))
		count += r->origin != but && is_here(c, r) &&
			 checkpoint_read_row(r, &word) && word.count &&
			 snapshot_compare(&word.kept[0], newest) >= 0 &&
			 (!holder || checkpoint_names_host(holder,
					     member_get(c, r->origin)->name));
	return count;
}

/* Who runs it knows, and told it; others go by what they see, which is the same
 * but for the time that the copies took. */
static bool
is_late(const struct core *c, const struct row *holder,
	const struct policy_checkpoint *p, const struct snapshot *acked)
{
	const struct checkpoint *k = checkpoint_find(c, holder->name);
	int64_t from_ms = holder->value.since_wall_ms;
	if (holder->origin == MEMBER_SELF)
		return k && k->is_late;
	if (acked->epoch && acked->wall_ms > from_ms)
		from_ms = acked->wall_ms;
	return holder->value.state == ROW_READY &&
	       c->wall_ms - from_ms > checkpoint_late_ms(p);
}

/* Fills what depends on the host that runs it. */
static void
fill_held(struct core *c, const struct row *holder,
	const struct policy_checkpoint *p, struct checkpoint_view *out)
{
	struct checkpoint_word word;
	bool is_told = checkpoint_read_row(holder, &word) && word.is_runner;
	out->is_held = true;
	out->is_late = is_late(c, holder, p, &out->acked);
	out->loss_ms = age_ms(c, &out->next);
	out->is_waiting = p->takeover == TAKEOVER_WAIT &&
			  snapshot_compare(&out->next, &out->acked) < 0;
	if (!is_told)
		return; /* it has only just begun, and named nobody yet */
	out->named = word.holder_count;
	if (word.count)
		out->newest = word.kept[0];
	out->have = count_newest(
		c, holder->name, holder->origin, &word, &out->newest);
}

static const struct row *
find_holder(struct core *c, const char *name)
{
	uint32_t copies;
	member_id id = duty_holder(c, name, &copies);
	return id == MEMBER_NONE ? NULL
				 : registry_find(c, ROW_INSTANCE, name, id);
}

bool
view_checkpoint(struct core *c, const char *name, struct checkpoint_view *out)
{
	struct service_value s;
	const struct instance *i = instance_find(c, name);
	memset(out, 0, sizeof *out);
	out->next_node = "";
	if (!i || !instance_service(c, i, &s) ||
		!s.policy.checkpoint.is_present)
		return false;
	const struct policy_checkpoint *p = &s.policy.checkpoint;
	const struct row *holder = find_holder(c, i->name);
	out->wanted = out->named = p->replicas;
	out->every_ms = p->every_ms;
	checkpoint_acked(c, i->name, &out->acked);
	out->age_ms = age_ms(c, &out->acked);
	out->loss_ms = -1;
	find_next(c, i->name, holder ? holder->origin : MEMBER_NONE, out);
	if (holder) {
		fill_held(c, holder, p, out);
		return true;
	}
	out->newest = out->next;
	out->have = count_newest(c, i->name, MEMBER_NONE, NULL, &out->newest);
	return true;
}

/* --- Sentences --- */

static void
add_age(struct text *t, const struct checkpoint_view *v)
{
	if (v->age_ms < 0) {
		text_add(t, "No checkpoint of it counts yet");
		return;
	}
	text_add(t, "Its last checkpoint that counts is ");
	text_add_duration(t, v->age_ms);
	text_add(t, " old");
}

static void
add_hosts(struct text *t, const struct checkpoint_view *v)
{
	if (v->is_late)
		text_add(t, v->age_ms < 0 ? ", for too long already"
					  : ", which is too old");
	text_add(t, ": ");
	if (v->newest.epoch) {
		text_add(t, "the newest is on ");
		text_add_number(t, v->have);
		text_add(t, " of ");
		text_add_number(t, v->wanted);
		text_add(t, " other hosts. ");
	} else {
		text_add(t, "the host that runs it has none. ");
	}
	if (v->named == v->wanted)
		return;
	text_add(t, "Only ");
	text_add_number(t, v->named);
	text_add(t, v->named == 1 ? " other host" : " other hosts");
	text_add(t, " may run it and so keep one; none counts with less than ");
	text_add_number(t, v->wanted);
	text_add(t, ". ");
}

static void
add_loss(struct text *t, const struct checkpoint_view *v, const char *node)
{
	text_add(t, "If ");
	text_add(t, node);
	text_add(t, " died now, it would ");
	if (v->is_waiting) {
		text_add(t, "wait for one that counts. ");
		return;
	}
	text_add(t, v->loss_ms < 0 ? "begin without one. "
				   : "begin with one that is ");
	if (v->loss_ms < 0)
		return;
	text_add_duration(t, v->loss_ms);
	text_add(t, " old. ");
}

void
view_checkpoint_text(
	struct core *c, const char *name, char *buffer, size_t size)
{
	struct text t;
	struct checkpoint_view v;
	text_init(&t, buffer, size);
	if (!view_checkpoint(c, name, &v) || (!v.is_held && v.age_ms < 0))
		return;
	add_age(&t, &v);
	const struct row *holder = find_holder(c, name);
	if (holder) {
		add_hosts(&t, &v);
		add_loss(&t, &v, member_get(c, holder->origin)->name);
		return;
	}
	text_add(&t, v.next_node[0] ? "; the newest that is here is on "
				    : "; no host that is here has any");
	text_add(&t, v.next_node);
	text_add(&t, ". ");
}
