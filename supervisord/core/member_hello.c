#include <string.h>

#include "core/member_private.h"

void
member_send_hello(struct core *c, uint32_t link)
{
	const struct member *self = member_get(c, MEMBER_SELF);
	skep_Hello hello = skep_Hello_init_zero;
	hello.version = WIRE_VERSION;
	hello.version_min = WIRE_VERSION_MIN;
	memcpy(hello.cluster, c->config.cluster, sizeof c->config.cluster);
	memcpy(hello.node, self->name, sizeof self->name);
	memcpy(hello.address, self->address, sizeof self->address);
	hello.node_id = self->node_id;
	hello.incarnation = self->incarnation;
	hello.nonce = self->nonce;
	hello.boot = self->boot;
	hello.list_digest = member_list_digest(c);
	member_send_link(c, link, WIRE_HELLO, &hello);
}

/* --- Refusing --- */

/* Whether a note of this kind is due; arms the next. */
static bool
is_note_due(struct core *c, mono *next)
{
	if (!mono_reached(*next, c->now))
		return false;
	*next = mono_add(c->now, REFUSE_NOTE_MS);
	return true;
}

/* The cap of the pause before the next dial.  A name may be free again in
 * seconds; anything else waits for people. */
static int64_t
redial_ms(uint32_t code)
{
	return code == REFUSE_NAME_TAKEN ? REDIAL_MAX_MS : REFUSED_REDIAL_MS;
}

/* Says why, to the other side and (once a minute) here, and hangs up. */
static void
refuse(struct core *c, struct member_pending *p, const char *name,
	enum refuse_code code, const char *reason)
{
	struct member_table *t = &c->members;
	skep_Refuse msg = skep_Refuse_init_zero;
	size_t length = strlen(reason);
	if (length >= sizeof msg.reason)
		length = sizeof msg.reason - 1;
	memcpy(msg.reason, reason, length);
	msg.code = code;
	t->refused_hellos[code]++;
	if (is_note_due(c, &t->refuse_note_at[code]))
		core_note(c, NOTE_NODE_REFUSED, name, 0,
			effects_format(&c->fx, "%s at %s: %s", name, p->address,
				reason));
	member_send_link(c, p->link, WIRE_REFUSE, &msg);
	member_close(c, p->link, reason);
	member_dial_done(c, p->dial, redial_ms(code));
	member_pending_free(c, p);
}

/* A text from outside, fit for a log line. */
static const char *
clean_text(struct core *c, const char *text)
{
	char buffer[NOTE_TEXT_MAX];
	size_t n = 0;
	for (; text[n] && n < sizeof buffer - 1; n++)
		buffer[n] = (unsigned char)text[n] < ' ' ? '?' : text[n];
	buffer[n] = 0;
	return effects_text(&c->fx, buffer);
}

/* What a Refuse says, for the operator; returns the sentence. */
static const char *
note_refused(struct core *c, const char *address, const skep_Refuse *msg)
{
	struct member_table *t = &c->members;
	enum refuse_code code = msg->code < REFUSE_CODE_COUNT
					? (enum refuse_code)msg->code
					: REFUSE_OTHER;
	const char *text = effects_format(&c->fx, "%s refused this host: %s",
		address, clean_text(c, msg->reason));
	if (code == REFUSE_NAME_TAKEN)
		t->is_name_refused = true;
	if (is_note_due(c, &t->refused_note_at[code]))
		core_note(c, NOTE_NODE_REFUSED, c->config.node, 0, text);
	return text;
}

void
member_on_refuse(
	struct core *c, struct member_pending *p, const skep_Refuse *msg)
{
	const char *text = note_refused(c, p->address, msg);
	struct member_seed *s = member_seed_of(c, p->dial);
	if (s && s->request) {
		core_reply(c, s->request, 0, REPLY_FAILED, text);
		s->request = 0;
	}
	member_close(c, p->link, "refused by the other side");
	member_dial_done(c, p->dial, redial_ms(msg->code));
	member_pending_free(c, p);
}

/* We had accepted it before its Refuse came. */
void
member_on_refused(struct core *c, struct member *m, const skep_Refuse *msg)
{
	note_refused(c, m->address, msg);
	member_drop_link(c, m, "refused by the other side");
	member_back_off(c, m, redial_ms(msg->code));
}

/* Checks that need no knowledge of the member.  Returns whether 'p' was
 * refused. */
