#include "keeper/standby.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "keeper/keeper.h"
#include "keeper/loan.h"
#include "keeper/spawn.h"
#include "sys/ipc.h"

#define REST_MS	   20	/* after a start there is more to do */
#define AGAIN_MS   1000 /* one that ended unused is no reason to hurry */
#define WARM_STACK 49152
#define ORDER	   1 /* the type of the only message */

/* What stands in the order's descriptors; the last may be missing. */
enum order_fd { FD_CGROUP, FD_REPORT, FD_LOCK, FD_FIFO, FD_COUNT };

_Static_assert(FD_COUNT <= IPC_FDS_MAX, "all fit into one message");

/* --- The standby --- */

static struct ipc_message order;
static struct kproto_start start;
static struct child_plan plan;

/* In the child: says who it is, and goes the way of all children. */
static _Noreturn void
become_child(void)
{
	int fds[] = {plan.report_fd, plan.lock_fd, plan.fifo_fd};
	struct standby_hello hello = {
		.pid = getpid(),
		.start_time = spawn_own_start_time(),
	};
	if (write(plan.report_fd, &hello, sizeof hello) != sizeof hello)
		_exit(127);
	loan_keep(fds, plan.fifo_fd < 0 ? 2 : 3, plan.dirs->work);
	child_run(&plan);
}

/* Does once what a child does, for its pages. */
static void
warm_up(void)
{
	static const struct kproto_texts none;
	static struct ids ids;
	static struct ids_own own;
	volatile char stack[WARM_STACK];
	struct err err;
	for (size_t i = 0; i < sizeof stack; i += 1024)
		stack[i] = 0;
	ids_look_up("", "", &none, &ids, &own, &err);
	memset(&order, 0, sizeof order);
}

static _Noreturn void
stand_by(const struct keeper *k, int socket)
{
	spawn_reset();
	prctl(PR_SET_NAME, STANDBY_NAME);
	warm_up();
	fcntl(socket, F_SETFL, 0); /* ours may wait */
	int rc = ipc_recv(socket, &order);
	close(socket);
	struct bytes body = {order.body, order.size};
	if (rc < 0 || order.type != ORDER || order.fd_count <= FD_LOCK ||
		!kproto_get_start(body, &start))
		_exit(0);
	plan = (struct child_plan){
		.start = &start,
		.options = &k->options,
		.dirs = &k->dirs,
		.report_fd = order.fds[FD_REPORT],
		.lock_fd = order.fds[FD_LOCK],
		.fifo_fd = order.fd_count > FD_FIFO ? order.fds[FD_FIFO] : -1,
		.state_fd = -1,
		.theirs_fd = -1,
		.output_fd = -1,
		.ready_fd = -1,
	};
	spawn_beside(order.fds[FD_CGROUP], become_child);
}

/* --- The keeper --- */

static void
make(struct timer *t)
{
	struct standby *s = container_of(t, struct standby, timer);
	struct keeper *k = container_of(s, struct keeper, standby);
	struct spawned child;
	struct err err;
	int ends[2];
	if (s->pid != 0 || k->is_stopping || ipc_pair(ends) < 0)
		return;
	if (loan_fork(-1, &ends[1], 1, k->dirs.work, &child, &err) < 0) {
		close(ends[0]);
		return;
	}
	if (child.pid == 0)
		stand_by(k, ends[1]);
	close(child.pidfd);
	s->pid = child.pid;
	s->socket = loan_park(ends[0]);
}

void
standby_init(struct standby *s)
{
	s->pid = 0;
	s->socket = -1;
	timer_init(&s->timer, make);
}

void
standby_wish(struct keeper *k)
{
	struct standby *s = &k->standby;
	if (s->pid == 0 && spawn_can_beside() &&
		list_is_empty(&s->timer.link)) /* not armed */
		loop_arm(&k->loop, &s->timer, REST_MS);
}

bool
standby_is_there(const struct keeper *k)
{
	return k->standby.socket >= 0;
}

/* Nothing more comes for it. */
static void
close_socket(struct standby *s)
{
	if (s->socket >= 0)
		close(s->socket);
	s->socket = -1;
}

int
standby_start(struct keeper *k, int cgroup_fd, const struct child_plan *p,
	struct bytes body)
{
	struct standby *s = &k->standby;
	const int fds[FD_COUNT] = {
		[FD_CGROUP] = cgroup_fd,
		[FD_REPORT] = p->report_fd,
		[FD_LOCK] = p->lock_fd,
		[FD_FIFO] = p->fifo_fd,
	};
	if (s->socket < 0)
		return -ENOENT;
	unsigned count = p->fifo_fd < 0 ? FD_FIFO : FD_COUNT;
	int rc = ipc_send(s->socket, ORDER, body, fds, count);
	close_socket(s);
	return rc;
}

bool
standby_on_exit(struct keeper *k, pid_t pid)
{
	struct standby *s = &k->standby;
	if (pid != s->pid)
		return false;
	bool was_used = s->socket < 0;
	close_socket(s);
	s->pid = 0;
	if (!k->is_stopping)
		loop_arm(&k->loop, &s->timer, was_used ? REST_MS : AGAIN_MS);
	return true;
}

void
standby_end(struct keeper *k)
{
	close_socket(&k->standby);
	loop_disarm(&k->standby.timer);
}
