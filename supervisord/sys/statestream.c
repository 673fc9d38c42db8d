#include "sys/statestream.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

static const char magic[8] = "skepstat";
static const char wait_mark[STATESTREAM_WAIT_SIZE] = "skepwait";

enum kind {
	KIND_DATA = 1,
	KIND_END = 2,
	KIND_FAIL = 3,
	KIND_ABSENT = 4,
};

void
statestream_put_wait(struct writer *out)
{
	writer_raw(out, wait_mark, sizeof wait_mark);
}

void
statestream_put_head(
	struct statestream_writer *s, uint64_t size, struct writer *out)
{
	hash_stream_init(&s->hash, 0);
	s->sent = 0;
	writer_raw(out, magic, sizeof magic);
	writer_u32(out, STATESTREAM_VERSION);
	writer_u64(out, size);
}

void
statestream_put_data(
	struct statestream_writer *s, struct bytes data, struct writer *out)
{
	CHECK(data.size > 0 && data.size <= STATESTREAM_DATA_MAX);
	hash_stream_add(&s->hash, data.data, data.size);
	s->sent += data.size;
	writer_u8(out, KIND_DATA);
	writer_u32(out, (uint32_t)data.size);
}

void
statestream_put_end(const struct statestream_writer *s, struct writer *out)
{
	writer_u8(out, KIND_END);
	writer_u64(out, s->sent);
	writer_u64(out, hash_stream_value(&s->hash));
}

void
statestream_put_fail(const char *why, struct writer *out)
{
	size_t size = strnlen(why, STATESTREAM_FAIL_MAX);
	writer_u8(out, KIND_FAIL);
	writer_bytes(out, why, size);
}

void
statestream_put_absent(struct writer *out)
{
	writer_u8(out, KIND_ABSENT);
}

void
statestream_init(struct statestream_reader *s, uint64_t size_max)
{
	memset(s, 0, sizeof *s);
	s->place = STATESTREAM_AT_HEAD;
	s->last = STATESTREAM_MORE;
	s->size_max = size_max;
	hash_stream_init(&s->hash, 0);
}

/* Takes up to 'size' bytes from the front of 'in'. */
static struct bytes
take(struct bytes *in, size_t size)
{
	struct bytes b = {in->data, size < in->size ? size : in->size};
	if (b.size) {
		in->data = (const char *)in->data + b.size;
		in->size -= b.size;
	}
	return b;
}

static enum statestream_event
close_with(struct statestream_reader *s, enum statestream_event event)
{
	s->place = STATESTREAM_AT_CLOSE;
	s->last = event;
	return event;
}

/* Ends the stream as broken, for the reason 'why'. */
static enum statestream_event
refuse(struct statestream_reader *s, const char *why)
{
	snprintf(s->text, sizeof s->text, "%s", why);
	return close_with(s, STATESTREAM_BAD);
}

/* Fills 'held' to 'size' bytes; false when the input ends before. */
static bool
hold(struct statestream_reader *s, struct bytes *in, size_t size)
{
	CHECK(size <= sizeof s->held);
	if (s->held_size < size) {
		struct bytes b = take(in, size - s->held_size);
		if (b.size)
			memcpy(s->held + s->held_size, b.data, b.size);
		s->held_size += b.size;
	}
	return s->held_size >= size;
}

static enum statestream_event
read_head(struct statestream_reader *s, struct bytes *in)
{
	while (hold(s, in, sizeof wait_mark) &&
		memcmp(s->held, wait_mark, sizeof wait_mark) == 0)
		s->held_size = 0;
	if (!hold(s, in, STATESTREAM_HEAD_SIZE))
		return STATESTREAM_MORE;
	struct reader r;
	reader_init(&r, s->held + sizeof magic,
		STATESTREAM_HEAD_SIZE - sizeof magic);
	s->held_size = 0;
	if (memcmp(s->held, magic, sizeof magic) != 0)
		return refuse(s, "this is not a state stream");
	if (reader_u32(&r) != STATESTREAM_VERSION)
		return refuse(s, "a state stream of another version");
	s->size = reader_u64(&r);
	if (s->size > s->size_max) {
		snprintf(s->text, sizeof s->text,
			"the state has %" PRIu64 " bytes, at most %" PRIu64
			" are allowed",
			s->size, s->size_max);
		return close_with(s, STATESTREAM_BAD);
	}
	s->place = STATESTREAM_AT_FRAME;
	return STATESTREAM_HEAD;
}

