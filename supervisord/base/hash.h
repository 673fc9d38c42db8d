/* 64-bit hashing of names and bytes: XXH64, inlined.
 *
 * XXH64 (xxHash 0.8, little-endian canonical input) gives the same value on
 * every architecture, which placement and digests depend on.  It is not a
 * cryptographic hash: what an adversary could forge is protected by TLS or
 * by SHA-256, never by this.
 */
#ifndef SKEP_BASE_HASH_H
#define SKEP_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Hash of 'size' bytes at 'data' under 'seed'. */
uint64_t hash_bytes(const void *data, size_t size, uint64_t seed);

/* Hash of a NUL-terminated text, without the NUL. */
uint64_t hash_text(const char *text, uint64_t seed);

/* Mixes two values into one; not symmetric. */
uint64_t hash_mix(uint64_t a, uint64_t b);

/* A hash over bytes that come in pieces.  Copying it forks the hash. */
struct hash_stream {
	uint64_t opaque[11]; /* XXH64's own state */
};

/* Starts a hash under 'seed'. */
void hash_stream_init(struct hash_stream *h, uint64_t seed);

/* Adds 'size' bytes at 'data'. */
void hash_stream_add(struct hash_stream *h, const void *data, size_t size);

/* What 'hash_bytes' would give for all bytes added so far; more may follow. */
uint64_t hash_stream_value(const struct hash_stream *h);

#endif
