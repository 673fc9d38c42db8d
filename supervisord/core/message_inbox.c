/* Letters to the names that run here: inboxes, receipts, answers. */
#include <string.h>

#include "base/hash.h"
#include "base/name.h"
#include "core/message_private.h"

#define SEED 6

static const struct bytes nothing = {NULL, 0};

/* --- Inboxes --- */

static struct inbox *
find(const struct core *c, const char *name)
{
	struct map_link *l =
		map_first(&c->messages.inbox_by_name, hash_text(name, SEED));
	for (; l; l = map_next(&c->messages.inbox_by_name, l)) {
		struct inbox *b = container_of(l, struct inbox, by_name);
		if (strcmp(b->name, name) == 0)
			return b;
	}
	return NULL;
}

static struct inbox *
ensure(struct core *c, const char *name)
{
	struct messages *t = &c->messages;
	struct inbox *b = find(c, name);
	if (b)
		return b;
	b = slots_take(&t->inboxes);
	if (!b)
		return NULL;
	memset(b, 0, sizeof *b);
	b->name = names_take(c, name)->text;
	list_init(&b->items);
	list_init(&b->in_all);
	list_append(&t->all_inboxes, &b->in_all);
	map_insert(&t->inbox_by_name, &b->by_name, hash_text(name, SEED));
	return b;
}

static void
drop_if_idle(struct core *c, struct inbox *b)
{
	struct messages *t = &c->messages;
	if (b->count > 0 || b->room > 0)
		return;
	list_remove(&b->in_all);
	map_remove(&t->inbox_by_name, &b->by_name);
	names_give(c, names_of(b->name));
	slots_give(&t->inboxes, b);
}

/* Whether what is here of a name takes messages; its run in '*epoch'. */
static bool
is_taking(const struct core *c, const char *name, uint64_t *epoch)
{
	const struct instance *i = instance_find(c, name);
	if (!i || (i->state != INSTANCE_STARTING && i->state != INSTANCE_READY))
		return false;
	*epoch = i->epoch;
	return true;
}

/* --- Receipts --- */

static void
send_receipt(struct core *c, member_id to, uint64_t life, uint64_t id,
	enum reply_code code, bool is_elsewhere)
{
	skep_Receipt r = skep_Receipt_init_zero;
	if (!member_get(c, to)->link || !effects_has_room(&c->fx, 2, 256))
		return; /* it asks again on the next link */
	r.life = life;
	r.id = id;
	r.code = code;
	r.is_elsewhere = is_elsewhere;
	member_send(
		c, to, WIRE_RECEIPT, wire_encode(&c->fx, WIRE_RECEIPT, &r), 0);
}

/* Says what became of a letter, and keeps that. */
static void
give_receipt(struct core *c, member_id origin, uint64_t life, uint64_t seq,
	uint64_t id, enum reply_code code, bool is_elsewhere)
{
	struct mail_peer *p = &c->messages.peers[origin];
	if (seq == 0)
		return;
	if (origin == MEMBER_SELF) {
		message_on_receipt(c, origin, id, code, is_elsewhere);
		return;
	}
	if (p->life != life)
		return; /* of a node that has ended */
	p->receipts[seq % RECEIPTS_MAX] = (struct receipt){.seq = seq,
		.code = (uint8_t)code,
		.is_elsewhere = is_elsewhere};
	send_receipt(c, origin, life, id, code, is_elsewhere);
}

/* --- Items --- */

static void
forget_item(struct core *c, struct item *it)
{
	struct inbox *b = it->inbox;
	list_remove(&it->in_inbox);
	b->count--;
	b->bytes -= it->body->size;
	b->given -= it->number != 0;
	mail_text_give(c, it->from);
	mail_text_give(c, it->group);
	mail_body_give(c, it->body);
	slots_give(&c->messages.items, it);
}

/* The end of a letter here. */
static void
end_item(struct core *c, struct item *it, enum reply_code code,
	bool is_elsewhere)
{
	struct item copy = *it;
	if (code == REPLY_OK)
		c->messages.taken++;
	else
		c->messages.refused++;
	forget_item(c, it);
	give_receipt(c, copy.origin, copy.life, copy.seq, copy.id, code,
		is_elsewhere);
}

/* Gives out what there is room for.  What came back waits for what was given
 * behind it. */
