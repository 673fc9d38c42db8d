#include "node/heap.h"

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>

#define TRIM_EVERY_S 10.
#define TRIM_KEEP    65536  /* bytes that stay at the heap's end */
#define LARGE	     131072 /* bytes of what gets pages of its own */

static void
on_trim(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)w;
	(void)revents;
	malloc_trim(TRIM_KEEP);
}

void
heap_init(struct ev_loop *loop)
{
	static ev_timer trim;
	/* One heap: the threads hand their blocks to each other anyway. */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, LARGE);
	mallopt(M_TRIM_THRESHOLD, LARGE);
	ev_timer_init(&trim, on_trim, TRIM_EVERY_S, TRIM_EVERY_S);
	ev_timer_start(loop, &trim);
	ev_unref(loop);
}
#else
void
heap_init(struct ev_loop *loop)
{
	(void)loop;
}
#endif
