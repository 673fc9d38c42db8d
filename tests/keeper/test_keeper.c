/* skepd as its helpers and services see it: the real program, real processes.
 * What needs root is left out without it, and said. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/clock.h"
#include "world.h"

#define POLICY "allowed_users = nobody\n"

static struct world w;

START_TEST(test_start_exit_empty)
{
	world_start(&w, POLICY);
	world_start_script(&w, 1, "exit 3");
	world_expect_end(&w, 1, 3 << 8);
	/* The same iid again, with a later epoch only. */
	struct kproto_start s = {.epoch = 1};
	world_send_start(&w, &s, 1, SH("exit 0"), -1);
	ck_assert_str_eq(world_expect_failure(&w, KMSG_REFUSED).step, "epoch");
	s.epoch = 2;
	world_send_start(&w, &s, 1, SH("exit 0"), -1);
	ck_assert_uint_eq(world_expect_event(&w, KMSG_STARTED).epoch, 2);
	world_expect_end(&w, 1, 0);
	world_send_event(&w, KMSG_FORGET, 1, 2);
	world_send_event(&w, KMSG_FORGET, 1, 2);
	ck_assert_int_eq(world_expect_failure(&w, KMSG_REFUSED).code, ENOENT);
	world_end(&w);
}
END_TEST

START_TEST(test_start_while_running_is_busy)
{
	world_start(&w, POLICY);
	world_start_script(&w, 1, "exec sleep 1000");
	struct kproto_start s = {.epoch = 2};
	world_send_start(&w, &s, 1, SH("exit 0"), -1);
	struct kproto_failure f = world_expect_failure(&w, KMSG_START_FAILED);
	ck_assert_uint_eq(f.blame, KBLAME_BUSY);
	ck_assert_uint_eq(f.epoch, 2);
	world_send_event(&w, KMSG_KILL, 1, 2);
	ck_assert_int_eq(world_expect_failure(&w, KMSG_REFUSED).code, ESTALE);
	world_send_event(&w, KMSG_FORGET, 1, 1);
	ck_assert_int_eq(world_expect_failure(&w, KMSG_REFUSED).code, EBUSY);
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect_end(&w, 1, SIGKILL);
	world_end(&w);
}
END_TEST

/* A start that must fail, and how. */
struct bad_start {
	const char *program;
	const char *user;
	const char *group;
	const char *env_file;
	const char *working_dir;
	int nice;
	int oom;
	const char *policy; /* NULL: POLICY */
	uint8_t blame;
	int code;
	const char *step;
	const char *words; /* in the text */
	bool needs_root;
};

static const struct bad_start bad_starts[] = {
	{.program = "/nonexistent/program",
		.blame = KBLAME_HOST,
		.code = ENOENT,
		.step = "exec",
		.words = "/nonexistent/program"},
	{.program = "no-such-program-in-path",
		.blame = KBLAME_HOST,
		.code = ENOENT,
		.step = "exec",
		.words = "PATH"},
	{.program = "/etc/passwd",
		.blame = KBLAME_HOST,
		.code = EACCES,
		.step = "exec",
		.words = "/etc/passwd"},
	{.user = "no-such-user",
		.blame = KBLAME_HOST,
		.code = ENOENT,
		.step = "user",
		.words = "no-such-user"},
	{.group = "no-such-group",
		.blame = KBLAME_HOST,
		.code = ENOENT,
		.step = "user",
		.words = "no-such-group"},
	{.working_dir = "/nonexistent",
		.blame = KBLAME_HOST,
		.code = ENOENT,
		.step = "working_dir",
		.words = "/nonexistent"},
	{.env_file = "/nonexistent",
		.blame = KBLAME_HOST,
		.code = ENOENT,
		.step = "env_file",
		.words = "/nonexistent"},
	{.env_file = "/etc/shadow",
		.blame = KBLAME_HOST,
		.code = EACCES,
		.step = "env_file",
		.words = "/etc/shadow",
		.needs_root = true},
	{.user = "root",
		.blame = KBLAME_POLICY,
		.code = EPERM,
		.step = "policy",
		.words = "allow_root",
		.needs_root = true},
	{.policy = "allowed_users =\n",
		.blame = KBLAME_POLICY,
		.code = EPERM,
		.step = "policy",
		.words = "allowed_users",
		.needs_root = true},
	{.group = "root",
		.blame = KBLAME_POLICY,
		.code = EPERM,
		.step = "policy",
		.words = "allowed_groups",
		.needs_root = true},
	{.nice = -5,
		.blame = KBLAME_POLICY,
		.code = EPERM,
		.step = "policy",
		.words = "allow_raise"},
	{.oom = -100,
		.blame = KBLAME_POLICY,
		.code = EPERM,
		.step = "policy",
		.words = "allow_raise"},
	{.policy = POLICY "allowed_paths = /usr/lib/skep-none\n",
		.blame = KBLAME_POLICY,
		.code = EPERM,
		.step = "policy",
		.words = "allowed_paths"},
};

