/* Writes the marks of one instance's log file (sys/logmarks.h).
 *
 * Nothing is held open between two marks.  A mark that cannot be written is
 * left out: the output itself goes first.
 */
#ifndef SKEP_LOGGER_MARKS_H
#define SKEP_LOGGER_MARKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/mono.h"
#include "logger/logfile.h"

#define MARKS_LATEST_MS 1000 /* between two marks, while bytes come */
#define MARKS_SOON_MS	100  /* if there were many of them: */
#define MARKS_SOON_SIZE 512

/* Where the marks of one stream stand. */
struct marks {
	uint64_t epoch;	      /* whose bytes come; LOGMARKS_END behind them */
	bool is_due;	      /* the next bytes need one, whatever the time */
	uint32_t opening;     /* of the file that has the last mark; 0: none */
	uint64_t offset;      /* of the last mark */
	mono at;	      /* when that was made */
	uint32_t end_opening; /* where the last epoch ended ... */
	uint64_t end;	      /* ... and at which offset */
};

/* Bytes of 'epoch' come from now on (0: unknown). */
void marks_begin(struct marks *m, uint64_t epoch);

/* All bytes of the epoch are in the open file 'f': says so there. */
void marks_end(struct marks *m, const struct logfile *f, mono now);

/* Bytes are about to be put at the end of the open file 'f'. */
void marks_note(struct marks *m, const struct logfile *f, mono now);

/* Of the log 'name' in 'dir', the file 'inode' gets a copy, 'copy', with other
 * bytes and the same meaning: it has the same marks. */
void marks_link(int dir, const char *name, ino_t inode, ino_t copy);

/* Removes the marks of files that are gone. */
void marks_sweep(int dir, const char *name, uint32_t files_max);

#endif
