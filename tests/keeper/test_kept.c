/* The cgroup of a service that ends unasked waits for its next start, if it
 * is as a new one. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/clock.h"
#include "world.h"

#define POLICY "allowed_users = nobody\n"
#define TRIES  100 /* a slow machine may take longer than it is kept */

static struct world w;
static uint64_t epoch;

/* Where cgroup v2 is mounted. */
static void
find_mount(char out[300])
{
	char line[512];
	FILE *mounts = fopen("/proc/mounts", "r");
	*out = 0;
	while (mounts && fgets(line, sizeof line, mounts))
		if (strstr(line, " cgroup2 ") &&
			sscanf(line, "%*s %255s", out) == 1)
			break;
	if (mounts)
		fclose(mounts);
}

/* The directory of the cgroup that the process is in. */
static void
find_cgroup(pid_t pid, char out[800])
{
	char line[512], path[64], mount[300];
	find_mount(mount);
	snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
	FILE *in = fopen(path, "r");
	*out = 0;
	while (in && fgets(line, sizeof line, in)) {
		line[strcspn(line, "\n")] = 0;
		if (strncmp(line, "0::", 3) == 0)
			snprintf(out, 800, "%s%s", mount, line + 3);
	}
	if (in)
		fclose(in);
	ck_assert_msg(*out, "%s", path);
}

static bool
exists(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0;
}

static ino_t
inode_of(const char *path)
{
	struct stat st;
	ck_assert_msg(stat(path, &st) == 0, "%s", path);
	return st.st_ino;
}

/* Controllers that are enabled for services: then nothing is kept. */
static bool
has_controllers(const char *cgroup)
{
	char path[900];
	snprintf(path, sizeof path, "%s/cgroup.controllers", cgroup);
	FILE *in = fopen(path, "r");
	int c = in ? fgetc(in) : EOF;
	if (in)
		fclose(in);
	return c != EOF && c != '\n';
}

static pid_t
start(void)
{
	struct kproto_start s = {.epoch = ++epoch};
	world_send_start(&w, &s, 1, SH("exec sleep 1000"), -1);
	return (pid_t)world_expect_event(&w, KMSG_STARTED).value;
}

static void
await_gone(const char *path)
{
	mono end = mono_add(clock_mono(), WORLD_WAIT_MS);
	while (exists(path)) {
		ck_assert_msg(!mono_reached(end, clock_mono()), "%s", path);
		world_serve_node(&w);
	}
}

/* Starts skepd and one service; false where nothing can be kept. */
static bool
begin(pid_t *pid, char cgroup[800])
{
	epoch = 0;
	world_start(&w, POLICY);
	*pid = start();
	if (w.welcome.tracks_cgroups) {
		find_cgroup(*pid, cgroup);
		if (!has_controllers(cgroup))
			return true;
	}
	puts("skipped: no cgroup v2 here, or one with controllers");
	world_end(&w);
	return false;
}

START_TEST(test_next_start_has_it)
{
	char cgroup[800];
	pid_t pid;
	bool is_same = false;
	if (!begin(&pid, cgroup))
		return;
	for (int i = 0; i < TRIES && !is_same; i++) {
		ino_t before = inode_of(cgroup);
		kill(pid, SIGKILL);
		world_expect_end(&w, 1, SIGKILL);
		pid = start();
		is_same = inode_of(cgroup) == before;
	}
	ck_assert(is_same);
	/* And it is in force: what is left there is told and waited for. */
	char here[800];
	find_cgroup(pid, here);
	ck_assert_str_eq(here, cgroup);
	kill(pid, SIGKILL);
	world_expect_end(&w, 1, SIGKILL);
	await_gone(cgroup);
	world_end(&w);
}
END_TEST

static void
make_beneath(const char *cgroup)
{
	char path[900];
	snprintf(path, sizeof path, "%s/own", cgroup);
	ck_assert_int_eq(mkdir(path, 0755), 0);
}

