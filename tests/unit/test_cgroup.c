/* Where the cgroups of this host are, from what /proc says; which signals a
 * process handles. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "keeper/cgroup.h"
#include "keeper/handoff.h"

#define V2 "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
#define V1                                                                     \
	"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"           \
	"32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
#define HYBRID                                                                 \
	V1 "43 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"

static const struct {
	const char *mountinfo;
	const char *self;
	int rc;
	const char *path;
} places[] = {
	{V2, "0::/\n", 0, "/sys/fs/cgroup"},
	{V2, "0::/system.slice/skep.service\n", 0,
		"/sys/fs/cgroup/system.slice/skep.service"},
	{HYBRID, "9:cpu:/x\n0::/\n", 0, "/sys/fs/cgroup/unified"},
	{HYBRID, "9:cpu:/x\n0::/a b\n", 0, "/sys/fs/cgroup/unified/a b"},
	{V1, "9:cpu:/x\n", -ENOENT, ""},
	{V1, "0::/\n", -ENOENT, ""},
	{V2, "9:cpu:/x\n", -ENOENT, ""},
	{V2, "", -ENOENT, ""},
	{"", "0::/\n", -ENOENT, ""},
	/* A leaf of our own leaves the cgroup above to the services. */
	{V2, "0::/a/supervisor\n", 0, "/sys/fs/cgroup/a"},
	{V2, "0::/supervisor\n", 0, "/sys/fs/cgroup"},
	{V2, "0::/a/my-supervisor\n", 0, "/sys/fs/cgroup/a/my-supervisor"},
	/* A bind mount of a part, as containers have. */
	{"9 8 0:2 /docker/1 /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
		"0::/docker/1/x\n", 0, "/sys/fs/cgroup/x"},
	{"9 8 0:2 /docker/1 /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
		"0::/docker/12\n", -ENOENT, ""},
	/* Outside of the namespace's root. */
	{V2, "0::/../other\n", -ENOENT, ""},
	{"9 8 0:2 / /mnt/a\\040b rw shared:1 - cgroup2 none rw\n", "0::/\n", 0,
		"/mnt/a b"},
	{"9 8 0:2 / /cgroup2 rw - ext4 /dev/cgroup2 rw\n", "0::/\n", -ENOENT,
		""},
	{"nonsense - cgroup2\n\n - \n", "0::/\n", -ENOENT, ""},
	{V2, "0::/far/too/long/for/the/buffer/of/this/test/which/is/short\n",
		-ENAMETOOLONG, ""},
};

START_TEST(test_locate)
{
	char path[64] = "";
	int rc = cgroup_locate(
		places[_i].mountinfo, places[_i].self, path, sizeof path);
	ck_assert_int_eq(rc, places[_i].rc);
	if (rc == 0)
		ck_assert_str_eq(path, places[_i].path);
}
END_TEST

START_TEST(test_no_cgroups_is_said)
{
	struct cgroups c;
	cgroups_init(&c, 0x7e57);
	ck_assert_int_eq(c.is_usable, c.why[0] == 0);
	ck_assert_int_eq(c.is_usable, c.fd >= 0);
	ck_assert(!cgroup_is_populated(&c, 1));
	cgroups_fini(&c);
}
END_TEST

#define STATUS(blk, ign, cgt)                                                  \
	"Name:\tx\nSigPnd:\tffffffffffffffff\nShdPnd:\tffffffffffffffff\n"     \
	"SigBlk:\t" blk "\nSigIgn:\t" ign "\nSigCgt:\t" cgt "\nCapInh:\t0\n"
#define NONE "0000000000000000"

static const struct {
	const char *status;
	int signal;
	bool is_handled;
} masks[] = {
	{STATUS(NONE, NONE, NONE), 10, false},
	{STATUS("0000000000000200", NONE, NONE), 10, true},
	{STATUS(NONE, "0000000000000200", NONE), 10, true},
	{STATUS(NONE, NONE, "0000000000000200"), 10, true},
	{STATUS(NONE, NONE, "0000000000000100"), 10, false},
	{STATUS(NONE, NONE, "8000000000000000"), 64, true},
	{STATUS(NONE, NONE, "ffffffffffffffff"), 0, false},
	{STATUS(NONE, NONE, "ffffffffffffffff"), 65, false},
	{"", 10, false},
};

START_TEST(test_handled)
{
	ck_assert_int_eq(handoff_is_handled(masks[_i].status, masks[_i].signal),
		masks[_i].is_handled);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cgroup");
	TCase *t = tcase_create("all");
	tcase_add_loop_test(
		t, test_locate, 0, (int)(sizeof places / sizeof *places));
	tcase_add_test(t, test_no_cgroups_is_said);
	tcase_add_loop_test(
		t, test_handled, 0, (int)(sizeof masks / sizeof *masks));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
