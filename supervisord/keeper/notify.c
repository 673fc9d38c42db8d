#include "keeper/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "keeper/closer.h"
#include "keeper/handoff.h"
#include "keeper/keeper.h"
#include "keeper/launch.h"
#include "keeper/leader.h"
#include "keeper/loan.h"
#include "keeper/notice.h"
#include "keeper/record.h"
#include "keeper/session.h"
#include "keeper/startcopy.h"
#include "sys/say.h"
#include "sys/units.h"

#define NAME_SIZE      32
#define DATAGRAM_MAX   4096 /* as systemd's; what is longer is ignored */
#define DATAGRAMS_TURN 16   /* read before others have their turn */
#define STATUS_MS      250  /* between two STATUS= that are passed on */
#define LOOKS_MAX      10   /* for a ping behind what a child is to take */
#define LOOK_MS	       50

static const char *
name_of(uint64_t iid, const char *tail, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "%016" PRIx64 "%s", iid, tail);
	return out;
}

void
notify_path(const struct dirs *d, uint64_t iid, char *out, size_t size)
{
	snprintf(out, size, "%s/notify/%016" PRIx64,
		d->options->conf.node.run_dir, iid);
}

static struct instance *
instance_of(struct notify *n)
{
	return container_of(n, struct instance, notify);
}

/* --- What it says --- */

void
notify_say_ready(struct instance *i)
{
	if (i->has_said_ready)
		return;
	i->has_said_ready = true;
	record_update(i);
	session_send_news(i, KNEWS_READY, 0, "");
}

void
notify_on_line(struct instance *i)
{
	if (i->state == INSTANCE_LAUNCHING)
		launch_on_report(&i->report, EPOLLIN);
	if (i->state == INSTANCE_RUNNING && i->readiness == KREADY_LOG_LINE)
		notify_say_ready(i);
}

void
notify_say_again(struct instance *i)
{
	if (i->has_said_ready && !i->is_ready && instance_is_alive(i))
		session_send_news(i, KNEWS_READY, 0, "");
}

static void
say_status(struct instance *i)
{
	struct notify *n = &i->notify;
	n->is_status_new = false;
	session_send_news(i, KNEWS_STATUS, 0, n->status);
	loop_arm(&i->keeper->loop, &n->later, STATUS_MS);
}

static void
on_later(struct timer *t)
{
	struct notify *n = container_of(t, struct notify, later);
	if (n->is_status_new)
		say_status(instance_of(n));
}

static void
take_status(struct instance *i, const char *text)
{
	struct notify *n = &i->notify;
	if (n->status && strcmp(n->status, text) == 0)
		return;
	char *copy = strdup(text);
	if (!copy)
		return;
	free(n->status);
	n->status = copy;
	n->is_status_new = true;
	if (list_is_empty(&n->later.link))
		say_status(i);
}

static void
begin_watchdog(struct instance *i)
{
	i->notify.looks = 0;
	if (i->watchdog_ms > 0 && !i->was_unwatched)
		loop_arm(&i->keeper->loop, &i->notify.watchdog, i->watchdog_ms);
}

static void
say_unwatched(struct instance *i, const char *text)
{
	if (i->watchdog_ms <= 0 || i->was_unwatched)
		return;
	i->was_unwatched = true;
	loop_disarm(&i->notify.watchdog);
	session_send_news(i, KNEWS_WATCHDOG, 0, text);
}

static void
on_watchdog(struct timer *t)
{
	struct instance *i =
		instance_of(container_of(t, struct notify, watchdog));
	char text[128], period[32];
	pid_t pid = i->pid;
	/* It may have said it while we were busy. */
	loop_arm(&i->keeper->loop, t, i->watchdog_ms);
	mono at = t->at;
	notify_drain(i);
	if (i->pid != pid || mono_diff(t->at, at) > 0)
		return;
	if (closer_is_reading(i->iid) && i->notify.looks++ < LOOKS_MAX) {
		loop_arm(&i->keeper->loop, t, LOOK_MS);
		return;
	}
	snprintf(text, sizeof text, "watchdog: no WATCHDOG=1 for %s",
		units_format_duration(i->watchdog_ms, period, sizeof period));
	say_unwatched(i, text);
}

/* Whether the watchdog runs already. */
static bool
is_watched(const struct instance *i)
{
	return !list_is_empty(&i->notify.watchdog.link);
}

