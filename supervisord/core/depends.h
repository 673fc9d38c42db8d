/* What must be there before a start: 'depends_on'.
 *
 * A dependency is met by facts that every host sees alike, the rows of the
 * other service's instances; so the host that is to start something decides
 * alone.  It is asked when an instance comes to life that runs nowhere: at
 * the first start, a take-over, a move.  A restart in place does not wait.
 */
#ifndef SKEP_CORE_DEPENDS_H
#define SKEP_CORE_DEPENDS_H

#include "core/core.h"
#include "spec/policy.h"

/* The sentence what 'policy' still waits for, or NULL when all is there;
 * borrowed until the next step. */
const char *depends_unmet(struct core *c, const struct spec_policy *policy);

/* The sentence with the circle that a service 'name' with 'policy' would
 * close ("depends_on: a circle: a -> b -> a; ..."), or NULL.  Bounded work: a
 * fixed number of steps; a circle beyond them is not seen, and its services
 * wait for each other. */
const char *depends_circle(
	struct core *c, const char *name, const struct spec_policy *policy);

/* How many services stand below 'policy' in the longest chain of what it waits
 * for, 0 for none: what is higher is stopped first. */
uint32_t depends_height(struct core *c, const struct spec_policy *policy);

#endif
