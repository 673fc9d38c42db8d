/* Files of services.d become desired state.
 *
 * Each *.yaml (or *.yml) is read alone: a broken one is kept in a list with
 * its mistake and blocks nothing but itself.  A file is given to the core
 * only when its digest differs from the one that this host last applied; the
 * core writes each service only where the cluster lacks it or still has what
 * this file gave last time, for which the digests are kept.  What was refused
 * is tried again at the next scan.  Removing a file deletes nothing.
 *
 * Scans happen at the start, when 'specdir_scan' is called (SIGHUP) and,
 * through inotify, shortly after the folder changed.
 */
#ifndef SKEP_NODE_SPECDIR_H
#define SKEP_NODE_SPECDIR_H

#include <ev.h>
#include <stdint.h>

#include "core/effect.h"
#include "core/input.h"

struct specdir;

/* What a reply brings back; as node_reply_fn. */
typedef void specdir_done_fn(
	void *context, enum reply_code code, const char *text);

/* How the files reach the core and the store. */
struct specdir_hooks {
	void *context;
	/* Steps with a SPEC_SET; calls 'done' exactly once. */
	void (*submit)(void *context, struct input *in, specdir_done_fn *done,
		void *done_context);
	/* Keeps what 'file' gave, for 'specdir_load' in the next life. */
	void (*keep)(void *context, const char *file, struct bytes value);
};

/* For 'folder', which need not exist. 'hooks' is copied. */
struct specdir *specdir_new(struct ev_loop *loop, const char *folder,
	const struct specdir_hooks *hooks);
/* Ends; answers that are still to come must not come any more. */
void specdir_free(struct specdir *d);

/* Gives back what 'keep' was told in an earlier life; what makes no sense is
 * as if the file had never been applied. */
void specdir_load(struct specdir *d, const char *file, struct bytes value);

/* Begins to watch, with a first scan.  (Before, it is not known yet what the
 * cluster has.) */
void specdir_start(struct specdir *d);

/* Reads the folder and submits what changed; nothing before the start. */
void specdir_scan(struct specdir *d);

/* Calls 'fn' for each file that is not in force, with the reason. */
typedef void specdir_broken_fn(void *context, const char *path,
	const char *error, int64_t since_wall_ms);
void specdir_walk_broken(
	const struct specdir *d, specdir_broken_fn *fn, void *context);

#endif
