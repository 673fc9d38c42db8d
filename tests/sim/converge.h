/* Phase 2: a random core of hosts is healed, and must come to rest.
 *
 * Healed: its hosts run, nothing stands between them, their disks and clocks
 * are good, services behave.  The rest stays as it is: what is down stays
 * down, what stands still goes on standing, what is cut off stays cut off.
 * A host outside is
 *
 *   severed   it is down, stands still, or neither a core host can talk with
 *             it nor any other from which, over however many, the core hears;
 *             for the core it must be gone
 *   hanging   some of the core can talk with it and some cannot, or only
 *             others can, who rightly say that it lives (M3); what it runs
 *             counts, what it thinks does not
 *
 * and one that all of the core can talk with belongs to the core.
 *
 * At rest: the core's hosts see each other and no severed one, and the same
 * members, also of those that hang (M5); each has all rows that the others
 * wrote, they agree on every instance, every wanted one runs under the epoch
 * that they all say, or has a reason that the shape of the cluster gives;
 * nothing else runs on them, no move is under way, and none is to begin soon.
 *
 * The bound B(N) for that is CONVERGE_BASE_MS + N * CONVERGE_HOST_MS.
 */
#ifndef SKEP_TESTS_SIM_CONVERGE_H
#define SKEP_TESTS_SIM_CONVERGE_H

#include "tests/sim/storm.h"

#define CONVERGE_BASE_MS 300000
#define CONVERGE_HOST_MS 2000

/* Chooses the core and heals it. */
void converge_heal(struct storm *s, struct prng *p);
/* Lets time pass until the core is at rest, and stays so for some seconds; the
 * milliseconds until that began, or -1 when the bound has passed, with what
 * is wrong in 'out'. */
int64_t converge_wait(struct storm *s, char out[static 512]);
/* Prints what every running host thinks of the others and of every instance
 * that is not at rest, for whoever looks at a seed. */
void converge_print(struct storm *s);

#endif
