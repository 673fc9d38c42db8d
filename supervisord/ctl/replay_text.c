#include "ctl/replay_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "core/wire.h"

/* A line in the making. */
struct line {
	char *at;
	size_t size;
	size_t used;
};

static void line_add(struct line *l, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void
line_add(struct line *l, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(l->at + l->used, l->size - l->used, format, args);
	va_end(args);
	if (n > 0)
		l->used += (size_t)n;
	if (l->used >= l->size)
		l->used = l->size - 1;
}

static const char *
or_none(const char *text)
{
	return text ? text : "-";
}

static const char *
table_name(enum core_table table)
{
	switch (table) {
	case TABLE_META:
		return "meta";
	case TABLE_MEMBER:
		return "member";
	case TABLE_SPEC:
		return "spec";
	case TABLE_OWNER:
		return "owner";
	case TABLE_HANDOFF:
		return "handoff";
	case TABLE_CHECKPOINT:
		return "checkpoint";
	case TABLE_CONFLICT:
		return "conflict";
	case TABLE_TRACKED:
		return "tracked";
	case TABLE_GROUP:
		return "group";
	case TABLE_COUNT:
		break;
	}
	return "?";
}

static const char *
reason_name(enum link_down_reason reason)
{
	static const char *const names[] = {
		[LINK_REFUSED] = "refused",
		[LINK_RESET] = "reset",
		[LINK_TIMEOUT] = "timeout",
		[LINK_UNREACHABLE] = "unreachable",
		[LINK_AUTH] = "no proof of the key",
		[LINK_PROTOCOL] = "bad bytes",
		[LINK_CLOSED] = "closed",
		[LINK_SILENT] = "silent",
	};
	return reason < sizeof names / sizeof *names && names[reason]
		       ? names[reason]
		       : "?";
}

/* Keys of the store begin with a byte for their kind at times. */
static void
add_key(struct line *l, struct bytes key)
{
	const char *text = key.data;
	for (size_t i = 0; i < key.size && i < 128; i++)
		line_add(l, "%c",
			text[i] > ' ' && text[i] < 0x7f ? text[i] : '.');
}

/* --- Inputs --- */

static void
add_shell_input(struct line *l, const struct input *in)
{
	if (in->kind == INPUT_LOAD) {
		line_add(l, " %s ", table_name(in->load.table));
		add_key(l, in->load.key);
		line_add(l, ", %zu bytes", in->load.value.size);
	} else if (in->kind == INPUT_LINK_UP) {
		line_add(l, " %u (dial %u) %s", in->link_up.link,
			in->link_up.dial, or_none(in->link_up.address));
	} else if (in->kind == INPUT_LINK_DOWN) {
		line_add(l, " %u (dial %u) %s", in->link_down.link,
			in->link_down.dial, reason_name(in->link_down.reason));
	} else if (in->kind == INPUT_REACHED) {
		line_add(l, " dial %u", in->reached.dial);
	} else if (in->kind == INPUT_RECV) {
		line_add(l, " %s on link %u, %zu bytes",
			wire_type_name(in->recv.type), in->recv.link,
			in->recv.body.size);
	} else if (in->kind == INPUT_STORED) {
		line_add(l, " %" PRIu64, in->stored.seq);
	}
}

static void
add_asked_input(struct line *l, const struct input *in)
{
	if (in->kind == INPUT_SPEC_SET)
		line_add(l, " %s digest %016" PRIx64, in->spec_set.name,
			in->spec_set.digest);
	else if (in->kind == INPUT_SPEC_DEL)
		line_add(l, " %s", in->spec_del.name);
	else if (in->kind == INPUT_REGISTER)
		line_add(l, " %s process %u", in->enroll.name, in->enroll.pid);
	else if (in->kind == INPUT_GONE)
		line_add(l, " %s process %u", in->gone.name, in->gone.pid);
	else
		line_add(l, " %s %s %s", request_op_name(in->request.op),
			in->request.name, in->request.arg);
}

static void
add_state_input(struct line *l, const struct input *in)
{
	if (in->kind == INPUT_DUMPED)
		line_add(l, " %s epoch %" PRIu64 " %s", in->dumped.name,
			in->dumped.epoch, in->dumped.is_ok ? "sealed" : "not");
	else if (in->kind == INPUT_FETCHED)
		line_add(l, " %s %" PRIu64 " bytes%s", in->fetched.name,
			in->fetched.bytes,
			!in->fetched.is_final ? ", more to come"
			: in->fetched.is_ok   ? ", whole"
					      : ", failed");
	else if (in->kind == INPUT_SEALED)
		line_add(l, " %s epoch %" PRIu64, in->sealed.name,
			in->sealed.epoch);
	else if (in->kind == INPUT_FOUND)
		line_add(l, " %s epoch %" PRIu64 " pid %u", in->found.name,
			in->found.epoch, in->found.pid);
	else
		line_add(l, " %s epoch %" PRIu64 ": %s", in->start_failed.name,
			in->start_failed.epoch, or_none(in->start_failed.text));
}

static void
add_life_input(struct line *l, const struct input *in)
{
	if (in->kind == INPUT_NEWS)
		line_add(l, " %s epoch %" PRIu64 " %s %s", in->news.name,
			in->news.epoch, news_kind_name(in->news.kind),
			in->news.text);
	else if (in->kind == INPUT_RAN)
		line_add(l, " %s epoch %" PRIu64 " %s %s", in->ran.name,
			in->ran.epoch, hook_name(in->ran.hook),
			in->ran.is_ok ? "well" : in->ran.text);
	else
		line_add(l, " %s at %" PRId64, in->due.service, in->due.slot);
}

const char *
input_text(const struct input *in, char *buffer, size_t size)
{
	struct line l = {buffer, size, 0};
	line_add(&l, "%s", input_kind_name(in->kind));
	switch (in->kind) {
	case INPUT_BOOT:
	case INPUT_TICK:
	case INPUT_GOING:
	case INPUT_ENDING:
		break;
	case INPUT_LOAD:
	case INPUT_LINK_UP:
	case INPUT_LINK_DOWN:
	case INPUT_REACHED:
	case INPUT_RECV:
	case INPUT_STORED:
		add_shell_input(&l, in);
		break;
	case INPUT_STARTED:
	case INPUT_EXITED:
	case INPUT_EMPTY:
	case INPUT_ANSWERED:
		line_add(&l, " %s epoch %" PRIu64 " status %d", in->proc.name,
			in->proc.epoch, in->proc.status);
		break;
	case INPUT_FOUND:
	case INPUT_SEALED:
	case INPUT_START_FAILED:
	case INPUT_DUMPED:
	case INPUT_FETCHED:
		add_state_input(&l, in);
		break;
	case INPUT_NEWS:
	case INPUT_RAN:
	case INPUT_DUE:
		add_life_input(&l, in);
		break;
	case INPUT_SPEC_SET:
	case INPUT_SPEC_DEL:
	case INPUT_REQUEST:
	case INPUT_REGISTER:
	case INPUT_GONE:
		add_asked_input(&l, in);
		break;
	case INPUT_MAIL:
		line_add(&l, " %s from %s to %s, %zu bytes",
			mail_op_name(in->mail.op), or_none(in->mail.from),
			or_none(in->mail.to), in->mail.body.size);
		break;
	case INPUT_KIND_COUNT:
		UNREACHABLE();
	}
	return buffer;
}

/* --- Effects --- */

static void
add_link_effect(struct line *l, const struct effect *e)
{
	if (e->kind == EFFECT_SEND)
		line_add(l, " %s on link %u, %zu bytes",
			wire_type_name(e->send.type), e->send.link,
			e->send.body.size);
	else if (e->kind == EFFECT_LINK_OPEN)
		line_add(l, " %s (dial %u)", e->link_open.address,
			e->link_open.dial);
	else
		line_add(l, " %u: %s", e->link_close.link,
			or_none(e->link_close.why));
}

static void
add_store_effect(struct line *l, const struct effect_store *s)
{
	line_add(l, " %" PRIu64 " %s ", s->seq, table_name(s->table));
	add_key(l, s->key);
	if (s->value.data)
		line_add(l, ", %zu bytes", s->value.size);
	else
		line_add(l, ", deleted");
}

static void
add_state_effect(struct line *l, const struct effect *e)
{
	if (e->kind == EFFECT_DUMP)
		line_add(l, " %s epoch %" PRIu64, e->dump.name, e->dump.epoch);
	else if (e->kind == EFFECT_FETCH)
		line_add(l, " %s from %s, %" PRIu64 " bytes", e->fetch.name,
			e->fetch.node, e->fetch.size);
	else
		line_add(l, " %s", e->drop.name);
}

static void
add_said_effect(struct line *l, const struct effect *e)
{
	if (e->kind == EFFECT_REPLY)
		line_add(l, " %" PRIu64 " %s %s", e->reply.request,
			reply_code_name(e->reply.code), e->reply.text);
	else
		line_add(l, " %s %s %s", note_kind_name(e->note.kind),
			e->note.name, e->note.text);
}

const char *
effect_text(const struct effect *e, char *buffer, size_t size)
{
	struct line l = {buffer, size, 0};
	line_add(&l, "%s", effect_kind_name(e->kind));
	switch (e->kind) {
	case EFFECT_SEND:
	case EFFECT_LINK_OPEN:
	case EFFECT_LINK_CLOSE:
		add_link_effect(&l, e);
		break;
	case EFFECT_STORE:
		add_store_effect(&l, &e->store);
		break;
	case EFFECT_START:
		line_add(&l, " %s epoch %" PRIu64 "%s", e->start.name,
			e->start.epoch,
			e->start.has_theirs  ? " with two states"
			: e->start.has_state ? " with state"
					     : "");
		break;
	case EFFECT_SIGNAL:
		line_add(&l, " %d to %s epoch %" PRIu64, e->signal.signal,
			e->signal.name, e->signal.epoch);
		break;
	case EFFECT_KILL:
	case EFFECT_RELEASE:
		line_add(&l, " %s epoch %" PRIu64, e->proc.name, e->proc.epoch);
		break;
	case EFFECT_RUN:
		line_add(&l, " %s of %s epoch %" PRIu64, hook_name(e->run.hook),
			e->run.name, e->run.epoch);
		break;
	case EFFECT_DUMP:
	case EFFECT_FETCH:
	case EFFECT_DROP:
		add_state_effect(&l, e);
		break;
	case EFFECT_REPLY:
	case EFFECT_NOTE:
		add_said_effect(&l, e);
		break;
	case EFFECT_DELIVER:
		line_add(&l, " %" PRIu64 " to %s from %s, %zu bytes",
			e->deliver.number, e->deliver.name,
			or_none(e->deliver.from), e->deliver.body.size);
		break;
	case EFFECT_ANSWER:
		line_add(&l, " %" PRIu64 " of %s %s, %zu bytes",
			e->answer.request, e->answer.name,
			reply_code_name(e->answer.code), e->answer.body.size);
		break;
	case EFFECT_KIND_COUNT:
		UNREACHABLE();
	}
	if (e->after)
		line_add(&l, ", after store %" PRIu64, e->after);
	return buffer;
}
