/* Inputs in a recording: one flat message for all kinds. */
#include <string.h>

#include "base/check.h"
#include "core/specs_private.h"
#include "core/trace_private.h"

/* The byte strings of an input, wherever they came from. */
struct strings {
	struct bytes name;
	struct bytes text;
	struct bytes key;
	struct bytes body;
	struct bytes source_file;
	struct bytes host;
};

/* --- Writing --- */

/* A text with its NUL; nothing at all for NULL. */
static struct bytes
text_bytes(const char *text)
{
	return (struct bytes){text, text ? strlen(text) + 1 : 0};
}

static void
put_root(skep_TraceInput *msg, const uint8_t root[DIGEST_SIZE])
{
	msg->root.size = DIGEST_SIZE;
	memcpy(msg->root.bytes, root, DIGEST_SIZE);
}

static void
put_actor(skep_TraceInput *msg, struct strings *s, const struct actor *actor)
{
	msg->actor_uid = actor->uid;
	msg->actor_pid = actor->pid;
	s->host = text_bytes(actor->host);
}

static void
put_load(skep_TraceInput *msg, struct strings *s, const struct input_load *in)
{
	msg->code = in->table;
	s->key = in->key;
	s->body = in->value;
}

static void
put_found(skep_TraceInput *msg, struct strings *s, const struct input_found *in)
{
	s->name = text_bytes(in->name);
	msg->epoch = in->epoch;
	msg->run_digest = in->run_digest;
	msg->pid = in->pid;
	msg->status = in->status;
	msg->is_ok = in->is_empty;
	msg->is_other = in->is_ready;
	msg->number = in->started_wall_ms;
	msg->code = !in->has_run;
}

static void
put_proc(skep_TraceInput *msg, struct strings *s, const struct input_proc *in)
{
	s->name = text_bytes(in->name);
	msg->epoch = in->epoch;
	msg->pid = in->pid;
	msg->status = in->status;
	msg->code = in->answer;
}

static void
put_dumped(
	skep_TraceInput *msg, struct strings *s, const struct input_dumped *in)
{
	s->name = text_bytes(in->name);
	s->text = text_bytes(in->text);
	msg->epoch = in->epoch;
	msg->is_ok = in->is_ok;
	msg->is_other = in->is_absent;
	msg->code = in->is_checkpoint;
	msg->size = in->size;
	put_root(msg, in->root);
}

static void
put_fetched(
	skep_TraceInput *msg, struct strings *s, const struct input_fetched *in)
{
	s->name = text_bytes(in->name);
	s->text = text_bytes(in->text);
	msg->is_ok = in->is_ok;
	msg->is_other = in->is_final;
	msg->size = in->bytes;
	put_root(msg, in->root);
}

static void
put_spec_set(skep_TraceInput *msg, struct strings *s,
	const struct input_spec_set *in)
{
	s->name = text_bytes(in->name);
	s->body = in->body;
	s->source_file = text_bytes(in->source.file);
	msg->request = in->request;
	msg->digest = in->digest;
	msg->run_digest = in->run_digest;
	msg->source_digest = in->source.last_digest;
	msg->is_ok = in->source.is_initial;
	msg->is_other = in->is_runtime;
	msg->number = in->timeout_ms;
	msg->has_policy = true;
	msg->policy = specs_policy_to_wire(in->policy);
	put_actor(msg, s, &in->actor);
}

static void
put_request(
	skep_TraceInput *msg, struct strings *s, const struct input_request *in)
{
	s->name = text_bytes(in->name);
	s->text = text_bytes(in->arg);
	msg->request = in->id;
	msg->code = in->op;
	msg->number = in->number;
	msg->is_ok = in->is_forced;
	msg->size = in->max_parallel;
	put_actor(msg, s, &in->actor);
}

/* The kinds about processes that were registered. */
static void
put_tracked(skep_TraceInput *msg, struct strings *s, const struct input *in)
{
	if (in->kind == INPUT_GONE) {
		s->name = text_bytes(in->gone.name);
		msg->pid = in->gone.pid;
		return;
	}
	const struct input_register *r = &in->enroll;
	s->name = text_bytes(r->name);
	s->body = r->meta;
	msg->request = r->request;
	msg->pid = r->pid;
	msg->digest = r->start;
	msg->number = r->timeout_ms;
	put_actor(msg, s, &r->actor);
}

