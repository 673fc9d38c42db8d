#include "node/heap.h"

#include <stdlib.h>

#ifdef __GLIBC__
#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/limits.h"

#define TRIM_EVERY_S	10.
#define SETTLED_FIRST_S 2.    /* the start is over, if it was a short one */
#define SETTLED_LAST_S	60.   /* or by then */
#define TRIM_KEEP	65536 /* bytes that stay at the heap's end */
/* Bytes of what gets pages of its own, and of what stays at the heap's end
 * between two trims: a chunk of a state on its way must not cost the kernel 256
 * pages each time. */
#define LARGE (2 * STATE_CHUNK_SIZE)
#define STAYS (8 * STATE_CHUNK_SIZE)

/* Whether the loader wrote into parts that are not writable now. */
static bool
is_relocated(const struct dl_phdr_info *object)
{
	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &object->dlpi_phdr[i];
		if (part->p_type != PT_DYNAMIC)
			continue;
		const ElfW(Dyn) *tag =
			(const ElfW(Dyn) *)(object->dlpi_addr + part->p_vaddr);
		for (; tag->d_tag != DT_NULL; tag++)
			if (tag->d_tag == DT_TEXTREL ||
				(tag->d_tag == DT_FLAGS &&
					tag->d_un.d_val & DF_TEXTREL))
				return true;
	}
	return false;
}

static int
unmap_constants(struct dl_phdr_info *object, size_t size, void *context)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	(void)size;
	(void)context;
	if (is_relocated(object))
		return 0;
	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &object->dlpi_phdr[i];
		if (part->p_type != PT_LOAD || part->p_flags & PF_W)
			continue;
		uintptr_t from = object->dlpi_addr + part->p_vaddr;
		uintptr_t to = from + part->p_filesz;
		from &= ~(page - 1);
		/* Never written: the file holds the same bytes. */
		madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

static void
on_settled(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)revents;
	dl_iterate_phdr(unmap_constants, NULL);
	w->repeat *= 5.;
	if (w->repeat > SETTLED_LAST_S)
		ev_timer_stop(loop, w);
	else
		ev_timer_again(loop, w);
}

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
	static ev_timer trim, settled;
	/* One heap: the threads hand their blocks to each other anyway. */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, LARGE);
	mallopt(M_TRIM_THRESHOLD, STAYS);
	ev_timer_init(&settled, on_settled, SETTLED_FIRST_S, SETTLED_FIRST_S);
	ev_timer_start(loop, &settled);
	ev_timer_init(&trim, on_trim, TRIM_EVERY_S, TRIM_EVERY_S);
	ev_timer_start(loop, &trim);
}
#else
void
heap_init(struct ev_loop *loop)
{
	(void)loop;
}
#endif
