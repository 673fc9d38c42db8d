/* Time as the core knows it: milliseconds on a clock that never goes back.
 *
 * A struct and not a number, so that a duration, a point in time and a count
 * cannot be mixed by accident.  The epoch is arbitrary (boot, or the start of
 * a simulation); only differences mean anything.  Wall-clock time is never a
 * 'mono': where it is needed (hybrid logical clocks, ages shown to people) it
 * travels as a plain int64_t whose name ends in '_wall_ms'.
 */
#ifndef SKEP_BASE_MONO_H
#define SKEP_BASE_MONO_H

#include <stdbool.h>
#include <stdint.h>

/* A point in time.  Compare with the functions below only. */
typedef struct {
	int64_t ms; /* milliseconds since the clock's arbitrary epoch */
} mono;

/* "Never": later than every real deadline. */
#define MONO_NEVER ((mono){INT64_MAX})

/* The point 'ms' milliseconds after 'at', before it when 'ms' is negative.
 * Saturates at MONO_NEVER. */
static inline mono
mono_add(mono at, int64_t ms)
{
	if (ms > 0 && at.ms > INT64_MAX - ms)
		return MONO_NEVER;
	return (mono){at.ms + ms};
}

/* Milliseconds from 'from' to 'to'; negative when 'to' lies before 'from'. */
static inline int64_t
mono_diff(mono to, mono from)
{
	return to.ms - from.ms;
}

/* Whether 'deadline' has been reached at 'now'. */
static inline bool
mono_reached(mono deadline, mono now)
{
	return deadline.ms <= now.ms;
}

/* The earlier of two points. */
static inline mono
mono_min(mono a, mono b)
{
	return a.ms <= b.ms ? a : b;
}

#endif
