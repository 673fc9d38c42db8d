#include "node/regwriter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "node/regwriter_private.h"
#include "sys/clock.h"

#define GROW_MIN ((uint64_t)64 << 10)
#define GROW_MAX ((uint64_t)4 << 20) /* zeroed in some milliseconds */

/* --- Memory of the file --- */

/* Makes sure that the file has 'size' bytes; more, if it can get them. */
static int
grow(struct regwriter *w, uint64_t size)
{
	uint64_t has = regwriter_load(&w->head->size);
	if (size <= has)
		return 0;
	if (size > w->capacity)
		return -ENOSPC;
	uint64_t more = has / 8;
	more = more < GROW_MIN ? GROW_MIN : more > GROW_MAX ? GROW_MAX : more;
	uint64_t end = has + more > size ? has + more : size;
	if (end > w->capacity)
		end = w->capacity;
	int code = posix_fallocate(w->fd, (off_t)has, (off_t)(end - has));
	if (code != 0 && end > size) {
		end = size;
		code = posix_fallocate(w->fd, (off_t)has, (off_t)(end - has));
	}
	if (code == 0)
		regwriter_store(&w->head->size, end);
	return -code;
}

uint32_t
regwriter_take_new(struct regwriter *w, size_t units)
{
	uint64_t unit = w->used;
	if (grow(w, (unit + units) * REGFILE_UNIT) < 0)
		return 0;
	w->used += units;
	return (uint32_t)unit;
}

/* Puts one block in front of the free ones of its size. */
static void
give_block(struct regwriter *w, uint64_t unit, size_t units)
{
	regfile_word *block = regfile_at(w->head, unit);
	regwriter_store(&block[REGFILE_SERIAL], 0);
	regwriter_store(&block[REGFILE_HASH], w->free[units]);
	w->free[units] = (uint32_t)unit;
}

void
regwriter_give(struct regwriter *w, uint64_t unit, size_t units)
{
	while (units > 0) {
		size_t n = units < ROW_UNITS_MAX ? units : ROW_UNITS_MAX;
		give_block(w, unit, n);
		unit += n;
		units -= n;
	}
}

uint32_t
regwriter_take(struct regwriter *w, size_t units)
{
	CHECK(units > 0 && units <= ROW_UNITS_MAX);
	size_t n = units;
	while (n <= ROW_UNITS_MAX && w->free[n] == 0)
		n++;
	if (n > ROW_UNITS_MAX)
		return regwriter_take_new(w, units);
	uint32_t unit = w->free[n];
	w->free[n] = (uint32_t)regwriter_load(
		&regfile_at(w->head, unit)[REGFILE_HASH]);
	if (n > units)
		regwriter_give(w, unit + units, n - units);
	return unit;
}

/* --- The file --- */

/* What all names and the tables on the way to that many can take. */
static uint64_t
capacity_for(size_t names_max)
{
	uint64_t tables = 8192, rows = (uint64_t)names_max + 1024;
	while (tables / 8 * 5 < rows * 8)
		tables *= 2;
	uint64_t all =
		REGFILE_HEAD_SIZE + 2 * tables + rows * REGFILE_WORDS_MAX * 8;
	return all < REGFILE_CAPACITY_MAX ? all : REGFILE_CAPACITY_MAX;
}

/* The head of the file that has the name now, or NULL. */
static struct regfile_head *
map_former(const char *path)
{
	struct stat st;
	struct regfile_head *h = NULL;
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		st.st_size >= REGFILE_HEAD_SIZE) {
		h = mmap(NULL, REGFILE_HEAD_SIZE, PROT_READ | PROT_WRITE,
			MAP_SHARED, fd, 0);
		h = h == MAP_FAILED ? NULL : h;
	}
	close(fd);
	if (h && (h->magic != REGFILE_MAGIC || h->format != REGFILE_FORMAT)) {
		munmap(h, REGFILE_HEAD_SIZE);
		h = NULL;
	}
	return h;
}

