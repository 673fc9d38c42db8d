#include "base/cursor.h"

#include <string.h>

void
reader_init(struct reader *r, const void *data, size_t size)
{
	static const unsigned char nothing[1];
	r->at = size ? data : nothing;
	r->end = r->at + size;
	r->bad = false;
}

/* Takes 'size' bytes, or NULL and 'bad'. */
static const unsigned char *
take(struct reader *r, size_t size)
{
	if (r->bad || (size_t)(r->end - r->at) < size) {
		r->bad = true;
		return NULL;
	}
	const unsigned char *p = r->at;
	r->at += size;
	return p;
}

static uint64_t
take_le(struct reader *r, unsigned width)
{
	const unsigned char *p = take(r, width);
	uint64_t v = 0;
	for (unsigned i = 0; p && i < width; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

uint8_t
reader_u8(struct reader *r)
{
	return (uint8_t)take_le(r, 1);
}

uint16_t
reader_u16(struct reader *r)
{
	return (uint16_t)take_le(r, 2);
}

uint32_t
reader_u32(struct reader *r)
{
	return (uint32_t)take_le(r, 4);
}

uint64_t
reader_u64(struct reader *r)
{
	return take_le(r, 8);
}

int64_t
reader_i64(struct reader *r)
{
	return (int64_t)take_le(r, 8);
}

struct bytes
reader_bytes(struct reader *r)
{
	uint32_t size = reader_u32(r);
	const unsigned char *p = take(r, size);
	return p ? (struct bytes){p, size} : (struct bytes){NULL, 0};
}

const char *
reader_text(struct reader *r)
{
	struct bytes b = reader_bytes(r);
	const unsigned char *nul = take(r, 1);
	if (!nul || *nul != 0 || (b.size && memchr(b.data, 0, b.size))) {
		r->bad = true;
		return "";
	}
	return b.size ? b.data : "";
}

bool
reader_is_done(const struct reader *r)
{
	return !r->bad && r->at == r->end;
}

void
writer_init(struct writer *w, void *base, size_t capacity)
{
	w->base = base;
	w->size = 0;
	w->capacity = capacity;
	w->bad = false;
}

void
writer_raw(struct writer *w, const void *data, size_t size)
{
	if (w->bad || w->capacity - w->size < size) {
		w->bad = true;
		return;
	}
	if (size)
		memcpy(w->base + w->size, data, size);
	w->size += size;
}

static void
put_le(struct writer *w, uint64_t v, unsigned width)
{
	unsigned char b[8];
	for (unsigned i = 0; i < width; i++)
		b[i] = (unsigned char)(v >> (8 * i));
	writer_raw(w, b, width);
}

void
writer_u8(struct writer *w, uint8_t v)
{
	put_le(w, v, 1);
}

void
writer_u16(struct writer *w, uint16_t v)
{
	put_le(w, v, 2);
}

void
writer_u32(struct writer *w, uint32_t v)
{
	put_le(w, v, 4);
}

void
writer_u64(struct writer *w, uint64_t v)
{
	put_le(w, v, 8);
}

void
writer_i64(struct writer *w, int64_t v)
{
	put_le(w, (uint64_t)v, 8);
}

void
writer_bytes(struct writer *w, const void *data, size_t size)
{
	if (size > UINT32_MAX) {
		w->bad = true;
		return;
	}
	writer_u32(w, (uint32_t)size);
	writer_raw(w, data, size);
}

void
writer_text(struct writer *w, const char *text)
{
	const char *t = text ? text : "";
	writer_bytes(w, t, strlen(t));
	writer_u8(w, 0);
}

struct bytes
writer_done(const struct writer *w)
{
	return (struct bytes){w->base, w->size};
}
