/* Frames between hosts: types, and one scratch for decoding.
 *
 * The messages are in wire.proto; nanopb makes structs of them.  Encoding
 * goes into the effects' pool, decoding into the caller's struct.  Repeated
 * messages (rows, entries, positions) are decoded one by one through a
 * callback, so that no message needs more memory than its largest element.
 *
 * Errors: decoders return false; the caller counts, skips, and never ends a
 * link for a message it does not know.
 */
#ifndef SKEP_CORE_WIRE_H
#define SKEP_CORE_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "core/effect.h"

#define WIRE_VERSION	 1
#define WIRE_VERSION_MIN 1

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
	X(WIRE_HANDOFF_OFFER, 40, Handoff)                                     \
	X(WIRE_HANDOFF_ACCEPT, 41, Handoff)                                    \
	X(WIRE_HANDOFF_REFUSE, 42, Handoff)                                    \
	X(WIRE_HANDOFF_FROZEN, 43, Handoff)                                    \
	X(WIRE_HANDOFF_STAGED, 44, Handoff)                                    \
	X(WIRE_HANDOFF_COMMIT, 45, Handoff)                                    \
	X(WIRE_HANDOFF_ABORT, 46, Handoff)                                     \
	X(WIRE_HANDOFF_QUERY, 47, Handoff)                                     \
	X(WIRE_HANDOFF_ACTIVE, 48, Handoff)                                    \
	X(WIRE_BULK_GET, 60, BulkGet)                                          \
	X(WIRE_BULK_DATA, 61, BulkData)

enum wire_type {
#define X(type, number, message) type = number,
	WIRE_TYPES(X)
#undef X
};

/* Name of a type for traces; "unknown" for others. */
const char *wire_type_name(uint16_t type);

/* Encodes a nanopb message of 'type' into the pool of 'fx'; empty bytes mean
 * that it does not fit, which the caller must have made impossible. */
struct bytes wire_encode(struct effects *fx, uint16_t type, const void *msg);

/* Decodes 'body' into the nanopb struct of 'type' (zeroed first, callbacks in
 * '*msg' kept).  False when the bytes make no sense. */
bool wire_decode(uint16_t type, struct bytes body, void *msg);

#endif