static void
give_out(struct core *c, struct inbox *b)
{
	uint32_t given = 0;
	list_each (l, &b->items) {
		struct item *it = container_of(l, struct item, in_inbox);
		if (b->room == 0 || !effects_has_room(&c->fx, 8, 4096))
			return;
		/* What an earlier run has not taken may come back. */
		if (it->number && it->epoch != b->epoch)
			return;
		if (it->number) {
			given++;
			continue;
		}
		if (given < b->given)
			return;
		struct effect *e = effects_add(&c->fx, EFFECT_DELIVER);
		it->number = ++c->messages.last_number;
		it->epoch = b->epoch;
		e->deliver.number = it->number;
		e->deliver.name = effects_text(&c->fx, b->name);
		e->deliver.epoch = b->epoch;
		e->deliver.from = effects_text(&c->fx, it->from);
		e->deliver.group = effects_text(&c->fx, it->group);
		e->deliver.is_call = it->is_call;
		e->deliver.body =
			(struct bytes){it->body->data, it->body->size};
		b->given++;
		given++;
		b->room--;
	}
}

/* What is left of a letter's time, a little less where somebody waits for the
 * receipt: it is to be there before its sender gives up. */
static int64_t
patience_ms(const struct letter *l)
{
	int64_t ms = l->left_ms < 1 ? 1 : l->left_ms;
	if (ms > MAIL_TIMEOUT_MAX_MS)
		ms = MAIL_TIMEOUT_MAX_MS;
	return ms - (ms / 4 < 250 ? ms / 4 : 250);
}

/* Enters a letter; false when there is no room. */
static bool
put(struct core *c, const char *name, uint64_t epoch, const struct letter *l)
{
	struct messages *t = &c->messages;
	struct item *it = slots_take(&t->items);
	struct inbox *b = it ? ensure(c, name) : NULL;
	if (!b || b->count >= INBOX_MAX ||
		b->bytes + l->body->size > INBOX_BYTES_MAX) {
		if (it)
			slots_give(&t->items, it);
		return false;
	}
	*it = (struct item){
		.inbox = b,
		.body = l->body,
		.from = mail_text_take(c, l->from),
		.group = mail_text_take(c, l->group),
		.origin = l->origin,
		.life = l->life,
		.seq = l->seq,
		.id = l->id,
		.is_call = l->is_call,
		.deadline = mono_add(c->now, patience_ms(l)),
	};
	mail_body_use(l->body);
	list_init(&it->in_inbox);
	list_append(&b->items, &it->in_inbox);
	b->count++;
	b->bytes += l->body->size;
	b->epoch = epoch;
	t->look_at = mono_min(t->look_at, it->deadline);
	give_out(c, b);
	return true;
}

enum letter_fate
inbox_accept(struct core *c, const struct letter *l)
{
	uint64_t epoch;
	if (!is_taking(c, l->to, &epoch))
		return LETTER_ELSEWHERE;
	return put(c, l->to, epoch, l) ? LETTER_KEPT : LETTER_FULL;
}

uint32_t
inbox_publish(struct core *c, const struct letter *l)
{
	const struct name_group *g = group_find(c, l->to);
	const struct membership *m = NULL;
	uint32_t count = 0;
	while (g && (m = group_next(g, m))) {
		uint64_t epoch;
		if (!registry_find(c, ROW_MEMBER, m->text, MEMBER_SELF) ||
			!is_taking(c, m->member, &epoch))
			continue;
		if (put(c, m->member, epoch, l))
			count++;
		else
			c->messages.refused++;
	}
	return count;
}

/* --- From other hosts --- */

/* Whether a numbered letter was seen before; then its receipt is said again,
 * if there is one by now. */
static bool
is_again(struct core *c, member_id from, const skep_Letter *l)
{
	struct mail_peer *p = &c->messages.peers[from];
	const struct receipt *r = &p->receipts[l->seq % RECEIPTS_MAX];
	if (l->life != p->life) {
		p->life = l->life;
		p->seen = 0;
		memset(p->receipts, 0, RECEIPTS_MAX * sizeof *p->receipts);
	}
	if (l->seq > p->seen) {
		p->seen = l->seq;
		return false;
	}
	c->messages.again++;
	if (r->seq == l->seq)
		send_receipt(c, from, l->life, l->id, (enum reply_code)r->code,
			r->is_elsewhere);
	return true;
}

static void
take(struct core *c, const struct letter *l)
{
	enum letter_fate fate = inbox_accept(c, l);
	if (fate == LETTER_KEPT)
		return;
	bool is_elsewhere = fate == LETTER_ELSEWHERE;
	c->messages.refused++;
	give_receipt(c, l->origin, l->life, l->seq, l->id,
		is_elsewhere ? REPLY_NOT_FOUND : REPLY_MAILBOX_FULL,
		is_elsewhere);
}

static bool
is_sound(const skep_Letter *l, struct bytes body)
{
	size_t at, max = l->is_group ? GROUP_NAME_MAX : RUNTIME_NAME_MAX;
	return body.size <= MAIL_BODY_MAX &&
	       !name_fault((struct bytes){l->to, strlen(l->to)}, max, &at) &&
	       (!l->from[0] || name_is_runtime((struct bytes){
				       l->from, strlen(l->from)}));
}

