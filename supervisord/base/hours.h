/* Hours of the day as people write them, without the C library's help.
 *
 * "02:00-04:30" is from the first minute up to the second, in UTC, so that all
 * hosts mean the same; "22:00-06:00" goes over midnight; "" is all day.
 */
#ifndef SKEP_BASE_HOURS_H
#define SKEP_BASE_HOURS_H

#include <stdbool.h>
#include <stdint.h>

/* Minutes after midnight; equal: all day. */
struct hours {
	uint32_t from;
	uint32_t until;
};

/* False when the text is not of the form, or from a minute to the same. */
bool hours_parse(const char *text, struct hours *out);

/* How long it takes until they begin, from that time of the wall clock
 * (milliseconds since 1970); 0 within them. */
int64_t hours_wait_ms(struct hours hours, int64_t wall_ms);

#endif
