#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/check.h"
#include "spec/advice.h"
#include "spec/keys.h"
#include "spec/spec.h"
#include "spec/value.h"
#include "spec/words.h"
#include "sys/units.h"

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "panic: %s:%d: %s\n", file, line, what);
	abort();
}

/* Parses the keys of one service 'web', given in flow style. */
static struct spec *
parse(const char *keys)
{
	char text[8192];
	struct err err = {""};
	struct spec *spec;
	int n = snprintf(text, sizeof text, "services: {web: {%s}}", keys);
	int rc = spec_from_body(text, (size_t)n, &spec, &err);
	ck_assert_msg(rc == 0, "%s", err.text);
	return spec;
}

static void
take_advice(void *context, const char *text)
{
	char *out = context;
	strcat(out, text);
}

/* Keys, and how what is said of them begins; "": nothing is. */
static const struct {
	const char *keys;
	const char *advice;
} advised[] = {
	{"command: [/x], replicas: 2, handoff: {state_path: /srv/a}",
		"handoff.state_path: two instances on one host would have the "
		"same file"},
	{"command: [/x], replicas: 2, handoff: {state_path: '/srv/%%i'}",
		"handoff.state_path: "},
	{"command: [/x], working_dir: /srv/w, instances: [a, b], "
	 "handoff: {state_path: a}",
		"handoff.state_path: "},
	{"command: [/x], working_dir: '/srv/%i', replicas: 2, "
	 "handoff: {state_path: '/srv/%H'}",
		"handoff.state_path: "},
	{"command: [/x], replicas: 2, handoff: {state_path: '/srv/%%%n'}", ""},
	{"command: [/x], working_dir: '/srv/%i', replicas: 2, "
	 "handoff: {state_path: a}",
		""},
	{"command: [/x], replicas: 2, placement: {max_per_host: 1}, "
	 "handoff: {state_path: /srv/a}",
		""},
	{"command: [/x], replicas: 1, handoff: {state_path: /srv/a}", ""},
	{"command: [/x], handoff: {state_path: /srv/a}", ""},
	{"command: [/x], type: oneshot, schedule: {cron: '@daily', timezone: "
	 "Mars/Base}",
		"schedule.timezone: Mars/Base is not known on this host"},
	{"command: [/x], type: oneshot, schedule: {cron: '@daily'}", ""},
};

START_TEST(advice_is_given)
{
	char text[2048] = "";
	struct spec *s = parse(advised[_i].keys);
	advice_give(s, take_advice, text);
	size_t length = strlen(advised[_i].advice);
	ck_assert_msg(strncmp(text, advised[_i].advice, length) == 0 &&
			      (length > 0) == (text[0] != '\0'),
		"%s", text);
	spec_free(s);
}
END_TEST

START_TEST(defaults_are_those_of_the_table)
{
	struct spec *s = parse("command: /bin/cat");
	ck_assert_str_eq(s->name, "web");
	ck_assert_str_eq(s->user, "");
	ck_assert(s->is_enabled && s->no_new_privileges);
	ck_assert_int_eq(s->umask, 027);
	ck_assert_int_eq(s->restart.policy, RESTART_ALWAYS);
	ck_assert_int_eq(s->restart.delay_ms, 200);
	ck_assert_int_eq(s->restart.function, DELAY_EXPONENTIAL);
	ck_assert_int_eq(s->restart.max_delay_ms, 30000);
	ck_assert_int_eq(s->restart.jitter, 25);
	ck_assert_int_eq(s->restart.reset_after_ms, 60000);
	ck_assert_int_eq(s->restart.attempts, 0);
	ck_assert_int_eq(s->stop_signal, SIGTERM);
	ck_assert_int_eq(s->stop_timeout_ms, 10000);
	ck_assert_int_eq(s->start_timeout_ms, 30000);
	ck_assert_uint_eq(s->success_exit_codes.count, 1);
	ck_assert_int_eq(s->success_exit_codes.items[0], 0);
	ck_assert(!s->handoff.is_present);
	ck_assert_str_eq(s->placement.strategy, "hrw");
	ck_assert_uint_eq(s->logs.max_size, 20u << 20);
	ck_assert_int_eq(s->logs.target, LOG_FILE);
	spec_free(s);
}
END_TEST

