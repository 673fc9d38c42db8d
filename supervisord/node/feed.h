/* A source of bytes that is read at its reader's pace: the output of an
 * instance, events, or either of them on another host.
 *
 * The reader takes bytes with 'feed_read' until it gives none; then either
 * the feed has ended, or it calls 'on_more' as soon as there is more to say.
 * A feed holds a bounded number of bytes that nobody has read: what can wait
 * waits at its origin, what cannot (events) ends the feed with REPLY_FULL.
 *
 * 'on_more' never comes from within a call of feed_*, and not after
 * 'feed_close'.
 */
#ifndef SKEP_NODE_FEED_H
#define SKEP_NODE_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "core/effect.h"

struct feed;

/* What each kind of feed does. */
struct feed_ops {
	/* Moves at most 'max' bytes; 0: none now, or none any more. */
	size_t (*read)(struct feed *f, void *buffer, size_t max);
	/* Frees it. */
	void (*close)(struct feed *f);
};

/* The part that every kind has; the feed's own is around it. */
struct feed {
	const struct feed_ops *ops;
	void (*on_more)(struct feed *f); /* the reader's; NULL: nobody */
	void *owner;			 /* the reader's */
	bool is_begun;	      /* the question was accepted; bytes may be few */
	bool is_ended;	      /* what 'feed_read' still gives is the rest */
	enum reply_code code; /* of the end; REPLY_OK: nothing is missing */
	char text[NOTE_TEXT_MAX + 1]; /* a sentence when 'code' is not OK */
	uint64_t file; /* output: the place behind all that was read, for a */
	uint64_t at;   /* query that goes on from there; 0: unknown */
};

size_t feed_read(struct feed *f, void *buffer, size_t max);

/* Closes and frees; NULL is accepted. */
void feed_close(struct feed *f);

/* For feeds: tells the reader that there is something. */
void feed_tell(struct feed *f);
/* For feeds: it has ended with this code and text. */
void feed_end(struct feed *f, enum reply_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
