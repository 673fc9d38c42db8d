#include "sys/units.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A suffix and what it multiplies by. */
struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit duration_units[] = {
	{"ms", 1},
	{"s", 1000},
	{"m", 60 * 1000},
	{"h", 60 * 60 * 1000},
	{"d", 24 * 60 * 60 * 1000},
	{NULL, 0},
};

static const struct unit size_units[] = {
	{"", 1},
	{"B", 1},
	{"KiB", 1ull << 10},
	{"MiB", 1ull << 20},
	{"GiB", 1ull << 30},
	{"TiB", 1ull << 40},
	{"KB", 1000},
	{"MB", 1000 * 1000},
	{"GB", 1000 * 1000 * 1000},
	{NULL, 0},
};

/* Names by number.  Our own table, since musl has no sigabbrev_np(). */
static const char *const signal_names[] = {
	[SIGHUP] = "HUP",
	[SIGINT] = "INT",
	[SIGQUIT] = "QUIT",
	[SIGILL] = "ILL",
	[SIGTRAP] = "TRAP",
	[SIGABRT] = "ABRT",
	[SIGBUS] = "BUS",
	[SIGFPE] = "FPE",
	[SIGKILL] = "KILL",
	[SIGUSR1] = "USR1",
	[SIGSEGV] = "SEGV",
	[SIGUSR2] = "USR2",
	[SIGPIPE] = "PIPE",
	[SIGALRM] = "ALRM",
	[SIGTERM] = "TERM",
	[SIGSTKFLT] = "STKFLT",
	[SIGCHLD] = "CHLD",
	[SIGCONT] = "CONT",
	[SIGSTOP] = "STOP",
	[SIGTSTP] = "TSTP",
	[SIGTTIN] = "TTIN",
	[SIGTTOU] = "TTOU",
	[SIGURG] = "URG",
	[SIGXCPU] = "XCPU",
	[SIGXFSZ] = "XFSZ",
	[SIGVTALRM] = "VTALRM",
	[SIGPROF] = "PROF",
	[SIGWINCH] = "WINCH",
	[SIGIO] = "IO",
	[SIGPWR] = "PWR",
	[SIGSYS] = "SYS",
};
#define SIGNAL_NAME_COUNT (int)(sizeof signal_names / sizeof *signal_names)

/* Reads digits and one suffix of 'units'. */
static int
parse(const char *text, const struct unit *units, uint64_t max, uint64_t *out)
{
	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	char *end;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	if (n == 0 && *end == '\0') {
		*out = 0;
		return 0;
	}
	for (const struct unit *u = units; u->suffix; u++) {
		if (strcmp(u->suffix, end) != 0)
			continue;
		if (n > max / u->factor)
			return -ERANGE;
		*out = n * u->factor;
		return 0;
	}
	return -EINVAL;
}

int
units_parse_duration(const char *text, int64_t *ms_out)
{
	uint64_t ms;
	int rc = parse(text, duration_units, (uint64_t)INT64_MAX / 1024, &ms);
	if (rc == 0)
		*ms_out = (int64_t)ms;
	return rc;
}

int
units_parse_size(const char *text, uint64_t *bytes_out)
{
	return parse(text, size_units, (uint64_t)INT64_MAX, bytes_out);
}

int
units_parse_signal(const char *text, int *signal_out)
{
	if (isdigit((unsigned char)text[0])) {
		char *end;
		long n = strtol(text, &end, 10);
		if (*end != '\0')
			return -EINVAL;
		if (n < 1 || n > 64)
			return -ERANGE;
		*signal_out = (int)n;
		return 0;
	}
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	for (int s = 1; s < SIGNAL_NAME_COUNT; s++) {
		if (strcasecmp(signal_names[s], name) == 0) {
			*signal_out = s;
			return 0;
		}
	}
	if (strncasecmp(name, "RTMIN+", 6) == 0 &&
		isdigit((unsigned char)name[6])) {
		long n = strtol(name + 6, NULL, 10);
		if (n > SIGRTMAX - SIGRTMIN)
			return -ERANGE;
		*signal_out = SIGRTMIN + (int)n;
		return 0;
	}
	return -EINVAL;
}

const char *
units_signal_name(int signal, char *buffer, size_t size)
{
	if (signal > 0 && signal < SIGNAL_NAME_COUNT)
		snprintf(buffer, size, "SIG%s", signal_names[signal]);
	else if (signal >= SIGRTMIN && signal <= SIGRTMAX)
		snprintf(buffer, size, "SIGRTMIN+%d", signal - SIGRTMIN);
	else
		snprintf(buffer, size, "signal %d", signal);
	return buffer;
}

/* Writes 'n' in the largest of 'units' that divides it. */
static const char *
format_exact(uint64_t n, const struct unit *units, char *buffer, size_t size)
{
	const struct unit *best = units;
	for (const struct unit *u = units; u->suffix; u++)
		if (n && n % u->factor == 0 && u->factor > best->factor)
			best = u;
	snprintf(buffer, size, "%llu%s",
		(unsigned long long)(n / best->factor), best->suffix);
	return buffer;
}

const char *
units_format_duration(int64_t ms, char *buffer, size_t size)
{
	return format_exact((uint64_t)ms, duration_units, buffer, size);
}

const char *
units_format_size(uint64_t bytes, char *buffer, size_t size)
{
	return format_exact(bytes, size_units, buffer, size);
}

const char *
units_format_age(int64_t ms, char *buffer, size_t size)
{
	if (ms < 0)
		ms = 0;
	if (ms < 1000) {
		snprintf(buffer, size, "%dms", (int)ms);
		return buffer;
	}
	static const struct {
		int64_t ms;
		const char *name;
	} steps[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"},
		{1000, "s"}};
	unsigned i = 0;
	while (ms < steps[i].ms)
		i++;
	int64_t rest = ms % steps[i].ms;
	if (i < 3 && rest >= steps[i + 1].ms)
		snprintf(buffer, size, "%lld%s %lld%s",
			(long long)(ms / steps[i].ms), steps[i].name,
			(long long)(rest / steps[i + 1].ms),
			steps[i + 1].name);
	else
		snprintf(buffer, size, "%lld%s",
			(long long)(ms / steps[i].ms), steps[i].name);
	return buffer;
}
