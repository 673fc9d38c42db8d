/* Requests about messages: what a client asked, and what it hears. */
#include <string.h>

#include "base/name.h"
#include "core/message_private.h"

static const struct bytes nothing = {NULL, 0};

static void
refuse(struct core *c, const struct input_mail *in, enum reply_code code,
	const char *text)
{
	core_reply(c, in->id, 0, code, text);
}

/* The request, without messages yet; NULL: it was refused. */
static struct mail_request *
open_request(struct core *c, const struct input_mail *in, bool is_many)
{
	struct mail_request *r = slots_take(&c->messages.requests);
	if (!r) {
		refuse(c, in, REPLY_FULL,
			"too many messages are under way on this host");
		return NULL;
	}
	*r = (struct mail_request){
		.id = in->id, .is_many = is_many, .is_open = true};
	list_init(&r->messages);
	return r;
}

/* Ends it when no message of it is left. */
static void
close_request(struct core *c, struct mail_request *r)
{
	if (r->is_open || !list_is_empty(&r->messages))
		return;
	if (r->is_many)
		core_reply(c, r->id, 0, REPLY_OK,
			effects_format(&c->fx, "%u answered, %u did not",
				(uint64_t)r->answered, (uint64_t)r->failed));
	slots_give(&c->messages.requests, r);
}

static void
tell_answer(struct core *c, uint64_t request, const char *name,
	enum reply_code code, const char *text, struct bytes body)
{
	struct effect *e = effects_add(&c->fx, EFFECT_ANSWER);
	e->answer.request = request;
	e->answer.name = effects_text(&c->fx, name);
	e->answer.code = code;
	e->answer.text = text;
	e->answer.body = effects_copy(&c->fx, body);
}

static void
tell_one(struct core *c, struct mail_request *r, const struct outgoing *m,
	enum reply_code code, const char *text, struct bytes body)
{
	if (m->is_call && code == REPLY_OK)
		tell_answer(c, r->id, m->name, code, text, body);
	core_reply(c, r->id, 0, code, text);
}

void
mail_request_tell(struct core *c, struct outgoing *m, enum reply_code code,
	const char *text, struct bytes body)
{
	struct mail_request *r = m->request;
	if (!r)
		return;
	m->request = NULL;
	list_remove(&m->in_request);
	if (code == REPLY_OK)
		r->answered++;
	else
		r->failed++;
	if (r->is_many)
		tell_answer(c, r->id, m->name, code, text, body);
	else
		tell_one(c, r, m, code, text, body);
	close_request(c, r);
}

/* Copies what a client wants to have sent; NULL: it was refused. */
static struct mail_body *
open_body(struct core *c, const struct input_mail *in)
{
	struct mail_body *body = NULL;
	if (in->body.size > MAIL_BODY_MAX) {
		refuse(c, in, REPLY_INVALID,
			"a message has 65536 bytes at most");
		return NULL;
	}
	body = mail_body_take(c, in->body);
	if (!body)
		refuse(c, in, REPLY_FULL,
			"too many bytes are under way on this host");
	return body;
}

static bool
is_name(struct core *c, const struct input_mail *in, const char *what,
	size_t max)
{
	size_t at;
	const char *fault =
		name_fault((struct bytes){in->to, strlen(in->to)}, max, &at);
	if (fault)
		refuse(c, in, REPLY_INVALID,
			effects_format(&c->fx,
				"the name of a %s: %s, at byte %u", what, fault,
				(uint64_t)at));
	return !fault;
}

void
mail_on_send(struct core *c, const struct input_mail *in)
{
	enum reply_code code;
	const char *text;
	struct mail_body *body =
		is_name(c, in, "message's receiver", RUNTIME_NAME_MAX)
			? open_body(c, in)
			: NULL;
	struct mail_request *r = body ? open_request(c, in, false) : NULL;
	if (r && message_new(c, in, in->to, body, r, &code, &text)) {
		r->is_open = false;
		message_pump(c, message_stream(c, in->to));
	} else if (r) {
		r->is_open = false;
		close_request(c, r);
		refuse(c, in, code, text);
	}
	if (body)
		mail_body_give(c, body);
}

/* --- Groups --- */

/* How many members can be asked at once: for each there is room in one step to
 * say that it cannot be. */
static uint32_t
asked_max(const struct core *c)
{
	return (uint32_t)c->fx.capacity / 4;
}

/* Asks one member; what cannot be asked is told at once.  What finds no room in
 * this step goes later, and half of the room is for those that are told. */
static void
ask_member(struct core *c, const struct input_mail *in, const char *member,
	struct mail_body *body, struct mail_request *r)
{
	enum reply_code code;
	const char *text;
	if (message_new(c, in, member, body, r, &code, &text)) {
		if (effects_has_room(
			    &c->fx, c->fx.capacity / 2, c->fx.pool_size / 2))
			message_pump(c, message_stream(c, member));
		return;
	}
	r->failed++;
	tell_answer(c, in->id, member, code, text, nothing);
}

static uint32_t
count_present(const struct core *c, const struct name_group *g)
{
	const struct membership *m = NULL;
	uint32_t count = 0;
	while (g && (m = group_next(g, m)))
		count += group_row(c, m) != NULL;
	return count;
}

