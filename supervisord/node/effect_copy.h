/* A copy of an effect that outlives the step it came from. */
#ifndef SKEP_NODE_EFFECT_COPY_H
#define SKEP_NODE_EFFECT_COPY_H

#include "base/list.h"
#include "core/effect.h"

/* One effect with all its payloads in one block. */
struct effect_copy {
	struct list link; /* the owner's */
	struct effect effect;
	char payload[];
};

/* Copies 'e' and everything that it points to; free with free(3). */
struct effect_copy *effect_copy_new(const struct effect *e);

/* If 'e' stops something: its START, if it is among those that wait, is to
 * begin nothing (core/effect.h). */
void effect_copy_void_start(struct list *waiting, const struct effect *e);

#endif