/* The kinds about what stands around a run. */
static void
put_life(skep_TraceInput *msg, struct strings *s, const struct input *in)
{
	if (in->kind == INPUT_NEWS) {
		s->name = text_bytes(in->news.name);
		s->text = text_bytes(in->news.text);
		msg->epoch = in->news.epoch;
		msg->code = in->news.kind;
		msg->number = in->news.number;
	} else if (in->kind == INPUT_RAN) {
		s->name = text_bytes(in->ran.name);
		s->text = text_bytes(in->ran.text);
		msg->epoch = in->ran.epoch;
		msg->code = in->ran.hook;
		msg->is_ok = in->ran.is_ok;
	} else {
		CHECK(in->kind == INPUT_DUE);
		s->name = text_bytes(in->due.service);
		msg->number = in->due.slot;
	}
}

static void
put_mail(skep_TraceInput *msg, struct strings *s, const struct input_mail *in)
{
	s->name = text_bytes(in->from);
	s->text = text_bytes(in->to);
	s->body = in->body;
	msg->request = in->id;
	msg->code = in->op;
	msg->seq = in->number;
	msg->size = in->room;
	msg->is_ok = in->is_ok;
	msg->is_other = in->is_acked;
	msg->number = in->timeout_ms;
}

/* The kinds that come from links and from the store. */
static void
put_plain(skep_TraceInput *msg, struct strings *s, const struct input *in)
{
	if (in->kind == INPUT_LINK_UP) {
		msg->link = in->link_up.link;
		msg->dial = in->link_up.dial;
		s->text = text_bytes(in->link_up.address);
	} else if (in->kind == INPUT_LINK_DOWN) {
		msg->link = in->link_down.link;
		msg->dial = in->link_down.dial;
		msg->code = in->link_down.reason;
	} else if (in->kind == INPUT_REACHED) {
		msg->dial = in->reached.dial;
	} else if (in->kind == INPUT_RECV) {
		msg->link = in->recv.link;
		msg->code = in->recv.type;
		s->body = in->recv.body;
	} else if (in->kind == INPUT_STORED) {
		msg->seq = in->stored.seq;
	} else if (in->kind == INPUT_START_FAILED) {
		s->name = text_bytes(in->start_failed.name);
		s->text = text_bytes(in->start_failed.text);
		msg->epoch = in->start_failed.epoch;
		msg->code = in->start_failed.blame;
	} else {
		UNREACHABLE();
	}
}

static void
put(skep_TraceInput *msg, struct strings *s, const struct input *in)
{
	switch (in->kind) {
	case INPUT_LOAD:
		put_load(msg, s, &in->load);
		return;
	case INPUT_FOUND:
		put_found(msg, s, &in->found);
		return;
	case INPUT_SEALED:
		s->name = text_bytes(in->sealed.name);
		msg->epoch = in->sealed.epoch;
		put_root(msg, in->sealed.root);
		msg->size = in->sealed.size;
		return;
	case INPUT_BOOT:
	case INPUT_TICK:
	case INPUT_GOING:
	case INPUT_ENDING:
		return;
	case INPUT_LINK_UP:
	case INPUT_LINK_DOWN:
	case INPUT_REACHED:
	case INPUT_RECV:
	case INPUT_STORED:
	case INPUT_START_FAILED:
		put_plain(msg, s, in);
		return;
	case INPUT_STARTED:
	case INPUT_EXITED:
	case INPUT_EMPTY:
	case INPUT_ANSWERED:
		put_proc(msg, s, &in->proc);
		return;
	case INPUT_DUMPED:
		put_dumped(msg, s, &in->dumped);
		return;
	case INPUT_FETCHED:
		put_fetched(msg, s, &in->fetched);
		return;
	case INPUT_SPEC_SET:
		put_spec_set(msg, s, &in->spec_set);
		return;
	case INPUT_SPEC_DEL:
		s->name = text_bytes(in->spec_del.name);
		msg->request = in->spec_del.request;
		put_actor(msg, s, &in->spec_del.actor);
		return;
	case INPUT_REQUEST:
		put_request(msg, s, &in->request);
		return;
	case INPUT_REGISTER:
	case INPUT_GONE:
		put_tracked(msg, s, in);
		return;
	case INPUT_NEWS:
	case INPUT_RAN:
	case INPUT_DUE:
		put_life(msg, s, in);
		return;
	case INPUT_MAIL:
		put_mail(msg, s, &in->mail);
		return;
	case INPUT_KIND_COUNT:
		break;
	}
	UNREACHABLE();
}

