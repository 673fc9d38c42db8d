/* What the parts of the desired state share: entries (specs.c), the tree of
 * sums (specs_tree.c), what travels (specs_repair.c), values (specs_value.c).
 */
#ifndef SKEP_CORE_SPECS_PRIVATE_H
#define SKEP_CORE_SPECS_PRIVATE_H

#include "core/core_private.h"
#include "core/wire.h"

#define TREE_DEPTH 4 /* of the leaves; the root's is 0 */
#define TREE_FAN   16

/* A message with entries holds this many bytes of them at most. */
#define ENTRIES_SIZE 524288

/* One version of an entry, as it comes in. */
struct entry_change {
	enum entry_kind kind;
	const char *name; /* borrowed */
	uint64_t stamp;
	const char *writer; /* borrowed */
	bool is_deleted;
	struct bytes value; /* borrowed */
};

/* The realm of a kind. */
enum realm specs_realm_of(enum entry_kind kind);
/* Whether an entry of that kind can have that name. */
bool specs_is_name(enum entry_kind kind, const char *name);

/* The hash that an entry's place in map and tree comes from. */
uint64_t specs_key_hash(enum entry_kind kind, const char *name);

/* The entry of that key, deleted or not, or NULL. */
struct entry *specs_lookup(
	const struct core *c, enum entry_kind kind, const char *name);
/* Whether (stamp, writer) of a change is larger than an entry's. */
bool specs_is_newer(const struct entry_change *change, const struct entry *e);
/* Takes a change that wins: table, tree, STORE, marks.  REPLY_FULL when there
 * is no room; nothing changed then. */
enum reply_code specs_take(struct core *c, const struct entry_change *change);
/* Removes an entry from table, tree and store. */
void specs_drop(struct core *c, struct entry *e);
/* Whether a stamp lies further in the future than a clock may be wrong. */
bool specs_is_future(const struct core *c, uint64_t stamp);
/* Raises both marks of a realm, and stores them. */
void specs_raise(struct core *c, enum realm realm, uint64_t horizon,
	uint64_t trusted);

/* The sum of a node of a realm's tree. */
uint64_t specs_tree_sum(const struct core *c, enum realm realm, uint32_t depth,
	uint32_t index);
/* Adds to (or, with the complement, takes from) all nodes above a leaf, whose
 * own sum is that of its entries. */
void specs_tree_add(
	struct core *c, enum realm realm, uint32_t leaf, uint64_t sum);
/* The leaf of a key. */
uint32_t specs_tree_leaf(uint64_t key_hash);
/* What a leaf's entries are found by in 'by_leaf'. */
uint64_t specs_leaf_key(enum realm realm, uint32_t leaf);

/* Whether a member knows what a realm is, so that it may be told of it. */
bool specs_is_known_to(const struct core *c, member_id id, enum realm realm);

/* The root of a realm as a member told it last. */
uint64_t specs_told_root(
	const struct core *c, member_id id, enum realm realm);

/* Sends one entry to all linked members once STORE 'after' is durable. */
void specs_flood(struct core *c, const struct entry *e, uint64_t after);
/* Encodes an entry as field 'tag' of the message in the making. */
bool specs_put_entry(struct wire_out *w, const struct entry *e);
/* --- Policies on the wire (specs_value.c) --- */

/* Where the names of instances and groups that are read go. */
struct specs_names {
	struct spec_policy *policy; /* zeroed, borrowed */
	size_t used;		    /* of its 'instances' */
	size_t groups_used;	    /* of its 'groups' */
};

/* The wire's struct of a policy, which it borrows. */
skep_ServicePolicy specs_policy_to_wire(const struct spec_policy *p);
/* Sets the callbacks of 'msg' before it is decoded into 'p', zeroed. */
void specs_policy_names(struct specs_names *names, struct spec_policy *p,
	skep_ServicePolicy *msg);
/* Fills all the rest; false when a value is out of its range. */
bool specs_policy_from_wire(
	const skep_ServicePolicy *msg, struct spec_policy *p);

/* The wire's struct of an entry; 'e' and its value are borrowed. */
skep_Entry specs_to_wire(const struct entry *e);

/* The table of decoded services (specs_cache.c): its memory, its birth. */
size_t specs_cache_need(void);
void specs_cache_init(struct core *c);

#endif
