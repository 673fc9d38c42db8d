/* The conversation with skep-logger: which FIFOs it reads.
 *
 * The logger asks with LOG_READY and then has LOG_OPEN for every instance
 * whose output goes to a file or to the journal.  While it is away, FIFOs fill
 * and nothing is lost; an instance that is forgotten meanwhile stays until the
 * logger has been handed its FIFO.
 */
#ifndef SKEP_KEEPER_LOGS_H
#define SKEP_KEEPER_LOGS_H

#include "keeper/helper.h"
#include "keeper/instance.h"
#include "sys/err.h"
#include "sys/kproto.h"

/* The logger's part of a helper. */
extern const struct helper_ops logs_ops;

/* Takes the output settings of a start, with 'ready_line' of it when a line
 * makes it ready: makes the FIFO. */
int logs_set(struct instance *i, const struct kproto_log *log, struct err *err);

/* Tells the logger, before anything of the epoch can write. */
void logs_begin_epoch(struct instance *i);

/* Nothing of the epoch is left that could write.  The logger is told in a
 * moment, or with the beginning of the next epoch: it is not to be in the way
 * of a service that starts again. */
void logs_end_epoch(struct instance *i);

/* A callback: that moment. */
void logs_on_ends_due(struct timer *t);

/* Takes up the FIFO of an adopted instance, whose settings are known. */
int logs_adopt(struct instance *i, struct err *err);

/* Whether something waits in its FIFO. */
bool logs_has_waiting(const struct instance *i);

/* Lets go of an instance's FIFO, or puts that off until the logger is there:
 * whether it is done. */
bool logs_release(struct instance *i);

/* Tells the logger that nothing more will come from anybody. */
void logs_close_all(struct keeper *k);

#endif
