/* Gives back to the kernel what a start or a burst left behind.
 *
 * An 'apply' of hundreds of services or a large answer takes megabytes for a
 * moment, in pieces between which small things stay; the C library would keep
 * the pages for ever.  And the start of a TLS and an SQL library goes through
 * megabytes of code and constants that are never looked at again; they are
 * unmapped a few times, 2 s to a minute after the start, and what is needed
 * after all comes back from the page cache.
 * Where the C library has no such calls this does nothing.
 */
#ifndef SKEP_NODE_HEAP_H
#define SKEP_NODE_HEAP_H

#include <ev.h>

/* Sets the heap up; before the first thread starts.  Trims it every now and
 * then from 'loop' (borrowed). */
void heap_init(struct ev_loop *loop);

#endif
