/* The node's end of the session with the keeper, against a keeper that is
 * only this test. */
#include <check.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/keeper_link.h"
#include "node/launch.h"
#include "sys/ipc.h"
#include "sys/say.h"
#include "tests/lib/scratch.h"

static struct ev_loop *loop;
static struct keeper *keeper;
static int peer;
static char trace[4096];
static int ended;
static struct ipc_message message;

static void
note(const char *format, ...)
{
	va_list ap;
	size_t length = strlen(trace);
	va_start(ap, format);
	vsnprintf(trace + length, sizeof trace - length, format, ap);
	va_end(ap);
}

static void
on_input(void *context, struct input *in)
{
	(void)context;
	if (in->kind == INPUT_START_FAILED)
		note("%d:%s:%llu:%d:%s ", in->kind - INPUT_STARTED,
			in->start_failed.name,
			(unsigned long long)in->start_failed.epoch,
			in->start_failed.blame, in->start_failed.text);
	else
		note("%d:%s:%llu:%u:%d:%u ", in->kind - INPUT_STARTED,
			in->proc.name, (unsigned long long)in->proc.epoch,
			in->proc.pid, in->proc.status, in->proc.answer);
}

static void
on_mover(void *context, const char *name, uint64_t epoch, bool is_checkpoint,
	int socket, const char *why)
{
	(void)context;
	note("%s:%s:%llu:%s:%s ", is_checkpoint ? "checkpoint" : "mover", name,
		(unsigned long long)epoch, socket >= 0 ? "socket" : "none",
		why);
	if (socket >= 0)
		close(socket);
}

static void
on_going(void *context, const char *why)
{
	(void)context;
	note("going:%s ", why ? why : "yes");
}

static void
on_end(void *context, int exit_code, const char *why)
{
	(void)context;
	(void)why;
	ended = exit_code;
}

static void
setup(void)
{
	struct keeper_hooks hooks = {.on_input = on_input,
		.on_mover = on_mover,
		.on_going = on_going,
		.on_end = on_end};
	int fds[2];
	say_init("test_keeper_link", (enum say_level)0);
	loop = ev_loop_new(EVFLAG_AUTO);
	ck_assert_int_eq(ipc_pair(fds), 0);
	peer = fds[0];
	keeper = keeper_new(loop, fds[1], &hooks);
	trace[0] = '\0';
	ended = -1;
}

static void
teardown(void)
{
	keeper_free(keeper);
	if (peer >= 0)
		close(peer);
	ev_loop_destroy(loop);
}

/* --- The keeper's words --- */

static unsigned char space[4096];
static struct writer w;

static struct writer *
body(void)
{
	writer_init(&w, space, sizeof space);
	return &w;
}

static void
say_fd(uint16_t type, const int *fds, unsigned count)
{
	ck_assert(!w.bad);
	ck_assert_int_eq(ipc_send(peer, type, writer_done(&w), fds, count), 0);
}

static void
say_event(uint16_t type, const char *name, uint64_t epoch, int64_t value)
{
	kproto_put_event(
		body(), &(struct kproto_event){launch_iid(name), epoch, value});
	say_fd(type, NULL, 0);
}

static void
say_failure(uint16_t type, const char *name, uint64_t epoch,
	enum kproto_blame blame, const char *step)
{
	kproto_put_failure(body(), &(struct kproto_failure){
					   .iid = launch_iid(name),
					   .epoch = epoch,
					   .blame = (uint8_t)blame,
					   .step = step,
					   .text = "why",
				   });
	say_fd(type, NULL, 0);
}

static void
say_welcome(uint32_t version)
{
	int fds[3];
	kproto_put_welcome(body(),
		&(struct kproto_welcome){
			.version = version,
			.sockets = 1u << KSOCKET_CONTROL | 1u << KSOCKET_API,
			.boot_id = "boot",
			.conf_path = "/etc/skep.conf",
			.weaker_why = "",
			.keeper_version = "1.2.3",
			.keeper_crashes = 4,
			.node_restarts = 3,
		});
	for (unsigned i = 0; i < 3; i++)
		fds[i] = open("/dev/null", O_RDONLY);
	say_fd(KMSG_WELCOME, fds, 3);
	for (unsigned i = 0; i < 3; i++)
		close(fds[i]);
}