START_TEST(test_bad_start)
{
	const struct bad_start *b = &bad_starts[_i];
	if (b->needs_root && !world_is_root)
		return;
	world_start(&w, b->policy ? b->policy : POLICY);
	struct kproto_start s = {
		.user = b->user,
		.group = b->group,
		.env_file = b->env_file,
		.working_dir = b->working_dir,
		.nice = b->nice,
		.oom_score_adj = b->oom,
	};
	const char *argv[] = {b->program ? b->program : "/bin/true", NULL};
	world_send_start(&w, &s, 1, argv, -1);
	struct kproto_failure f = world_expect_failure(&w, KMSG_START_FAILED);
	ck_assert_str_eq(f.step, b->step);
	ck_assert_uint_eq(f.blame, b->blame);
	ck_assert_int_eq(f.code, b->code);
	ck_assert_msg(strstr(f.text, b->words), "%s", f.text);
	world_expect_event(&w, KMSG_EMPTY);
	world_send_event(&w, KMSG_FORGET, 1, 1);
	world_end(&w);
}
END_TEST

START_TEST(test_kill_leaves_nothing)
{
	world_start(&w, POLICY);
	world_start_script(&w, 1,
		"trap '' TERM; sleep 1000 & echo $! > child; sleep 1000");
	pid_t child = world_read_pid(&w, "child");
	world_send_signal(&w,
		&(struct kproto_signal){1, 1, SIGTERM, KTARGET_MAIN, 0, 0, 0});
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect_end(&w, 1, SIGKILL);
	world_wait_gone(child);
	world_end(&w);
}
END_TEST

START_TEST(test_leader_alone_is_not_empty)
{
	world_start(&w, POLICY);
	bool tracks = w.welcome.tracks_cgroups;
	/* Only a cgroup holds what went to a session of its own. */
	world_start_script(&w, 1,
		tracks ? "(setsid sleep 1000 & echo $! > child); exit 5"
		       : "sleep 1000 & echo $! > child; exit 5");
	ck_assert_int_eq(world_expect_event(&w, KMSG_EXITED).value, 5 << 8);
	pid_t child = world_read_pid(&w, "child");
	ck_assert_int_eq(kill(child, 0), 0);
	struct kproto_start s = {.epoch = 2};
	world_send_start(&w, &s, 1, SH("exit 0"), -1);
	ck_assert_uint_eq(
		world_expect_failure(&w, KMSG_START_FAILED).blame, KBLAME_BUSY);
	ck_assert_int_eq(kill(child, 0), 0);
	kill(child, SIGKILL);
	world_expect_event(&w, KMSG_EMPTY);
	world_end(&w);
}
END_TEST

START_TEST(test_signals_reach_all_or_one)
{
	world_start(&w, POLICY);
	world_start_script(&w, 1,
		"sh -c 'trap \"echo child; exit 0\" USR2; echo $$ > child;"
		"while :; do sleep 0.05; done' & "
		"trap 'echo main' USR2; while :; do sleep 0.05; done");
	world_read_pid(&w, "child");
	world_send_signal(&w,
		&(struct kproto_signal){1, 1, SIGUSR2, KTARGET_MAIN, 0, 0, 0});
	const char *text = world_read_log(&w, 1, "main");
	ck_assert_ptr_null(strstr(text, "child"));
	world_send_signal(&w,
		&(struct kproto_signal){1, 1, SIGUSR2, KTARGET_ALL, 0, 0, 0});
	world_read_log(&w, 1, "child");
	world_send_signal(
		&w, &(struct kproto_signal){1, 1, 99, KTARGET_MAIN, 0, 0, 0});
	ck_assert_int_eq(world_expect_failure(&w, KMSG_REFUSED).code, EINVAL);
	world_end(&w);
}
END_TEST

