#include "keeper/notice.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define LINE_SIZE 4096
#define DAY_MS	  86400000

/* A decimal number that fills the text, at most 'max'; 0 for any other. */
static uint64_t
parse_number(const char *text, uint64_t max)
{
	uint64_t v = 0;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || v > max / 10)
			return 0;
		v = v * 10 + (uint64_t)(*text - '0');
	}
	return v <= max ? v : 0;
}

/* Microseconds, in whole milliseconds of at least one. */
static int64_t
parse_usec(const char *text)
{
	uint64_t us = parse_number(text, (uint64_t)DAY_MS * 1000);
	return us == 0 ? 0 : us < 1000 ? 1 : (int64_t)(us / 1000);
}

static void
set_status(struct notice *out, const char *value)
{
	out->has_status = true;
	snprintf(out->status, sizeof out->status, "%.*s", SAID_MAX, value);
	said_clean(out->status);
}

/* The value when the line has that key, or NULL. */
static const char *
value_of(const char *line, const char *key)
{
	size_t n = strlen(key);
	return strncmp(line, key, n) == 0 && line[n] == '=' ? line + n + 1
							    : NULL;
}

static void
parse_line(const char *line, struct notice *out)
{
	const char *v;
	if (strcmp(line, "READY=1") == 0)
		out->is_ready = true;
	else if (strcmp(line, "RELOADING=1") == 0)
		out->is_reloading = true;
	else if (strcmp(line, "STOPPING=1") == 0)
		out->is_stopping = true;
	else if (strcmp(line, "WATCHDOG=1") == 0)
		out->is_ping = true;
	else if (strcmp(line, "WATCHDOG=trigger") == 0)
		out->is_trigger = true;
	else if (strcmp(line, "X_SKEP_HANDOFF=restart") == 0)
		out->answer = KANSWER_RESTART;
	else if (strcmp(line, "X_SKEP_HANDOFF=ignore") == 0)
		out->answer = KANSWER_IGNORE;
	else if ((v = value_of(line, "STATUS")))
		set_status(out, v);
	else if ((v = value_of(line, "MAINPID")))
		out->main_pid = (pid_t)parse_number(v, INT_MAX);
	else if ((v = value_of(line, "EXTEND_TIMEOUT_USEC")))
		out->extend_ms = parse_usec(v);
	else if ((v = value_of(line, "WATCHDOG_USEC")))
		out->watchdog_ms = parse_usec(v);
}

void
notice_parse(const char *data, size_t size, struct notice *out)
{
	char line[LINE_SIZE + 1];
	memset(out, 0, sizeof *out);
	for (size_t at = 0; at < size;) {
		const char *end = memchr(data + at, '\n', size - at);
		size_t n = end ? (size_t)(end - data) - at : size - at;
		if (n <= LINE_SIZE && !memchr(data + at, 0, n)) {
			memcpy(line, data + at, n);
			line[n] = 0;
			parse_line(line, out);
		}
		at += n + 1;
	}
}