void
inbox_on_letter(struct core *c, member_id from, struct bytes body)
{
	struct wire_slice slice = {.whole = body};
	skep_Letter m = skep_Letter_init_zero;
	m.body = wire_borrow(&slice);
	if (!wire_decode(WIRE_LETTER, body, &m) || !is_sound(&m, slice.found) ||
		(m.seq && is_again(c, from, &m)))
		return;
	struct letter l = {
		.origin = from,
		.life = m.life,
		.seq = m.seq,
		.id = m.id,
		.is_call = m.is_call && !m.is_group,
		.to = m.to,
		.from = m.from,
		.group = m.is_group ? m.to : "",
		.left_ms = m.left_ms,
		.body = mail_body_take(c, slice.found),
	};
	if (!l.body) {
		c->messages.refused++;
		give_receipt(c, from, l.life, l.seq, l.id, REPLY_MAILBOX_FULL,
			false);
		return;
	}
	if (m.is_group)
		inbox_publish(c, &l);
	else
		take(c, &l);
	mail_body_give(c, l.body);
}

/* --- Answers --- */

static struct inbound *
find_inbound(const struct core *c, uint64_t number)
{
	struct map_link *l =
		map_first(&c->messages.by_number, hash_mix(number, SEED));
	for (; l; l = map_next(&c->messages.by_number, l)) {
		struct inbound *in = container_of(l, struct inbound, by_number);
		if (in->number == number)
			return in;
	}
	return NULL;
}

static void
forget_inbound(struct core *c, struct inbound *in)
{
	list_remove(&in->in_all);
	map_remove(&c->messages.by_number, &in->by_number);
	names_give(c, names_of(in->name));
	if (in->body)
		mail_body_give(c, in->body);
	slots_give(&c->messages.inbounds, in);
}

/* Remembers who waits for the answer to what was just taken. */
static void
expect_answer(struct core *c, const struct inbox *b, const struct item *it)
{
	struct messages *t = &c->messages;
	struct inbound *in = slots_take(&t->inbounds);
	if (!in)
		return; /* its caller hears that it did not answer */
	memset(in, 0, sizeof *in);
	in->name = names_take(c, b->name)->text;
	in->epoch = b->epoch;
	in->number = it->number;
	in->origin = it->origin;
	in->life = it->life;
	in->id = it->id;
	in->deadline = it->deadline;
	list_init(&in->in_all);
	list_append(&t->all_inbounds, &in->in_all);
	map_insert(&t->by_number, &in->by_number, hash_mix(in->number, SEED));
}

/* Sends an answer to who waits for it, which ends it; false: there is no link,
 * or no room. */
static bool
send_answer(struct core *c, struct inbound *in, struct bytes body)
{
	skep_Answer a = skep_Answer_init_zero;
	if (in->origin == MEMBER_SELF) {
		uint64_t id = in->id;
		enum reply_code code = in->code;
		forget_inbound(c, in);
		message_on_answer(c, MEMBER_SELF, id, code, body);
		return true;
	}
	if (!member_get(c, in->origin)->link ||
		!effects_has_room(&c->fx, 4, body.size + 1024))
		return false;
	a.life = in->life;
	a.id = in->id;
	a.code = in->code;
	a.body = wire_lend(&body);
	member_send(c, in->origin, WIRE_ANSWER,
		wire_encode(&c->fx, WIRE_ANSWER, &a), 0);
	forget_inbound(c, in);
	return true;
}

static void
on_answer(struct core *c, const struct input_mail *in)
{
	struct inbound *call = find_inbound(c, in->number);
	if (!call || call->body || strcmp(call->name, in->from) != 0) {
		core_reply(c, in->id, 0, REPLY_NOT_FOUND,
			"nobody waits for that answer, or no longer");
		return;
	}
	if (in->body.size > MAIL_BODY_MAX) {
		core_reply(c, in->id, 0, REPLY_INVALID,
			"an answer has 65536 bytes at most");
		return;
	}
	call->code = REPLY_OK;
	if (!send_answer(c, call, in->body)) {
		call->body = mail_body_take(c, in->body);
		if (!call->body) {
			core_reply(c, in->id, 0, REPLY_FULL,
				"too many bytes are under way on this host");
			return;
		}
	}
	core_reply(c, in->id, 0, REPLY_OK, "");
}

void
inbox_on_linked(struct core *c, member_id id)
{
	list_each_safe (l, &c->messages.all_inbounds) {
		struct inbound *in = container_of(l, struct inbound, in_all);
		if (in->origin == id && in->body)
			send_answer(c, in,
				(struct bytes){in->body->data, in->body->size});
	}
}

