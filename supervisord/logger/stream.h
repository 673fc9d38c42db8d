/* The output of one instance, on its way from a FIFO to where it belongs.
 *
 * A stream is a machine that moves bytes when it is told that some wait or
 * that its deadline has come, at most STREAM_BUDGET of them per turn, so that
 * the loudest service takes no more than its share.  Its states:
 *
 *   waiting    an older stream writes the same file; begins when that ends
 *   moving     the usual one
 *   stalled    the file cannot be written (full, refused, gone): nothing is
 *              taken from the FIFO and the write is tried again; the service
 *              fills its pipe and then stands still
 *   dropping   that took longer than STREAM_BLOCK_MS, or 'when_full' is drop:
 *              output is thrown away and counted, and the file still tried.
 *              When it works again a line in it says how much is missing
 *   closed     nothing is left to do
 *
 * Where the bytes go: KLOG_FILE by splice into a logfile, nothing lost and
 * nothing doubled when the logger is killed; KLOG_NULL by splice into
 * /dev/null; KLOG_INHERIT by write to our standard error, whole lines where
 * they fit, taken out of the FIFO after the write: a logger killed between
 * the two repeats at most STREAM_WRITE_MAX bytes.
 *
 * A file is rotated by its size and, with 'max_age_ms', when it has got that
 * old and a line ends; a service that prints nothing does not hold that up.
 *
 * KLOG_JOURNAL goes line by line to journald, and is taken out of the FIFO
 * after that, with the same bound on what is repeated.  The end of a line is
 * waited for STREAM_HOLD_MS.  Where there is no journald, or none that takes
 * anything for STREAM_BLOCK_MS, the file takes its place, until the next epoch
 * begins.
 *
 * A regular file cannot be written without blocking when its disk hangs (as
 * against: is full): turns are done on threads that may (work.h).
 */
#ifndef SKEP_LOGGER_STREAM_H
#define SKEP_LOGGER_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "base/mono.h"
#include "logger/journal.h"
#include "logger/logfile.h"
#include "logger/marks.h"
#include "logger/match.h"
#include "logger/peek.h"
#include "sys/kproto.h"

#define STREAM_BUDGET	 262144 /* bytes per turn, one splice more at most */
#define STREAM_SPLICE	 65536	/* bytes per splice */
#define STREAM_WRITE_MAX 4096	/* bytes per write to standard error */
#define STREAM_BLOCK_MS	 5000	/* how long a full file holds a service up */
#define STREAM_RETRY_MS	 250	/* between two tries of a failed file */
#define STREAM_END_MS	 1000	/* between two looks at a FIFO at its end */
#define STREAM_HOLD_MS	 200	/* how long half a line may wait for the rest */
#define STREAM_SOON_MS	 5	/* until journald may have room again */

/* The tools of one thread, lent to the stream whose turn it does. */
struct stream_shared {
	struct logdir dir;	/* where the files lie */
	struct peek peek;	/* to look into FIFOs with */
	int null;		/* /dev/null, for writing */
	int console;		/* where KLOG_INHERIT goes: standard error */
	struct journal journal; /* where KLOG_JOURNAL goes */
};

enum stream_state {
	STREAM_WAITING,
	STREAM_MOVING,
	STREAM_STALLED,
	STREAM_DROPPING,
	STREAM_CLOSED,
};

/* What came while a turn was under way, for after it. */
struct stream_asked {
	bool is_working;  /* a turn is: nothing else may be touched */
	bool turn;	  /* one more */
	bool end;	  /* the epoch of that time has ended, ... */
	bool begin;	  /* ... another has begun ... */
	bool end_of_that; /* ... and has ended too */
	bool close;
	uint64_t epoch; /* of 'begin' */
};

/* One instance's output. */
struct stream {
	struct list in_all;	       /* the owner's list */
	struct map_link by_name;       /* the owner's */
	struct map_link by_iid;	       /* the owner's */
	struct list in_timed;	       /* the owner's list of those with a
					  deadline */
	struct list in_work;	       /* of work.c */
	struct stream_asked asked;     /* the owner's */
	struct stream_shared *shared;  /* borrowed */
	uint64_t iid;		       /* whose it is */
	const char *name;	       /* in 'texts' */
	enum kproto_log_target wanted; /* what it should be */
	enum kproto_log_target target; /* what it is */
	enum kproto_when_full when_full;
	int fifo;	      /* owned; read end, or both */
	struct logfile file;  /* for KLOG_FILE; its name is in 'texts' */
	struct marks marks;   /* when its bytes came */
	int64_t max_age_ms;   /* of the file; 0: any */
	uint32_t old_opening; /* of the file that 'old_at' is about; 0: none */
	bool is_compressed;   /* rotated files are */
	bool is_polled;	      /* the owner polls 'fifo' */
	bool is_matched;      /* 'match' came, and the keeper is not told yet */
	mono old_at;	      /* when it is to be rotated */
	mono old_look;	      /* when that is looked at next */
	mono now;	      /* of the turn */
	enum stream_state state;
	bool is_at_end;	  /* nobody has the FIFO open for writing:
			     polling would never rest, so it is
			     looked at when 'due' */
	bool is_holding;  /* half a line waits, until 'due' */
	bool is_closing;  /* ends when 'closing_left' is moved */
	bool is_ending;	  /* so does the epoch with 'ending_left' */
	mono due;	  /* STALLED, DROPPING, at end, holding: next try */
	mono give_up_at;  /* STALLED: begins to drop then */
	uint64_t dropped; /* bytes since the last line about them */
	uint64_t closing_left; /* bytes that were in the FIFO */
	uint64_t ending_left;
	char *why;	      /* what was wrong with the file, or NULL */
	struct match *match;  /* the line that is waited for, or NULL */
	uint64_t match_epoch; /* whose it is */
	char texts[];	      /* NAME, and behind its end "NAME.log" */
};

/* There is one for each service: what is rarely used hangs on it. */
_Static_assert(sizeof(struct stream) <= 400, "a stream became large");

/* Makes a stream in state WAITING for what 'log' says; 'fifo' is taken, on
 * error too.  A name that cannot be a file's goes to KLOG_NULL, said once, so
 * that its service does not stand still.  NULL when 'fifo' is no FIFO or
 * memory is short. */
struct stream *stream_new(const struct kproto_log *log, int fifo);

/* Closes what it holds and frees it; it must be in no list. */
void stream_free(struct stream *s);

/* Lets a WAITING stream begin. */
void stream_begin(struct stream *s);

/* Ends the stream as soon as the bytes that are in the FIFO now have been
 * moved, or dropped by the usual rules: at most STREAM_BLOCK_MS and a bit. */
void stream_close(struct stream *s);

/* A new epoch writes into the FIFO from now on. */
void stream_begin_epoch(struct stream *s, uint64_t epoch);

/* The last epoch has ended: as soon as the bytes that are in the FIFO now have
 * been moved, the marks say so. */
void stream_end_epoch(struct stream *s);

/* Lends it the tools for its next turns. */
void stream_lend(struct stream *s, struct stream_shared *shared);

/* Does one turn of work. */
void stream_turn(struct stream *s, mono now);

/* Whether it wants a turn as soon as bytes wait in the FIFO. */
bool stream_wants_input(const struct stream *s);

/* When it wants a turn though no bytes came; MONO_NEVER if not. */
mono stream_deadline(const struct stream *s);

#endif
