/* What a service renames to $SKEP_CHECKPOINT_OUT while it runs, asked or not.
 */
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

#include "sys/clock.h"
#include "world.h"

#define POLICY	"allowed_users = nobody\n"
#define EXIT(n) ((n) << 8)
#define LONG_MS 25000
#define PUT                                                                    \
	"put() { echo $1 >$SKEP_CHECKPOINT_OUT.tmp; "                          \
	"mv $SKEP_CHECKPOINT_OUT.tmp $SKEP_CHECKPOINT_OUT; }; "
#define FOREVER "; while :; do sleep 0.05; done"

static struct world w;

/* Starts a script that may put checkpoints aside, with one command. */
static pid_t
start(uint64_t iid, const char *script, const char *command)
{
	static unsigned char packed[2048];
	struct kproto_start s = {.has_checkpoint = true, .working_dir = w.dir};
	struct writer b;
	writer_init(&b, packed, sizeof packed);
	writer_text(&b, "/bin/sh");
	writer_text(&b, "-c");
	writer_text(&b, command ? command : "");
	if (command)
		s.commands[KCMD_CHECKPOINT] =
			(struct kproto_texts){3, writer_done(&b)};
	world_send_start(&w, &s, iid, SH(script), -1);
	return (pid_t)world_expect_event(&w, KMSG_STARTED).value;
}

static void
send_command(enum kproto_command c, int64_t timeout_ms)
{
	unsigned char body[64];
	struct writer b;
	struct kproto_run r = {1, 1, (uint8_t)c, timeout_ms};
	writer_init(&b, body, sizeof body);
	kproto_put_run(&b, &r);
	ck_assert_int_eq(
		ipc_send(w.node, KMSG_RUN, writer_done(&b), NULL, 0), 0);
}

static void
send_run(int64_t timeout_ms)
{
	send_command(KCMD_CHECKPOINT, timeout_ms);
}

static struct kproto_ran
expect_ran(void)
{
	struct kproto_ran r;
	world_expect(&w, KMSG_RAN);
	ck_assert(kproto_get_ran(
		(struct bytes){w.message.body, w.message.size}, &r));
	ck_assert_int_eq(r.command, KCMD_CHECKPOINT);
	return r;
}

static void
expect_checkpoint(uint64_t iid)
{
	struct kproto_event e = world_expect_event(&w, KMSG_ANSWER);
	ck_assert_uint_eq(e.iid, iid);
	ck_assert_int_eq(e.value, KANSWER_CHECKPOINT);
}

/* Reads the checkpoint of 'iid', or what it left at its end. */
static void
expect_collected(uint64_t iid, bool is_checkpoint, const char *text)
{
	unsigned char body[64];
	char got[200] = "";
	struct kproto_event e = {iid, 1, is_checkpoint};
	struct writer b;
	size_t have = 0;
	ssize_t n;
	writer_init(&b, body, sizeof body);
	kproto_put_event(&b, &e);
	ck_assert_int_eq(
		ipc_send(w.node, KMSG_COLLECT, writer_done(&b), NULL, 0), 0);
	e = world_expect_event(&w, KMSG_MOVER);
	ck_assert_int_eq(e.value, is_checkpoint);
	int fd = w.message.fds[0];
	fcntl(fd, F_SETFL, 0);
	while ((n = read(fd, got + have, sizeof got - 1 - have)) > 0)
		have += (size_t)n;
	close(fd);
	ck_assert_str_eq(got, text);
}

static void
end(uint64_t iid)
{
	world_send_event(&w, KMSG_KILL, iid, 1);
	world_expect_end(&w, iid, SIGKILL);
}

/* --- By itself --- */

/* Half of one may stand there if it was made in place: then it is none. */
START_TEST(test_rename_is_told_and_making_is_not)
{
	world_start(&w, POLICY);
	pid_t pid = start(1,
		PUT "trap 'echo half >$SKEP_CHECKPOINT_OUT; echo made' USR1; "
		    "trap 'put whole' USR2; echo ready" FOREVER,
		NULL);
	world_read_log(&w, 1, "ready");
	kill(pid, SIGUSR1);
	world_read_log(&w, 1, "made");
	kill(pid, SIGUSR2);
	expect_checkpoint(1);
	/* It goes on while it is read. */
	expect_collected(1, true, "whole\n");
	kill(pid, SIGUSR2);
	expect_checkpoint(1);
	end(1);
	world_end(&w);
}
END_TEST

