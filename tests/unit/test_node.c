/* The whole skep-node, between a keeper that is this test and a disk: a file
 * of services.d becomes a start, a node that is killed finds its instances
 * again, and the end of the keeper is the end of the node. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "node/launch.h"
#include "spec/spec.h"
#include "sys/ipc.h"
#include "sys/kproto.h"
#include "sys/say.h"
#include "tests/lib/scratch.h"

#define PATIENCE_MS 60000

static pid_t node;
static int peer = -1;
static int control = -1;
static struct ipc_message message;
static unsigned char space[4096];
static struct writer w;

/* --- The host --- */

static void
write_conf(void)
{
	char text[2048];
	snprintf(text, sizeof text,
		"[node]\nname = alpha\nlisten = 127.0.0.1:7400\n"
		"names_max = 1000\nstate_dir = %s\nrun_dir = %s\n"
		"log_dir = %s\nservices_dir = %s\n[cluster]\nname = test\n"
		"[tls]\nmode = none\n",
		scratch_path("state"), scratch_path("run"), scratch_path("log"),
		scratch_path("services.d"));
	scratch_write("skep.conf", text, strlen(text));
}

static void
write_service(const char *file, const char *text)
{
	char path[64];
	snprintf(path, sizeof path, "services.d/%s", file);
	scratch_write(path, text, strlen(text));
}

