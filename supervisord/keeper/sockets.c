#include "keeper/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "keeper/spawn.h"
#include "sys/clock.h"
#include "sys/say.h"

#define BACKLOG	     512
#define PATIENCE_MS  2000
#define AGAIN_MS     20
#define CONTROL_NAME "skepd.sock"
#define MAILBOX_NAME "mailbox.sock"
#define LOCK_NAME    "skepd.lock"

/* Not flock: a child that is not yet its program would hold that on.  One that
 * shares its parent's table (loan.h) holds this one until it gets to run, also
 * when the parent was killed. */
static int
lock_file(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	mono end = mono_add(clock_mono(), PATIENCE_MS);
	while (fcntl(fd, F_SETLK, &lock) < 0) {
		if ((errno != EAGAIN && errno != EACCES) ||
			mono_reached(end, clock_mono()))
			return -errno;
		poll(NULL, 0, AGAIN_MS);
	}
	return 0;
}

static int
take_lock(const struct dirs *d, struct err *err)
{
	int fd = openat(d->run, LOCK_NAME,
		O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, -errno, "%s/" LOCK_NAME,
			d->options->conf.node.run_dir);
	int rc = lock_file(fd);
	if (rc == 0)
		return fd;
	close(fd);
	if (rc == -EAGAIN || rc == -EACCES)
		return err_set(err, -EBUSY,
			"another skepd runs in %s: stop it, or give this one "
			"a run_dir of its own in skep.conf",
			d->options->conf.node.run_dir);
	return err_sys(err, rc, "%s/" LOCK_NAME, d->options->conf.node.run_dir);
}

/* Gives the control socket to those who may operate. */
static int
set_control_rights(const char *path, const char *group, struct err *err)
{
	gid_t gid;
	if (geteuid() != 0)
		return chmod(path, 0600) < 0 ? err_sys(err, -errno, "%s", path)
					     : 0;
	if (*group && ids_find_group(group, &gid) == 0) {
		if (lchown(path, 0, gid) < 0)
			return err_sys(err, -errno, "%s", path);
	} else if (*group) {
		say(SAY_WARNING, "there is no group %s: only root reaches %s",
			group, path);
	}
	return chmod(path, 0660) < 0 ? err_sys(err, -errno, "%s", path) : 0;
}

static int
open_control(const struct options *o, const struct dirs *d, struct err *err)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int n = snprintf(a.sun_path, sizeof a.sun_path, "%s/" CONTROL_NAME,
		o->conf.node.run_dir);
	if ((size_t)n >= sizeof a.sun_path)
		return err_set(err, -ENAMETOOLONG,
			"run_dir %s is too long for a socket: %zu characters "
			"at most",
			o->conf.node.run_dir,
			sizeof a.sun_path - sizeof CONTROL_NAME - 1);
	unlinkat(d->run, CONTROL_NAME, 0);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, -errno, "socket");
	mode_t old = umask(0177);
	int rc = bind(fd, (struct sockaddr *)&a, sizeof a) < 0 ? -errno : 0;
	umask(old);
	if (rc == 0 && listen(fd, BACKLOG) < 0)
		rc = -errno;
	if (rc < 0)
		err_sys(err, rc, "%s", a.sun_path);
	else
		rc = set_control_rights(
			a.sun_path, o->conf.api.operate_group, err);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

int
sockets_open_mailbox(
	struct sockets *s, const struct dirs *d, struct err *err)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const char *run_dir = d->options->conf.node.run_dir;
	int n = snprintf(a.sun_path, sizeof a.sun_path, "%s/" MAILBOX_NAME,
		run_dir);
	if ((size_t)n >= sizeof a.sun_path)
		return err_set(err, -ENAMETOOLONG,
			"run_dir %s is too long for a socket", run_dir);
	unlinkat(d->run, MAILBOX_NAME, 0);
	int fd = socket(
		AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, -errno, "socket");
	/* Whoever connects is known by its process: any service may. */
	mode_t old = umask(0111);
	int rc = bind(fd, (struct sockaddr *)&a, sizeof a) < 0 ? -errno : 0;
	umask(old);
	if (rc == 0 && listen(fd, BACKLOG) < 0)
		rc = -errno;
	if (rc < 0) {
		close(fd);
		return err_sys(err, rc, "%s", a.sun_path);
	}
	s->fds[KSOCKET_MAILBOX] = fd;
	spawn_keep_back(fd);
	return 0;
}

