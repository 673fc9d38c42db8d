/* Services outlive skepd: what the next one makes of them. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

#define POLICY "allowed_users = nobody\n"

static struct world w;

/* The next skepd, and the one instance that it tells of. */
static struct kproto_instance
adopt_one(void)
{
	struct kproto_instance is[4];
	unsigned count = 0;
	world_run_keeper(&w);
	world_greet(&w, is, &count, NULL);
	ck_assert_uint_eq(count, 1);
	return is[0];
}

/* Nothing of the old life is in the way of a next one. */
static void
start_again(void)
{
	struct kproto_start s = {.epoch = 2};
	world_send_start(&w, &s, 1, SH("exit 0"), -1);
	world_expect(&w, KMSG_STARTED);
	world_expect_end(&w, 1, 0);
}

START_TEST(test_service_is_adopted)
{
	world_start(&w, POLICY);
	pid_t pid = world_start_script(&w, 1,
		"echo $$ > pid; trap 'exit 7' TERM; "
		"while :; do sleep 0.05; done");
	ck_assert_int_eq(world_read_pid(&w, "pid"), pid);
	for (int round = 0; round < 3; round++) {
		world_kill_keeper(&w);
		ck_assert_int_eq(kill(pid, 0), 0);
		struct kproto_instance i = adopt_one();
		ck_assert_uint_eq(i.pid, (uint32_t)pid);
		ck_assert_uint_eq(i.epoch, 1);
		ck_assert(!i.is_empty && i.start_time != 0);
	}
	struct kproto_start s = {.epoch = 2};
	world_send_start(&w, &s, 1, SH("exit 0"), -1);
	struct kproto_failure f = world_expect_failure(&w, KMSG_START_FAILED);
	ck_assert_uint_eq(f.blame, KBLAME_BUSY);
	/* How it ends is told, although it is not our child. */
	struct kproto_signal term = {
		1, 1, SIGTERM, KTARGET_MAIN, false, false, 0};
	world_send_signal(&w, &term);
	world_expect_end(&w, 1, 7 << 8);
	start_again();
	world_end(&w);
}
END_TEST

START_TEST(test_end_without_keeper_is_unknown)
{
	world_start(&w, POLICY);
	pid_t pid = world_start_script(&w, 1, "echo first; exec sleep 1000");
	world_read_log(&w, 1, "first");
	world_kill_keeper(&w);
	kill(pid, SIGKILL);
	world_wait_gone(pid);
	struct kproto_instance i = adopt_one();
	ck_assert(i.is_empty && i.pid == 0);
	ck_assert_int_eq(i.status, KSTATUS_UNKNOWN);
	world_read_log(&w, 1, "output may be missing");
	/* And so it stays, until it is forgotten. */
	world_kill_keeper(&w);
	i = adopt_one();
	ck_assert(i.is_empty);
	ck_assert_int_eq(i.status, KSTATUS_UNKNOWN);
	world_send_event(&w, KMSG_FORGET, 1, 1);
	world_send_event(&w, KMSG_FORGET, 1, 1);
	ck_assert_int_eq(world_expect_failure(&w, KMSG_REFUSED).code, ENOENT);
	world_kill_keeper(&w);
	world_run_keeper(&w);
	world_greet(&w, NULL, NULL, NULL);
	world_end(&w);
}
END_TEST

START_TEST(test_known_end_is_remembered)
{
	world_start(&w, POLICY);
	world_start_script(&w, 1, "exit 5");
	world_expect_end(&w, 1, 5 << 8);
	world_kill_keeper(&w);
	struct kproto_instance i = adopt_one();
	ck_assert(i.is_empty);
	ck_assert_int_eq(i.status, 5 << 8);
	world_end(&w);
	/* What ended with skepd is not told of. */
	world_start(&w, POLICY);
	world_end(&w);
}
END_TEST

START_TEST(test_output_waits_for_the_next_logger)
{
	char path[128];
	world_start(&w, POLICY);
	snprintf(path, sizeof path, "%s/go", w.dir);
	ck_assert_int_eq(mkfifo(path, 0666), 0);
	chmod(path, 0666);
	world_start_script(&w, 1,
		"echo before; read x < go; i=0; "
		"while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); "
		"done; echo done; exec sleep 1000");
	world_read_log(&w, 1, "before");
	close(w.log_fds[1]);
	w.log_fds[1] = -1;
	world_kill_keeper(&w);
	/* Nobody but the service has the FIFO open now. */
	int go = open(path, O_RDWR);
	ck_assert_int_eq(write(go, "\n", 1), 1);
	struct kproto_instance i = adopt_one();
	ck_assert(i.pid != 0);
	const char *text = world_read_log(&w, 1, "done");
	world_ck_line(text, "line 0\n");
	world_ck_line(text, "line 499\n");
	close(go);
	world_end(&w);
}
END_TEST

