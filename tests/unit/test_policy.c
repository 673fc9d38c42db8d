/* What [policy] allows, row by row, and the environment of a service. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keeper/env.h"
#include "keeper/policy.h"

/* A host, a start, and what must be said. */
struct row {
	uid_t own_uid;
	bool allow_root, allow_raise;
	bool has_lists; /* users 1000, groups 50 */
	uid_t uid;
	gid_t gid, extra; /* 'extra' 0: none; the user's own: 1000, 1001 */
	const char *user;
	int nice, oom;
	uint64_t hard;	 /* of RLIMIT_NOFILE; 0: not set; ours is 1024 */
	const char *key; /* NULL: allowed */
};

static const struct row rows[] = {
	/* root, by any name, needs allow_root and nothing else */
	{.uid = 0, .user = "", .key = "allow_root"},
	{.uid = 0, .user = "", .key = "`user:`"},
	{.uid = 0, .user = "root", .key = "allow_root"},
	{.uid = 0, .user = "toor", .has_lists = true, .key = "allow_root"},
	{.uid = 0, .user = "root", .allow_root = true},
	{.uid = 0, .gid = 77, .extra = 78, .user = "root", .allow_root = true},
	/* others must be listed */
	{.uid = 1000, .gid = 1000, .user = "al", .key = "allowed_users"},
	{.uid = 1000,
		.gid = 1000,
		.user = "al",
		.allow_root = true,
		.key = "allowed_users"},
	{.uid = 1000, .gid = 1000, .user = "al", .has_lists = true},
	{.uid = 1001,
		.gid = 1001,
		.user = "bo",
		.has_lists = true,
		.key = "allowed_users"},
	/* groups: the user's own, or listed */
	{.uid = 1000, .gid = 1001, .user = "al", .has_lists = true},
	{.uid = 1000, .gid = 50, .user = "al", .has_lists = true},
	{.uid = 1000,
		.gid = 51,
		.user = "al",
		.has_lists = true,
		.key = "allowed_groups"},
	{.uid = 1000,
		.gid = 0,
		.user = "al",
		.has_lists = true,
		.key = "allowed_groups"},
	{.uid = 1000,
		.gid = 1000,
		.extra = 50,
		.user = "al",
		.has_lists = true},
	{.uid = 1000,
		.gid = 1000,
		.extra = 4,
		.user = "al",
		.has_lists = true,
		.key = "allowed_groups"},
	/* without root: ourselves only, with the groups we have */
	{.own_uid = 1000, .uid = 1000, .gid = 1000, .user = ""},
	{.own_uid = 1000, .uid = 1000, .gid = 1000, .extra = 4, .user = "al"},
	{.own_uid = 1000, .uid = 0, .gid = 0, .user = "root", .key = "root"},
	{.own_uid = 1000,
		.uid = 1001,
		.gid = 1001,
		.user = "bo",
		.allow_root = true,
		.key = "bo"},
	/* raises */
	{.own_uid = 1000,
		.uid = 1000,
		.gid = 1000,
		.user = "",
		.nice = 5,
		.oom = 500,
		.hard = 1024},
	{.own_uid = 1000,
		.uid = 1000,
		.gid = 1000,
		.user = "",
		.nice = -1,
		.key = "allow_raise"},
	{.own_uid = 1000,
		.uid = 1000,
		.gid = 1000,
		.user = "",
		.oom = -1,
		.key = "allow_raise"},
	{.own_uid = 1000,
		.uid = 1000,
		.gid = 1000,
		.user = "",
		.hard = 1025,
		.key = "allow_raise"},
	{.own_uid = 1000,
		.uid = 1000,
		.gid = 1000,
		.user = "",
		.hard = KLIMIT_INFINITY,
		.key = "allow_raise"},
	{.own_uid = 1000,
		.uid = 1000,
		.gid = 1000,
		.user = "",
		.nice = -20,
		.oom = -1000,
		.hard = KLIMIT_INFINITY,
		.allow_raise = true},
	{.uid = 0,
		.user = "root",
		.allow_root = true,
		.nice = -1,
		.key = "allow_raise"},
};

START_TEST(test_start)
{
	static const uid_t users[] = {1000};
	static const gid_t groups[] = {50};
	const struct row *r = &rows[_i];
	struct policy p = {
		.own_uid = r->own_uid,
		.own_gid = r->own_uid,
		.allow_root = r->allow_root,
		.allow_raise = r->allow_raise,
		.users = users,
		.user_count = r->has_lists,
		.groups = groups,
		.group_count = r->has_lists,
	};
	static struct ids ids;
	static struct ids_own own = {{1000, 1001}, 2};
	struct kproto_start s = {
		.user = r->user,
		.nice = r->nice,
		.oom_score_adj = r->oom,
		.rlimits = {{RLIMIT_NOFILE, 10, r->hard}},
		.rlimit_count = r->hard != 0,
	};
	struct err why = {""};
	p.hard[RLIMIT_NOFILE] = 1024;
	ids.uid = r->uid;
	ids.gid = r->gid;
	ids.groups[0] = r->extra;
	ids.group_count = r->extra != 0;
	bool is_allowed = policy_check_start(&p, &s, &ids, &own, &why);
	ck_assert_msg(is_allowed == !r->key, "row %d: %s", _i, why.text);
	if (r->key)
		ck_assert_msg(
			strstr(why.text, r->key), "row %d: %s", _i, why.text);
}
END_TEST