bool
trace_encode_input(pb_ostream_t *out, const struct input *in)
{
	struct strings s = {0};
	skep_TraceInput msg = skep_TraceInput_init_zero;
	msg.kind = in->kind;
	msg.now_ms = in->now.ms;
	msg.wall_ms = in->wall_ms;
	put(&msg, &s, in);
	msg.name = wire_lend(&s.name);
	msg.text = wire_lend(&s.text);
	msg.key = wire_lend(&s.key);
	msg.body = wire_lend(&s.body);
	msg.source_file = wire_lend(&s.source_file);
	msg.actor_host = wire_lend(&s.host);
	return pb_encode(out, skep_TraceInput_fields, &msg);
}

/* --- Reading --- */

/* What is read: the message, its strings, and the first complaint. */
struct taking {
	skep_TraceInput msg;
	struct strings s;
	const char *why;
};

static void
complain(struct taking *t, const char *why)
{
	if (!t->why)
		t->why = why;
}

/* A text in place; NULL when it is absent. */
static const char *
take_optional(struct taking *t, struct bytes b)
{
	if (!b.size)
		return NULL;
	const char *nul = memchr(b.data, '\0', b.size);
	if (!nul || (size_t)(nul - (const char *)b.data) != b.size - 1)
		complain(t, "a text in it does not end where it should");
	return b.data;
}

static const char *
take_text(struct taking *t, struct bytes b)
{
	if (!b.size)
		complain(t, "a name or text is missing in it");
	return take_optional(t, b);
}

/* Bytes that are empty are still there. */
static struct bytes
take_bytes(struct bytes b)
{
	return b.size ? b : (struct bytes){"", 0};
}

/* A value of an enum, from 'min' to below 'end'. */
static unsigned
take_code(struct taking *t, unsigned min, unsigned end)
{
	if (t->msg.code < min || t->msg.code >= end)
		complain(t, "a code in it is not one that there is");
	return t->msg.code;
}

static void
take_root(struct taking *t, uint8_t root[DIGEST_SIZE])
{
	if (t->msg.root.size == DIGEST_SIZE)
		memcpy(root, t->msg.root.bytes, DIGEST_SIZE);
	else
		complain(t, "a digest of a state is missing in it");
}

static struct actor
take_actor(struct taking *t)
{
	return (struct actor){
		.uid = t->msg.actor_uid,
		.pid = t->msg.actor_pid,
		.host = take_optional(t, t->s.host),
	};
}

static struct input_load
take_load(struct taking *t)
{
	return (struct input_load){
		.table = (enum core_table)take_code(t, TABLE_META, TABLE_COUNT),
		.key = take_bytes(t->s.key),
		.value = take_bytes(t->s.body),
	};
}

static struct input_found
take_found(struct taking *t)
{
	return (struct input_found){
		.name = take_text(t, t->s.name),
		.epoch = t->msg.epoch,
		.run_digest = t->msg.run_digest,
		.pid = t->msg.pid,
		.status = t->msg.status,
		.is_empty = t->msg.is_ok,
		.is_ready = t->msg.is_other,
		.started_wall_ms = t->msg.number,
		.has_run = t->msg.code == 0,
	};
}

static struct input_proc
take_proc(struct taking *t)
{
	return (struct input_proc){
		.name = take_text(t, t->s.name),
		.epoch = t->msg.epoch,
		.pid = t->msg.pid,
		.status = t->msg.status,
		.answer = (uint8_t)take_code(t, 0, ANSWER_CHECKPOINT + 1),
	};
}

