#include "core/message.h"

#include <string.h>

#include "base/buddy.h"
#include "base/hash.h"
#include "core/message_private.h"

#define SEED 5

static const struct bytes nothing = {NULL, 0};

static const char overtaken[] =
	"it came back, for its name had moved, and a later one was, or may "
	"have been, taken before it";

/* --- Tables --- */

static uint32_t
items_max(const struct core_limits *l)
{
	return l->rows_max < 65536 ? 4096 : 16384;
}

static size_t
bodies_size(const struct core_limits *l)
{
	return (size_t)items_max(l) * 4096;
}

size_t
message_need(const struct core_limits *l)
{
	uint32_t max = items_max(l);
	size_t buckets = map_bucket_count(max);
	return arena_need(max, sizeof(struct outgoing)) +
	       arena_need(max, sizeof(struct mail_request)) +
	       arena_need(max, sizeof(struct stream)) +
	       arena_need(max, sizeof(struct item)) +
	       arena_need(max, sizeof(struct inbox)) +
	       arena_need(max, sizeof(struct inbound)) +
	       4 * arena_need(buckets, sizeof(struct map_link *)) +
	       arena_need(buddy_need(bodies_size(l)), 1) +
	       arena_need(l->members_max, sizeof(struct mail_peer)) +
	       arena_need(l->members_max, sizeof(bool)) +
	       arena_need((size_t)l->members_max * RECEIPTS_MAX,
		       sizeof(struct receipt));
}

static void
init_slots(struct core *c, struct slots *s, size_t size)
{
	uint32_t max = items_max(&c->limits);
	slots_init(s, arena_take(&c->arena, max, size), max, size);
}

static void
init_map(struct core *c, struct map *m)
{
	size_t buckets = map_bucket_count(items_max(&c->limits));
	map_init(m, arena_take(&c->arena, buckets, sizeof(struct map_link *)),
		buckets);
}

void
message_init(struct core *c)
{
	struct messages *t = &c->messages;
	uint32_t members = c->limits.members_max;
	init_slots(c, &t->slots, sizeof(struct outgoing));
	init_slots(c, &t->requests, sizeof(struct mail_request));
	init_slots(c, &t->streams, sizeof(struct stream));
	init_slots(c, &t->items, sizeof(struct item));
	init_slots(c, &t->inboxes, sizeof(struct inbox));
	init_slots(c, &t->inbounds, sizeof(struct inbound));
	init_map(c, &t->by_id);
	init_map(c, &t->by_name);
	init_map(c, &t->inbox_by_name);
	init_map(c, &t->by_number);
	list_init(&t->all);
	list_init(&t->all_streams);
	list_init(&t->all_inboxes);
	list_init(&t->all_inbounds);
	size_t size = bodies_size(&c->limits);
	t->bodies =
		buddy_init(arena_take(&c->arena, buddy_need(size), 1), size);
	t->peers = arena_take(&c->arena, members, sizeof *t->peers);
	t->marks = arena_take(&c->arena, members, sizeof *t->marks);
	struct receipt *receipts = arena_take(
		&c->arena, (size_t)members * RECEIPTS_MAX, sizeof *receipts);
	for (uint32_t i = 0; i < members; i++) {
		list_init(&t->peers[i].sent);
		t->peers[i].receipts = receipts + (size_t)i * RECEIPTS_MAX;
	}
	t->look_at = t->poll_at = MONO_NEVER;
}

struct mail_body *
mail_body_take(struct core *c, struct bytes b)
{
	CHECK(b.size <= MAIL_BODY_MAX);
	struct mail_body *body = buddy_take(
		c->messages.bodies, sizeof(struct mail_body) + b.size);
	if (!body)
		return NULL;
	body->uses = 1;
	body->size = (uint32_t)b.size;
	if (b.size)
		memcpy(body->data, b.data, b.size);
	return body;
}

void
mail_body_use(struct mail_body *b)
{
	b->uses++;
}

void
mail_body_give(struct core *c, struct mail_body *b)
{
	CHECK(b->uses > 0);
	if (--b->uses == 0)
		buddy_give(c->messages.bodies, b);
}