/* Other names there are its own affair. */
START_TEST(test_other_names_are_not_told)
{
	world_start(&w, POLICY);
	pid_t pid = start(1,
		PUT
		"trap 'echo x >$SKEP_CHECKPOINT_OUT.tmp; mv "
		"$SKEP_CHECKPOINT_OUT.tmp $SKEP_CHECKPOINT_OUT.old; "
		"echo made' USR1; trap 'put whole' USR2; echo ready" FOREVER,
		NULL);
	world_read_log(&w, 1, "ready");
	kill(pid, SIGUSR1);
	world_read_log(&w, 1, "made");
	kill(pid, SIGUSR2);
	expect_checkpoint(1);
	end(1);
	world_end(&w);
}
END_TEST

/* The first thing it does may come before anybody knows that it runs. */
START_TEST(test_at_once)
{
	world_start(&w, POLICY);
	for (uint64_t iid = 1; iid <= 8; iid++) {
		start(iid, PUT "put first; exec sleep 1000", NULL);
		expect_checkpoint(iid);
		expect_collected(iid, true, "first\n");
	}
	world_end(&w);
}
END_TEST

START_TEST(test_last_one_comes_before_the_end)
{
	world_start(&w, POLICY);
	pid_t pid = start(1,
		PUT "trap 'put last; exit 7' USR1; echo ready" FOREVER, NULL);
	world_read_log(&w, 1, "ready");
	kill(pid, SIGUSR1);
	expect_checkpoint(1);
	world_expect_end(&w, 1, EXIT(7));
	/* What it put aside is no state that it left, and the other way. */
	expect_collected(1, false, "");
	expect_collected(1, true, "last\n");
	world_end(&w);
}
END_TEST

/* A node that has crashed hears it again; of a run that put none, nothing. */
START_TEST(test_told_again_to_the_next_node)
{
	struct kproto_instance is[4];
	unsigned count = 0;
	world_start(&w, POLICY);
	start(1, PUT "put one" FOREVER, NULL);
	expect_checkpoint(1);
	start(2, "echo ready" FOREVER, NULL);
	kill(w.node_pid, SIGKILL);
	close(w.node);
	w.node = -1;
	while (w.node < 0)
		world_serve(&w);
	world_greet(&w, is, &count, NULL);
	ck_assert_uint_eq(count, 2);
	expect_checkpoint(1);
	end(1);
	end(2);
	world_end(&w);
}
END_TEST

/* The next run begins without it, and of the run before nothing is told. */
START_TEST(test_next_run_begins_without)
{
	world_start(&w, POLICY);
	pid_t pid = start(1, PUT "put old" FOREVER, NULL);
	expect_checkpoint(1);
	kill(pid, SIGKILL);
	world_expect_end(&w, 1, SIGKILL);
	struct kproto_start s = {.epoch = 2, .has_checkpoint = true};
	world_send_start(&w, &s, 1,
		SH("ls -A $(dirname $SKEP_CHECKPOINT_OUT); echo .; sleep 1000"),
		-1);
	world_expect(&w, KMSG_STARTED);
	ck_assert_str_eq(world_read_log(&w, 1, ".\n"), ".\n");
	world_end(&w);
}
END_TEST

/* --- Asked --- */

START_TEST(test_signal_asks)
{
	struct kproto_signal usr2 = {
		1, 1, SIGUSR2, KTARGET_MAIN, false, false, true};
	world_start(&w, POLICY);
	start(1, PUT "trap 'put it' USR2; echo ready" FOREVER, NULL);
	world_read_log(&w, 1, "ready");
	for (int i = 0; i < 2; i++) {
		world_send_signal(&w, &usr2);
		expect_checkpoint(1);
		expect_collected(1, true, "it\n");
	}
	end(1);
	world_end(&w);
}
END_TEST

START_TEST(test_signal_spares_the_unaware)
{
	struct kproto_signal usr2 = {
		1, 1, SIGUSR2, KTARGET_MAIN, false, false, true};
	world_start(&w, POLICY);
	pid_t pid = start(1, "exec sleep 1000", NULL);
	world_send_signal(&w, &usr2);
	struct kproto_failure f = world_expect_failure(&w, KMSG_REFUSED);
	ck_assert_str_eq(f.step, "checkpoint");
	ck_assert_msg(strstr(f.text, "SIGUSR2 would kill it"), "%s", f.text);
	ck_assert_int_eq(kill(pid, 0), 0);
	end(1);
	/* Who was not told where to write is not asked. */
	struct kproto_start s = {.epoch = 2};
	world_send_start(&w, &s, 1, SH("trap : USR2; echo ready" FOREVER), -1);
	world_expect(&w, KMSG_STARTED);
	usr2.epoch = 2;
	world_send_signal(&w, &usr2);
	f = world_expect_failure(&w, KMSG_REFUSED);
	ck_assert_msg(strstr(f.text, "SKEP_CHECKPOINT_OUT"), "%s", f.text);
	world_end(&w);
}
END_TEST