static void
take_notice(struct instance *i, const struct notice *n)
{
	if (n->main_pid > 0 && n->main_pid != i->pid)
		leader_change(i, n->main_pid);
	if (n->has_status)
		take_status(i, n->status);
	if (n->is_reloading)
		session_send_news(i, KNEWS_RELOADING, 0, "");
	if (n->is_ready && i->readiness == KREADY_NOTIFY) {
		notify_say_ready(i);
		begin_watchdog(i);
	}
	if (n->is_stopping)
		session_send_news(i, KNEWS_STOPPING, 0, "");
	if (n->answer)
		handoff_on_said(i, n->answer);
	if (n->extend_ms > 0)
		session_send_news(i, KNEWS_EXTEND, n->extend_ms, "");
	if (n->watchdog_ms > 0 && i->watchdog_ms > 0)
		i->watchdog_ms = n->watchdog_ms;
	if ((n->is_ping || n->watchdog_ms > 0) && is_watched(i))
		begin_watchdog(i);
	if (n->is_trigger)
		say_unwatched(i, "watchdog: it said WATCHDOG=trigger");
}

/* --- The socket --- */

/* Whether a process belongs to the instance. */
static bool
is_own(struct instance *i, pid_t pid)
{
	struct keeper *k = i->keeper;
	if (pid <= 0)
		return false;
	if (pid == i->pid)
		return true;
	if (i->cgroup_fd >= 0)
		return cgroup_holds(
			&k->cgroups, i->iid, i->foreign_cgroup, pid);
	return i->group > 0 &&
	       (getpgid(pid) == i->group || getsid(pid) == i->group);
}

/* Who sent it, as the kernel says; 0 when it does not. */
static pid_t
sender_of(struct msghdr *m)
{
	struct ucred who = {.pid = 0};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == SOL_SOCKET &&
			c->cmsg_type == SCM_CREDENTIALS)
			memcpy(&who, CMSG_DATA(c), sizeof who);
	return who.pid;
}

static void
ignore(struct instance *i, const char *why, pid_t pid)
{
	i->notify.ignored++;
	say(SAY_DEBUG, "%s: a notify datagram of pid %d %s: ignored, %u so far",
		i->name, (int)pid, why, i->notify.ignored);
}

static void
take_datagram(struct instance *i, const char *data, size_t size, pid_t pid,
	bool is_owned, bool is_cut)
{
	struct notice notice;
	/* What it sends may overtake that it runs. */
	if (i->state == INSTANCE_LAUNCHING)
		launch_on_report(&i->report, EPOLLIN);
	if (i->state != INSTANCE_RUNNING) {
		ignore(i, "comes while the service does not run", pid);
	} else if (!is_owned) {
		ignore(i, "is none of its own", pid);
	} else if (is_cut) {
		ignore(i, "is too long", pid);
	} else {
		notice_parse(data, size, &notice);
		take_notice(i, &notice);
	}
}

/* Has what was peeked at taken out of the socket: by us if it is only words, or
 * by a child.  False when it has to wait. */
static bool
take_out(struct instance *i, bool has_fds, bool is_owned)
{
	struct watch *w = &i->notify.socket;
	if (!has_fds) {
		recv(w->fd, NULL, 0, MSG_DONTWAIT);
		return true;
	}
	if (closer_take(i->iid, w->fd, is_owned))
		return true;
	loop_change(&i->keeper->loop, w, 0);
	return false;
}

/* Takes in one datagram; false when there is none, or it has to wait. */
static bool
receive(struct instance *i)
{
	static char data[DATAGRAM_MAX];
	struct iovec v = {data, sizeof data};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	ssize_t n = closer_peek(i->notify.socket.fd, &m);
	if (n < 0)
		return errno == EINTR;
	pid_t pid = sender_of(&m);
	/* Before: who waits in a BARRIER may end as soon as it is taken. */
	bool is_owned = is_own(i, pid);
	if (!take_out(i, (m.msg_flags & MSG_CTRUNC) != 0, is_owned))
		return false;
	take_datagram(i, data, (size_t)n, pid, is_owned,
		(m.msg_flags & MSG_TRUNC) != 0);
	return true;
}

