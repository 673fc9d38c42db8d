#include "spec/cron.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "sys/nearest.h"

#define YEARS_AHEAD 8

/* What a field may hold. */
struct field {
	unsigned min;
	unsigned max;
	const char *const *names; /* of the values from 'min' on, or NULL */
	const char *what;	  /* "minute" */
	const char *range;	  /* "0 to 59": for messages */
};

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may",
	"jun", "jul", "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekday_names[] = {
	"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const struct field fields[] = {
	{0, 59, NULL, "minute", "0 to 59"},
	{0, 23, NULL, "hour", "0 to 23"},
	{1, 31, NULL, "day of the month", "1 to 31"},
	{1, 12, month_names, "month", "1 to 12 or jan to dec"},
	{0, 7, weekday_names, "day of the week", "0 to 7 or sun to sat"},
};

#define FIELDS (sizeof fields / sizeof *fields)

/* A number or a name; moves '*at' behind it. */
static bool
read_value(const struct field *f, const char **at, unsigned *out)
{
	for (unsigned i = 0; f->names && f->names[i]; i++)
		if (strncasecmp(*at, f->names[i], 3) == 0) {
			*out = f->min + i;
			*at += 3;
			return true;
		}
	unsigned value = 0, digits = 0;
	for (; **at >= '0' && **at <= '9' && digits < 3; (*at)++, digits++)
		value = value * 10 + (unsigned)(**at - '0');
	*out = value;
	return digits > 0 && value >= f->min && value <= f->max;
}

/* '*', a value or a range, with an optional step; adds its bits. */
static bool
read_range(const struct field *f, const char **at, uint64_t *bits)
{
	unsigned first = f->min, last = f->max, step = 1;
	const struct field any = {.min = 1, .max = 999};
	bool is_any = **at == '*';
	if (is_any)
		(*at)++;
	else if (!read_value(f, at, &first))
		return false;
	else if (**at != '-')
		last = first;
	else if ((*at)++, !read_value(f, at, &last))
		return false;
	if (**at == '/') {
		(*at)++;
		if (!read_value(&any, at, &step))
			return false;
		if (!is_any && last == first)
			last = f->max;
	}
	if (last < first)
		return false;
	for (unsigned i = first; i <= last; i += step)
		*bits |= UINT64_C(1) << i;
	return true;
}

static bool
read_field(const struct field *f, const char **at, uint64_t *bits)
{
	*bits = 0;
	while (read_range(f, at, bits)) {
		if (**at != ',')
			return **at == ' ' || **at == '\0';
		(*at)++;
	}
	return false;
}

static const char *const words[][2] = {
	{"@yearly", "0 0 1 1 *"},
	{"@annually", "0 0 1 1 *"},
	{"@monthly", "0 0 1 * *"},
	{"@weekly", "0 0 * * 0"},
	{"@daily", "0 0 * * *"},
	{"@midnight", "0 0 * * *"},
	{"@hourly", "0 * * * *"},
};
#define WORDS (sizeof words / sizeof *words)

static const char *
find_word(const char *text)
{
	for (size_t i = 0; i < WORDS; i++)
		if (strcmp(text, words[i][0]) == 0)
			return words[i][1];
	return text;
}

bool
cron_parse(const char *text, struct cron *out)
{
	uint64_t bits[FIELDS];
	bool is_any[FIELDS];
	const char *at = find_word(text);
	for (size_t i = 0; i < FIELDS; i++) {
		at += strspn(at, " ");
		is_any[i] = *at == '*';
		if (!read_field(&fields[i], &at, &bits[i]))
			return false;
	}
	if (at[strspn(at, " ")] != '\0')
		return false;
	*out = (struct cron){
		.minutes = bits[0],
		.hours = (uint32_t)bits[1],
		.days = (uint32_t)bits[2],
		.months = (uint32_t)bits[3],
		.weekdays = (uint32_t)((bits[4] | bits[4] >> 7) & 0x7f),
		.is_any_day = is_any[2],
		.is_any_weekday = is_any[4],
	};
	return true;
}

/* --- What is wrong with one --- */

static size_t
count_fields(const char *text)
{
	size_t count = 0;
	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		text += strcspn(text, " ");
		count++;
	}
	return count;
}

static void
tell_word(const char *text, char *out, size_t size)
{
	struct nearest n;
	nearest_init(&n, text);
	for (size_t i = 0; i < WORDS; i++)
		nearest_offer(&n, words[i][0]);
	snprintf(out, size,
		"'%.40s' is none of @yearly, @monthly, @weekly, @daily and "
		"@hourly%s%s%s",
		text, n.best ? "; did you mean '" : "", n.best ? n.best : "",
		n.best ? "'?" : "");
}