static bool
refuse_stranger(
	struct core *c, struct member_pending *p, const skep_Hello *hello)
{
	if (strcmp(hello->cluster, c->config.cluster) != 0) {
		refuse(c, p, "?", REFUSE_CLUSTER,
			effects_format(&c->fx, "this is cluster %s, not %s",
				c->config.cluster,
				clean_text(c, hello->cluster)));
		return true;
	}
	if (hello->version < WIRE_VERSION_MIN ||
		hello->version_min > WIRE_VERSION) {
		refuse(c, p, "?", REFUSE_VERSION,
			effects_format(&c->fx,
				"protocol versions %u to %u are spoken here",
				(uint64_t)WIRE_VERSION_MIN,
				(uint64_t)WIRE_VERSION));
		return true;
	}
	if (hello->is_bulk || hello->incarnation > INCARNATION_MAX) {
		refuse(c, p, "?", REFUSE_OTHER, "that hello makes no sense");
		return true;
	}
	if (!member_is_name(hello->node)) {
		refuse(c, p, "?", REFUSE_NAME, "that is no host name");
		return true;
	}
	if (!strcmp(hello->node, c->config.node)) {
		refuse(c, p, hello->node, REFUSE_NAME_TAKEN,
			effects_format(&c->fx,
				"the name %s is taken by this very host",
				hello->node));
		return true;
	}
	return false;
}

/* Whether another process may not bear this member's name yet. */
static bool
is_taken(const struct core *c, const struct member *m, const skep_Hello *hello)
{
	if (m->node_id != 0 && m->node_id != hello->node_id) {
		int64_t age_ms = mono_diff(c->now, m->since);
		return m->state == MEMBER_ALIVE || m->state == MEMBER_SUSPECT ||
		       (m->state == MEMBER_UNKNOWN && age_ms < NAME_GRACE_MS);
	}
	return m->link && m->nonce != 0 && m->nonce != hello->nonce &&
	       member_is_fresh(c, m);
}

/* Whether another start of that name, or another host's, had the log that the
 * sender of this Hello writes under one number with it: its rows are held here
 * or elsewhere, and would be taken for the sender's. */
static bool
is_log_used(const struct member *m, const skep_Hello *hello)
{
	bool is_other = (m->node_id != 0 && m->node_id != hello->node_id) ||
			(m->nonce != 0 && m->nonce != hello->nonce);
	return is_other && member_log_incarnation(hello->incarnation) ==
				   member_log_incarnation(m->incarnation);
}

/* Whether this Hello is older than what is known under its name, so that its
 * sender must first take a larger incarnation. */
static bool
is_outdated(const struct member *m, const skep_Hello *hello)
{
	if (is_log_used(m, hello))
		return true;
	if (hello->incarnation != m->incarnation)
		return hello->incarnation < m->incarnation;
	return m->state == MEMBER_DEAD || m->state == MEMBER_LEFT;
}

/* --- Accepting --- */

/* The member's link stands: everybody tells it what he has.  'list_digest'
 * is of the list that it has itself, or 0. */
static void
greet(struct core *c, struct member *m, uint64_t list_digest)
{
	member_id id = member_id_of(c, m);
	bool is_same = list_digest && list_digest == member_list_digest(c);
	if (!is_same && member_pay_list(c))
		member_send_list(c, m);
	member_send_heartbeat(c, m);
	registry_on_linked(c, id);
	specs_on_linked(c, id);
	handoff_on_linked(c, id);
	message_on_linked(c, id);
	duty_mark_all(c);
}

static void
take_link(struct core *c, struct member *m, struct member_pending *p)
{
	struct member_seed *s = member_seed_of(c, p->dial);
	if (m->link)
		member_close(c, m->link, "a second link");
	member_set_link(c, m, p->link);
	m->is_link_ours = p->dial != 0;
	if (s) {
		s->member = member_id_of(c, m);
		if (s->request)
			core_reply(c, s->request, 0, REPLY_OK, "");
		s->request = 0;
	}
	member_dial_done(c, p->dial, 0);
	member_pending_free(c, p);
}

bool
member_take_spare(struct core *c, struct member *m)
{
	struct member_table *t = &c->members;
	for (uint32_t i = 0; i < PENDING_MAX; i++) {
		struct member_pending *p = &t->pending[i];
		if (!p->link || p->spare_of != member_id_of(c, m))
			continue;
		take_link(c, m, p);
		greet(c, m, 0);
		return true;
	}
	return false;
}

static void
note_up(struct core *c, const struct member *m, bool is_reinstalled)
{
	core_note(c, NOTE_NODE_UP, m->name, 0,
		effects_format(&c->fx,
			is_reinstalled
				? "%s at %s is linked; it was installed anew"
				: "%s at %s is linked",
			m->name, m->address));
}

