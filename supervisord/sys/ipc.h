/* Typed messages between our own processes, over SOCK_SEQPACKET pairs.
 *
 * A message is a small header (type, size) and up to IPC_BODY_MAX bytes
 * written with base/cursor.h; it may carry up to IPC_FDS_MAX descriptors.
 * What is larger travels as a sealed memfd.  The socket keeps message
 * boundaries and order; a peer that dies is seen as end of file.
 *
 * Errors: -EAGAIN when a non-blocking socket would block, -EPIPE at end of
 * file, -EBADMSG for a message that is cut or too large (the peer is broken
 * and the caller ends it), other -errno of the kernel.
 */
#ifndef SKEP_SYS_IPC_H
#define SKEP_SYS_IPC_H

#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/limits.h"

#define IPC_FDS_MAX 4

/* One received message.  The body lives inside; descriptors are the
 * receiver's to close. */
struct ipc_message {
	uint16_t type;			  /* meaning is the protocol's */
	uint32_t size;			  /* bytes in 'body' */
	unsigned char body[IPC_BODY_MAX]; /* read with a 'struct reader' */
	int fds[IPC_FDS_MAX];		  /* CLOEXEC; -1 where there is none */
	unsigned fd_count;		  /* descriptors received */
};

/* Makes a connected pair, both ends CLOEXEC and non-blocking. */
int ipc_pair(int fds[2]);

/* Sends one message; 'fds' (borrowed) may be NULL when 'fd_count' is 0. */
int ipc_send(int socket, uint16_t type, struct bytes body, const int *fds,
	unsigned fd_count);

/* Receives one message into 'out'. */
int ipc_recv(int socket, struct ipc_message *out);

/* Closes the descriptors that 'm' still holds. */
void ipc_message_close(struct ipc_message *m);

#endif
