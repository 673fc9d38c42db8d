#include <string.h>

#include "core/member_private.h"

/* What waited for the disk is sent in this time, before the good-bye. */
#define GOOD_BYE_MS 100

static void
reply(struct core *c, const struct input_request *r, enum reply_code code,
	const char *format, const char *name)
{
	core_reply(c, r->id, 0, code, effects_format(&c->fx, format, name));
}

static void
note(struct core *c, const struct input_request *r, const char *name)
{
	core_note_by(c, NOTE_OPERATOR, name, 0,
		effects_text(&c->fx, request_op_name(r->op)), &r->actor);
}

/* The other host that is meant; NULL after a REPLY. */
static struct member *
find_other(struct core *c, const struct input_request *r)
{
	member_id id = member_find(c, r->name);
	if (id == MEMBER_NONE) {
		reply(c, r, REPLY_NOT_FOUND, "no host is named %s", r->name);
		return NULL;
	}
	if (id == MEMBER_SELF) {
		reply(c, r, REPLY_INVALID, "%s is this very host", r->name);
		return NULL;
	}
	return member_at(c, id);
}

void
member_on_join(struct core *c, const struct input_request *r)
{
	c->members.is_quiet = false;
	if (!*r->name || strlen(r->name) > ADDRESS_MAX ||
		strpbrk(r->name, " \t\r\n")) {
		reply(c, r, REPLY_INVALID, "that is no address", "");
		return;
	}
	if (!strcmp(r->name, c->config.address)) {
		reply(c, r, REPLY_INVALID, "%s is this very host", r->name);
		return;
	}
	for (member_id id = 1; id < c->members.count; id++) {
		const struct member *m = member_get(c, id);
		if (m->link && !strcmp(m->address, r->name)) {
			reply(c, r, REPLY_UNCHANGED, "%s is linked already",
				m->name);
			return;
		}
	}
	struct member_seed *s = member_seed_add(c, r->name);
	if (!s) {
		reply(c, r, REPLY_FULL, "too many addresses to join", "");
		return;
	}
	if (s->request)
		core_reply(c, s->request, 0, REPLY_CONFLICT,
			"asked again by somebody else");
	s->request = r->id;
	s->request_until = mono_add(c->now, JOIN_TIMEOUT_MS);
	s->redial_at = c->now;
	s->redial_delay_ms = 0;
	note(c, r, r->name);
}

void
member_on_leave(struct core *c, const struct input_request *r)
{
	c->members.is_quiet = false;
	if (*r->name && strcmp(r->name, c->config.node) != 0) {
		reply(c, r, REPLY_INVALID,
			"run it on %s itself, or use forget if it is gone",
			r->name);
		return;
	}
	if (c->members.is_leaving) {
		reply(c, r, REPLY_UNCHANGED, "%s is leaving already",
			c->config.node);
		return;
	}
	/* Said to all, or they would wait for us to start what we let go. */
	struct node_value v = {
		.intent = INTENT_DRAINING, .reason = "leaves the cluster"};
	uint64_t after;
	enum reply_code code = specs_set_node(c, c->config.node, &v, &after);
	if (code != REPLY_OK && code != REPLY_UNCHANGED) {
		reply(c, r, code, "the desired state is full", "");
		return;
	}
	c->members.is_leaving = true;
	note(c, r, c->config.node);
	c->members.hold_left = c->members.hold;
	member_set_hold(c, HOLD_LEAVING);
	core_reply(c, r->id, member_save_leaving(c), REPLY_OK, "");
}

/* Where it was a member is forgotten, so that it starts alone next time. */
static void
forget_list(struct core *c)
{
	for (member_id id = 1; id < c->members.count; id++) {
		const char *name = member_get(c, id)->name;
		core_store(c, TABLE_MEMBER, (struct bytes){name, strlen(name)},
			(struct bytes){NULL, 0});
	}
}

void
member_cancel_leave(struct core *c)
{
	CHECK(c->members.is_leaving && !c->members.has_left);
	c->members.is_leaving = false;
	member_save_leaving(c);
	if (c->members.hold == HOLD_LEAVING)
		member_hold_resume(c);
}