START_TEST(table_is_complete)
{
	size_t count;
	const struct spec_key *keys = spec_keys(&count);
	const struct spec_key *k = &keys[_i];
	ck_assert_ptr_eq(spec_key_find(k->path), k);
	ck_assert_msg(k->help && strlen(k->help) > 10, "%s: help", k->path);
	ck_assert_msg(k->help[strlen(k->help) - 1] == '.', "%s: help", k->path);
	bool is_scalar = k->type >= KEY_TEXT && k->type <= KEY_SIZE;
	/* Without a default it is 0, and nobody may write that. */
	bool has_zero =
		(k->type != KEY_INT && k->type != KEY_DURATION) || k->min <= 0;
	if (is_scalar && has_zero)
		ck_assert_msg(k->fallback, "%s: no default", k->path);
	int64_t number;
	if (k->fallback && k->type == KEY_DURATION) {
		ck_assert_int_eq(units_parse_duration(k->fallback, &number), 0);
		ck_assert_msg(number >= k->min, "%s: is refused", k->path);
	}
	if (k->fallback && k->type == KEY_INT)
		ck_assert_msg(atoll(k->fallback) >= k->min, "%s: is refused",
			k->path);
	if (k->type == KEY_WORD)
		ck_assert_msg(k->words, "%s: no words", k->path);
	if (k->type != KEY_BLOCK && k->type != KEY_LATER)
		ck_assert(k->offset != KEY_NO_MEMBER);
	if (k->type == KEY_LATER)
		ck_assert(k->offset == KEY_NO_MEMBER && !k->fallback);
}
END_TEST

/* Each changes one key of the service; what that means for a running one. */
static const struct {
	const char *keys;
	bool restarts;
} changes[] = {
	{"command: /bin/true", true},
	{"command: /bin/cat, user: app", true},
	{"command: /bin/cat, group: app", true},
	{"command: /bin/cat, supplementary_groups: [app]", true},
	{"command: /bin/cat, working_dir: /srv", true},
	{"command: /bin/cat, environment: {A: b}", true},
	{"command: /bin/cat, env_file: /etc/x", true},
	{"command: /bin/cat, umask: '0077'", true},
	{"command: /bin/cat, nice: 5", true},
	{"command: /bin/cat, oom_score_adj: 5", true},
	{"command: /bin/cat, rlimits: {nofile: 10}", true},
	{"command: /bin/cat, no_new_privileges: false", true},
	{"command: /bin/cat, type: oneshot", true},
	{"command: /bin/cat, handoff: {}", true},
	{"command: /bin/cat, logs: {target: 'null'}", true},
	{"command: /bin/cat, logs: {max_size: 1MiB}", false},
	{"command: /bin/cat, description: Cat", false},
	{"command: /bin/cat, labels: {a: b}", false},
	{"command: /bin/cat, meta: {a: b}", false},
	{"command: /bin/cat, x-note: b", false},
	{"command: /bin/cat, replicas: 2", false},
	{"command: /bin/cat, instances: [a]", false},
	{"command: /bin/cat, enabled: false", false},
	{"command: /bin/cat, restart: {delay: 1s}", false},
	{"command: /bin/cat, stop_timeout: 1s", false},
	{"command: /bin/cat, stop_signal: INT", false},
	{"command: /bin/cat, kill_mode: control-group", false},
	{"command: /bin/cat, start_timeout: 1s", false},
	{"command: /bin/cat, success_exit_codes: [1]", false},
	{"command: /bin/cat, placement: {pin: alpha}", false},
};

