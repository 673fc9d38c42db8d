/* A look at all of a large world: whether its hosts agree, and are right.
 *
 * For the ends of phases, when nothing should be under way.  Every host is
 * looked at whole, but compared with one only, so the cost is that of all that
 * the hosts hold: rows are compared through the sums that each host keeps of
 * each log, and each host's own sums are recounted by 'core_check'.
 */
#ifndef SKEP_TESTS_SIM_SCALE_AUDIT_H
#define SKEP_TESTS_SIM_SCALE_AUDIT_H

#include "tests/sim/world_view.h"

/* What is wrong, in 'out', or NULL.  Demanded of every host that runs: it
 * holds nothing back; it is linked with all others that run and counts no
 * other as present; it has the same members, desired state and settings as
 * all, and all rows of each; its core is sound; of every wanted instance it
 * knows one copy, which runs under that epoch where it says.  And no other
 * process runs. */
const char *scale_audit(const struct world *w, char out[WORLD_TROUBLE_MAX]);

#endif
