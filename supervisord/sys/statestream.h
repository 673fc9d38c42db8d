/* A service's state on its way through a pipe, and whether it is all there.
 *
 * skep-mover reads a state file as the service's user and sends it to
 * skep-node, which must not mistake half a file for a whole one: the mover
 * may be killed, the file may change, the pipe may be cut.  So the bytes
 * travel in frames, between a head and an end that carries size and hash.
 *
 *   stream  = wait* head (frame* (end | fail) | absent)
 *   wait    = "skepwait" (8 bytes): the sender is still finding out the size
 *   head    = "skepstat" (8 bytes), u32 version = 1, u64 size
 *   frame   = u8 kind = 1 (data), u32 size (1 .. 65536), that many bytes
 *   end     = u8 kind = 2, u64 size of all data, u64 XXH64 of it, seed 0
 *   fail    = u8 kind = 3, u32 size (0 .. 400), the reason as UTF-8
 *   absent  = u8 kind = 4
 *
 * Integers are little-endian.  'size' in the head is what the sender expects
 * to send, and is binding: an end with another size, or more data than it, is
 * a broken stream.  A sender that fails before it knows the size says 0 and
 * then fails.  A service that left no state at all is no failure: the head
 * says 0, and 'absent' follows at once; an empty state ends with 'end'.  XXH64
 * finds accidents, not forgers: both ends of the pipe are ours, and the
 * receiver computes its own digest of what it stores.
 *
 * The reason of a failure is text from outside: show it, never parse it.
 *
 * The reader is a machine without I/O: it is handed bytes as they come, cut
 * anywhere, and yields events.  It allocates nothing.
 */
#ifndef SKEP_SYS_STATESTREAM_H
#define SKEP_SYS_STATESTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/hash.h"
#include "base/limits.h"

#define STATESTREAM_VERSION    1
#define STATESTREAM_WAIT_SIZE  8	     /* bytes of a wait */
#define STATESTREAM_HEAD_SIZE  20	     /* bytes of the head */
#define STATESTREAM_FRAME_SIZE 5	     /* kind and size of a frame */
#define STATESTREAM_END_SIZE   17	     /* bytes of the end */
#define STATESTREAM_DATA_MAX   65536	     /* data in one frame */
#define STATESTREAM_FAIL_MAX   NOTE_TEXT_MAX /* bytes of a reason */

/* The sender's side: what went out so far. */
struct statestream_writer {
	struct hash_stream hash; /* of all data */
	uint64_t sent;		 /* bytes of data */
};

/* Writes into 'out', in front of the head, that the sender is at work; as often
 * as it likes. */
void statestream_put_wait(struct writer *out);

/* Starts a stream of 'size' bytes: writes the head into 'out'. */
void statestream_put_head(
	struct statestream_writer *s, uint64_t size, struct writer *out);

/* Counts and hashes 'data' (1 to STATESTREAM_DATA_MAX bytes) and writes the
 * front of its frame into 'out'; the caller sends 'data' itself behind it. */
void statestream_put_data(
	struct statestream_writer *s, struct bytes data, struct writer *out);

/* Writes the end into 'out'. */
void statestream_put_end(
	const struct statestream_writer *s, struct writer *out);

/* Writes a failure into 'out' instead of the end; 'why' is cut to
 * STATESTREAM_FAIL_MAX bytes. */
void statestream_put_fail(const char *why, struct writer *out);

/* Writes into 'out', right behind a head of size 0, that there is no state. */
void statestream_put_absent(struct writer *out);

/* What the reader found next. */
enum statestream_event {
	STATESTREAM_MORE,   /* all input is used up, the stream goes on */
	STATESTREAM_HEAD,   /* 'size' is known now */
	STATESTREAM_DATA,   /* bytes, borrowed from the input */
	STATESTREAM_DONE,   /* complete, size and hash agree */
	STATESTREAM_ABSENT, /* complete: the sender has no state */
	STATESTREAM_FAILED, /* the sender gave up; its reason is in 'text' */
	STATESTREAM_BAD,    /* not such a stream; the reason is in 'text' */
};

/* Where the reader stands inside the stream. */
enum statestream_place {
	STATESTREAM_AT_HEAD,
	STATESTREAM_AT_FRAME, /* at the kind of a frame */
	STATESTREAM_IN_DATA,
	STATESTREAM_IN_FAIL,
	STATESTREAM_AT_CLOSE, /* after DONE, ABSENT, FAILED or BAD */
};

/* The receiver's side.  Members are for reading only. */
struct statestream_reader {
	enum statestream_place place;
	enum statestream_event last; /* the final event, at AT_CLOSE */
	uint64_t size_max;	     /* larger streams are BAD */
	uint64_t size;		     /* as the head says */
	uint64_t got;		     /* bytes of data so far */
	uint32_t frame_left;	     /* bytes of this frame to come */
	struct hash_stream hash;     /* of the data so far */
	unsigned char held[STATESTREAM_HEAD_SIZE]; /* a front, cut by input */
	size_t held_size;			   /* bytes in 'held' */
	char text[STATESTREAM_FAIL_MAX +
		  1];	  /* reason, "" while there is none */
	size_t text_size; /* bytes of a reason so far */
};

/* Starts reading a stream of at most 'size_max' bytes of data. */
void statestream_init(struct statestream_reader *s, uint64_t size_max);

/* Takes bytes from the front of 'in' (which is moved on) up to the next
 * event.  'data_out' is set with DATA, and empty otherwise.  Call it again
 * until it says MORE.  After DONE, ABSENT and FAILED nothing is taken; bytes
 * that are left in 'in' then are the caller's to complain about. */
enum statestream_event statestream_next(
	struct statestream_reader *s, struct bytes *in, struct bytes *data_out);

/* The input has ended.  DONE, ABSENT, FAILED and BAD stay what they are,
 * anything else becomes BAD: the stream was cut. */
enum statestream_event statestream_finish(struct statestream_reader *s);

#endif
