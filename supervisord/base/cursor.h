/* Bytes in and out: a cursor over a buffer, with an error that sticks.
 *
 * Used for the messages between our own processes on one host and for values
 * in the store.  (Messages between hosts are protobuf.)  All integers are
 * little-endian with fixed width; a byte string is a u32 length and its
 * bytes; a text is a byte string followed by a NUL that is not counted, so a
 * reader can use it in place.
 *
 * Errors: reading past the end or writing past the capacity sets 'bad' and
 * yields zeros or does nothing from then on, so a caller reads everything
 * and tests once.  Reading never trusts a length: it is compared with what
 * is left.
 */
#ifndef SKEP_BASE_CURSOR_H
#define SKEP_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A borrowed run of bytes. */
struct bytes {
	const void *data; /* NULL only when 'size' is 0 */
	size_t size;	  /* bytes */
};

/* A reading position in borrowed bytes. */
struct reader {
	const unsigned char *at;  /* next byte */
	const unsigned char *end; /* one past the last byte */
	bool bad;		  /* something did not fit; sticks */
};

/* A writing position in a caller's buffer. */
struct writer {
	unsigned char *base; /* start of the buffer, borrowed */
	size_t size;	     /* bytes written so far */
	size_t capacity;     /* bytes in 'base' */
	bool bad;	     /* something did not fit; sticks */
};

/* Starts reading 'size' bytes at 'data' (borrowed). */
void reader_init(struct reader *r, const void *data, size_t size);
/* Reads one integer; 0 after an error. */
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
int64_t reader_i64(struct reader *r);
/* Reads a byte string; borrowed from the buffer, empty after an error. */
struct bytes reader_bytes(struct reader *r);
/* Reads a text; borrowed, "" after an error.  A text that holds a NUL inside
 * is an error. */
const char *reader_text(struct reader *r);
/* Whether everything was read, to the last byte, without an error. */
bool reader_is_done(const struct reader *r);

/* Starts writing into 'capacity' bytes at 'base' (borrowed). */
void writer_init(struct writer *w, void *base, size_t capacity);
/* Writes one integer. */
void writer_u8(struct writer *w, uint8_t v);
void writer_u16(struct writer *w, uint16_t v);
void writer_u32(struct writer *w, uint32_t v);
void writer_u64(struct writer *w, uint64_t v);
void writer_i64(struct writer *w, int64_t v);
/* Writes a byte string of 'size' bytes at 'data'. */
void writer_bytes(struct writer *w, const void *data, size_t size);
/* Writes a text; NULL counts as "". */
void writer_text(struct writer *w, const char *text);
/* Writes 'size' bytes with no length in front. */
void writer_raw(struct writer *w, const void *data, size_t size);
/* What was written so far, borrowed from the buffer. */
struct bytes writer_done(const struct writer *w);

#endif