static void
say_instance(const char *name, uint64_t epoch)
{
	kproto_put_instance(body(), &(struct kproto_instance){
					    .iid = launch_iid(name),
					    .epoch = epoch,
					    .name = name,
					    .pid = 42,
					    .run_digest = 7,
				    });
	say_fd(KMSG_INSTANCE, NULL, 0);
}

static void
say_synced(void)
{
	body();
	say_fd(KMSG_SYNCED, NULL, 0);
}

static struct keeper_welcome
greet(void)
{
	struct keeper_welcome welcome;
	struct err err = {""};
	say_welcome(KPROTO_VERSION);
	say_instance("web", 5);
	say_instance("web@2", 6);
	say_synced();
	ck_assert_msg(keeper_greet(keeper, &welcome, 10000, &err) == 0, "%s",
		err.text);
	keeper_start(keeper);
	return welcome;
}

/* Lets the node read everything that was said. */
static void
turn(void)
{
	for (int i = 0; i < 10; i++)
		ev_run(loop, EVRUN_NOWAIT);
}

static const char *
took(void)
{
	static char out[sizeof trace];
	turn();
	strcpy(out, trace);
	trace[0] = '\0';
	return out;
}

/* The next thing that the node said. */
static uint16_t
heard(void)
{
	turn();
	ck_assert_int_eq(ipc_recv(peer, &message), 0);
	ipc_message_close(&message);
	return message.type;
}

/* --- Tests --- */

static void
count_found(void *context, const struct input_found *found)
{
	(void)context;
	note("%s:%llu:%u:%llu ", found->name, (unsigned long long)found->epoch,
		found->pid, (unsigned long long)found->run_digest);
}

START_TEST(test_greeting)
{
	struct keeper_welcome welcome = greet();
	ck_assert_int_ge(welcome.sockets[KSOCKET_CONTROL], 0);
	ck_assert_int_lt(welcome.sockets[KSOCKET_CLUSTER], 0);
	ck_assert_int_ge(welcome.sockets[KSOCKET_API], 0);
	ck_assert_str_eq(welcome.boot_id, "boot");
	ck_assert_str_eq(welcome.conf_path, "/etc/skep.conf");
	ck_assert_uint_eq(welcome.node_restarts, 3);
	ck_assert(!welcome.has_crash);
	keeper_each_found(keeper, count_found, NULL);
	keeper_each_found(keeper, count_found, NULL);
	ck_assert_str_eq(took(), "web:5:42:7 web@2:6:42:7 ");
	close(welcome.sockets[KSOCKET_CONTROL]);
	close(welcome.sockets[KSOCKET_API]);
}
END_TEST

START_TEST(test_crash_is_told)
{
	struct keeper_welcome welcome;
	kproto_put_crash(body(), &(struct kproto_crash){11, 99, 2});
	say_fd(KMSG_CRASHED, NULL, 0);
	say_synced();
	ck_assert_int_eq(keeper_greet(keeper, &welcome, 10000, NULL), 0);
	ck_assert(welcome.has_crash);
	ck_assert_uint_eq(welcome.crash.digest, 99);
}
END_TEST

START_TEST(test_bad_greetings)
{
	struct keeper_welcome welcome;
	struct err err = {""};
	ck_assert_int_eq(keeper_greet(keeper, &welcome, 1, &err), -ETIMEDOUT);
	/* An older keeper, and a newer one whose WELCOME has another form. */
	say_welcome(KPROTO_VERSION - 1);
	ck_assert_int_eq(
		keeper_greet(keeper, &welcome, 10000, &err), -EPROTONOSUPPORT);
	ck_assert_ptr_nonnull(strstr(err.text, "restart skepd"));
	struct writer *text = body();
	writer_u32(text, KPROTO_VERSION + 1);
	writer_text(text, "of another form");
	say_fd(KMSG_WELCOME, NULL, 0);
	ck_assert_int_eq(
		keeper_greet(keeper, &welcome, 10000, &err), -EPROTONOSUPPORT);
	writer_text(body(), "garbage");
	say_fd(KMSG_INSTANCE, NULL, 0);
	ck_assert_int_eq(keeper_greet(keeper, &welcome, 10000, &err), -EBADMSG);
	close(peer);
	peer = -1;
	ck_assert_int_eq(keeper_greet(keeper, &welcome, 10000, &err), -EPIPE);
}
END_TEST

