/* Frames of a connection, out of bytes that come cut anywhere.
 *
 *   frame = u32 length of what follows (big-endian), u16 type (big-endian),
 *           body of length - 2 bytes
 *
 * A length below 2 or above FRAME_MAX + 2 is refused before anything is
 * allocated for it; below that, memory grows with the bytes that really
 * came, never with a length that was only claimed.  A frame that lies whole
 * in the input is not copied.
 */
#ifndef SKEP_NODE_FRAME_H
#define SKEP_NODE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/limits.h"

#define FRAME_HEAD_SIZE 6 /* bytes: length and type */

/* One frame; the body is borrowed until the next call of 'frame_next'. */
struct frame {
	uint16_t type;
	struct bytes body;
};

/* A reading position between two inputs; zero-initialised. */
struct frame_reader {
	unsigned char *held; /* front of a frame not complete yet */
	size_t size;	     /* bytes in 'held' */
	size_t capacity;     /* bytes allocated; 0 when nothing is held */
	size_t taken;	     /* bytes of 'held' given out by the last call */
};

enum frame_result {
	FRAME_MORE,   /* all input is used up, no frame is complete */
	FRAME_READY,  /* '*out' is one */
	FRAME_BAD,    /* a length that no frame has; the end of it */
	FRAME_NO_ROOM /* no memory */
};

/* Frees what is held; the reader is as new. */
void frame_reader_fini(struct frame_reader *r);

/* Takes bytes from the front of 'in' (which is moved on) up to the end of
 * the next frame. */
enum frame_result frame_next(
	struct frame_reader *r, struct bytes *in, struct frame *out);

/* Writes the head of a frame with a body of 'size' bytes. */
void frame_put_head(
	uint16_t type, size_t size, unsigned char head[FRAME_HEAD_SIZE]);

#endif
