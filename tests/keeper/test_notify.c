/* What services say of themselves. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "stranger.h"
#include "sys/clock.h"
#include "world.h"

#define POLICY "allowed_users = nobody\n"
#define SAY    "\"$0\"" /* in a script: the notifier */

static struct world w;

/* Starts a script whose $0 is the notifier. */
static pid_t
start(struct kproto_start *s, const char *script)
{
	char notifier[128];
	snprintf(notifier, sizeof notifier, "%s/notifier", w.dir);
	s->working_dir = w.dir;
	s->readiness = s->readiness ? s->readiness : KREADY_NOTIFY;
	world_send_start(&w, s, 1,
		(const char *const[]){"/bin/sh", "-c", script, notifier, NULL},
		-1);
	return (pid_t)world_expect_event(&w, KMSG_STARTED).value;
}

static struct kproto_news
expect_news(enum kproto_news_kind kind)
{
	struct kproto_news n = world_expect_news(&w, kind);
	ck_assert_uint_eq(n.iid, 1);
	return n;
}

START_TEST(test_words)
{
	struct kproto_start s = {.epoch = 7};
	world_start(&w, POLICY);
	start(&s, SAY " 'STATUS=warming up' EXTEND_TIMEOUT_USEC=3000000; " SAY
		      " -s FDSTORE=1; " SAY " -x; " SAY " -l READY=1; " SAY
		      " READY=1; " SAY " RELOADING=1; " SAY " READY=1; " SAY
		      " STOPPING=1; echo said.; exec sleep "
		      "1000");
	ck_assert_str_eq(expect_news(KNEWS_STATUS).text, "warming up");
	struct kproto_news n = expect_news(KNEWS_EXTEND);
	ck_assert_int_eq(n.number, 3000);
	ck_assert_uint_eq(n.epoch, 7);
	expect_news(KNEWS_READY);
	expect_news(KNEWS_RELOADING);
	expect_news(KNEWS_STOPPING);
	world_read_log(&w, 1, "said.\n");
	world_send_event(&w, KMSG_KILL, 1, 7);
	world_expect_end(&w, 1, SIGKILL);
	world_end(&w);
}
END_TEST

static const struct {
	const char *text;
	int answer;
} answers[] = {
	{"X_SKEP_HANDOFF=restart", KANSWER_RESTART},
	{"X_SKEP_HANDOFF=ignore", KANSWER_IGNORE},
};

/* Said before the signal it is no answer; said behind it, it is. */
START_TEST(test_answers_to_the_handoff_signal)
{
	struct kproto_start s = {.has_handoff = true};
	struct kproto_signal usr1 = {
		1, 1, SIGUSR1, KTARGET_MAIN, true, false, 0};
	char script[256];
	world_start(&w, POLICY);
	snprintf(script, sizeof script,
		"trap '" SAY " %s' USR1; " SAY " %s; " SAY " READY=1; "
		"while :; do sleep 0.05; done",
		answers[_i].text, answers[_i].text);
	start(&s, script);
	expect_news(KNEWS_READY);
	world_send_signal(&w, &usr1);
	struct kproto_event e = world_expect_event(&w, KMSG_ANSWER);
	ck_assert_int_eq(e.value, answers[_i].answer);
	world_end(&w);
}
END_TEST

/* A descriptor that came along is not kept. */
START_TEST(test_no_descriptor_stays)
{
	char command[128];
	struct kproto_start s = {0};
	world_start(&w, POLICY);
	start(&s, SAY " READY=1; i=0; while [ $i -lt 20 ]; do i=$((i+1)); " SAY
		      " -s FDSTORE=1 FDNAME=a; done; echo done.; "
		      "exec sleep 1000");
	expect_news(KNEWS_READY);
	world_read_log(&w, 1, "done.\n");
	snprintf(command, sizeof command,
		"test $(ls /proc/%d/fd | wc -l) -lt 40", (int)w.keeper);
	ck_assert_int_eq(system(command), 0);
	world_end(&w);
}
END_TEST

