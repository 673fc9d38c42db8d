#include "tests/sim/pages.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/hash.h"

#define PAGE	4096
#define LINE	64
#define BUCKETS (1u << 20)

struct pages_blob {
	struct pages_blob *next; /* in its bucket */
	uint64_t hash;
	uint32_t refs;
	uint32_t size;
	unsigned char bytes[]; /* u32 line number, LINE bytes, ... */
};

struct region {
	unsigned char *data;
	unsigned char *base; /* content of the pages in use, at the base */
	size_t size;
	uint8_t *is_used; /* by page: 1 written, 2 written and ignored */
	uint32_t *used;	  /* the pages with 1 */
	uint32_t used_count;
	size_t ignore_from, ignore_to; /* bytes */
};

static struct region regions[PAGES_REGIONS];
static uint32_t region_count;
static struct pages_blob **buckets;
static unsigned char *scratch;
static size_t scratch_size;
static size_t used_bytes;

static void
use_page(struct region *r, size_t page)
{
	size_t at = page * PAGE;
	bool is_ignored = at >= r->ignore_from && at + PAGE <= r->ignore_to;
	mprotect(r->data + at, PAGE, PROT_READ | PROT_WRITE);
	r->is_used[page] = is_ignored ? 2 : 1;
	if (is_ignored)
		return;
	memcpy(r->base + at, r->data + at, PAGE);
	r->used[r->used_count++] = (uint32_t)page;
}

static void
on_fault(int signal_number, siginfo_t *info, void *context)
{
	(void)signal_number;
	(void)context;
	unsigned char *at = info->si_addr;
	for (uint32_t i = 0; i < region_count; i++) {
		struct region *r = &regions[i];
		if (at < r->data || at >= r->data + r->size)
			continue;
		size_t page = (size_t)(at - r->data) / PAGE;
		if (r->is_used[page])
			break;
		use_page(r, page);
		return;
	}
	signal(SIGSEGV, SIG_DFL);
}

static void *
map(size_t size, int rights)
{
	void *p = mmap(NULL, size, rights,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

void *
pages_new(size_t size, uint32_t *number)
{
	struct sigaction action = {0};
	struct region *r = &regions[region_count];
	CHECK(region_count < PAGES_REGIONS);
	action.sa_sigaction = on_fault;
	action.sa_flags = SA_SIGINFO;
	sigaction(SIGSEGV, &action, NULL);
	r->size = (size + PAGE - 1) / PAGE * PAGE;
	r->data = map(r->size, PROT_READ);
	r->base = map(r->size, PROT_READ | PROT_WRITE);
	r->is_used = calloc(r->size / PAGE, 1);
	r->used = calloc(r->size / PAGE, sizeof *r->used);
	if (!buckets)
		buckets = calloc(BUCKETS, sizeof(struct pages_blob *));
	CHECK(r->is_used && r->used && buckets);
	*number = region_count++;
	return r->data;
}

void
pages_ignore(uint32_t number, const void *from, size_t size)
{
	struct region *r = &regions[number];
	r->ignore_from = (size_t)((const unsigned char *)from - r->data);
	r->ignore_to = r->ignore_from + size;
	/* Those used before stay compared: no harm, but time. */
}

void
pages_zero(uint32_t number, void *from, size_t size)
{
	struct region *r = &regions[number];
	size_t start = (size_t)((unsigned char *)from - r->data);
	for (size_t page = 0; page < r->size / PAGE; page++) {
		size_t at = page * PAGE, end = at + PAGE;
		if (!r->is_used[page] || end <= start || at >= start + size)
			continue;
		at = at < start ? start : at;
		end = end > start + size ? start + size : end;
		memset(r->data + at, 0, end - at);
	}
}

void
pages_set_base(void)
{
	for (uint32_t i = 0; i < region_count; i++) {
		struct region *r = &regions[i];
		for (uint32_t n = 0; n < r->used_count; n++) {
			size_t at = (size_t)r->used[n] * PAGE;
			memcpy(r->base + at, r->data + at, PAGE);
		}
	}
}

/* Writes the lines that differ to 'scratch'; how many bytes. */
static size_t
difference(struct region *r)
{
	size_t size = 0;
	size_t most = (size_t)r->used_count * (PAGE + PAGE / LINE * 4);
	if (most > scratch_size) {
		scratch = realloc(scratch, most);
		CHECK(scratch);
		scratch_size = most;
	}
	for (uint32_t n = 0; n < r->used_count; n++) {
		size_t at = (size_t)r->used[n] * PAGE;
		if (!memcmp(r->data + at, r->base + at, PAGE))
			continue;
		for (size_t end = at + PAGE; at < end; at += LINE) {
			if (!memcmp(r->data + at, r->base + at, LINE))
				continue;
			uint32_t line = (uint32_t)(at / LINE);
			memcpy(scratch + size, &line, sizeof line);
			memcpy(scratch + size + 4, r->data + at, LINE);
			size += 4 + LINE;
		}
	}
	return size;
}

struct pages_blob *
pages_save(uint32_t number)
{
	size_t size = difference(&regions[number]);
	uint64_t hash = hash_bytes(scratch, size, number);
	struct pages_blob **bucket = &buckets[hash % BUCKETS];
	for (struct pages_blob *b = *bucket; b; b = b->next)
		if (b->hash == hash && b->size == size &&
			!memcmp(b->bytes, scratch, size))
			return pages_share(b);
	struct pages_blob *b = malloc(sizeof *b + size);
	CHECK(b);
	*b = (struct pages_blob){*bucket, hash, 1, (uint32_t)size};
	memcpy(b->bytes, scratch, size);
	*bucket = b;
	used_bytes += sizeof *b + size;
	return b;
}

void
pages_load(uint32_t number, const struct pages_blob *blob)
{
	struct region *r = &regions[number];
	for (uint32_t n = 0; n < r->used_count; n++) {
		size_t at = (size_t)r->used[n] * PAGE;
		memcpy(r->data + at, r->base + at, PAGE);
	}
	for (uint32_t i = 0; i < blob->size; i += 4 + LINE) {
		uint32_t line;
		memcpy(&line, blob->bytes + i, sizeof line);
		memcpy(r->data + (size_t)line * LINE, blob->bytes + i + 4,
			LINE);
	}
}

struct pages_blob *
pages_share(struct pages_blob *blob)
{
	blob->refs++;
	return blob;
}

void
pages_drop(struct pages_blob *blob)
{
	CHECK(blob->refs > 0);
	if (--blob->refs)
		return;
	struct pages_blob **at = &buckets[blob->hash % BUCKETS];
	while (*at != blob)
		at = &(*at)->next;
	*at = blob->next;
	used_bytes -= sizeof *blob + blob->size;
	free(blob);
}

size_t
pages_used(void)
{
	return used_bytes;
}
