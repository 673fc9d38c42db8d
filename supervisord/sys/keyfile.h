/* The cluster's keys: what makes a host one of ours.
 *
 * A key file has one key a line:
 *
 *   skep1:IDENTITY:SECRET
 *
 * "skep1" is the format, IDENTITY names the key (1 to 64 of [A-Za-z0-9._-],
 * sent in the clear), SECRET is 32 random bytes as 64 hex digits.  Empty
 * lines and lines that begin with '#' are skipped.  Several lines are a
 * rotation at work: the first is used to dial, all are accepted, and no two
 * have the same identity.
 *
 * Whoever reads the file is a member of the cluster, so a file that group or
 * others may touch is refused.  No text made here ever shows a secret.
 *
 * Errors: 0 or -errno, with a sentence that names file and line.
 */
#ifndef SKEP_SYS_KEYFILE_H
#define SKEP_SYS_KEYFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "sys/err.h"

#define KEY_SECRET_SIZE	  32 /* bytes */
#define KEY_IDENTITY_MAX  64 /* characters */
#define KEYRING_KEYS_MAX  8  /* keys in one file */
#define KEY_LINE_SIZE	  (6 + KEY_IDENTITY_MAX + 1 + 2 * KEY_SECRET_SIZE + 2)
#define KEYFILE_BYTES_MAX 16384 /* a larger file is something else */

/* One key. */
struct key {
	char identity[KEY_IDENTITY_MAX + 1]; /* its public name */
	uint8_t secret[KEY_SECRET_SIZE];     /* never shown */
};

/* The keys of one file, in its order. */
struct keyring {
	struct key keys[KEYRING_KEYS_MAX]; /* [0] is for dialling */
	size_t count;			   /* at least 1 once read */
};

/* Reads the file at 'path': a regular file (links are followed) that belongs
 * to this user or root and has no permission bits for group and others. */
int keyfile_read(const char *path, struct keyring *out, struct err *err);

/* Reads the text of a key file; 'name' stands for it in errors.  On error
 * '*out' is empty. */
int keyfile_parse(struct bytes text, const char *name, struct keyring *out,
	struct err *err);

/* The key with this identity ('size' bytes, not terminated), or NULL. */
const struct key *keyring_find(
	const struct keyring *ring, const void *identity, size_t size);

/* Overwrites the secrets in memory. */
void keyring_wipe(struct keyring *ring);

/* Makes a new key from the kernel's random numbers.  'identity' NULL: a
 * random one. */
int keyfile_generate(struct key *out, const char *identity, struct err *err);

/* Writes the key's line, with its newline and a NUL; this shows the secret,
 * to be written to a key file and nowhere else. */
void keyfile_format(const struct key *key, char line[KEY_LINE_SIZE]);

/* Writes a new key file (0400, synced) at 'path'; -EEXIST when something is
 * there already: a cluster's key is never overwritten. */
int keyfile_create(const char *path, const struct key *key, struct err *err);

#endif