static const struct {
	const char *command;
	int status;
	const char *checkpoint;
} commands[] = {
	{"echo whole >$SKEP_CHECKPOINT_OUT; basename $SKEP_CHECKPOINT_OUT", 0,
		"whole\n"},
	{"echo half >$SKEP_CHECKPOINT_OUT; exit 3", EXIT(3), ""},
	{"mkdir -p $SKEP_CHECKPOINT_OUT/1/2/3; exit 4", EXIT(4), ""},
	{": nothing", 0, ""},
};

/* Only what a command wrote that ended well is one, and nothing that stood
 * there before it. */
START_TEST(test_command_gives_a_whole_one_or_none)
{
	world_start(&w, POLICY);
	start(1, PUT "put before; exec sleep 1000", commands[_i].command);
	expect_checkpoint(1);
	for (int i = 0; i < 2; i++) {
		send_run(LONG_MS);
		ck_assert_int_eq(expect_ran().status, commands[_i].status);
		if (*commands[_i].checkpoint)
			expect_checkpoint(1);
		expect_collected(1, true, commands[_i].checkpoint);
	}
	if (_i == 0)
		world_ck_line(world_read_log(&w, 1, "\n"), "checkpoint.part\n");
	end(1);
	world_end(&w);
}
END_TEST

START_TEST(test_command_in_vain_after_its_time)
{
	world_start(&w, POLICY);
	start(1, "exec sleep 1000",
		"echo half >$SKEP_CHECKPOINT_OUT; exec sleep 1000");
	send_run(200);
	ck_assert(expect_ran().has_expired);
	expect_collected(1, true, "");
	end(1);
	world_end(&w);
}
END_TEST

/* Another one is refused while one writes, and what that writes is whole. */
START_TEST(test_one_command_at_a_time)
{
	char path[100];
	world_start(&w, POLICY);
	snprintf(path, sizeof path, "%s/go", w.dir);
	ck_assert_int_eq(mkfifo(path, 0666), 0);
	chmod(path, 0666);
	start(1, "exec sleep 1000",
		"echo begins; read x <go; echo $x >$SKEP_CHECKPOINT_OUT");
	send_run(LONG_MS);
	world_read_log(&w, 1, "begins");
	send_run(LONG_MS);
	struct kproto_ran r = expect_ran();
	ck_assert(r.is_refused);
	ck_assert_msg(strstr(r.text, "not over yet"), "%s", r.text);
	int go = open(path, O_WRONLY);
	ck_assert_int_eq(write(go, "one\n", 4), 4);
	close(go);
	r = expect_ran();
	ck_assert(!r.is_refused);
	ck_assert_int_eq(r.status, 0);
	expect_checkpoint(1);
	expect_collected(1, true, "one\n");
	end(1);
	world_end(&w);
}
END_TEST

/* --- In nobody's way --- */

static bool
is_dead(pid_t pid)
{
	char path[40], text[200] = "";
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	const char *state = n > 0 ? strrchr(text, ')') : NULL;
	return !state || state[2] == 'Z';
}

/* The end of one takes in what was put aside until then; the answer of another
 * to its handoff signal, which came with that, is told all the same. */
START_TEST(test_answer_of_another_is_not_lost)
{
	char path[100];
	struct kproto_signal usr1 = {
		2, 1, SIGUSR1, KTARGET_MAIN, true, false, false};
	bool has_answered = false;
	world_start(&w, POLICY);
	snprintf(path, sizeof path, "%s/go", w.dir);
	ck_assert_int_eq(mkfifo(path, 0666), 0);
	chmod(path, 0666);
	pid_t pid = start(1, "exec sleep 1000", NULL);
	world_start_script(&w, 2,
		"trap 'echo asked; read x <go; : >$SKEP_STATE_OUT.ignore; "
		"echo done' USR1; echo ready" FOREVER);
	world_read_log(&w, 2, "ready");
	world_send_signal(&w, &usr1);
	world_read_log(&w, 2, "asked");
	ck_assert_int_eq(kill(w.keeper, SIGSTOP), 0);
	int go = open(path, O_WRONLY);
	ck_assert_int_eq(write(go, "x\n", 2), 2);
	close(go);
	world_read_log(&w, 2, "done");
	kill(pid, SIGKILL);
	while (!is_dead(pid))
		usleep(1000);
	ck_assert_int_eq(kill(w.keeper, SIGCONT), 0);
	for (int i = 0; i < 3; i++) {
		world_receive(&w);
		has_answered |= w.message.type == KMSG_ANSWER;
	}
	ck_assert(has_answered);
	world_end(&w);
}
END_TEST

