/* What is removed from a service's work directory in the keeper's own time, and
 * what apart from it. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper/options.h"
#include "keeper/workdir.h"

#define IID 7

static struct options options;
static struct dirs dirs = {.options = &options};
static char root[] = "/tmp/skep-workdir-XXXXXX";
static int home = -1; /* of the instance */

static void
setup(void)
{
	char path[PATH_MAX];
	strcpy(root + strlen(root) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(options.conf.node.state_dir,
		sizeof options.conf.node.state_dir, "%s", root);
	snprintf(path, sizeof path, "%s/work", root);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	dirs.work = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	workdir_make(&dirs, IID);
	workdir_path(&dirs, IID, path);
	home = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(home, 0);
}

static void
teardown(void)
{
	char command[64];
	close(home);
	close(dirs.work);
	snprintf(command, sizeof command, "rm -rf %s", root);
	ck_assert_int_eq(system(command), 0);
}

/* What stands at a name. */
enum thing { NOTHING, SMALL, LARGE, TREE };

static void
make(const char *name, enum thing thing)
{
	char path[64];
	if (thing == TREE) {
		snprintf(path, sizeof path, "%s/beneath", name);
		ck_assert_int_eq(mkdirat(home, name, 0700), 0);
		ck_assert_int_eq(mkdirat(home, path, 0700), 0);
	}
	if (thing == NOTHING || thing == TREE)
		return;
	int fd = openat(home, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	off_t size = thing == LARGE ? (off_t)65 << 20 : 4096;
	ck_assert_int_eq(posix_fallocate(fd, 0, size), 0);
	close(fd);
}

static bool
is_there(const char *name)
{
	return faccessat(home, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* How many processes were at work on it; they are done when this returns. */
static int
count_helpers(void)
{
	int count = 0;
	while (waitpid(-1, NULL, 0) > 0)
		count++;
	return count;
}

static const struct {
	enum thing thing;
	int helpers;
} things[] = {{NOTHING, 0}, {SMALL, 0}, {LARGE, 1}, {TREE, 1}};

START_TEST(test_clear)
{
	make("checkpoint", things[_i].thing);
	workdir_clear_checkpoint(&dirs, IID);
	ck_assert(!is_there("checkpoint"));
	ck_assert_int_eq(count_helpers(), things[_i].helpers);
	make("state.part", things[_i].thing);
	workdir_clear_part(&dirs, IID, WORKDIR_STATE);
	ck_assert(!is_there("state.part"));
	ck_assert_int_eq(count_helpers(), things[_i].helpers);
	/* Nothing of it stays anywhere. */
	ck_assert_int_eq(
		unlinkat(dirs.work, ".0000000000000007.part.0", 0), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(test_keep_unsealed)
{
	char path[PATH_MAX];
	make("state.skep-unsealed", things[_i].thing);
	ck_assert(!workdir_keep_unsealed(&dirs, IID, path));
	ck_assert_int_eq(
		is_there("state.skep-unsealed"), things[_i].thing != NOTHING);
	make("state", SMALL);
	ck_assert(workdir_keep_unsealed(&dirs, IID, path));
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert(!is_there("state"));
	ck_assert_int_eq(count_helpers(), things[_i].helpers);
}
END_TEST

START_TEST(test_take_part)
{
	struct stat st;
	make("state", LARGE);
	/* A command that wrote nothing changes nothing. */
	workdir_take_part(&dirs, IID, WORKDIR_STATE);
	ck_assert(is_there("state"));
	make("state.part", SMALL);
	workdir_take_part(&dirs, IID, WORKDIR_STATE);
	ck_assert_int_eq(fstatat(home, "state", &st, 0), 0);
	ck_assert_int_eq(st.st_size, 4096);
	ck_assert_int_eq(count_helpers(), 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("workdir");
	TCase *t = tcase_create("all");
	int count = (int)(sizeof things / sizeof *things);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_clear, 0, count);
	tcase_add_loop_test(t, test_keep_unsealed, 0, count);
	tcase_add_test(t, test_take_part);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