static void
accept(struct core *c, struct member_pending *p, struct member *m,
	const skep_Hello *hello)
{
	bool is_other = m->node_id != hello->node_id;
	bool is_reinstalled = is_other && m->node_id != 0;
	bool is_news = m->state != MEMBER_ALIVE || is_other ||
		       m->incarnation != hello->incarnation;
	bool is_up = m->state != MEMBER_ALIVE || m->nonce != hello->nonce;
	bool is_changed = member_set_address(m, hello->address) || is_other ||
			  m->state == MEMBER_LEFT || m->nonce == 0 ||
			  member_log_incarnation(m->incarnation) !=
				  member_log_incarnation(hello->incarnation);
	m->has_heard &= !is_other;
	m->node_id = hello->node_id;
	m->boot = hello->boot;
	m->version =
		hello->version < WIRE_VERSION ? hello->version : WIRE_VERSION;
	member_enter(c, m, MEMBER_ALIVE, hello->incarnation);
	m->nonce = hello->nonce;
	take_link(c, m, p);
	member_on_sign(c, m);
	if (is_changed)
		member_save(c, m);
	if (is_up)
		note_up(c, m, is_reinstalled);
	if (is_news)
		member_spread_news(c, m, member_id_of(c, m));
	greet(c, m, hello->list_digest);
}

/* A second link of one process.  One on which nothing came for a while may be
 * gone at the other end, and nobody tells us: the new one replaces it.  Of two
 * that were dialled from both sides the lower name's stays; of two from one
 * side the dialler chooses, and the other keeps the second as a spare until it
 * has chosen.  Returns whether the new link replaces the old. */
static bool
settle_duplicate(struct core *c, struct member_pending *p, struct member *m)
{
	bool is_ours = p->dial != 0;
	bool is_lower = strcmp(c->config.node, m->name) < 0;
	if (!member_is_fresh(c, m) ||
		(is_ours != m->is_link_ours && is_ours == is_lower))
		return true;
	if (!is_ours && !m->is_link_ours) {
		p->spare_of = member_id_of(c, m);
		return false;
	}
	struct member_seed *s = member_seed_of(c, p->dial);
	if (s)
		s->member = member_id_of(c, m);
	if (s && s->request) {
		core_reply(c, s->request, 0, REPLY_UNCHANGED,
			effects_format(
				&c->fx, "%s is linked already", m->name));
		s->request = 0;
	}
	member_close(c, p->link, "a second link");
	member_dial_done(c, p->dial, 0);
	member_pending_free(c, p);
	return false;
}

/* We dialled ourselves: that address is no use, on either end. */
static void
drop_self(struct core *c, struct member_pending *p)
{
	struct member_seed *s = member_seed_of(c, p->dial);
	if (s) {
		core_reply(c, s->request, 0, REPLY_INVALID,
			"that address is this very host");
		memset(s, 0, sizeof *s);
		s->member = MEMBER_NONE;
	}
	member_close(c, p->link, "linked to ourselves");
	member_dial_done(c, p->dial, REFUSED_REDIAL_MS);
	member_pending_free(c, p);
}

static void
on_known(struct core *c, struct member_pending *p, struct member *m,
	const skep_Hello *hello)
{
	if (is_taken(c, m, hello)) {
		refuse(c, p, m->name, REFUSE_NAME_TAKEN,
			effects_format(&c->fx,
				"the name %s is taken by the host at %s",
				m->name, m->address));
		return;
	}
	if (is_outdated(m, hello)) {
		member_send_news(c, p->link, m);
		return;
	}
	if (m->link && m->nonce == hello->nonce && !settle_duplicate(c, p, m))
		return;
	accept(c, p, m, hello);
}

void
member_on_hello(
	struct core *c, struct member_pending *p, const skep_Hello *hello)
{
	if (hello->node_id == c->config.node_id &&
		hello->nonce == c->config.nonce) {
		drop_self(c, p);
		return;
	}
	if (refuse_stranger(c, p, hello))
		return;
	member_id id = member_find(c, hello->node);
	struct member *m = id == MEMBER_NONE ? member_add(c, hello->node)
					     : member_at(c, id);
	if (!m)
		refuse(c, p, hello->node, REFUSE_FULL,
			effects_format(&c->fx,
				"the table of %u members is full",
				(uint64_t)c->members.max));
	else
		on_known(c, p, m, hello);
}
