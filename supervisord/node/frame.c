#include "node/frame.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define HELD_MIN 512 /* bytes allocated at first */

/* Length of the whole frame that begins at 'head', or 0 if none has it. */
static size_t
frame_size(const unsigned char head[FRAME_HEAD_SIZE])
{
	uint32_t length = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 |
			  (uint32_t)head[2] << 8 | head[3];
	if (length < 2 || length > FRAME_MAX + 2)
		return 0;
	return 4 + (size_t)length;
}

static void
fill(struct frame *out, const unsigned char *at, size_t size)
{
	out->type = (uint16_t)(at[4] << 8 | at[5]);
	out->body =
		(struct bytes){at + FRAME_HEAD_SIZE, size - FRAME_HEAD_SIZE};
}

static void
move_on(struct bytes *in, size_t count)
{
	in->data = (const unsigned char *)in->data + count;
	in->size -= count;
}

/* Moves bytes from 'in' until 'want' bytes are held. False: no memory. */
static bool
hold(struct frame_reader *r, struct bytes *in, size_t want)
{
	size_t count = want > r->size ? want - r->size : 0;
	if (count > in->size)
		count = in->size;
	if (count == 0)
		return true;
	size_t need = r->size + count;
	if (need > r->capacity) {
		size_t capacity = r->capacity ? 2 * r->capacity : HELD_MIN;
		if (capacity < need)
			capacity = need;
		void *held = realloc(r->held, capacity);
		if (!held)
			return false;
		r->held = held;
		r->capacity = capacity;
	}
	memcpy(r->held + r->size, in->data, count);
	r->size += count;
	move_on(in, count);
	return true;
}

void
frame_reader_fini(struct frame_reader *r)
{
	free(r->held);
	*r = (struct frame_reader){0};
}

enum frame_result
frame_next(struct frame_reader *r, struct bytes *in, struct frame *out)
{
	if (r->taken)
		frame_reader_fini(r);
	if (r->size == 0 && in->size >= FRAME_HEAD_SIZE) {
		size_t size = frame_size(in->data);
		if (size == 0)
			return FRAME_BAD;
		if (in->size >= size) {
			fill(out, in->data, size);
			move_on(in, size);
			return FRAME_READY;
		}
	}
	if (!hold(r, in, FRAME_HEAD_SIZE))
		return FRAME_NO_ROOM;
	if (r->size < FRAME_HEAD_SIZE)
		return FRAME_MORE;
	size_t size = frame_size(r->held);
	if (size == 0)
		return FRAME_BAD;
	if (!hold(r, in, size))
		return FRAME_NO_ROOM;
	if (r->size < size)
		return FRAME_MORE;
	fill(out, r->held, size);
	r->taken = size;
	return FRAME_READY;
}

void
frame_put_head(uint16_t type, size_t size, unsigned char head[FRAME_HEAD_SIZE])
{
	CHECK(size <= FRAME_MAX);
	size_t length = size + 2;
	head[0] = (unsigned char)(length >> 24);
	head[1] = (unsigned char)(length >> 16);
	head[2] = (unsigned char)(length >> 8);
	head[3] = (unsigned char)length;
	head[4] = (unsigned char)(type >> 8);
	head[5] = (unsigned char)type;
}
