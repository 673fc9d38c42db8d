/* Who this host is: made once, kept, and different per boot and start. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/identity.h"
#include "tests/lib/scratch.h"

static struct err err;

static struct identity
load(const char *boot_id)
{
	struct identity id;
	ck_assert_msg(identity_load(scratch_path("."), boot_id, &id, &err) == 0,
		"%s", err.text);
	return id;
}

static void
setup(void)
{
	scratch_begin();
}

START_TEST(test_kept)
{
	struct identity first = load("boot-a");
	struct identity again = load("boot-a");
	struct identity booted = load("boot-b");
	ck_assert_uint_ne(first.node_id, 0);
	ck_assert_uint_eq(again.node_id, first.node_id);
	ck_assert_uint_eq(booted.node_id, first.node_id);
	ck_assert_uint_eq(first.boot, 1);
	ck_assert_uint_eq(again.boot, 1);
	ck_assert_uint_eq(booted.boot, 2);
	ck_assert_uint_ne(first.nonce, again.nonce);
	unlink(scratch_path("node-id"));
	ck_assert_uint_ne(load("boot-b").node_id, first.node_id);
}
END_TEST

START_TEST(test_damaged)
{
	struct identity id;
	scratch_write("node-id", "what\n", 5);
	ck_assert_int_eq(
		identity_load(scratch_path("."), "b", &id, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "node-id: is damaged"));
	scratch_write("node-id", "00000000000000aa\n", 17);
	scratch_write("boot", "???", 3);
	id = load("b");
	ck_assert_uint_eq(id.node_id, 0xaa);
	ck_assert_uint_eq(id.boot, 1);
}
END_TEST

START_TEST(test_no_folder)
{
	struct identity id;
	ck_assert_int_lt(
		identity_load(scratch_path("none"), "b", &id, &err), 0);
}
END_TEST

static const struct {
	const char *advertise, *listen, *want;
} given[] = {
	{"", "10.0.0.1:7400", "10.0.0.1:7400"},
	{"", "127.0.0.1:9999", "127.0.0.1:9999"},
	{"public:1234", "10.0.0.1:7400", "public:1234"},
	{"public", "*:7400", "public:7400"},
	{"", "[::1]:7", "[::1]:7"},
};

START_TEST(test_given_address)
{
	char out[ADDRESS_MAX + 1];
	ck_assert_int_eq(identity_address(given[_i].advertise, given[_i].listen,
				 out, &err),
		0);
	ck_assert_str_eq(out, given[_i].want);
}
END_TEST

static const char *const wildcards[] = {"*:7411", "0.0.0.0:7411", "[::]:7411"};

START_TEST(test_found_address)
{
	char out[ADDRESS_MAX + 1];
	ck_assert_int_eq(identity_address("", wildcards[_i], out, &err), 0);
	ck_assert_ptr_nonnull(strstr(out, ":7411"));
	ck_assert(strncmp(out, "*", 1) != 0);
	ck_assert(strncmp(out, "0.0.0.0", 7) != 0);
	ck_assert(strncmp(out, "[::]", 4) != 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("identity");
	TCase *tc = tcase_create("identity");
	tcase_add_checked_fixture(tc, setup, scratch_end);
	tcase_add_test(tc, test_kept);
	tcase_add_test(tc, test_damaged);
	tcase_add_test(tc, test_no_folder);
	tcase_add_loop_test(
		tc, test_given_address, 0, sizeof given / sizeof given[0]);
	tcase_add_loop_test(tc, test_found_address, 0,
		sizeof wildcards / sizeof wildcards[0]);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
