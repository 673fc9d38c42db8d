/* Descriptors that a service sent us, closed by somebody else.
 *
 * To close what is not a pipe may take as long as its sender likes: a socket
 * lingers with what it has not sent, a file of a file system in user space asks
 * its server.  The keeper has one thread and does not wait for that.  So a
 * child that is born with our own table of descriptors (CLONE_FILES) closes
 * them for both of us, and ends; a copy of the table would not do, for ours
 * would have to be closed all the same.
 *
 * There is one such child for each instance at a time.  While it is at work,
 * nothing more is to be read from that instance, so that it cannot have a crowd
 * of them: it is the only one who waits.  A child goes with us, if the kernel
 * lets it.
 */
#ifndef SKEP_KEEPER_CLOSER_H
#define SKEP_KEEPER_CLOSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CLOSER_FDS_MAX 253 /* that the kernel lets one message carry */

/* Closes 'fds', which came from the instance 'iid' and are taken: pipes, by
 * which a service waits for us, before this returns. */
void closer_close(uint64_t iid, const int *fds, size_t count);

/* Whether a child is at work for that instance. */
bool closer_is_busy(uint64_t iid);

/* A child was reaped: whether it was one of these, and whose. */
bool closer_on_exit(pid_t pid, uint64_t *iid);

#endif
