/* Words of a command: numbers, services, behaviours. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tests/dialogue/script.h"

int
script_words(char *line, char *words[WORDS_MAX])
{
	int n = 0;
	char *rest = line;
	for (char *at; (at = strtok_r(NULL, " \t\n", &rest));) {
		CHECK(n < WORDS_MAX - 1);
		words[n++] = at;
	}
	words[n] = NULL;
	return n;
}

const char *
script_value(char *const *words, int count, const char *key)
{
	size_t length = strlen(key);
	for (int i = 0; i < count; i++)
		if (!strncmp(words[i], key, length) && words[i][length] == '=')
			return words[i] + length + 1;
	return NULL;
}

bool
script_has(char *const *words, int count, const char *word)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(words[i], word))
			return true;
	return false;
}

int64_t
script_ms(const char *text)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {
		{"ms", 1},
		{"s", 1000},
		{"m", 60000},
		{"h", 3600000},
		{"d", 86400000},
	};
	char *end;
	int64_t n = strtol(text, &end, 10);
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (!strcmp(end, units[i].unit))
			return n * units[i].ms;
	UNREACHABLE();
}

/* Index of a word among 'names', which a NULL ends. */
static int
choice(const char *word, const char *const *names)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], word))
			return i;
	UNREACHABLE();
}

static int
pick(char *const *words, int count, const char *key, int fallback,
	const char *const *names)
{
	const char *value = script_value(words, count, key);
	return value ? choice(value, names) : fallback;
}

static int64_t
duration(char *const *words, int count, const char *key, int64_t fallback)
{
	const char *value = script_value(words, count, key);
	return value ? script_ms(value) : fallback;
}

static uint32_t
number(char *const *words, int count, const char *key, uint32_t fallback)
{
	const char *value = script_value(words, count, key);
	return value ? (uint32_t)strtoul(value, NULL, 10) : fallback;
}

static void
fill_restart(char *const *words, int count, struct policy_restart *r)
{
	static const char *const policies[] = {
		"always", "on-failure", "never", NULL};
	static const char *const functions[] = {
		"constant", "linear", "exponential", "fibonacci", NULL};
	static const char *const modes[] = {
		"fail", "delay", "reschedule", NULL};
	r->policy = (enum restart_policy)pick(
		words, count, "policy", RESTART_ALWAYS, policies);
	r->function = (enum restart_function)pick(
		words, count, "function", DELAY_EXPONENTIAL, functions);
	r->mode = (enum restart_mode)pick(
		words, count, "mode", MODE_DELAY, modes);
	r->delay_ms = duration(words, count, "delay", 200);
	r->max_delay_ms = duration(words, count, "max", 30000);
	r->jitter_percent = number(words, count, "jitter", 0);
	r->reset_after_ms = duration(words, count, "reset", 60000);
	r->attempts = number(words, count, "attempts", 0);
	r->interval_ms = duration(words, count, "interval", 600000);
}

static void
fill_handoff(char *const *words, int count, struct policy_handoff *h)
{
	/* "newer" is a mode that this version does not know. */
	static const char *const modes[] = {
		"resume", "restart", "ignore", "newer", NULL};
	if (!script_has(words, count, "handoff"))
		return;
	h->is_present = true;
	h->mode = (enum handoff_mode)pick(
		words, count, "hmode", HANDOFF_RESUME, modes);
	h->has_command = script_has(words, count, "by-command");
	h->has_state_path = script_has(words, count, "by-path");
	h->starts_first = script_has(words, count, "start-first");
	bool has_other = h->has_command || h->has_state_path;
	h->signal = has_other || h->starts_first ? 0 : 10;
	h->timeout_ms = duration(words, count, "htimeout", 5000);
	h->max_size = 1 << 20;
	h->is_required = script_has(words, count, "required");
}

static void
fill_checkpoint(char *const *words, int count, struct policy_checkpoint *k)
{
	static const char *const takeovers[] = {"newest", "wait", NULL};
	if (!script_has(words, count, "checkpoint"))
		return;
	k->is_present = true;
	k->has_command = script_has(words, count, "by-command") ||
			 script_has(words, count, "by-path");
	k->signal = k->has_command || script_has(words, count, "by-itself")
			    ? 0
			    : 12;
	k->takeover = (enum checkpoint_takeover)pick(
		words, count, "takeover", TAKEOVER_NEWEST, takeovers);
	k->replicas = number(words, count, "holders", 2);
	k->every_ms = duration(words, count, "every", 30000);
	k->timeout_ms = 5000;
	k->max_size = 1 << 20;
}

static void
fill_depends(char *const *words, int count, struct spec_policy *p)
{
	static const char *const conditions[] = {
		"ready", "started", "completed", NULL};
	for (int i = 0; i < count; i++) {
		if (strncmp(words[i], "needs=", 6))
			continue;
		CHECK(p->depend_count < POLICY_DEPENDS_MAX);
		struct policy_depend *d = &p->depends[p->depend_count++];
		const char *name = words[i] + 6;
		size_t length = strcspn(name, ":");
		memcpy(d->service, name, length);
		if (name[length])
			d->condition = (enum depend_condition)choice(
				name + length + 1, conditions);
	}
}

static void
fill_groups(char *const *words, int count, struct spec_policy *p)
{
	size_t used = 0;
	for (int i = 0; i < count; i++) {
		if (strncmp(words[i], "group=", 6))
			continue;
		CHECK(p->group_count < POLICY_GROUPS_MAX);
		strcpy(p->groups + used, words[i] + 6);
		used += strlen(words[i] + 6) + 1;
		p->group_count++;
	}
}

