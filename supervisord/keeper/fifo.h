/* The FIFO through which an instance's output goes: run_dir/fifo/IID, 0600.
 *
 * The keeper holds it open for reading and writing, so that a service never
 * meets a pipe without a reader and a dead logger loses nothing.
 */
#ifndef SKEP_KEEPER_FIFO_H
#define SKEP_KEEPER_FIFO_H

#include <stdint.h>

#include "keeper/dirs.h"
#include "sys/err.h"

/* Makes the FIFO if need be and opens it for reading and writing, without
 * blocking.  The descriptor is the caller's. */
int fifo_open(const struct dirs *d, uint64_t iid, struct err *err);

/* A reading end of its own for the logger, non-blocking. */
int fifo_open_reader(const struct dirs *d, uint64_t iid);

/* Removes the name; what is written stays for those who have it open. */
void fifo_remove(const struct dirs *d, uint64_t iid);

#endif
