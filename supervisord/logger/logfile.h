/* One active log file: append, rotate, notice when others meddle with it.
 *
 * Bytes come out of a FIFO by splice(2), which refuses files opened with
 * O_APPEND; so the file is opened without, its end is kept here, and a lock
 * (flock) on it says that nobody else of ours writes.  The end is read from
 * the file itself whenever it is opened, which is all that a new logger needs
 * to go on where a killed one stopped: splice takes bytes out of the FIFO
 * only as it has put them into the file, a kill in the middle included.  (What
 * can be lost is what a power cut takes from the page cache: log files are
 * not synced.)
 *
 * The file's size is bounded by LOGFILE_OVERSHOOT times its 'size_max'.  It
 * is rotated at the end of a line, before it would pass 'size_max'; a line
 * that is too long for that is finished first; one that does not end before
 * the bound is cut in two, with no byte lost.
 *
 * Errors: 0 or -errno with a sentence.  After any error the file may be
 * closed; the next 'logfile_open' starts again from what is on disk.
 */
#ifndef SKEP_LOGGER_LOGFILE_H
#define SKEP_LOGGER_LOGFILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "sys/err.h"

#define LOGFILE_OVERSHOOT 2 /* a file never exceeds this times size_max */

/* The log directory, opened when it is needed and again when it was removed,
 * so that a logger without one goes on and recovers. */
struct logdir {
	const char *path; /* borrowed */
	int fd;		  /* -1 while it is closed */
};

/* One NAME.log. */
struct logfile {
	struct logdir *dir; /* where it lies, borrowed */
	const char *name;   /* "NAME.log", borrowed */
	uint64_t size_max;  /* rotate before this; 0: never */
	uint32_t files_max; /* rotated files kept */
	int fd;		    /* -1 while it is closed */
	uint64_t size;	    /* where the next byte goes */
	dev_t device;	    /* which file 'fd' is: ... */
	ino_t inode;	    /* ... to notice when its name is taken away */
	uint32_t opening;   /* counts how often it was opened: a new file may
			       have the inode of one that is gone; 0: never */
	int64_t age_ms;	    /* how old it was when it was opened; 0 where the
			       file system does not tell */
};

/* What is to be done about the bytes that come next. */
struct logfile_cut {
	bool rotate; /* first rotate, then ask again */
	size_t move; /* bytes that go into this file, more than 0 otherwise */
};

/* Opens the directory unless it is open, makes it (0750) if it is missing. */
int logdir_open(struct logdir *d, struct err *err);

/* Prepares the log in 'dir' whose file is 'name', "NAME.log" with NAME as
 * 'name_to_file' gives it (borrowed, as long as 'f' lives).  Nothing is opened
 * yet. */
void logfile_init(struct logfile *f, struct logdir *dir, const char *name,
	uint64_t size_max, uint32_t files_max);

/* Opens and locks the file, made with 0640 if need be.  If it is open,
 * looks whether it still is what its name says: a file that was moved or
 * removed is left and the name opened anew, one that was cut short is
 * continued at its end.  -EBUSY when somebody else holds the lock. Never
 * -EAGAIN, which means an empty FIFO elsewhere. */
int logfile_open(struct logfile *f, struct err *err);

/* Closes it; harmless when it is closed. */
void logfile_close(struct logfile *f);

/* Whether 'size' bytes and the rest of an ordinary line (PEEK_MAX) would fit
 * without a look at them.  The file is open. */
bool logfile_has_room(const struct logfile *f, size_t size);

/* Decides about 'ahead' (not empty), the first bytes that wait.  Pure but for
 * one byte read from the file, the last. */
struct logfile_cut logfile_plan(const struct logfile *f, struct bytes ahead);

/* As above for a file that is too old: it is rotated as soon as a line ends. */
struct logfile_cut logfile_plan_old(
	const struct logfile *f, struct bytes ahead);

/* Whether the next byte begins a line.  A last byte that cannot be read counts
 * as one inside a line: then a rotation waits, at worst. */
bool logfile_is_at_line_start(const struct logfile *f);

/* Moves up to 'size' bytes from 'fifo' to the end of the file; returns how
 * many, 0 at the FIFO's end, -EAGAIN when it is empty. */
ssize_t logfile_splice(
	struct logfile *f, int fifo, size_t size, struct err *err);

/* Renames the file out of the way; it is closed then. */
int logfile_rotate(struct logfile *f, struct err *err);

/* Appends 'text' as a line of its own, all of it or nothing. */
int logfile_add_line(struct logfile *f, const char *text, struct err *err);

#endif
