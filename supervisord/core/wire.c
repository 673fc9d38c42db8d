#include "core/wire.h"

#include <pb_encode.h>

#include "base/check.h"
#include "base/limits.h"

/* wire.options states in numbers what limits.h states in names. */
#define SAME_SIZE(message, field, size)                                        \
	_Static_assert(sizeof((skep_##message *)0)->field == (size),           \
		"wire.options and limits.h differ in " #message "." #field)
SAME_SIZE(Hello, cluster, CLUSTER_NAME_MAX + 1);
SAME_SIZE(Hello, node, NODE_NAME_MAX + 1);
SAME_SIZE(Hello, address, ADDRESS_MAX + 1);
SAME_SIZE(Refuse, reason, NOTE_TEXT_MAX + 1);
SAME_SIZE(MemberNews, node, NODE_NAME_MAX + 1);
SAME_SIZE(MemberNews, address, ADDRESS_MAX + 1);
SAME_SIZE(Row, name, ROW_NAME_MAX + 1);
SAME_SIZE(Batch, origin, NODE_NAME_MAX + 1);
SAME_SIZE(Position, origin, NODE_NAME_MAX + 1);
SAME_SIZE(ServicePolicy, pin, NODE_NAME_MAX + 1);
SAME_SIZE(OverrideValue, move_to, NODE_NAME_MAX + 1);
SAME_SIZE(SettingValue, value, SETTING_VALUE_MAX + 1);
SAME_SIZE(Entry, name, RUNTIME_NAME_MAX + 1);
SAME_SIZE(Entry, writer, NODE_NAME_MAX + 1);
SAME_SIZE(Forward, arg, NOTE_TEXT_MAX + 1);
SAME_SIZE(ClaimItem, name, RUNTIME_NAME_MAX + 1);
SAME_SIZE(ClaimWord, node, NODE_NAME_MAX + 1);
SAME_SIZE(Handoff, name, INSTANCE_NAME_MAX + 1);
SAME_SIZE(Handoff, root.bytes, DIGEST_SIZE);
SAME_SIZE(BulkGet, root.bytes, DIGEST_SIZE);

/* A type of frame. */
struct type_info {
	uint16_t type;
	const char *name;
	const pb_msgdesc_t *fields;
};

static const struct type_info *
find_type(uint16_t type)
{
	static const struct type_info infos[] = {
#define X(type, number, message) {type, #type, skep_##message##_fields},
		WIRE_TYPES(X)
#undef X
	};
	for (size_t i = 0; i < sizeof infos / sizeof *infos; i++)
		if (infos[i].type == type)
			return &infos[i];
	return NULL;
}

const char *
wire_type_name(uint16_t type)
{
	const struct type_info *info = find_type(type);
	return info ? info->name : "unknown";
}

struct bytes
wire_encode(struct effects *fx, uint16_t type, const void *msg)
{
	const struct type_info *info = find_type(type);
	CHECK(info);
	return wire_encode_message(fx, info->fields, msg);
}

bool
wire_decode(uint16_t type, struct bytes body, void *msg)
{
	const struct type_info *info = find_type(type);
	return info && wire_decode_message(info->fields, body, msg);
}

/* A stream over the free part of the pool, up to 'limit'. */
static pb_ostream_t
pool_stream(const struct effects *fx, size_t limit)
{
	size_t at = fx->pool_used;
	return pb_ostream_from_buffer(
		fx->pool + at, limit > at ? limit - at : 0);
}

struct bytes
wire_encode_message(
	struct effects *fx, const pb_msgdesc_t *fields, const void *msg)
{
	pb_ostream_t out = pool_stream(fx, fx->pool_size);
	if (!pb_encode(&out, fields, msg))
		return (struct bytes){NULL, 0};
	struct bytes done = {fx->pool + fx->pool_used, out.bytes_written};
	fx->pool_used += out.bytes_written;
	return done;
}

/* A stream over borrowed bytes; nanopb wants a pointer even for none. */
static pb_istream_t
body_stream(struct bytes body)
{
	return pb_istream_from_buffer(
		body.size ? body.data : (const void *)"", body.size);
}

bool
wire_decode_message(const pb_msgdesc_t *fields, struct bytes body, void *msg)
{
	pb_istream_t in = body_stream(body);
	return pb_decode(&in, fields, msg);
}

/* What the rest of 'in' holds, without a copy: the state of a stream over a
 * buffer is the address of its next byte. */
static struct bytes
rest(const pb_istream_t *in)
{
	return (struct bytes){in->state, in->bytes_left};
}

static bool
borrow(pb_istream_t *in, const pb_field_t *field, void **arg)
{
	(void)field;
	struct wire_slice *slice = *arg;
	struct bytes found = rest(in);
	/* A field of another wire type arrives in nanopb's own buffer. */
	uintptr_t at = (uintptr_t)found.data;
	uintptr_t base = (uintptr_t)slice->whole.data;
	if (at < base || at - base > slice->whole.size - found.size)
		return false;
	slice->found = found;
	return pb_read(in, NULL, found.size);
}

pb_callback_t
wire_borrow(struct wire_slice *slice)
{
	slice->found = (struct bytes){NULL, 0};
	return (pb_callback_t){.funcs.decode = borrow, .arg = slice};
}

static bool
lend(pb_ostream_t *out, const pb_field_t *field, void *const *arg)
{
	const struct bytes *b = *arg;
	return b->size == 0 || (pb_encode_tag_for_field(out, field) &&
				       pb_encode_string(out, b->data, b->size));
}

pb_callback_t
wire_lend(const struct bytes *b)
{
	/* nanopb hands the argument back untouched. */
	union {
		const void *in;
		void *out;
	} arg = {.in = b};
	return (pb_callback_t){.funcs.encode = lend, .arg = arg.out};
}

void
wire_begin(struct wire_out *w, struct effects *fx, size_t size_max)
{
	size_t room = fx->pool_size - fx->pool_used;
	size_t elements = room > WIRE_HEAD_MAX ? room - WIRE_HEAD_MAX : 0;
	w->fx = fx;
	w->start = w->end = fx->pool_used;
	w->limit = w->start + (elements < size_max ? elements : size_max);
	w->count = 0;
}

bool
wire_put(struct wire_out *w, uint32_t tag, const pb_msgdesc_t *fields,
	const void *element)
{
	CHECK(w->fx->pool_used == w->end);
	pb_ostream_t out = pool_stream(w->fx, w->limit);
	if (!pb_encode_tag(&out, PB_WT_STRING, tag) ||
		!pb_encode_submessage(&out, fields, element))
		return false;
	w->end += out.bytes_written;
	w->fx->pool_used = w->end;
	w->count++;
	return true;
}

struct bytes
wire_end(struct wire_out *w, uint16_t type, const void *msg)
{
	CHECK(w->fx->pool_used == w->end);
	struct bytes head = wire_encode(w->fx, type, msg);
	if (!head.data)
		return (struct bytes){NULL, 0};
	return (struct bytes){
		w->fx->pool + w->start, w->fx->pool_used - w->start};
}

void
wire_cancel(struct wire_out *w)
{
	CHECK(w->fx->pool_used == w->end);
	w->fx->pool_used = w->end = w->start;
	w->count = 0;
}

void
wire_each(struct wire_in *in, struct bytes body, uint32_t tag)
{
	in->stream = body_stream(body);
	in->tag = tag;
	in->is_bad = false;
}

/* Stands before the next element; false at the end and after an error. */
static bool
seek(struct wire_in *in)
{
	while (!in->is_bad) {
		pb_wire_type_t type;
		uint32_t tag;
		bool is_end;
		if (!pb_decode_tag(&in->stream, &type, &tag, &is_end)) {
			in->is_bad = !is_end;
			return false;
		}
		if (tag == in->tag && type == PB_WT_STRING)
			return true;
		in->is_bad = !pb_skip_field(&in->stream, type);
	}
	return false;
}

bool
wire_next(struct wire_in *in, const pb_msgdesc_t *fields, void *msg)
{
	if (!seek(in))
		return false;
	pb_istream_t element;
	in->is_bad = !pb_make_string_substream(&in->stream, &element) ||
		     !pb_decode(&element, fields, msg) ||
		     !pb_close_string_substream(&in->stream, &element);
	return !in->is_bad;
}

bool
wire_next_bytes(struct wire_in *in, struct bytes *out)
{
	if (!seek(in))
		return false;
	pb_istream_t element;
	in->is_bad = !pb_make_string_substream(&in->stream, &element);
	if (in->is_bad)
		return false;
	*out = rest(&element);
	in->is_bad = !pb_read(&element, NULL, element.bytes_left) ||
		     !pb_close_string_substream(&in->stream, &element);
	return !in->is_bad;
}
