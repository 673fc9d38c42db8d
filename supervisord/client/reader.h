/* What the parts of the library share: one mapped file (registry.c), walks
 * through it (walk.c), waiting for it to change (watch.c).
 *
 * How a row is read, and why that is right, stands in regfile.h.
 */
#ifndef SKEP_CLIENT_READER_H
#define SKEP_CLIENT_READER_H

#include <stdbool.h>
#include <sys/types.h>

#include "client/regfile.h"
#include "skep/registry.h"

/* A retry is due to one change of the writer's in the very moment of the look;
 * so many in a row are none that a writer made. */
#define READER_TRIES_MAX 1000000

/* A handle. */
struct skep_registry {
	struct regfile_head *head; /* 'capacity' bytes are mapped */
	size_t capacity;
	dev_t device; /* which file it is */
	ino_t inode;
	bool is_borrowed; /* the mapping is somebody else's: a test's */
	char path[];
};

/* A row's words, copied. */
struct reader_row {
	uint64_t words[REGFILE_WORDS_MAX];
};

/* A name that is looked for, as rows hold it. */
struct reader_key {
	uint64_t words[SKEP_NAME_SIZE / 8];
	size_t size;
	uint64_t hash; /* by the seed of a file */
};

/* Maps the new file if there is one; the old one serves on where that fails. */
void reader_refresh(struct skep_registry *r);

/* Copies the row that 'at' names; it held 'slot' before.  False when that is
 * not so any more, or was never one. */
bool reader_copy(struct regfile_head *head, regfile_word *at, uint64_t slot,
	struct reader_row *out);
/* Whether 'table' lies in the file. */
bool reader_has_table(struct regfile_head *head, uint64_t table);
/* Takes a name to look for; false when it is none. */
bool reader_key_init(struct reader_key *key, const char *name);
/* Its hash in that file. */
void reader_key_hash(struct reader_key *key, const struct regfile_head *head);
/* Finds it, without a look at whether the file is the newest: 0, -ENOENT or
 * -EBADMSG. */
int reader_find(struct regfile_head *head, const struct reader_key *key,
	struct reader_row *out);

/* The same of a name: rows of groups are none. */
int reader_find_name(struct regfile_head *head, const struct reader_key *key,
	struct reader_row *out);

static inline const char *
reader_name(const struct reader_row *row, size_t *size_out)
{
	*size_out = row->words[REGFILE_SIZES] & 0xffff;
	return (const char *)&row->words[REGFILE_TEXTS];
}

/* Writes what a row says. */
void reader_tell(const struct reader_row *row, struct skep_entry *out);

#endif
