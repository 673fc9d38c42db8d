/* A copy of a START, for what is needed of it later: the commands that run
 * beside or after the service, the line that makes it ready, and where its
 * state stands.
 *
 * run_dir/instances/IID.start, 0600: it holds the service's environment.  It
 * stands there only for a start that has such a need, until the next start or
 * until the instance is forgotten; so the next skepd has it too.
 */
#ifndef SKEP_KEEPER_STARTCOPY_H
#define SKEP_KEEPER_STARTCOPY_H

#include <stdint.h>

#include "keeper/dirs.h"
#include "sys/err.h"
#include "sys/kproto.h"

/* Writes the copy when 's' has a need of it, or removes an older one. */
int startcopy_write(
	const struct dirs *d, const struct kproto_start *s, struct err *err);

/* Reads the copy of the start of 'epoch'; what 'out' borrows is in '*memory',
 * the caller's to free.  -ENOENT: that start had no need of one. */
int startcopy_read(const struct dirs *d, uint64_t iid, uint64_t epoch,
	struct kproto_start *out, char **memory, struct err *err);

/* Removes the file. */
void startcopy_remove(const struct dirs *d, uint64_t iid);

#endif