START_TEST(digests_tell_what_a_change_means)
{
	struct spec *before = parse("command: /bin/cat");
	struct spec *after = parse(changes[_i].keys);
	ck_assert(spec_digest(before) != spec_digest(after));
	bool restarts = spec_run_digest(before) != spec_run_digest(after);
	ck_assert_int_eq(restarts, changes[_i].restarts);
	spec_free(before);
	spec_free(after);
}
END_TEST

/* Pairs that mean the same, and so have one body. */
static const struct {
	const char *one;
	const char *two;
} equals[] = {
	{"command: /bin/cat", "command: [/bin/cat], enabled: true"},
	{"command: /bin/cat -n", "command: [/bin/cat, '-n']"},
	{"command: /bin/cat, stop_timeout: 60s",
		"stop_timeout: 1m, command: /bin/cat"},
	{"command: /bin/cat, environment: {B: 2, A: '1'}",
		"command: /bin/cat, environment: {A: 1, B: '2'}"},
	{"command: /bin/cat, restart: {policy: temporary}",
		"command: /bin/cat, restart: {policy: never}"},
	{"command: /bin/cat, restart: {}", "command: /bin/cat"},
	{"command: /bin/cat, stop_signal: 2",
		"command: /bin/cat, stop_signal: SIGINT"},
	{"command: /bin/cat, rlimits: {nofile: '5:5'}",
		"command: /bin/cat, rlimits: {nofile: 5}"},
};

START_TEST(equal_meaning_gives_equal_bodies)
{
	char one[4096], two[4096];
	struct spec *a = parse(equals[_i].one), *b = parse(equals[_i].two);
	ck_assert_int_gt(spec_to_body(a, one, sizeof one), 0);
	ck_assert_int_gt(spec_to_body(b, two, sizeof two), 0);
	ck_assert_str_eq(one, two);
	spec_free(a);
	spec_free(b);
}
END_TEST

/* Hosts of all versions must agree on these bytes. */
START_TEST(body_is_golden)
{
	char body[4096];
	struct spec *s = parse("restart: {x-why: ~, mode: fail, jitter: 0%}, "
			       "x-z: [1, a, {c: 2, b: '1'}], handoff: {}, "
			       "command: 'cat \"a b\"', umask: 077, "
			       "environment: {B: true, A: \"\\t\"}");
	ck_assert_int_gt(spec_to_body(s, body, sizeof body), 0);
	ck_assert_str_eq(body,
		"{\"services\":{\"web\":{\"command\":[\"cat\",\"a b\"],"
		"\"environment\":{\"A\":\"\\t\",\"B\":\"true\"},"
		"\"handoff\":{},\"restart\":{\"jitter\":\"0%\","
		"\"mode\":\"fail\",\"x-why\":null},\"umask\":\"0077\","
		"\"x-z\":[1,\"a\",{\"b\":\"1\",\"c\":2}]}}}");
	ck_assert(spec_digest(s) == UINT64_C(5849022771407061005));
	spec_free(s);
}
END_TEST

/* Found where it is, and nowhere else. */
static const struct {
	const char *text;
	const char *meta; /* "": none */
} metas[] = {
	{"command: /x", ""},
	{"command: /x, meta: {}", ""},
	{"command: /x, meta: {b: 1, a: '}\"\\'}",
		"{\"a\":\"}\\\"\\\\\",\"b\":\"1\"}"},
	{"command: [/x, meta, '\"meta\":{}'], labels: {meta: x}, "
	 "x-a: {meta: {k: v}}",
		""},
	{"command: /x, logs: {max_files: 3}, meta: {meta: meta}, "
	 "stop_timeout: 3s",
		"{\"meta\":\"meta\"}"},
};

