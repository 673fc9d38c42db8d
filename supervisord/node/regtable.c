#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "node/regwriter_private.h"

#define BITS_FIRST  5	/* 256 slots */
#define PASSED_MANY 255 /* see struct regwriter */
#define AHEAD	    16	/* rows that are fetched in advance */

static uint64_t
slot_count(unsigned bits)
{
	return (uint64_t)REGFILE_GROUP << bits;
}

static size_t
table_units(unsigned bits)
{
	return (size_t)(slot_count(bits) * 8 / REGFILE_UNIT);
}

static regfile_word *
group_of(const struct regwriter *w, uint64_t group)
{
	uint64_t mask = (UINT64_C(1) << w->bits) - 1;
	return w->slots + (group & mask) * REGFILE_GROUP;
}

/* The first free slot of a group, or NULL. */
static regfile_word *
room_in(regfile_word *group)
{
	for (unsigned i = 0; i < REGFILE_GROUP; i++)
		if (regwriter_load(&group[i]) <= REGFILE_GONE)
			return &group[i];
	return NULL;
}

static bool
has_empty(const regfile_word *group)
{
	for (unsigned i = 0; i < REGFILE_GROUP; i++)
		if (regwriter_load(&group[i]) == REGFILE_EMPTY)
			return true;
	return false;
}

static bool
is_named(const regfile_word *row, const char *name, size_t size)
{
	return (regwriter_load(&row[REGFILE_SIZES]) & 0xffff) == size &&
	       memcmp((const void *)&row[REGFILE_TEXTS], name, size) == 0;
}

void
regtable_find(const struct regwriter *w, const char *name, size_t size,
	uint64_t hash, struct regtable_place *out)
{
	uint64_t home = regfile_home(hash, w->bits);
	*out = (struct regtable_place){NULL, NULL};
	for (uint64_t n = 0; n >> w->bits == 0; n++) {
		regfile_word *group = group_of(w, home + n);
		for (unsigned i = 0; i < REGFILE_GROUP; i++) {
			uint64_t slot = regwriter_load(&group[i]);
			if (!regfile_slot_fits(slot, hash) ||
				!is_named(
					regwriter_row_at(w, slot), name, size))
				continue;
			out->slot = &group[i];
			return;
		}
		if (!out->room)
			out->room = room_in(group);
		if (has_empty(group))
			return;
	}
}

/* Counts a name in or out of those that passed over the groups between its
 * home and 'at'. */
static void
count_passed(struct regwriter *w, regfile_word *at, uint64_t hash, int sign)
{
	uint64_t mask = (UINT64_C(1) << w->bits) - 1;
	uint64_t group = regfile_home(hash, w->bits);
	uint64_t end = (uint64_t)(at - w->slots) / REGFILE_GROUP;
	for (; group != end; group = (group + 1) & mask) {
		if (w->passed[group] == PASSED_MANY)
			continue;
		CHECK(sign > 0 || w->passed[group] > 0);
		w->passed[group] = (uint8_t)(w->passed[group] + sign);
		if (w->passed[group] > 0)
			continue;
		/* Nobody has to look behind it any more. */
		regfile_word *slots = group_of(w, group);
		for (unsigned i = 0; i < REGFILE_GROUP; i++)
			if (regwriter_load(&slots[i]) == REGFILE_GONE)
				regwriter_store(&slots[i], REGFILE_EMPTY);
	}
}

void
regtable_enter(
	struct regwriter *w, regfile_word *room, uint64_t hash, uint64_t slot)
{
	CHECK(regwriter_load(room) <= REGFILE_GONE);
	count_passed(w, room, hash, 1);
	regwriter_store(room, slot);
}

void
regtable_leave(struct regwriter *w, regfile_word *at, uint64_t hash)
{
	uint64_t group = (uint64_t)(at - w->slots) / REGFILE_GROUP;
	CHECK(regwriter_load(at) > REGFILE_GONE);
	regwriter_store(at, w->passed[group] ? REGFILE_GONE : REGFILE_EMPTY);
	count_passed(w, at, hash, -1);
}

/* --- Growth --- */

/* Enters what another table names into the new one, which nobody reads yet. */
static void
fill(struct regwriter *w, const regfile_word *old, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		uint64_t slot = regwriter_load(&old[i]), hash;
		uint64_t later = i + AHEAD < count
					 ? regwriter_load(&old[i + AHEAD])
					 : REGFILE_EMPTY;
		if (later > REGFILE_GONE)
			__builtin_prefetch(
				(const void *)regwriter_row_at(w, later));
		if (slot <= REGFILE_GONE)
			continue;
		hash = regwriter_load(&regwriter_row_at(w, slot)[REGFILE_HASH]);
		uint64_t home = regfile_home(hash, w->bits);
		regfile_word *room = NULL;
		for (uint64_t n = 0; !room; n++)
			room = room_in(group_of(w, home + n));
		regtable_enter(w, room, hash, slot);
	}
}

/* Goes over to a table of that size. */
static int
make_table(struct regwriter *w, unsigned bits)
{
	uint8_t *passed = calloc((size_t)1 << bits, 1);
	if (!passed)
		return -ENOMEM;
	/* One unit more, so that it can begin where a cache line does. */
	uint32_t unit = regwriter_take_new(w, table_units(bits) + 1);
	if (unit == 0) {
		free(passed);
		return -ENOSPC;
	}
	uint64_t first = unit + (unit & 1), last = unit + table_units(bits);
	regwriter_give(w, unit & 1 ? unit : last, 1);
	const regfile_word *old = w->slots;
	unsigned old_bits = w->bits;
	free(w->passed);
	w->passed = passed;
	w->slots = regfile_at(w->head, first);
	w->bits = bits;
	if (old)
		fill(w, old, slot_count(old_bits));
	regwriter_store(&w->head->table, regfile_table_make(first, bits));
	if (old)
		regwriter_give(w,
			(uint64_t)(old - regfile_at(w->head, 0)) /
				REGFILE_UNIT_WORDS,
			table_units(old_bits));
	return 0;
}

int
regtable_init(struct regwriter *w)
{
	return make_table(w, BITS_FIRST);
}

int
regtable_reserve(struct regwriter *w)
{
	uint64_t next = w->rows + 1;
	uint64_t slots = slot_count(w->bits);
	if (next * 8 <= slots * 5 || next < w->crowded)
		return next * 8 <= slots * 7 ? 0 : -ENOSPC;
	if (make_table(w, w->bits + 1) == 0)
		return 0;
	w->crowded = next + slots / 64;
	return next * 8 <= slots * 7 ? 0 : -ENOSPC;
}
