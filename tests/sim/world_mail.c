/* Mailboxes: what processes do with the messages that they are given. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "tests/sim/world_private.h"

#define LINE_MAX 1024

static void
hear(struct world *w, uint32_t host, const struct world_mail *m)
{
	observe_mail(w, host, m);
	if (w->on_mail)
		w->on_mail(w, host, m, w->mail_context);
}

static void
tell(struct world *w, uint32_t host, enum mail_op op, const struct process *p,
	uint64_t number, bool is_ok, struct bytes body)
{
	const struct behaviour *b = proc_behaviour(w, host, p->name);
	struct input in = {.kind = INPUT_MAIL};
	char name[INSTANCE_NAME_MAX + 1];
	bool runs = p->phase == PROCESS_RUNNING;
	if (!w->hosts[host].is_running)
		return;
	strcpy(name, p->name);
	in.mail = (struct input_mail){
		.op = op,
		.from = name,
		.to = "",
		.number = number,
		.is_ok = is_ok,
		.room = runs && p->mail_out < b->mail_room
				? b->mail_room - p->mail_out
				: 0,
		.body = body,
	};
	world_step(w, host, &in);
}

void
mail_open(struct world *w, uint32_t host, const char *name)
{
	struct process *p = world_process(w, host, name);
	if (!p || p->phase != PROCESS_RUNNING)
		return;
	p->mail_out = 0;
	if (proc_behaviour(w, host, name)->mail_room)
		tell(w, host, MAIL_ROOM, p, 0, false, (struct bytes){"", 0});
}

void
world_open_mail(struct world *w, uint32_t host)
{
	for (size_t i = 0; i < w->hosts[host].process_count; i++)
		mail_open(w, host, w->hosts[host].processes[i].name);
}

/* What happens with it comes in 'in_ms': it is taken, or answered. */
static void
later(struct world *w, uint32_t host, const struct world_mail *m, int64_t in_ms,
	bool is_answer)
{
	char body[LINE_MAX];
	int n = snprintf(body, sizeof body, "%s%c%s%c%s%c%s", m->name, 0,
		m->from, 0, m->group, 0, m->text);
	CHECK(n > 0 && (size_t)n < sizeof body);
	struct event *e = event_new(w, EVENT_MAIL, host, in_ms,
		(struct bytes){body, (size_t)n + 1});
	e->seq = m->number;
	e->amount = (int64_t)m->epoch;
	e->type = m->is_call;
	e->status = is_answer;
	event_push(w, e);
}

static void
deliver(struct world *w, uint32_t host, const struct effect_deliver *d)
{
	char text[LINE_MAX / 2];
	struct process *p = world_process(w, host, d->name);
	const struct behaviour *b = proc_behaviour(w, host, d->name);
	snprintf(text, sizeof text, "%.*s", (int)d->body.size,
		(const char *)d->body.data);
	struct world_mail m = {WORLD_MAIL_TAKEN, d->name, d->from, d->group,
		text, d->number, d->epoch, d->is_call, 0, REPLY_OK};
	if (p)
		p->mail_out++;
	later(w, host, &m, b->read_ms ? b->read_ms : 1, false);
}

void
mail_perform(struct world *w, uint32_t host, const struct effect *e)
{
	char text[LINE_MAX];
	if (e->kind == EFFECT_DELIVER) {
		deliver(w, host, &e->deliver);
		return;
	}
	snprintf(text, sizeof text, "%.*s%s", (int)e->answer.body.size,
		(const char *)e->answer.body.data, e->answer.text);
	hear(w, host,
		&(struct world_mail){WORLD_MAIL_ANSWER, e->answer.name, "", "",
			text, 0, 0, true, e->answer.request, e->answer.code});
}

/* Its process reads it, unless it has ended since. */
static void
take(struct world *w, uint32_t host, const struct world_mail *m)
{
	struct process *p = world_process(w, host, m->name);
	const struct behaviour *b = proc_behaviour(w, host, m->name);
	bool is_ok = p && p->phase == PROCESS_RUNNING && p->epoch == m->epoch;
	if (p && p->mail_out > 0)
		p->mail_out--;
	if (!p)
		return;
	if (is_ok)
		hear(w, host, m);
	if (is_ok && m->is_call && b->reply_ms)
		later(w, host, m, b->reply_ms, true);
	tell(w, host, MAIL_DELIVERED, p, m->number, is_ok,
		(struct bytes){"", 0});
}

void
mail_on_event(struct world *w, struct event *e)
{
	const char *name = (const char *)e->body;
	const char *from = name + strlen(name) + 1;
	const char *group = from + strlen(from) + 1;
	char text[LINE_MAX];
	struct world_mail m = {WORLD_MAIL_TAKEN, name, from, group,
		group + strlen(group) + 1, e->seq, (uint64_t)e->amount,
		e->type != 0, 0, REPLY_OK};
	if (!e->status) {
		take(w, e->host, &m);
		event_free(w, e);
		return;
	}
	struct process *p = world_process(w, e->host, name);
	int n = snprintf(text, sizeof text, "%s to '%s'", name, m.text);
	if (p && p->phase == PROCESS_RUNNING && p->epoch == m.epoch)
		tell(w, e->host, MAIL_ANSWER, p, m.number, true,
			(struct bytes){text, (size_t)n});
	event_free(w, e);
}
