/* The registry's file: what its one writer (node/regwriter.h) and its readers
 * (registry.c) agree about.
 *
 * Not here: who finds what (the two of them), and what a program includes
 * (skep/registry.h).
 *
 *	head    one page
 *	words   units of 32 bytes: rows, and tables of slots, in any order
 *
 * A name's hash picks a group of eight slots in the table.  A slot that is
 * taken says where the name's row is, and 16 bits of the hash.  Who does not
 * find the name in a group where no slot is empty looks in the next one.
 *
 * The writer writes, the readers read, neither waits.  All words are atomic.
 * Why a reader never takes a torn row for a whole one:
 *
 * 1. A row is written while no slot names it, and a slot names it by one store
 *    of 64 bits.  So a writer that is killed at any instruction leaves either
 *    the old row or the new one, and behind it nothing to put right.
 * 2. A row that a slot names does not change.  Another version is another row;
 *    the old one's memory is used again, but only after the slot has ceased to
 *    name it.
 * 3. All words of rows are stored with release and loaded with acquire.  So
 *    whoever loads one word of what the memory was used for afterwards sees, in
 *    all it loads later, that the slot has ceased to name that row.  Hence:
 *load the slot, copy the row, load the slot again.  If it is the same word, the
 *    copy is the row that it names...
 * 4. ...unless it is the same word once more: the memory went through other
 *    hands and back to the same slot while the reader stood still.  The 16 bits
 *    of generation in the slot make that rare; the 64 bits of a row's serial
 *    make it impossible.  No serial is used twice in a file.  It is made zero
 *    before, and set after, the row's other words.  So: load the serial, copy,
 *    load the slot, load the serial.  If the second slot is a later use of the
 *    same bits, then that row's serial is seen by the last load; if it is the
 *    first one as well, then it was loaded before the copy, which thus has that
 *    row's words, or those of a yet later use, whose zero the last load sees.
 * 5. A table that is full is followed by a larger one, filled before one store
 *    in the head names it.  The old one's memory may then hold rows.  Readers
 *    load the head's word again last of all: whatever they met in an old table
 *    is thrown away.  Tables only grow, so no such word comes twice.
 * 6. Names do not move within a table, and a slot becomes empty only where no
 *    name had to pass over its group.  So a name that is there is found.
 *
 * A retry is due to a change by the writer in that very moment: when it stops,
 * readers go on at once.
 *
 * The file never shrinks.  What 'size' says has been allocated
 *(posix_fallocate) before 'size' said so, and readers touch nothing behind it:
 *a full file system is an error of the writer and no SIGBUS of anybody. Readers
 *map 'capacity' bytes from the start, more than there is, so that growth costs
 *them nothing.
 *
 * Another writer makes another file beside it, and calls the old one
 * superseded before it renames.  A reader who reads that maps anew; while the
 * path leads to the same file still, it stays with that one.
 *
 * Numbers are the host's own: the file does not leave it.
 */
#ifndef SKEP_CLIENT_REGFILE_H
#define SKEP_CLIENT_REGFILE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if ATOMIC_LLONG_LOCK_FREE != 2
#error "the registry's file needs 64-bit stores that are one instruction"
#endif

typedef _Atomic uint64_t regfile_word;

#define REGFILE_MAGIC	   UINT64_C(0x0a67657270656b73) /* "skepreg\n" */
#define REGFILE_FORMAT	   1
#define REGFILE_HEAD_SIZE  4096
#define REGFILE_UNIT	   32 /* bytes; where rows and tables begin */
#define REGFILE_UNIT_WORDS 4
#define REGFILE_GROUP	   8  /* slots, one cache line */
#define REGFILE_SHARDS	   64 /* words to wait at, by hash */

/* The largest file: what 32 bits of units reach. */
#define REGFILE_CAPACITY_MAX ((uint64_t)REGFILE_UNIT << 32)

/* The first page. */
struct regfile_head {
	/* Written before the file has its name. */
	uint64_t magic;
	uint64_t format;
	uint64_t capacity; /* bytes that it may grow to */
	uint64_t seed;	   /* of the hashes; the next file has the same */
	uint64_t born;	   /* another one in each file */
	uint64_t unused[3];
	/* Loaded by each lookup; a cache line that seldom changes. */
	regfile_word table; /* unit of the first group << 8 | log2(groups) */
	regfile_word size;  /* bytes that are there */
	_Atomic uint32_t is_superseded;
	_Atomic uint32_t is_lacking; /* not all names found room */
	uint64_t unused_too[5];
	/* For those who ask how the registry is. */
	regfile_word count;    /* names */
	regfile_word alive_ms; /* CLOCK_BOOTTIME, when the writer last said
				  so */
	uint64_t unused_either[6];
	/* Counters to wait at (futex), raised after what they tell of. */
	_Atomic uint32_t changes; /* of anything */
	uint32_t padding[15];
	_Atomic uint32_t shards[REGFILE_SHARDS]; /* of names with such hashes */
};

_Static_assert(sizeof(struct regfile_head) <= REGFILE_HEAD_SIZE, "one page");
_Static_assert(offsetof(struct regfile_head, table) == 64, "a line of its own");
_Static_assert(offsetof(struct regfile_head, changes) == 192, "and these");

/* Slots: 16 bits of hash, 16 of generation, 32 of unit.  The units below
 * REGFILE_HEAD_SIZE / REGFILE_UNIT are the head's and name no row. */
#define REGFILE_EMPTY UINT64_C(0)
#define REGFILE_GONE  UINT64_C(1) /* was taken; whoever seeks goes on */