static void
write_in(const char *cgroup, const char *name, const char *text)
{
	char path[900];
	snprintf(path, sizeof path, "%s/%s", cgroup, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
}

static void
limit_depth(const char *cgroup)
{
	write_in(cgroup, "cgroup.max.depth", "3");
}

static void
limit_descendants(const char *cgroup)
{
	write_in(cgroup, "cgroup.max.descendants", "3");
}

static void
freeze(const char *cgroup)
{
	write_in(cgroup, "cgroup.freeze", "1");
}

static void (*const changes[])(const char *) = {
	make_beneath,
	limit_depth,
	limit_descendants,
	freeze,
};

START_TEST(test_changed_is_not_kept)
{
	char cgroup[800], beneath[900];
	pid_t pid;
	if (!begin(&pid, cgroup))
		return;
	ino_t before = inode_of(cgroup);
	changes[_i](cgroup);
	kill(pid, SIGKILL);
	world_expect_end(&w, 1, SIGKILL);
	pid = start();
	snprintf(beneath, sizeof beneath, "%s/own", cgroup);
	ck_assert(!exists(beneath));
	ck_assert_uint_ne(inode_of(cgroup), before);
	kill(pid, SIGKILL);
	world_expect_end(&w, 1, SIGKILL);
	world_end(&w);
}
END_TEST

/* Who was asked to end is not expected back: it is gone when that is said. */
START_TEST(test_stopped_is_not_kept)
{
	char cgroup[800];
	pid_t pid;
	if (!begin(&pid, cgroup))
		return;
	struct kproto_signal s = {
		.iid = 1,
		.epoch = epoch,
		.signal = SIGTERM,
		.target = KTARGET_MAIN,
	};
	world_send_signal(&w, &s);
	world_expect_end(&w, 1, SIGTERM);
	ck_assert(!exists(cgroup));
	start();
	world_send_event(&w, KMSG_KILL, 1, epoch);
	world_expect_end(&w, 1, SIGKILL);
	ck_assert(!exists(cgroup));
	world_end(&w);
}
END_TEST

START_TEST(test_forgotten_is_not_kept)
{
	char cgroup[800];
	pid_t pid;
	if (!begin(&pid, cgroup))
		return;
	kill(pid, SIGKILL);
	world_expect_end(&w, 1, SIGKILL);
	world_send_event(&w, KMSG_FORGET, 1, epoch);
	await_gone(cgroup);
	world_end(&w);
}
END_TEST

/* Linux since 6.14 kills whatever is born where cgroup.kill was written: that
 * is another try, not a service that cannot run here. */
START_TEST(test_killed_one_is_another_try)
{
	char cgroup[800];
	pid_t pid;
	if (!begin(&pid, cgroup))
		return;
	write_in(cgroup, "cgroup.kill", "1");
	world_expect_end(&w, 1, SIGKILL);
	struct kproto_start s = {.epoch = ++epoch};
	world_send_start(&w, &s, 1, SH("exec sleep 1000"), -1);
	world_receive(&w);
	if (w.message.type == KMSG_START_FAILED) {
		struct kproto_failure f;
		struct bytes body = {w.message.body, w.message.size};
		ck_assert(kproto_get_failure(body, &f));
		ck_assert_uint_eq(f.blame, KBLAME_BUSY);
		world_expect(&w, KMSG_EMPTY);
		pid = start();
	} else {
		ck_assert_uint_eq(w.message.type, KMSG_STARTED);
	}
	world_end(&w);
}
END_TEST

/* What a crash leaves of it the next skepd removes. */
START_TEST(test_crash_leaves_none)
{
	char cgroup[800];
	pid_t pid;
	if (!begin(&pid, cgroup))
		return;
	kill(pid, SIGKILL);
	world_expect_end(&w, 1, SIGKILL);
	world_kill_keeper(&w);
	world_run_keeper(&w);
	struct kproto_instance instances[16];
	unsigned count = 0;
	world_greet(&w, instances, &count, NULL);
	ck_assert_uint_eq(count, 1);
	ck_assert(!exists(cgroup));
	pid = start();
	ck_assert(exists(cgroup));
	world_end(&w);
}
END_TEST

/* --- The child of the next start --- */

#define GOOD_RUN_MS 1100 /* see AHEAD_GOOD_RUN_MS */

/* Starts a script that says in a file that it runs. */
static pid_t
start_noted(int nice)
{
	struct kproto_start s = {
		.epoch = ++epoch,
		.working_dir = w.dir,
		.nice = nice,
	};
	world_send_start(&w, &s, 1, SH("echo x >> runs; exec sleep 1000"), -1);
	return (pid_t)world_expect_event(&w, KMSG_STARTED).value;
}

/* How often it ran, once it is that often. */
static void
await_runs(long runs)
{
	char path[128];
	struct stat st = {.st_size = 0};
	mono end = mono_add(clock_mono(), WORLD_WAIT_MS);
	snprintf(path, sizeof path, "%s/runs", w.dir);
	while (stat(path, &st) < 0 || st.st_size < 2 * runs) {
		ck_assert(!mono_reached(end, clock_mono()));
		world_serve_node(&w);
	}
	ck_assert_int_eq(st.st_size, 2 * runs);
}

/* The process in the cgroup, 0 for none. */
static pid_t
find_in(const char *cgroup)
{
	char path[900];
	int pid = 0;
	snprintf(path, sizeof path, "%s/cgroup.procs", cgroup);
	FILE *in = fopen(path, "r");
	if (in && fscanf(in, "%d", &pid) != 1)
		pid = 0;
	if (in)
		fclose(in);
	return (pid_t)pid;
}

/* Runs the script well, ends it, and finds the child that is forked ahead;
 * 'runs' is how often it ran then. */
static pid_t
fork_ahead(const char *cgroup, long *runs)
{
	pid_t ahead = 0;
	for (int i = 0; i < TRIES && ahead == 0; i++) {
		pid_t pid = start_noted(0);
		await_runs(++*runs);
		mono good = mono_add(clock_mono(), GOOD_RUN_MS);
		while (!mono_reached(good, clock_mono()))
			world_serve_node(&w);
		kill(pid, SIGKILL);
		world_expect_end(&w, 1, SIGKILL);
		ahead = find_in(cgroup);
	}
	ck_assert_int_ne(ahead, 0);
	return ahead;
}

/* As 'begin', for services that may write into our directory. */
static bool
begin_noted(char cgroup[800])
{
	pid_t pid;
	if (!begin(&pid, cgroup))
		return false;
	ck_assert_int_eq(chmod(w.dir, 0777), 0);
	world_send_event(&w, KMSG_KILL, 1, epoch);
	world_expect_end(&w, 1, SIGKILL);
	return true;
}

START_TEST(test_ahead_is_the_next_start)
{
	char cgroup[800];
	long runs = 0;
	pid_t ahead, pid = 0;
	if (!begin_noted(cgroup))
		return;
	for (int i = 0; i < TRIES; i++) {
		ahead = fork_ahead(cgroup, &runs);
		pid = start_noted(0);
		await_runs(++runs);
		if (pid == ahead)
			break;
		kill(pid, SIGKILL);
		world_expect_end(&w, 1, SIGKILL);
	}
	ck_assert_int_eq(pid, ahead);
	kill(pid, SIGKILL);
	world_expect_end(&w, 1, SIGKILL);
	world_end(&w);
}
END_TEST

START_TEST(test_another_start_has_a_child_of_its_own)
{
	char cgroup[800];
	long runs = 0;
	if (!begin_noted(cgroup))
		return;
	pid_t ahead = fork_ahead(cgroup, &runs);
	pid_t pid = start_noted(1);
	ck_assert_int_ne(pid, ahead);
	world_wait_gone(ahead);
	await_runs(++runs);
	ck_assert_int_eq(kill(pid, 0), 0);
	world_end(&w);
}
END_TEST

/* What a service put aside at last stays until its next start: no child that is
 * made ahead may remove it. */
START_TEST(test_no_child_ahead_with_a_checkpoint)
{
	char cgroup[800];
	long runs = 0;
	if (!begin_noted(cgroup))
		return;
	fork_ahead(cgroup, &runs); /* it is done here for others */
	for (int i = 0; i < 3; i++) {
		struct kproto_start s = {
			.epoch = ++epoch,
			.working_dir = w.dir,
			.has_checkpoint = true,
		};
		world_send_start(
			&w, &s, 1, SH("echo x >>runs; exec sleep 1000"), -1);
		pid_t pid = (pid_t)world_expect_event(&w, KMSG_STARTED).value;
		await_runs(++runs);
		mono good = mono_add(clock_mono(), GOOD_RUN_MS);
		while (!mono_reached(good, clock_mono()))
			world_serve_node(&w);
		kill(pid, SIGKILL);
		world_expect_end(&w, 1, SIGKILL);
		ck_assert_int_eq(find_in(cgroup), 0);
	}
	world_end(&w);
}
END_TEST

/* Its program never runs when nobody asks for it. */
START_TEST(test_ahead_without_a_start_is_killed)
{
	char cgroup[800];
	long runs = 0;
	if (!begin_noted(cgroup))
		return;
	pid_t ahead = fork_ahead(cgroup, &runs);
	if (_i == 1)
		world_send_event(&w, KMSG_FORGET, 1, epoch);
	if (_i == 2)
		world_kill_keeper(&w);
	if (_i == 3)
		world_stop_keeper(&w);
	world_wait_gone(ahead);
	await_runs(runs);
	if (_i < 2) {
		await_gone(cgroup);
		start_noted(0);
		await_runs(++runs);
		world_stop_keeper(&w);
	}
	world_remove(&w);
}
END_TEST

/* --- Who is that child --- */

/* Starts a script that writes down what it finds itself to be. */
static pid_t
start_probe(void)
{
	static const char script[] =
		PROBE_PATH " >probe.new; mv probe.new probe.$$; "
			   "exec sleep 1000";
	struct kproto_start s = {
		.epoch = ++epoch,
		.working_dir = w.dir,
		.nice = 3,
		.oom_score_adj = 200,
		.umask = 027,
		.no_new_privileges = true,
	};
	world_send_start(&w, &s, 1, SH(script), -1);
	return (pid_t)world_expect_event(&w, KMSG_STARTED).value;
}

/* What it wrote; the caller's. */
static char *
read_probe(pid_t pid)
{
	char path[128];
	char *text = calloc(1, 65536);
	FILE *in;
	mono end = mono_add(clock_mono(), WORLD_WAIT_MS);
	snprintf(path, sizeof path, "%s/probe.%d", w.dir, (int)pid);
	while (!(in = fopen(path, "r"))) {
		ck_assert_msg(!mono_reached(end, clock_mono()), "%s", path);
		world_serve_node(&w);
	}
	ck_assert_uint_gt(fread(text, 1, 65535, in), 0);
	fclose(in);
	return text;
}

/* Whoever forks it, and whenever: it finds the same. */
START_TEST(test_ahead_is_like_any_child)
{
	char cgroup[800];
	if (!begin_noted(cgroup))
		return;
	pid_t pid = start_probe(), ahead = 0;
	char *first = read_probe(pid);
	for (int i = 0; i < TRIES && (ahead == 0 || ahead != pid); i++) {
		mono good = mono_add(clock_mono(), GOOD_RUN_MS);
		while (!mono_reached(good, clock_mono()))
			world_serve_node(&w);
		kill(pid, SIGKILL);
		world_expect_end(&w, 1, SIGKILL);
		ahead = find_in(cgroup);
		pid = start_probe();
		char *next = read_probe(pid);
		ck_assert_str_eq(next, first);
		free(next);
	}
	ck_assert_int_eq(pid, ahead);
	free(first);
	world_end(&w);
}
END_TEST

int
main(void)
{
	world_is_root = geteuid() == 0;
	Suite *s = suite_create("kept");
	TCase *t = tcase_create("kept");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_next_start_has_it);
	tcase_add_loop_test(t, test_changed_is_not_kept, 0,
		(int)(sizeof changes / sizeof *changes));
	tcase_add_test(t, test_stopped_is_not_kept);
	tcase_add_test(t, test_forgotten_is_not_kept);
	tcase_add_test(t, test_killed_one_is_another_try);
	tcase_add_test(t, test_crash_leaves_none);
	tcase_add_test(t, test_ahead_is_the_next_start);
	tcase_add_test(t, test_ahead_is_like_any_child);
	tcase_add_test(t, test_another_start_has_a_child_of_its_own);
	tcase_add_test(t, test_no_child_ahead_with_a_checkpoint);
	tcase_add_loop_test(t, test_ahead_without_a_start_is_killed, 0, 4);
	suite_add_tcase(s, t);
	SRunner *runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
