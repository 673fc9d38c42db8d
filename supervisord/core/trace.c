#include "core/trace.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "core/trace_private.h"
#include "core/wire.h"

#define EFFECT_SIZE 5 /* kind, digest */

static uint32_t
check_of(enum trace_kind kind, struct bytes body)
{
	return (uint32_t)hash_bytes(body.data, body.size, kind);
}

/* --- Writing --- */

/* Frames the 'size' bytes that stand TRACE_FRAME_SIZE behind 'at'. */
static struct bytes
finish(unsigned char *at, enum trace_kind kind, size_t size)
{
	struct writer w;
	struct bytes body = {at + TRACE_FRAME_SIZE, size};
	if (size > TRACE_RECORD_MAX - TRACE_FRAME_SIZE)
		return (struct bytes){NULL, 0};
	writer_init(&w, at, TRACE_FRAME_SIZE);
	writer_u32(&w, (uint32_t)size);
	writer_u8(&w, (uint8_t)kind);
	writer_u32(&w, check_of(kind, body));
	CHECK(!w.bad);
	return (struct bytes){at, TRACE_FRAME_SIZE + size};
}

/* A stream over what follows the frame at 'at'. */
static pb_ostream_t
body_stream(unsigned char *at, size_t capacity)
{
	bool has_room = capacity > TRACE_FRAME_SIZE;
	return pb_ostream_from_buffer(at + (has_room ? TRACE_FRAME_SIZE : 0),
		has_room ? capacity - TRACE_FRAME_SIZE : 0);
}

struct bytes
trace_write_head(void *buffer, size_t capacity, const struct trace_head *head)
{
	unsigned char *at = buffer;
	if (capacity < TRACE_MAGIC_SIZE)
		return (struct bytes){NULL, 0};
	memcpy(at, TRACE_MAGIC, TRACE_MAGIC_SIZE);
	pb_ostream_t out =
		body_stream(at + TRACE_MAGIC_SIZE, capacity - TRACE_MAGIC_SIZE);
	if (!trace_encode_head(&out, head))
		return (struct bytes){NULL, 0};
	struct bytes record =
		finish(at + TRACE_MAGIC_SIZE, TRACE_HEAD, out.bytes_written);
	return (struct bytes){at, record.size + TRACE_MAGIC_SIZE};
}

struct bytes
trace_write_input(void *buffer, size_t capacity, const struct input *in)
{
	pb_ostream_t out = body_stream(buffer, capacity);
	if (!trace_encode_input(&out, in))
		return (struct bytes){NULL, 0};
	return finish(buffer, TRACE_INPUT, out.bytes_written);
}

struct bytes
trace_write_effects(void *buffer, size_t capacity, const struct effects *fx)
{
	struct writer w;
	size_t size = fx->count * EFFECT_SIZE;
	if (capacity < TRACE_FRAME_SIZE + size)
		return (struct bytes){NULL, 0};
	writer_init(&w, (unsigned char *)buffer + TRACE_FRAME_SIZE, size);
	for (size_t i = 0; i < fx->count; i++) {
		writer_u8(&w, (uint8_t)fx->items[i].kind);
		writer_u32(&w, trace_effect_digest(&fx->items[i]));
	}
	CHECK(!w.bad);
	return finish(buffer, TRACE_EFFECTS, size);
}

struct bytes
trace_write_end(void *buffer, size_t capacity, const struct trace_end *end)
{
	skep_TraceEnd msg = {.steps = end->steps};
	memcpy(msg.why, end->why, sizeof msg.why);
	pb_ostream_t out = body_stream(buffer, capacity);
	if (!pb_encode(&out, skep_TraceEnd_fields, &msg))
		return (struct bytes){NULL, 0};
	return finish(buffer, TRACE_END, out.bytes_written);
}

/* --- Reading --- */

static enum trace_result
refuse(struct trace_reader *r, enum trace_result result, const char *why)
{
	r->why = why;
	return result;
}

size_t
trace_offset(const struct trace_reader *r)
{
	return r->size - (size_t)(r->in.end - r->in.at);
}

/* Takes one record off; the reader stays before it when it is not whole. */
static enum trace_result
take_record(struct trace_reader *r, enum trace_kind *kind, struct bytes *body)
{
	struct reader in = r->in;
	size_t left = (size_t)(in.end - in.at);
	uint32_t size = reader_u32(&in);
	*kind = (enum trace_kind)reader_u8(&in);
	uint32_t check = reader_u32(&in);
	if (in.bad)
		return refuse(r, TRACE_CUT,
			left ? "it breaks off in the middle of a record"
			     : "it breaks off: it has no end");
	if (size > TRACE_RECORD_MAX - TRACE_FRAME_SIZE || *kind < TRACE_HEAD ||
		*kind > TRACE_END)
		return refuse(r, TRACE_BAD, "a record's frame is damaged");
	if (size > left - TRACE_FRAME_SIZE)
		return refuse(r, TRACE_CUT,
			"it breaks off in the middle of a record");
	*body = (struct bytes){in.at, size};
	if (check_of(*kind, *body) != check)
		return refuse(r, TRACE_BAD, "a record is damaged");
	r->in.at = in.at + size;
	return TRACE_OK;
}

