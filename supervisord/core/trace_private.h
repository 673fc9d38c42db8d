/* What the parts of the codec share: records (trace.c), the head
 * (trace_head.c), inputs (trace_input.c), digests (trace_digest.c).
 */
#ifndef SKEP_CORE_TRACE_PRIVATE_H
#define SKEP_CORE_TRACE_PRIVATE_H

#include <pb_encode.h>

#include "core/trace.h"
#include "core/trace.pb.h"

#define TRACE_FRAME_SIZE 9 /* size, kind, check */

/* Encode a body behind the place for its frame; false: it does not fit. */
bool trace_encode_head(pb_ostream_t *out, const struct trace_head *head);
bool trace_encode_input(pb_ostream_t *out, const struct input *in);

/* Decodes a head; NULL, or why it makes no sense. */
const char *trace_decode_head(struct bytes body, struct trace_head *head);

#endif
