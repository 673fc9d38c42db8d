/* skep-mover, which touches a service's state with the service's rights.
 *
 *   skep-mover put DIR   reads the state from fd 0 into DIR/state-in
 *   skep-mover get DIR   writes the state of DIR to the socket on fd 1
 *
 * Exit 0 is success; otherwise one line on fd 2 says why.
 */
#ifndef SKEP_KEEPER_MOVER_H
#define SKEP_KEEPER_MOVER_H

#include <sys/types.h>

#include "keeper/ids.h"
#include "sys/err.h"

/* Runs "put" and waits for it.  For the child of a start, which has its
 * user's ids already; what it says on fd 2 becomes the error. */
int mover_put(const char *libexec_dir, const char *work_dir, int state_fd,
	struct err *err);

/* Starts "get" as 'ids' with 'socket' (borrowed) as its output.  Returns its
 * pid, for the caller to reap, or -errno. */
pid_t mover_start_get(const char *libexec_dir, const char *work_dir,
	const struct ids *ids, int socket, struct err *err);

#endif
