/* How long to wait before the next start, from a restart policy. */
#ifndef SKEP_CORE_RESTART_H
#define SKEP_CORE_RESTART_H

#include <stdint.h>

#include "base/prng.h"
#include "spec/policy.h"

/* Milliseconds to wait before the start that follows failure number
 * 'failures' (0 for the first in a row, which is answered at once).  The
 * delay grows by the policy's function, is capped by 'max_delay_ms' and then
 * varies by +-'jitter_percent'. */
int64_t restart_delay_ms(const struct policy_restart *r, uint32_t failures,
	struct prng *prng);

#endif
