/* State streams from any bytes: the reader stays within its bounds, and what
 * it says does not depend on how its input is cut. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "sys/statestream.h"

#define SIZE_MAX_ALLOWED 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How a reading ended. */
struct ending {
	enum statestream_event event;
	uint64_t got;  /* bytes of data */
	uint64_t hash; /* of them */
};

static struct ending
read_in_pieces(const uint8_t *data, size_t size, size_t piece)
{
	static struct statestream_reader s;
	struct hash_stream hash;
	struct bytes out;
	hash_stream_init(&hash, 0);
	statestream_init(&s, SIZE_MAX_ALLOWED);
	for (size_t at = 0; at < size && s.last == STATESTREAM_MORE;) {
		size_t n = size - at < piece ? size - at : piece;
		struct bytes in = {data + at, n};
		enum statestream_event event;
		do {
			event = statestream_next(&s, &in, &out);
			CHECK((event == STATESTREAM_DATA) == (out.size > 0));
			if (out.size)
				hash_stream_add(&hash, out.data, out.size);
			CHECK(s.got <= s.size);
		} while (
			event == STATESTREAM_HEAD || event == STATESTREAM_DATA);
		CHECK(event != STATESTREAM_MORE || in.size == 0);
		at += n;
	}
	enum statestream_event last = statestream_finish(&s);
	CHECK(last != STATESTREAM_DONE || s.got == s.size);
	CHECK(last != STATESTREAM_ABSENT || s.size == 0);
	CHECK(last == STATESTREAM_BAD || s.size <= SIZE_MAX_ALLOWED);
	CHECK(memchr(s.text, 0, sizeof s.text));
	return (struct ending){last, s.got, hash_stream_value(&hash)};
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t pieces[] = {1, 5, 21, 4096};
	struct ending whole = read_in_pieces(data, size, SIZE_MAX);
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		struct ending cut = read_in_pieces(data, size, pieces[i]);
		CHECK(cut.event == whole.event);
		CHECK(cut.got == whole.got && cut.hash == whole.hash);
	}
	return 0;
}