/* One whose end takes long holds its sender, and nobody else. */
START_TEST(test_slow_descriptor)
{
	struct kproto_start s = {0}, other = {0};
	world_start(&w, POLICY);
	start(&s, SAY " READY=1; " SAY " -w FDSTORE=1; echo sent.; "
		      "exec sleep 1000");
	expect_news(KNEWS_READY);
	world_read_log(&w, 1, "sent.\n");
	mono began = clock_mono();
	world_send_start(&w, &other, 2, SH("exec sleep 1000"), -1);
	world_expect(&w, KMSG_STARTED);
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect_end(&w, 1, SIGKILL);
	ck_assert_int_lt(mono_diff(clock_mono(), began), 10000);
	world_end(&w);
}
END_TEST

/* Lets the script go on that waits for it. */
static void
open_gate(const char *name)
{
	char gate[128];
	snprintf(gate, sizeof gate, "%s/%s", w.dir, name);
	close(open(gate, O_CREAT | O_WRONLY, 0644));
}

static int
count_keeper_fds(void)
{
	char command[128];
	int count = -1;
	snprintf(command, sizeof command, "ls /proc/%d/fd | wc -l",
		(int)w.keeper);
	FILE *out = popen(command, "r");
	ck_assert(out && fscanf(out, "%d", &count) == 1);
	pclose(out);
	return count;
}

static void
name_socket(char out[128])
{
	snprintf(out, 128, "%s/run/notify/0000000000000001", w.dir);
}

/* Sends messages with eight descriptors each; how many, in at most a second. */
static int
send_many(int fd, int count)
{
	char path[128];
	int sent = 0;
	mono end = mono_add(clock_mono(), 1000);
	name_socket(path);
	while (sent < count && !mono_reached(end, clock_mono()))
		if (stranger_send(path, "READY=1", fd, 8))
			sent++;
		else
			usleep(1000);
	return sent;
}

#define GATES                                                                  \
	"while [ ! -e gate ]; do " SAY " WATCHDOG=1; sleep 0.05; done; " SAY   \
	" STATUS=heard; echo done.; while [ ! -e end ]; do sleep 0.05; done"

/* What strangers send, and how long it takes to close that, keeps nobody from
 * being heard. */
START_TEST(test_strangers_who_linger)
{
	struct kproto_start s = {.watchdog_ms = 60000}, again = {.epoch = 2};
	world_start(&w, POLICY);
	start(&s, SAY " READY=1; " GATES);
	expect_news(KNEWS_READY);
	int before = count_keeper_fds();
	int fd = stranger_linger();
	ck_assert_int_eq(send_many(fd, 100), 100);
	close(fd);
	open_gate("gate");
	ck_assert_str_eq(expect_news(KNEWS_STATUS).text, "heard");
	ck_assert_int_lt(count_keeper_fds(), before + 10);
	open_gate("end");
	world_expect_end(&w, 1, 0);
	start(&again, SAY " READY=1; exec sleep 1000");
	expect_news(KNEWS_READY);
	world_send_event(&w, KMSG_KILL, 1, 2);
	world_expect_end(&w, 1, SIGKILL);
	world_end(&w);
}
END_TEST

/* Sends files that no close() of comes back from, in a process of its own: its
 * end takes as long as theirs. */
static pid_t
send_stuck(const char *dir, int count, int least)
{
	char path[160];
	int said[2];
	char is_good = 0;
	ck_assert_int_eq(pipe(said), 0);
	pid_t pid = fork();
	if (pid == 0) {
		snprintf(path, sizeof path, "%s/f", dir);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		is_good = fd >= 0 && send_many(fd, count) >= least;
		(void)!write(said[1], &is_good, 1);
		_exit(0);
	}
	ck_assert_int_eq(read(said[0], &is_good, 1), 1);
	ck_assert_int_eq(is_good, 1);
	close(said[0]);
	close(said[1]);
	return pid;
}

/* Not even when they cannot be closed at all: they hold neither the keeper, nor
 * what it starts meanwhile, nor the service as long as they are not too many;
 * and then those that wait in the socket do not hold its end. */
