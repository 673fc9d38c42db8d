#include "keeper/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "sys/procstat.h"

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

/* The kernel's struct clone_args, up to 'cgroup'. */
struct clone_request {
	uint64_t flags;
	uint64_t pidfd;
	uint64_t child_tid;
	uint64_t parent_tid;
	uint64_t exit_signal;
	uint64_t stack;
	uint64_t stack_size;
	uint64_t tls;
	uint64_t set_tid;
	uint64_t set_tid_size;
	uint64_t cgroup;
};

/* One clone3 with more 'flags'; -errno as the kernel says it. */
static int
clone_into(int cgroup_fd, uint64_t flags, struct spawned *out)
{
	int pidfd = -1;
	struct clone_request c = {
		.flags = CLONE_PIDFD | flags,
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	if (cgroup_fd >= 0) {
		c.flags |= CLONE_INTO_CGROUP;
		c.cgroup = (uint64_t)cgroup_fd;
	}
	long pid = syscall(SYS_clone3, &c, sizeof c);
	if (pid < 0)
		return -errno;
	out->pid = (pid_t)pid;
	out->pidfd = pid == 0 ? -1 : pidfd;
	return 0;
}

/* The two system calls of spawn_beside.  They are made in place, not in a
 * function of the C library: its frame would be on the stack that the child
 * uses meanwhile, and our way back with it. */
#if defined __x86_64__ && !defined __ILP32__
static inline long
call_in_place(long number, long first, long second)
{
	long rc;
	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "0"(number), "D"(first), "S"(second)
			 : "rcx", "r11", "memory");
	return rc;
}
#define CAN_CALL_IN_PLACE true
#elif defined __aarch64__ && defined __LP64__
static inline long
call_in_place(long number, long first, long second)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = first;
	register long x1 __asm__("x1") = second;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
	return x0;
}
#define CAN_CALL_IN_PLACE true
#else
static inline long
call_in_place(long number, long first, long second)
{
	(void)number, (void)first, (void)second;
	return -ENOSYS;
}
#define CAN_CALL_IN_PLACE false
#endif

static void
enter_cgroup(int cgroup_fd)
{
	int procs = openat(cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (procs < 0 || write(procs, "0", 1) != 1)
		_exit(126);
	close(procs);
}

/* The way of older kernels. */
static int
fork_into(int cgroup_fd, struct spawned *out)
{
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0 && cgroup_fd >= 0)
		enter_cgroup(cgroup_fd);
	out->pid = pid;
	out->pidfd = -1;
	if (pid > 0) {
		out->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (out->pidfd < 0) {
			int rc = -errno;
			kill(pid, SIGKILL); /* nobody would know of it */
			return rc;
		}
	}
	return 0;
}

/* What no child gets. */
static int kept_back[8];
static size_t kept_back_count;

void
spawn_keep_back(int fd)
{
	CHECK(kept_back_count < sizeof kept_back / sizeof *kept_back);
	kept_back[kept_back_count++] = fd;
}

/* clone3 does not put processes into other cgroups here. */
static bool is_clone_into_broken;

void
spawn_avoid_clone_into(void)
{
	is_clone_into_broken = true;
}

/* The kernel's struct sigaction.  The C library's function refuses the two
 * signals that it keeps for itself, and an ignored one of those would be
 * inherited too. */
struct kernel_action {
	uint64_t words[4]; /* the first is the handler; all zero: SIG_DFL */
};

/* Bit per signal whose disposition is not the default; all ones before the
 * first fork. */
static uint64_t changed_signals = ~UINT64_C(0);

/* Looks once, for all children: the keeper changes no disposition after its
 * first fork. */
static void
look_at_signals(void)
{
	static bool is_known;
	struct kernel_action now;
	if (is_known)
		return;
	is_known = true;
	for (int s = 1; s < NSIG; s++)
		if (syscall(SYS_rt_sigaction, s, NULL, &now,
			    sizeof(uint64_t)) == 0 &&
			now.words[0] == 0)
			changed_signals &= ~(UINT64_C(1) << (s - 1));
}

