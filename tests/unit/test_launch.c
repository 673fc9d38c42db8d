/* A start as the keeper gets it: complete, expanded, with our own names. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/hash.h"
#include "node/launch.h"
#include "spec/spec.h"
#include "sys/kproto.h"

static unsigned char buffer[IPC_BODY_MAX];
static struct kproto_start out;
static struct err err;
static struct launcher *launcher;
static struct bytes last_body; /* of 'launch' */

static const struct launch_host host = {
	.node = "alpha",
	.socket = "/run/skep/skepd.sock",
	.mailbox = "/run/skep/mailbox.sock",
	.wall_ms = 100000,
};

/* Writes the start of 'name' from a YAML text and reads it back. */
static int
launch(const char *yaml, struct effect_start start)
{
	static char body[SPEC_BODY_MAX + 1];
	struct spec_set *set = NULL;
	struct writer w;
	ck_assert_msg(spec_parse_buffer(
			      "t.yaml", yaml, strlen(yaml), &set, &err) == 0,
		"%s", err.text);
	int length = spec_to_body(set->items[0], body, sizeof body);
	ck_assert_int_gt(length, 0);
	start.body = last_body = (struct bytes){body, (size_t)length};
	start.service = set->items[0]->name;
	writer_init(&w, buffer, sizeof buffer);
	int code = launch_write(launcher, &host, &start, &w, &err);
	if (!code)
		ck_assert(kproto_get_start(writer_done(&w), &out));
	spec_set_free(set);
	return code;
}

/* The value of KEY, or NULL; more than one is an error. */
static const char *
env_get(const char *key)
{
	struct reader r;
	const char *found = NULL;
	size_t length = strlen(key);
	reader_init(&r, out.env.packed.data, out.env.packed.size);
	for (uint32_t i = 0; i < out.env.count; i++) {
		const char *text = reader_text(&r);
		if (strncmp(text, key, length) != 0 || text[length] != '=')
			continue;
		ck_assert_msg(!found, "%s stands twice", key);
		found = text + length + 1;
	}
	ck_assert(reader_is_done(&r));
	return found;
}

static void
ck_texts(const struct kproto_texts *texts, const char *want)
{
	char got[512] = "";
	struct reader r;
	reader_init(&r, texts->packed.data, texts->packed.size);
	for (uint32_t i = 0; i < texts->count; i++) {
		strcat(got, reader_text(&r));
		strcat(got, "|");
	}
	ck_assert(reader_is_done(&r));
	ck_assert_str_eq(got, want);
}

START_TEST(test_plain)
{
	struct effect_start start = {
		.name = "web", .epoch = 12345, .run_digest = 9};
	ck_assert_int_eq(launch("services:\n  web:\n"
				"    command: [/bin/web, \"%i\", \"%H\"]\n",
				 start),
		0);
	ck_assert_str_eq(out.name, "web");
	ck_assert_str_eq(out.service, "web");
	ck_assert_uint_eq(out.iid, hash_text("web", 0));
	ck_assert_uint_eq(out.epoch, 12345);
	ck_assert_uint_eq(out.run_digest, 9);
	ck_texts(&out.argv, "/bin/web|web|alpha|");
	ck_assert_str_eq(env_get("PATH"), LAUNCH_PATH);
	ck_assert_str_eq(env_get("LANG"), LAUNCH_LANG);
	ck_assert_str_eq(env_get("SKEP_SERVICE"), "web");
	ck_assert_str_eq(env_get("SKEP_INSTANCE"), "web");
	ck_assert_str_eq(env_get("SKEP_NAME"), "web");
	ck_assert_str_eq(env_get("SKEP_NODE"), "alpha");
	ck_assert_str_eq(env_get("SKEP_EPOCH"), "12345");
	ck_assert_str_eq(env_get("SKEP_SOCKET"), "/run/skep/skepd.sock");
	ck_assert_str_eq(env_get("SKEP_MAILBOX"), "/run/skep/mailbox.sock");
	ck_assert_ptr_null(env_get("SKEP_HANDOFF_FROM"));
	ck_assert(!out.has_state);
	ck_assert(!out.has_handoff);
	ck_assert_str_eq(out.log.name, "web");
	ck_assert_uint_eq(out.log.iid, out.iid);
	ck_assert_uint_eq(out.log.target, KLOG_FILE);
	ck_assert_uint_eq(out.log.when_full, KFULL_BLOCK);
}
END_TEST

