/* Inputs and effects as one line of text each, for 'skepctl replay'. */
#ifndef SKEP_CTL_REPLAY_TEXT_H
#define SKEP_CTL_REPLAY_TEXT_H

#include <stddef.h>

#include "core/effect.h"
#include "core/input.h"

/* "recv WIRE_HEARTBEAT on link 3, 120 bytes".  Returns 'buffer', which holds
 * 'size' bytes; what does not fit is cut. */
const char *input_text(const struct input *in, char *buffer, size_t size);

/* "start web@1 epoch 7", with ", after 12" behind it. */
const char *effect_text(const struct effect *e, char *buffer, size_t size);

#endif