const char *
mail_text_take(struct core *c, const char *text)
{
	return *text ? names_take(c, text)->text : instance_nobody;
}

void
mail_text_give(struct core *c, const char *text)
{
	if (text != instance_nobody)
		names_give(c, names_of(text));
}

/* --- Streams --- */

struct stream *
message_stream(const struct core *c, const char *name)
{
	struct map_link *l =
		map_first(&c->messages.by_name, hash_text(name, SEED));
	for (; l; l = map_next(&c->messages.by_name, l)) {
		struct stream *s = container_of(l, struct stream, by_name);
		if (strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

static struct stream *
ensure_stream(struct core *c, const char *name)
{
	struct messages *t = &c->messages;
	struct stream *s = message_stream(c, name);
	if (s)
		return s;
	s = slots_take(&t->streams);
	if (!s)
		return NULL;
	memset(s, 0, sizeof *s);
	s->name = names_take(c, name)->text;
	s->at = MEMBER_NONE;
	list_init(&s->messages);
	list_init(&s->in_all);
	list_append(&t->all_streams, &s->in_all);
	map_insert(&t->by_name, &s->by_name, hash_text(name, SEED));
	return s;
}

static void
drop_if_empty(struct core *c, struct stream *s)
{
	struct messages *t = &c->messages;
	if (!list_is_empty(&s->messages))
		return;
	CHECK(s->count == 0 && s->bytes == 0 && s->waiting == 0);
	list_remove(&s->in_all);
	map_remove(&t->by_name, &s->by_name);
	names_give(c, names_of(s->name));
	slots_give(&t->streams, s);
}

/* Takes a message out of its stream; it is taken, or at its end. */
static void
leave_stream(struct outgoing *m)
{
	struct stream *s = m->stream;
	if (!s)
		return;
	list_remove(&m->in_stream);
	s->count--;
	s->bytes -= m->body->size;
	s->waiting -= m->state == MESSAGE_WAITING;
	s->back -= m->is_back;
	m->is_back = false;
	m->stream = NULL;
}

/* --- Messages --- */

static struct outgoing *
find(const struct core *c, uint64_t id)
{
	struct map_link *l = map_first(&c->messages.by_id, hash_mix(id, SEED));
	for (; l; l = map_next(&c->messages.by_id, l)) {
		struct outgoing *m = container_of(l, struct outgoing, by_id);
		if (m->id == id)
			return m;
	}
	return NULL;
}

static mono
deadline_of(const struct core *c, const struct input_mail *in)
{
	int64_t ms = in->timeout_ms > 0 ? in->timeout_ms : MAIL_TIMEOUT_MS;
	return mono_add(
		c->now, ms < MAIL_TIMEOUT_MAX_MS ? ms : MAIL_TIMEOUT_MAX_MS);
}

static bool
has_place(const struct stream *s, size_t size)
{
	return s->count < STREAM_MAX && s->bytes + size <= STREAM_BYTES_MAX;
}

struct outgoing *
message_new(struct core *c, const struct input_mail *in, const char *to,
	struct mail_body *body, struct mail_request *r, enum reply_code *code,
	const char **text)
{
	struct messages *t = &c->messages;
	struct stream *s = ensure_stream(c, to);
	if (s && !has_place(s, body->size)) {
		*code = REPLY_MAILBOX_FULL;
		*text = "what was sent to it waits: it does not take messages "
			"as fast as they come";
		return NULL;
	}
	struct outgoing *m = s ? slots_take(&t->slots) : NULL;
	if (!m) {
		*code = REPLY_FULL;
		*text = "too many messages are under way on this host";
		if (s)
			drop_if_empty(c, s);
		return NULL;
	}
	memset(m, 0, sizeof *m);
	m->id = ++t->last_id;
	m->is_call = in->op == MAIL_CALL || in->op == MAIL_MULTICALL;
	m->is_acked = in->is_acked || m->is_call;
	m->body = body;
	mail_body_use(body);
	m->name = names_take(c, to)->text;
	m->from = mail_text_take(c, in->from);
	m->to = MEMBER_NONE;
	m->deadline = deadline_of(c, in);
	m->request = r;
	m->stream = s;
	list_init(&m->in_sent);
	list_append(&s->messages, &m->in_stream);
	list_append(&r->messages, &m->in_request);
	list_append(&t->all, &m->in_all);
	s->count++;
	s->waiting++;
	s->bytes += body->size;
	map_insert(&t->by_id, &m->by_id, hash_mix(m->id, SEED));
	t->look_at = mono_min(t->look_at, m->deadline);
	t->poll_at = mono_min(t->poll_at, mono_add(c->now, MAIL_POLL_MS));
	return m;
}

void
message_end(struct core *c, struct outgoing *m, enum reply_code code,
	const char *text, struct bytes body)
{
	struct messages *t = &c->messages;
	mail_request_tell(c, m, code, text, body);
	leave_stream(m);
	list_remove(&m->in_sent);
	list_remove(&m->in_all);
	map_remove(&t->by_id, &m->by_id);
	names_give(c, names_of(m->name));
	mail_text_give(c, m->from);
	mail_body_give(c, m->body);
	slots_give(&t->slots, m);
}

/* --- Sending --- */

/* Where a name runs, and takes messages.  MEMBER_NONE: they wait; or, with
 * '*why', there is nothing to wait for. */
static member_id
locate(struct core *c, const char *name, const char **why)
{
	struct override_value o;
	struct service_value s;
	member_id holder = duty_holder(c, name, NULL);
	const struct row *row =
		holder == MEMBER_NONE
			? NULL
			: registry_find(c, ROW_INSTANCE, name, holder);
	const struct instance *i = instance_find(c, name);
	*why = NULL;
	if (row && (row->value.state == ROW_READY ||
			   row->value.state == ROW_STARTING))
		return holder;
	if (row && (row->value.state == ROW_EXITED ||
			   row->value.state == ROW_FAILED))
		*why = "it has ended";
	else if (!row && !i && tracked_find(c, name))
		*why = "messages to registered processes: not supported yet";
	else if (!row && (!i || !i->is_declared))
		*why = instance_of_service(c, name)
			       ? "name one instance, for example web@1"
			       : "nothing has that name";
	else if (!row && instance_service(c, i, &s)) {
		instance_override(c, i, &o);
		if (!s.policy.is_enabled || o.is_stopped)
			*why = "it is stopped";
	}
	return MEMBER_NONE;
}

/* Whether one more letter may go to another host now. */
static bool
can_go(const struct core *c, member_id to, const struct outgoing *m)
{
	const struct mail_peer *p = &c->messages.peers[to];
	const struct list *first = p->sent.next;
	uint64_t oldest =
		first == &p->sent
			? p->next_seq + 1
			: container_of(first, struct outgoing, in_sent)->seq;
	return member_get(c, to)->link != 0 &&
	       p->next_seq + 1 - oldest < RECEIPTS_MAX &&
	       effects_has_room(&c->fx, 8, m->body->size + 2048);
}

static void
post(struct core *c, const struct outgoing *m)
{
	struct bytes data = {m->body->data, m->body->size};
	skep_Letter l = skep_Letter_init_zero;
	l.incarnation = c->incarnation;
	l.seq = m->seq;
	l.id = m->id;
	l.is_call = m->is_call;
	l.left_ms = mono_diff(m->deadline, c->now);
	strncpy(l.to, m->name, sizeof l.to - 1);
	strncpy(l.from, m->from, sizeof l.from - 1);
	l.body = wire_lend(&data);
	member_send(
		c, m->to, WIRE_LETTER, wire_encode(&c->fx, WIRE_LETTER, &l), 0);
	c->messages.sent++;
}

/* It is on its way: who does not wait for its end hears so. */
static void
mark_sent(struct core *c, struct outgoing *m, member_id to)
{
	struct stream *s = m->stream;
	m->state = MESSAGE_SENT;
	m->to = s->at = to;
	m->to_incarnation =
		member_log_incarnation(member_get(c, to)->incarnation);
	s->waiting--;
	s->back -= m->is_back;
	m->is_back = false;
}

/* Gives it to what runs here.  False: it must wait. */
static bool
hand_over(struct core *c, struct outgoing *m)
{
	struct letter l = {
		.origin = MEMBER_SELF,
		.incarnation = c->incarnation,
		.seq = m->id,
		.id = m->id,
		.is_call = m->is_call,
		.to = m->name,
		.from = m->from,
		.group = "",
		.left_ms = mono_diff(m->deadline, c->now),
		.body = m->body,
	};
	switch (inbox_accept(c, &l)) {
	case LETTER_KEPT:
		mark_sent(c, m, MEMBER_SELF);
		if (!m->is_acked)
			mail_request_tell(c, m, REPLY_OK, "", nothing);
		return true;
	case LETTER_FULL:
		message_end(c, m, REPLY_MAILBOX_FULL, "its mailbox is full",
			nothing);
		return true;
	case LETTER_ELSEWHERE:
		break;
	}
	return false;
}

/* Sends one that waits.  False: not now. */
static bool
send_one(struct core *c, struct outgoing *m, member_id to)
{
	struct mail_peer *p = &c->messages.peers[to];
	if (to == MEMBER_SELF)
		return hand_over(c, m);
	if (!can_go(c, to, m))
		return false;
	mark_sent(c, m, to);
	m->seq = ++p->next_seq;
	list_append(&p->sent, &m->in_sent);
	post(c, m);
	if (!m->is_acked)
		mail_request_tell(c, m, REPLY_OK, "", nothing);
	return true;
}

static struct outgoing *
first_waiting(const struct stream *s)
{
	list_each (it, &s->messages) {
		struct outgoing *m =
			container_of(it, struct outgoing, in_stream);
		if (m->state == MESSAGE_WAITING)
			return m;
	}
	UNREACHABLE();
}

/* One step of a stream; false when nothing can be done now. */
static bool
advance(struct core *c, struct stream *s)
{
	const char *why;
	bool has_sent = s->count > s->waiting;
	if (s->waiting == 0 || (has_sent && s->back))
		return false;
	member_id to = locate(c, s->name, &why);
	if (to == MEMBER_NONE && why) {
		message_end(c, first_waiting(s), REPLY_NOT_FOUND,
			effects_format(&c->fx, "%s: %s",
				effects_text(&c->fx, s->name), why),
			nothing);
		return true;
	}
	if (to == MEMBER_NONE || (has_sent && s->at != to))
		return false;
	return send_one(c, first_waiting(s), to);
}

void
message_pump(struct core *c, struct stream *s)
{
	while (effects_has_room(&c->fx, 8, 4096) && advance(c, s))
		;
	drop_if_empty(c, s);
}

/* --- What becomes of it --- */

/* Those before 'm' that came back cannot go behind it. */
static void
fail_overtaken(struct core *c, const struct outgoing *m)
{
	list_each_safe (it, &m->stream->messages) {
		struct outgoing *other =
			container_of(it, struct outgoing, in_stream);
		if (other == m)
			return;
		if (other->is_back)
			message_end(c, other, REPLY_FAILED, overtaken, nothing);
	}
}

/* Nobody will know here what becomes of one that was sent: what came before it
 * and comes back may be behind it. */
static void
leave_unsure(struct core *c, const struct outgoing *m)
{
	if (m->state != MESSAGE_SENT)
		return;
	fail_overtaken(c, m);
	if (m->stream->unsure < m->id)
		m->stream->unsure = m->id;
}

static void
on_taken(struct core *c, struct outgoing *m)
{
	fail_overtaken(c, m);
	list_remove(&m->in_sent);
	if (!m->is_call) {
		message_end(c, m, REPLY_OK, "", nothing);
		return;
	}
	leave_stream(m);
	m->state = MESSAGE_TAKEN;
}

static void
on_back(struct core *c, struct outgoing *m)
{
	if (m->id < m->stream->unsure) {
		message_end(c, m, REPLY_FAILED, overtaken, nothing);
		return;
	}
	list_remove(&m->in_sent);
	m->state = MESSAGE_WAITING;
	m->is_back = true;
	m->stream->waiting++;
	m->stream->back++;
}

static const char *
refusal_text(enum reply_code code)
{
	if (code == REPLY_MAILBOX_FULL)
		return "its mailbox is full";
	if (code == REPLY_TIMEOUT)
		return "it runs, and did not take the message in time";
	return "its host refused the message";
}

void
message_on_receipt(struct core *c, member_id to, uint64_t id,
	enum reply_code code, bool is_elsewhere)
{
	struct outgoing *m = find(c, id);
	if (!m || m->state != MESSAGE_SENT || m->to != to)
		return;
	struct stream *s = m->stream;
	if (is_elsewhere)
		on_back(c, m);
	else if (code == REPLY_OK)
		on_taken(c, m);
	else
		message_end(c, m, code, refusal_text(code), nothing);
	message_pump(c, s);
}

static const char *
answer_text(enum reply_code code)
{
	if (code == REPLY_OK)
		return "";
	return code == REPLY_FAILED ? "it ended before it answered"
				    : "it did not answer";
}

void
message_on_answer(struct core *c, member_id from, uint64_t id,
	enum reply_code code, struct bytes body)
{
	struct outgoing *m = find(c, id);
	if (!m || !m->is_call || m->state == MESSAGE_WAITING || m->to != from ||
		!effects_has_room(&c->fx, 8, body.size + 2048))
		return;
	struct stream *s = m->stream;
	message_end(c, m, code, answer_text(code), body);
	if (s)
		message_pump(c, s);
}

static void
on_receipt(struct core *c, member_id from, struct bytes body)
{
	skep_Receipt r = skep_Receipt_init_zero;
	if (wire_decode(WIRE_RECEIPT, body, &r) &&
		r.incarnation == c->incarnation && r.code < REPLY_CODE_COUNT)
		message_on_receipt(
			c, from, r.id, (enum reply_code)r.code, r.is_elsewhere);
}

static void
on_answer(struct core *c, member_id from, struct bytes body)
{
	struct wire_slice slice = {.whole = body};
	skep_Answer a = skep_Answer_init_zero;
	a.body = wire_borrow(&slice);
	if (wire_decode(WIRE_ANSWER, body, &a) &&
		a.incarnation == c->incarnation && a.code < REPLY_CODE_COUNT &&
		slice.found.size <= MAIL_BODY_MAX)
		message_on_answer(
			c, from, a.id, (enum reply_code)a.code, slice.found);
}

void
message_on_recv(
	struct core *c, member_id from, uint16_t type, struct bytes body)
{
	if (type == WIRE_LETTER)
		inbox_on_letter(c, from, body);
	else if (type == WIRE_RECEIPT)
		on_receipt(c, from, body);
	else
		on_answer(c, from, body);
}

void
message_on_mail(struct core *c, const struct input_mail *in)
{
	switch (in->op) {
	case MAIL_SEND:
	case MAIL_CALL:
		mail_on_send(c, in);
		break;
	case MAIL_PUBLISH:
		mail_on_publish(c, in);
		break;
	case MAIL_MULTICALL:
		mail_on_multicall(c, in);
		break;
	case MAIL_ANSWER:
	case MAIL_ROOM:
	case MAIL_DELIVERED:
		inbox_on_mail(c, in);
		break;
	case MAIL_OP_COUNT:
		UNREACHABLE();
	}
}

/* --- Links, hosts, time --- */

/* Whether the host that has it is in the life in which it got it. */
static bool
is_same_life(const struct core *c, const struct outgoing *m)
{
	return m->to == MEMBER_SELF ||
	       (member_is_present(c, m->to) &&
		       member_log_incarnation(
			       member_get(c, m->to)->incarnation) ==
			       m->to_incarnation);
}

/* Its stream is still to be pumped. */
static void
lose(struct core *c, struct outgoing *m)
{
	c->messages.lost++;
	leave_unsure(c, m);
	message_end(c, m, REPLY_UNKNOWN,
		m->state == MESSAGE_TAKEN
			? "it took the message, and its host is lost"
			: "the host that it was sent to is lost: it may have "
			  "arrived, or not",
		nothing);
}

static void
pump_all(struct core *c)
{
	list_each_safe (it, &c->messages.all_streams)
		message_pump(c, container_of(it, struct stream, in_all));
}

void
message_on_linked(struct core *c, member_id id)
{
	list_each_safe (it, &c->messages.peers[id].sent) {
		struct outgoing *m = container_of(it, struct outgoing, in_sent);
		if (!is_same_life(c, m))
			lose(c, m);
		else if (effects_has_room(&c->fx, 8, m->body->size + 2048))
			post(c, m);
	}
	pump_all(c);
	inbox_on_linked(c, id);
}

void
message_on_unlinked(struct core *c, member_id id)
{
	list_each_safe (it, &c->messages.peers[id].sent) {
		struct outgoing *m = container_of(it, struct outgoing, in_sent);
		if (!m->is_acked)
			lose(c, m);
	}
	pump_all(c);
}

/* The same. */
static void
expire(struct core *c, struct outgoing *m)
{
	switch (m->state) {
	case MESSAGE_WAITING:
		message_end(c, m, REPLY_TIMEOUT,
			"it did not begin to run within that time, or its host "
			"was not linked",
			nothing);
		break;
	case MESSAGE_SENT:
		c->messages.lost++;
		leave_unsure(c, m);
		message_end(c, m, REPLY_UNKNOWN,
			"its host did not say in time whether it has arrived",
			nothing);
		break;
	case MESSAGE_TAKEN:
		message_end(c, m, REPLY_TIMEOUT,
			"it took the message, and did not answer in time",
			nothing);
		break;
	}
}

/* Ends what is over, or lost; says when to look again. */
static mono
look(struct core *c)
{
	mono next = MONO_NEVER;
	list_each_safe (it, &c->messages.all) {
		struct outgoing *m = container_of(it, struct outgoing, in_all);
		if (!effects_has_room(&c->fx, 16, 8192))
			return c->now;
		if (m->state != MESSAGE_WAITING && !is_same_life(c, m))
			lose(c, m);
		else if (mono_reached(m->deadline, c->now))
			expire(c, m);
		else
			next = mono_min(next, m->deadline);
	}
	return next;
}

void
message_on_tick(struct core *c)
{
	struct messages *t = &c->messages;
	bool is_due = mono_reached(t->look_at, c->now);
	if (!is_due && !mono_reached(t->poll_at, c->now))
		return;
	mono next = inbox_expire(c);
	t->look_at = mono_min(look(c), next);
	pump_all(c);
	t->poll_at = list_is_empty(&t->all) ? MONO_NEVER
					    : mono_add(c->now, MAIL_POLL_MS);
}

mono
message_deadline(const struct core *c)
{
	return mono_min(c->messages.look_at, c->messages.poll_at);
}

void
message_check(const struct core *c)
{
	const struct messages *t = &c->messages;
	size_t count = 0, in_streams = 0;
	list_each (it, &t->all) {
		const struct outgoing *m =
			container_of(it, struct outgoing, in_all);
		CHECK(find(c, m->id) == m && m->body->uses > 0);
		CHECK(!m->stream == (m->state == MESSAGE_TAKEN));
		CHECK(!m->is_back || m->state == MESSAGE_WAITING);
		in_streams += m->stream != NULL;
		count++;
	}
	CHECK(count == t->by_id.count);
	list_each (it, &t->all_streams) {
		const struct stream *s =
			container_of(it, struct stream, in_all);
		CHECK(s->count > 0 && s->count <= STREAM_MAX);
		CHECK(s->back <= s->waiting && s->waiting <= s->count);
		CHECK(in_streams >= s->count);
		in_streams -= s->count;
	}
	CHECK(in_streams == 0);
	inbox_check(c);
}
