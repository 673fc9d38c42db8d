/* skep.h: what a service needs to move with its state, in one header.
 *
 * There is no library to link and nothing to be initialised: all functions are
 * static inline, in C99 and later and in C++.  Who needs only one of them may
 * as well copy it.  skep.yaml(5) says what the service is told by whom,
 * skep-handlers(7) shows the same in other languages.
 *
 *   int signal = 0;
 *   skep_catch(SIGUSR1);                  (before any thread and any work)
 *   skep_catch(SIGTERM);
 *   skep_state_load(&data, &size);        (1: go on from there, 0: begin)
 *   skep_ready();
 *   while ((signal = skep_wait(timeout)) != SIGTERM)
 *           if (signal == SIGUSR1)
 *                   skep_state_save(data, size);
 *
 * A handoff.  skepd sends SIGUSR1 (handoff.signal).  From then on the service
 * acknowledges no work, and gives one of three answers:
 *
 *   resume   skep_state_save, or _begin, _write and _finish: my state is there
 *   restart  skep_answer_restart: there is nothing to carry
 *   ignore   skep_answer_ignore: leave me here
 *
 * After the first two it only waits for SIGTERM; if the move is called off, it
 * is started again with what it has saved.  Who saves anew until then replaces
 * it.  Without an answer handoff.mode decides once handoff.timeout is over.
 *
 * A checkpoint.  When checkpoint.signal comes, or whenever it likes, the
 * service calls skep_checkpoint_save and works on: other hosts keep the last
 * one, and if this host dies, skep_state_load finds it elsewhere.
 *
 * Signals come as bytes of a pipe that a handler writes, so they are met where
 * the program waits and never in the midst of its work, and a program with
 * threads needs no mask.  The handlers belong to the translation unit that
 * calls 'skep_catch'; only that one calls 'skep_wait' and 'skep_signal_fd'.
 *
 * Errors: 0 or more, or -errno.  Nothing is printed.  Outside of skep, without
 * its variables, all of it does nothing and says so as described.
 */
#ifndef SKEP_SKEP_H
#define SKEP_SKEP_H

/* What -std=c99 or -std=c11 alone hides; for those who include this first. */
#if defined __STRICT_ANSI__ && !defined _POSIX_C_SOURCE &&                     \
	!defined _XOPEN_SOURCE && !defined _GNU_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#if !defined SA_RESTART || !defined O_CLOEXEC
#error "skep.h: include it first, or compile with -D_POSIX_C_SOURCE=200809L"
#endif

/* Longest path that is built here, in bytes. */
#define SKEP_PATH_SIZE 4096

/* --- Signals --- */

/* The pipe's ends, -1 before the first 'skep_catch'. */
static inline int *
skep_pipe_(void)
{
	static int ends[2] = {-1, -1};
	return ends;
}

/* The handler: async-signal-safe, and leaves errno alone.  A full pipe loses
 * the signal: 4096 others that nobody has taken are in it then. */
static inline void
skep_on_signal_(int number)
{
	int saved = errno;
	unsigned char byte = (unsigned char)number;
	ssize_t n = write(skep_pipe_()[1], &byte, 1);
	(void)n;
	errno = saved;
}

/* Makes the pipe, once; it does not pass to what the service executes. */
static inline int
skep_open_pipe_(void)
{
	int *ends = skep_pipe_();
	int made[2], i;
	if (ends[0] >= 0)
		return 0;
	if (pipe(made) < 0)
		return -errno;
	for (i = 0; i < 2; i++) {
		if (fcntl(made[i], F_SETFD, FD_CLOEXEC) < 0 ||
			fcntl(made[i], F_SETFL, O_NONBLOCK) < 0) {
			int code = -errno;
			close(made[0]);
			close(made[1]);
			return code;
		}
	}
	ends[0] = made[0];
	ends[1] = made[1];
	return 0;
}

/* From now on the signal is for 'skep_wait'.  skepd sends handoff.signal only
 * to a service that catches it, so this comes before anything that takes
 * time. */
static inline int
skep_catch(int number)
{
	struct sigaction action;
	int code = skep_open_pipe_();
	if (code < 0)
		return code;
	memset(&action, 0, sizeof action);
	action.sa_handler = skep_on_signal_;
	action.sa_flags = SA_RESTART;
	sigemptyset(&action.sa_mask);
	return sigaction(number, &action, NULL) < 0 ? -errno : 0;
}

/* Readable while a signal waits, for a loop of one's own; -1 before the first
 * 'skep_catch'.  'skep_wait(0)' then takes the signal. */
