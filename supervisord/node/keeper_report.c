#include "node/keeper_report.h"

#include <stdio.h>
#include <sys/wait.h>

static const uint8_t command_of_hook[HOOK_COUNT] = {
	[HOOK_POST_START] = KCMD_POST_START,
	[HOOK_PRE_STOP] = KCMD_PRE_STOP,
	[HOOK_STOP_COMMAND] = KCMD_STOP,
	[HOOK_POST_STOP] = KCMD_POST_STOP,
	[HOOK_HANDOFF] = KCMD_HANDOFF,
	[HOOK_CHECKPOINT] = KCMD_CHECKPOINT,
};

enum kproto_command
report_command_of(enum hook hook)
{
	return (enum kproto_command)command_of_hook[hook];
}

/* What became of a command, in one sentence. */
static const char *
ran_text(const struct kproto_ran *r, char *out, size_t size)
{
	const char *said = r->text[0] ? ": " : "";
	if (r->is_refused)
		snprintf(out, size, "%s", r->text);
	else if (r->has_expired)
		snprintf(out, size, "it took too long%s%s", said, r->text);
	else if (WIFSIGNALED(r->status))
		snprintf(out, size, "killed by signal %d%s%s",
			WTERMSIG(r->status), said, r->text);
	else
		snprintf(out, size, "exited %d%s%s", WEXITSTATUS(r->status),
			said, r->text);
	return out;
}

static void
report_hook(const struct keeper_hooks *hooks, const char *name,
	const struct kproto_ran *r)
{
	char text[NOTE_TEXT_MAX];
	struct input in = {
		.kind = INPUT_RAN,
		.ran =
			{
				.name = name,
				.epoch = r->epoch,
				.is_ok = r->status == 0 && !r->has_expired &&
					 !r->is_refused,
				.text = ran_text(r, text, sizeof text),
			},
	};
	for (unsigned i = 0; i < HOOK_COUNT; i++)
		if (command_of_hook[i] == r->command)
			in.ran.hook = (enum hook)i;
	hooks->on_input(hooks->context, &in);
}

void
report_ran(const struct keeper_hooks *hooks, const char *name,
	const struct kproto_ran *ran)
{
	if (ran->command == KCMD_READINESS || ran->command == KCMD_LIVENESS)
		hooks->on_probed(hooks->context, name, ran);
	else
		report_hook(hooks, name, ran);
}

static void
tell(const struct keeper_hooks *hooks, const char *name, enum news_kind kind,
	const struct kproto_news *news)
{
	struct input in = {
		.kind = INPUT_NEWS,
		.news = {name, news->epoch, kind, news->number, news->text},
	};
	hooks->on_input(hooks->context, &in);
}

void
report_news(const struct keeper_hooks *hooks, const char *name,
	const struct kproto_news *news)
{
	switch ((enum kproto_news_kind)news->kind) {
	case KNEWS_READY:
		tell(hooks, name, NEWS_READY, news);
		break;
	case KNEWS_EXTEND:
		tell(hooks, name, NEWS_EXTEND, news);
		break;
	case KNEWS_WATCHDOG:
		tell(hooks, name, NEWS_SICK, news);
		break;
	case KNEWS_MAIN:
		tell(hooks, name, NEWS_MAIN, news);
		break;
	case KNEWS_STATUS:
	case KNEWS_RELOADING:
	case KNEWS_STOPPING:
	case KNEWS_OOM:
	case KNEWS_ASIDE:
		hooks->on_word(hooks->context, name, news);
		break;
	}
}

void
report_answer(const struct keeper_hooks *hooks, const char *name,
	uint64_t epoch, enum handoff_answer answer)
{
	struct input in = {
		.kind = INPUT_ANSWERED,
		.proc = {.name = name,
			.epoch = epoch,
			.answer = (uint8_t)answer},
	};
	hooks->on_input(hooks->context, &in);
}

enum start_blame
report_blame_of(uint8_t blame)
{
	switch ((enum kproto_blame)blame) {
	case KBLAME_SERVICE:
		return BLAME_SERVICE;
	case KBLAME_HOST:
	case KBLAME_POLICY:
		return BLAME_HOST;
	case KBLAME_BUSY:
		return BLAME_BUSY;
	case KBLAME_RESOLVE:
		return BLAME_RESOLVE;
	}
	return BLAME_SERVICE;
}
