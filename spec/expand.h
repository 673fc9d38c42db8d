/* The specifiers %i %p %n %H %% inside texts of a spec. */
#ifndef SKEP_SPEC_EXPAND_H
#define SKEP_SPEC_EXPAND_H

#include "spec/spec.h"

/* The first '%' of 'text' that starts no known specifier, or NULL. */
const char *expand_find_unknown(const char *text);

#endif
