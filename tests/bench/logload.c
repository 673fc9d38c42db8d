/* How fast output becomes log files, and what that costs.
 *
 *   logload MIB flood                     writes so much to standard output
 *   logload MIB pipe COMMAND...           ... to the standard input of COMMAND
 *   logload MIB skep DIR LOGGER           ... to a FIFO of skep-logger, which
 *                                         writes below DIR
 *   logload MIB daemon FILE COMMAND...    COMMAND runs 'flood' itself; it is
 *                                         ended when FILE ends in "end\n"
 *
 * All but the first print "MIB/S CPU", the processor time in microseconds per
 * MiB of what was started and of all that it has reaped itself.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sys/ipc.h"
#include "sys/kproto.h"

#define BLOCK	  4096
#define LINE_SIZE 64

static long mib;

static double
now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Writes it all, in blocks as stdio would. */
static void
flood(int fd)
{
	char block[BLOCK];
	for (size_t i = 0; i < sizeof block; i++)
		block[i] = i % LINE_SIZE == LINE_SIZE - 1 ? '\n' : 'x';
	for (long left = mib * (1048576 / BLOCK); left > 0; left--)
		if (write(fd, block, sizeof block) != sizeof block)
			exit(1);
	if (write(fd, "end\n", 4) != 4)
		exit(1);
}

static void
report(double began, pid_t pid)
{
	struct rusage use;
	int status;
	if (wait4(pid, &status, 0, &use) != pid)
		exit(1);
	double s = now_s() - began;
	double us = 1e6 * (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
		    (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
	printf("%.1f %.1f\n", (double)mib / s, us / (double)(mib ? mib : 1));
}

static pid_t
start(char **argv, int from, int to)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	if (from != to)
		dup2(from, to);
	execvp(argv[0], argv);
	_exit(127);
}

static void
through_pipe(char **argv)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		exit(1);
	double began = now_s();
	pid_t pid = start(argv, ends[0], STDIN_FILENO);
	close(ends[0]);
	flood(ends[1]);
	close(ends[1]);
	report(began, pid);
}

static void
open_log(int socket, int fifo)
{
	static const struct kproto_log log = {.iid = 1,
		.epoch = 1,
		.name = "load",
		.target = KLOG_FILE,
		.max_size = 20u << 20,
		.max_files = 5,
		.when_full = KFULL_BLOCK};
	unsigned char body[512];
	struct writer w;
	writer_init(&w, body, sizeof body);
	kproto_put_log(&w, &log);
	if (ipc_send(socket, KMSG_LOG_OPEN, writer_done(&w), &fifo, 1) < 0)
		exit(1);
}

static void
through_skep(char *dir, char *logger)
{
	char path[4096];
	int pair[2];
	snprintf(path, sizeof path, "%s/fifo", dir);
	if (mkfifo(path, 0600) < 0 || ipc_pair(pair) < 0)
		exit(1);
	int fifo = open(path, O_RDWR | O_CLOEXEC);
	char *argv[] = {logger, "--log-dir", dir, NULL};
	double began = now_s();
	pid_t pid = start(argv, pair[1], KPROTO_FD);
	close(pair[1]);
	open_log(pair[0], fifo);
	flood(fifo);
	close(pair[0]); /* it leaves when all is written */
	report(began, pid);
}

/* Whether the file ends with the flood's last line. */
static int
is_whole(const char *path)
{
	char end[4] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	int is_end = size >= 4 && pread(fd, end, 4, size - 4) == 4 &&
		     memcmp(end, "end\n", 4) == 0;
	if (fd >= 0)
		close(fd);
	return is_end;
}

static void
through_daemon(const char *file, char **argv)
{
	struct timespec ms = {.tv_nsec = 1000000};
	double began = now_s();
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	pid_t pid = start(argv, null, STDOUT_FILENO);
	while (!is_whole(file) && now_s() - began < 100)
		nanosleep(&ms, NULL);
	kill(pid, SIGTERM);
	report(began, pid);
}

int
main(int argc, char **argv)
{
	mib = argc > 2 ? atol(argv[1]) : -1;
	if (mib >= 0 && argc == 3 && !strcmp(argv[2], "flood"))
		flood(STDOUT_FILENO);
	else if (mib >= 0 && argc > 3 && !strcmp(argv[2], "pipe"))
		through_pipe(argv + 3);
	else if (mib >= 0 && argc == 5 && !strcmp(argv[2], "skep"))
		through_skep(argv[3], argv[4]);
	else if (mib >= 0 && argc > 4 && !strcmp(argv[2], "daemon"))
		through_daemon(argv[3], argv + 4);
	else
		return 2;
	return 0;
}