static void
listen_control(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(a.sun_path, sizeof a.sun_path, "%s",
		scratch_path("run/skepd.sock"));
	ck_assert_int_eq(bind(control, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(control, 16), 0);
}

static void
setup(void)
{
	static const char *const folders[] = {"state", "run", "services.d"};
	say_init("test_node", SAY_ERROR);
	scratch_begin();
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(mkdir(scratch_path(folders[i]), 0700), 0);
	write_conf();
	listen_control();
}

static void
start_node(void)
{
	int fds[2];
	ck_assert_int_eq(ipc_pair(fds), 0);
	node = fork();
	ck_assert_int_ge(node, 0);
	if (node == 0) {
		if (fds[1] == KPROTO_FD)
			fcntl(KPROTO_FD, F_SETFD, 0);
		else
			dup2(fds[1], KPROTO_FD);
		execl("./skep-node", "skep-node", "-c",
			scratch_path("skep.conf"), "--plugin-dir",
			scratch_path("plugins"), (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	peer = fds[0];
}

/* Waits for the node to end; its wait status. */
static int
wait_node(void)
{
	int status = 0;
	ck_assert_int_eq(waitpid(node, &status, 0), node);
	node = 0;
	close(peer);
	peer = -1;
	return status;
}

static int
kill_node(void)
{
	kill(node, SIGKILL);
	return wait_node();
}

static void
teardown(void)
{
	if (node)
		kill_node();
	close(control);
	scratch_end();
}

/* --- The keeper --- */

static struct writer *
body(void)
{
	writer_init(&w, space, sizeof space);
	return &w;
}

static void
tell(uint16_t type)
{
	ck_assert(!w.bad);
	ck_assert_int_eq(ipc_send(peer, type, writer_done(&w), NULL, 0), 0);
}

static void
tell_welcome(void)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int fds[] = {control, null, null};
	kproto_put_welcome(body(),
		&(struct kproto_welcome){
			.version = KPROTO_VERSION,
			.sockets = 1u << KSOCKET_CONTROL,
			.boot_id = "11111111-2222-3333-4444-555555555555",
			.conf_path = "",
			.weaker_why = "",
			.keeper_version = "",
			.tracks_cgroups = true,
		});
	ck_assert_int_eq(
		ipc_send(peer, KMSG_WELCOME, writer_done(&w), fds, 3), 0);
	close(null);
}

static void
tell_synced(void)
{
	body();
	tell(KMSG_SYNCED);
}

static void
tell_event(uint16_t type, uint64_t iid, uint64_t epoch, int64_t value)
{
	kproto_put_event(body(), &(struct kproto_event){iid, epoch, value});
	tell(type);
}

/* Reads until a message of 'type' comes. */
static struct bytes
await(uint16_t type)
{
	for (;;) {
		struct pollfd p = {.fd = peer, .events = POLLIN};
		ck_assert_msg(poll(&p, 1, PATIENCE_MS) == 1,
			"the node did not say %s", kproto_message_name(type));
		int code = ipc_recv(peer, &message);
		if (code == -EAGAIN)
			continue;
		ck_assert_msg(code == 0, "before %s: %s",
			kproto_message_name(type), strerror(-code));
		ipc_message_close(&message);
		if (message.type == type)
			return (struct bytes){message.body, message.size};
	}
}

static struct kproto_start
await_start(const char *name)
{
	struct kproto_start start;
	ck_assert(kproto_get_start(await(KMSG_START), &start));
	ck_assert_str_eq(start.name, name);
	return start;
}

#define WEB "services: {web: {command: [/bin/sleep, \"%H\"]}}\n"

/* One node that was told that nothing runs and has started 'web'. */
static struct kproto_start
begin_with_web(void)
{
	write_service("web.yaml", WEB);
	start_node();
	tell_welcome();
	tell_synced();
	struct kproto_start start = await_start("web");
	uint64_t iid = start.iid, epoch = start.epoch;
	tell_event(KMSG_STARTED, iid, epoch, 4242);
	return start;
}

START_TEST(test_file_to_start)
{
	struct reader r;
	struct kproto_start start = begin_with_web();
	reader_init(&r, start.argv.packed.data, start.argv.packed.size);
	ck_assert_str_eq(reader_text(&r), "/bin/sleep");
	ck_assert_str_eq(reader_text(&r), "alpha");
	ck_assert_uint_eq(start.iid, launch_iid("web"));
	ck_assert_uint_gt(start.epoch, 0);
	/* It ends by itself: the first restart is immediate. */
	uint64_t epoch = start.epoch;
	tell_event(KMSG_EXITED, launch_iid("web"), epoch, 256);
	tell_event(KMSG_EMPTY, launch_iid("web"), epoch, 0);
	start = await_start("web");
	ck_assert_uint_gt(start.epoch, epoch);
	close(peer);
	peer = -1;
	int status = wait_node();
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		"wait status %x", status);
}
END_TEST

START_TEST(test_killed_node_finds_its_own)
{
	struct kproto_start start = begin_with_web();
	uint64_t digest = start.run_digest, epoch = start.epoch;
	body();
	tell(KMSG_PING);
	await(KMSG_PONG);
	kill_node();
	start_node();
	tell_welcome();
	kproto_put_instance(body(), &(struct kproto_instance){
					    .iid = launch_iid("web"),
					    .epoch = epoch,
					    .name = "web",
					    .pid = 4242,
					    .run_digest = digest,
				    });
	tell(KMSG_INSTANCE);
	tell_synced();
	/* What it starts now is the new one only. */
	write_service(
		"other.yaml", "services: {other: {command: [/bin/true]}}\n");
	await_start("other");
	tell_event(KMSG_EXITED, launch_iid("web"), epoch, 9);
	tell_event(KMSG_EMPTY, launch_iid("web"), epoch, 0);
	ck_assert_uint_gt(await_start("web").epoch, epoch);
}
END_TEST

/* The digest of a service's text as the cluster carries it. */
static uint64_t
body_digest(const char *text)
{
	static char canonical[SPEC_BODY_MAX + 1];
	struct spec_set *set = NULL;
	struct err err = {""};
	ck_assert_int_eq(
		spec_parse_buffer("t", text, strlen(text), &set, &err), 0);
	int length = spec_to_body(set->items[0], canonical, sizeof canonical);
	spec_set_free(set);
	return hash_bytes(canonical, (size_t)length, 0);
}

START_TEST(test_quarantine)
{
	write_service("a.yaml", WEB);
	write_service("b.yaml", "services: {good: {command: [/bin/true]}}\n");
	start_node();
	tell_welcome();
	kproto_put_crash(
		body(), &(struct kproto_crash){11, body_digest(WEB), 2});
	tell(KMSG_CRASHED);
	tell_synced();
	await_start("good");
	kill_node();
	/* The next node knows without being told. */
	write_service("c.yaml", "services: {third: {command: [/bin/true]}}\n");
	start_node();
	tell_welcome();
	tell_synced();
	struct kproto_start start;
	do {
		ck_assert(kproto_get_start(await(KMSG_START), &start));
		ck_assert_str_ne(start.name, "web");
	} while (strcmp(start.name, "third") != 0);
}
END_TEST

START_TEST(test_term)
{
	begin_with_web();
	kill(node, SIGTERM);
	int status = wait_node();
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

START_TEST(test_bad_conf)
{
	scratch_write("skep.conf", "[node]\nnmae = x\n", 16);
	start_node();
	tell_welcome();
	tell_synced();
	int status = wait_node();
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 70);
}
END_TEST

#define ROOT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static bool
has_no_state(void *arg)
{
	(void)arg;
	return scratch_size("state/dumps/" ROOT) < 0 &&
	       scratch_size("state/dumps/" ROOT ".for.web") < 0;
}

/* A state that was sealed in the moment of a crash: no record names it. */
START_TEST(test_stray_state)
{
	mkdir(scratch_path("state"), 0700);
	mkdir(scratch_path("state/dumps"), 0700);
	scratch_write("state/dumps/" ROOT, "state", 5);
	scratch_write("state/dumps/" ROOT ".for.web", "", 0);
	ck_assert(!has_no_state(NULL));
	begin_with_web();
	ck_assert(scratch_wait(has_no_state, NULL));
}
END_TEST

START_TEST(test_not_by_hand)
{
	int status = system("./skep-node 3</dev/null 2>/dev/null");
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 2);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("node");
	TCase *tc = tcase_create("node");
	signal(SIGPIPE, SIG_IGN);
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_file_to_start);
	tcase_add_test(tc, test_killed_node_finds_its_own);
	tcase_add_test(tc, test_quarantine);
	tcase_add_test(tc, test_term);
	tcase_add_test(tc, test_bad_conf);
	tcase_add_test(tc, test_stray_state);
	tcase_add_test(tc, test_not_by_hand);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
