/* A recording from anybody: nothing may crash, and what is read can be
 * written and read again.
 *
 * Checksums would keep every damaged byte out, so the input is read twice:
 * as it is, and with the checksums of its records made right.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "core/trace.h"
#include "fuzz.h"

#define FRAME_SIZE 9

static struct trace_head head;
static struct trace_item item;

static void
demand(int holds)
{
	if (!holds)
		abort();
}

/* What was read from one body is the same when it was written and read. */
static void
pass_again(const struct input *in)
{
	static unsigned char first[TRACE_RECORD_MAX], second[TRACE_RECORD_MAX];
	static struct trace_input again;
	struct bytes a = trace_write_input(first, sizeof first, in);
	demand(a.data != NULL);
	struct bytes body = {first + FRAME_SIZE, a.size - FRAME_SIZE};
	demand(trace_read_input(body, &again) == NULL);
	struct bytes b = trace_write_input(second, sizeof second, &again.in);
	demand(a.size == b.size && memcmp(first, second, a.size) == 0);
}

static void
read_all(struct bytes bytes)
{
	struct trace_reader r;
	enum trace_result result = trace_open(&r, bytes, &head);
	if (result == TRACE_OK)
		demand(core_size(&head.limits) > 0);
	while (result == TRACE_OK) {
		result = trace_next(&r, &item);
		if (result == TRACE_OK && item.kind == TRACE_INPUT)
			pass_again(&item.input.in);
	}
	demand(result == TRACE_DONE || (r.why && *r.why));
	demand(trace_offset(&r) <= bytes.size);
}

static void
put_u32(unsigned char *at, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(v >> 8 * i);
}

/* Makes the checksum of every record right. */
static void
mend(unsigned char *data, size_t size)
{
	size_t at = TRACE_MAGIC_SIZE;
	while (size >= at + FRAME_SIZE) {
		unsigned char *f = data + at;
		size_t body = (size_t)f[0] | (size_t)f[1] << 8 |
			      (size_t)f[2] << 16 | (size_t)f[3] << 24;
		if (body > size - at - FRAME_SIZE)
			return;
		put_u32(f + 5,
			(uint32_t)hash_bytes(f + FRAME_SIZE, body, f[4]));
		at += FRAME_SIZE + body;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct trace_input in;
	unsigned char *copy = malloc(size ? size : 1);
	demand(copy != NULL);
	if (size)
		memcpy(copy, data, size);
	read_all((struct bytes){copy, size});
	if (!trace_read_input((struct bytes){copy, size}, &in))
		pass_again(&in.in);
	mend(copy, size);
	read_all((struct bytes){copy, size});
	free(copy);
	return 0;
}