START_TEST(test_child_is_clean)
{
	char program[128], home[256];
	/* What leaks into skepd must not leak on. */
	int leak = open("/dev/null", O_RDONLY);
	ck_assert_int_ge(dup2(leak, 77), 0);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	struct sched_param none = {.sched_priority = 0};
	ck_assert_int_eq(sched_setscheduler(0, SCHED_BATCH, &none), 0);
	world_start(&w, POLICY);
	struct kproto_start s = {
		.umask = 027,
		.nice = 3,
		.oom_score_adj = 500,
		.no_new_privileges = true,
		.rlimits = {{RLIMIT_NOFILE, 100, 200}},
		.rlimit_count = 1,
		.working_dir = "/usr",
	};
	snprintf(program, sizeof program, "%s/probe", w.dir);
	world_send_start(&w, &s, 1, (const char *const[]){program, NULL}, -1);
	world_expect(&w, KMSG_STARTED);
	const char *text = world_read_log(&w, 1, "end\n");
	world_ck_line(text, "fds 0 1 2 64\n"); /* its lock */
	world_ck_line(text, "SigBlk:\t0000000000000000\n");
	world_ck_line(text, "SigIgn:\t0000000000000000\n");
	world_ck_line(text, "NoNewPrivs:\t1\n");
	world_ck_line(text, "nofile 100 200\n");
	world_ck_line(text, "umask 027\n");
	world_ck_line(text, "nice 3\n");
	world_ck_line(text, "policy 0\n");
	world_ck_line(text, "leads 1\n");
	world_ck_line(text, "cwd /usr\n");
	world_ck_line(text, "leak no\n");
	world_ck_line(text, "oom 500\n");
	if (world_is_root) {
		world_ck_line(text, "ids 65534 65534 65534 65534\n");
		snprintf(home, sizeof home, "home /nonexistent\n");
		world_ck_line(text, home);
	}
	world_expect_end(&w, 1, 0);
	world_end(&w);
}
END_TEST

static void
limit_files(void)
{
	struct rlimit l;
	getrlimit(RLIMIT_NOFILE, &l);
	l.rlim_cur = 128;
	setrlimit(RLIMIT_NOFILE, &l);
}

/* skepd uses all the descriptors that it may have; a service has the limit
 * that skepd was given, as if it stood there alone. */
START_TEST(test_limit_of_files)
{
	enum { MANY = 60 };
	char program[128], want[64];
	struct rlimit l;
	getrlimit(RLIMIT_NOFILE, &l);
	world_prepare(&w, POLICY);
	w.before_exec = limit_files;
	world_run_keeper(&w);
	world_greet(&w, NULL, NULL, NULL);
	for (uint64_t iid = 100; iid < 100 + MANY; iid++) {
		struct kproto_start s = {.log.target = KLOG_NULL};
		world_send_start(&w, &s, iid, SH("exec sleep 1000"), -1);
		world_expect(&w, KMSG_STARTED);
	}
	snprintf(program, sizeof program, "%s/probe", w.dir);
	world_send_start(&w, &(struct kproto_start){0}, 1,
		(const char *const[]){program, NULL}, -1);
	world_expect(&w, KMSG_STARTED);
	const char *text = world_read_log(&w, 1, "end\n");
	snprintf(want, sizeof want, "nofile 128 %ld\n", (long)l.rlim_max);
	world_ck_line(text, want);
	world_expect_end(&w, 1, 0);
	world_end(&w);
}
END_TEST

START_TEST(test_env_file)
{
	char path[128];
	world_start(&w, POLICY);
	snprintf(path, sizeof path, "%s/env", w.dir);
	FILE *f = fopen(path, "w");
	fputs("# comment\nA=plain\nB = \"two words\"\n\nPATH=/bin\n", f);
	fclose(f);
	struct kproto_start s = {.env_file = path};
	world_send_start(&w, &s, 1, SH("echo \"$A|$B|$PATH.\"; exit 0"), -1);
	world_expect(&w, KMSG_STARTED);
	world_read_log(&w, 1, "plain|two words|/bin.\n");
	world_expect_end(&w, 1, 0);
	f = fopen(path, "w");
	fputs("A=1\nnonsense\n", f);
	fclose(f);
	s.epoch = 2;
	world_send_start(&w, &s, 1, SH("exit 0"), -1);
	struct kproto_failure e = world_expect_failure(&w, KMSG_START_FAILED);
	ck_assert_str_eq(e.step, "env_file");
	ck_assert_msg(strstr(e.text, "line 2"), "%s", e.text);
	world_end(&w);
}
END_TEST