static inline int
skep_signal_fd(void)
{
	return skep_pipe_()[0];
}

/* Waits up to 'timeout_ms' (-1: for ever) and returns the number of the signal
 * that came first; 0 when none did, which may be early. */
static inline int
skep_wait(int timeout_ms)
{
	struct pollfd one;
	unsigned char byte;
	ssize_t n;
	one.fd = skep_signal_fd();
	one.events = POLLIN;
	one.revents = 0;
	if (poll(&one, 1, timeout_ms) < 0 && errno != EINTR)
		return -errno;
	if (one.fd < 0)
		return 0;
	n = read(one.fd, &byte, 1);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	return n == 1 ? byte : 0;
}

/* --- The state that comes --- */

/* Opens the state to start from; -ENOENT when there is none.  With
 * handoff.state_path it may be a directory. */
static inline int
skep_state_open(void)
{
	const char *path = getenv("SKEP_STATE_IN");
	int fd;
	if (!path || !*path)
		return -ENOENT;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Reads what is left in 'fd' into '*data', which grows by doubling and is
 * freed on error. */
static inline int
skep_read_all_(int fd, char **data, size_t *size)
{
	size_t room = 0;
	for (;;) {
		ssize_t n;
		if (*size == room) {
			char *more;
			room = room ? 2 * room : 65536;
			more = (char *)realloc(*data, room);
			if (!more)
				return -ENOMEM;
			*data = more;
		}
		n = read(fd, *data + *size, room - *size);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		*size += n > 0 ? (size_t)n : 0;
	}
}

/* Reads the state to start from: 1 with '*data' (the caller frees it) and
 * '*size', 0 when there is none; they are NULL and 0 then, and on error. */
static inline int
skep_state_load(void **data, size_t *size)
{
	char *all = NULL;
	int fd = skep_state_open(), code;
	*data = NULL;
	*size = 0;
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	code = skep_read_all_(fd, &all, size);
	close(fd);
	if (code < 0) {
		free(all);
		*size = 0;
		return code;
	}
	*data = all;
	return 1;
}

/* --- Files that have their name when they are whole --- */

/* Writes what 'variable' names, and 'suffix'; -ENOENT without it. */
static inline int
skep_out_path_(
	const char *variable, const char *suffix, char path[SKEP_PATH_SIZE])
{
	const char *out = getenv(variable);
	int n;
	if (!out || !*out)
		return -ENOENT;
	n = snprintf(path, SKEP_PATH_SIZE, "%s%s", out, suffix);
	return n < 0 || n >= SKEP_PATH_SIZE ? -ENAMETOOLONG : 0;
}

static inline int
skep_out_begin_(const char *variable)
{
	char path[SKEP_PATH_SIZE];
	int code = skep_out_path_(variable, ".tmp", path);
	if (code < 0)
		return code;
	code = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return code < 0 ? -errno : code;
}

static inline void
skep_out_discard_(const char *variable, int fd)
{
	char path[SKEP_PATH_SIZE];
	close(fd);
	if (skep_out_path_(variable, ".tmp", path) == 0)
		unlink(path);
}

static inline int
skep_out_finish_(const char *variable, int fd)
{
	char aside[SKEP_PATH_SIZE], path[SKEP_PATH_SIZE];
	int code = skep_out_path_(variable, ".tmp", aside);
	if (code == 0)
		code = skep_out_path_(variable, "", path);
	if (code == 0 && fsync(fd) < 0)
		code = -errno;
	if (code == 0 && rename(aside, path) < 0)
		code = -errno;
	if (code < 0)
		skep_out_discard_(variable, fd);
	else
		close(fd);
	return code;
}

/* Writes all of 'data'. */
static inline int
skep_state_write(int fd, const void *data, size_t size)
{
	const char *at = (const char *)data;
	while (size > 0) {
		ssize_t n = write(fd, at, size);
		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static inline int
skep_out_save_(const char *variable, const void *data, size_t size)
{
	int fd = skep_out_begin_(variable);
	int code = fd < 0 ? fd : skep_state_write(fd, data, size);
	if (fd < 0)
		return code;
	if (code < 0)
		skep_out_discard_(variable, fd);
	return code < 0 ? code : skep_out_finish_(variable, fd);
}

/* --- The state that goes, and the other answers --- */

/* Begins a state beside its place, in place of one that was begun before.
 * The descriptor is for 'skep_state_write' or any other way to write.  -ENOENT:
 * the service has no handoff block, or another way to hand off. */
static inline int
skep_state_begin(void)
{
	return skep_out_begin_("SKEP_STATE_OUT");
}

/* Throws away what was begun; 'fd' is closed. */
static inline void
skep_state_discard(int fd)
{
	skep_out_discard_("SKEP_STATE_OUT", fd);
}

/* The answer "resume": what is in 'fd' is on the disk, and then has its name.
 * 'fd' is closed.  On error there is no answer, and what was begun is gone: the
 * service may work on, or try again. */
static inline int
skep_state_finish(int fd)
{
	return skep_out_finish_("SKEP_STATE_OUT", fd);
}

/* The answer "resume" with this state. */
static inline int
skep_state_save(const void *data, size_t size)
{
	return skep_out_save_("SKEP_STATE_OUT", data, size);
}

/* Makes the file that is an answer. */
static inline int
skep_answer_(const char *suffix)
{
	char path[SKEP_PATH_SIZE];
	int code = skep_out_path_("SKEP_STATE_OUT", suffix, path);
	if (code < 0)
		return code;
	code = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (code < 0)
		return -errno;
	close(code);
	return 0;
}

/* The answer "restart": nothing to carry, start me elsewhere. */
static inline int
skep_answer_restart(void)
{
	return skep_answer_(".restart");
}

/* The answer "ignore": leave me here; the service works on. */
static inline int
skep_answer_ignore(void)
{
	return skep_answer_(".ignore");
}

/* --- Checkpoints: what is left of the work if this host dies --- */

/* Begins, discards and finishes one as the functions of the same names do with
 * a state; -ENOENT: the service has no checkpoint block.  Once it is finished
 * it is not touched again, and the work goes on. */
static inline int
skep_checkpoint_begin(void)
{
	return skep_out_begin_("SKEP_CHECKPOINT_OUT");
}

static inline void
skep_checkpoint_discard(int fd)
{
	skep_out_discard_("SKEP_CHECKPOINT_OUT", fd);
}

static inline int
skep_checkpoint_finish(int fd)
{
	return skep_out_finish_("SKEP_CHECKPOINT_OUT", fd);
}

/* Leaves this checkpoint; on error the one before is still there. */
static inline int
skep_checkpoint_save(const void *data, size_t size)
{
	return skep_out_save_("SKEP_CHECKPOINT_OUT", data, size);
}

/* --- How the service is: sd_notify(3) without libsystemd --- */

/* Sends lines such as "READY=1\nSTATUS=warm".  1: sent; 0: nobody asked (no
 * NOTIFY_SOCKET: neither readiness.notify nor a watchdog is set). */
static inline int
skep_notify(const char *lines)
{
	struct sockaddr_un to;
	const char *path = getenv("NOTIFY_SOCKET");
	size_t length = path ? strlen(path) : 0;
	ssize_t n;
	int fd;
	if (length == 0)
		return 0;
	if (length >= sizeof to.sun_path)
		return -ENAMETOOLONG;
	memset(&to, 0, sizeof to);
	to.sun_family = AF_UNIX;
	memcpy(to.sun_path, path, length);
	if (path[0] == '@') /* an abstract name, as systemd gives */
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	do {
		n = sendto(fd, lines, strlen(lines), MSG_NOSIGNAL,
			(const struct sockaddr *)&to,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				    length));
	} while (n < 0 && errno == EINTR);
	n = n < 0 ? -errno : 1;
	close(fd);
	return (int)n;
}

/* It works: with readiness.notify, what waits for it goes on. */
static inline int
skep_ready(void)
{
	return skep_notify("READY=1");
}

/* It is about to end. */
static inline int
skep_stopping(void)
{
	return skep_notify("STOPPING=1");
}

/* What it is doing, for people: one line, cut at 500 bytes. */
static inline int
skep_status(const char *text)
{
	char line[512];
	snprintf(line, sizeof line, "STATUS=%.500s", text);
	line[strcspn(line, "\n")] = '\0';
	return skep_notify(line);
}

/* A sign of life; due every 'watchdog' of the spec. */
static inline int
skep_watchdog(void)
{
	return skep_notify("WATCHDOG=1");
}

/* How often to give one, in milliseconds: half of what is allowed; -1 when
 * nobody waits for it.  As a timeout of 'skep_wait' or poll(2) it is right
 * either way. */
static inline int
skep_watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	char *end;
	unsigned long long value;
	if (!usec || (pid && strtoll(pid, NULL, 10) != (long long)getpid()))
		return -1;
	value = strtoull(usec, &end, 10);
	if (*usec < '0' || *usec > '9' || *end || value == 0)
		return -1;
	value = value / 2000;
	return value == 0 ? 1 : value > INT_MAX ? INT_MAX : (int)value;
}

#endif
