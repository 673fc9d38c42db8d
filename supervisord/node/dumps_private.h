/* What dumps.c (the store) and dumps_old.c (old copies) share. */
#ifndef SKEP_NODE_DUMPS_PRIVATE_H
#define SKEP_NODE_DUMPS_PRIVATE_H

#include <limits.h>

#include "node/dumps.h"

#define DUMPS_HEX_SIZE (2 * DIGEST_SIZE)

/* Writes "DIR/ROOT", and ".KIND.NAME" behind it unless 'kind' is NULL. */
int dumps_make_path(const struct dumps *d, const uint8_t root[DIGEST_SIZE],
	const char *kind, const char *name, char path[PATH_MAX],
	struct err *err);

/* Reads exactly 'size' bytes at 'offset'; less is -EBADMSG. */
int dumps_read_at(int fd, void *data, size_t size, uint64_t offset);
/* Writes all of 'size' bytes at 'offset'. */
int dumps_write_at(int fd, const void *data, size_t size, uint64_t offset);

/* An old copy of a state, ROOT.old.NAME: what 'name' left on this host when it
 * went, for the day when it comes back with most of it unchanged.  It is never
 * what an instance starts from, only where chunks are looked for, and goes
 * when a newer state of 'name' is here, after a week, or when its room is
 * wanted.  Not worth it are small states. */

/* Keeps 'root' as the old copy of 'name', in place of an earlier one. */
void dumps_old_keep(
	struct dumps *d, const uint8_t root[DIGEST_SIZE], const char *name);

/* A newer state of 'name' is here. */
void dumps_old_forget(struct dumps *d, const char *name);

/* Removes those that are a week old; all of them if the disk has no room for
 * 'size' more bytes and a tenth of it. */
void dumps_old_sweep(struct dumps *d, uint64_t size);

/* Writes into 'fd' the chunks of 'm' that 'has' lacks and the old copy of
 * 'name', or a state that it needs (an earlier checkpoint), has, wherever in
 * it, and notes them in 'has'.  An old copy that
 * cannot be read is none. */
void dumps_old_reuse(struct dumps *d, const char *name, int fd,
	const struct manifest *m, bool *has);

#endif