/* Services that do not make it easy; each must be gone after a KILL by the
 * keeper after the one that started it. */
static const char *const hostile[] = {
	"trap '' TERM INT HUP; echo up; while :; do sleep 1; done",
	"(setsid sh -c 'trap \"\" TERM; sleep 1000' &) ; echo up; exec sleep "
	"1000",
	"(setsid sleep 1000 &); echo up; kill -9 $$",
	"exec bash -c 'echo up; exec 0<&- 1>&- 2>&- 64>&-; exec sleep 1000'",
	"echo up; kill -STOP $$; exec sleep 1000",
	"for n in 1 2 3 4 5; do sleep 1000 & done; echo up; wait",
};

START_TEST(test_hostile_is_killed_after_adoption)
{
	world_start(&w, POLICY);
	if (!w.welcome.tracks_cgroups) {
		puts("skipped: no cgroup v2 here");
		world_end(&w);
		return;
	}
	world_start_script(&w, 1, hostile[_i]);
	world_read_log(&w, 1, "up");
	world_kill_keeper(&w);
	struct kproto_instance i = adopt_one();
	ck_assert(!i.is_empty);
	world_send_event(&w, KMSG_KILL, 1, 1);
	do
		world_expect(&w, i.pid ? KMSG_EXITED : KMSG_EMPTY);
	while (w.message.type != KMSG_EMPTY && (i.pid = 0, true));
	start_again();
	world_end(&w);
}
END_TEST

/* Takes a process out of the cgroup of its service, as root can. */
static void
move_out(pid_t pid)
{
	char line[512], path[300] = "";
	FILE *mounts = fopen("/proc/mounts", "r");
	while (mounts && fgets(line, sizeof line, mounts))
		if (sscanf(line, "%*s %255s cgroup2", path) == 1 &&
			strstr(line, " cgroup2 "))
			break;
	fclose(mounts);
	strcat(path, "/cgroup.procs");
	FILE *procs = fopen(path, "w");
	ck_assert_msg(procs && fprintf(procs, "%d", (int)pid) > 0, "%s", path);
	ck_assert_int_eq(fclose(procs), 0);
}

/* What left its cgroup (or its group, where there are none) and outlived its
 * leader is neither killed nor doubled. */
START_TEST(test_stray_is_left_alone)
{
	world_start(&w, POLICY);
	pid_t pid = world_start_script(
		&w, 1, "setsid sleep 1000 & echo $! > child; exec sleep 1000");
	pid_t child = world_read_pid(&w, "child");
	if (w.welcome.tracks_cgroups)
		move_out(child);
	world_kill_keeper(&w);
	kill(pid, SIGKILL);
	world_wait_gone(pid);
	world_run_keeper(&w);
	world_greet(&w, NULL, NULL, NULL);
	struct kproto_start s = {.epoch = 2};
	world_send_start(&w, &s, 1, SH("exit 0"), -1);
	struct kproto_failure f = world_expect_failure(&w, KMSG_START_FAILED);
	ck_assert_uint_eq(f.blame, KBLAME_BUSY);
	ck_assert_msg(strstr(f.text, "earlier skepd"), "%s", f.text);
	ck_assert_msg(strstr(f.text, "fuser"), "%s", f.text);
	ck_assert_int_eq(kill(child, 0), 0);
	kill(child, SIGKILL);
	world_wait_gone(child);
	world_send_start(&w, &s, 1, SH("exit 0"), -1);
	world_expect(&w, KMSG_STARTED);
	world_expect_end(&w, 1, 0);
	world_end(&w);
}
END_TEST

/* Nobody can make a cgroup where there is no tree of them. */
static void
hide_cgroups(void)
{
	if (unshare(CLONE_NEWNS) == 0 &&
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL);
}

/* Without cgroups what is left of a group is known by the lock that it holds:
 * it is stopped as it always would be, and then the next start may come. */
