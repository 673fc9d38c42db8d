/* When a schedule is due: the five fields of crontab(5).
 *
 *	minute (0-59)  hour (0-23)  day (1-31)  month (1-12, jan-dec)
 *	day of the week (0-7, sun-sat; 0 and 7 are Sunday)
 *
 * A field is '*', a number, a range 'a-b', each with an optional step '/n',
 * or a list of these with ','.  Names stand for numbers in the last two.  As
 * in crontab(5), when both the day and the day of the week are restricted
 * (neither begins with '*'), a day that fits one of them is due.  The words
 * @yearly, @monthly, @weekly, @daily and @hourly are known too.
 */
#ifndef SKEP_SPEC_CRON_H
#define SKEP_SPEC_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define CRON_FAULT_SIZE 256

/* A parsed expression: a bit for each value that fits. */
struct cron {
	uint64_t minutes;
	uint32_t hours;
	uint32_t days;
	uint32_t months;
	uint32_t weekdays; /* bit 0: Sunday */
	bool is_any_day;   /* the field began with '*' */
	bool is_any_weekday;
};

/* Reads an expression; false if it is none. */
bool cron_parse(const char *text, struct cron *out);

/* What is wrong with an expression, as a sentence that names the field and what
 * it takes, or says that no day is ever due; false when nothing is. */
bool cron_fault(const char *text, char *out, size_t size);

/* Whether this host has the zone's file: without it the C library would take
 * UTC, silently. */
bool cron_zone_is_known(const char *zone);

/* Whether the minute of 'at' (local time of the schedule) is due. */
bool cron_fits(const struct cron *cron, const struct tm *at);

/* The first due minute after 'after' in the time zone that is in force
 * (tzset(3)), as seconds since the epoch; -1 if none comes within eight
 * years (the 30th of February).
 *
 * When clocks go forward, a minute that does not exist is not due; when they
 * go back, a minute that comes twice is due once, the first time. */
time_t cron_next(const struct cron *cron, time_t after);

#endif
