/* The sockets on which others find this host.  The keeper owns them, so that
 * a restart of skep-node refuses nobody. */
#ifndef SKEP_KEEPER_SOCKETS_H
#define SKEP_KEEPER_SOCKETS_H

#include "keeper/dirs.h"
#include "keeper/options.h"
#include "sys/err.h"
#include "sys/kproto.h"

/* The listening sockets, -1 where there is none. */
struct sockets {
	int fds[KSOCKET_COUNT];
	int lock; /* run_dir/skepd.lock, held while we live */
};

/* Takes the lock of run_dir and opens the sockets.  -EBUSY when another skepd
 * lives in run_dir. */
int sockets_open(struct sockets *s, const struct options *o,
	const struct dirs *d, struct err *err);

/* Opens the one of mailboxes alone, which a skepd that another one replaced in
 * its process may not have had. */
int sockets_open_mailbox(
	struct sockets *s, const struct dirs *d, struct err *err);

/* Closes all and removes the names of those that have one. */
void sockets_close(struct sockets *s, const struct dirs *d);

#endif
