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

/* Sends the handoff signal to 'target' (kproto_target) once it is certain
 * that it will not kill the leader, and watches for the answer.  A service
 * that is busy is looked at again and again, for two seconds; then, or when
 * it is certain that it would die, the node is told REFUSED.  The same for
 * checkpoint.signal, which has no answer but a file. */
void handoff_start(
	struct instance *i, int signal, uint8_t target, bool is_for_checkpoint);
/* By its signal or by its command it is asked now: what stands there already is
 * no answer, also for the skepd that comes after us. */
void handoff_on_asked(struct instance *i);
/* The timer of the signal. */
void handoff_on_timer(struct timer *t);

/* Says ANSWER if one stands there. */
void handoff_look(struct instance *i);

/* It answered by sd_notify: restart or ignore, which need no file.  What is
 * said before it is asked, or without a handoff, counts for nothing. */
void handoff_on_said(struct instance *i, enum kproto_answer answer);

/* Watches for the answer of an instance that an earlier skepd may have
 * signalled, and takes the one that stands there. */
void handoff_resume(struct instance *i);

/* It is about to run: watches for what it renames to $SKEP_CHECKPOINT_OUT, if
 * it may.  What it renames before it is said that it runs is told then. */
void handoff_on_letting_go(struct instance *i);
/* Says ANSWER if it renamed something there, again if it was said before. */
void handoff_tell_checkpoint(struct instance *i);
/* Its leader has ended: what that renamed at last is told before its end. */
void handoff_on_exited(struct instance *i);

/* Ends the watch; harmless when there is none. */
void handoff_unwatch(struct instance *i);

#endif
