/* What the keys of a service must be to each other. */
#ifndef SKEP_SPEC_RULES_H
#define SKEP_SPEC_RULES_H

#include "spec/spec.h"
#include "spec/tree.h"

/* Checks 'spec', whose every key is right by itself, and fills in what
 * depends on other keys.  'name' and 'map' are its nodes, for places.
 * -EINVAL with a sentence. */
int rules_apply(const struct place *place, const struct node *name,
	const struct node *map, struct spec *spec);

#endif
