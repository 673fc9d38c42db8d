#include "keeper/result.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "sys/units.h"

static bool
is_clean_signal(int signal)
{
	return signal == SIGHUP || signal == SIGINT || signal == SIGPIPE ||
	       signal == SIGTERM;
}

static const char *
result_of(const struct instance *i)
{
	int s = i->status;
	if (s == KSTATUS_UNKNOWN)
		return "unknown";
	if (i->was_oom)
		return "oom-kill";
	if (i->was_unwatched)
		return "watchdog";
	if (WIFSIGNALED(s) && WCOREDUMP(s))
		return "core-dump";
	if (WIFSIGNALED(s))
		return is_clean_signal(WTERMSIG(s)) ? "success" : "signal";
	return WEXITSTATUS(s) == 0 ? "success" : "exit-code";
}

size_t
result_write(const struct instance *i, char out[][64])
{
	char name[32];
	int s = i->status;
	snprintf(out[0], 64, "SERVICE_RESULT=%s", result_of(i));
	if (s == KSTATUS_UNKNOWN)
		return 1;
	if (!WIFSIGNALED(s)) {
		snprintf(out[1], 64, "EXIT_CODE=exited");
		snprintf(out[2], 64, "EXIT_STATUS=%d", WEXITSTATUS(s));
		return 3;
	}
	const char *text = units_signal_name(WTERMSIG(s), name, sizeof name);
	if (strncmp(text, "SIG", 3) == 0)
		text += 3;
	snprintf(
		out[1], 64, "EXIT_CODE=%s", WCOREDUMP(s) ? "dumped" : "killed");
	snprintf(out[2], 64, "EXIT_STATUS=%s", text);
	return 3;
}
