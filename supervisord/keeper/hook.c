#include "keeper/hook.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/units.h"

/* Whether it has ended by then. */
static bool
ends_within(int pidfd, int64_t timeout_ms)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	mono until = mono_add(clock_mono(), timeout_ms);
	for (;;) {
		int64_t left = mono_diff(until, clock_mono());
		if (timeout_ms <= 0)
			left = -1;
		else if (left < 0)
			left = 0;
		int n = poll(&p, 1, left < INT_MAX ? (int)left : INT_MAX);
		if (n > 0 || (n < 0 && errno != EINTR))
			return true;
		if (n == 0 && left == 0)
			return false;
	}
}

int
hook_wait(const struct spawned *hook, int64_t timeout_ms, const char *key,
	struct err *err)
{
	char name[32];
	int status = 0;
	bool has_expired = !ends_within(hook->pidfd, timeout_ms);
	if (has_expired && kill(-hook->pid, SIGKILL) < 0)
		kill(hook->pid, SIGKILL);
	while (waitpid(hook->pid, &status, 0) < 0 && errno == EINTR)
		;
	close(hook->pidfd);
	if (has_expired)
		return err_set(err, -ETIMEDOUT,
			"it was not over after %" PRId64 " ms (%s)", timeout_ms,
			key);
	if (WIFSIGNALED(status))
		return err_set(err, -ECANCELED, "it was killed by %s",
			units_signal_name(WTERMSIG(status), name, sizeof name));
	if (WEXITSTATUS(status) != 0)
		return err_set(
			err, -ECANCELED, "it exited %d", WEXITSTATUS(status));
	return 0;
}