static const struct {
	const char *allowed; /* NULL: no list */
	const char *path;
	bool is_allowed;
} programs[] = {
	{NULL, "/usr/bin/true", true},
	{"/usr/bin/true", "/usr/bin/true", true},
	{"/usr/bin/true", "/usr/bin/true2", false},
	{"/usr/bin", "/usr/bin/true", true},
	{"/usr/bin/", "/usr/bin/true", true},
	{"/usr/bin", "/usr/bin2/true", false},
	{"/usr/bin", "/usr", false},
	{"/", "/usr/bin/true", true},
	{"", "/usr/bin/true", false},
};

START_TEST(test_program)
{
	struct err why = {""};
	struct policy p = {
		.paths = &programs[_i].allowed,
		.path_count = programs[_i].allowed != NULL,
	};
	ck_assert_int_eq(policy_check_program(&p, programs[_i].path, &why),
		programs[_i].is_allowed);
	if (!programs[_i].is_allowed)
		ck_assert_msg(
			strstr(why.text, "allowed_paths"), "%s", why.text);
}
END_TEST

START_TEST(test_env_file)
{
	struct env e;
	struct err err = {""};
	char good[] = "# no\n; no\n\n  A = 1 \nB=\"x y\"\nC='q'\nD=\"\nA=2\nE=";
	char no_equals[] = "A=1\nB\n";
	char spaced[] = "A B=1\n";
	char keyless[] = "\n=1\n";
	ck_assert_int_eq(env_init(&e), 0);
	ck_assert_int_eq(env_set(&e, "E", "gone"), 0);
	ck_assert_int_eq(env_set_file(&e, good, &err), 0);
	ck_assert_str_eq(env_get(&e, "A"), "2");
	ck_assert_str_eq(env_get(&e, "B"), "x y");
	ck_assert_str_eq(env_get(&e, "C"), "q");
	ck_assert_str_eq(env_get(&e, "D"), "\"");
	ck_assert_str_eq(env_get(&e, "E"), "");
	ck_assert_ptr_null(env_get(&e, "no"));
	ck_assert_uint_eq(e.count, 5);
	ck_assert_ptr_null(e.vars[5]);
	ck_assert_int_eq(env_set_file(&e, no_equals, &err), -EINVAL);
	ck_assert_str_eq(err.text, "line 2: is not KEY=value");
	ck_assert_int_eq(env_set_file(&e, spaced, &err), -EINVAL);
	ck_assert_int_eq(env_set_file(&e, keyless, &err), -EINVAL);
	ck_assert_int_eq(env_set_pair(&e, "no equals"), -EINVAL);
	env_fini(&e);
}
END_TEST

START_TEST(test_environment)
{
	static const char *const paths[] = {"/opt"};
	char plain[] = "LDX=1", path[] = "PATH=LD_", loader[] = "LD_PRELOAD=/x";
	char *good[] = {plain, path, NULL};
	char *bad[] = {plain, loader, NULL};
	struct policy p = {.paths = paths, .path_count = 1};
	struct err err = {""};
	ck_assert(policy_check_environment(&p, good, &err));
	ck_assert(!policy_check_environment(&p, bad, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "variable LD_PRELOAD would"));
	p.path_count = 0;
	ck_assert(policy_check_environment(&p, bad, &err));
}
END_TEST

START_TEST(test_env_grows)
{
	struct env e;
	char key[16];
	ck_assert_int_eq(env_init(&e), 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "K%d", i);
		ck_assert_int_eq(env_set(&e, key, key), 0);
	}
	ck_assert_uint_eq(e.count, 1000);
	ck_assert_str_eq(env_get(&e, "K777"), "K777");
	ck_assert_ptr_null(e.vars[1000]);
	env_fini(&e);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("policy");
	TCase *t = tcase_create("all");
	tcase_add_loop_test(
		t, test_start, 0, (int)(sizeof rows / sizeof *rows));
	tcase_add_loop_test(
		t, test_program, 0, (int)(sizeof programs / sizeof *programs));
	tcase_add_test(t, test_env_file);
	tcase_add_test(t, test_environment);
	tcase_add_test(t, test_env_grows);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