enum trace_result
trace_open(struct trace_reader *r, struct bytes bytes, struct trace_head *head)
{
	enum trace_kind kind;
	struct bytes body;
	memset(r, 0, sizeof *r);
	r->size = bytes.size;
	reader_init(&r->in, bytes.data, bytes.size);
	if (bytes.size < TRACE_MAGIC_SIZE ||
		memcmp(bytes.data, TRACE_MAGIC, TRACE_MAGIC_SIZE) != 0)
		return refuse(r, TRACE_BAD,
			"it is no recording of 'skepctl debug record'");
	r->in.at += TRACE_MAGIC_SIZE;
	enum trace_result result = take_record(r, &kind, &body);
	if (result != TRACE_OK)
		return result;
	if (kind != TRACE_HEAD)
		return refuse(r, TRACE_BAD, "it does not begin with a head");
	const char *why = trace_decode_head(body, head);
	if (why)
		return refuse(r, TRACE_BAD, why);
	r->last = TRACE_HEAD;
	return TRACE_OK;
}

/* Whether an input may come here in a node's life. */
static const char *
order_trouble(const struct trace_reader *r, const struct input *in)
{
	bool is_of_birth = in->kind == INPUT_LOAD || in->kind == INPUT_FOUND ||
			   in->kind == INPUT_SEALED || in->kind == INPUT_BOOT;
	if (in->now.ms < r->now_ms && r->steps)
		return "time goes back in it";
	if (r->is_booted && is_of_birth)
		return "the node boots twice in it";
	return NULL;
}

static enum trace_result
read_input(struct trace_reader *r, struct bytes body, struct trace_item *item)
{
	const char *why = trace_read_input(body, &item->input);
	if (!why)
		why = order_trouble(r, &item->input.in);
	if (why)
		return refuse(r, TRACE_BAD, why);
	r->now_ms = item->input.in.now.ms;
	r->is_booted = r->is_booted || item->input.in.kind == INPUT_BOOT;
	r->steps++;
	return TRACE_OK;
}

static enum trace_result
read_effects(struct trace_reader *r, struct bytes body, struct trace_item *item)
{
	const unsigned char *list = body.data;
	if (body.size % EFFECT_SIZE)
		return refuse(r, TRACE_BAD, "a list of effects is damaged");
	for (size_t i = 0; i < body.size; i += EFFECT_SIZE)
		if (list[i] >= EFFECT_KIND_COUNT)
			return refuse(r, TRACE_BAD,
				"an effect is of a kind that this skep does "
				"not know");
	item->effects = (struct trace_effects){
		list, (uint32_t)(body.size / EFFECT_SIZE)};
	return TRACE_OK;
}

static enum trace_result
read_end(struct trace_reader *r, struct bytes body, struct trace_item *item)
{
	skep_TraceEnd msg = skep_TraceEnd_init_zero;
	if (!wire_decode_message(skep_TraceEnd_fields, body, &msg))
		return refuse(r, TRACE_BAD, "its end is damaged");
	if (r->in.at != r->in.end)
		return refuse(r, TRACE_BAD, "something stands behind its end");
	memcpy(item->end.why, msg.why, sizeof item->end.why);
	item->end.steps = msg.steps;
	return msg.steps == r->steps
		       ? TRACE_OK
		       : refuse(r, TRACE_BAD, "steps are missing in it");
}

/* Whether a record of 'kind' may follow the last one. */
static bool
may_follow(enum trace_kind last, enum trace_kind kind)
{
	switch (kind) {
	case TRACE_HEAD:
		return false;
	case TRACE_EFFECTS:
		return last == TRACE_INPUT;
	case TRACE_INPUT:
	case TRACE_END:
		return last == TRACE_HEAD || last == TRACE_EFFECTS;
	}
	return false;
}

enum trace_result
trace_next(struct trace_reader *r, struct trace_item *item)
{
	struct bytes body;
	if (r->last == TRACE_END)
		return TRACE_DONE;
	enum trace_result result = take_record(r, &item->kind, &body);
	if (result != TRACE_OK)
		return result;
	if (!may_follow(r->last, item->kind))
		return refuse(r, TRACE_BAD, "its records are out of order");
	r->last = item->kind;
	if (item->kind == TRACE_INPUT)
		return read_input(r, body, item);
	if (item->kind == TRACE_EFFECTS)
		return read_effects(r, body, item);
	return read_end(r, body, item);
}

/* --- Comparing --- */

static enum effect_kind
recorded_kind(const struct trace_effects *t, uint32_t i)
{
	return i < t->count ? (enum effect_kind)t->list[i * EFFECT_SIZE]
			    : EFFECT_KIND_COUNT;
}

static bool
is_same_effect(
	const struct trace_effects *t, uint32_t i, const struct effect *e)
{
	struct reader r;
	reader_init(&r, t->list + i * EFFECT_SIZE, EFFECT_SIZE);
	return reader_u8(&r) == e->kind &&
	       reader_u32(&r) == trace_effect_digest(e);
}

bool
trace_is_same(const struct trace_effects *recorded, const struct effects *fx,
	struct trace_difference *out)
{
	uint32_t i = 0;
	while (i < recorded->count && i < fx->count &&
		is_same_effect(recorded, i, &fx->items[i]))
		i++;
	if (i == recorded->count && i == fx->count)
		return true;
	*out = (struct trace_difference){
		.index = i,
		.recorded = recorded->count,
		.now = (uint32_t)fx->count,
		.kind_recorded = recorded_kind(recorded, i),
		.kind_now =
			i < fx->count ? fx->items[i].kind : EFFECT_KIND_COUNT,
	};
	return false;
}
