/* People who write desired state: applies, edits, deletions, churn. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "tests/dialogue/script.h"
#include "tests/sim/storm.h"

#define CHURN_NAMES 24 /* they come back: a name that was deleted lives on */
#define GIVEN_NAMES 8
#define KEYS	    40

static void
set_service(struct storm *s, uint32_t host, const char *name, char *line)
{
	char *words[WORDS_MAX];
	struct script_service service;
	script_service(words, script_words(line, words), &service);
	struct input in = script_spec_set(name, &service);
	world_input(s->w, host, &in);
}

static void
del_service(struct storm *s, uint32_t host, const char *name)
{
	struct input in = {.kind = INPUT_SPEC_DEL};
	in.spec_del.name = name;
	world_input(s->w, host, &in);
}

/* Adds the words for how it is started again. */
static int
restart_words(struct prng *p, char *out, size_t size)
{
	static const char *const policies[] = {"always", "on-failure", "never"};
	static const char *const modes[] = {"delay", "fail", "reschedule"};
	uint32_t interval_s = 5 + any(p, 60), jitter = any(p, 2) * 20;
	uint32_t max_s = 1 + any(p, 20), delay_ms = 1 + any(p, 1000);
	uint32_t attempts = any(p, 3) ? 0 : 1 + any(p, 9);
	const char *mode = modes[any(p, 4) ? 0 : any(p, 3)];
	const char *policy = policies[any(p, 4) ? 0 : any(p, 3)];
	return snprintf(out, size,
		" policy=%s mode=%s attempts=%u delay=%ums max=%us jitter=%u"
		" interval=%us",
		policy, mode, attempts, delay_ms, max_s, jitter, interval_s);
}

/* The words of a service that knows nothing of handoffs, or "": it is one for
 * the whole of the storm. */
static const char *
program_words(struct storm *s, uint32_t number, const char *name)
{
	uint64_t chance = hash_mix(s->config.seed, number);
	if (chance % 100 >= s->config.programs_percent)
		return "";
	bool is_path = chance / 100 % 3 != 0;
	if (is_path)
		world_behave(s->w, name, "")->has_path = true;
	return is_path ? " by-path" : " by-command";
}

/* The words of a service with checkpoints, or "": the same for the whole of the
 * storm. */
static const char *
checkpoint_words(
	struct storm *s, uint32_t number, const char *name, char out[static 80])
{
	uint64_t chance = hash_mix(s->config.seed + 1, number);
	out[0] = '\0';
	if (chance % 100 >= s->config.checkpoints_percent)
		return out;
	chance /= 100;
	bool is_its_own = chance % 4 == 0;
	if (is_its_own)
		world_behave(s->w, name, "")->aside_ms = 3000;
	snprintf(out, 80, " checkpoint every=%us holders=%u takeover=%s%s",
		(unsigned)(2 + chance / 4 % 10),
		(unsigned)(1 + chance / 64 % 3),
		chance / 256 % 3 ? "newest" : "wait",
		is_its_own ? " by-itself" : "");
	return out;
}

/* The word of a service that joins two states, or "": the same. */
static const char *
join_words(struct storm *s, uint32_t number, const char *name)
{
	uint64_t chance = hash_mix(s->config.seed + 2, number);
	if (chance % 100 >= s->config.joins_percent)
		return "";
	world_behave(s->w, name, "")->is_unresolving = chance / 100 % 4 == 0;
	return " joins";
}

/* Adds the words for how it moves. */
static int
handoff_words(struct storm *s, struct prng *p, uint32_t number,
	const char *name, char *out, size_t size)
{
	const char *mode = any(p, 4) ? "" : " hmode=restart";
	const char *program = program_words(s, number, name);
	const char *required = any(p, 4) ? "" : " required";
	uint64_t chance = hash_mix(s->config.seed, number + 1000);
	if (chance % 100 < s->config.first_percent) {
		world_behave(s->w, name, "")->ready_ms = 1 + chance % 3000;
		return snprintf(out, size,
			" handoff start-first hmode=restart readiness"
			" start-timeout=%us",
			(uint32_t)(chance / 100 % 20) + 4);
	}
	return snprintf(out, size, " handoff%s%s%s%s", required, mode, program,
		join_words(s, number, name));
}

void
work_apply(struct storm *s, struct prng *p, uint32_t host, uint32_t number)
{
	char line[360], name[16], kept[80];
	snprintf(name, sizeof name, "s%u", number);
	int n = snprintf(line, sizeof line, "arg=%u", s->edits++);
	size_t size = sizeof line;
	if (any(p, 4))
		n += snprintf(line + n, size - (size_t)n, " replicas=%u",
			1 + any(p, 4));
	if (any(p, 2))
		n += handoff_words(
			s, p, number, name, line + n, size - (size_t)n);
	n += snprintf(line + n, size - (size_t)n, "%s",
		checkpoint_words(s, number, name, kept));
	if (any(p, 8) == 0)
		n += snprintf(line + n, size - (size_t)n, " pin=%s",
			s->w->hosts[any(p, s->w->count)].name);
	if (any(p, 8) == 0)
		n += snprintf(line + n, size - (size_t)n, " per-host=1");
	if (any(p, 8) == 0)
		n += snprintf(line + n, size - (size_t)n, " oneshot");
	if (any(p, 16) == 0)
		n += snprintf(line + n, size - (size_t)n, " disabled");
	if (s->config.rebalance_s && hash_mix(s->config.seed, number) % 6 == 0)
		n += snprintf(line + n, size - (size_t)n, " sticky");
	restart_words(p, line + n, size - (size_t)n);
	set_service(s, host, name, line);
}

