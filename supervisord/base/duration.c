#include "base/duration.h"

#include <string.h>

#include "base/check.h"

/* A suffix and the milliseconds it stands for, smallest first. */
struct unit {
	const char *suffix;
	int64_t ms;
};

static const struct unit units[] = {
	{"ms", 1},
	{"s", 1000},
	{"m", 60 * 1000},
	{"h", 60 * 60 * 1000},
	{"d", 24 * 60 * 60 * 1000},
};
#define UNIT_COUNT (sizeof units / sizeof *units)

/* As sys/units.c: room for sums of a few durations. */
#define DURATION_MAX (INT64_MAX / 1024)

/* Reads digits from '*at' on; false without any or above 'max'. */
static bool
digits(const char **at, uint64_t max, uint64_t *out)
{
	const char *p = *at;
	uint64_t n = 0;
	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');
		if (digit > max || n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	bool has_any = p != *at;
	*at = p;
	*out = n;
	return has_any;
}

bool
duration_parse_number(const char *text, uint64_t max, uint64_t *out)
{
	const char *at = text;
	return digits(&at, max, out) && *at == '\0';
}

bool
duration_parse(const char *text, int64_t *ms_out)
{
	const char *at = text;
	uint64_t n;
	if (!digits(&at, DURATION_MAX, &n))
		return false;
	if (n == 0 && *at == '\0') {
		*ms_out = 0;
		return true;
	}
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		if (strcmp(units[i].suffix, at) != 0)
			continue;
		if (n > (uint64_t)(DURATION_MAX / units[i].ms))
			return false;
		*ms_out = (int64_t)n * units[i].ms;
		return true;
	}
	return false;
}

const char *
duration_format_number(uint64_t n, char buffer[static DURATION_TEXT_SIZE])
{
	char reversed[DURATION_TEXT_SIZE];
	size_t count = 0;
	do {
		reversed[count++] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	for (size_t i = 0; i < count; i++)
		buffer[i] = reversed[count - 1 - i];
	buffer[count] = '\0';
	return buffer;
}

const char *
duration_format(int64_t ms, char buffer[static DURATION_TEXT_SIZE])
{
	CHECK(ms >= 0);
	size_t unit = 0;
	for (size_t i = 0; ms > 0 && i < UNIT_COUNT; i++)
		if (ms % units[i].ms == 0)
			unit = i;
	duration_format_number((uint64_t)(ms / units[unit].ms), buffer);
	size_t length = strlen(buffer);
	memcpy(buffer + length, units[unit].suffix,
		strlen(units[unit].suffix) + 1);
	return buffer;
}