/* Whether a group of so many can be asked; else it was refused. */
static bool
can_ask(struct core *c, const struct input_mail *in, uint32_t count)
{
	if (count == 0)
		refuse(c, in, REPLY_NOT_FOUND, "nobody is in that group");
	else if (count > asked_max(c))
		refuse(c, in, REPLY_FULL,
			effects_format(&c->fx,
				"%u members are in that group, and a multicall "
				"asks %u at most",
				(uint64_t)count, (uint64_t)asked_max(c)));
	return count > 0 && count <= asked_max(c);
}

void
mail_on_multicall(struct core *c, const struct input_mail *in)
{
	const struct name_group *g = group_find(c, in->to);
	const struct membership *m = NULL;
	struct mail_body *body = is_name(c, in, "group", GROUP_NAME_MAX)
					 ? open_body(c, in)
					 : NULL;
	struct mail_request *r = body ? open_request(c, in, true) : NULL;
	if (r && !can_ask(c, in, count_present(c, g))) {
		slots_give(&c->messages.requests, r);
		r = NULL;
	}
	while (r && (m = group_next(g, m)))
		if (group_row(c, m))
			ask_member(c, in, m->member, body, r);
	if (r) {
		r->is_open = false;
		close_request(c, r);
	}
	if (body)
		mail_body_give(c, body);
}

/* Members of a group. */
struct audience {
	uint32_t takers;
	uint32_t others; /* processes that are only registered, or do not run */
};

static bool
is_taker(const struct core *c, const struct membership *m, member_id at)
{
	const struct row *row = registry_find(c, ROW_INSTANCE, m->member, at);
	return row && (row->value.state == ROW_STARTING ||
			      row->value.state == ROW_READY);
}

/* Counts them, and marks the hosts of those that take messages. */
static struct audience
find_audience(struct core *c, const struct name_group *g, bool *marks)
{
	struct audience a = {0};
	const struct membership *m = NULL;
	memset(marks, 0, c->members.count * sizeof *marks);
	while (g && (m = group_next(g, m))) {
		const struct row *row = group_row(c, m);
		if (row && is_taker(c, m, row->origin)) {
			marks[row->origin] = true;
			a.takers++;
		} else if (row) {
			a.others++;
		}
	}
	return a;
}

/* One letter for all members on that host; whether it could go. */
static bool
post(struct core *c, const struct input_mail *in, member_id to)
{
	skep_Letter l = skep_Letter_init_zero;
	if (!member_get(c, to)->link ||
		!effects_has_room(&c->fx, 8, in->body.size + 2048))
		return false;
	l.life = c->config.nonce;
	l.is_group = true;
	l.left_ms = MAIL_TIMEOUT_MS;
	strncpy(l.to, in->to, sizeof l.to - 1);
	strncpy(l.from, in->from, sizeof l.from - 1);
	l.body = wire_lend(&in->body);
	member_send(
		c, to, WIRE_LETTER, wire_encode(&c->fx, WIRE_LETTER, &l), 0);
	c->messages.sent++;
	return true;
}

static void
publish_here(
	struct core *c, const struct input_mail *in, struct mail_body *body)
{
	struct letter l = {
		.origin = MEMBER_SELF,
		.from = in->from,
		.to = in->to,
		.group = in->to,
		.left_ms = MAIL_TIMEOUT_MS,
		.body = body,
	};
	inbox_publish(c, &l);
}

static void
reply_published(struct core *c, const struct input_mail *in,
	const struct audience *a, uint32_t hosts, uint32_t missed)
{
	const char *others = "";
	if (a->others)
		others = effects_format(&c->fx,
			"%s%u of its members cannot take messages: registered "
			"processes have no mailbox, or they do not run",
			a->takers ? "; " : "", (uint64_t)a->others);
	if (a->takers == 0)
		refuse(c, in, REPLY_NOT_FOUND,
			a->others ? others : "nobody is in that group");
	else if (missed)
		refuse(c, in, REPLY_NO_NODE,
			effects_format(&c->fx,
				"%u of the %u hosts of its members are not "
				"linked, or busy: it went to the others%s",
				(uint64_t)missed, (uint64_t)hosts, others));
	else
		refuse(c, in, REPLY_OK,
			effects_format(&c->fx, "to %u members on %u hosts%s",
				(uint64_t)a->takers, (uint64_t)hosts, others));
}

void
mail_on_publish(struct core *c, const struct input_mail *in)
{
	struct mail_body *body = is_name(c, in, "group", GROUP_NAME_MAX)
					 ? open_body(c, in)
					 : NULL;
	if (!body)
		return;
	bool *marks = c->messages.marks;
	uint32_t missed = 0, hosts = 0;
	const struct audience a =
		find_audience(c, group_find(c, in->to), marks);
	for (member_id id = 0; id < c->members.count; id++) {
		if (!marks[id])
			continue;
		hosts++;
		if (id == MEMBER_SELF)
			publish_here(c, in, body);
		else
			missed += !post(c, in, id);
	}
	mail_body_give(c, body);
	reply_published(c, in, &a, hosts, missed);
}