START_TEST(test_logger_death_loses_nothing)
{
	world_start(&w, POLICY);
	world_start_script(&w, 1,
		"i=0; while [ $i -lt 400 ]; do i=$((i+1)); "
		"echo line $i.; sleep 0.002; done; "
		"echo all; exec sleep 1000");
	char *first = strdup(world_read_log(&w, 1, "line 20."));
	pid_t old = w.logger_pid;
	close(w.log_fds[1]);
	w.log_fds[1] = -1;
	kill(old, SIGKILL);
	char *second = world_read_log(&w, 1, "all\n");
	ck_assert_int_ne(w.logger_pid, old);
	size_t size = strlen(first) + strlen(second) + 1;
	char *whole = malloc(size);
	snprintf(whole, size, "%s%s", first, second);
	char *at = whole;
	for (int i = 1; i <= 400; i++) {
		char line[32];
		int n = snprintf(line, sizeof line, "line %d.\n", i);
		ck_assert_msg(strncmp(at, line, (size_t)n) == 0,
			"line %d is lost", i);
		at += n;
	}
	free(whole);
	free(first);
	world_end(&w);
}
END_TEST

/* The child of a failed start may be there still when its FORGET comes; a few
 * tries, for it is a race. */
START_TEST(test_failed_start_is_forgotten)
{
	world_start(&w, POLICY);
	for (uint64_t iid = 1; iid <= 15; iid++) {
		struct kproto_start s = {.epoch = 1};
		const char *argv[] = {"/nowhere/nothing", NULL};
		world_send_start(&w, &s, iid, argv, -1);
		world_expect_failure(&w, KMSG_START_FAILED);
		world_send_event(&w, KMSG_FORGET, iid, 1);
		ck_assert_uint_eq(world_expect_event(&w, KMSG_EMPTY).iid, iid);
		world_send_event(&w, KMSG_KILL, iid, 1);
		struct kproto_failure f =
			world_expect_failure(&w, KMSG_REFUSED);
		ck_assert_str_eq(f.step, "kill");
		ck_assert_int_eq(f.code, ENOENT);
	}
	world_end(&w);
}
END_TEST

START_TEST(test_forget_waits_for_the_logger)
{
	memset(&w, 0, sizeof w);
	world_start(&w, POLICY);
	w.is_logger_mute = true;
	pid_t old = w.logger_pid;
	kill(old, SIGKILL);
	while (w.logger_pid == old)
		world_serve(&w);
	world_start_script(&w, 1, "echo last words");
	world_expect_end(&w, 1, 0);
	world_send_event(&w, KMSG_FORGET, 1, 1);
	world_send_event(&w, KMSG_FORGET, 1, 1);
	ck_assert_int_eq(world_expect_failure(&w, KMSG_REFUSED).code, ENOENT);
	ck_assert_int_lt(w.log_fds[1], 0);
	ipc_send(w.logger, KMSG_LOG_READY, (struct bytes){NULL, 0}, NULL, 0);
	world_read_log(&w, 1, "last words\n");
	while (!(w.log_closed & 2))
		world_serve(&w);
	world_end(&w);
}
END_TEST

static void
send_digesting(uint64_t digest)
{
	unsigned char body[8];
	struct writer b;
	writer_init(&b, body, sizeof body);
	writer_u64(&b, digest);
	ipc_send(w.node, KMSG_DIGESTING, writer_done(&b), NULL, 0);
}

START_TEST(test_node_death_is_told)
{
	struct kproto_instance is[4];
	struct kproto_crash crash = {0};
	unsigned count = 0;
	world_start(&w, POLICY);
	pid_t pid = world_start_script(&w, 1, "exec sleep 1000");
	for (uint32_t deaths = 1; deaths <= 2; deaths++) {
		send_digesting(4711);
		kill(w.node_pid, SIGKILL);
		close(w.node);
		w.node = -1;
		world_greet(&w, is, &count, &crash);
		ck_assert_uint_eq(w.welcome.node_restarts, deaths);
		ck_assert_int_eq(crash.status, SIGKILL);
		ck_assert_uint_eq(crash.digest, 4711);
		ck_assert_uint_eq(crash.in_a_row, deaths);
		ck_assert_uint_eq(count, 1);
		ck_assert_uint_eq(is[0].pid, (uint32_t)pid);
		ck_assert_uint_eq(is[0].epoch, 1);
		ck_assert(!is[0].is_empty && is[0].start_time != 0);
	}
	ck_assert_int_eq(kill(pid, 0), 0);
	world_end(&w);
}
END_TEST

