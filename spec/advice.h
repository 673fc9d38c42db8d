/* What is no mistake of a service, and will hardly do what was meant.
 *
 * Rules refuse what cannot be right anywhere; this is about what may be right
 * on another host, or by luck: the author is told, and decides.
 */
#ifndef SKEP_SPEC_ADVICE_H
#define SKEP_SPEC_ADVICE_H

#include "spec/spec.h"

/* One sentence, which begins with the key. */
typedef void advice_fn(void *context, const char *text);

/* Says all there is to say of 'spec', for this host. */
void advice_give(const struct spec *spec, advice_fn *say, void *context);

#endif
