/* The files that skep-logger has written for one instance, one at a time.
 *
 * log_dir/NAME.log is the newest, NAME.log.1 the one before, and so on; a
 * rotated one may be NAME.log.N.gz.  Numbers change under the reader's hands:
 * a part knows its file by its inode, and by that of its marks, which stays
 * when the file is compressed.  So the file behind a part is the right one,
 * whatever was rotated meanwhile.
 *
 * Everything here may block on the disk: it is for a thread that may wait.
 * Errors: -errno.
 */
#ifndef SKEP_NODE_LOGPART_H
#define SKEP_NODE_LOGPART_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <zlib.h>

#include "sys/logmarks.h"

#define LOGPART_NAME_MAX 260 /* "NAME.log.1000.gz" */
#define LOGPART_GAPS_MAX                                                       \
	2		  /* numbers missing in a row: there are no more; one  \
			     may be missing for a moment */
#define LOGPARTS_MAX 1001 /* as logs.max_files allows, and the active */

/* One open file. */
struct logpart {
	int dir;	   /* log_dir, borrowed */
	const char *name;  /* "NAME.log", borrowed */
	int fd;		   /* -1: none is open */
	gzFile packed;	   /* the same, read through zlib; NULL: plain */
	int marks;	   /* its marks, -1: it has none, or not yet */
	ino_t inode;	   /* of the file */
	ino_t marks_inode; /* 0: unknown */
	uint64_t at;	   /* next byte, of the uncompressed ones */
};

/* Opens the file with this number, 0 being the active one. */
int logpart_open(struct logpart *p, int dir, const char *name, unsigned number);
void logpart_close(struct logpart *p);

/* Reads on from 'at'; 0 at the end. */
ssize_t logpart_read(struct logpart *p, void *buffer, size_t size);

/* Goes to this byte, or to the end if there are less. */
int logpart_seek(struct logpart *p, uint64_t at);

/* Bytes in it; UINT64_MAX when only reading tells (compressed). */
uint64_t logpart_size(const struct logpart *p);

/* Whether the file has been rotated away, or removed: it gets no more. */
bool logpart_is_done(const struct logpart *p);

/* Opens the file that came after this one.  -EAGAIN: not there yet. */
int logpart_next(struct logpart *p);

/* A number that stays the file's while it is kept, compressed or not, if it
 * has marks. */
uint64_t logpart_id(struct logpart *p);

/* The marks, which may have come since; false: there are none. */
bool logpart_has_marks(struct logpart *p);

#endif
