/* How many descriptors skepd may have.
 *
 * It holds four or five for each service, and the soft limit that a process
 * is usually given (1024) is there for programs that use select().  So skepd
 * goes up to its hard limit; what it was given is what services get, unless
 * their rlimits say otherwise, and what another skepd in its place begins
 * with.
 */
#ifndef SKEP_KEEPER_NOFILE_H
#define SKEP_KEEPER_NOFILE_H

/* Raises the soft limit to the hard one. */
void nofile_raise(void);

/* Back to what it was before: in a child, or before another program takes our
 * place.  What is open stays open. */
void nofile_restore(void);

#endif
