/* One life of skep-logger: the keeper's socket and all streams.
 *
 * The session says LOG_READY, takes a FIFO with each LOG_OPEN, and gives it up
 * after LOG_CLOSE.  Each wake-up serves the keeper first and then at most
 * SESSION_EVENTS streams, one turn each; the kernel hands them out in turn.
 * Turns are done by other threads (work.h); this one touches no file.
 * A stream that could not write waits for its time without being polled.
 *
 * A second LOG_OPEN for a name takes its file over: the older stream is
 * closed as by LOG_CLOSE, the newer one begins when that is done, so what
 * they write stays in order.
 *
 * When the socket reaches its end the keeper is gone: what stands in the
 * FIFOs is still moved, for SESSION_END_MS at most.
 */
#ifndef SKEP_LOGGER_SESSION_H
#define SKEP_LOGGER_SESSION_H

#include "sys/err.h"

#define SESSION_EVENTS	 64    /* wake-ups handled between two looks at time */
#define SESSION_MESSAGES 64    /* messages handled per wake-up */
#define SESSION_END_MS	 10000 /* the last drain takes no longer */
#define SESSION_PONG_MS	 100   /* how long a PING may wait for the work */
#define SESSION_BROKEN	 70    /* exit status when the keeper talks nonsense */

/* Runs on 'socket' (an ipc socket) with the files in 'log_dir' and journald
 * behind the socket 'journal' until the keeper is gone.  Returns the exit
 * status: 0, SESSION_BROKEN, or 1 when it could not begin. */
int session_run(int socket, const char *log_dir, const char *journal);

#endif