/* Writes the first page.  Readers go on with a walk when names keep their
 * order, so the seed is handed on. */
static void
init_head(struct regwriter *w, uint64_t random)
{
	struct regfile_head *h = w->head;
	struct regfile_head *former = map_former(w->path);
	h->magic = REGFILE_MAGIC;
	h->format = REGFILE_FORMAT;
	h->capacity = w->capacity;
	h->seed = former ? former->seed : hash_mix(random, 1);
	h->born = hash_mix(random, 2) | 1;
	regwriter_store(&h->size, REGFILE_HEAD_SIZE);
	w->used = REGFILE_HEAD_SIZE / REGFILE_UNIT;
	if (former)
		munmap(former, REGFILE_HEAD_SIZE);
}

static int
make_file(struct regwriter *w, struct err *err)
{
	if (unlink(w->aside) < 0 && errno != ENOENT)
		return err_sys(err, -errno, "cannot remove %s", w->aside);
	w->fd = open(w->aside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (w->fd < 0)
		return err_sys(err, -errno, "cannot make %s", w->aside);
	/* Whatever the umask says: clients read it. */
	if (fchmod(w->fd, 0644) < 0)
		return err_sys(err, -errno, "cannot open up %s", w->aside);
	int code = posix_fallocate(w->fd, 0, REGFILE_HEAD_SIZE);
	if (code != 0)
		return err_sys(err, -code, "no room for %s", w->aside);
	void *base = mmap(NULL, w->capacity, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_NORESERVE, w->fd, 0);
	if (base == MAP_FAILED)
		return err_sys(err, -errno, "cannot map %s", w->aside);
	w->head = base;
	return 0;
}

int
regwriter_open(const char *path, size_t names_max, uint64_t random,
	struct regwriter **out, struct err *err)
{
	*out = NULL;
	struct regwriter *w = calloc(1, sizeof *w);
	if (!w)
		return err_set(err, -ENOMEM, "no memory for the registry");
	w->fd = -1;
	w->capacity = (size_t)capacity_for(names_max);
	w->path = strdup(path);
	if (asprintf(&w->aside, "%s.new", path) < 0)
		w->aside = NULL;
	int code = w->path && w->aside
			   ? make_file(w, err)
			   : err_set(err, -ENOMEM, "no memory for %s", path);
	if (code == 0) {
		init_head(w, random);
		code = regtable_init(w);
		if (code < 0)
			err_sys(err, code, "no room for %s", w->aside);
	}
	if (code < 0) {
		regwriter_close(w);
		return code;
	}
	regwriter_beat(w);
	*out = w;
	return 0;
}

void
regwriter_close(struct regwriter *w)
{
	if (!w)
		return;
	if (w->fd >= 0 && !w->has_name)
		unlink(w->aside);
	if (w->head)
		munmap(w->head, w->capacity);
	if (w->fd >= 0)
		close(w->fd);
	free(w->passed);
	free(w->path);
	free(w->aside);
	free(w);
}

/* --- Waking --- */

static void
wake(_Atomic uint32_t *word)
{
	uint32_t count = atomic_load_explicit(word, memory_order_relaxed);
	atomic_store_explicit(word, count + 1, memory_order_release);
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void
wake_all(struct regfile_head *h)
{
	for (unsigned i = 0; i < REGFILE_SHARDS; i++)
		wake(&h->shards[i]);
	wake(&h->changes);
}

void
regwriter_flush(struct regwriter *w)
{
	if (!w->is_changed)
		return;
	for (unsigned i = 0; i < REGFILE_SHARDS; i++)
		if (w->shards >> i & 1)
			wake(&w->head->shards[i]);
	wake(&w->head->changes);
	w->shards = 0;
	w->is_changed = false;
}

void
regwriter_beat(struct regwriter *w)
{
	regwriter_store(&w->head->alive_ms, (uint64_t)clock_mono().ms);
}

int
regwriter_publish(struct regwriter *w, struct err *err)
{
	CHECK(!w->has_name);
	struct regfile_head *former = map_former(w->path);
	/* Before the name changes: were we killed in between, readers would
	 * never hear of it.  So they look twice, and find the same file. */
	if (former)
		atomic_store_explicit(
			&former->is_superseded, 1, memory_order_release);
	regwriter_beat(w);
	int code = rename(w->aside, w->path) < 0 ? -errno : 0;
	if (former) {
		if (code == 0)
			wake_all(former);
		munmap(former, REGFILE_HEAD_SIZE);
	}
	if (code < 0)
		return err_sys(
			err, code, "cannot rename %s to %s", w->aside, w->path);
	w->has_name = true;
	return 0;
}

/* --- Names --- */

static void
mark_changed(struct regwriter *w, uint64_t hash)
{
	w->shards |= UINT64_C(1) << regfile_shard(hash);
	w->is_changed = true;
}

/* Counts a row more or less, and if it is a name's that. */
static void
count_row(struct regwriter *w, uint64_t facts, int change)
{
	uint64_t more = (uint64_t)(int64_t)change;
	w->rows += more;
	if (regfile_kind(facts) != REGFILE_KIND_GROUP)
		regwriter_store(&w->head->count, regwriter_count(w) + more);
}

/* Puts a text and what follows it into words; returns the next one. */
static uint64_t *
add_text(uint64_t *to, const void *text, size_t size)
{
	size_t count = regfile_text_words(size);
	to[count - 1] = 0;
	memcpy(to, text, size);
	return to + count;
}

/* The words of a row but for its serial. */
static size_t
make_row(const struct regwriter_row *row, uint64_t hash,
	uint64_t words[static REGFILE_WORDS_MAX])
{
	size_t name = strlen(row->name), host = strlen(row->host);
	uint64_t sizes = regfile_sizes(name, host, row->meta_size);
	size_t count = regfile_row_words(sizes);
	CHECK(count > 0);
	words[REGFILE_HASH] = hash;
	words[REGFILE_EPOCH] = row->epoch;
	words[REGFILE_SINCE] = (uint64_t)row->since_ms;
	words[REGFILE_FACTS] = (uint64_t)row->pid << 32 |
			       (row->kind & 0xff) << 8 | (row->state & 0xff);
	words[REGFILE_SIZES] = sizes;
	uint64_t *to = add_text(&words[REGFILE_TEXTS], row->name, name);
	to = add_text(to, row->host, host);
	if (row->meta_size)
		to = add_text(to, row->meta, row->meta_size);
	CHECK(to == words + count);
	return count;
}

static bool
says(const regfile_word *row, const uint64_t *words, size_t count)
{
	for (size_t i = REGFILE_HASH; i < count; i++)
		if (regwriter_load(&row[i]) != words[i])
			return false;
	return true;
}

/* Writes a row that no slot names yet: 0 for want of room, else its slot. */
static uint64_t
write_row(struct regwriter *w, const uint64_t *words, size_t count)
{
	size_t units = (count + REGFILE_UNIT_WORDS - 1) / REGFILE_UNIT_WORDS;
	uint32_t unit = regwriter_take(w, units);
	if (unit == 0)
		return 0;
	regfile_word *row = regfile_at(w->head, unit);
	regwriter_store(&row[REGFILE_SERIAL], 0);
	for (size_t i = REGFILE_HASH; i < count; i++)
		regwriter_store(&row[i], words[i]);
	regwriter_store(&row[REGFILE_SERIAL], ++w->serial);
	return regfile_slot_make(words[REGFILE_HASH], w->serial, unit);
}

static void
give_row(struct regwriter *w, uint64_t slot)
{
	const regfile_word *row = regwriter_row_at(w, slot);
	size_t count = regfile_row_words(regwriter_load(&row[REGFILE_SIZES]));
	CHECK(count > 0);
	regwriter_give(w, regfile_slot_unit(slot),
		(count + REGFILE_UNIT_WORDS - 1) / REGFILE_UNIT_WORDS);
}

static void
take_out(struct regwriter *w, regfile_word *at, uint64_t hash)
{
	uint64_t slot = regwriter_load(at);
	uint64_t facts =
		regwriter_load(&regwriter_row_at(w, slot)[REGFILE_FACTS]);
	regtable_leave(w, at, hash);
	give_row(w, slot);
	count_row(w, facts, -1);
	mark_changed(w, hash);
}

static uint64_t
hash_of(const struct regwriter *w, const char *name, size_t size)
{
	CHECK(size > 0 && size <= REGFILE_NAME_MAX);
	return regfile_hash(name, size, w->head->seed);
}

int
regwriter_put(struct regwriter *w, const struct regwriter_row *row)
{
	uint64_t words[REGFILE_WORDS_MAX];
	struct regtable_place place;
	size_t size = strlen(row->name);
	uint64_t hash = hash_of(w, row->name, size);
	size_t count = make_row(row, hash, words);
	regtable_find(w, row->name, size, hash, &place);
	if (place.slot && says(regwriter_row_at(w, regwriter_load(place.slot)),
				  words, count))
		return 0;
	bool has_room = place.slot || regtable_reserve(w) == 0;
	if (!place.slot)
		regtable_find(w, row->name, size, hash, &place);
	uint64_t slot = has_room ? write_row(w, words, count) : 0;
	if (slot == 0) {
		if (place.slot)
			take_out(w, place.slot, hash);
		regwriter_set_lacking(w, true);
		return -ENOSPC;
	}
	if (place.slot) {
		uint64_t former = regwriter_load(place.slot);
		regwriter_store(place.slot, slot);
		give_row(w, former);
	} else {
		regtable_enter(w, place.room, hash, slot);
		count_row(w, words[REGFILE_FACTS], 1);
	}
	mark_changed(w, hash);
	return 0;
}

void
regwriter_delete(struct regwriter *w, const char *name)
{
	struct regtable_place place;
	size_t size = strlen(name);
	uint64_t hash = hash_of(w, name, size);
	regtable_find(w, name, size, hash, &place);
	if (place.slot)
		take_out(w, place.slot, hash);
}

bool
regwriter_has(const struct regwriter *w, const char *name)
{
	struct regtable_place place;
	size_t size = strlen(name);
	regtable_find(w, name, size, hash_of(w, name, size), &place);
	return place.slot != NULL;
}

/* --- How it is --- */

void
regwriter_set_lacking(struct regwriter *w, bool is_lacking)
{
	atomic_store_explicit(
		&w->head->is_lacking, is_lacking, memory_order_release);
}

bool
regwriter_is_lacking(const struct regwriter *w)
{
	return atomic_load_explicit(&w->head->is_lacking, memory_order_relaxed);
}

uint64_t
regwriter_count(const struct regwriter *w)
{
	return regwriter_load(&w->head->count);
}

const char *
regwriter_next(const struct regwriter *w, uint64_t *cursor)
{
	uint64_t index = *cursor & (UINT64_MAX >> 8);
	if (*cursor >> 56 != w->bits)
		index = 0;
	for (; index >> w->bits < REGFILE_GROUP; index++) {
		uint64_t slot = regwriter_load(&w->slots[index]);
		if (slot <= REGFILE_GONE)
			continue;
		*cursor = (uint64_t)w->bits << 56 | (index + 1);
		return (const char *)&regwriter_row_at(w, slot)[REGFILE_TEXTS];
	}
	return NULL;
}

void *
regwriter_base(const struct regwriter *w, size_t *size_out)
{
	*size_out = w->capacity;
	return w->head;
}