/* The words of a row. */
enum regfile_row {
	REGFILE_SERIAL,
	REGFILE_HASH,
	REGFILE_EPOCH,
	REGFILE_SINCE,
	REGFILE_FACTS, /* pid << 32 | kind << 8 | state */
	REGFILE_SIZES, /* meta << 32 | host << 16 | name, in bytes */
	REGFILE_TEXTS, /* name, host and meta, each with a NUL and zeros up to
			  the next word; of a meta of 0 bytes nothing */
};

#define REGFILE_NAME_MAX  255
#define REGFILE_HOST_MAX  64
#define REGFILE_META_MAX  512
#define REGFILE_WORDS_MAX 128

_Static_assert(REGFILE_TEXTS + REGFILE_NAME_MAX / 8 + REGFILE_HOST_MAX / 8 +
			       REGFILE_META_MAX / 8 + 3 <=
		       REGFILE_WORDS_MAX,
	"the longest row");

/* Groups.  Their rows have names that no name has: GROUP, REGFILE_GROUP_END and
 * the number of a place, whose 'meta' is the name of who has it; and GROUP,
 * REGFILE_GROUP_END, where 'pid' says how many places there are.  A place may
 * be free: there is no such row.  Who has one keeps it until it leaves the
 * group. */
#define REGFILE_GROUP_END     '\1'
#define REGFILE_KIND_GROUP    255 /* of a row, beside enum skep_kind */
#define REGFILE_GROUP_MAX     127
#define REGFILE_GROUP_ROW_MAX (REGFILE_GROUP_MAX + 11)

/* Writes the name of a group's row: that of a place, or with NULL the other. */
static inline void
regfile_group_row(char name[REGFILE_GROUP_ROW_MAX + 1], const char *group,
	size_t size, const uint32_t *place)
{
	if (place)
		snprintf(name, REGFILE_GROUP_ROW_MAX + 1, "%.*s%c%u", (int)size,
			group, REGFILE_GROUP_END, *place);
	else
		snprintf(name, REGFILE_GROUP_ROW_MAX + 1, "%.*s%c", (int)size,
			group, REGFILE_GROUP_END);
}

/* The words that a text of so many bytes takes. */
static inline size_t
regfile_text_words(size_t size)
{
	return size / 8 + 1;
}

/* The words that a row with such sizes takes, 0 when no row has them. */
static inline size_t
regfile_row_words(uint64_t sizes)
{
	size_t name = sizes & 0xffff, host = sizes >> 16 & 0xffff;
	size_t meta = (size_t)(sizes >> 32);
	if (name > REGFILE_NAME_MAX || host > REGFILE_HOST_MAX ||
		meta > REGFILE_META_MAX)
		return 0;
	return REGFILE_TEXTS + regfile_text_words(name) +
	       regfile_text_words(host) + (meta ? regfile_text_words(meta) : 0);
}

/* The kind that a row's facts tell of. */
static inline unsigned
regfile_kind(uint64_t facts)
{
	return facts >> 8 & 0xff;
}

static inline uint64_t
regfile_sizes(size_t name, size_t host, size_t meta)
{
	return (uint64_t)meta << 32 | (uint64_t)host << 16 | name;
}

static inline uint64_t
regfile_slot_make(uint64_t hash, uint64_t serial, uint64_t unit)
{
	return hash << 48 | (serial & 0xffff) << 32 | unit;
}

/* Whether it may be the slot of a name with this hash. */
static inline int
regfile_slot_fits(uint64_t slot, uint64_t hash)
{
	return slot >> 48 == (hash & 0xffff) && slot > REGFILE_GONE;
}

static inline uint64_t
regfile_slot_unit(uint64_t slot)
{
	return slot & 0xffffffff;
}

static inline uint64_t
regfile_table_make(uint64_t unit, unsigned bits)
{
	return unit << 8 | bits;
}

static inline unsigned
regfile_table_bits(uint64_t table)
{
	return table & 0xff;
}

static inline uint64_t
regfile_table_unit(uint64_t table)
{
	return table >> 8;
}

/* The group that a hash picks: its upper bits, so that a larger table has the
 * same order. */
static inline uint64_t
regfile_home(uint64_t hash, unsigned bits)
{
	return bits ? hash >> (64 - bits) : 0;
}

static inline unsigned
regfile_shard(uint64_t hash)
{
	return hash >> 16 & (REGFILE_SHARDS - 1);
}

/* Multiplies, and folds the product's halves. */
static inline uint64_t
regfile_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Hash of a name, eight bytes at a time; after wyhash (Wang Yi, 2019), smaller.
 *
 * The seed makes groups differ from host to host, so that no list of names is
 * bad everywhere.  It is no secret: it stands in the file, which all users of
 * the host can read, and who may register names can choose many that meet in
 * one group.  Lookups near it then pass over all of these: they take longer,
 * and still find what is there. */
static inline uint64_t
regfile_hash(const char *name, size_t size, uint64_t seed)
{
	const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t h = seed ^ regfile_fold(size ^ odd, seed | 1), word;
	for (; size > 8; size -= 8, name += 8) {
		memcpy(&word, name, 8);
		h = regfile_fold(h ^ word, UINT64_C(0xa0761d6478bd642f));
	}
	word = 0;
	memcpy(&word, name, size);
	return regfile_fold(h ^ word, odd);
}

/* The words of the file that lies at 'base'. */
static inline regfile_word *
regfile_at(void *base, uint64_t unit)
{
	return (regfile_word *)base + unit * REGFILE_UNIT_WORDS;
}

#endif
