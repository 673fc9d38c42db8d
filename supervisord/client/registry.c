#include "client/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_PATH "/run/skep/registry"

/* --- Files --- */

/* What a first page may say of a file of this size. */
static int
check_head(struct regfile_head *h, uint64_t file_size)
{
	if (h->magic != REGFILE_MAGIC)
		return -EBADMSG;
	if (h->format != REGFILE_FORMAT)
		return -EPROTO;
	uint64_t size = atomic_load_explicit(&h->size, memory_order_acquire);
	bool is_sane = h->capacity <= REGFILE_CAPACITY_MAX &&
		       size <= h->capacity && size <= file_size;
	return is_sane ? 0 : -EBADMSG;
}

/* How much of the file is to be mapped. */
static int
read_capacity(int fd, uint64_t *capacity_out)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < REGFILE_HEAD_SIZE)
		return -EBADMSG;
	struct regfile_head *h =
		mmap(NULL, REGFILE_HEAD_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	if (h == MAP_FAILED)
		return -errno;
	int code = check_head(h, (uint64_t)st.st_size);
	*capacity_out = h->capacity;
	munmap(h, REGFILE_HEAD_SIZE);
	return code;
}

static void
unmap(struct skep_registry *r)
{
	if (r->head && !r->is_borrowed)
		munmap(r->head, r->capacity);
	r->head = NULL;
}

