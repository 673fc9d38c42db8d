/* Services that wait for each other in a circle. */
#ifndef SKEP_SPEC_CYCLE_H
#define SKEP_SPEC_CYCLE_H

#include "spec/spec.h"
#include "spec/tree.h"

/* Refuses a set in which services depend on each other in a circle, with the
 * circle printed: "a -> b -> c -> a".  'services' is the map they were read
 * from, for the place.  Services of other files are not known here. */
int cycle_check(const struct place *place, const struct node *services,
	const struct spec_set *set);

#endif
