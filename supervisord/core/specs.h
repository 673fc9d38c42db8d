/* The desired state: what operators want, writable on every host.
 *
 * A map from (kind, name) to a value, last writer wins by hybrid logical
 * clock (Kulkarni et al. 2014: 48 bits of wall milliseconds, 16 bits of
 * counter) and then by the writer's name.  A write is stored, then flooded;
 * what a host missed is found through a tree of sums: radix 16 over the hash
 * of the key, four levels, each node the sum of its entries' hashes, so that
 * an update costs five additions and two hosts that differ in d entries
 * exchange O(d).
 *
 * Tombstones are dropped when all members hold them and they are a day old;
 * 'horizon' is the largest stamp ever dropped here.  A host that returns after
 * longer than that loses its entries below the cluster's horizon which the
 * cluster lacks: they were deleted elsewhere.  Two marks make this safe while
 * it is under way.  'trusted' is what a host tells: it lacks no write up to
 * there but what was deleted; it rises with our own drops, and to a peer's
 * when both roots are equal.  Below 'horizon' no unknown entry is taken from
 * a host that is trusted less; a host that is itself trusted up to there
 * answers with the entry marked 'gone', and the other drops it.
 *
 * Key/value entries are nothing that duties depend on, and may change all the
 * time.  So they form a realm of their own, with its own tree, marks and
 * messages: a write to one of them makes no host wait for another, changes no
 * index of a plan, and a host of an older version, which does not know them,
 * is not told of them.
 */
#ifndef SKEP_CORE_SPECS_H
#define SKEP_CORE_SPECS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mono.h"
#include "base/slots.h"
#include "core/core.h"
#include "core/member.h"

enum entry_kind {
	ENTRY_SERVICE = 1, /* name = service; ServiceValue */
	ENTRY_OVERRIDE,	   /* name = service or instance; OverrideValue */
	ENTRY_NODE,	   /* name = node; NodeValue */
	ENTRY_SETTING,	   /* name = key; SettingValue */
	ENTRY_KV,	   /* name = key, a run-time name; the value's bytes */
	ENTRY_KIND_COUNT,
};

/* What is compared as a whole; entries of one kind are in one realm. */
enum realm {
	REALM_STATE, /* what hosts act upon */
	REALM_KV,    /* key/value */
	REALM_COUNT,
};

/* Bytes of one value of key/value. */
#define KV_VALUE_MAX 4096

/* One entry as others may read it. */
struct entry {
	struct map_link by_key; /* in specs.by_key */
	struct list in_order;	/* in specs.order, in order of arrival */
	struct map_link by_leaf; /* in specs.by_leaf */
	enum entry_kind kind;	/* 0: this slot is free */
	char name[RUNTIME_NAME_MAX + 1];
	uint64_t stamp; /* hybrid logical clock */
	char writer[NODE_NAME_MAX + 1];
	bool is_deleted;
	struct bytes value; /* encoded, in the pool; empty if deleted */
	uint64_t sum;	    /* what the tree holds for it */
	uint64_t store_seq; /* STORE that makes it durable here */
	uint32_t slot;	    /* index in specs.entries, stable */
};

/* Of what skep.conf seeds: older than every write. */
#define SEED_STAMP 1

#define TREE_LEAVES 65536
#define TREE_NODES  (1 + 16 + 256 + 4096) /* without the leaves */

struct buddy; /* base/buddy.h: allocator for the values */

struct specs_line; /* specs_cache.c: a service, decoded */

/* Bytes of one encoded value, at most: a body and its policy. */
#define SPEC_VALUE_MAX 73728

/* What is under way with one member. */
struct specs_peer {
	struct {
		mono repair_at;	  /* compare trees then; NEVER: equal roots */
		uint64_t trusted; /* what it said of itself */
	} realms[REALM_COUNT];
};

/* What there is of each realm, apart from the entries. */
struct specs_realm {
	uint64_t *tree;	  /* TREE_NODES sums, level by level; a leaf's is that
			     of its few entries */
	uint64_t horizon; /* no unknown entry below comes in, see above */
	uint64_t trusted; /* what we say of ourselves */
};

struct specs {
	struct map by_key;
	struct map by_leaf;   /* the hash is the leaf's number and realm */
	struct slots entries; /* of struct entry */
	struct list order[ENTRY_KIND_COUNT]; /* live and deleted, by kind */
	struct buddy *values;
	struct specs_line *lines; /* services decoded lately */
	struct specs_realm realms[REALM_COUNT];
	uint64_t clock;	      /* last stamp given or seen */
	uint64_t clock_bound; /* stored upper bound of 'clock' */
	bool is_seeding;	/* writes get SEED_STAMP, see settings_seed */
	uint32_t count;
	uint32_t kv_count;    /* of these, key/value, tombstones too */
	uint64_t kv_size;     /* bytes of their values */
	struct specs_peer *peers; /* members_max of them */
	mono gc_at;		  /* next look at old tombstones */
	uint64_t parked;	  /* writes from the future that were refused */
	uint64_t refused;	  /* messages that made no sense */
	uint64_t gone;		  /* entries dropped: deleted elsewhere */
};

