#include "keeper/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "keeper/keeper.h"

#define FD_FIRST  3
#define NAME_SIZE 64
#define TEXT_SIZE 256

/* One descriptor from the store. */
struct parked {
	char name[NAME_SIZE];
	int fd; /* -1 once it is taken */
};

static struct parked *parked;
static size_t parked_count;

/* Sends one message to systemd, if there is one. */
static void
notify(const char *text, int fd)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {(void *)(uintptr_t)text, strlen(text)};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
	if (!path || strlen(path) >= sizeof a.sun_path)
		return;
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return;
	size_t length = strlen(path);
	memcpy(a.sun_path, path, length);
	if (a.sun_path[0] == '@')
		a.sun_path[0] = 0;
	m.msg_name = &a;
	m.msg_namelen =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	if (fd >= 0) {
		m.msg_control = control;
		m.msg_controllen = sizeof control;
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	sendmsg(s, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(s);
}

static void
name_leader(char out[NAME_SIZE], uint64_t iid, uint64_t epoch)
{
	snprintf(out, NAME_SIZE, "pid-%016" PRIx64 "-%016" PRIx64, iid, epoch);
}

static void
name_output(char out[NAME_SIZE], uint64_t iid)
{
	snprintf(out, NAME_SIZE, "fifo-%016" PRIx64, iid);
}

static void
store(const char *name, int fd)
{
	char text[TEXT_SIZE];
	if (fd < 0)
		return;
	/* A pidfd hangs up when its process ends: it is to be kept then. */
	snprintf(text, sizeof text, "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
	notify(text, fd);
}

static void
unstore(const char *name)
{
	char text[TEXT_SIZE];
	snprintf(text, sizeof text, "FDSTOREREMOVE=1\nFDNAME=%s", name);
	notify(text, -1);
}

/* Takes 'count' descriptors with their names, which colons separate. */
static void
take_all(size_t count, const char *names)
{
	parked = calloc(count, sizeof *parked);
	if (!parked)
		return;
	for (size_t i = 0; i < count; i++) {
		struct parked *p = &parked[parked_count++];
		size_t length = strcspn(names, ":");
		snprintf(p->name, sizeof p->name, "%.*s", (int)length, names);
		p->fd = FD_FIRST + (int)i;
		fcntl(p->fd, F_SETFD, FD_CLOEXEC);
		names += length + (names[length] == ':');
	}
}

void
systemd_init(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	if (pid && count && strtol(pid, NULL, 10) == getpid()) {
		long n = strtol(count, NULL, 10);
		if (n > 0 && n < 4 * INSTANCES_MAX)
			take_all((size_t)n, names ? names : "");
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

/* Half of what the watchdog allows; 0 without one. */
static int64_t
beat_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	if (!usec || (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	return strtoll(usec, NULL, 10) / 2000;
}

static void
on_beat(struct timer *t)
{
	struct keeper *k = container_of(t, struct keeper, beat);
	notify("WATCHDOG=1", -1);
	if (beat_ms() > 0)
		loop_arm(&k->loop, t, beat_ms());
}

void
systemd_ready(struct keeper *k)
{
	notify("READY=1", -1);
	timer_init(&k->beat, on_beat);
	if (beat_ms() > 0)
		loop_arm(&k->loop, &k->beat, 0);
}

void
systemd_stopping(void)
{
	notify("STOPPING=1", -1);
}

void
systemd_park_leader(const struct instance *i, int pidfd)
{
	char name[NAME_SIZE];
	name_leader(name, i->iid, i->epoch);
	store(name, pidfd);
}

void
systemd_park_output(const struct instance *i)
{
	char name[NAME_SIZE];
	name_output(name, i->iid);
	store(name, i->fifo_fd);
}

void
systemd_forget_leader(const struct instance *i)
{
	char name[NAME_SIZE];
	name_leader(name, i->iid, i->epoch);
	unstore(name);
}

void
systemd_forget_output(const struct instance *i)
{
	char name[NAME_SIZE];
	name_output(name, i->iid);
	unstore(name);
}

static int
take(const char *name)
{
	for (size_t i = 0; i < parked_count; i++) {
		int fd = parked[i].fd;
		if (fd < 0 || strcmp(parked[i].name, name) != 0)
			continue;
		parked[i].fd = -1;
		return fd;
	}
	return -1;
}

int
systemd_take_leader(uint64_t iid, uint64_t epoch)
{
	char name[NAME_SIZE];
	name_leader(name, iid, epoch);
	return take(name);
}

int
systemd_take_output(uint64_t iid)
{
	char name[NAME_SIZE];
	name_output(name, iid);
	return take(name);
}

void
systemd_drop_rest(void)
{
	for (size_t i = 0; i < parked_count; i++) {
		if (parked[i].fd < 0)
			continue;
		unstore(parked[i].name);
		close(parked[i].fd);
	}
	free(parked);
	parked = NULL;
	parked_count = 0;
}