START_TEST(body_tells_the_metadata)
{
	char body[4096];
	struct spec *s = parse(metas[_i].text);
	int size = spec_to_body(s, body, sizeof body);
	ck_assert_int_gt(size, 0);
	struct bytes meta = spec_body_meta(body, (size_t)size);
	ck_assert_uint_eq(meta.size, strlen(metas[_i].meta));
	ck_assert(meta.size == 0 ||
		  memcmp(meta.data, metas[_i].meta, meta.size) == 0);
	/* What is cut off anywhere stays within its bounds. */
	for (int cut = 0; cut < size; cut++) {
		char *part = malloc((size_t)cut + 1);
		memcpy(part, body, (size_t)cut);
		meta = spec_body_meta(part, (size_t)cut);
		ck_assert(!meta.size ||
			  (const char *)meta.data + meta.size <= part + cut);
		free(part);
	}
	spec_free(s);
}
END_TEST

/* Commands written as one text; '|' stands between the words expected. */
static const struct {
	const char *text;
	const char *words;
} commands[] = {
	{"cat", "cat"},
	{"  cat  -n\t-e\n", "cat|-n|-e"},
	{"sh -c 'a \"b\" $c \\'", "sh|-c|a \"b\" $c \\"},
	{"x \"a 'b' \\\" \\\\ \\$ \\` \\n\"", "x|a 'b' \" \\ $ ` \\n"},
	{"x a\\ b \\'c\\\" d", "x|a b|'c\"|d"},
	{"x a'b'\"c\"d", "x|abcd"},
	{"x '' \"\" y", "x|||y"},
	{"x a\\\nb", "x|ab"},
	{"x # * ~ $HOME ; &", "x|#|*|~|$HOME|;|&"},
};

START_TEST(command_text_is_split)
{
	char joined[256] = "";
	struct pool pool = {0};
	struct spec_texts words;
	ck_assert_ptr_null(words_split(&pool, commands[_i].text, &words));
	for (size_t i = 0; i < words.count; i++) {
		strcat(joined, i ? "|" : "");
		strcat(joined, words.items[i]);
	}
	ck_assert_str_eq(joined, commands[_i].words);
	ck_assert_ptr_null(words.items[words.count]);
	pool_fini(&pool);
}
END_TEST

START_TEST(body_that_does_not_fit_is_refused)
{
	char small[16];
	struct spec *s = parse("command: /bin/cat");
	ck_assert_int_eq(spec_to_body(s, small, sizeof small), -E2BIG);
	spec_free(s);
}
END_TEST

START_TEST(specifiers_are_expanded)
{
	struct spec *s = parse("command: [/bin/x, '%i-%p', '%n@%H 100%%'], "
			       "environment: {A: '%n'}, working_dir: /srv/%p, "
			       "env_file: -/etc/%i, description: on %H");
	struct spec_names names = {"web", "1", "web@1", "alpha"};
	struct spec_launch l;
	spec_expand(s, &names, &l);
	ck_assert_uint_eq(l.command.count, 3);
	ck_assert_str_eq(l.command.items[1], "1-web");
	ck_assert_str_eq(l.command.items[2], "web@1@alpha 100%");
	ck_assert_ptr_null(l.command.items[3]);
	ck_assert_str_eq(l.environment.items[0].value, "web@1");
	ck_assert_str_eq(l.working_dir, "/srv/web");
	ck_assert_str_eq(l.env_file, "-/etc/1");
	ck_assert_str_eq(l.description, "on alpha");
	spec_launch_fini(&l);
	spec_free(s);
}
END_TEST

START_TEST(instances_are_named)
{
	char name[INSTANCE_NAME_MAX + 1];
	struct spec *one = parse("command: /bin/cat");
	struct spec *many = parse("command: /bin/cat, replicas: 12");
	struct spec *list = parse("command: /bin/cat, instances: [main, bulk]");
	ck_assert_uint_eq(spec_instance_count(one), 1);
	ck_assert_str_eq(spec_instance_name(one, 0, name), "web");
	ck_assert_uint_eq(spec_instance_count(many), 12);
	ck_assert_str_eq(spec_instance_name(many, 11, name), "web@12");
	ck_assert_uint_eq(spec_instance_count(list), 2);
	ck_assert_str_eq(spec_instance_name(list, 1, name), "web@bulk");
	spec_free(one);
	spec_free(many);
	spec_free(list);
}
END_TEST

