/* Walks through all names, in the order of their hashes.
 *
 * A table of groups is in that order already, but for names that had to pass
 * over their group; so a walk goes from group to group and takes, of the names
 * at home in one, the next behind the last that was given.  Larger tables, and
 * those of later files, have the same order, so a walk goes on in them.
 */
#include <errno.h>

#include "base/glob.h"
#include "client/reader.h"

#define BEGUN 1 /* private_[1]: private_[0] is the hash of the last name */

/* What is looked for. */
struct walk {
	struct regfile_head *head;
	uint64_t table;	    /* that is looked through */
	const char *prefix; /* or NULL: */
	const char *pattern;
	size_t prefix_size;
	bool has_last;
	uint64_t last_hash;
	const char *last_name;
	struct reader_row found; /* the first one behind the last */
	bool has_found;
};

static bool
is_wanted(const struct walk *w, const struct reader_row *row)
{
	size_t size;
	const char *name = reader_name(row, &size);
	if (regfile_kind(row->words[REGFILE_FACTS]) == REGFILE_KIND_GROUP)
		return false;
	if (w->prefix)
		return size >= w->prefix_size &&
		       memcmp(name, w->prefix, w->prefix_size) == 0;
	return glob_matches(w->pattern, name);
}

/* By hash; names of one hash by themselves. */
static int
compare(uint64_t a_hash, const char *a, uint64_t b_hash, const char *b)
{
	if (a_hash != b_hash)
		return a_hash < b_hash ? -1 : 1;
	return strcmp(a, b);
}

/* Takes a row if it comes next; 'home' is the group that is looked through. */
static void
consider(struct walk *w, const struct reader_row *row, uint64_t home)
{
	size_t size;
	uint64_t hash = row->words[REGFILE_HASH];
	const char *name = reader_name(row, &size);
	if (regfile_home(hash, regfile_table_bits(w->table)) != home)
		return;
	if (w->has_last && compare(hash, name, w->last_hash, w->last_name) <= 0)
		return;
	if (w->has_found && compare(hash, name, w->found.words[REGFILE_HASH],
				    reader_name(&w->found, &size)) >= 0)
		return;
	if (!is_wanted(w, row))
		return;
	w->found = *row;
	w->has_found = true;
}

static bool
is_current(const struct walk *w)
{
	return atomic_load_explicit(&w->head->table, memory_order_acquire) ==
	       w->table;
}

/* Looks at one slot, again while it changes; false when it is empty, or of a
 * table that is one no more. */
static bool
look(struct walk *w, regfile_word *at, uint64_t home)
{
	struct reader_row row;
	for (unsigned tries = 0; tries < READER_TRIES_MAX; tries++) {
		uint64_t slot = atomic_load_explicit(at, memory_order_acquire);
		if (slot <= REGFILE_GONE)
			return slot == REGFILE_GONE;
		if (reader_copy(w->head, at, slot, &row)) {
			consider(w, &row, home);
			return true;
		}
		if (!is_current(w))
			break;
	}
	return false;
}

/* Looks through the names that are at home in one group. */
static void
look_through(struct walk *w, uint64_t home)
{
	unsigned bits = regfile_table_bits(w->table);
	uint64_t mask = (UINT64_C(1) << bits) - 1;
	regfile_word *first = regfile_at(w->head, regfile_table_unit(w->table));
	w->has_found = false;
	for (uint64_t n = 0; n <= mask; n++) {
		regfile_word *group =
			first + ((home + n) & mask) * REGFILE_GROUP;
		bool has_empty = false;
		for (unsigned i = 0; i < REGFILE_GROUP; i++)
			has_empty |= !look(w, &group[i], home);
		if (has_empty)
			break;
	}
}

/* Goes through the groups from that of the hash '*from': 1 when it found a
 * name, 0 when there is none, -EAGAIN when another table has come; '*from' is
 * where to go on then. */
static int
seek_in(struct walk *w, uint64_t *from)
{
	unsigned bits = regfile_table_bits(w->table);
	uint64_t home = regfile_home(*from, bits);
	for (; home >> bits == 0; home++) {
		look_through(w, home);
		if (!is_current(w)) {
			*from = bits ? home << (64 - bits) : 0;
			return -EAGAIN;
		}
		if (w->has_found)
			return 1;
	}
	return 0;
}

/* Seeks the next name: 1, 0 or -EBADMSG. */
static int
seek(struct walk *w)
{
	uint64_t from = w->has_last ? w->last_hash : 0;
	int code;
	do {
		w->table = atomic_load_explicit(
			&w->head->table, memory_order_acquire);
		if (!reader_has_table(w->head, w->table))
			return -EBADMSG;
		code = seek_in(w, &from);
	} while (code == -EAGAIN);
	return code;
}

static int
step(struct skep_registry *r, struct walk *w, struct skep_entry *entry)
{
	reader_refresh(r);
	struct regfile_head *head = w->head = r->head;
	w->has_last = entry->private_[1] == BEGUN;
	if (w->has_last && entry->private_[2] != head->seed)
		return -ESTALE;
	w->last_hash = entry->private_[0];
	w->last_name = entry->name;
	int code = seek(w);
	if (code <= 0)
		return code;
	reader_tell(&w->found, entry);
	entry->private_[1] = BEGUN;
	entry->private_[2] = head->seed;
	return 1;
}

int
skep_registry_next(struct skep_registry *registry, const char *prefix,
	struct skep_entry *entry)
{
	struct walk w = {.prefix = prefix, .prefix_size = strlen(prefix)};
	return step(registry, &w, entry);
}

int
skep_registry_match(struct skep_registry *registry, const char *pattern,
	struct skep_entry *entry)
{
	struct walk w = {.pattern = pattern};
	if (glob_fault(pattern))
		return -EINVAL;
	return step(registry, &w, entry);
}
