#include "base/hours.h"

#define MINUTE_MS 60000
#define DAY_MS	  (24LL * 60 * MINUTE_MS)

/* Reads two digits up to 'max'. */
static bool
read_pair(const char **at, uint32_t max, uint32_t *out)
{
	const char *p = *at;
	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return false;
	*out = (uint32_t)(p[0] - '0') * 10 + (uint32_t)(p[1] - '0');
	*at = p + 2;
	return *out <= max;
}

static bool
read_minute(const char **at, uint32_t *out)
{
	uint32_t hour, minute;
	if (!read_pair(at, 23, &hour) || *(*at)++ != ':' ||
		!read_pair(at, 59, &minute))
		return false;
	*out = hour * 60 + minute;
	return true;
}

bool
hours_parse(const char *text, struct hours *out)
{
	*out = (struct hours){0};
	if (text[0] == '\0')
		return true;
	return read_minute(&text, &out->from) && *text++ == '-' &&
	       read_minute(&text, &out->until) && *text == '\0' &&
	       out->from != out->until;
}

/* What is left of a division by a day; never negative. */
static int64_t
within_day(int64_t ms)
{
	return (ms % DAY_MS + DAY_MS) % DAY_MS;
}

int64_t
hours_wait_ms(struct hours hours, int64_t wall_ms)
{
	int64_t from_ms = (int64_t)hours.from * MINUTE_MS;
	int64_t until_ms = (int64_t)hours.until * MINUTE_MS;
	int64_t since_ms = within_day(wall_ms - from_ms);
	bool is_within = hours.from == hours.until ||
			 since_ms < within_day(until_ms - from_ms);
	return is_within ? 0 : DAY_MS - since_ms;
}
