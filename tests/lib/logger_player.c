#include "tests/lib/logger_player.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/ipc.h"
#include "tests/lib/scratch.h"

#define PROGRAM "./skep-logger"

pid_t player_logger;
int player_socket = -1;
const char *player_preload;
static struct ipc_message message;

struct player_instance player_instances[PLAYER_INSTANCES];

void
player_expect(uint16_t type)
{
	fcntl(player_socket, F_SETFL, 0);
	ck_assert_int_eq(ipc_recv(player_socket, &message), 0);
	ck_assert_uint_eq(message.type, type);
}

void
player_start_with(rlim_t file_max, const char *flag, const char *path)
{
	int pair[2];
	struct rlimit limit = {file_max, RLIM_INFINITY};
	ck_assert_int_eq(ipc_pair(pair), 0);
	fflush(NULL);
	player_logger = fork();
	ck_assert_int_ge(player_logger, 0);
	if (player_logger == 0) {
		setrlimit(RLIMIT_FSIZE, &limit);
		if (pair[1] == KPROTO_FD)
			fcntl(KPROTO_FD, F_SETFD, 0);
		else
			dup2(pair[1], KPROTO_FD);
		if (player_preload)
			setenv("LD_PRELOAD", player_preload, 1);
		execl(PROGRAM, "skep-logger", "--journal",
			scratch_path("journal"), flag, path, (char *)NULL);
		_exit(127);
	}
	close(pair[1]);
	player_socket = pair[0];
}

void
player_start(rlim_t file_max)
{
	player_start_with(file_max, "--log-dir", scratch_path("log"));
	player_expect(KMSG_LOG_READY);
}

int
player_reap(void)
{
	int status = -1;
	ck_assert_int_eq(waitpid(player_logger, &status, 0), player_logger);
	player_logger = 0;
	return status;
}

void
player_finish(void)
{
	close(player_socket);
	player_socket = -1;
	ck_assert_int_eq(player_reap(), 0);
}

void
player_kill(void)
{
	kill(player_logger, SIGKILL);
	player_reap();
	close(player_socket);
}

void
player_ping(void)
{
	struct bytes nothing = {NULL, 0};
	ck_assert_int_eq(
		ipc_send(player_socket, KMSG_PING, nothing, NULL, 0), 0);
	player_expect(KMSG_PONG);
}

void
player_send_open(const struct player_instance *i)
{
	unsigned char body[1024];
	struct writer w;
	writer_init(&w, body, sizeof body);
	kproto_put_log(&w, &i->log);
	ck_assert_int_eq(ipc_send(player_socket, KMSG_LOG_OPEN, writer_done(&w),
				 &i->fifo, 1),
		0);
}

void
player_send_close(uint64_t iid)
{
	unsigned char body[8];
	struct writer w;
	writer_init(&w, body, sizeof body);
	writer_u64(&w, iid);
	ck_assert_int_eq(ipc_send(player_socket, KMSG_LOG_CLOSE,
				 writer_done(&w), NULL, 0),
		0);
}

void
player_send_epoch(uint64_t iid, uint64_t epoch, bool begins)
{
	struct kproto_event e = {iid, epoch, begins};
	unsigned char body[64];
	struct writer w;
	writer_init(&w, body, sizeof body);
	kproto_put_event(&w, &e);
	ck_assert_int_eq(ipc_send(player_socket, KMSG_LOG_EPOCH,
				 writer_done(&w), NULL, 0),
		0);
}

struct player_instance *
player_add(unsigned n, const char *name, uint64_t max_size)
{
	struct player_instance *i = &player_instances[n];
	const char *path = scratch_path((char[]){(char)('0' + n), '\0'});
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	i->fifo = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(i->fifo, 0);
	i->log = (struct kproto_log){.iid = 100 + n,
		.name = name,
		.target = KLOG_FILE,
		.max_size = max_size,
		.max_files = 1000,
		.when_full = KFULL_BLOCK,
		.ready_line = ""};
	return i;
}

void
player_setup(void)
{
	umask(022);
	memset(player_instances, 0, sizeof player_instances);
	scratch_begin();
}

void
player_teardown(void)
{
	if (player_logger > 0)
		player_kill();
	scratch_end();
}