/* Names the first field that is none; there are five. */
static void
tell_field(const char *text, char *out, size_t size)
{
	const char *at = text;
	uint64_t bits;
	for (size_t i = 0; i < FIELDS; i++) {
		at += strspn(at, " ");
		const char *field = at;
		if (read_field(&fields[i], &at, &bits))
			continue;
		size_t length = strcspn(field, " ");
		snprintf(out, size,
			"'%.*s' is no %s: it takes %s, '*', and ranges, steps "
			"and lists of these",
			(int)(length < 40 ? length : 40), field, fields[i].what,
			fields[i].range);
		return;
	}
}

/* Whether a month that fits has a day that fits, in some year. */
static bool
is_ever_due(const struct cron *cron)
{
	static const uint8_t days[] = {
		31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	if (!cron->is_any_day && !cron->is_any_weekday)
		return true; /* a day of the week suffices */
	for (unsigned m = 0; m < 12; m++)
		if ((cron->months >> (m + 1) & 1) &&
			(cron->days & ((UINT64_C(2) << days[m]) - 2)))
			return true;
	return false;
}

bool
cron_fault(const char *text, char *out, size_t size)
{
	struct cron cron;
	size_t count = count_fields(text);
	bool is_parsed = cron_parse(text, &cron);
	if (is_parsed && is_ever_due(&cron))
		return false;
	if (is_parsed)
		snprintf(out, size,
			"'%.100s' is never due: none of its months has such a "
			"day",
			text);
	else if (text[0] == '@')
		tell_word(text, out, size);
	else if (count != FIELDS)
		snprintf(out, size,
			"'%.100s' has %zu of the five fields of crontab(5): "
			"minute, hour, day of the month, month, day of the "
			"week",
			text, count);
	else
		tell_field(text, out, size);
	return true;
}

bool
cron_zone_is_known(const char *zone)
{
	char path[128];
	struct stat st;
	snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", zone);
	return strcmp(zone, "UTC") == 0 ||
	       (stat(path, &st) == 0 && S_ISREG(st.st_mode));
}

/* --- When it is due --- */

static bool
fits_day(const struct cron *cron, const struct tm *at)
{
	bool day = cron->days >> at->tm_mday & 1;
	bool weekday = cron->weekdays >> at->tm_wday & 1;
	if (!(cron->months >> (at->tm_mon + 1) & 1))
		return false;
	if (cron->is_any_day || cron->is_any_weekday)
		return day && weekday;
	return day || weekday;
}

bool
cron_fits(const struct cron *cron, const struct tm *at)
{
	return (cron->minutes >> at->tm_min & 1) &&
	       (cron->hours >> at->tm_hour & 1) && fits_day(cron, at);
}

/* The earlier of the two instants that a local minute may stand for. */
static time_t
instant_of(const struct tm *local)
{
	struct tm summer = *local, winter = *local;
	summer.tm_isdst = 1;
	winter.tm_isdst = 0;
	time_t a = mktime(&summer), b = mktime(&winter);
	bool fits_a = summer.tm_hour == local->tm_hour &&
		      summer.tm_min == local->tm_min && summer.tm_isdst == 1;
	bool fits_b = winter.tm_hour == local->tm_hour &&
		      winter.tm_min == local->tm_min && winter.tm_isdst == 0;
	if (fits_a && fits_b)
		return a < b ? a : b;
	return fits_a ? a : fits_b ? b : -1;
}

/* The first due minute of the day of 'day' that lies after 'after'. */
static time_t
next_in_day(const struct cron *cron, const struct tm *day, time_t after)
{
	struct tm at = *day;
	time_t best = -1;
	for (at.tm_hour = 0; at.tm_hour < 24; at.tm_hour++) {
		if (!(cron->hours >> at.tm_hour & 1))
			continue;
		for (at.tm_min = 0; at.tm_min < 60; at.tm_min++) {
			if (!(cron->minutes >> at.tm_min & 1))
				continue;
			time_t t = instant_of(&at);
			if (t > after && (best < 0 || t < best))
				best = t;
		}
		if (best >= 0)
			return best;
	}
	return best;
}

time_t
cron_next(const struct cron *cron, time_t after)
{
	struct tm day;
	localtime_r(&after, &day);
	day.tm_sec = 0;
	for (int i = 0; i < YEARS_AHEAD * 366; i++) {
		if (fits_day(cron, &day)) {
			time_t t = next_in_day(cron, &day, after);
			if (t >= 0)
				return t;
		}
		/* Noon exists on every day. */
		day.tm_mday++;
		day.tm_hour = 12;
		day.tm_min = 0;
		day.tm_isdst = -1;
		if (mktime(&day) == (time_t)-1)
			return -1;
	}
	return -1;
}
