/* The clocks of the shell.  The core never calls them: it is told. */
#ifndef SKEP_SYS_CLOCK_H
#define SKEP_SYS_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "base/mono.h"

/* CLOCK_BOOTTIME: goes on while the host sleeps, so that a host that was
 * suspended notices how long it was away. */
mono clock_mono(void);

/* Milliseconds since 1970, UTC. */
int64_t clock_wall_ms(void);

/* So many milliseconds (not negative) from now, on CLOCK_MONOTONIC: for a
 * condition variable that was told to use it. */
struct timespec clock_in_ms(int64_t ms);

#endif
