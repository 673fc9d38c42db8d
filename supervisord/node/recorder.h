/* A recording in the making: inputs and effects to a file, in trace.h's form.
 *
 * The loop's thread encodes into a ring of RECORDER_RING bytes and never
 * waits once the node has booted; a thread of its own writes the ring to the
 * file.  A disk that does not follow, an error of it, or a file that grows
 * past its bound ends the recording with a reason; the node goes on.  While
 * the node boots (the store is read as fast as it can be) the loop waits for
 * the disk, BOOT_WAIT_MS at most for each record.
 *
 * An input is in the ring before the core sees it, so that the recording of a
 * core that panics ends with the input that did it: 'recorder_flush'.
 *
 * Threads: all functions are for the loop's thread.
 */
#ifndef SKEP_NODE_RECORDER_H
#define SKEP_NODE_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/trace.h"
#include "sys/err.h"

#define RECORDER_RING	  (8u << 20) /* bytes that may wait for the disk */
#define RECORDER_SIZE_MIN (1u << 20) /* bytes of a file, at least */

struct recorder; /* private */

/* Makes the file (mode 0600, an older one is replaced), writes the head and
 * starts the thread.  The file stays below 'size_max' bytes. */
int recorder_open(const char *path, uint64_t size_max,
	const struct trace_head *head, struct recorder **out, struct err *err);

/* Ends it if it has not ended, waits for the disk a little, and frees all;
 * NULL accepted. */
void recorder_free(struct recorder *r);

/* Before and after each step.  Nothing once the recording has ended. */
void recorder_input(struct recorder *r, const struct input *in);
void recorder_effects(struct recorder *r, const struct effects *fx);

/* Ends it with a reason; nothing when it has ended. */
void recorder_end(struct recorder *r, const char *why);

/* Waits until what is in the ring was written, 'limit_ms' at most. */
void recorder_flush(struct recorder *r, int64_t limit_ms);

/* Whether it has ended and nothing waits for the disk any more. */
bool recorder_is_done(struct recorder *r);

/* Why it ended, "" while it goes on; 'steps' and 'size' so far. */
const char *recorder_why(struct recorder *r);
uint64_t recorder_steps(const struct recorder *r);
uint64_t recorder_size(const struct recorder *r);

#endif