static struct kproto_instance
next_node(void)
{
	struct kproto_instance is[4];
	unsigned count = 0;
	kill(w.node_pid, SIGKILL);
	close(w.node);
	w.node = -1;
	world_greet(&w, is, &count, NULL);
	ck_assert_uint_eq(count, 1);
	return is[0];
}

/* The next node hears which start failed, and which one ran. */
START_TEST(test_failed_start_is_told)
{
	const char *const missing[] = {"/nowhere/program", NULL};
	struct kproto_start s = {0};
	world_start(&w, POLICY);
	world_send_start(&w, &s, 1, missing, -1);
	world_expect(&w, KMSG_START_FAILED);
	world_expect(&w, KMSG_EMPTY);
	struct kproto_instance i = next_node();
	ck_assert(i.is_empty && i.pid == 0 && !i.has_run);
	s.epoch = 2;
	world_send_start(&w, &s, 1, SH("exit 0"), -1);
	world_expect(&w, KMSG_STARTED);
	world_expect_end(&w, 1, 0);
	i = next_node();
	ck_assert(i.is_empty && i.status == 0 && i.has_run);
	world_end(&w);
}
END_TEST

START_TEST(test_hung_node_is_replaced)
{
	struct kproto_instance is[4];
	unsigned count;
	world_start(&w, POLICY);
	pid_t pid = world_start_script(&w, 1, "exec sleep 1000");
	pid_t old = w.node_pid;
	mono end = mono_add(clock_mono(), WORLD_WAIT_MS);
	/* Its PINGs are left where they are. */
	while (w.node_pid == old) {
		ck_assert(!mono_reached(end, clock_mono()));
		world_serve(&w);
	}
	world_greet(&w, is, &count, NULL);
	ck_assert_uint_eq(is[0].pid, (uint32_t)pid);
	world_end(&w);
}
END_TEST

START_TEST(test_garbage_ends_the_node_only)
{
	static const uint16_t types[] = {
		KMSG_START, KMSG_SIGNAL, KMSG_KILL, KMSG_PONG, 4242};
	struct kproto_instance is[4];
	unsigned count;
	world_start(&w, POLICY);
	pid_t pid = world_start_script(&w, 1, "exec sleep 1000");
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct bytes garbage = {"\377\377garbage", 9};
		pid_t old = w.node_pid;
		ipc_send(w.node, types[i], garbage, NULL, 0);
		while (w.node_pid == old) {
			if (w.node >= 0)
				close(w.node);
			w.node = -1;
			world_serve(&w);
		}
		world_greet(&w, is, &count, NULL);
		ck_assert_uint_eq(is[0].pid, (uint32_t)pid);
	}
	world_end(&w);
}
END_TEST

START_TEST(test_handoff_signal_spares_the_unaware)
{
	struct kproto_signal usr1 = {
		1, 1, SIGUSR1, KTARGET_MAIN, true, false, 0};
	world_start(&w, POLICY);
	pid_t pid = world_start_script(&w, 1, "exec sleep 1000");
	world_send_signal(&w, &usr1);
	struct kproto_failure f = world_expect_failure(&w, KMSG_REFUSED);
	ck_assert_str_eq(f.step, "handoff");
	ck_assert_msg(strstr(f.text, "SIGUSR1"), "%s", f.text);
	ck_assert_int_eq(kill(pid, 0), 0);
	world_end(&w);
}
END_TEST

static const struct {
	const char *script;
	int answer;
	const char *left; /* when the next start begins */
} answers[] = {
	{"echo 42 > $SKEP_STATE_OUT.tmp; mv $SKEP_STATE_OUT.tmp "
	 "$SKEP_STATE_OUT",
		KANSWER_RESUME, "state.skep-unsealed\n.\n"},
	{": > $SKEP_STATE_OUT.restart", KANSWER_RESTART, ".\n"},
	/* A shell may take the next signal in the midst of this. */
	{"s=$SKEP_STATE_OUT; m=$n; n=2; "
	 "[ $m ] && : > $s.restart || : > $s.ignore",
		KANSWER_IGNORE, ".\n"},
};

