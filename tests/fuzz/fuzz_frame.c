/* Any bytes, cut anywhere: frames come out inside their bounds, the same ones
 * however the bytes were cut, and memory follows what came.  The first byte
 * chooses the cut.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/hash.h"
#include "node/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Digest of all frames of 'in', fed in steps of 'step' bytes. */
static uint64_t
digest_frames(struct bytes in, size_t step)
{
	struct frame_reader r = {0};
	const uint8_t *at = in.data;
	uint64_t digest = 0;
	enum frame_result result = FRAME_MORE;
	for (size_t left = in.size; left > 0 && result == FRAME_MORE;) {
		size_t count = left < step ? left : step;
		struct bytes piece = {at, count};
		struct frame f;
		while ((result = frame_next(&r, &piece, &f)) == FRAME_READY) {
			CHECK(f.body.size <= FRAME_MAX);
			digest = hash_mix(digest, f.type);
			digest = hash_mix(digest,
				hash_bytes(f.body.data, f.body.size, 1));
		}
		CHECK(r.capacity <= 2 * in.size + 512);
		at += count;
		left -= count;
	}
	frame_reader_fini(&r);
	return hash_mix(digest, (uint64_t)result);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct bytes in = {data + 1, size - 1};
	CHECK(digest_frames(in, SIZE_MAX) ==
		digest_frames(in, (size_t)data[0] + 1));
	return 0;
}