static void
on_socket(struct watch *w, uint32_t events)
{
	struct notify *n = container_of(w, struct notify, socket);
	struct instance *i = instance_of(n);
	(void)events;
	for (int turn = 0; turn < DATAGRAMS_TURN && w->fd >= 0; turn++) {
		if (closer_is_reading(i->iid)) {
			loop_change(&i->keeper->loop, w, 0);
			return;
		}
		if (!receive(i))
			return;
	}
}

void
notify_listen(struct keeper *k, uint64_t iid)
{
	struct instance *i = instance_find(&k->instances, iid);
	if (i && i->notify.socket.fd >= 0)
		loop_change(&k->loop, &i->notify.socket, EPOLLIN);
}

void
notify_drain(struct instance *i)
{
	if (i->notify.socket.fd >= 0)
		on_socket(&i->notify.socket, EPOLLIN);
}

/* Binds the name anew.  The path of the directory may be longer than a socket's
 * may be, so it is named by its descriptor; the service must spell it out. */
static int
bind_socket(const struct dirs *d, uint64_t iid, int fd, struct err *err)
{
	char name[NAME_SIZE], whole[PATH_MAX];
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	notify_path(d, iid, whole, sizeof whole);
	if (strlen(whole) >= sizeof a.sun_path)
		return err_set(err, -ENAMETOOLONG,
			"%s is too long for NOTIFY_SOCKET: run_dir in [node] "
			"of skep.conf may have %zu characters",
			whole, sizeof a.sun_path - sizeof "/notify/" - 16);
	name_of(iid, "", name);
	unlinkat(d->notify, name, 0);
	snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/%s",
		d->notify, name);
	mode_t old = umask(0177);
	int rc = bind(fd, (struct sockaddr *)&a, sizeof a) < 0 ? -errno : 0;
	umask(old);
	return rc < 0 ? err_sys(err, rc, "%s", whole) : 0;
}

static int
open_socket(struct instance *i, struct err *err)
{
	struct keeper *k = i->keeper;
	int one = 1;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, -errno, "socket");
	fd = loan_park(fd);
	int rc = 0;
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof one) < 0)
		rc = err_sys(err, -errno, "SO_PASSCRED");
	if (rc == 0)
		rc = bind_socket(&k->dirs, i->iid, fd, err);
	if (rc == 0 &&
		(rc = loop_watch(&k->loop, &i->notify.socket, fd, EPOLLIN)) < 0)
		err_sys(err, rc, "epoll");
	if (rc < 0)
		closer_drop(fd);
	return rc;
}

/* --- The readiness descriptor --- */

/* The first line is what counts, however much comes with it. */
static void
on_ready_fd(struct watch *w, uint32_t events)
{
	struct notify *n = container_of(w, struct notify, ready);
	struct instance *i = instance_of(n);
	char data[512];
	(void)events;
	ssize_t size = read(w->fd, data, sizeof data);
	if (i->state == INSTANCE_LAUNCHING)
		launch_on_report(&i->report, EPOLLIN);
	if (size <= 0 || !memchr(data, '\n', (size_t)size) || w->fd < 0)
		return;
	loop_close(&i->keeper->loop, w);
	if (i->state == INSTANCE_RUNNING)
		notify_say_ready(i);
}

static int
open_ready(struct instance *i, struct err *err)
{
	struct keeper *k = i->keeper;
	char name[NAME_SIZE];
	struct stat st;
	int dir = k->dirs.notify;
	name_of(i->iid, ".ready", name);
	if (mkfifoat(dir, name, 0600) < 0 && errno != EEXIST)
		return err_sys(err, -errno, "the FIFO of readiness.fd");
	int fd =
		openat(dir, name, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "the FIFO of readiness.fd");
	int rc = fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode)
			 ? -EEXIST
			 : loop_watch(&k->loop, &i->notify.ready, fd, EPOLLIN);
	if (rc < 0) {
		close(fd);
		return err_sys(err, rc, "the FIFO of readiness.fd");
	}
	return 0;
}

/* --- Life --- */

void
notify_init(struct notify *n)
{
	memset(n, 0, sizeof *n);
	watch_init(&n->socket, on_socket);
	watch_init(&n->ready, on_ready_fd);
	timer_init(&n->watchdog, on_watchdog);
	timer_init(&n->later, on_later);
}

/* Opens what is on record. */
static int
open_all(struct instance *i, struct err *err)
{
	int rc = 0;
	if (i->readiness == KREADY_NOTIFY || i->watchdog_ms > 0)
		rc = open_socket(i, err);
	if (rc == 0 && i->readiness == KREADY_FD && !i->has_said_ready)
		rc = open_ready(i, err);
	return rc;
}

