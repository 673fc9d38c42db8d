/* What an earlier skepd left behind beside its services: helpers that have
 * not ended yet, and the mark that it ran.
 *
 * run_dir/instances/skep-node and skep-logger name the last helper of their
 * kind; run_dir/instances/skepd stands there while a skepd runs and counts
 * its unasked ends in a row.
 */
#ifndef SKEP_KEEPER_FORMER_H
#define SKEP_KEEPER_FORMER_H

#include <stdint.h>
#include <sys/types.h>

struct keeper;

/* A run longer than this is good: the count starts anew. */
#define FORMER_GOOD_RUN_MS 60000

/* Waits until the helpers of an earlier skepd have ended, which they do at end
 * of file, and ends them after a while: two must not write one store or one
 * log. */
void former_clear(struct keeper *k);

/* Writes down that 'pid' is the helper 'program' now. */
void former_note(struct keeper *k, const char *program, pid_t pid);

/* We run: counts the last skepd into 'k->crashes' if it did not end because
 * it was told to. */
void former_begin(struct keeper *k);

/* We end because we were told to. */
void former_end(struct keeper *k);

#endif
