/* Waiting for changes: futexes at the counters of the file's head, which are
 * raised after what they tell of.  So who reads the counter, then looks, and
 * then waits for the counter to be another one misses nothing.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "client/reader.h"

/* A file that was superseded without a successor yet: another look is due. */
#define ORPHAN_WAIT_MS 100

/* Until when is waited. */
struct limit {
	bool is_none;
	struct timespec at; /* CLOCK_MONOTONIC */
};

static struct timespec
after_ms(int ms)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	return t;
}

static struct limit
limit_of(int timeout_ms)
{
	if (timeout_ms < 0)
		return (struct limit){.is_none = true};
	return (struct limit){.at = after_ms(timeout_ms)};
}

static bool
is_over(const struct limit *l)
{
	struct timespec now = after_ms(0);
	return !l->is_none && (now.tv_sec > l->at.tv_sec ||
				      (now.tv_sec == l->at.tv_sec &&
					      now.tv_nsec >= l->at.tv_nsec));
}

/* Sleeps while 'word' is 'seen': 0, -ETIMEDOUT, or -EINTR after
 * a signal. */
static int
wait_at(const struct skep_registry *r, _Atomic uint32_t *word, uint32_t seen,
	const struct limit *l)
{
	struct timespec until = l->at;
	bool is_orphan = atomic_load_explicit(
		&r->head->is_superseded, memory_order_acquire);
	if (is_over(l))
		return -ETIMEDOUT;
	if (is_orphan)
		until = after_ms(ORPHAN_WAIT_MS);
	long code = syscall(SYS_futex, word, FUTEX_WAIT_BITSET, seen,
		l->is_none && !is_orphan ? NULL : &until, NULL,
		FUTEX_BITSET_MATCH_ANY);
	return code < 0 && errno != EAGAIN && errno != ETIMEDOUT ? -errno : 0;
}

int
skep_registry_watch(
	struct skep_registry *registry, uint64_t *seen, int timeout_ms)
{
	struct limit l = limit_of(timeout_ms);
	for (;;) {
		reader_refresh(registry);
		struct regfile_head *h = registry->head;
		uint32_t count =
			atomic_load_explicit(&h->changes, memory_order_acquire);
		uint64_t now = h->born << 32 | count;
		if (now != *seen) {
			*seen = now;
			return 1;
		}
		int code = wait_at(registry, &h->changes, count, &l);
		if (code < 0)
			return code == -ETIMEDOUT ? 0 : code;
	}
}

static bool
is_same(const struct skep_entry *a, const struct skep_entry *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->host, b->host) == 0 &&
	       strcmp(a->meta, b->meta) == 0 && a->kind == b->kind &&
	       a->state == b->state && a->pid == b->pid &&
	       a->epoch == b->epoch && a->since_ms == b->since_ms;
}

int
skep_registry_watch_name(struct skep_registry *registry, const char *name,
	struct skep_entry *entry, int timeout_ms)
{
	struct limit l = limit_of(timeout_ms);
	struct reader_key key;
	struct reader_row row;
	if (!reader_key_init(&key, name))
		return -EINVAL;
	for (;;) {
		struct skep_entry now;
		memset(&now, 0, sizeof now);
		reader_refresh(registry);
		struct regfile_head *h = registry->head;
		reader_key_hash(&key, h);
		_Atomic uint32_t *word = &h->shards[regfile_shard(key.hash)];
		uint32_t count =
			atomic_load_explicit(word, memory_order_acquire);
		int code = reader_find_name(h, &key, &row);
		if (code == 0)
			reader_tell(&row, &now);
		else if (code != -ENOENT)
			return code;
		if (!is_same(&now, entry)) {
			*entry = now;
			return 1;
		}
		code = wait_at(registry, word, count, &l);
		if (code < 0)
			return code == -ETIMEDOUT ? 0 : code;
	}
}