START_TEST(test_handoff_answer)
{
	struct kproto_signal usr1 = {
		1, 1, SIGUSR1, KTARGET_MAIN, true, false, 0};
	char script[512];
	world_start(&w, POLICY);
	snprintf(script, sizeof script,
		"trap '%s' USR1; echo ready; while :; do sleep 0.05; done",
		answers[_i].script);
	world_start_script(&w, 1, script);
	world_read_log(&w, 1, "ready");
	world_send_signal(&w, &usr1);
	struct kproto_event e = world_expect_event(&w, KMSG_ANSWER);
	ck_assert_int_eq(e.value, answers[_i].answer);
	if (e.value == KANSWER_IGNORE) { /* asked again, it goes */
		world_send_signal(&w, &usr1);
		e = world_expect_event(&w, KMSG_ANSWER);
		ck_assert_int_eq(e.value, KANSWER_RESTART);
	}
	world_send_event(&w, KMSG_COLLECT, 1, 1);
	ck_assert_int_eq(world_expect_failure(&w, KMSG_REFUSED).code, EBUSY);
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect_end(&w, 1, SIGKILL);
	if (answers[_i].answer == KANSWER_RESUME) {
		char text[16] = "";
		world_send_event(&w, KMSG_COLLECT, 1, 1);
		world_expect_event(&w, KMSG_MOVER);
		ck_assert_uint_eq(w.message.fd_count, 1);
		int fd = w.message.fds[0];
		fcntl(fd, F_SETFL, 0);
		ck_assert_int_eq(read(fd, text, sizeof text - 1), 3);
		ck_assert_str_eq(text, "42\n");
		close(fd);
	}
	/* An old answer is not taken for a new one. */
	struct kproto_start s = {.epoch = 2, .has_handoff = true};
	world_send_start(&w, &s, 1,
		SH("ls -A $(dirname $SKEP_STATE_OUT); echo .; sleep 1000"), -1);
	/* What was collected and does not come back is kept for people. */
	if (answers[_i].answer == KANSWER_RESUME)
		world_expect_news(&w, KNEWS_ASIDE);
	world_expect(&w, KMSG_STARTED);
	ck_assert_str_eq(world_read_log(&w, 1, ".\n"), answers[_i].left);
	world_end(&w);
}
END_TEST

START_TEST(test_state_comes_in)
{
	world_start(&w, POLICY);
	int fd = memfd_create("state", 0);
	ck_assert_int_eq(write(fd, "17", 2), 2);
	lseek(fd, 0, SEEK_SET);
	struct kproto_start s = {
		.state_kind = "handoff",
		.state_age_ms = 5999,
	};
	world_send_start(&w, &s, 1,
		SH("cat $SKEP_STATE_IN; echo \" $SKEP_STATE_KIND "
		   "$SKEP_STATE_AGE\"; stat -c %a $SKEP_STATE_IN; exit 0"),
		fd);
	world_expect(&w, KMSG_STARTED);
	world_read_log(&w, 1, "17 handoff 5\n600\n");
	world_expect_end(&w, 1, 0);
	close(fd);
	world_end(&w);
}
END_TEST

START_TEST(test_start_is_bounded)
{
	char fifo[128];
	world_start(&w, POLICY);
	/* Opening a FIFO that nobody writes to never ends. */
	snprintf(fifo, sizeof fifo, "%s/blocks", w.dir);
	ck_assert_int_eq(mkfifo(fifo, 0666), 0);
	chmod(fifo, 0666);
	struct kproto_start s = {.env_file = fifo, .start_timeout_ms = 300};
	world_send_start(&w, &s, 1, SH("exit 0"), -1);
	struct kproto_failure f = world_expect_failure(&w, KMSG_START_FAILED);
	ck_assert_str_eq(f.step, "env_file");
	ck_assert_int_eq(f.code, ETIMEDOUT);
	world_expect_event(&w, KMSG_EMPTY);
	world_end(&w);
}
END_TEST

START_TEST(test_end_stops_services)
{
	world_start(&w, POLICY);
	pid_t meek = world_start_script(&w, 1, "exec sleep 1000");
	pid_t heir = world_start_script(&w, 2,
		"sleep 1000 & echo $! > child; "
		"trap 'exit 0' TERM; echo ready; wait");
	pid_t child = world_read_pid(&w, "child");
	world_read_log(&w, 2, "ready");
	world_end(&w);
	world_wait_gone(meek);
	world_wait_gone(heir);
	world_wait_gone(child);
}
END_TEST