static const struct {
	const char *full;
	const char *service; /* NULL: refused */
	const char *instance;
} names[] = {
	{"web", "web", "web"},
	{"web@1", "web", "1"},
	{"web@", "web@", "web@"},
	{"@1", "@1", "@1"},
	{"web@1@2", "web@1@2", "web@1@2"},
	{"-web", "-web", "-web"},
	{"we b@1", "we b@1", "we b@1"},
	{"we\nb", NULL, NULL},
	{"we\xffx", NULL, NULL},
	{"", NULL, NULL},
};

START_TEST(names_are_split)
{
	char service[INSTANCE_NAME_MAX + 1];
	const char *instance;
	int rc = spec_split_name(names[_i].full, service, &instance);
	ck_assert_int_eq(rc, names[_i].service ? 0 : -EINVAL);
	if (rc)
		return;
	ck_assert_str_eq(service, names[_i].service);
	ck_assert_str_eq(instance, names[_i].instance);
}
END_TEST

/* With another way to the state the signal is not sent, unless it is given. */
static const struct {
	const char *handoff;
	int32_t signal;
	bool has_command;
	bool has_state_path;
} ways[] = {
	{"{}", SIGUSR1, false, false},
	{"{signal: SIGUSR2}", SIGUSR2, false, false},
	{"{command: [/d]}", 0, true, false},
	{"{state_path: /d}", 0, false, true},
	{"{state_path: /d, command: [/d]}", 0, true, true},
	{"{state_path: /d, signal: SIGUSR1}", SIGUSR1, false, true},
	{"{state_path: /d, signal: none}", 0, false, true},
	{"{command: [], restore: [/r]}", SIGUSR1, false, false},
};

START_TEST(handoff_has_one_way_to_ask)
{
	char text[200];
	struct spec_policy p;
	snprintf(text, sizeof text, "command: /bin/cat, handoff: %s",
		ways[_i].handoff);
	struct spec *s = parse(text);
	spec_policy_from(s, &p);
	ck_assert_int_eq(p.handoff.signal, ways[_i].signal);
	ck_assert(p.handoff.has_command == ways[_i].has_command);
	ck_assert(p.handoff.has_state_path == ways[_i].has_state_path);
	spec_free(s);
}
END_TEST

START_TEST(policy_holds_what_the_spec_says)
{
	struct spec *s = parse("command: /bin/cat, instances: [a, bc], "
			       "handoff: {mode: ignore, max_size: 5KiB}, "
			       "restart: {attempts: 3, jitter: 5%}, "
			       "groups: [workers, die Schnellen], "
			       "success_exit_codes: [7, 8], kill_mode: "
			       "control-group, placement: {pin: alpha}");
	struct spec_policy p;
	char name[INSTANCE_NAME_MAX + 1];
	spec_policy_from(s, &p);
	ck_assert_int_eq(p.naming, NAMING_LIST);
	ck_assert_str_eq(policy_instance_name(&p, "web", 1, name), "web@bc");
	ck_assert(p.handoff.is_present && p.stops_group && p.is_enabled);
	ck_assert_int_eq(p.handoff.mode, HANDOFF_IGNORE);
	ck_assert_int_eq(p.handoff.signal, SIGUSR1);
	ck_assert_uint_eq(p.handoff.max_size, 5120);
	ck_assert_uint_eq(p.restart.attempts, 3);
	ck_assert_uint_eq(p.restart.jitter_percent, 5);
	ck_assert(policy_is_success(&p, 8) && !policy_is_success(&p, 0));
	ck_assert_str_eq(p.placement.pin, "alpha");
	ck_assert_uint_eq(p.group_count, 2);
	ck_assert_mem_eq(p.groups, "workers\0die Schnellen", 22);
	spec_free(s);
}
END_TEST

