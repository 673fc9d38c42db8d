/* The handoff signal and its answer.
 *
 * A process that does not know the signal would die of it, so it is sent only
 * when every thread catches, ignores or blocks it.  The answer is a file that
 * appears in the work directory: inotify says that something happened there,
 * the names say what; the content is never read.
 */
#ifndef SKEP_KEEPER_HANDOFF_H
#define SKEP_KEEPER_HANDOFF_H

#include <stdbool.h>

#include "keeper/instance.h"
#include "keeper/loop.h"
#include "sys/err.h"

/* Whether the text of a /proc status file shows 'signal' caught, ignored or
 * blocked.  Pure. */
bool handoff_is_handled(const char *status, int signal);

/* Makes the loop hear of answers. */
int handoff_init(struct keeper *k, struct err *err);

/* Checks that 'signal' will not kill the leader, and watches for the answer.
 * -ESRCH when it is gone, -EPERM when it would kill it. */
int handoff_prepare(struct instance *i, int signal, struct err *err);

/* Says ANSWER if one stands there. */
void handoff_look(struct instance *i);

/* Ends the watch; harmless when there is none. */
void handoff_unwatch(struct instance *i);

#endif