int
notify_open(struct instance *i, const struct kproto_start *s, struct err *err)
{
	i->readiness = s->readiness;
	i->watchdog_ms = s->watchdog_ms;
	i->has_said_ready = false;
	i->notify.ignored = 0;
	free(i->ready_line);
	i->ready_line = NULL;
	if (s->readiness == KREADY_LOG_LINE &&
		!(i->ready_line = strdup(s->ready_line)))
		return err_set(err, -ENOMEM, "out of memory");
	/* What an earlier start left in the FIFO is not of this one. */
	notify_remove(&i->keeper->dirs, i->iid);
	return open_all(i, err);
}

int
notify_give(struct instance *i, uid_t uid, gid_t gid, struct err *err)
{
	char name[NAME_SIZE];
	int dir = i->keeper->dirs.notify;
	if (i->notify.socket.fd < 0)
		return 0;
	name_of(i->iid, "", name);
	/* A service that is root may go on as anybody, also as a user that we
	 * do not hear of, and speaks then: so anybody may write.  Who does not
	 * belong to it is not heard, and can do no more than have us look who
	 * it is, and fork for the descriptors that it sends: some of these
	 * forks at a time, for all who are strangers (closer.h). */
	if ((geteuid() == 0 &&
		    fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0) ||
		fchmodat(dir, name, uid == 0 ? 0666 : 0660, 0) < 0)
		return err_sys(err, -errno, "the owner of its NOTIFY_SOCKET");
	return 0;
}

void
notify_on_running(struct instance *i)
{
	if (i->readiness != KREADY_NOTIFY || i->has_said_ready)
		begin_watchdog(i);
}

/* The line that makes it ready is in the copy of its start. */
static int
recall_line(struct instance *i, struct err *err)
{
	struct kproto_start start;
	char *memory = NULL;
	if (i->readiness != KREADY_LOG_LINE || i->has_said_ready)
		return 0;
	int rc = startcopy_read(
		&i->keeper->dirs, i->iid, i->epoch, &start, &memory, err);
	if (rc == 0)
		i->ready_line = strdup(start.ready_line);
	free(memory);
	return rc;
}

void
notify_adopt(struct instance *i)
{
	struct err err = {""};
	int rc = open_all(i, &err);
	if (rc == 0)
		rc = recall_line(i, &err);
	if (rc == 0 && i->ids)
		rc = notify_give(i, i->ids->uid, i->ids->gid, &err);
	if (rc < 0)
		say(SAY_WARNING, "%s: it is not heard any more: %s", i->name,
			err.text);
	notify_on_running(i);
}

/* Watches a descriptor that is in the watch already. */
static void
take_over(struct instance *i, struct watch *w, void (*drop)(int))
{
	int fd = w->fd;
	w->fd = -1;
	if (fd >= 0 && loop_watch(&i->keeper->loop, w, fd, EPOLLIN) < 0) {
		say(SAY_WARNING, "%s: it is not heard any more", i->name);
		drop(fd);
	}
}

static void
close_fifo(int fd)
{
	close(fd);
}

static void
close_socket(struct instance *i)
{
	struct watch *w = &i->notify.socket;
	int fd = w->fd;
	closer_forget(i->iid);
	loop_forget(&i->keeper->loop, w);
	if (fd >= 0)
		closer_drop(fd);
}

void
notify_resume(struct instance *i)
{
	struct err err = {""};
	if (recall_line(i, &err) < 0)
		say(SAY_WARNING, "%s: %s", i->name, err.text);
	take_over(i, &i->notify.socket, closer_drop);
	take_over(i, &i->notify.ready, close_fifo);
	if (i->state == INSTANCE_RUNNING)
		notify_on_running(i);
}

void
notify_close(struct instance *i)
{
	struct notify *n = &i->notify;
	close_socket(i);
	loop_close(&i->keeper->loop, &n->ready);
	loop_disarm(&n->watchdog);
	loop_disarm(&n->later);
	free(n->status);
	n->status = NULL;
	n->is_status_new = false;
}

void
notify_remove(const struct dirs *d, uint64_t iid)
{
	char name[NAME_SIZE];
	unlinkat(d->notify, name_of(iid, "", name), 0);
	unlinkat(d->notify, name_of(iid, ".ready", name), 0);
}
