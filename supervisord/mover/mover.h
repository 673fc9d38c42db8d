/* skep-mover: a service's state, read and written with the service's rights.
 *
 * The keeper starts it as the service's user, so that a state file can show
 * nothing and overwrite nothing that the service could not itself.  It moves
 * one file and leaves.
 *
 * The directory is given by the keeper, but what lies in it is the
 * service's, and is trusted with nothing: no link is followed, and only a
 * regular file is read that belongs to this user and has no second name (a
 * hard link planted there could be anybody's file).
 */
#ifndef SKEP_MOVER_MOVER_H
#define SKEP_MOVER_MOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/err.h"

/* The names inside the directory. */
#define MOVER_STATE_OUT	   "state"	  /* written by the service */
#define MOVER_STATE_IN	   "state-in"	  /* written for the service */
#define MOVER_STATE_IN_TMP "state-in.tmp" /* while it is being written */

/* One run, as the command line says it. */
struct mover_job {
	const char *dir;   /* the instance's directory, borrowed */
	uint64_t size_max; /* bytes; a larger state is refused */
	bool is_framed;	   /* put: the input is a state stream, not bare */
};

/* Sends DIR/state as a state stream (sys/statestream.h) to 'out'.  Whatever
 * goes wrong on this side is also told in the stream, as its failure; so is
 * a file that changed while it was read.  No such file is no error: the
 * stream says that the state is absent. */
int mover_get(const struct mover_job *job, int out, struct err *err);

/* Writes DIR/state-in (0600, synced) from 'in'.  A bare regular file is read
 * from its start whatever its offset is, and must have its size to the end;
 * a bare pipe is read to its end; a framed one must be complete. */
int mover_put(const struct mover_job *job, int in, struct err *err);

/* Opens the job's directory; returns the descriptor. */
int mover_open_dir(const struct mover_job *job, struct err *err);

#endif