static void
make_apply(struct storm *s, struct prng *p)
{
	uint32_t host = storm_any_running(s, p);
	if (host != MAKER_NO_HOST)
		work_apply(s, p, host, any(p, s->config.services));
}

static void
make_delete(struct storm *s, struct prng *p)
{
	char name[16];
	uint32_t host = storm_any_running(s, p);
	snprintf(name, sizeof name, "s%u", any(p, s->config.services));
	if (host != MAKER_NO_HOST)
		del_service(s, host, name);
}

/* Several people at once, at several hosts, on one service. */
static void
make_quarrel(struct storm *s, struct prng *p)
{
	uint32_t number = any(p, s->config.services);
	char name[16];
	snprintf(name, sizeof name, "s%u", number);
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t host = storm_any_running(s, p);
		if (host == MAKER_NO_HOST)
			continue;
		if (any(p, 3))
			work_apply(s, p, host, number);
		else
			del_service(s, host, name);
	}
}

/* A name goes and another comes. */
static void
make_churn(struct storm *s, struct prng *p)
{
	char name[16], line[64];
	uint32_t host = storm_any_running(s, p);
	if (host == MAKER_NO_HOST)
		return;
	snprintf(name, sizeof name, "c%u", any(p, CHURN_NAMES));
	del_service(s, host, name);
	snprintf(name, sizeof name, "c%u", s->churns++ % CHURN_NAMES);
	snprintf(line, sizeof line, "arg=%u", s->edits++);
	set_service(s, host, name, line);
}

/* A setting that placement or detection depends on. */
static void
make_setting(struct storm *s, struct prng *p)
{
	static const struct {
		const char *key;
		const char *values[3];
	} settings[] = {
		{"on_minority", {"takeover", "keep", "stop"}},
		{"minority_hold", {"2s", "10s", "30s"}},
		{"failure_timeout", {"2s", "3s", "1s"}},
		{"restart_grace", {"5s", "1s", "15s"}},
	};
	uint32_t which = any(p, sizeof settings / sizeof *settings);
	uint32_t value = any(p, 3), host = storm_any_running(s, p);
	if (host != MAKER_NO_HOST)
		world_request_with(s->w, host, REQUEST_CLUSTER_SET,
			settings[which].key, settings[which].values[value], 0);
}

/* A service at run time: several hosts want the name at once, or one takes what
 * there is of it away. */
static void
make_give(struct storm *s, struct prng *p)
{
	struct script_service service;
	char *words[WORDS_MAX];
	char name[16], line[64];
	uint32_t wanted = any(p, 3) ? 1 + any(p, 3) : 0;
	snprintf(name, sizeof name, "g/%u", any(p, GIVEN_NAMES));
	uint32_t host = storm_any_running(s, p);
	if (!wanted && host != MAKER_NO_HOST)
		world_request_with(s->w, host, REQUEST_UNREGISTER, name, "", 0);
	while (wanted--) {
		host = storm_any_running(s, p);
		if (host == MAKER_NO_HOST)
			continue;
		snprintf(line, sizeof line, "arg=%u", s->edits++);
		script_service(words, script_words(line, words), &service);
		struct input in = script_spec_set(name, &service);
		in.spec_set.is_runtime = true;
		world_input(s->w, host, &in);
	}
}

/* Keys that come, change and go, on all hosts. */
static void
make_keys(struct storm *s, struct prng *p)
{
	char key[24], value[16];
	uint32_t host = storm_any_running(s, p);
	snprintf(key, sizeof key, "key of %u", any(p, KEYS));
	snprintf(value, sizeof value, "%u", s->edits++);
	if (host == MAKER_NO_HOST)
		return;
	bool goes = any(p, 4) == 0;
	world_request_with(s->w, host,
		goes ? REQUEST_KV_DELETE : REQUEST_KV_SET, key,
		goes ? "" : value, 0);
}

const struct maker work_spec_makers[] = {
	{"apply", true, 500, 60000, make_apply, false},
	{"delete", true, 2000, 120000, make_delete, false},
	{"quarrel", true, 5000, 120000, make_quarrel, false},
	{"churn", true, 1000, 20000, make_churn, false},
	{"setting", true, 10000, 300000, make_setting, false},
	{"give", true, 500, 20000, make_give, true},
	{"keys", true, 100, 10000, make_keys, true},
	{0},
};