/* Binds and listens on one address, once. */
static int
try_listen(const struct addrinfo *ai)
{
	int on = 1, off = 0;
	int fd = socket(
		ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 &&
		listen(fd, BACKLOG) == 0)
		return fd;
	int rc = -errno;
	close(fd);
	return rc;
}

/* The same with patience: a child of a killed skepd holds its socket until it
 * gets to run. */
static int
listen_on(const struct addrinfo *ai)
{
	mono end = mono_add(clock_mono(), PATIENCE_MS);
	int rc;
	while ((rc = try_listen(ai)) == -EADDRINUSE &&
		!mono_reached(end, clock_mono()))
		poll(NULL, 0, AGAIN_MS);
	return rc;
}

static int
open_cluster(const struct options *o, struct err *err)
{
	const char *address = o->conf.node.listen;
	char host[ADDRESS_MAX + 1], port[8];
	uint16_t number;
	if (conf_split_address(address, host, &number) < 0)
		return err_set(err, -EINVAL,
			"listen = %s in [node] is not HOST:PORT", address);
	snprintf(port, sizeof port, "%u", number);
	/* All addresses: "::", which hears IPv4 too; else plain IPv4. */
	bool is_all = strcmp(host, "*") == 0;
	const char *tries[] = {is_all ? "::" : host, is_all ? "0.0.0.0" : NULL};
	int rc = -EADDRNOTAVAIL;
	for (size_t i = 0; i < 2 && tries[i] && rc < 0; i++) {
		struct addrinfo *list = NULL;
		struct addrinfo hints = {
			.ai_socktype = SOCK_STREAM,
			.ai_flags = AI_PASSIVE,
		};
		int bad = getaddrinfo(tries[i], port, &hints, &list);
		if (bad)
			return err_set(err, -EADDRNOTAVAIL,
				"listen = %s in [node]: %s", address,
				gai_strerror(bad));
		for (struct addrinfo *ai = list; ai && rc < 0; ai = ai->ai_next)
			rc = listen_on(ai);
		freeaddrinfo(list);
	}
	if (rc < 0)
		return err_sys(err, rc, "listen = %s in [node]", address);
	return rc;
}

int
sockets_open(struct sockets *s, const struct options *o, const struct dirs *d,
	struct err *err)
{
	for (int i = 0; i < KSOCKET_COUNT; i++)
		s->fds[i] = -1;
	s->lock = take_lock(d, err);
	if (s->lock < 0)
		return s->lock;
	int rc = s->fds[KSOCKET_CONTROL] = open_control(o, d, err);
	if (rc >= 0)
		rc = s->fds[KSOCKET_CLUSTER] = open_cluster(o, err);
	if (rc >= 0)
		rc = sockets_open_mailbox(s, d, err);
	if (rc < 0) {
		sockets_close(s, d);
		return rc;
	}
	spawn_keep_back(s->fds[KSOCKET_CONTROL]);
	spawn_keep_back(s->fds[KSOCKET_CLUSTER]);
	return 0;
}

void
sockets_close(struct sockets *s, const struct dirs *d)
{
	if (s->fds[KSOCKET_CONTROL] >= 0)
		unlinkat(d->run, CONTROL_NAME, 0);
	if (s->fds[KSOCKET_MAILBOX] >= 0)
		unlinkat(d->run, MAILBOX_NAME, 0);
	for (int i = 0; i < KSOCKET_COUNT; i++) {
		if (s->fds[i] >= 0)
			close(s->fds[i]);
		s->fds[i] = -1;
	}
	if (s->lock >= 0)
		close(s->lock);
	s->lock = -1;
}