START_TEST(test_reports)
{
	greet();
	say_event(KMSG_STARTED, "web", 5, 77);
	ck_assert_str_eq(took(), "0:web:5:77:0:0 ");
	say_event(KMSG_EXITED, "web", 5, 256);
	ck_assert_str_eq(took(), "2:web:5:0:256:0 ");
	say_event(KMSG_EMPTY, "web@2", 6, 0);
	ck_assert_str_eq(took(), "3:web@2:6:0:0:0 ");
	say_event(KMSG_ANSWER, "web", 5, KANSWER_IGNORE);
	ck_assert_str_eq(took(), "4:web:5:0:0:3 ");
	say_event(KMSG_ANSWER, "web", 5, 99);
	say_event(KMSG_EXITED, "stranger", 5, 256);
	ck_assert_str_eq(took(), "");
	ck_assert_int_eq(ended, -1);
}
END_TEST

START_TEST(test_failures)
{
	greet();
	say_failure(KMSG_START_FAILED, "web", 5, KBLAME_POLICY, "policy");
	ck_assert_str_eq(took(), "1:web:5:2:why ");
	say_failure(KMSG_START_FAILED, "web", 5, KBLAME_SERVICE, "exec");
	ck_assert_str_eq(took(), "1:web:5:1:exec: why ");
	say_failure(KMSG_START_FAILED, "web", 5, KBLAME_BUSY, "epoch");
	ck_assert_str_eq(took(), "1:web:5:3:epoch: why ");
	say_failure(KMSG_START_FAILED, "web", 5, KBLAME_RESOLVE, "state");
	ck_assert_str_eq(took(), "1:web:5:4:state: why ");
	say_failure(KMSG_REFUSED, "web", 5, KBLAME_SERVICE, "handoff");
	ck_assert_str_eq(took(), "4:web:5:0:0:4 ");
	say_failure(KMSG_REFUSED, "web", 5, KBLAME_SERVICE, "signal");
	ck_assert_str_eq(took(), "");
}
END_TEST

START_TEST(test_commands)
{
	struct effect_signal s = {"web", 5, 15, true, false, true, false};
	struct kproto_signal v;
	struct kproto_event e;
	int fd = open("/dev/null", O_RDONLY);
	greet();
	keeper_signal(keeper, &s);
	ck_assert_uint_eq(heard(), KMSG_SIGNAL);
	ck_assert(kproto_get_signal(
		(struct bytes){message.body, message.size}, &v));
	ck_assert_uint_eq(v.iid, launch_iid("web"));
	ck_assert_uint_eq(v.target, KTARGET_ALL);
	ck_assert(v.then_continue);
	keeper_kill(keeper, "web", 5);
	ck_assert_uint_eq(heard(), KMSG_KILL);
	ck_assert(kproto_get_event(
		(struct bytes){message.body, message.size}, &e));
	ck_assert_uint_eq(e.epoch, 5);
	ck_assert_int_eq(keeper_start_instance(keeper, "new", 1,
				 (struct bytes){"b", 1}, fd, -1),
		0);
	keeper_start_instance(keeper, "new", 2, (struct bytes){"b", 1}, fd, fd);
	turn();
	for (unsigned count = 1; count <= 2; count++) {
		ck_assert_int_eq(ipc_recv(peer, &message), 0);
		ck_assert_uint_eq(message.type, KMSG_START);
		ck_assert_uint_eq(message.fd_count, count);
		ipc_message_close(&message);
	}
	close(fd);
	keeper_digesting(keeper, 1);
	ck_assert_uint_eq(heard(), KMSG_DIGESTING);
	body();
	say_fd(KMSG_PING, NULL, 0);
	ck_assert_uint_eq(heard(), KMSG_PONG);
}
END_TEST