static struct input_dumped
take_dumped(struct taking *t)
{
	struct input_dumped in = {
		.name = take_text(t, t->s.name),
		.epoch = t->msg.epoch,
		.is_ok = t->msg.is_ok,
		.is_absent = t->msg.is_other,
		.is_checkpoint = take_code(t, 0, 2) != 0,
		.size = t->msg.size,
		.text = take_optional(t, t->s.text),
	};
	take_root(t, in.root);
	return in;
}

static struct input_fetched
take_fetched(struct taking *t)
{
	struct input_fetched in = {
		.name = take_text(t, t->s.name),
		.is_ok = t->msg.is_ok,
		.is_final = t->msg.is_other,
		.bytes = t->msg.size,
		.text = take_optional(t, t->s.text),
	};
	take_root(t, in.root);
	return in;
}

static struct input_spec_set
take_spec_set(struct taking *t, struct spec_policy *policy)
{
	if (!t->msg.has_policy ||
		!specs_policy_from_wire(&t->msg.policy, policy))
		complain(t, "the policy of a service in it makes no sense");
	return (struct input_spec_set){
		.request = t->msg.request,
		.name = take_text(t, t->s.name),
		.digest = t->msg.digest,
		.run_digest = t->msg.run_digest,
		.policy = policy,
		.body = take_bytes(t->s.body),
		.source = {take_optional(t, t->s.source_file),
			t->msg.source_digest, t->msg.is_ok},
		.is_runtime = t->msg.is_other,
		.timeout_ms = t->msg.number,
		.actor = take_actor(t),
	};
}

static struct input_request
take_request(struct taking *t)
{
	return (struct input_request){
		.id = t->msg.request,
		.op = (enum request_op)take_code(t, 0, REQUEST_OP_COUNT),
		.name = take_text(t, t->s.name),
		.arg = take_text(t, t->s.text),
		.number = t->msg.number,
		.is_forced = t->msg.is_ok,
		.max_parallel = (uint32_t)t->msg.size,
		.actor = take_actor(t),
	};
}

static void
take_tracked(struct taking *t, struct input *in)
{
	const char *name = take_text(t, t->s.name);
	if (in->kind == INPUT_GONE) {
		in->gone = (struct input_gone){name, t->msg.pid};
		return;
	}
	in->enroll = (struct input_register){
		.request = t->msg.request,
		.name = name,
		.pid = t->msg.pid,
		.start = t->msg.digest,
		.meta = take_bytes(t->s.body),
		.timeout_ms = t->msg.number,
		.actor = take_actor(t),
	};
}

static void
take_life(struct taking *t, struct input *in)
{
	const skep_TraceInput *msg = &t->msg;
	const char *name = take_text(t, t->s.name);
	if (in->kind == INPUT_NEWS)
		in->news = (struct input_news){name, msg->epoch,
			(enum news_kind)take_code(t, 0, NEWS_KIND_COUNT),
			msg->number, take_text(t, t->s.text)};
	else if (in->kind == INPUT_RAN)
		in->ran = (struct input_ran){name, msg->epoch,
			(enum hook)take_code(t, 0, HOOK_COUNT), msg->is_ok,
			take_text(t, t->s.text)};
	else
		in->due = (struct input_due){name, msg->number};
}

static struct input_mail
take_mail(struct taking *t)
{
	const skep_TraceInput *msg = &t->msg;
	return (struct input_mail){
		.id = msg->request,
		.op = (enum mail_op)take_code(t, 0, MAIL_OP_COUNT),
		.from = take_text(t, t->s.name),
		.to = take_text(t, t->s.text),
		.number = msg->seq,
		.room = (uint32_t)msg->size,
		.is_acked = msg->is_other,
		.is_ok = msg->is_ok,
		.timeout_ms = msg->number,
		.body = take_bytes(t->s.body),
	};
}

