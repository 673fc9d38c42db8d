/* Log lines of our own programs.
 *
 * One line per call on standard error, "<N>" priority prefix under systemd
 * (JOURNAL_STREAM set), otherwise an ISO stamp: "2026-01-31T10:00:00.123Z
 * skepd warning: text".  Never blocks for long: standard error is what the
 * starter gave us.  A repeated complaint is the caller's to limit, with
 * 'say_limited'.
 */
#ifndef SKEP_SYS_SAY_H
#define SKEP_SYS_SAY_H

#include <stdbool.h>
#include <stdint.h>

enum say_level {
	SAY_ERROR = 3, /* numbers of syslog(3) */
	SAY_WARNING = 4,
	SAY_NOTICE = 5,
	SAY_INFO = 6,
	SAY_DEBUG = 7,
};

/* Names the program in every line, and sets what is shown: lines of 'level'
 * and more severe.  'program' is borrowed for ever. */
void say_init(const char *program, enum say_level level);

/* Writes one line. */
void say(enum say_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* How often one kind of complaint was made; zero-initialised by its owner. */
struct say_limit {
	int64_t window_ms; /* start of the current minute, CLOCK_MONOTONIC */
	uint32_t shown;	   /* lines shown in it */
	uint32_t hidden;   /* lines swallowed in it */
};

/* As 'say', but at most 'burst' lines a minute per 'limit'; the first line of
 * the next minute says how many were left out. */
void say_limited(struct say_limit *limit, uint32_t burst, enum say_level level,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Has 'fn' called, once, when a CHECK fails: after its line was written and
 * before the program aborts. */
void say_at_panic(void (*fn)(void));

#endif
