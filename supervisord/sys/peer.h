/* The process at the other end of a Unix socket.
 *
 * The kernel tells who connected by a pid (SO_PEERCRED), and a pid means that
 * process only while it lives: afterwards it may be another's.  So whoever
 * looks at /proc by such a pid asks behind that whether it was still the same
 * one.
 *
 * Linux 6.5 and later know that for good (SO_PEERPIDFD).  Before, the time at
 * which the process began, noted when its connection was accepted, stands in:
 * what ended between connect and accept, and whose pid was given away in that
 * moment, is not told apart.
 */
#ifndef SKEP_SYS_PEER_H
#define SKEP_SYS_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What is to be noted of 'pid' when its connection comes; 0: nothing, since the
 * kernel knows, or it has ended. */
uint64_t peer_start(int socket, pid_t pid);

/* Whether the process that connected has lived until now.  'start': what was
 * noted, 0 where its connection came just now. */
bool peer_lives(int socket, pid_t pid, uint64_t start);

#endif