/* A late report of a start that is over must not lose the next one. */
START_TEST(test_forget)
{
	greet();
	keeper_start_instance(keeper, "web", 8, (struct bytes){"b", 1}, -1, -1);
	keeper_forget(keeper, &(struct effect_proc){"web", 5, false});
	say_event(KMSG_STARTED, "web", 8, 80);
	ck_assert_str_eq(took(), "0:web:8:80:0:0 ");
	keeper_forget(keeper, &(struct effect_proc){"web", 8, true});
	say_event(KMSG_STARTED, "web", 8, 80);
	ck_assert_str_eq(took(), "");
}
END_TEST

START_TEST(test_collect)
{
	int fds[2];
	greet();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	keeper_collect(keeper, "web", 5, false);
	ck_assert_uint_eq(heard(), KMSG_COLLECT);
	kproto_put_event(
		body(), &(struct kproto_event){launch_iid("web"), 5, 0});
	say_fd(KMSG_MOVER, fds, 1);
	ck_assert_str_eq(took(), "mover:web:5:socket: ");
	say_fd(KMSG_MOVER, fds, 1);
	ck_assert_str_eq(took(), "");
	keeper_collect(keeper, "web@2", 6, false);
	say_failure(KMSG_REFUSED, "web@2", 6, KBLAME_SERVICE, "collect");
	ck_assert_str_eq(took(), "mover:web@2:6:none:why ");
	keeper_collect(keeper, "stranger", 1, false);
	ck_assert_ptr_nonnull(strstr(took(), "mover:stranger:1:none:"));
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* A slow keeper: everything arrives, in order, descriptors included. */
START_TEST(test_outbox)
{
	enum { COUNT = 200 };
	static char big[30000];
	int fd = open("/dev/null", O_RDONLY);
	greet();
	for (uint32_t i = 0; i < COUNT; i++) {
		memcpy(big, &i, sizeof i);
		keeper_start_instance(keeper, "web", i,
			(struct bytes){big, sizeof big}, fd, i % 2 ? fd : -1);
	}
	for (uint32_t i = 0; i < COUNT; i++) {
		uint32_t got;
		ev_run(loop, EVRUN_NOWAIT);
		ck_assert_int_eq(ipc_recv(peer, &message), 0);
		ck_assert_uint_eq(message.size, sizeof big);
		ck_assert_uint_eq(message.fd_count, 1 + i % 2);
		memcpy(&got, message.body, sizeof got);
		ck_assert_uint_eq(got, i);
		ipc_message_close(&message);
	}
	close(fd);
}
END_TEST

START_TEST(test_orders)
{
	struct keeper_welcome welcome = greet();
	ck_assert_str_eq(welcome.keeper_version, "1.2.3");
	ck_assert_uint_eq(welcome.keeper_crashes, 4);
	keeper_reexec(keeper);
	ck_assert_uint_eq(heard(), KMSG_REEXEC);
	kproto_put_failure(
		body(), &(struct kproto_failure){.blame = KBLAME_HOST,
				.step = "reexec",
				.text = "no such file"});
	say_fd(KMSG_REFUSED, NULL, 0);
	turn();
	keeper_reexec(keeper);
	ck_assert_uint_eq(heard(), KMSG_REEXEC);
	body();
	say_fd(KMSG_GOING, NULL, 0);
	turn();
	ck_assert_str_eq(trace, "going:no such file going:yes ");
	keeper_shutdown(keeper);
	ck_assert_uint_eq(heard(), KMSG_SHUTDOWN);
}
END_TEST

START_TEST(test_end)
{
	greet();
	close(peer);
	peer = -1;
	turn();
	ck_assert_int_eq(ended, 0);
}
END_TEST

START_TEST(test_nonsense)
{
	greet();
	writer_text(body(), "nonsense");
	say_fd(KMSG_STARTED, NULL, 0);
	turn();
	ck_assert_int_eq(ended, 70);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("keeper_link");
	TCase *tc = tcase_create("keeper_link");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_greeting);
	tcase_add_test(tc, test_crash_is_told);
	tcase_add_test(tc, test_bad_greetings);
	tcase_add_test(tc, test_reports);
	tcase_add_test(tc, test_failures);
	tcase_add_test(tc, test_commands);
	tcase_add_test(tc, test_forget);
	tcase_add_test(tc, test_collect);
	tcase_add_test(tc, test_outbox);
	tcase_add_test(tc, test_orders);
	tcase_add_test(tc, test_end);
	tcase_add_test(tc, test_nonsense);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