START_TEST(test_rest_of_a_group)
{
	struct kproto_instance is[4];
	unsigned count = 0;
	world_prepare(&w, POLICY);
	w.before_exec = hide_cgroups;
	world_run_keeper(&w);
	world_greet(&w, NULL, NULL, NULL);
	if (w.welcome.tracks_cgroups) {
		puts("skipped: cgroups cannot be hidden here");
		world_end(&w);
		return;
	}
	pid_t pid = world_start_script(
		&w, 1, "sleep 1000 & echo $! > child; exec sleep 1000");
	pid_t child = world_read_pid(&w, "child");
	world_kill_keeper(&w);
	kill(pid, SIGKILL);
	world_wait_gone(pid);
	world_run_keeper(&w);
	world_greet(&w, is, &count, NULL);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(is[0].pid, 0);
	ck_assert(!is[0].is_empty);
	ck_assert_int_eq(is[0].status, KSTATUS_UNKNOWN);
	struct kproto_signal term = {
		1, 1, SIGTERM, KTARGET_ALL, false, false, 0};
	world_send_signal(&w, &term);
	world_expect(&w, KMSG_EMPTY);
	world_wait_gone(child);
	start_again();
	world_end(&w);
}
END_TEST

static void
edit_record(const char *program)
{
	char command[256];
	snprintf(command, sizeof command,
		"sed -i '%s' %s/run/instances/0000000000000001", program,
		w.dir);
	ck_assert_int_eq(system(command), 0);
}

/* A record of another version has other keys. */
START_TEST(test_record_of_another_version)
{
	world_start(&w, POLICY);
	pid_t pid = world_start_script(&w, 1, "exec sleep 1000");
	world_kill_keeper(&w);
	edit_record("/^stop_/d; $a from_the_future=1");
	struct kproto_instance i = adopt_one();
	ck_assert_uint_eq(i.pid, (uint32_t)pid);
	world_end(&w);
}
END_TEST

/* One that makes no sense is no reason to start a second copy. */
START_TEST(test_broken_record)
{
	world_start(&w, POLICY);
	pid_t pid = world_start_script(&w, 1, "exec sleep 1000");
	world_kill_keeper(&w);
	edit_record("s/^epoch=.*/epoch=0/");
	world_run_keeper(&w);
	world_greet(&w, NULL, NULL, NULL);
	struct kproto_start s = {.epoch = 2};
	world_send_start(&w, &s, 1, SH("exit 0"), -1);
	struct kproto_failure f = world_expect_failure(&w, KMSG_START_FAILED);
	ck_assert_msg(strstr(f.text, "earlier skepd"), "%s", f.text);
	kill(pid, SIGKILL);
	world_wait_gone(pid);
	start_again();
	world_end(&w);
}
END_TEST

/* Two nodes must not write one store: one of before that hangs is ended. */
START_TEST(test_hung_helper_of_before_is_killed)
{
	world_start(&w, POLICY);
	pid_t old = w.node_pid;
	kill(old, SIGSTOP);
	world_kill_keeper(&w);
	ck_assert_int_eq(kill(old, 0), 0);
	world_run_keeper(&w);
	world_greet(&w, NULL, NULL, NULL);
	ck_assert_int_ne(w.node_pid, old);
	world_wait_gone(old);
	world_end(&w);
}
END_TEST

static void
send_reexec(void)
{
	struct bytes none = {NULL, 0};
	ck_assert_int_eq(ipc_send(w.node, KMSG_REEXEC, none, NULL, 0), 0);
}

/* What stood there when it was asked is no answer for the next skepd either. */
START_TEST(test_next_keeper_knows_what_is_no_answer)
{
	struct kproto_signal usr1 = {
		1, 1, SIGUSR1, KTARGET_MAIN, true, false, 0};
	struct kproto_instance is[4];
	unsigned count = 0;
	world_start(&w, POLICY);
	world_start_script(&w, 1,
		"trap 'echo asked' USR1; echo old >$SKEP_STATE_OUT; "
		"echo ready; while :; do sleep 0.05; done");
	world_read_log(&w, 1, "ready");
	world_send_signal(&w, &usr1);
	world_read_log(&w, 1, "asked");
	if (_i == 0) {
		world_kill_keeper(&w);
		world_run_keeper(&w);
	} else {
		send_reexec();
		world_expect(&w, KMSG_GOING);
	}
	world_greet(&w, is, &count, NULL);
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect(&w, KMSG_EXITED);
	world_end(&w);
}
END_TEST

