/* People and services who send messages. */
#include <stdio.h>

#include "tests/sim/storm.h"

/* How the processes of all services take messages: most do, some slowly, some
 * answer. */
static void
open_mailboxes(struct storm *s, struct prng *p)
{
	for (uint32_t i = 0; i < s->config.services; i++) {
		char name[24];
		snprintf(name, sizeof name, "s%u", i);
		struct behaviour *b = world_behave(s->w, name, "");
		b->mail_room = any(p, 8);
		b->read_ms = any_scale(p, 1, 2000);
		b->reply_ms = any(p, 3) ? any_scale(p, 1, 3000) : 0;
	}
	for (uint32_t i = 0; i < s->w->count; i++)
		if (s->w->hosts[i].is_running)
			world_open_mail(s->w, i);
}

/* Some messages of one host to one name or to the names of one service. */
static void
make_messages(struct storm *s, struct prng *p)
{
	static const enum mail_op ops[] = {
		MAIL_SEND, MAIL_SEND, MAIL_SEND, MAIL_CALL};
	char name[24], text[16];
	if (s->messages == 0)
		open_mailboxes(s, p);
	uint32_t host = storm_any_running(s, p);
	uint32_t count = 1 + any(p, 6);
	uint32_t service = any(p, s->config.services);
	uint32_t instance = any(p, 4);
	if (instance)
		snprintf(name, sizeof name, "s%u@%u", service, instance);
	else
		snprintf(name, sizeof name, "s%u", service);
	for (uint32_t i = 0; i < count && host != MAKER_NO_HOST; i++) {
		struct input in = {.kind = INPUT_MAIL};
		enum mail_op op = ops[any(p, 4)];
		bool is_acked = any(p, 2);
		int64_t timeout_ms = any_scale(p, 50, 40000);
		const struct host *h = &s->w->hosts[host];
		if (!h->is_running || h->paused_until.ms > s->w->now.ms ||
			h->frozen_until.ms > s->w->now.ms)
			return;
		int n = snprintf(text, sizeof text, "#%u", ++s->messages);
		in.mail = (struct input_mail){
			.id = s->w->next_request++,
			.op = op,
			.from = "",
			.to = name,
			.is_acked = is_acked,
			.timeout_ms = timeout_ms,
			.body = {text, (size_t)n},
		};
		world_input(s->w, host, &in);
	}
}

const struct maker work_mail_makers[] = {
	{"messages", true, 50, 5000, make_messages, true},
	{0},
};