static const char everything[] =
	"services:\n"
	"  mail:\n"
	"    command: run %n\n"
	"    replicas: 3\n"
	"    user: nobody\n"
	"    group: nogroup\n"
	"    supplementary_groups: [audio, video]\n"
	"    working_dir: /srv/%p\n"
	"    environment: {PATH: /opt/bin, Q: \"q%i\"}\n"
	"    env_file: -/etc/default/%p\n"
	"    umask: \"0027\"\n"
	"    nice: 5\n"
	"    oom_score_adj: 100\n"
	"    rlimits: {nofile: 1024}\n"
	"    start_timeout: 7s\n"
	"    handoff: {mode: resume}\n"
	"    logs: {target: inherit, max_size: 1MiB, max_files: 2,"
	" when_full: drop}\n";

START_TEST(test_everything)
{
	struct effect_start start = {
		.name = "mail@2",
		.epoch = 1,
		.has_state = true,
		.state_kind = "handoff",
		.state_wall_ms = 97000,
		.handoff_from = "beta",
	};
	ck_assert_msg(launch(everything, start) == 0, "%s", err.text);
	ck_texts(&out.argv, "run|mail@2|");
	ck_texts(&out.groups, "audio|video|");
	ck_assert_str_eq(out.user, "nobody");
	ck_assert_str_eq(out.group, "nogroup");
	ck_assert_str_eq(out.working_dir, "/srv/mail");
	ck_assert_str_eq(out.env_file, "-/etc/default/mail");
	ck_assert_uint_eq(out.umask, 0027);
	ck_assert_int_eq(out.nice, 5);
	ck_assert_int_eq(out.oom_score_adj, 100);
	ck_assert_uint_eq(out.rlimit_count, 1);
	ck_assert_uint_eq(out.rlimits[0].resource, RLIMIT_NOFILE);
	ck_assert_uint_eq(out.rlimits[0].soft, 1024);
	ck_assert_int_eq(out.start_timeout_ms, 7000);
	ck_assert(out.has_handoff);
	ck_assert(out.has_state);
	ck_assert_str_eq(out.state_kind, "handoff");
	ck_assert_int_eq(out.state_age_ms, 3000);
	ck_assert_uint_eq(out.log.target, KLOG_INHERIT);
	ck_assert_uint_eq(out.log.when_full, KFULL_DROP);
	ck_assert_uint_eq(out.log.max_size, 1 << 20);
	ck_assert_uint_eq(out.log.max_files, 2);
	ck_assert_str_eq(env_get("PATH"), "/opt/bin");
	ck_assert_str_eq(env_get("Q"), "q2");
	ck_assert_str_eq(env_get("SKEP_INSTANCE"), "2");
	ck_assert_str_eq(env_get("SKEP_NODE"), "alpha");
	ck_assert_str_eq(env_get("SKEP_HANDOFF_FROM"), "beta");
}
END_TEST

/* Which variables and words a service gets that knows nothing of skep. */
START_TEST(test_state_path)
{
	struct effect_start start = {
		.name = "db@2",
		.has_state = true,
		.state_kind = "handoff",
		.sets_aside = true,
		.before = 3,
		.stay = 99,
		.root = {0xab, 1},
	};
	ck_assert_int_eq(launch("services: {db: {command: [x], replicas: 2, "
				"working_dir: \"/srv/%p\", handoff: "
				"{state_path: data/%i, timeout: 4s, "
				"restore: [load, \"%n\"]}}}\n",
				 start),
		0);
	ck_assert_str_eq(out.state_path, "/srv/db/data/2");
	ck_assert(!out.has_handoff && out.has_state && out.sets_aside);
	ck_assert(out.before == 3 && out.stay == 99);
	ck_assert_int_eq(out.handoff_timeout_ms, 4000);
	ck_assert_uint_eq(out.state_root.size, DIGEST_SIZE);
	ck_assert_mem_eq(out.state_root.data, start.root, DIGEST_SIZE);
	ck_texts(&out.commands[KCMD_RESTORE], "load|db@2|");
	ck_assert_uint_eq(out.commands[KCMD_HANDOFF].count, 0);
	ck_assert(!out.has_theirs);
	start.has_theirs = true;
	start.theirs[1] = 7;
	ck_assert_int_eq(launch("services: {db: {command: [x], replicas: 2, "
				"handoff: {state_path: /d}, hooks: "
				"{resolve_conflict: [join, \"%n\"]}}}\n",
				 start),
		0);
	ck_assert(out.has_theirs);
	ck_assert_uint_eq(out.state_root.size, 2 * DIGEST_SIZE);
	const uint8_t *roots = out.state_root.data;
	ck_assert_mem_eq(roots, start.root, DIGEST_SIZE);
	ck_assert_mem_eq(roots + DIGEST_SIZE, start.theirs, DIGEST_SIZE);
	ck_texts(&out.commands[KCMD_RESOLVE], "join|db@2|");
	start = (struct effect_start){.name = "db", .state_kind = ""};
	ck_assert_int_eq(launch("services: {db: {command: [x], handoff: "
				"{state_path: /d, signal: SIGUSR2, }}}\n",
				 start),
		0);
	ck_assert_str_eq(out.state_path, "/d");
	ck_assert(out.has_handoff && !out.has_state && !out.sets_aside);
	ck_assert_uint_eq(out.state_root.size, 0);
}
END_TEST

