/* Messages, and who speaks, as the test says it. */
#include <stdio.h>
#include <string.h>

#include "api_stub.h"
#include "base/limits.h"
#include "node/mail.h"
#include "node/whose.h"

/* As many as the test wants, each as long as there can be. */
static void
answer_all(mail_answer_fn *on_answer, void *context)
{
	static char body[MAIL_BODY_MAX];
	memset(body, 'x', sizeof(body));
	for (uint32_t i = 0; i < stub.large_answers; i++) {
		const struct effect_answer answer = {.name = "large",
			.text = "",
			.body = {body, sizeof(body)}};
		on_answer(context, &answer);
	}
}

uint64_t
mail_ask(struct node *n, struct input *in, mail_answer_fn *on_answer,
	node_reply_fn *done, void *context)
{
	(void)n;
	struct stub_asked *a = &stub.asked[stub.asked_count++];
	struct effect_answer answer = {
		.name = "web@1", .text = "", .body = {"\0\377a\377", 4}};
	*a = (struct stub_asked){.kind = in->kind,
		.mail = in->mail.op,
		.number = in->mail.timeout_ms,
		.is_forced = in->mail.is_acked};
	snprintf(a->name, sizeof(a->name), "%s", in->mail.to);
	snprintf(a->from, sizeof(a->from), "%s", in->mail.from);
	snprintf(a->arg, sizeof(a->arg), "%.*s", (int)in->mail.body.size,
		(const char *)in->mail.body.data);
	if (in->mail.op == MAIL_CALL || in->mail.op == MAIL_MULTICALL)
		on_answer(context, &answer);
	if (in->mail.op == MAIL_MULTICALL) {
		answer = (struct effect_answer){.name = "web@2",
			.code = REPLY_TIMEOUT,
			.text = "it did not answer"};
		on_answer(context, &answer);
		answer_all(on_answer, context);
	}
	if (stub.answers_later) {
		a->done = done;
		a->context = context;
		return stub.asked_count;
	}
	done(context, stub.code, "that is how it is");
	return 0;
}

void
mail_cancel(struct node *n, uint64_t request)
{
	node_cancel(n, request);
}

enum whose
whose_peer(struct node *n, int socket, pid_t pid, uint64_t start,
	char name[static INSTANCE_NAME_MAX + 1])
{
	(void)n;
	(void)socket;
	(void)pid;
	(void)start;
	snprintf(name, INSTANCE_NAME_MAX + 1, "%s",
		stub.speaker ? stub.speaker : "");
	if (stub.is_speaker_gone)
		return WHOSE_UNKNOWN;
	return stub.speaker ? WHOSE_INSTANCE : WHOSE_NOBODY;
}
