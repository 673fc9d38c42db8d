#include "sys/say.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

#define LINE_SIZE 2048
#define WINDOW_MS 60000

static const char *program_name = "skep";
static enum say_level shown_level = SAY_INFO;
static bool under_journal;
static void (*at_panic)(void);

static const char *const level_names[] = {
	[SAY_ERROR] = "error",
	[SAY_WARNING] = "warning",
	[SAY_NOTICE] = "notice",
	[SAY_INFO] = "info",
	[SAY_DEBUG] = "debug",
};

void
say_init(const char *program, enum say_level level)
{
	program_name = program;
	shown_level = level;
	under_journal = getenv("JOURNAL_STREAM") != NULL;
}

/* Writes the part of a line before its text; returns its length. */
static size_t
prefix(char *line, size_t size, enum say_level level)
{
	int n;
	if (under_journal) {
		n = snprintf(line, size, "<%d>%s: ", (int)level, program_name);
	} else {
		struct timespec ts;
		struct tm tm;
		clock_gettime(CLOCK_REALTIME, &ts);
		gmtime_r(&ts.tv_sec, &tm);
		size_t d = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &tm);
		n = snprintf(line + d, size - d,
			".%03ldZ %s %s: ", ts.tv_nsec / 1000000, program_name,
			level_names[level]);
		n += (int)d;
	}
	return n < 0 ? 0 : (size_t)n;
}

static void
vsay(enum say_level level, const char *format, va_list ap)
{
	char line[LINE_SIZE];
	size_t n = prefix(line, sizeof line, level);
	int m = vsnprintf(line + n, sizeof line - n - 1, format, ap);
	if (m > 0)
		n += (size_t)m;
	if (n > sizeof line - 2)
		n = sizeof line - 2;
	line[n++] = '\n';
	/* One write, so that lines of several processes do not mix. */
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}

void
say(enum say_level level, const char *format, ...)
{
	if (level > shown_level)
		return;
	va_list ap;
	va_start(ap, format);
	vsay(level, format, ap);
	va_end(ap);
}

static pthread_mutex_t limits = PTHREAD_MUTEX_INITIALIZER;

/* Whether the line may be shown; how many before it were not. */
static bool
limit_take(struct say_limit *limit, uint32_t burst, uint32_t *hidden_out)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	int64_t now_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	*hidden_out = 0;
	pthread_mutex_lock(&limits);
	if (now_ms - limit->window_ms >= WINDOW_MS) {
		*hidden_out = limit->hidden;
		*limit = (struct say_limit){.window_ms = now_ms};
	}
	bool is_shown = limit->shown < burst;
	if (is_shown)
		limit->shown++;
	else
		limit->hidden++;
	pthread_mutex_unlock(&limits);
	return is_shown;
}

void
say_limited(struct say_limit *limit, uint32_t burst, enum say_level level,
	const char *format, ...)
{
	uint32_t hidden;
	bool is_shown = limit_take(limit, burst, &hidden);
	if (hidden)
		say(level, "(%u more lines like the next left out)", hidden);
	if (!is_shown)
		return;
	if (level > shown_level)
		return;
	va_list ap;
	va_start(ap, format);
	vsay(level, format, ap);
	va_end(ap);
}

void
say_at_panic(void (*fn)(void))
{
	at_panic = fn;
}

void
panic(const char *file, int line, const char *what)
{
	void (*fn)(void) = at_panic;
	at_panic = NULL;
	say(SAY_ERROR, "bug: %s:%d: %s", file, line, what);
	if (fn)
		fn();
	abort();
}