START_TEST(test_clock_went_back)
{
	struct effect_start start = {
		.name = "web",
		.has_state = true,
		.state_kind = "dump",
		.state_wall_ms = host.wall_ms + 5000,
	};
	ck_assert_int_eq(launch("services: {web: {command: [x]}}\n", start), 0);
	ck_assert_int_eq(out.state_age_ms, 0);
}
END_TEST

START_TEST(test_body_from_the_future)
{
	struct effect_start start = {
		.name = "web",
		.service = "web",
		.body = {"{\"web\":{\"new_key\":1}}", 21},
	};
	struct writer w;
	writer_init(&w, buffer, sizeof buffer);
	ck_assert_int_lt(launch_write(launcher, &host, &start, &w, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.text, "not understood"));
	start.name = "web@";
	ck_assert_int_eq(
		launch_write(launcher, &host, &start, &w, &err), -EINVAL);
}
END_TEST

START_TEST(test_too_large)
{
	struct effect_start start = {.name = "web"};
	struct writer w;
	char small[64];
	ck_assert_int_eq(launch("services: {web: {command: [x]}}\n", start), 0);
	writer_init(&w, small, sizeof small);
	start.body = (struct bytes){"{\"command\":[\"x\"]}", 17};
	ck_assert_int_lt(launch_write(launcher, &host, &start, &w, &err), 0);
}
END_TEST

/* The same start, whether its spec is decoded or still known. */
START_TEST(test_known_specs)
{
	struct effect_start start = {.name = "web"};
	char yaml[100], want[32];
	ck_assert(!launcher_knows(launcher, (struct bytes){"{}", 2}));
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 20; i++) {
			snprintf(yaml, sizeof yaml,
				"services: {web: {command: [run, \"%d\"]}}\n",
				i / 2);
			snprintf(want, sizeof want, "run|%d|", i / 2);
			ck_assert_int_eq(launch(yaml, start), 0);
			ck_texts(&out.argv, want);
		}
	}
}
END_TEST

START_TEST(test_known_when_written)
{
	struct effect_start start = {.name = "web", .service = "web"};
	struct writer w;
	ck_assert_int_eq(launch("services: {web: {command: [x]}}\n", start), 0);
	ck_assert(launcher_knows(launcher, last_body));
	start.body = (struct bytes){last_body.data, last_body.size - 1};
	ck_assert(!launcher_knows(launcher, start.body));
	writer_init(&w, buffer, sizeof buffer);
	ck_assert_int_lt(launch_write(launcher, &host, &start, &w, &err), 0);
	ck_assert(!launcher_knows(launcher, start.body));
}
END_TEST

static void
setup(void)
{
	launcher = launcher_new();
}

static void
teardown(void)
{
	launcher_free(launcher);
}

int
main(void)
{
	Suite *suite = suite_create("launch");
	TCase *tc = tcase_create("launch");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_plain);
	tcase_add_test(tc, test_everything);
	tcase_add_test(tc, test_state_path);
	tcase_add_test(tc, test_clock_went_back);
	tcase_add_test(tc, test_body_from_the_future);
	tcase_add_test(tc, test_too_large);
	tcase_add_test(tc, test_known_specs);
	tcase_add_test(tc, test_known_when_written);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
