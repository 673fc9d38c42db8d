/* The writer of the registry's file, which local programs look names up in.
 *
 * It knows names and rows, not where they come from (node/publish.h).  The
 * file's form, and why readers need no lock, stand in client/regfile.h.
 *
 * A writer makes a new file beside 'path', fills it, and gives it its name when
 * it is worth reading; what then changes shows at once.  It maps all that the
 * file may become and allocates what it uses: memory is taken as names come.
 * Rows that were replaced are used again for others; the file does not shrink.
 *
 * One thread; no call waits for a reader.
 *
 * Errors: 0 or -errno with a sentence.  A name that finds no room (a full
 * run_dir) is taken out, so that nobody reads what was; the file says that it
 * lacks some, until its filler has filled it anew.
 */
#ifndef SKEP_NODE_REGWRITER_H
#define SKEP_NODE_REGWRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/err.h"

struct regwriter;

/* What is written of a name; borrowed. */
struct regwriter_row {
	const char *name; /* 1 to REGFILE_NAME_MAX bytes */
	const char *host; /* at most REGFILE_HOST_MAX */
	const void *meta; /* without a NUL in it */
	size_t meta_size; /* at most REGFILE_META_MAX */
	unsigned kind;	  /* enum skep_kind */
	unsigned state;	  /* enum skep_state */
	uint32_t pid;
	uint64_t epoch;
	int64_t since_ms;
};

/* Makes a file for up to 'names_max' names beside 'path' (copied).  'random'
 * differs from start to start. */
int regwriter_open(const char *path, size_t names_max, uint64_t random,
	struct regwriter **out, struct err *err);
/* Gives it its name, and tells those who read the one before; once. */
int regwriter_publish(struct regwriter *w, struct err *err);
/* Unmaps it; a file that has its name stays, for those who read it.  NULL is
 * accepted. */
void regwriter_close(struct regwriter *w);

/* Sets what is known of a name; nothing happens if that is so already.
 * -ENOSPC or whatever else the file system says. */
int regwriter_put(struct regwriter *w, const struct regwriter_row *row);
/* Takes a name out; nothing if it is not in. */
void regwriter_delete(struct regwriter *w, const char *name);
bool regwriter_has(const struct regwriter *w, const char *name);

/* Wakes those who wait for what changed since the last call. */
void regwriter_flush(struct regwriter *w);
/* Says that whoever feeds it lives. */
void regwriter_beat(struct regwriter *w);
/* Says whether names are known to be missing. */
void regwriter_set_lacking(struct regwriter *w, bool is_lacking);
bool regwriter_is_lacking(const struct regwriter *w);

uint64_t regwriter_count(const struct regwriter *w);
/* Walks the names in it; '*cursor' starts as 0, NULL ends.  The text is
 * borrowed until the next put or delete.  Names that come during a walk may be
 * left out; when the table grew, it begins again. */
const char *regwriter_next(const struct regwriter *w, uint64_t *cursor);

/* The mapping, for a test whose readers are to be threads on it. */
void *regwriter_base(const struct regwriter *w, size_t *size_out);

#endif
