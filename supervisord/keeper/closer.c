#include "keeper/closer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "keeper/keeper.h"
#include "keeper/loan.h"
#include "keeper/notify.h"
#include "keeper/spawn.h"
#include "sys/say.h"

#define CHILDREN_MAX  128
#define TAKERS_MAX    96 /* of these: the rest is for sockets that go */
#define OWN_MAX	      4	 /* for one instance */
#define STRANGERS_MAX 32
#define AGAIN_MS      100
#define FDS_MAX	      253 /* that the kernel lets one message carry */

/* A child. */
struct closer {
	pid_t pid;	    /* 0: this place is free */
	uint64_t iid;	    /* whose socket it reads; 0: the run is over */
	bool is_for_own;    /* one of the instance sent the message */
	int socket;	    /* ours to close once it is empty, or -1 */
	struct watch taken; /* readable when it has taken; then unused */
};

static struct keeper *keeper; /* borrowed */
static struct closer closers[CHILDREN_MAX];
static size_t busy_count; /* of 'closers' that are not free */
static struct timer again;

/* For a 'c' that is not free: busy_count says that there is one. */
#define each_closer(c)                                                         \
	for (struct closer *c = closers;                                       \
		busy_count > 0 && c < closers + CHILDREN_MAX; c++)             \
		if (c->pid != 0)

/* --- The child --- */

/* Another program in this process may have begun us for the message before:
 * words are the keeper's. */
static bool
is_for_us(int socket)
{
	struct msghdr m = {0};
	return closer_peek(socket, &m) >= 0 && (m.msg_flags & MSG_CTRUNC) != 0;
}

static bool
take_one(int socket)
{
	static char control[CMSG_SPACE(sizeof(struct ucred)) +
			    CMSG_SPACE(FDS_MAX * sizeof(int))];
	struct msghdr m = {
		.msg_control = control,
		.msg_controllen = sizeof control,
	};
	return recvmsg(socket, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) >= 0;
}

/* What it takes is closed by its end. */
static _Noreturn void
work(int socket, int said, bool is_all)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (is_all || is_for_us(socket))
		while (take_one(socket) && is_all)
			;
	(void)!write(said, "", 1);
	/* It may be the last of it, and is not to wait for the others. */
	close(socket);
	_exit(0);
}

/* --- Places --- */

static struct closer *
find_free(void)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (closers[i].pid == 0)
			return &closers[i];
	return NULL;
}

static void
on_taken(struct closer *c)
{
	loop_close(&keeper->loop, &c->taken);
	if (c->socket >= 0)
		close(c->socket);
	c->socket = -1;
	notify_listen(keeper, c->iid);
}

static void
on_said(struct watch *w, uint32_t events)
{
	(void)events;
	on_taken(container_of(w, struct closer, taken));
}

static void
on_again(struct timer *t)
{
	(void)t;
	list_each (it, &keeper->instances.all)
		notify_listen(
			keeper, container_of(it, struct instance, in_all)->iid);
}

static bool
begin(uint64_t iid, int socket, bool is_all, bool is_own)
{
	struct closer *c = find_free();
	struct spawned child;
	struct err err;
	int ends[2];
	if (!c || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return false;
	if (loop_watch(&keeper->loop, &c->taken, ends[0], EPOLLIN) < 0) {
		close(ends[0]);
		close(ends[1]);
		return false;
	}
	/* No loan: while a child shares our table it holds our lock too, also
	 * when we are killed. */
	int rc = spawn_fork(-1, &child, &err);
	if (rc == 0 && child.pid == 0) {
		loan_keep(&ends[1], 1, socket);
		work(socket, ends[1], is_all);
	}
	close(ends[1]);
	if (rc < 0) {
		say(SAY_WARNING, "descriptors that were sent: %s", err.text);
		loop_close(&keeper->loop, &c->taken);
		return false;
	}
	close(child.pidfd);
	c->pid = child.pid;
	c->iid = iid;
	c->is_for_own = is_own;
	c->socket = is_all ? socket : -1;
	busy_count++;
	return true;
}

/* --- What others call --- */

void
closer_init(struct keeper *k)
{
	keeper = k;
	busy_count = 0;
	timer_init(&again, on_again);
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		closers[i].pid = 0;
		closers[i].socket = -1;
		watch_init(&closers[i].taken, on_said);
	}
}

ssize_t
closer_peek(int socket, struct msghdr *m)
{
	static union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	m->msg_control = &control;
	m->msg_controllen = sizeof control;
	return recvmsg(socket, m, MSG_PEEK | MSG_DONTWAIT);
}

/* What lingers ends with its child, and makes room. */
static void
kill_strangers(void)
{
	each_closer(c) if (c->socket < 0 && !c->is_for_own && c->taken.fd < 0)
		kill(c->pid, SIGKILL);
}

static bool
has_room(uint64_t iid, bool is_own)
{
	size_t takers = 0, own = 0, strangers = 0;
	each_closer(c)
	{
		takers++;
		own += c->is_for_own && c->iid == iid;
		strangers += !c->is_for_own;
	}
	if (takers < TAKERS_MAX &&
		(is_own ? own < OWN_MAX : strangers < STRANGERS_MAX))
		return true;
	if (!is_own)
		kill_strangers();
	return false;
}

bool
closer_take(uint64_t iid, int socket, bool is_own)
{
	if (has_room(iid, is_own) && begin(iid, socket, false, is_own))
		return true;
	if (list_is_empty(&again.link))
		loop_arm(&keeper->loop, &again, AGAIN_MS);
	return false;
}

bool
closer_is_reading(uint64_t iid)
{
	char byte;
	each_closer(c)
	{
		if (c->iid != iid || c->taken.fd < 0)
			continue;
		/* What it sent behind may be its last words: it could send
		 * them because this is said, though we may not have seen. */
		if (read(c->taken.fd, &byte, 1) < 0)
			return true;
		on_taken(c);
	}
	return false;
}

void
closer_forget(uint64_t iid)
{
	each_closer(c) if (c->iid == iid)
	{
		kill(c->pid, SIGKILL);
		c->iid = 0;
	}
}

void
closer_drop(int socket)
{
	char byte;
	/* From now on nobody can add to it. */
	shutdown(socket, SHUT_RD);
	if (recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0)
		close(socket);
	else if (!begin(0, socket, true, false))
		say(SAY_WARNING, "a NOTIFY_SOCKET stays open: what is in it "
				 "cannot be closed");
}

bool
closer_on_exit(pid_t pid)
{
	each_closer(c)
	{
		if (c->pid != pid)
			continue;
		int left = c->socket;
		c->socket = -1;
		c->pid = 0;
		busy_count--;
		if (c->taken.fd >= 0)
			on_taken(c);
		/* Empty or not, if it was killed first. */
		if (left >= 0)
			closer_drop(left);
		return true;
	}
	return false;
}
