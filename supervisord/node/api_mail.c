/* POST /v1/names/NAME/send and call, and /v1/groups/GROUP/publish and
 * multicall.  The body is the message.
 *
 * They are an operator's, unless a process of a service asks: it speaks for its
 * instance and for no other, as by its mailbox, whatever else its user may.
 *
 * Answers are collected until the last is there, ANSWERS_MAX bytes of them; of
 * those that come behind that only their names are told.  Once the asker has
 * gone nothing is collected. */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/check.h"
#include "node/api_private.h"
#include "node/mail.h"
#include "node/whose.h"

#define ANSWERS_MAX (16u << 20)

/* One request and the answers so far: the call's data. */
struct mail_call {
	struct call *call;
	uint64_t request; /* 0: it is answered */
	json_t *answers;
	size_t size; /* bytes of them */
};

static void
mail_call_free(void *data)
{
	struct mail_call *m = data;
	if (m->request)
		mail_cancel(m->call->api->node, m->request);
	json_decref(m->answers);
	free(m);
}

/* What is no UTF-8, as text. */
static json_t *
base64(struct bytes b)
{
	char *text = malloc(BASE64_SIZE(b.size));
	CHECK(text);
	base64_write(b.data, b.size, text);
	json_t *json = json_string(text);
	free(text);
	return json;
}

static void
put_body(json_t *o, struct bytes body)
{
	json_t *text = json_stringn(body.size ? body.data : "", body.size);
	if (text)
		json_object_set_new(o, "answer", text);
	else
		json_object_set_new(o, "answer_base64", base64(body));
}

static void
on_answer(void *context, const struct effect_answer *a)
{
	struct mail_call *m = context;
	bool is_kept =
		a->code != REPLY_OK || m->size + a->body.size <= ANSWERS_MAX;
	if (m->call->is_gone)
		return;
	json_t *o = json_object();
	api_json_put(o, "name", a->name);
	api_json_put(
		o, "code", reply_code_name(is_kept ? a->code : REPLY_FULL));
	api_json_put(o, "message",
		is_kept ? a->text
			: "it answered, but all answers together are more "
			  "than 16 MiB");
	if (is_kept && a->code == REPLY_OK) {
		m->size += a->body.size;
		put_body(o, a->body);
	}
	json_array_append_new(m->answers, o);
}

static void
reply(struct call *c, enum reply_code code, const char *text, json_t *answers)
{
	if (reply_code_http(code) >= 400) {
		call_reply_code(c, code, text);
		return;
	}
	json_t *o = json_object();
	api_json_put(o, "result", reply_code_name(code));
	api_json_put(o, "message", text);
	json_object_set(o, "answers", answers);
	call_reply_json(c, MHD_HTTP_OK, o);
}

static void
on_done(void *context, enum reply_code code, const char *text)
{
	struct mail_call *m = context;
	m->request = 0;
	reply(m->call, code, text, m->answers);
}

/* Milliseconds of a query argument; -1: it is none, and that was said. */
static int64_t
timeout_of(struct call *c)
{
	char *end;
	const char *text = call_query(c, "timeout_ms");
	if (!text)
		return 0;
	long long ms = strtoll(text, &end, 10);
	if (*text && !*end && ms > 0 && ms <= MAIL_TIMEOUT_MAX_MS)
		return ms;
	call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
		"timeout_ms=%s: must be a number from 1 to %d", text,
		MAIL_TIMEOUT_MAX_MS);
	return -1;
}

/* Finds out for whom the asker speaks, "" for an operator; false: for whom it
 * would speak it may not, and that was said. */
static bool
find_sender(struct call *c, char name[static INSTANCE_NAME_MAX + 1])
{
	const char *from = call_query(c, "from");
	enum whose whose = whose_peer(
		c->api->node, call_fd(c), c->peer.pid, c->peer.start, name);
	if (whose == WHOSE_UNKNOWN)
		call_reply_error(c, MHD_HTTP_FORBIDDEN, "forbidden",
			"process %d, which connected, has ended or cannot be "
			"looked at: nobody can tell for whom it speaks",
			(int)c->peer.pid);
	else if (!from || !*from || strcmp(from, name) == 0)
		return true;
	else
		call_reply_error(c, MHD_HTTP_FORBIDDEN, "forbidden",
			"this process belongs to %s: it cannot speak for %s",
			*name ? name : "no service", from);
	return false;
}

static void
ask(struct call *c, enum mail_op op)
{
	struct input in = {.kind = INPUT_MAIL};
	char from[INSTANCE_NAME_MAX + 1];
	int64_t ms = timeout_of(c);
	if (ms < 0 || !find_sender(c, from))
		return;
	if (c->body.size > MAIL_BODY_MAX) {
		call_reply_error(c, MHD_HTTP_CONTENT_TOO_LARGE, "too_large",
			"a message has %d bytes at most, not %zu",
			MAIL_BODY_MAX, c->body.size);
		return;
	}
	struct mail_call *m = calloc(1, sizeof *m);
	CHECK(m);
	m->call = c;
	m->answers = json_array();
	in.mail = (struct input_mail){
		.op = op,
		.from = from,
		.to = c->captures[0],
		.is_acked = call_query_flag(c, "ack"),
		.timeout_ms = ms,
		.body = {c->body.data ? c->body.data : "", c->body.size},
	};
	c->data = m;
	c->data_free = mail_call_free;
	m->request = mail_ask(c->api->node, &in, on_answer, on_done, m);
}

bool
api_post_name_mail(struct call *c)
{
	bool is_send = strcmp(c->captures[1], "send") == 0;
	if (!is_send && strcmp(c->captures[1], "call") != 0)
		return false;
	ask(c, is_send ? MAIL_SEND : MAIL_CALL);
	return true;
}

bool
api_post_group_mail(struct call *c)
{
	bool is_publish = strcmp(c->captures[1], "publish") == 0;
	if (!is_publish && strcmp(c->captures[1], "multicall") != 0)
		return false;
	ask(c, is_publish ? MAIL_PUBLISH : MAIL_MULTICALL);
	return true;
}