/* The next message of 'type' about instance 1; another one puts checkpoints
 * aside all the time. */
static struct kproto_event
expect_of_one(uint16_t type)
{
	struct kproto_event e;
	do {
		world_receive(&w);
		ck_assert(kproto_get_event(
			(struct bytes){w.message.body, w.message.size}, &e));
	} while (w.message.type == KMSG_ANSWER && e.iid == 2);
	ck_assert_int_eq(w.message.type, type);
	ck_assert_uint_eq(e.iid, 1);
	return e;
}

/* While the child of a start has not cleared its directory yet, what the run
 * before left there is not the answer of the new one. */
START_TEST(test_old_answer_is_not_the_new_one)
{
	struct kproto_signal usr1 = {
		1, 1, SIGUSR1, KTARGET_MAIN, true, false, 0};
	struct kproto_start two = {
		.name = "two", .has_checkpoint = true, .working_dir = w.dir};
	world_start(&w, POLICY);
	world_send_start(&w, &two, 2,
		SH(PUT "while :; do put x; sleep 0.002; done"), -1);
	ck_assert_uint_eq(world_expect_event(&w, KMSG_STARTED).iid, 2);
	for (uint64_t epoch = 1; epoch < 25; epoch++) {
		struct kproto_start one = {.epoch = epoch,
			.has_handoff = true,
			.has_checkpoint = true};
		world_send_start(&w, &one, 1,
			SH("trap 'echo 1 >$SKEP_STATE_OUT' USR1; echo go; "
			   "while :; do sleep 0.01; done"),
			-1);
		expect_of_one(KMSG_STARTED);
		world_read_log(&w, 1, "go\n");
		usr1.epoch = epoch;
		world_send_signal(&w, &usr1);
		ck_assert_int_eq(
			expect_of_one(KMSG_ANSWER).value, KANSWER_RESUME);
		world_send_event(&w, KMSG_KILL, 1, epoch);
		expect_of_one(KMSG_EXITED);
		expect_of_one(KMSG_EMPTY);
	}
	world_end(&w);
}
END_TEST

/* What it wrote before handoff.command is not what that gives, though it writes
 * into a directory that is watched. */
START_TEST(test_old_answer_is_not_of_the_command)
{
	unsigned char packed[256];
	struct kproto_start s = {.has_handoff = true, .has_checkpoint = true};
	struct writer b;
	world_start(&w, POLICY);
	s.working_dir = w.dir;
	writer_init(&b, packed, sizeof packed);
	writer_text(&b, "/bin/sh");
	writer_text(&b, "-c");
	writer_text(&b, "echo half >$SKEP_STATE_OUT; sleep 0.3; exit 3");
	s.commands[KCMD_HANDOFF] = (struct kproto_texts){3, writer_done(&b)};
	world_send_start(&w, &s, 1,
		SH("echo old >$SKEP_STATE_OUT; echo ready" FOREVER), -1);
	world_expect(&w, KMSG_STARTED);
	ck_assert_int_eq(expect_of_one(KMSG_ANSWER).value, KANSWER_RESUME);
	world_read_log(&w, 1, "ready\n");
	send_command(KCMD_HANDOFF, 60000);
	world_expect(&w, KMSG_RAN);
	end(1);
	world_end(&w);
}
END_TEST

int
main(void)
{
	world_is_root = geteuid() == 0;
	Suite *s = suite_create("checkpoint");
	TCase *t = tcase_create("all");
	tcase_set_timeout(t, 90);
	tcase_add_test(t, test_rename_is_told_and_making_is_not);
	tcase_add_test(t, test_other_names_are_not_told);
	tcase_add_test(t, test_at_once);
	tcase_add_test(t, test_last_one_comes_before_the_end);
	tcase_add_test(t, test_told_again_to_the_next_node);
	tcase_add_test(t, test_next_run_begins_without);
	tcase_add_test(t, test_signal_asks);
	tcase_add_test(t, test_signal_spares_the_unaware);
	tcase_add_loop_test(t, test_command_gives_a_whole_one_or_none, 0,
		sizeof commands / sizeof *commands);
	tcase_add_test(t, test_command_in_vain_after_its_time);
	tcase_add_test(t, test_one_command_at_a_time);
	tcase_add_test(t, test_answer_of_another_is_not_lost);
	tcase_add_test(t, test_old_answer_is_not_the_new_one);
	tcase_add_test(t, test_old_answer_is_not_of_the_command);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
