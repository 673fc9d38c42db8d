/* skep-mover: a service's state, read and written with the service's rights.
 *
 * The keeper starts it as the service's user, so that a state file can show
 * nothing and overwrite nothing that the service could not itself.  It moves
 * one state and leaves.
 *
 * The state is DIR/state, or, for a service that knows nothing of skep, what
 * stands at its state_path.  DIR is given by the keeper, but what lies in it
 * is the service's, and is trusted with nothing: no link is followed, and only
 * a regular file is read that belongs to this user and has no second name (a
 * hard link planted there could be anybody's file).  Of a state_path the same
 * is true of its last part; on the way to it links lead where they lead the
 * service.  It may be a directory: see tree.h.
 *
 * An older state in the way of a new one is never used and never removed: it
 * becomes PATH.skep-stale-EPOCH (place.c).
 */
#ifndef SKEP_MOVER_MOVER_H
#define SKEP_MOVER_MOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "sys/err.h"

/* The names inside the directory. */
#define MOVER_STATE_OUT	   "state"	  /* written by the service */
#define MOVER_CHECKPOINT   "checkpoint"	  /* the same, while it runs */
#define MOVER_STATE_IN	   "state-in"	  /* written for the service */
#define MOVER_STATE_IN_TMP "state-in.tmp" /* while it is being written */
#define MOVER_PLACED                                                           \
	"placed" /* which state was put at state_path,                         \
		    or by which start it was emptied */
/* Behind the last part of a state_path. */
#define MOVER_IN_SUFFIX	   ".skep-in" /* while it is being written */
#define MOVER_STALE_SUFFIX ".skep-stale-"
#define MOVER_NAME_MAX	   255 /* of one part of a path */
/* The same, or behind MOVER_STATE_IN: two states, and what is made of them. */
#define MOVER_MINE_SUFFIX   ".skep-mine"
#define MOVER_THEIRS_SUFFIX ".skep-theirs"
#define MOVER_JOINED_SUFFIX ".skep-joined"

/* One run, as the command line says it. */
struct mover_job {
	const char *dir;    /* the instance's directory, borrowed */
	const char *path;   /* its state_path, absolute; NULL: it has none */
	const char *root;   /* put: the state's digest, or NULL */
	uint64_t epoch;	    /* put, aside: of the start that is coming */
	uint64_t before;    /* aside: see mover_set_aside */
	uint64_t stay;	    /* the same; 0: none */
	uint64_t size_max;  /* bytes; a larger state is refused */
	const char *side;   /* lay: the suffix */
	bool is_framed;	    /* put: the input is a state stream, not bare */
	bool is_checkpoint; /* get: DIR/checkpoint, if there is no path; it may
			       be replaced by a newer one while it is read */
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

/* Puts the regular file 'in' at the job's path, synced: with the mode 0600, or,
 * if it is a packed directory (tree.h), unpacked.  What stands there is left if
 * it is the same, or if this very state was put there before: what was made of
 * it since is newer.  Else it is set aside, which the line 'said' (of 'size'
 * bytes) tells, or the error. */
int mover_place(const struct mover_job *job, int in, char *said, size_t size,
	struct err *err);

/* Sets aside what stands at the job's path, if anything does; what was put
 * there before is forgotten.  Of a job with a 'stay' a mark says so, durable
 * on return: what stands there from now on is this start's, or of later ones.
 * With such a mark of the same stay and of an epoch above 'before' there is
 * nothing to do: power went before it was in the store that it ran here. */
int mover_set_aside(
	const struct mover_job *job, char *said, size_t size, struct err *err);

/* One of two states that are to be joined: writes the regular file 'in' beside
 * the place of the state, under the job's 'side', and removes what was made of
 * two before.  -EALREADY if what was made of these two ('root') was put in its
 * place already: what was made of it since is newer. */
int mover_lay(const struct mover_job *job, int in, struct err *err);

/* Puts what a hook made of the two where mover_put and mover_place would put a
 * state, synced; what stands there is set aside as by mover_place.  The two are
 * removed. */
int mover_join(
	const struct mover_job *job, char *said, size_t size, struct err *err);

/* The sentence, in which a file's name may be, without control characters. */
const char *mover_clean(struct err *err);

/* Opens the job's directory; returns the descriptor. */
int mover_open_dir(const struct mover_job *job, struct err *err);

/* Opens the directory of the job's path, and gives its last part.  -ENOENT
 * when there is none such. */
int mover_open_parent(
	const struct mover_job *job, const char **name, struct err *err);

/* Whether 'st' is a file that this user may hand over; says why not. */
int mover_check_file(
	const struct mover_job *job, const struct stat *st, struct err *err);

/* Makes the file 'name' in 'dir' anew, for writing. */
int mover_make_file(int dir, const char *name, struct err *err);

/* Writes all of 'in', which is a file or a pipe with the bare bytes or
 * ('is_framed') a state stream, into 'file'. */
int mover_take(const struct mover_job *job, int in, int file, struct err *err);

#endif