/* An adopted instance, a child, and one that has ended go through it. */
START_TEST(test_reexec)
{
	static const char script[] =
		"trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done";
	struct kproto_instance is[4];
	unsigned count = 0;
	world_start(&w, POLICY);
	pid_t adopted = world_start_script(&w, 1, script);
	world_read_log(&w, 1, "up");
	world_kill_keeper(&w);
	ck_assert_uint_eq(adopt_one().pid, (uint32_t)adopted);
	pid_t child = world_start_script(&w, 2, script);
	world_read_log(&w, 2, "up");
	world_start_script(&w, 3, "exit 5");
	world_expect_end(&w, 3, 5 << 8);
	for (int round = 0; round < 2; round++) {
		send_reexec();
		world_expect(&w, KMSG_GOING);
		world_greet(&w, is, &count, NULL);
		ck_assert_uint_eq(count, 3);
		for (unsigned i = 0; i < count; i++) {
			ck_assert_uint_eq(
				is[i].pid, is[i].iid == 1   ? (uint32_t)adopted
					   : is[i].iid == 2 ? (uint32_t)child
							    : 0);
			ck_assert(is[i].iid != 3 || is[i].status == 5 << 8);
		}
		ck_assert_uint_eq(w.welcome.keeper_crashes, 0);
	}
	for (uint64_t iid = 1; iid <= 2; iid++) {
		struct kproto_signal term = {
			iid, 1, SIGTERM, KTARGET_MAIN, false, false, 0};
		world_send_signal(&w, &term);
		world_expect_end(&w, iid, 7 << 8);
	}
	world_end(&w);
}
END_TEST

/* A broken configuration stops it before anything has happened. */
START_TEST(test_reexec_is_refused)
{
	char path[128];
	world_start(&w, POLICY);
	pid_t pid = world_start_script(&w, 1, "exec sleep 1000");
	snprintf(path, sizeof path, "%s/skep.conf", w.dir);
	FILE *f = fopen(path, "a");
	ck_assert_int_gt(fputs("[nonsense]\n", f), 0);
	fclose(f);
	send_reexec();
	struct kproto_failure no = world_expect_failure(&w, KMSG_REFUSED);
	ck_assert_str_eq(no.step, "reexec");
	ck_assert_msg(strstr(no.text, "--check-config"), "%s", no.text);
	ck_assert_int_eq(kill(pid, 0), 0);
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect_end(&w, 1, SIGKILL);
	world_end(&w);
}
END_TEST

/* Plays systemd: takes what skepd stores, and gives it back. */
static struct {
	int socket;
	char path[128];
	bool is_ready, is_stopping;
	unsigned count;
	char names[16][64];
	int fds[16];
} manager;

static void
manager_start(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	memset(&manager, 0, sizeof manager);
	snprintf(manager.path, sizeof manager.path, "/tmp/skep-notify-%d",
		(int)getpid());
	strcpy(a.sun_path, manager.path);
	manager.socket =
		socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(manager.path);
	ck_assert_int_eq(
		bind(manager.socket, (struct sockaddr *)&a, sizeof a), 0);
}

static void
manager_remove(const char *name)
{
	for (unsigned i = 0; i < manager.count; i++) {
		if (strcmp(manager.names[i], name) != 0)
			continue;
		close(manager.fds[i]);
		manager.count--;
		memmove(manager.names[i], manager.names[manager.count],
			sizeof manager.names[i]);
		manager.fds[i] = manager.fds[manager.count];
		i--;
	}
}

static void
manager_store(const char *name, int fd)
{
	ck_assert_uint_lt(manager.count, 16);
	snprintf(manager.names[manager.count], 64, "%s", name);
	manager.fds[manager.count++] = fd;
}

/* Takes one message; false when there is none. */
static bool
manager_take(void)
{
	char text[512], control[CMSG_SPACE(sizeof(int))], name[64] = "";
	struct iovec part = {text, sizeof text - 1};
	struct msghdr m = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control};
	ssize_t n = recvmsg(manager.socket, &m, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return false;
	text[n] = 0;
	manager.is_ready |= strcmp(text, "READY=1") == 0;
	manager.is_stopping |= strcmp(text, "STOPPING=1") == 0;
	const char *at = strstr(text, "FDNAME=");
	if (at)
		sscanf(at, "FDNAME=%63[^\n]", name);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (strncmp(text, "FDSTOREREMOVE=1", 15) == 0) {
		manager_remove(name);
	} else if (strncmp(text, "FDSTORE=1", 9) == 0) {
		int fd;
		ck_assert_ptr_nonnull(c);
		ck_assert_ptr_nonnull(strstr(text, "FDPOLL=0"));
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
		manager_store(name, fd);
	}
	return true;
}