START_TEST(test_strangers_who_are_stuck)
{
	char dir[128];
	struct kproto_start s = {.watchdog_ms = 60000}, other = {0};
	struct kproto_start again = {.epoch = 2};
	world_start(&w, POLICY);
	snprintf(dir, sizeof dir, "%s/stuck", w.dir);
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	pid_t server = stranger_serve(dir);
	if (server == 0) {
		world_end(&w);
		return;
	}
	start(&s, SAY " READY=1; " GATES);
	expect_news(KNEWS_READY);
	mono began = clock_mono();
	int before = count_keeper_fds();
	send_stuck(dir, 20, 20);
	world_send_start(&w, &other, 2, SH("exec sleep 1000"), -1);
	world_expect(&w, KMSG_STARTED);
	open_gate("gate");
	ck_assert_str_eq(expect_news(KNEWS_STATUS).text, "heard");
	ck_assert_int_lt(count_keeper_fds(), before + 60);
	/* Its barrier is behind it. */
	world_read_log(&w, 1, "done.\n");
	send_stuck(dir, 30, 12);
	open_gate("end");
	world_expect_end(&w, 1, 0);
	start(&again, "exec sleep 1000");
	world_send_event(&w, KMSG_KILL, 1, 2);
	world_expect_end(&w, 1, SIGKILL);
	ck_assert_int_lt(mono_diff(clock_mono(), began), 20000);
	kill(server, SIGKILL);
	umount2(dir, MNT_DETACH);
	world_end(&w);
}
END_TEST

START_TEST(test_ready_only_where_it_counts)
{
	struct kproto_start s = {
		.readiness = KREADY_PROBE, .watchdog_ms = 60000};
	world_start(&w, POLICY);
	start(&s, SAY " READY=1; echo $WATCHDOG_USEC $WATCHDOG_PID $$.; "
		      "exit 0");
	const char *text = world_read_log(&w, 1, ".\n");
	unsigned pid = 0, own = 1;
	ck_assert_int_eq(sscanf(text, "60000000 %u %u.", &pid, &own), 2);
	ck_assert_uint_eq(pid, own);
	world_expect_end(&w, 1, 0);
	world_end(&w);
}
END_TEST

static void
send_forged(const char *text)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof a.sun_path,
		"%s/run/notify/0000000000000001", w.dir);
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(sendto(s, text, strlen(text), 0, (struct sockaddr *)&a,
				 sizeof a),
		(ssize_t)strlen(text));
	close(s);
}

START_TEST(test_forged)
{
	char gate[128], text[64];
	struct kproto_start s = {0};
	world_start(&w, POLICY);
	pid_t pid = start(&s, "while [ ! -e gate ]; do sleep 0.02; done; " SAY
			      " STATUS=own; exec sleep 1000");
	send_forged("READY=1\nSTATUS=forged");
	snprintf(text, sizeof text, "MAINPID=%d", (int)getpid());
	send_forged(text);
	snprintf(gate, sizeof gate, "%s/gate", w.dir);
	close(open(gate, O_CREAT | O_WRONLY, 0644));
	/* Nothing came of what came before. */
	ck_assert_str_eq(expect_news(KNEWS_STATUS).text, "own");
	kill(pid, SIGKILL);
	world_expect_end(&w, 1, SIGKILL);
	world_end(&w);
}
END_TEST

START_TEST(test_flood_of_status)
{
	struct kproto_start s = {0};
	unsigned count = 0;
	world_start(&w, POLICY);
	start(&s, "i=0; while [ $i -lt 100 ]; do i=$((i+1)); " SAY
		  " STATUS=$i; done; " SAY " STATUS=last; exec sleep 1000");
	for (;;) {
		struct kproto_news n = expect_news(KNEWS_STATUS);
		count++;
		if (strcmp(n.text, "last") == 0)
			break;
	}
	ck_assert_uint_lt(count, 100);
	world_end(&w);
}
END_TEST

START_TEST(test_main_pid)
{
	struct kproto_start s = {0};
	world_start(&w, POLICY);
	/* As a daemon that leaves its first process behind. */
	pid_t first = start(&s, "sleep 1000 & echo $! > heir; " SAY
				" MAINPID=$! READY=1; exit 0");
	int64_t told = expect_news(KNEWS_MAIN).number;
	expect_news(KNEWS_READY);
	pid_t heir = world_read_pid(&w, "heir");
	ck_assert_int_eq(told, heir);
	ck_assert_int_ne(first, heir);
	world_wait_gone(first);
	struct kproto_signal term = {
		1, 1, SIGTERM, KTARGET_MAIN, false, false, 0};
	world_send_signal(&w, &term);
	world_expect_end(&w, 1, SIGTERM);
	world_end(&w);
}
END_TEST

