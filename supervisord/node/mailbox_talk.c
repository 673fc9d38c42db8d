/* What is said on the connection of a mailbox. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "client/packet.h"
#include "node/mail.h"
#include "node/mailbox_private.h"
#include "node/node.h"

#define ASKS_MAX 1024 /* requests of one connection that wait */

static const struct bytes nothing = {NULL, 0};

/* A request that waits for its end. */
struct mail_talk {
	struct list link;
	struct mail_client *client;
	uint64_t request;
	uint32_t tag;
	bool is_asking; /* 'ask' is on the stack */
};

/* A packet, taken apart; the texts are copies. */
struct parts {
	struct skep_mail_header h;
	char name[RUNTIME_NAME_MAX + 1];
	char text[RUNTIME_NAME_MAX + 1];
	struct bytes body;
};

static uint16_t
code_of(enum reply_code code)
{
	static const struct {
		enum reply_code code;
		enum skep_mail_code mail;
	} codes[] = {
		{REPLY_OK, SKEP_MAIL_OK},
		{REPLY_UNCHANGED, SKEP_MAIL_OK},
		{REPLY_NOT_FOUND, SKEP_MAIL_NOT_FOUND},
		{REPLY_INVALID, SKEP_MAIL_INVALID},
		{REPLY_MAILBOX_FULL, SKEP_MAIL_MAILBOX_FULL},
		{REPLY_FULL, SKEP_MAIL_FULL},
		{REPLY_NO_NODE, SKEP_MAIL_NO_NODE},
		{REPLY_TIMEOUT, SKEP_MAIL_TIMEOUT},
		{REPLY_UNKNOWN, SKEP_MAIL_UNKNOWN},
	};
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].code == code)
			return (uint16_t)codes[i].mail;
	return SKEP_MAIL_FAILED;
}

static void
say_done(struct mail_client *k, uint32_t tag, uint16_t code, const char *text)
{
	struct skep_mail_header h = {
		.op = SKEP_MAIL_DONE, .tag = tag, .code = code};
	if (tag)
		mail_client_say(k, &h, "", text, nothing);
}

static void
forget(struct mail_talk *t)
{
	list_remove(&t->link);
	t->client->ask_count--;
	free(t);
}

void
mail_client_forget_asks(struct mail_client *k)
{
	list_each_safe (it, &k->asks) {
		struct mail_talk *t = container_of(it, struct mail_talk, link);
		mail_cancel(k->boxes->node, t->request);
		forget(t);
	}
}

static void
on_answer(void *context, const struct effect_answer *a)
{
	struct mail_talk *t = context;
	struct skep_mail_header h = {
		.op = SKEP_MAIL_ANSWER,
		.tag = t->tag,
		.code = code_of(a->code),
	};
	mail_client_say(t->client, &h, a->name, a->text, a->body);
}

static void
on_done(void *context, enum reply_code code, const char *text)
{
	struct mail_talk *t = context;
	say_done(t->client, t->tag, code_of(code), text);
	if (!t->is_asking)
		forget(t);
}

/* Steps with a request. */
static void
ask(struct mail_client *k, const struct parts *p, enum mail_op op)
{
	struct input in = {.kind = INPUT_MAIL};
	struct mail_talk *t =
		k->ask_count < ASKS_MAX ? calloc(1, sizeof *t) : NULL;
	if (!t) {
		say_done(k, p->h.tag, SKEP_MAIL_FULL,
			"too many requests of this connection wait");
		return;
	}
	in.mail = (struct input_mail){
		.op = op,
		.from = k->name,
		.to = p->name,
		.number = p->h.number,
		.is_acked = p->h.flags & SKEP_MAIL_ACK,
		.timeout_ms = p->h.timeout_ms,
		.body = p->body,
	};
	t->client = k;
	t->tag = p->h.tag;
	t->is_asking = true;
	list_init(&t->link);
	list_append(&k->asks, &t->link);
	k->ask_count++;
	t->request = mail_ask(k->boxes->node, &in, on_answer, on_done, t);
	t->is_asking = false;
	if (t->request == 0)
		forget(t);
}

/* --- Packets --- */

/* Copies a text out of a packet; false when it is none. */
static bool
take_text(char out[static RUNTIME_NAME_MAX + 1], const char *data, size_t size)
{
	if (size > RUNTIME_NAME_MAX || memchr(data, '\0', size))
		return false;
	memcpy(out, data, size);
	out[size] = '\0';
	return true;
}

/* NULL, or what is wrong with it. */
static const char *
take_apart(const unsigned char *packet, size_t size, struct parts *out)
{
	struct packet p;
	if (!packet_cut(packet, size, &p))
		return "a packet ends before its header, name or text does";
	out->h = p.h;
	if (!take_text(out->name, p.name, p.h.name_size) ||
		!take_text(out->text, p.text, p.h.text_size))
		return "a name is longer than 255 bytes, or has a NUL";
	if (p.h.flags & ~SKEP_MAIL_ACK)
		return "a flag that skepd does not know";
	if (p.size > SKEP_MAIL_BODY_MAX)
		return "a message has 65536 bytes at most";
	out->body = (struct bytes){(const uint8_t *)p.body, p.size};
	return NULL;
}

/* Whether it speaks for itself; else it was told. */
static bool
is_itself(struct mail_client *k, const struct parts *p)
{
	char text[2 * RUNTIME_NAME_MAX + 128];
	if (!p->text[0] || strcmp(p->text, k->name) == 0)
		return true;
	snprintf(text, sizeof text,
		"this process belongs to %s: it cannot speak for %s", k->name,
		p->text);
	say_done(k, p->h.tag ? p->h.tag : UINT32_MAX, SKEP_MAIL_NOT_ALLOWED,
		text);
	return false;
}

bool
mail_client_read(
	struct mail_client *k, const unsigned char *packet, size_t size)
{
	static const enum mail_op ops[] = {
		[SKEP_MAIL_SEND] = MAIL_SEND,
		[SKEP_MAIL_CALL] = MAIL_CALL,
		[SKEP_MAIL_PUBLISH] = MAIL_PUBLISH,
		[SKEP_MAIL_MULTICALL] = MAIL_MULTICALL,
		[SKEP_MAIL_REPLY] = MAIL_ANSWER,
	};
	struct parts p;
	const char *why = take_apart(packet, size, &p);
	if (!why && (p.h.op < SKEP_MAIL_RECV || p.h.op > SKEP_MAIL_REPLY))
		why = "an operation that skepd does not know";
	if (why) {
		say_done(k, UINT32_MAX, SKEP_MAIL_INVALID, why);
		return false;
	}
	if (!is_itself(k, &p))
		return true;
	if (p.h.op == SKEP_MAIL_RECV)
		mail_client_take(k, p.h.number);
	else
		ask(k, &p, ops[p.h.op]);
	return true;
}
