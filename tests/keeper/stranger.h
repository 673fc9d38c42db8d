/* Somebody who sends descriptors that hold whoever closes them to the socket of
 * a service that is not his.
 */
#ifndef SKEP_TESTS_STRANGER_H
#define SKEP_TESTS_STRANGER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A socket that lingers: it has sent more than its other end, which stays open
 * here, takes. */
int stranger_linger(void);

/* Makes 'dir' a file system in user space with a file "f", whose server answers
 * no close(); it ends by itself after a minute.  Its pid, or 0 where this may
 * not be done. */
pid_t stranger_serve(const char *dir);

/* Sends 'words' with 'count' times 'fd' to the socket 'path'.  False when the
 * socket is full. */
bool stranger_send(const char *path, const char *words, int fd, size_t count);

#endif
