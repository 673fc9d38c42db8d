/* From a spec to a start: everything that the keeper needs, nothing open.
 *
 * The canonical body that the cluster carries is decoded, its specifiers are
 * replaced for this host, and the environment is made complete.  What needs
 * the service's own user (env_file, working_dir) stays a name: the keeper
 * opens it after the switch.
 */
#ifndef SKEP_NODE_LAUNCH_H
#define SKEP_NODE_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "core/effect.h"
#include "sys/err.h"

/* Search path of a service that names none. */
#define LAUNCH_PATH                                                            \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define LAUNCH_LANG "C.UTF-8"

/* What the service is told about where it runs. */
struct launch_host {
	const char *node;   /* this host: %H, SKEP_NODE */
	const char *socket; /* the control API: SKEP_SOCKET */
	const char *mailbox; /* of all services: SKEP_MAILBOX */
	int64_t wall_ms;    /* now, for the age of a state */
	uint32_t stop_rank; /* when all is stopped, higher ones go first */
};

/* The short id of an instance on this host. */
uint64_t launch_iid(const char *instance);

/* Writes starts; keeps the specs of the last ones decoded, since most starts
 * are of an instance that ended, or of one more replica. */
struct launcher;

struct launcher *launcher_new(void);
/* NULL accepted. */
void launcher_free(struct launcher *l);

/* Whether a start of this body was written lately: then nothing of it is
 * decoded again. */
bool launcher_knows(const struct launcher *l, struct bytes body);

/* Writes the KMSG_START body into 'w'.  -EINVAL when the spec's body makes no
 * sense here (a newer skep wrote it), -E2BIG when it does not fit. */
int launch_write(struct launcher *l, const struct launch_host *host,
	const struct effect_start *start, struct writer *w, struct err *err);

#endif
