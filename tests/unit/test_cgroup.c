/* Where the cgroups of this host are, from what /proc says; which signals a
 * process handles. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper/cgroup.h"
#include "keeper/handoff.h"
#include "keeper/leave.h"
#include "keeper/spawn.h"

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

/* Where a cgroup for this test can be; false where none can. */
static bool
make_cgroup(char *path, size_t size)
{
	char mount[256] = "";
	FILE *f = popen(
		"awk '$3 == \"cgroup2\" {print $2; exit}' /proc/mounts", "r");
	if (!f || !fgets(mount, sizeof mount, f))
		mount[0] = 0;
	if (f)
		pclose(f);
	mount[strcspn(mount, "\n")] = 0;
	snprintf(path, size, "%s/skep-unit-%d", mount, (int)getpid());
	return mount[0] && mkdir(path, 0755) == 0;
}

static void
enter(const char *path)
{
	char file[512];
	snprintf(file, sizeof file, "%s/cgroup.procs", path);
	FILE *f = fopen(file, "w");
	if (!f || fputs("0", f) < 0 || fclose(f) != 0)
		_exit(99);
}

static int
count_in(const char *path, const char *leaf)
{
	char file[512], line[64];
	int count = 0;
	snprintf(file, sizeof file, "%s%s/cgroup.procs", path, leaf);
	FILE *f = fopen(file, "r");
	while (f && fgets(line, sizeof line, f))
		count++;
	if (f)
		fclose(f);
	return count;
}

/* A process that sits in the cgroup until it is killed. */
static pid_t
sit(const char *path)
{
	int ready[2];
	char byte;
	ck_assert_int_eq(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		enter(path);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(0);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

/* In a process of its own: enters, has a child, leaves. */
static int
leave_with_child(const char *path)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		enter(path);
		pid_t child = sit(path);
		int rc = leave_own(path);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		_exit(-rc);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

START_TEST(test_leaves_its_own)
{
	char path[300], leaf[400];
	if (geteuid() != 0 || !make_cgroup(path, sizeof path))
		return;
	snprintf(leaf, sizeof leaf, "%s/" CGROUP_OWN_LEAF, path);
	/* A stranger's place is left alone. */
	pid_t stranger = sit(path);
	ck_assert_int_eq(leave_with_child(path), EBUSY);
	ck_assert_int_eq(count_in(path, ""), 1);
	kill(stranger, SIGKILL);
	waitpid(stranger, NULL, 0);
	ck_assert_int_eq(leave_with_child(path), 0);
	ck_assert_int_eq(count_in(path, ""), 0);
	ck_assert_int_eq(rmdir(leaf), 0);
	ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

/* Whether a process that is born there lives. */
static bool
can_live(int cgroup_fd)
{
	struct spawned child;
	int status = -1;
	ck_assert_int_eq(spawn_fork(cgroup_fd, &child, NULL), 0);
	if (child.pid == 0)
		_exit(7);
	ck_assert_int_eq(waitpid(child.pid, &status, 0), child.pid);
	close(child.pidfd);
	return WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

/* What was killed is made anew, with what is beneath it; what is in use is
 * not. */
START_TEST(test_killed_is_not_used_again)
{
	char path[300], nested[400];
	bool is_new = false;
	struct cgroups c = {.is_usable = true};
	if (geteuid() != 0 || !make_cgroup(path, sizeof path))
		return;
	c.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(nested, sizeof nested, "%s/%016x/nested", path, 1);
	for (int n = 0; n < 2; n++) {
		int fd = cgroup_open(&c, 1, &is_new, NULL);
		ck_assert_int_ge(fd, 0);
		ck_assert(is_new && can_live(fd));
		ck_assert_int_eq(mkdir(nested, 0755), 0);
		cgroup_kill(fd);
		close(fd);
	}
	int fd = cgroup_open(&c, 1, &is_new, NULL);
	for (int n = 0; n < 2; n++) {
		int command = cgroup_open_beneath(fd, "skep-command", NULL);
		ck_assert_int_ge(command, 0);
		ck_assert(can_live(command));
		cgroup_kill(command);
		close(command);
	}
	snprintf(nested, sizeof nested, "%s/%016x", path, 1);
	pid_t pid = sit(nested);
	close(cgroup_open(&c, 1, &is_new, NULL));
	ck_assert(!is_new);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
	cgroup_remove(&c, 1);
	close(c.fd);
	ck_assert_int_eq(rmdir(path), 0);
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
	tcase_add_test(t, test_leaves_its_own);
	tcase_add_test(t, test_killed_is_not_used_again);
	tcase_add_loop_test(
		t, test_handled, 0, (int)(sizeof masks / sizeof *masks));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
