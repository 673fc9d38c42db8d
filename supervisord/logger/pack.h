/* Compression of rotated files, beside everything else.
 *
 * One thread of the lowest priority turns NAME.log.N into NAME.log.N.gz, the
 * oldest first.  It writes NAME.log.gz.tmp, syncs it, and only then puts it in
 * the plain file's place (rotate_replace), so a crash at any time leaves every
 * byte in a plain or in a whole compressed file; what is left of the work is
 * done again.  A file is compressed after a rotation and when its instance's
 * output is opened.
 *
 * Memory: some 300 KiB while it works, and a name per waiting job.
 * Errors: said, a few times a minute at most; the file stays plain.
 */
#ifndef SKEP_LOGGER_PACK_H
#define SKEP_LOGGER_PACK_H

#include <stdint.h>

#include "sys/err.h"

/* Compresses all plain rotated files of 'name' ("NAME.log") in the directory
 * 'dir'; what the thread does.  'dir' is borrowed. */
int pack_files(int dir, const char *name, uint32_t files_max, struct err *err);

/* Asks the thread for that, starting it if need be.  'path' is the log
 * directory, borrowed for ever.  May be called from any thread. */
void pack_ask(const char *path, const char *name, uint32_t files_max);

#endif