/* Maps what 'fd' is, in the place of what is mapped; that stays on error. */
static int
map(struct skep_registry *r, int fd)
{
	struct stat st;
	uint64_t capacity = 0;
	int code = read_capacity(fd, &capacity);
	if (code < 0)
		return code;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (r->head && st.st_dev == r->device && st.st_ino == r->inode)
		return 0;
	void *base = mmap(NULL, (size_t)capacity, PROT_READ,
		MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (base == MAP_FAILED)
		return -errno;
	unmap(r);
	r->head = base;
	r->capacity = (size_t)capacity;
	r->device = st.st_dev;
	r->inode = st.st_ino;
	return 0;
}

static int
open_and_map(struct skep_registry *r)
{
	int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	int code = map(r, fd);
	close(fd);
	return code;
}

int
skep_registry_open(const char *path, struct skep_registry **out)
{
	*out = NULL;
	if (!path)
		path = getenv("SKEP_REGISTRY");
	if (!path || !*path)
		path = DEFAULT_PATH;
	size_t size = strlen(path) + 1;
	struct skep_registry *r = calloc(1, sizeof *r + size);
	if (!r)
		return -ENOMEM;
	memcpy(r->path, path, size);
	int code = open_and_map(r);
	if (code < 0) {
		free(r);
		return code;
	}
	*out = r;
	return 0;
}

void
skep_registry_close(struct skep_registry *registry)
{
	if (!registry)
		return;
	unmap(registry);
	free(registry);
}

void
reader_refresh(struct skep_registry *r)
{
	if (atomic_load_explicit(
		    &r->head->is_superseded, memory_order_acquire) &&
		!r->is_borrowed)
		(void)open_and_map(r);
}

/* --- Rows --- */

static inline uint64_t
load(regfile_word *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

bool
reader_copy(struct regfile_head *head, regfile_word *at, uint64_t slot,
	struct reader_row *out)
{
	uint64_t *words = out->words;
	uint64_t begin = regfile_slot_unit(slot) * REGFILE_UNIT;
	uint64_t end = atomic_load_explicit(&head->size, memory_order_acquire);
	if (begin < REGFILE_HEAD_SIZE || begin + REGFILE_TEXTS * 8 > end)
		return false;
	regfile_word *row = regfile_at(head, regfile_slot_unit(slot));
	__builtin_prefetch((const char *)row + 64);
	words[REGFILE_SERIAL] = load(&row[REGFILE_SERIAL]);
	words[REGFILE_SIZES] = load(&row[REGFILE_SIZES]);
	size_t count = regfile_row_words(words[REGFILE_SIZES]);
	if (count == 0 || begin + count * 8 > end)
		return false;
	for (size_t i = REGFILE_HASH; i < REGFILE_SIZES; i++)
		words[i] = load(&row[i]);
	for (size_t i = REGFILE_TEXTS; i < count; i++)
		words[i] = load(&row[i]);
	return load(at) == slot && words[REGFILE_SERIAL] != 0 &&
	       load(&row[REGFILE_SERIAL]) == words[REGFILE_SERIAL];
}

bool
reader_has_table(struct regfile_head *head, uint64_t table)
{
	uint64_t size = atomic_load_explicit(&head->size, memory_order_acquire);
	unsigned bits = regfile_table_bits(table);
	return bits < 32 &&
	       (regfile_table_unit(table) * REGFILE_UNIT +
		       ((uint64_t)REGFILE_GROUP * 8 << bits)) <= size;
}

static bool
is_named(const struct reader_row *row, const char *name, size_t size)
{
	size_t has;
	const char *text = reader_name(row, &has);
	return has == size && memcmp(text, name, size) == 0;
}

/* Looks through one table: 1 and '*out', 0, or -EAGAIN when it changed there
 * and then. */
static int
find_in(struct regfile_head *head, uint64_t table, const char *name,
	size_t size, uint64_t hash, struct reader_row *out)
{
	unsigned bits = regfile_table_bits(table);
	uint64_t mask = (UINT64_C(1) << bits) - 1;
	uint64_t home = regfile_home(hash, bits);
	regfile_word *first = regfile_at(head, regfile_table_unit(table));
	for (uint64_t n = 0; n <= mask; n++) {
		regfile_word *group =
			first + ((home + n) & mask) * REGFILE_GROUP;
		bool has_empty = false;
		for (unsigned i = 0; i < REGFILE_GROUP; i++) {
			uint64_t slot = load(&group[i]);
			has_empty |= slot == REGFILE_EMPTY;
			if (!regfile_slot_fits(slot, hash))
				continue;
			if (!reader_copy(head, &group[i], slot, out))
				return -EAGAIN;
			if (is_named(out, name, size))
				return 1;
		}
		if (has_empty)
			break;
	}
	return 0;
}

int
reader_find(struct regfile_head *head, const char *name, size_t size,
	uint64_t hash, struct reader_row *out)
{
	for (unsigned tries = 0; tries < READER_TRIES_MAX; tries++) {
		uint64_t table = load(&head->table);
		if (!reader_has_table(head, table))
			return -EBADMSG;
		int code = find_in(head, table, name, size, hash, out);
		if (code >= 0 && load(&head->table) == table)
			return code ? 0 : -ENOENT;
	}
	return -EBADMSG;
}

/* --- What is told --- */

static const char *
tell_text(char *out, size_t room, const char *text, size_t size)
{
	size_t n = size < room ? size : room - 1;
	memcpy(out, text, n);
	out[n] = '\0';
	return text + size + 1;
}

void
reader_tell(const struct reader_row *row, struct skep_entry *out)
{
	const uint64_t *w = row->words;
	uint64_t sizes = w[REGFILE_SIZES];
	const char *text = (const char *)&w[REGFILE_TEXTS];
	text = tell_text(out->name, sizeof out->name, text, sizes & 0xffff);
	text = tell_text(
		out->host, sizeof out->host, text, sizes >> 16 & 0xffff);
	tell_text(out->meta, sizeof out->meta, text, (size_t)(sizes >> 32));
	out->state = (int)(w[REGFILE_FACTS] & 0xff);
	out->kind = (int)(w[REGFILE_FACTS] >> 8 & 0xff);
	out->pid = (uint32_t)(w[REGFILE_FACTS] >> 32);
	out->epoch = w[REGFILE_EPOCH];
	out->since_ms = (int64_t)w[REGFILE_SINCE];
	memset(out->private_, 0, sizeof out->private_);
	out->private_[0] = w[REGFILE_HASH];
}

size_t
reader_name_size(const char *name)
{
	size_t size = strnlen(name, SKEP_NAME_SIZE);
	return size < SKEP_NAME_SIZE ? size : 0;
}

int
skep_registry_lookup(struct skep_registry *registry, const char *name,
	struct skep_entry *out)
{
	struct reader_row row;
	size_t size = reader_name_size(name);
	if (size == 0)
		return -EINVAL;
	reader_refresh(registry);
	struct regfile_head *head = registry->head;
	uint64_t hash = regfile_hash(name, size, head->seed);
	int code = reader_find(head, name, size, hash, &row);
	if (code == 0)
		reader_tell(&row, out);
	return code;
}

static int64_t
clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
skep_registry_get_info(
	struct skep_registry *registry, struct skep_registry_info *out)
{
	reader_refresh(registry);
	struct regfile_head *head = registry->head;
	memset(out, 0, sizeof *out);
	out->names = load(&head->count);
	out->age_ms = clock_ms() - (int64_t)load(&head->alive_ms);
	out->is_lacking = (int)atomic_load_explicit(
		&head->is_lacking, memory_order_acquire);
	out->file_size = load(&head->size);
}

const char *
skep_state_name(int state)
{
	static const char *const names[] = {
		[SKEP_STATE_STARTING] = "starting",
		[SKEP_STATE_READY] = "ready",
		[SKEP_STATE_STOPPING] = "stopping",
		[SKEP_STATE_BACKOFF] = "backoff",
		[SKEP_STATE_HANDOFF] = "handoff",
		[SKEP_STATE_EXITED] = "exited",
		[SKEP_STATE_FAILED] = "failed",
	};
	int count = (int)(sizeof names / sizeof *names);
	return state > 0 && state < count ? names[state] : "unknown";
}
