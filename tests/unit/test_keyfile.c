#include "sys/keyfile.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX32 "00112233445566778899aabbccddeeff"
#define HEX64 HEX32 HEX32

static char dir[] = "/tmp/skep-test-keyfile-XXXXXX";
static char path[64];
static struct keyring ring;
static struct err err;

static void
setup(void)
{
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/cluster.key", dir);
}

static void
teardown(void)
{
	unlink(path);
	rmdir(dir);
}

static void
write_file(const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

START_TEST(test_rotation_keeps_the_order)
{
	write_file("# new\nskep1:b.2:" HEX64 "\r\n\nskep1:a_1:" HEX64, 0400);
	ck_assert_msg(keyfile_read(path, &ring, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(ring.count, 2);
	ck_assert_str_eq(ring.keys[0].identity, "b.2");
	ck_assert_str_eq(ring.keys[1].identity, "a_1");
	ck_assert_uint_eq(ring.keys[0].secret[1], 0x11);
	ck_assert_uint_eq(ring.keys[0].secret[31], 0xff);
	ck_assert_ptr_eq(keyring_find(&ring, "a_1", 3), &ring.keys[1]);
	ck_assert_ptr_null(keyring_find(&ring, "a_", 2));
	ck_assert_ptr_null(keyring_find(&ring, "a_1x", 4));
	ck_assert_ptr_null(keyring_find(&ring, "", 0));
}
END_TEST

static const struct {
	const char *text;
	const char *says; /* part of the message */
} bad[] = {
	{"", "no key in it"},
	{"# only a comment\n", "no key in it"},
	{"skep2:a:" HEX64, "k:1: this line does not begin"},
	{"skep1:a:" HEX64 "\nskep1", "k:2: this line does not begin"},
	{"skep1:a", "no identity"},
	{"skep1::" HEX64, "no identity"},
	{"skep1:a b:" HEX64, "no identity"},
	{"skep1:" HEX64 "x:" HEX64, "no identity"},
	{"skep1:a:" HEX32, "64 hex digits"},
	{"skep1:a:" HEX64 "00", "64 hex digits"},
	{"skep1:a:" HEX32 HEX32 "x", "64 hex digits"},
	{"skep1:a:" HEX32 "0g112233445566778899aabbccddeeff", "64 hex digits"},
	{"skep1:a:" HEX64 "\nskep1:a:" HEX64, "repeats an identity"},
	{"skep1:1:" HEX64 "\nskep1:2:" HEX64 "\nskep1:3:" HEX64
	 "\nskep1:4:" HEX64 "\nskep1:5:" HEX64 "\nskep1:6:" HEX64
	 "\nskep1:7:" HEX64 "\nskep1:8:" HEX64 "\nskep1:9:" HEX64,
		"one key too many"},
};

START_TEST(test_bad_text)
{
	struct bytes text = {bad[_i].text, strlen(bad[_i].text)};
	ck_assert_int_eq(keyfile_parse(text, "k", &ring, &err), -EINVAL);
	ck_assert_msg(strstr(err.text, bad[_i].says), "%s", err.text);
	ck_assert_msg(!strstr(err.text, "001122"), "a secret is shown");
	ck_assert_uint_eq(ring.count, 0);
}
END_TEST

static const mode_t bad_modes[] = {0440, 0404, 0644, 0660, 0601, 0610};

START_TEST(test_others_may_touch_it)
{
	write_file("skep1:a:" HEX64 "\n", bad_modes[_i]);
	ck_assert_int_eq(keyfile_read(path, &ring, &err), -EPERM);
	ck_assert_ptr_nonnull(strstr(err.text, path));
	ck_assert_ptr_nonnull(strstr(err.text, "chmod 0400"));
}
END_TEST

START_TEST(test_not_a_file)
{
	ck_assert_int_eq(keyfile_read(path, &ring, &err), -ENOENT);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(keyfile_read(path, &ring, &err), -EINVAL);
	ck_assert_int_eq(keyfile_read(dir, &ring, &err), -EINVAL);
}
END_TEST

START_TEST(test_create_and_read)
{
	struct key key;
	struct stat st;
	ck_assert_int_eq(keyfile_generate(&key, _i ? "prod" : NULL, &err), 0);
	ck_assert_int_eq(keyfile_create(path, &key, &err), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0400);
	ck_assert_msg(keyfile_read(path, &ring, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(ring.count, 1);
	ck_assert_mem_eq(&ring.keys[0], &key, sizeof key);
	ck_assert_int_eq(keyfile_create(path, &key, &err), -EEXIST);
	struct key other;
	ck_assert_int_eq(keyfile_generate(&other, NULL, &err), 0);
	ck_assert_mem_ne(other.secret, key.secret, sizeof key.secret);
	ck_assert_str_ne(other.identity, key.identity);
	ck_assert_int_eq(keyfile_generate(&other, "a:b", &err), -EINVAL);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

int
main(void)
{
	Suite *s = suite_create("keyfile");
	TCase *t = tcase_create("keyfile");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_rotation_keeps_the_order);
	tcase_add_loop_test(t, test_bad_text, 0, COUNT(bad));
	tcase_add_loop_test(t, test_others_may_touch_it, 0, COUNT(bad_modes));
	tcase_add_test(t, test_not_a_file);
	tcase_add_loop_test(t, test_create_and_read, 0, 2);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
