/* Frames between hosts: types, and one scratch for decoding.
 *
 * The messages are in wire.proto; nanopb makes structs of them.  Encoding
 * goes into the effects' pool, decoding into the caller's struct.  What
 * repeats (rows, entries, positions) is written and read one by one, so that
 * no message needs more memory than its largest element: protobuf lets the
 * fields of a message come in any order, so the elements are written first
 * and the head, which then knows how many did fit, last; a reader takes the
 * head in one pass and the elements in another.  Byte strings without a
 * static size are borrowed from the body.
 *
 * Errors: decoders return false; the caller counts, skips, and never ends a
 * link for a message it does not know.
 */
#ifndef SKEP_CORE_WIRE_H
#define SKEP_CORE_WIRE_H

#include <pb_decode.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "core/effect.h"
#include "core/wire.pb.h"

#define WIRE_VERSION	 2
#define WIRE_VERSION_MIN 1
#define WIRE_VERSION_KV	 2 /* since then key/value is known */

/* type, number on the wire, message in wire.proto */
#define WIRE_TYPES(X)                                                          \
	X(WIRE_HELLO, 1, Hello)                                                \
	X(WIRE_REFUSE, 2, Refuse)                                              \
	X(WIRE_HEARTBEAT, 3, Heartbeat)                                        \
	X(WIRE_LAST_HEARD_QUERY, 4, LastHeardQuery)                            \
	X(WIRE_LAST_HEARD_ANSWER, 5, LastHeardAnswer)                          \
	X(WIRE_MEMBER_NEWS, 6, MemberNews)                                     \
	X(WIRE_BATCH, 10, Batch)                                               \
	X(WIRE_PULL, 11, Pull)                                                 \
	X(WIRE_ACK, 12, Ack)                                                   \
	X(WIRE_ENTRIES, 20, Entries)                                           \
	X(WIRE_TREE_NODE, 21, TreeNode)                                        \
	X(WIRE_ENTRIES_WANTED, 22, EntriesWanted)                              \
	X(WIRE_FORWARD, 30, Forward)                                           \
	X(WIRE_FORWARD_REPLY, 31, ForwardReply)                                \
	X(WIRE_CLAIM, 32, Claim)                                               \
	X(WIRE_CLAIM_ANSWER, 33, ClaimAnswer)                                  \
	X(WIRE_HANDOFF_OFFER, 40, Handoff)                                     \
	X(WIRE_HANDOFF_ACCEPT, 41, Handoff)                                    \
	X(WIRE_HANDOFF_REFUSE, 42, Handoff)                                    \
	X(WIRE_HANDOFF_FROZEN, 43, Handoff)                                    \
	X(WIRE_HANDOFF_STAGED, 44, Handoff)                                    \
	X(WIRE_HANDOFF_COMMIT, 45, Handoff)                                    \
	X(WIRE_HANDOFF_ABORT, 46, Handoff)                                     \
	X(WIRE_HANDOFF_QUERY, 47, Handoff)                                     \
	X(WIRE_HANDOFF_ACTIVE, 48, Handoff)                                    \
	X(WIRE_HANDOFF_UNKNOWN, 49, Handoff)                                   \
	X(WIRE_HANDOFF_BEGIN, 50, Handoff)                                     \
	X(WIRE_BULK_GET, 60, BulkGet)                                          \
	X(WIRE_BULK_DATA, 61, BulkData)                                        \
	X(WIRE_BULK_MANIFEST, 62, BulkManifest)                                \
	X(WIRE_QUERY, 70, Query)                                               \
	X(WIRE_QUERY_DATA, 71, QueryData)                                      \
	X(WIRE_QUERY_MORE, 72, QueryMore)                                      \
	X(WIRE_LETTER, 80, Letter)                                             \
	X(WIRE_RECEIPT, 81, Receipt)                                           \
	X(WIRE_ANSWER, 82, Answer)                                             \
	X(WIRE_RUNNING, 90, Running)

enum wire_type {
#define X(type, number, message) type = number,
	WIRE_TYPES(X)
#undef X
};

/* Hello.purpose of a connection with 'is_bulk'. */
enum wire_purpose { PURPOSE_STATES, PURPOSE_QUERY };

/* Name of a type for traces; "unknown" for others. */
const char *wire_type_name(uint16_t type);

/* Encodes a nanopb message of 'type' into the pool of 'fx'; empty bytes mean
 * that it does not fit, which the caller must have made impossible. */
struct bytes wire_encode(struct effects *fx, uint16_t type, const void *msg);

/* Decodes 'body' into the nanopb struct of 'type' (zeroed first, callbacks in
 * '*msg' kept).  False when the bytes make no sense. */
bool wire_decode(uint16_t type, struct bytes body, void *msg);

/* The same for a message that is not a frame (values, stored records);
 * 'fields' is skep_NAME_fields. */
struct bytes wire_encode_message(
	struct effects *fx, const pb_msgdesc_t *fields, const void *msg);
bool wire_decode_message(
	const pb_msgdesc_t *fields, struct bytes body, void *msg);

/* --- Byte strings of any size --- */

/* Where a byte string of 'whole' was found; 'found' is borrowed from it and
 * empty when the field is absent. */
struct wire_slice {
	struct bytes whole; /* what is being decoded */
	struct bytes found;
};

/* A decode callback that fills '*slice'; set 'slice->whole' first. */
pb_callback_t wire_borrow(struct wire_slice *slice);
/* An encode callback that writes '*b' (borrowed until then); an empty one is
 * left out. */
pb_callback_t wire_lend(const struct bytes *b);

/* --- Repeated elements, written one by one --- */

/* Bytes of a message besides its repeated elements, at most. */
#define WIRE_HEAD_MAX 512

/* A message in the making at the end of the effects' pool.  Nothing else may
 * take from the pool between begin and end. */
struct wire_out {
	struct effects *fx;
	size_t start; /* pool_used at the beginning */
	size_t end;   /* pool_used after the last element */
	size_t limit; /* elements end here */
	uint32_t count;
};

/* Begins a message whose elements take 'size_max' bytes at most; less when
 * the pool has less, possibly none. */
void wire_begin(struct wire_out *w, struct effects *fx, size_t size_max);
/* Appends one element as field number 'tag'.  False, and nothing written,
 * when it does not fit. */
bool wire_put(struct wire_out *w, uint32_t tag, const pb_msgdesc_t *fields,
	const void *element);
/* Ends the message with its head; 'msg' is the struct of 'type' with its
 * repeated callbacks left empty.  Empty bytes when the head did not fit. */
struct bytes wire_end(struct wire_out *w, uint16_t type, const void *msg);
/* Takes back everything since wire_begin. */
void wire_cancel(struct wire_out *w);

/* --- Repeated elements, read one by one --- */

/* A position among the elements of one field. */
struct wire_in {
	pb_istream_t stream;
	uint32_t tag;
	bool is_bad; /* bytes made no sense; sticks */
};

/* Starts reading the elements with field number 'tag' of 'body'. */
void wire_each(struct wire_in *in, struct bytes body, uint32_t tag);
/* Reads the next element into 'msg' (zeroed first, callbacks kept); false at
 * the end and at the first error. */
bool wire_next(struct wire_in *in, const pb_msgdesc_t *fields, void *msg);
/* Reads the next element that is a text or bytes, borrowed from the body. */
bool wire_next_bytes(struct wire_in *in, struct bytes *out);

#endif