/* Nobody is linked any more, and that is no news about anybody. */
static void
forget_states(struct core *c)
{
	for (member_id id = 1; id < c->members.count; id++)
		if (member_is_present(c, id))
			member_enter(c, member_at(c, id), MEMBER_UNKNOWN,
				member_get(c, id)->incarnation);
}

static void
say_good_bye(struct core *c)
{
	struct member_table *t = &c->members;
	struct member *self = member_at(c, MEMBER_SELF);
	t->has_left = true;
	t->leave_at = MONO_NEVER;
	member_enter(c, self, MEMBER_LEFT, self->incarnation);
	member_spread_news(c, self, MEMBER_NONE);
	member_close_all(c, "left the cluster");
	forget_states(c);
	forget_list(c);
	member_save_leaving(c);
	core_note(c, NOTE_NODE_LEFT, self->name, 0, "");
}

void
member_finish_leave(struct core *c)
{
	struct member_table *t = &c->members;
	CHECK(t->is_leaving);
	if (t->has_left || t->leave_after)
		return;
	/* Whoever comes under this name later shall not be drained; others
	 * hear that before the good-bye, and when it is on our own disk. */
	uint64_t after;
	if (specs_delete(c, ENTRY_NODE, c->config.node, &after) == REPLY_OK)
		t->leave_after = after;
	else
		say_good_bye(c);
}

void
member_leave_tick(struct core *c)
{
	struct member_table *t = &c->members;
	if (!t->leave_after || t->has_left || c->stored_seq < t->leave_after)
		return;
	if (t->leave_at.ms == MONO_NEVER.ms)
		t->leave_at = mono_add(c->now, GOOD_BYE_MS);
	else if (mono_reached(t->leave_at, c->now))
		say_good_bye(c);
}

void
member_on_forget(struct core *c, const struct input_request *r)
{
	struct member *m = find_other(c, r);
	c->members.is_quiet = false;
	if (!m)
		return;
	if (member_is_present(c, member_id_of(c, m))) {
		reply(c, r, REPLY_CONFLICT,
			"%s is alive; run 'node leave' there", m->name);
		return;
	}
	if (m->state == MEMBER_LEFT) {
		reply(c, r, REPLY_UNCHANGED, "%s was forgotten already",
			m->name);
		return;
	}
	member_enter(c, m, MEMBER_LEFT, m->incarnation);
	member_save(c, m);
	member_spread_news(c, m, MEMBER_NONE);
	registry_on_forget(c, member_id_of(c, m));
	core_note_by(c, NOTE_NODE_LEFT, m->name, 0,
		effects_text(&c->fx, "forgotten by an operator"), &r->actor);
	duty_mark_all(c);
	core_reply(c, r->id, c->store_seq, REPLY_OK, "");
}

void
member_on_confirm_down(struct core *c, const struct input_request *r)
{
	struct member *m = find_other(c, r);
	c->members.is_quiet = false;
	if (!m)
		return;
	if (m->state == MEMBER_ALIVE || member_is_fresh(c, m)) {
		reply(c, r, REPLY_CONFLICT, "%s is alive", m->name);
		return;
	}
	if (m->state == MEMBER_LEFT || m->is_confirmed_down) {
		reply(c, r, REPLY_UNCHANGED, "%s is known to be down", m->name);
		return;
	}
	if (member_is_present(c, member_id_of(c, m)))
		tracked_on_lost(c, member_id_of(c, m));
	member_enter(c, m, MEMBER_DEAD, m->incarnation);
	m->is_confirmed_down = true;
	c->members.is_tally_known = false;
	member_drop_link(c, m, "confirmed down");
	member_spread_news(c, m, MEMBER_NONE);
	core_note_by(c, NOTE_NODE_DOWN, m->name, 0,
		effects_text(&c->fx, "confirmed by an operator"), &r->actor);
	duty_mark_all(c);
	core_reply(c, r->id, 0, REPLY_OK, "");
}