/* That run of it is over: who waits for an answer of it hears so. */
static void
fail_calls(struct core *c, const char *name, uint64_t epoch)
{
	list_each_safe (l, &c->messages.all_inbounds) {
		struct inbound *in = container_of(l, struct inbound, in_all);
		if (strcmp(in->name, name) != 0 || in->epoch == epoch ||
			in->body)
			continue;
		in->code = REPLY_FAILED;
		if (!send_answer(c, in, nothing))
			forget_inbound(c, in);
	}
}

/* --- Mailboxes --- */

static struct item *
find_given(const struct inbox *b, uint64_t number)
{
	list_each (l, &b->items) {
		struct item *it = container_of(l, struct item, in_inbox);
		if (it->number == number)
			return it;
	}
	return NULL;
}

/* What is not out, or has come back, goes to wherever its name is now. */
static void
turn_away(struct core *c, struct inbox *b)
{
	struct list *l = b->items.next;
	while (l != &b->items) {
		struct item *it = container_of(l, struct item, in_inbox);
		l = l->next;
		if (it->number == 0)
			end_item(c, it, REPLY_NOT_FOUND, true);
	}
}

static void
on_delivered(struct core *c, struct inbox *b, const struct input_mail *in)
{
	struct item *it = find_given(b, in->number);
	if (!it)
		return;
	if (!in->is_ok) {
		it->number = 0;
		b->given--;
		return;
	}
	if (it->is_call)
		expect_answer(c, b, it);
	end_item(c, it, REPLY_OK, false);
}

static void
on_mailbox(struct core *c, const struct input_mail *in)
{
	uint64_t epoch = 0;
	bool takes = is_taking(c, in->from, &epoch);
	struct inbox *b =
		in->room && takes ? ensure(c, in->from) : find(c, in->from);
	if (!b)
		return;
	if (in->op == MAIL_DELIVERED)
		on_delivered(c, b, in);
	b->room = takes ? in->room : 0;
	if (takes) {
		b->epoch = epoch;
		give_out(c, b);
	} else {
		turn_away(c, b);
	}
	drop_if_idle(c, b);
}

void
inbox_on_mail(struct core *c, const struct input_mail *in)
{
	if (in->op == MAIL_ANSWER)
		on_answer(c, in);
	else
		on_mailbox(c, in);
}

void
message_follow(struct core *c, const struct instance *inst)
{
	uint64_t epoch = 0;
	struct inbox *b = find(c, inst->name);
	bool takes = is_taking(c, inst->name, &epoch);
	if (b && !takes) {
		b->room = 0;
		turn_away(c, b);
		drop_if_idle(c, b);
	} else if (b && b->epoch != epoch) {
		b->epoch = epoch;
		b->room = 0; /* its process says how much it takes */
		drop_if_idle(c, b);
	}
	if (!list_is_empty(&c->messages.all_inbounds))
		fail_calls(c, inst->name,
			instance_is_live(inst) ? inst->epoch : 0);
}

/* --- Time --- */

static mono
expire_items(struct core *c, struct inbox *b)
{
	mono next = MONO_NEVER;
	struct list *l = b->items.next;
	while (l != &b->items) {
		struct item *it = container_of(l, struct item, in_inbox);
		l = l->next;
		if (it->number)
			continue; /* its mailbox says */
		if (mono_reached(it->deadline, c->now))
			end_item(c, it, REPLY_TIMEOUT, false);
		else
			next = mono_min(next, it->deadline);
	}
	return next;
}

mono
inbox_expire(struct core *c)
{
	struct messages *t = &c->messages;
	mono next = MONO_NEVER;
	list_each_safe (l, &t->all_inboxes) {
		struct inbox *b = container_of(l, struct inbox, in_all);
		next = mono_min(next, expire_items(c, b));
		drop_if_idle(c, b);
	}
	list_each_safe (l, &t->all_inbounds) {
		struct inbound *in = container_of(l, struct inbound, in_all);
		if (mono_reached(in->deadline, c->now))
			forget_inbound(c, in);
		else
			next = mono_min(next, in->deadline);
	}
	return next;
}

void
inbox_check(const struct core *c)
{
	const struct messages *t = &c->messages;
	list_each (l, &t->all_inboxes) {
		const struct inbox *b = container_of(l, struct inbox, in_all);
		uint32_t count = 0, bytes = 0, given = 0;
		list_each (k, &b->items) {
			const struct item *it =
				container_of(k, struct item, in_inbox);
			count++;
			bytes += it->body->size;
			given += it->number != 0;
		}
		CHECK(find(c, b->name) == b && (count || b->room));
		CHECK(count == b->count && bytes == b->bytes);
		CHECK(given == b->given && count <= INBOX_MAX);
	}
}
