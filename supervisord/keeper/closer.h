/* Descriptors that somebody sent to a NOTIFY_SOCKET, taken and closed by
 * somebody else.
 *
 * To close what one was sent may take as long as its sender likes: a file of a
 * file system in user space asks its server, a socket lingers with what it has
 * not sent, and another one holds such a thing in its queue.  Even to ask what
 * it is may wait for a lock that its sender holds.  The keeper has one thread
 * and waits for none of that, so it never has such a descriptor in its table:
 * it only peeks at a message that carries some, and a child with a table of its
 * own (loan.h) takes the message, and closes them by its end.  (To take the
 * message without room for them would not do: the kernel then closes them in
 * our name.)
 *
 * The child says when it has taken the message.  Until then nobody else may
 * read from that socket, which is up to this host and not to a sender.  How
 * long the closing takes holds nobody who sends words only.  How many children
 * may be at it is bounded, apart for each instance and for all strangers
 * together, so that a message with descriptors may have to wait in its socket.
 *
 * A child goes with us, and is killed when the run that it was for is over, if
 * the kernel lets it.
 */
#ifndef SKEP_KEEPER_CLOSER_H
#define SKEP_KEEPER_CLOSER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct keeper;

/* Makes all places free. */
void closer_init(struct keeper *k);

/* Peeks at the next message of a NOTIFY_SOCKET, with room for who sent it (to
 * be read in 'm' before the next peek) but for no descriptors: MSG_CTRUNC says
 * that some come along. */
ssize_t closer_peek(int socket, struct msghdr *m);

/* Begins a child that takes the next message of 'socket', the NOTIFY_SOCKET of
 * 'iid', which carries descriptors and was sent by one of its own or by a
 * stranger.  False when none may or can be begun: the message stays, and all
 * sockets are listened to again a moment later. */
bool closer_take(uint64_t iid, int socket, bool is_own);

/* Whether a child has yet to take its message from that instance's socket. */
bool closer_is_reading(uint64_t iid);

/* The run of that instance is over: those who close for it are killed, and
 * count for it no more. */
void closer_forget(uint64_t iid);

/* Closes a NOTIFY_SOCKET of ours, which is taken and which nobody watches, with
 * what may still be in it. */
void closer_drop(int socket);

/* A child was reaped: whether it was one of these. */
bool closer_on_exit(pid_t pid);

#endif