static enum statestream_event
read_end(struct statestream_reader *s, struct bytes *in)
{
	if (!hold(s, in, STATESTREAM_END_SIZE))
		return STATESTREAM_MORE;
	struct reader r;
	reader_init(&r, s->held + 1, STATESTREAM_END_SIZE - 1);
	uint64_t size = reader_u64(&r);
	uint64_t hash = reader_u64(&r);
	if (size != s->got || size != s->size)
		return refuse(s, "the state is shorter than it should be");
	if (hash != hash_stream_value(&s->hash))
		return refuse(s, "the state is damaged: its hash is wrong");
	return close_with(s, STATESTREAM_DONE);
}

/* Reads the size of a data or fail frame, and steps into it. */
static enum statestream_event
read_front(struct statestream_reader *s, struct bytes *in, uint8_t kind)
{
	if (!hold(s, in, STATESTREAM_FRAME_SIZE))
		return STATESTREAM_MORE;
	struct reader r;
	reader_init(&r, s->held + 1, STATESTREAM_FRAME_SIZE - 1);
	s->frame_left = reader_u32(&r);
	s->held_size = 0;
	if (kind == KIND_FAIL) {
		if (s->frame_left > STATESTREAM_FAIL_MAX)
			return refuse(s, "a reason that is too long");
		s->place = STATESTREAM_IN_FAIL;
		return STATESTREAM_MORE;
	}
	if (s->frame_left == 0 || s->frame_left > STATESTREAM_DATA_MAX)
		return refuse(s, "a frame of a wrong size");
	if (s->frame_left > s->size - s->got)
		return refuse(s, "the state is longer than it should be");
	s->place = STATESTREAM_IN_DATA;
	return STATESTREAM_MORE;
}

static enum statestream_event
read_frame(struct statestream_reader *s, struct bytes *in)
{
	if (!hold(s, in, 1))
		return STATESTREAM_MORE;
	uint8_t kind = s->held[0];
	if (kind == KIND_END)
		return read_end(s, in);
	if (kind == KIND_DATA || kind == KIND_FAIL)
		return read_front(s, in, kind);
	if (kind == KIND_ABSENT)
		return s->size == 0
			       ? close_with(s, STATESTREAM_ABSENT)
			       : refuse(s, "a state of a size that is absent");
	return refuse(s, "a frame of an unknown kind");
}

static enum statestream_event
read_data(struct statestream_reader *s, struct bytes *in, struct bytes *out)
{
	struct bytes b = take(in, s->frame_left);
	if (b.size == 0)
		return STATESTREAM_MORE;
	hash_stream_add(&s->hash, b.data, b.size);
	s->got += b.size;
	s->frame_left -= (uint32_t)b.size;
	if (s->frame_left == 0)
		s->place = STATESTREAM_AT_FRAME;
	*out = b;
	return STATESTREAM_DATA;
}

static enum statestream_event
read_fail(struct statestream_reader *s, struct bytes *in)
{
	struct bytes b = take(in, s->frame_left);
	if (b.size)
		memcpy(s->text + s->text_size, b.data, b.size);
	s->text_size += b.size;
	s->frame_left -= (uint32_t)b.size;
	s->text[s->text_size] = '\0';
	if (s->frame_left > 0)
		return STATESTREAM_MORE;
	return close_with(s, STATESTREAM_FAILED);
}

/* One step; MORE may also mean that only the place has changed. */
static enum statestream_event
step(struct statestream_reader *s, struct bytes *in, struct bytes *data_out)
{
	switch (s->place) {
	case STATESTREAM_AT_HEAD:
		return read_head(s, in);
	case STATESTREAM_AT_FRAME:
		return read_frame(s, in);
	case STATESTREAM_IN_DATA:
		return read_data(s, in, data_out);
	case STATESTREAM_IN_FAIL:
		return read_fail(s, in);
	case STATESTREAM_AT_CLOSE:
		return s->last;
	}
	UNREACHABLE();
}

enum statestream_event
statestream_next(
	struct statestream_reader *s, struct bytes *in, struct bytes *data_out)
{
	*data_out = (struct bytes){NULL, 0};
	enum statestream_place before;
	enum statestream_event event;
	do {
		before = s->place;
		event = step(s, in, data_out);
	} while (event == STATESTREAM_MORE && s->place != before);
	return event;
}

enum statestream_event
statestream_finish(struct statestream_reader *s)
{
	if (s->place == STATESTREAM_AT_CLOSE)
		return s->last;
	return refuse(s, "the state stream ends too early");
}