START_TEST(limits_have_two_sides)
{
	struct spec *s = parse("command: /bin/cat, rlimits: {nofile: 5:10, "
			       "core: unlimited, as: 1GiB}");
	ck_assert_uint_eq(s->rlimits.count, 3);
	ck_assert_int_eq(s->rlimits.items[0].resource, RLIMIT_AS);
	ck_assert_uint_eq(s->rlimits.items[0].hard, 1u << 30);
	ck_assert(s->rlimits.items[1].soft == SPEC_UNLIMITED);
	ck_assert_uint_eq(s->rlimits.items[2].soft, 5);
	ck_assert_uint_eq(s->rlimits.items[2].hard, 10);
	spec_free(s);
}
END_TEST

START_TEST(files_are_bounded)
{
	struct err err = {""};
	struct spec_set *set;
	size_t size = SPEC_FILE_MAX + 1;
	char *data = calloc(1, size);
	int rc = spec_parse_buffer("big", data, size, &set, &err);
	ck_assert_int_eq(rc, -E2BIG);
	ck_assert_str_eq(err.text, "big: larger than 4 MiB");
	free(data);
	rc = spec_parse_file("/dev/zero", &set, &err);
	ck_assert_int_eq(rc, -EINVAL);
	ck_assert_str_eq(err.text, "/dev/zero: not a regular file");
	rc = spec_parse_file("/nonexistent/x.yaml", &set, NULL);
	ck_assert_int_eq(rc, -ENOENT);
}
END_TEST

/* Much of one thing, which must be refused quickly. */
static const char *const floods[] = {"[", "{", "- ", "a: ", "&a ", "? ", "\"",
	"{a: &a [", "x: {}\n", "!a ", "a", "\n", "# ", "---\n", "%"};

START_TEST(floods_are_refused)
{
	struct err err = {""};
	struct spec_set *set;
	size_t size = 200000, unit = strlen(floods[_i]);
	char *data = malloc(size);
	for (size_t i = 0; i < size; i++)
		data[i] = floods[_i][i % unit];
	int rc = spec_parse_buffer("flood", data, size, &set, &err);
	ck_assert_int_eq(rc, -EINVAL);
	ck_assert_str_ne(err.text, "");
	free(data);
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

int
main(void)
{
	size_t keys;
	spec_keys(&keys);
	Suite *s = suite_create("spec");
	TCase *t = tcase_create("spec");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, defaults_are_those_of_the_table);
	tcase_add_loop_test(
		t, advice_is_given, 0, sizeof advised / sizeof *advised);
	tcase_add_loop_test(t, table_is_complete, 0, (int)keys);
	tcase_add_loop_test(
		t, digests_tell_what_a_change_means, 0, COUNT(changes));
	tcase_add_loop_test(
		t, equal_meaning_gives_equal_bodies, 0, COUNT(equals));
	tcase_add_test(t, body_is_golden);
	tcase_add_loop_test(t, body_tells_the_metadata, 0, COUNT(metas));
	tcase_add_loop_test(t, command_text_is_split, 0, COUNT(commands));
	tcase_add_test(t, body_that_does_not_fit_is_refused);
	tcase_add_test(t, specifiers_are_expanded);
	tcase_add_test(t, instances_are_named);
	tcase_add_loop_test(t, names_are_split, 0, COUNT(names));
	tcase_add_loop_test(
		t, handoff_has_one_way_to_ask, 0, sizeof ways / sizeof *ways);
	tcase_add_test(t, policy_holds_what_the_spec_says);
	tcase_add_test(t, limits_have_two_sides);
	tcase_add_test(t, files_are_bounded);
	tcase_add_loop_test(t, floods_are_refused, 0, COUNT(floods));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
