/* skep-mover, which touches a service's state with the service's rights.
 *
 *   skep-mover put DIR    reads the state from fd 0 into DIR/state-in
 *   skep-mover get DIR    writes the state of DIR to the socket on fd 1
 *   skep-mover checkpoint DIR  the same of the checkpoint
 *   skep-mover aside DIR  gives what stands at --path another name
 *   skep-mover lay DIR    reads one of two states from fd 0 into a place beside
 *   skep-mover join DIR   puts what was made of the two where put would
 *
 * With --path it is what stands there that is the state.  Exit 0 is success,
 * and a line on fd 1 of put, aside and join says what became of an older state;
 * 3 (of lay) that what is made of the two is in its place already; otherwise
 * one line on fd 2 says why not.
 */
#ifndef SKEP_KEEPER_MOVER_H
#define SKEP_KEEPER_MOVER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cursor.h"
#include "keeper/ids.h"
#include "sys/err.h"

#define MOVER_SAID_SIZE 400

/* Two states, and what a hook makes of them. */
enum mover_side { MOVER_MINE, MOVER_THEIRS, MOVER_JOINED };

/* What a mover is about; all of it borrowed. */
struct mover_order {
	const char *libexec_dir;
	const char *work_dir;	/* of the instance */
	const char *state_path; /* "" for none */
	struct bytes root;	/* put: digest of the state */
	uint64_t epoch;		/* put, aside: of the start it is for */
	bool is_checkpoint;	/* get: not the state, but what it put aside */
	uint64_t before, stay;	/* aside: as in kproto_start; 0: always */
};

/* Runs "put" or "aside" and waits for it.  For the child of a start, which has
 * its user's ids already; what it says on fd 2 becomes the error, its line on
 * fd 1 'said'. */
int mover_put(const struct mover_order *order, int state_fd,
	char said[MOVER_SAID_SIZE], struct err *err);
int mover_set_aside(const struct mover_order *order, char said[MOVER_SAID_SIZE],
	struct err *err);

/* The place of a side. */
void mover_side_path(const struct mover_order *order, enum mover_side side,
	char out[PATH_MAX]);
/* The same for "lay"; -EALREADY when there is nothing to be joined any more. */
int mover_lay(const struct mover_order *order, enum mover_side side,
	int state_fd, struct err *err);
int mover_join(const struct mover_order *order, char said[MOVER_SAID_SIZE],
	struct err *err);

/* Starts "get" as 'ids' with 'socket' (borrowed) as its output.  Returns its
 * pid, for the caller to reap, or -errno. */
pid_t mover_start_get(const struct mover_order *order, const struct ids *ids,
	int socket, struct err *err);

/* The same for "aside", whose words go where ours go. */
pid_t mover_start_aside(const struct mover_order *order, const struct ids *ids,
	struct err *err);

#endif
