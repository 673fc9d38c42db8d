/* What the next skepd must know of an instance: run_dir/instances/IID, lines
 * of KEY=value.
 *
 * Written when the child knows as whom it will run, before it may execute
 * its program; again when the leader has ended and something is left; and
 * when nothing is left.  It goes when the instance is forgotten, or when
 * skepd ends after it has stopped all.  So a program that runs always has a
 * record with its pid, and an end that the node may not have heard of is
 * kept.
 *
 * What an instance must still know after a restart of skepd is a row of the
 * table in record.c.
 */
#ifndef SKEP_KEEPER_RECORD_H
#define SKEP_KEEPER_RECORD_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "keeper/dirs.h"
#include "keeper/instance.h"
#include "sys/err.h"

/* Writes down how the instance stands. */
int record_write(const struct instance *i, struct err *err);

/* As above; what goes wrong is said. */
void record_update(const struct instance *i);

/* Writes a record's lines; with 'is_live' also what only the program that
 * follows in this process can use: descriptors, whose child it is. */
void record_put(FILE *out, const struct instance *i, bool is_live);

/* Nothing of it needs to be known any more. */
void record_remove(const struct dirs *d, uint64_t iid);

/* Calls 'visit' with the iid of each record that is there. */
void record_each(struct keeper *k, void (*visit)(struct keeper *, uint64_t));

/* Reads a record into 'i', which is new: the members in the table, name, ids
 * and log settings.  'cgroup' gets the path of its cgroup, "" for none.
 * -ESTALE: it is of another boot; -EBADMSG: it makes no sense. */
int record_read(struct instance *i, char cgroup[PATH_MAX], struct err *err);

/* The same from the text that record_put wrote with 'is_live'. */
bool record_parse_live(
	struct instance *i, const char *text, char cgroup[PATH_MAX]);

#endif
