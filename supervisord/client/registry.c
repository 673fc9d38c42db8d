#include "client/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_NAME    "registry"
#define DEFAULT_PATH "/run/skep/" FILE_NAME

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

/* Where the file is, as the environment says; with '*folder_out' the file is
 * in the folder whose name has so many bytes. */
static const char *
find_path(size_t *folder_out)
{
	const char *path = getenv("SKEP_REGISTRY");
	if (path && *path)
		return path;
	path = getenv("SKEP_SOCKET");
	const char *slash = path ? strrchr(path, '/') : NULL;
	if (!slash)
		return DEFAULT_PATH;
	*folder_out = (size_t)(slash - path) + 1;
	return path;
}

int
skep_registry_open(const char *path, struct skep_registry **out)
{
	*out = NULL;
	size_t folder = 0;
	if (!path)
		path = find_path(&folder);
	size_t size = strlen(path) + 1;
	struct skep_registry *r =
		calloc(1, sizeof *r + size + sizeof FILE_NAME);
	if (!r)
		return -ENOMEM;
	memcpy(r->path, path, size);
	if (folder)
		memcpy(r->path + folder, FILE_NAME, sizeof FILE_NAME);
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
is_named(const struct reader_row *row, const struct reader_key *key)
{
	if ((row->words[REGFILE_SIZES] & 0xffff) != key->size)
		return false;
	uint64_t differs = 0;
	for (size_t i = 0; i < regfile_text_words(key->size); i++)
		differs |= row->words[REGFILE_TEXTS + i] ^ key->words[i];
	return differs == 0;
}

/* Which slots of a group may be a key's, a bit each; whether one is empty. */
static unsigned
candidates(regfile_word *group, uint64_t hash, bool *has_empty_out)
{
	unsigned fits = 0, empty = 0;
	for (unsigned i = 0; i < REGFILE_GROUP; i++) {
		uint64_t slot = load(&group[i]);
		fits |= (unsigned)regfile_slot_fits(slot, hash) << i;
		empty |= slot == REGFILE_EMPTY;
	}
	*has_empty_out = empty;
	return fits;
}

/* Looks through one table: 1 and '*out', 0, or -EAGAIN when it changed there
 * and then. */
static int
find_in(struct regfile_head *head, uint64_t table, const struct reader_key *key,
	struct reader_row *out)
{
	unsigned bits = regfile_table_bits(table);
	uint64_t mask = (UINT64_C(1) << bits) - 1;
	uint64_t home = regfile_home(key->hash, bits);
	regfile_word *first = regfile_at(head, regfile_table_unit(table));
	bool has_empty = false;
	for (uint64_t n = 0; !has_empty && n <= mask; n++) {
		regfile_word *group =
			first + ((home + n) & mask) * REGFILE_GROUP;
		unsigned fits = candidates(group, key->hash, &has_empty);
		for (; fits; fits &= fits - 1) {
			regfile_word *at = &group[__builtin_ctz(fits)];
			uint64_t slot = load(at);
			if (!regfile_slot_fits(slot, key->hash) ||
				!reader_copy(head, at, slot, out))
				return -EAGAIN;
			if (is_named(out, key))
				return 1;
		}
	}
	return 0;
}

int
reader_find(struct regfile_head *head, const struct reader_key *key,
	struct reader_row *out)
{
	for (unsigned tries = 0; tries < READER_TRIES_MAX; tries++) {
		uint64_t table = load(&head->table);
		if (!reader_has_table(head, table))
			return -EBADMSG;
		int code = find_in(head, table, key, out);
		if (code >= 0 && load(&head->table) == table)
			return code ? 0 : -ENOENT;
	}
	return -EBADMSG;
}

int
reader_find_name(struct regfile_head *head, const struct reader_key *key,
	struct reader_row *out)
{
	int code = reader_find(head, key, out);
	bool is_group = code == 0 && regfile_kind(out->words[REGFILE_FACTS]) ==
					     REGFILE_KIND_GROUP;
	return is_group ? -ENOENT : code;
}

bool
reader_key_init(struct reader_key *key, const char *name)
{
	key->size = strnlen(name, SKEP_NAME_SIZE);
	if (key->size == 0 || key->size == SKEP_NAME_SIZE)
		return false;
	key->words[regfile_text_words(key->size) - 1] = 0;
	memcpy(key->words, name, key->size);
	return true;
}

void
reader_key_hash(struct reader_key *key, const struct regfile_head *head)
{
	key->hash =
		regfile_hash((const char *)key->words, key->size, head->seed);
}

/* --- What is told --- */

/* Copies a text; returns what stands behind it. */
static const uint64_t *
tell_text(char *out, size_t room, const uint64_t *words, size_t size)
{
	size_t count = regfile_text_words(size);
	memcpy(out, words, count * 8 < room ? count * 8 : room);
	out[room - 1] = '\0';
	return words + count;
}

void
reader_tell(const struct reader_row *row, struct skep_entry *out)
{
	const uint64_t *w = row->words, *text = &w[REGFILE_TEXTS];
	uint64_t sizes = w[REGFILE_SIZES];
	text = tell_text(out->name, sizeof out->name, text, sizes & 0xffff);
	text = tell_text(
		out->host, sizeof out->host, text, sizes >> 16 & 0xffff);
	out->meta[0] = '\0';
	if (sizes >> 32)
		tell_text(out->meta, sizeof out->meta, text,
			(size_t)(sizes >> 32));
	out->state = (int)(w[REGFILE_FACTS] & 0xff);
	out->kind = (int)regfile_kind(w[REGFILE_FACTS]);
	out->pid = (uint32_t)(w[REGFILE_FACTS] >> 32);
	out->epoch = w[REGFILE_EPOCH];
	out->since_ms = (int64_t)w[REGFILE_SINCE];
	out->private_[0] = w[REGFILE_HASH];
	out->private_[1] = 0;
}

int
skep_registry_lookup(struct skep_registry *registry, const char *name,
	struct skep_entry *out)
{
	struct reader_key key;
	struct reader_row row;
	if (!reader_key_init(&key, name))
		return -EINVAL;
	reader_refresh(registry);
	reader_key_hash(&key, registry->head);
	int code = reader_find_name(registry->head, &key, &row);
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
