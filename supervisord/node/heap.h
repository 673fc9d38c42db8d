/* Gives back to the kernel what a burst left in the heap.
 *
 * An 'apply' of hundreds of services or a large answer takes megabytes for a
 * moment, in pieces between which small things stay; the C library would keep
 * the pages for ever.  Where it has no such calls this does nothing.
 */
#ifndef SKEP_NODE_HEAP_H
#define SKEP_NODE_HEAP_H

#include <ev.h>

/* Sets the heap up; before the first thread starts.  Trims it every now and
 * then from 'loop' (borrowed). */
void heap_init(struct ev_loop *loop);

#endif