START_TEST(test_main_pid_of_another)
{
	char script[256];
	struct kproto_start s = {0};
	world_start(&w, POLICY);
	snprintf(script, sizeof script,
		SAY " MAINPID=1 READY=1; " SAY " MAINPID=%d; exit 3",
		(int)getpid());
	start(&s, script);
	expect_news(KNEWS_READY);
	world_expect_end(&w, 1, 3 << 8);
	world_end(&w);
}
END_TEST

START_TEST(test_next_keeper_listens)
{
	struct kproto_instance is[4];
	unsigned count = 0;
	char gate[128];
	struct kproto_start s = {0};
	world_start(&w, POLICY);
	pid_t pid = start(&s, "while [ ! -e gate ]; do sleep 0.02; done; " SAY
			      " READY=1; exec sleep 1000");
	world_kill_keeper(&w);
	world_run_keeper(&w);
	world_greet(&w, is, &count, NULL);
	ck_assert_uint_eq(count, 1);
	ck_assert(!is[0].is_ready);
	snprintf(gate, sizeof gate, "%s/gate", w.dir);
	close(open(gate, O_CREAT | O_WRONLY, 0644));
	expect_news(KNEWS_READY);
	/* A node that comes later hears it too, until it has said so. */
	world_kill_keeper(&w);
	world_run_keeper(&w);
	world_greet(&w, is, &count, NULL);
	ck_assert(!is[0].is_ready);
	expect_news(KNEWS_READY);
	world_send_event(&w, KMSG_READY, 1, 1);
	world_send_event(&w, KMSG_FORGET, 1, 1);
	world_expect_failure(&w, KMSG_REFUSED);
	world_kill_keeper(&w);
	world_run_keeper(&w);
	world_greet(&w, is, &count, NULL);
	ck_assert(is[0].is_ready);
	kill(pid, SIGKILL);
	world_expect(&w, KMSG_EXITED);
	world_expect(&w, KMSG_EMPTY);
	world_end(&w);
}
END_TEST

START_TEST(test_watchdog)
{
	struct kproto_start s = {.watchdog_ms = 2500};
	world_start(&w, POLICY);
	/* Longer than its period, and then no more. */
	start(&s, SAY " READY=1; i=0; while [ $i -lt 30 ]; do i=$((i+1)); " SAY
		      " WATCHDOG=1; sleep 0.1; done; " SAY
		      " STATUS=tired; exec sleep 1000");
	expect_news(KNEWS_READY);
	expect_news(KNEWS_STATUS);
	struct kproto_news n = expect_news(KNEWS_WATCHDOG);
	ck_assert_str_eq(n.text, "watchdog: no WATCHDOG=1 for 2500ms");
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect_end(&w, 1, SIGKILL);
	world_end(&w);
}
END_TEST

START_TEST(test_watchdog_trigger)
{
	struct kproto_start s = {.watchdog_ms = 60000};
	world_start(&w, POLICY);
	start(&s, SAY " READY=1; " SAY " WATCHDOG=trigger; " SAY
		      " WATCHDOG=trigger; exec sleep 1000");
	expect_news(KNEWS_READY);
	expect_news(KNEWS_WATCHDOG);
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect_end(&w, 1, SIGKILL);
	world_end(&w);
}
END_TEST

static const struct {
	uint8_t fd;
	const char *script;
} ready_fds[] = {
	{3, "echo >&3; exec sleep 1000"},
	{9, "echo not yet; printf part >&9; echo >&9; exec sleep 1000"},
	/* Where the lock goes otherwise. */
	{64, "exec /bin/bash -c 'echo ok >&64; exec sleep 1000'"},
};

START_TEST(test_ready_fd)
{
	struct kproto_start s = {
		.readiness = KREADY_FD, .ready_fd = ready_fds[_i].fd};
	world_start(&w, POLICY);
	start(&s, ready_fds[_i].script);
	expect_news(KNEWS_READY);
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect_end(&w, 1, SIGKILL);
	world_end(&w);
}
END_TEST