static void
fill_life(char *const *words, int count, struct spec_policy *p)
{
	p->has_readiness = script_has(words, count, "readiness");
	p->reload_signal = script_has(words, count, "reloads") ? 1 : 0;
	p->hooks.has_post_start = script_has(words, count, "post-start");
	p->hooks.has_pre_stop = script_has(words, count, "pre-stop");
	p->hooks.has_stop_command = script_has(words, count, "stop-command");
	p->hooks.has_post_stop = script_has(words, count, "post-stop");
	p->hooks.has_resolve_conflict = script_has(words, count, "joins");
	p->hooks.timeout_ms = duration(words, count, "hook-timeout", 5000);
	p->schedule.has_cron = script_has(words, count, "scheduled");
	fill_depends(words, count, p);
	fill_groups(words, count, p);
}

/* What a change of only labels does not touch. */
static uint64_t
run_digest_of(char *const *words, int count)
{
	uint64_t digest = 1;
	for (int i = 0; i < count; i++)
		if (strncmp(words[i], "labels=", 7) &&
			strncmp(words[i], "group=", 6) &&
			strncmp(words[i], "replicas=", 9))
			digest = hash_mix(digest, hash_text(words[i], 0));
	return digest;
}

void
script_service(char *const *words, int count, struct script_service *out)
{
	struct spec_policy *p = &out->policy;
	memset(out, 0, sizeof *out);
	p->instance_count = number(words, count, "replicas", 1);
	p->naming = script_value(words, count, "replicas") ? NAMING_REPLICAS
							   : NAMING_ONE;
	p->is_enabled = !script_has(words, count, "disabled");
	p->type = script_has(words, count, "oneshot") ? TYPE_ONESHOT
						      : TYPE_SIMPLE;
	fill_restart(words, count, &p->restart);
	p->stop_signal = 15;
	p->stop_timeout_ms = duration(words, count, "stop", 10000);
	p->start_timeout_ms = duration(words, count, "start-timeout", 30000);
	fill_life(words, count, p);
	fill_handoff(words, count, &p->handoff);
	fill_checkpoint(words, count, &p->checkpoint);
	const char *strategy = script_value(words, count, "strategy");
	strcpy(p->placement.strategy, strategy ? strategy : "hrw");
	const char *pin = script_value(words, count, "pin");
	strcpy(p->placement.pin, pin ? pin : "");
	p->placement.max_per_host = number(words, count, "per-host", 0);
	p->placement.is_sticky = script_has(words, count, "sticky");
	p->exit_code_count = 1; /* 0 */
	if (script_value(words, count, "success"))
		p->exit_codes[p->exit_code_count++] =
			(uint8_t)number(words, count, "success", 0);
	strcpy(out->body, "a body");
	out->digest = 2;
	for (int i = 0; i < count; i++)
		out->digest = hash_mix(out->digest, hash_text(words[i], 0));
	out->run_digest = run_digest_of(words, count);
}

struct input
script_spec_set(const char *name, const struct script_service *service)
{
	return (struct input){
		.kind = INPUT_SPEC_SET,
		.spec_set = {.name = name,
			.digest = service->digest,
			.run_digest = service->run_digest,
			.policy = &service->policy,
			.body = {service->body, strlen(service->body)},
			.source.file = ""},
	};
}

void
script_behaviour(char *const *words, int count, struct behaviour *b)
{
	static const char *const answers[] = {
		"none", "resume", "restart", "ignore", "unsupported", NULL};
	static const char *const blames[] = {
		"none", "service", "host", "busy", NULL};
	b->start_ms = duration(words, count, "start", b->start_ms);
	b->run_ms = duration(words, count, "run", b->run_ms);
	b->stop_ms = duration(words, count, "stop", b->stop_ms);
	b->answer_ms = duration(words, count, "after", b->answer_ms);
	b->ready_ms = duration(words, count, "ready", b->ready_ms);
	b->sick_ms = duration(words, count, "sick", b->sick_ms);
	b->hook_ms = duration(words, count, "hook", b->hook_ms);
	b->mail_room = number(words, count, "room", b->mail_room);
	b->read_ms = duration(words, count, "read", b->read_ms);
	b->reply_ms = duration(words, count, "reply", b->reply_ms);
	b->failing = number(words, count, "failing", b->failing);
	b->status =
		(int32_t)(number(words, count, "exit", (uint32_t)b->status >> 8)
			  << 8);
	b->status |= (int32_t)number(words, count, "signal", 0);
	b->answer = (enum handoff_answer)pick(
		words, count, "answer", (int)b->answer, answers);
	b->blame = (enum start_blame)pick(
		words, count, "blame", (int)b->blame, blames);
	b->state_size = number(words, count, "size", 0);
	b->aside_ms = duration(words, count, "writes", b->aside_ms);
	b->is_aside_deaf = script_has(words, count, "writes-none");
	b->is_deaf = script_has(words, count, "deaf");
	b->is_lingering = script_has(words, count, "lingering");
	b->is_writing_late = script_has(words, count, "writes-late");
	b->is_dying = script_has(words, count, "dies");
	b->has_path = script_has(words, count, "by-path");
	b->is_dump_failing = script_has(words, count, "dump-fails");
	b->is_fetch_failing = script_has(words, count, "fetch-fails");
	b->is_unresolving = script_has(words, count, "join-fails");
}
