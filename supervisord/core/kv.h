/* The cluster's key/value: small texts that every host holds and may write.
 *
 * An entry of kind ENTRY_KV is a key, which is a text as run-time names are
 * (base/name.h), and a value of at most KV_VALUE_MAX bytes.  It is replicated
 * as all desired state is (specs.h), so the last writer wins: of two hosts
 * that write a key at a time, or while they do not hear each other, the write
 * with the larger stamp stays and nobody is told.  Its version is its stamp.
 *
 * To write only if the version is still a certain one would need a host that
 * decides for all of them.  The mesh has none, so such a request is refused
 * rather than answered with a promise that a partition breaks.
 *
 * Memory: entries and the pool of the desired state, of which key/value takes
 * a part and is then full, so that services always find room.
 */
#ifndef SKEP_CORE_KV_H
#define SKEP_CORE_KV_H

#include "core/core.h"

struct core;

/* 'kv set' (name = key, arg = value, is_forced: there is a condition) and 'kv
 * delete' (name = key); validates, writes, replies.  The text of a success is
 * the version in hexadecimal digits; of a deletion it is empty. */
void kv_on_request(struct core *c, const struct input_request *r);

#endif