START_TEST(test_hung_logger_is_replaced)
{
	world_start(&w, POLICY);
	pid_t pid = world_start_script(&w, 1, "exec sleep 1000");
	pid_t old = w.logger_pid;
	mono end = mono_add(clock_mono(), WORLD_WAIT_MS);
	/* Its PINGs are left where they are. */
	int hung = w.logger;
	w.logger = -1;
	while (w.logger_pid == old) {
		ck_assert(!mono_reached(end, clock_mono()));
		world_serve_node(&w);
	}
	close(hung);
	ck_assert_int_eq(kill(pid, 0), 0);
	world_end(&w);
}
END_TEST

START_TEST(test_two_keepers)
{
	int status;
	world_start(&w, POLICY);
	pid_t first = w.keeper;
	world_run_keeper(&w);
	ck_assert_int_eq(waitpid(w.keeper, &status, 0), w.keeper);
	ck_assert_int_eq(status, 1 << 8);
	w.keeper = first;
	world_start_script(&w, 1, "exit 0");
	world_expect_end(&w, 1, 0);
	world_end(&w);
}
END_TEST

/* The helpers may write into run_dir, and they may have been taken over. */
START_TEST(test_planted_fifo)
{
	char path[128];
	world_start(&w, POLICY);
	world_kill_keeper(&w);
	snprintf(path, sizeof path, "%s/run/node.crash", w.dir);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	world_run_keeper(&w);
	world_greet(&w, NULL, NULL, NULL);
	world_start_script(&w, 1, "exit 0");
	world_expect_end(&w, 1, 0);
	world_end(&w);
}
END_TEST

/* What is left of a removal that a crash cut short. */
START_TEST(test_leftovers_go)
{
	char path[128], file[160];
	struct stat st;
	world_start(&w, POLICY);
	world_kill_keeper(&w);
	snprintf(path, sizeof path, "%s/state/work/.0000000000000001.0", w.dir);
	snprintf(file, sizeof file, "%s/state", path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(mkdir(file, 0700), 0);
	world_run_keeper(&w);
	world_greet(&w, NULL, NULL, NULL);
	int64_t until = clock_mono().ms + WORLD_WAIT_MS;
	while (stat(path, &st) == 0 && clock_mono().ms < until)
		world_serve(&w);
	ck_assert_int_lt(stat(path, &st), 0);
	world_end(&w);
}
END_TEST

int
main(void)
{
	world_is_root = geteuid() == 0;
	if (!world_is_root)
		puts("not root: users, groups and /etc/shadow are left out");
	Suite *s = suite_create("keeper");
	TCase *t = tcase_create("all");
	tcase_set_timeout(t, 90);
	tcase_add_test(t, test_start_exit_empty);
	tcase_add_test(t, test_start_while_running_is_busy);
	tcase_add_loop_test(t, test_bad_start, 0,
		(int)(sizeof bad_starts / sizeof *bad_starts));
	tcase_add_test(t, test_kill_leaves_nothing);
	tcase_add_test(t, test_leader_alone_is_not_empty);
	tcase_add_test(t, test_signals_reach_all_or_one);
	tcase_add_test(t, test_child_is_clean);
	tcase_add_test(t, test_limit_of_files);
	tcase_add_test(t, test_env_file);
	tcase_add_test(t, test_logger_death_loses_nothing);
	tcase_add_test(t, test_failed_start_is_forgotten);
	tcase_add_test(t, test_forget_waits_for_the_logger);
	tcase_add_test(t, test_node_death_is_told);
	tcase_add_test(t, test_failed_start_is_told);
	tcase_add_test(t, test_hung_node_is_replaced);
	tcase_add_test(t, test_garbage_ends_the_node_only);
	tcase_add_test(t, test_handoff_signal_spares_the_unaware);
	tcase_add_loop_test(t, test_handoff_answer, 0, 3);
	tcase_add_test(t, test_state_comes_in);
	tcase_add_test(t, test_start_is_bounded);
	tcase_add_test(t, test_end_stops_services);
	tcase_add_test(t, test_hung_logger_is_replaced);
	tcase_add_test(t, test_two_keepers);
	tcase_add_test(t, test_planted_fifo);
	tcase_add_test(t, test_leftovers_go);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
