#include "node/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define BLOCK_MIN 4080 /* bytes: with its head a block fills one page */

struct queue_block {
	struct queue_block *next;
	size_t start; /* first byte not sent yet */
	size_t end;   /* one past the last byte filled */
	size_t capacity;
	unsigned char data[];
};

void
queue_fini(struct queue *q)
{
	while (q->first) {
		struct queue_block *b = q->first;
		q->first = b->next;
		free(b);
	}
	*q = (struct queue){0};
}

/* Appends an empty block with room for 'size' bytes. */
static struct queue_block *
add_block(struct queue *q, size_t size)
{
	size_t capacity = size > BLOCK_MIN ? size : BLOCK_MIN;
	struct queue_block *b = malloc(sizeof *b + capacity);
	if (!b)
		return NULL;
	b->next = NULL;
	b->start = b->end = 0;
	b->capacity = capacity;
	if (q->last)
		q->last->next = b;
	else
		q->first = b;
	q->last = b;
	return b;
}

bool
queue_add(struct queue *q, struct bytes bytes)
{
	struct queue_block *b = q->last;
	if (bytes.size == 0)
		return true;
	if (!b || b->capacity - b->end < bytes.size)
		b = add_block(q, bytes.size);
	if (!b)
		return false;
	memcpy(b->data + b->end, bytes.data, bytes.size);
	b->end += bytes.size;
	q->size += bytes.size;
	return true;
}

struct bytes
queue_front(const struct queue *q)
{
	const struct queue_block *b = q->first;
	if (!b)
		return (struct bytes){0};
	return (struct bytes){b->data + b->start, b->end - b->start};
}

void
queue_take(struct queue *q, size_t count)
{
	struct queue_block *b = q->first;
	if (count == 0)
		return;
	CHECK(b && count <= b->end - b->start);
	b->start += count;
	q->size -= count;
	if (b->start < b->end)
		return;
	q->first = b->next;
	if (!q->first)
		q->last = NULL;
	free(b);
}
