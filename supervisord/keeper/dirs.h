/* The keeper's directories, held open.
 *
 *   run_dir/            0755, writable by the helpers' group, sticky
 *     fifo/             0711  a FIFO per instance
 *     instances/        0700  a record per instance
 *     notify/           0711  a socket or FIFO for those who say something
 *   state_dir/          0711, writable by the helpers' group, sticky
 *     work/             0711  a directory per instance, its user's
 *   log_dir/            0750, the helpers'
 *
 * skep-node writes its database into state_dir but may not replace what is
 * the keeper's there: that is what the sticky bit is for.  What the keeper
 * does as root beneath them goes through these descriptors, without
 * following links.  Run by an ordinary user, all of them are 0700.
 */
#ifndef SKEP_KEEPER_DIRS_H
#define SKEP_KEEPER_DIRS_H

#include "keeper/ids.h"
#include "keeper/options.h"
#include "sys/err.h"

/* The open directories. */
struct dirs {
	const struct options *options; /* for the paths, borrowed */
	int run;
	int fifo;
	int instances;
	int notify;
	int state;
	int work;
};

/* Makes what is missing and opens all.  'helpers' are the ids of the helpers.
 * An existing directory of another owner, or one that everybody may write
 * to, is refused. */
int dirs_open(struct dirs *d, const struct options *o,
	const struct ids *helpers, struct err *err);

/* Closes all. */
void dirs_close(struct dirs *d);

#endif