START_TEST(test_ready_fd_without_a_line)
{
	struct kproto_start s = {.readiness = KREADY_FD, .ready_fd = 5};
	world_start(&w, POLICY);
	start(&s, "printf half >&5; exec 5>&-; exit 0");
	world_expect_end(&w, 1, 0);
	world_end(&w);
}
END_TEST

START_TEST(test_ready_fd_outlives_the_keeper)
{
	struct kproto_instance is[4];
	unsigned count = 0;
	char gate[128];
	struct kproto_start s = {.readiness = KREADY_FD, .ready_fd = 5};
	world_start(&w, POLICY);
	start(&s, "while [ ! -e gate ]; do sleep 0.02; done; echo >&5; "
		  ": > written; exec sleep 1000");
	world_kill_keeper(&w);
	snprintf(gate, sizeof gate, "%s/gate", w.dir);
	close(open(gate, O_CREAT | O_WRONLY, 0644));
	snprintf(gate, sizeof gate, "%s/written", w.dir);
	mono end = mono_add(clock_mono(), WORLD_WAIT_MS);
	while (access(gate, F_OK) < 0)
		ck_assert(!mono_reached(end, clock_mono()));
	world_run_keeper(&w);
	world_greet(&w, is, &count, NULL);
	expect_news(KNEWS_READY);
	world_end(&w);
}
END_TEST

START_TEST(test_ready_line)
{
	struct kproto_instance is[4];
	unsigned count = 0;
	struct kproto_start s = {
		.readiness = KREADY_LOG_LINE, .ready_line = "^up [0-9]"};
	world_start(&w, POLICY);
	start(&s, "echo up 1; exec sleep 1000");
	world_read_log(&w, 1, "up 1\n");
	ck_assert_str_eq(w.ready_line, "^up [0-9]");
	/* The next skepd and its logger know it too. */
	world_kill_keeper(&w);
	w.ready_line[0] = 0;
	world_run_keeper(&w);
	world_greet(&w, is, &count, NULL);
	while (!w.ready_line[0])
		world_serve(&w);
	ck_assert_str_eq(w.ready_line, "^up [0-9]");
	world_send_matched(&w, 1, 2);
	world_send_matched(&w, 1, 1);
	world_send_matched(&w, 1, 1);
	expect_news(KNEWS_READY);
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect(&w, KMSG_EXITED);
	world_expect(&w, KMSG_EMPTY);
	/* A start without a line. */
	struct kproto_start plain = {.epoch = 2, .readiness = KREADY_PROBE};
	start(&plain, "exec sleep 1000");
	world_send_matched(&w, 1, 2);
	world_send_event(&w, KMSG_KILL, 1, 2);
	world_expect_end(&w, 1, SIGKILL);
	world_end(&w);
}
END_TEST

int
main(void)
{
	world_is_root = geteuid() == 0;
	Suite *s = suite_create("notify");
	TCase *t = tcase_create("all");
	tcase_set_timeout(t, 90);
	tcase_add_test(t, test_words);
	tcase_add_loop_test(t, test_answers_to_the_handoff_signal, 0,
		(int)(sizeof answers / sizeof *answers));
	tcase_add_test(t, test_no_descriptor_stays);
	tcase_add_test(t, test_slow_descriptor);
	tcase_add_test(t, test_strangers_who_linger);
	tcase_add_test(t, test_strangers_who_are_stuck);
	tcase_add_test(t, test_ready_only_where_it_counts);
	tcase_add_test(t, test_forged);
	tcase_add_test(t, test_flood_of_status);
	tcase_add_test(t, test_main_pid);
	tcase_add_test(t, test_main_pid_of_another);
	tcase_add_test(t, test_next_keeper_listens);
	tcase_add_test(t, test_ready_line);
	tcase_add_test(t, test_watchdog);
	tcase_add_test(t, test_watchdog_trigger);
	tcase_add_loop_test(t, test_ready_fd, 0,
		(int)(sizeof ready_fds / sizeof *ready_fds));
	tcase_add_test(t, test_ready_fd_without_a_line);
	tcase_add_test(t, test_ready_fd_outlives_the_keeper);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