struct core;

void specs_init(struct core *c);
size_t specs_need(const struct core_limits *limits);

void specs_on_load(struct core *c, struct bytes key, struct bytes value);
void specs_on_boot(struct core *c);

/* Writes an entry here and now, with a new stamp: stores, floods, marks.
 * 'value' is copied.  '*after_out' becomes the STORE's number.  Writing what
 * the entry already says changes nothing: REPLY_UNCHANGED, and the number of
 * the STORE that made it durable.  REPLY_FULL when a table is full,
 * REPLY_INVALID when the value is too large. */
enum reply_code specs_set(struct core *c, enum entry_kind kind,
	const char *name, struct bytes value, uint64_t *after_out);
/* Writes a tombstone; REPLY_NOT_FOUND when there is nothing to delete. */
enum reply_code specs_delete(struct core *c, enum entry_kind kind,
	const char *name, uint64_t *after_out);

/* Borrows a live entry, or NULL. */
const struct entry *specs_find(
	const struct core *c, enum entry_kind kind, const char *name);
/* Walks the live entries of a kind; NULL starts and ends. */
const struct entry *specs_walk(
	const struct core *c, enum entry_kind kind, const struct entry *after);
/* Borrows an entry by its slot (it may be deleted), or NULL if unused. */
const struct entry *specs_by_slot(const struct core *c, uint32_t slot);

/* Root of the tree of what hosts act upon, for heartbeats and 'debug dump'. */
uint64_t specs_root(const struct core *c);
/* The same of key/value. */
uint64_t specs_kv_root(const struct core *c);

void specs_on_linked(struct core *c, member_id id);
void specs_on_heartbeat(struct core *c, member_id id);
/* Entries, TreeNode, EntriesWanted. */
void specs_on_recv(
	struct core *c, member_id from, uint16_t type, struct bytes body);
void specs_on_tick(struct core *c);
mono specs_deadline(const struct core *c);

/* --- Values, decoded --- */

/* A ServiceValue; texts are borrowed from the entry's bytes or from the
 * scratch that was given. */
struct service_value {
	uint64_t digest;
	uint64_t run_digest;
	struct spec_policy policy;
	struct bytes body; /* borrowed from the encoded value */
	char source_file[256];
	char source_node[NODE_NAME_MAX + 1];
	uint64_t source_digest;
	bool is_runtime; /* given by 'register', see runtime.h */
};

struct override_value {
	bool is_stopped;
	uint64_t word_generation; /* rises with each start and stop, so that
				     the same word said again is a later one */
	uint64_t restart_generation; /* rises with each restart, and each start
					of what came to rest */
	uint64_t anyway_generation;  /* rises with each restart: what waits for
					its last checkpoint begins without it */
	char move_to[NODE_NAME_MAX + 1];
	uint64_t move_generation;
};

struct node_value {
	enum node_intent intent;
	int64_t deadline_wall_ms; /* 0: none */
	char reason[128];
	bool is_forced;
	uint32_t max_parallel; /* of a drain: moves at a time; 0: any */
};

/* Decoders return false for bytes that make no sense (they came from
 * outside; the entry is then kept, relayed and not acted upon). */
bool specs_get_service(const struct entry *e, struct service_value *out);
/* The same for an entry of ours, from a table of those decoded lately. */
bool specs_service(
	struct core *c, const struct entry *e, struct service_value *out);
bool specs_get_override(const struct entry *e, struct override_value *out);
bool specs_get_node(const struct entry *e, struct node_value *out);
bool specs_get_setting(const struct entry *e, const char **value_out,
	char *buffer, size_t size);

/* The bytes of a service's value, in the effects' pool; no data when they do
 * not fit. */
struct bytes specs_encode_service(
	struct core *c, const struct service_value *v);

/* Writers of the four kinds: encode and specs_set. */
enum reply_code specs_set_service(struct core *c, const char *name,
	const struct service_value *v, uint64_t *after_out);
enum reply_code specs_set_override(struct core *c, const char *name,
	const struct override_value *v, uint64_t *after_out);
enum reply_code specs_set_node(struct core *c, const char *name,
	const struct node_value *v, uint64_t *after_out);
enum reply_code specs_set_setting(struct core *c, const char *key,
	const char *value, uint64_t *after_out);

/* One record of TABLE_META; keys of other modules are ignored. */
void specs_on_load_meta(struct core *c, struct bytes key, struct bytes value);

/* Audits the module; panics where it is inconsistent. */
void specs_check(const struct core *c);

#endif