static void
manager_take_all(void)
{
	while (manager_take())
		;
}

/* In the process that becomes skepd: what systemd does before its exec. */
static void
manager_give(void)
{
	char names[1024] = "", number[16];
	int above[16];
	setenv("NOTIFY_SOCKET", manager.path, 1);
	for (unsigned i = 0; i < manager.count; i++) {
		above[i] = fcntl(manager.fds[i], F_DUPFD, 200);
		strcat(names, i ? ":" : "");
		strcat(names, manager.names[i]);
	}
	for (unsigned i = 0; i < manager.count; i++)
		dup2(above[i], 3 + (int)i);
	snprintf(number, sizeof number, "%u", manager.count);
	setenv("LISTEN_FDS", number, 1);
	setenv("LISTEN_FDNAMES", names, 1);
	snprintf(number, sizeof number, "%d", (int)getpid());
	setenv("LISTEN_PID", number, 1);
}

static bool
manager_has(const char *name)
{
	for (unsigned i = 0; i < manager.count; i++)
		if (strcmp(manager.names[i], name) == 0)
			return true;
	return false;
}

START_TEST(test_systemd_keeps_what_would_be_lost)
{
	char path[128];
	static const char pid_1[] = "pid-0000000000000001-0000000000000001";
	static const char fifo_1[] = "fifo-0000000000000001";
	manager_start();
	world_prepare(&w, POLICY);
	w.before_exec = manager_give;
	snprintf(path, sizeof path, "%s/go", w.dir);
	ck_assert_int_eq(mkfifo(path, 0666), 0);
	chmod(path, 0666);
	world_run_keeper(&w);
	world_greet(&w, NULL, NULL, NULL);
	pid_t pid = world_start_script(
		&w, 1, "echo before; read x < go; echo last words; exit 9");
	world_read_log(&w, 1, "before");
	manager_take_all();
	ck_assert(manager.is_ready && manager_has(pid_1));
	ck_assert(manager_has(fifo_1));
	close(w.log_fds[1]);
	w.log_fds[1] = -1;
	world_kill_keeper(&w);
	int go = open(path, O_RDWR);
	ck_assert_int_eq(write(go, "\n", 1), 1);
	world_wait_gone(pid);
	/* Nobody but the manager has anything of it now. */
	struct kproto_instance is[4];
	unsigned count = 0;
	world_run_keeper(&w);
	world_greet(&w, is, &count, NULL);
	ck_assert_uint_eq(count, 1);
	if (is[0].pid == 0)
		ck_assert_int_eq(is[0].status, 9 << 8);
	else
		world_expect_end(&w, 1, 9 << 8);
	const char *text = world_read_log(&w, 1, "last words\n");
	ck_assert_ptr_null(strstr(text, "missing"));
	manager_take_all();
	ck_assert(!manager_has(pid_1) && manager_has(fifo_1));
	world_send_event(&w, KMSG_FORGET, 1, 1);
	while (manager_has(fifo_1)) {
		world_serve_node(&w);
		manager_take_all();
	}
	close(go);
	world_end(&w);
	manager_take_all();
	ck_assert(manager.is_stopping);
	close(manager.socket);
	unlink(manager.path);
}
END_TEST

int
main(void)
{
	world_is_root = geteuid() == 0;
	Suite *s = suite_create("adopt");
	TCase *t = tcase_create("all");
	tcase_set_timeout(t, 90);
	tcase_add_test(t, test_service_is_adopted);
	tcase_add_test(t, test_end_without_keeper_is_unknown);
	tcase_add_test(t, test_known_end_is_remembered);
	tcase_add_test(t, test_output_waits_for_the_next_logger);
	tcase_add_loop_test(t, test_hostile_is_killed_after_adoption, 0,
		(int)(sizeof hostile / sizeof *hostile));
	tcase_add_test(t, test_stray_is_left_alone);
	tcase_add_test(t, test_rest_of_a_group);
	tcase_add_test(t, test_record_of_another_version);
	tcase_add_test(t, test_broken_record);
	tcase_add_test(t, test_hung_helper_of_before_is_killed);
	tcase_add_loop_test(t, test_next_keeper_knows_what_is_no_answer, 0, 2);
	tcase_add_test(t, test_reexec);
	tcase_add_test(t, test_reexec_is_refused);
	tcase_add_test(t, test_systemd_keeps_what_would_be_lost);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