/* The time in the unit of a process' start time. */
static uint64_t
boot_ticks(void)
{
	static uint64_t ticks_per_s;
	struct timespec t;
	if (ticks_per_s == 0)
		ticks_per_s = (uint64_t)sysconf(_SC_CLK_TCK);
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * ticks_per_s +
	       (uint64_t)t.tv_nsec / (1000000000 / ticks_per_s);
}

bool
spawn_can_beside(void)
{
	return CAN_CALL_IN_PLACE && !is_clone_into_broken;
}

static uint64_t born_after; /* the time before the clone */

/* Not inlined, so that nobody's frame but this one is there for the parent
 * when it goes on, and of this one it needs nothing. */
__attribute__((noinline)) _Noreturn void
spawn_beside(int cgroup_fd, void (*run)(void))
{
	struct clone_request c = {
		/* The signal of our own end is the child's: SIGCHLD. */
		.flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT |
			 CLONE_INTO_CGROUP,
		.cgroup = (uint64_t)cgroup_fd,
	};
	born_after = boot_ticks();
	if (call_in_place(SYS_clone3, (long)(uintptr_t)&c, sizeof c) == 0) {
		run();
		_exit(127);
	}
	for (;;)
		call_in_place(SYS_exit_group, 0, 0);
}

uint64_t
spawn_own_start_time(void)
{
	return boot_ticks() == born_after ? born_after : 0;
}

/* As spawn_fork, with more flags for clone3. */
static int
fork_with(uint64_t flags, int cgroup_fd, struct spawned *out, struct err *err)
{
	bool must_walk = is_clone_into_broken && cgroup_fd >= 0;
	look_at_signals();
	uint64_t began = boot_ticks();
	int rc = must_walk ? -ENOSYS : clone_into(cgroup_fd, flags, out);
	if (rc == -ENOSYS || rc == -E2BIG || rc == -EINVAL)
		rc = fork_into(cgroup_fd, out);
	if (rc < 0)
		return err_sys(err, rc, "a process cannot be forked");
	/* It was born in between: mostly that says it, for less than /proc. */
	if (out->pid > 0)
		out->start_time = boot_ticks() == began
					  ? began
					  : procstat_start_time(out->pid);
	return 0;
}

int
spawn_fork(int cgroup_fd, struct spawned *out, struct err *err)
{
	int rc = fork_with(0, cgroup_fd, out, err);
	if (rc == 0 && out->pid == 0)
		for (size_t i = 0; i < kept_back_count; i++)
			close(kept_back[i]);
	return rc;
}

int
spawn_fork_sharing(int cgroup_fd, struct spawned *out, struct err *err)
{
	return fork_with(CLONE_FILES, cgroup_fd, out, err);
}

void
spawn_reset(void)
{
	const struct kernel_action dfl = {{0}};
	for (int s = 1; s < NSIG; s++)
		if (changed_signals >> (s - 1) & 1)
			syscall(SYS_rt_sigaction, s, &dfl, NULL,
				sizeof(uint64_t));
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
}

int
spawn_set_oom_score(int score)
{
	char text[16];
	int n = snprintf(text, sizeof text, "%d", score);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = write(fd, text, (size_t)n) == n ? 0 : -errno;
	close(fd);
	return rc;
}

void
spawn_reset_scheduling(void)
{
	static const struct sched_param none;
	if (sched_getscheduler(0) != SCHED_OTHER)
		sched_setscheduler(0, SCHED_OTHER, &none);
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, 0);
	prctl(PR_SET_TIMERSLACK, 0, 0, 0, 0);
}

void
spawn_cloexec_from(unsigned first)
{
	if (syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	long last = sysconf(_SC_OPEN_MAX);
	for (long fd = first; fd < last; fd++)
		fcntl((int)fd, F_SETFD, FD_CLOEXEC);
}

int
spawn_move_fd(int from, int to)
{
	if (from == to)
		return fcntl(to, F_SETFD, 0) < 0 ? -errno : 0;
	return dup2(from, to) < 0 ? -errno : 0;
}
