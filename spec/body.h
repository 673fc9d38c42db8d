/* What the canonical body shares with the parser. */
#ifndef SKEP_SPEC_BODY_H
#define SKEP_SPEC_BODY_H

#include "spec/spec.h"

/* Fills every member of a zeroed spec with the default of its key, and the
 * name with "". */
void body_set_defaults(struct spec *spec);

#endif