static void
take_plain(struct taking *t, struct input *in)
{
	const skep_TraceInput *msg = &t->msg;
	if (in->kind == INPUT_LINK_UP)
		in->link_up = (struct input_link_up){
			msg->link, msg->dial, take_text(t, t->s.text)};
	else if (in->kind == INPUT_LINK_DOWN)
		in->link_down = (struct input_link_down){msg->link, msg->dial,
			(enum link_down_reason)take_code(
				t, LINK_REFUSED, LINK_SILENT + 1)};
	else if (in->kind == INPUT_REACHED)
		in->reached = (struct input_reached){msg->dial};
	else if (in->kind == INPUT_RECV)
		in->recv = (struct input_recv){msg->link,
			(uint16_t)take_code(t, 0, UINT16_MAX + 1),
			take_bytes(t->s.body)};
	else if (in->kind == INPUT_STORED)
		in->stored = (struct input_stored){msg->seq};
	else if (in->kind == INPUT_START_FAILED)
		in->start_failed = (struct input_start_failed){
			take_text(t, t->s.name), msg->epoch,
			(enum start_blame)take_code(
				t, BLAME_SERVICE, BLAME_STOPPED + 1),
			take_optional(t, t->s.text)};
	else
		UNREACHABLE();
}

static void
take(struct taking *t, struct trace_input *out)
{
	struct input *in = &out->in;
	switch (in->kind) {
	case INPUT_LOAD:
		in->load = take_load(t);
		return;
	case INPUT_FOUND:
		in->found = take_found(t);
		return;
	case INPUT_SEALED:
		in->sealed.name = take_text(t, t->s.name);
		in->sealed.epoch = t->msg.epoch;
		take_root(t, in->sealed.root);
		in->sealed.size = t->msg.size;
		return;
	case INPUT_BOOT:
	case INPUT_TICK:
	case INPUT_GOING:
	case INPUT_ENDING:
		return;
	case INPUT_LINK_UP:
	case INPUT_LINK_DOWN:
	case INPUT_REACHED:
	case INPUT_RECV:
	case INPUT_STORED:
	case INPUT_START_FAILED:
		take_plain(t, in);
		return;
	case INPUT_STARTED:
	case INPUT_EXITED:
	case INPUT_EMPTY:
	case INPUT_ANSWERED:
		in->proc = take_proc(t);
		return;
	case INPUT_DUMPED:
		in->dumped = take_dumped(t);
		return;
	case INPUT_FETCHED:
		in->fetched = take_fetched(t);
		return;
	case INPUT_SPEC_SET:
		in->spec_set = take_spec_set(t, &out->policy);
		return;
	case INPUT_SPEC_DEL:
		in->spec_del = (struct input_spec_del){
			t->msg.request, take_text(t, t->s.name), take_actor(t)};
		return;
	case INPUT_REQUEST:
		in->request = take_request(t);
		return;
	case INPUT_REGISTER:
	case INPUT_GONE:
		take_tracked(t, in);
		return;
	case INPUT_NEWS:
	case INPUT_RAN:
	case INPUT_DUE:
		take_life(t, in);
		return;
	case INPUT_MAIL:
		in->mail = take_mail(t);
		return;
	case INPUT_KIND_COUNT:
		break;
	}
	UNREACHABLE();
}

/* Decodes the message; the strings are borrowed from 'body'. */
static bool
decode(struct bytes body, struct taking *t, struct spec_policy *policy)
{
	struct wire_slice name = {body, {NULL, 0}}, text = name, key = name,
			  value = name, file = name, host = name;
	struct specs_names names;
	skep_TraceInput *msg = &t->msg;
	msg->name = wire_borrow(&name);
	msg->text = wire_borrow(&text);
	msg->key = wire_borrow(&key);
	msg->body = wire_borrow(&value);
	msg->source_file = wire_borrow(&file);
	msg->actor_host = wire_borrow(&host);
	specs_policy_names(&names, policy, &msg->policy);
	bool is_ok = wire_decode_message(skep_TraceInput_fields, body, msg);
	t->s = (struct strings){name.found, text.found, key.found, value.found,
		file.found, host.found};
	return is_ok;
}

const char *
trace_read_input(struct bytes body, struct trace_input *out)
{
	struct taking t = {.msg = skep_TraceInput_init_zero};
	memset(out, 0, sizeof *out);
	if (!decode(body, &t, &out->policy))
		return "an input is not of the form";
	if (t.msg.kind >= INPUT_KIND_COUNT)
		return "an input is of a kind that this skep does not know";
	out->in.kind = (enum input_kind)t.msg.kind;
	out->in.now.ms = t.msg.now_ms;
	out->in.wall_ms = t.msg.wall_ms;
	take(&t, out);
	return t.why;
}
