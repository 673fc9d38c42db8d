#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_stub.h"

#define SEEDS  300
#define STEPS  100
#define NAMES  16
#define ROWS   16
#define DAY_MS ((int64_t)24 * 3600 * 1000)

static enum reply_code
set(struct world *w, unsigned node, const char *name, const char *value)
{
	uint64_t after;
	struct core *c = world_enter(w, node);
	uint64_t clock = c->specs.clock;
	enum reply_code code = specs_set(c, ENTRY_SERVICE, name,
		(struct bytes){value, strlen(value)}, &after);
	ck_assert_uint_ge(c->specs.clock, clock);
	world_leave(w, node);
	return code;
}

static enum reply_code delete (
	struct world *w, unsigned node, const char *name) {
	uint64_t after; struct core *c = world_enter(w, node);
	enum reply_code code = specs_delete(c, ENTRY_SERVICE, name, &after);
	world_leave(w, node);
	return code;
}

static const struct entry *
look(const struct world *w, unsigned node, const char *name)
{
	return specs_find(w->nodes[node].c, ENTRY_SERVICE, name);
}

static bool
says(const struct world *w, unsigned node, const char *name, const char *value)
{
	const struct entry *e = look(w, node, name);
	return e && e->value.size == strlen(value) &&
	       !memcmp(e->value.data, value, e->value.size);
}

static bool
are_roots_equal(const struct world *w)
{
	for (unsigned i = 1; i < w->count; i++)
		if (specs_root(w->nodes[i].c) != specs_root(w->nodes[0].c))
			return false;
	return true;
}

static void
settle(struct world *w, int64_t ms)
{
	for (; ms > 0 && !are_roots_equal(w); ms -= 10)
		world_pass(w);
	ck_assert_msg(are_roots_equal(w), "roots still differ");
	for (unsigned i = 0; i < w->count; i++)
		specs_check(w->nodes[i].c);
}

/* All hosts show the same entries with the same bytes. */
static void
check_equal(const struct world *w)
{
	for (unsigned i = 1; i < w->count; i++) {
		const struct entry *e = NULL;
		uint32_t count = 0;
		const struct core *c = w->nodes[0].c;
		while ((e = specs_walk(c, ENTRY_SERVICE, e)) != NULL) {
			const struct entry *copy = look(w, i, e->name);
			ck_assert_ptr_nonnull(copy);
			ck_assert_uint_eq(copy->stamp, e->stamp);
			ck_assert_str_eq(copy->writer, e->writer);
			ck_assert_uint_eq(copy->value.size, e->value.size);
			ck_assert(!e->value.size ||
				  !memcmp(copy->value.data, e->value.data,
					  e->value.size));
			count++;
		}
		c = w->nodes[i].c;
		while ((e = specs_walk(c, ENTRY_SERVICE, e)) != NULL)
			count--;
		ck_assert_uint_eq(count, 0);
	}
}

static void
random_event(struct world *w)
{
	unsigned i = (unsigned)prng_below(&w->prng, w->count);
	unsigned j = (unsigned)prng_below(&w->prng, w->count);
	char name[32];
	char value[600];
	snprintf(name, sizeof name, "s%u",
		(unsigned)prng_below(&w->prng, NAMES));
	switch (prng_below(&w->prng, 10)) {
	case 0:
		if (i != j)
			world_cut(w, i, j);
		return;
	case 1:
	case 2:
		if (i != j)
			world_link(w, i, j);
		return;
	case 3:
	case 4:
		delete (w, i, name);
		return;
	case 5:
		if (prng_chance(&w->prng, 1, 3)) {
			world_stop(w, i);
			world_start(w, i);
		}
		return;
	default:
		memset(value, 'v', sizeof value);
		value[prng_below(&w->prng, sizeof value)] = '\0';
		value[sizeof value - 1] = '\0';
		enum reply_code want =
			says(w, i, name, value) ? REPLY_UNCHANGED : REPLY_OK;
		ck_assert_int_eq(set(w, i, name, value), want);
		return;
	}
}

START_TEST(test_random)
{
	struct world w;
	world_init(&w, 2 + (unsigned)_i % 4, ROWS, (uint64_t)_i + 1);
	for (unsigned step = 0; step < STEPS; step++) {
		random_event(&w);
		/* Clocks of hosts differ, and steps of the wall clock go both
		 * ways. */
		w.wall_ms += (int64_t)prng_below(&w.prng, 4000) - 2000;
		world_pass_ms(&w, 20);
	}
	world_link_all(&w);
	settle(&w, 30000);
	check_equal(&w);
	world_fini(&w);
}
END_TEST

START_TEST(test_last_writer_wins)
{
	struct world w;
	world_init(&w, 2, ROWS, 1);
	set(&w, 0, "a", "older");
	w.wall_ms += 5;
	set(&w, 1, "a", "newer");
	/* A tie goes to the larger writer. */
	set(&w, 0, "b", "n0");
	set(&w, 1, "b", "n1");
	world_link(&w, 0, 1);
	settle(&w, 10000);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert(says(&w, i, "a", "newer"));
		ck_assert(says(&w, i, "b", "n1"));
	}
	ck_assert_int_eq(delete (&w, 0, "nothing"), REPLY_NOT_FOUND);
	uint64_t root = specs_root(w.nodes[0].c);
	set(&w, 0, "a", "newer");
	ck_assert_uint_eq(specs_root(w.nodes[0].c), root);
	world_fini(&w);
}
END_TEST

/* The clock never goes back over a restart, though the wall clock does. */
START_TEST(test_clock_survives)
{
	struct world w;
	world_init(&w, 1, ROWS, 1);
	set(&w, 0, "a", "1");
	uint64_t stamp = look(&w, 0, "a")->stamp;
	delete (&w, 0, "a");
	uint64_t deleted = w.nodes[0].c->specs.clock;
	ck_assert_uint_gt(deleted, stamp);
	world_stop(&w, 0);
	w.wall_ms -= DAY_MS;
	world_start(&w, 0);
	set(&w, 0, "b", "1");
	ck_assert_uint_gt(look(&w, 0, "b")->stamp, deleted);
	world_stop(&w, 0);
	world_start(&w, 0);
	ck_assert(says(&w, 0, "b", "1"));
	ck_assert_ptr_null(look(&w, 0, "a"));
	world_fini(&w);
}
END_TEST

/* Many starts in a row, each with a write, lead nobody into the future. */
START_TEST(test_clock_stays_near)
{
	struct world w;
	world_init(&w, 1, ROWS, 1);
	uint64_t last = 0;
	for (int i = 0; i < 20; i++) {
		set(&w, 0, "a", i % 2 ? "1" : "2");
		uint64_t stamp = look(&w, 0, "a")->stamp;
		ck_assert_uint_gt(stamp, last);
		ck_assert_int_lt((int64_t)(stamp >> 16), w.wall_ms + 11000);
		last = stamp;
		world_stop(&w, 0);
		world_start(&w, 0);
	}
	world_fini(&w);
}
END_TEST

/* A write of a host whose clock is far ahead is refused until its time. */
START_TEST(test_future_is_parked)
{
	struct world w;
	world_init(&w, 2, ROWS, 1);
	w.wall_ms += 120000;
	set(&w, 0, "a", "1");
	w.wall_ms -= 120000;
	world_link(&w, 0, 1);
	world_pass_ms(&w, 5000);
	ck_assert_ptr_null(look(&w, 1, "a"));
	ck_assert_uint_gt(w.nodes[1].c->specs.parked, 0);
	w.wall_ms += 120000;
	settle(&w, 10000);
	ck_assert(says(&w, 1, "a", "1"));
	world_fini(&w);
}
END_TEST

/* One difference among many costs few messages. */
START_TEST(test_repair_is_small)
{
	struct world w;
	char name[32];
	world_init(&w, 2, ROWS, 1);
	world_link(&w, 0, 1);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "s%u", i);
		set(&w, 0, name, "value");
	}
	settle(&w, 10000);
	world_cut(&w, 0, 1);
	set(&w, 0, "s7", "changed");
	/* Only the tree's own messages, without heartbeats: begin by hand. */
	w.sent = 0;
	w.is_linked[0][1] = w.is_linked[1][0] = true;
	w.nodes[0].c->members.items[1].link = 2;
	w.nodes[1].c->members.items[1].link = 1;
	specs_on_linked(world_enter(&w, 0), 1);
	world_leave(&w, 0);
	int64_t until = w.now.ms / 500 * 500 + 490;
	while (w.now.ms < until && !are_roots_equal(&w))
		world_pass(&w);
	ck_assert(says(&w, 1, "s7", "changed"));
	ck_assert_uint_le(w.sent, 12);
	world_fini(&w);
}
END_TEST

/* Tombstones go after a day; a host back after longer loses what was deleted
 * meanwhile, is told so, and keeps what it wrote later. */
START_TEST(test_horizon)
{
	struct world w;
	world_init(&w, 3, ROWS, 1);
	world_link_all(&w);
	set(&w, 0, "old", "1");
	set(&w, 0, "kept", "1");
	settle(&w, 10000);
	world_pass_ms(&w, 1000);
	world_stop(&w, 2);
	delete (&w, 0, "old");
	world_pass_ms(&w, 2000);
	for (unsigned i = 0; i < 3; i++)
		w.nodes[0].c->members.items[i].state =
			i == 2 ? MEMBER_DEAD : MEMBER_ALIVE;
	w.wall_ms += 2 * DAY_MS;
	for (int i = 0; i < 13000 &&
			w.nodes[1].c->specs.realms[REALM_STATE].horizon == 0;
		i++)
		world_pass(&w);
	world_pass_ms(&w, 62000);
	ck_assert_uint_eq(w.nodes[0].c->specs.count, 1);
	ck_assert_uint_eq(w.nodes[1].c->specs.count, 1);
	ck_assert_uint_gt(w.nodes[0].c->specs.realms[REALM_STATE].trusted, 0);

	world_start(&w, 2);
	ck_assert(says(&w, 2, "old", "1"));
	set(&w, 2, "mine", "written while alone");
	world_link_all(&w);
	for (int i = 0; i < 1500; i++) {
		world_pass(&w);
		ck_assert_ptr_null(look(&w, 0, "old"));
		ck_assert_ptr_null(look(&w, 1, "old"));
	}
	settle(&w, 10000);
	ck_assert_ptr_null(look(&w, 2, "old"));
	ck_assert_uint_eq(w.nodes[2].c->specs.gone, 1);
	ck_assert_uint_eq(w.nodes[2].notes, 1);
	ck_assert(says(&w, 0, "mine", "written while alone"));
	ck_assert(says(&w, 2, "kept", "1"));
	world_pass_ms(&w, 3000);
	ck_assert_uint_eq(w.nodes[2].c->specs.realms[REALM_STATE].trusted,
		w.nodes[0].c->specs.realms[REALM_STATE].trusted);
	check_equal(&w);
	world_fini(&w);
}
END_TEST

START_TEST(test_full)
{
	struct world w;
	char name[32];
	world_init(&w, 1, ROWS, 1);
	enum reply_code code = REPLY_OK;
	unsigned i = 0;
	for (; i < 300 && code == REPLY_OK; i++) {
		snprintf(name, sizeof name, "s%u", i);
		code = set(&w, 0, name, "value");
	}
	ck_assert_int_eq(code, REPLY_FULL);
	ck_assert_uint_eq(i, w.limits.entries_max + 1);
	ck_assert_int_eq(set(&w, 0, "s0", "changed"), REPLY_OK);
	specs_check(w.nodes[0].c);
	static char huge[SPEC_VALUE_MAX + 2];
	memset(huge, 'x', sizeof huge - 1);
	ck_assert_int_eq(set(&w, 0, "s0", huge), REPLY_INVALID);
	world_fini(&w);
}
END_TEST

static struct service_value
sample_service(void)
{
	struct service_value v;
	memset(&v, 0, sizeof v);
	v.digest = 1;
	v.run_digest = 2;
	v.body = (struct bytes){"body", 4};
	strcpy(v.source_file, "web.yaml");
	strcpy(v.source_node, "n0");
	v.source_digest = 3;
	v.policy.naming = NAMING_LIST;
	v.policy.instance_count = 2;
	memcpy(v.policy.instances, "main\0bulk", 10);
	v.policy.is_enabled = true;
	v.policy.type = TYPE_ONESHOT;
	v.policy.restart =
		(struct policy_restart){RESTART_ON_FAILURE, DELAY_FIBONACCI,
			MODE_RESCHEDULE, 200, 30000, 25, 60000, 10, 600000};
	v.policy.stop_signal = 15;
	v.policy.stop_timeout_ms = 10000;
	v.policy.stops_group = true;
	v.policy.start_timeout_ms = 30000;
	v.policy.handoff = (struct policy_handoff){true, HANDOFF_RESTART, 10,
		30000, 1 << 30, true, true, true, true};
	strcpy(v.policy.placement.strategy, "hrw");
	strcpy(v.policy.placement.pin, "n1");
	v.policy.placement.is_sticky = true;
	v.policy.placement.max_per_host = 4;
	v.policy.partition = (struct policy_partition){
		CONSISTENCY_QUORUM, ON_LOSS_STOP, 60000};
	v.policy.exit_codes[0] = 0;
	v.policy.exit_codes[1] = 143;
	v.policy.exit_code_count = 2;
	return v;
}

START_TEST(test_service_value)
{
	struct world w;
	world_init(&w, 2, ROWS, 1);
	world_link(&w, 0, 1);
	struct service_value v = sample_service();
	struct service_value got;
	uint64_t after;
	struct core *c = world_enter(&w, 0);
	ck_assert_int_eq(specs_set_service(c, "web", &v, &after), REPLY_OK);
	ck_assert_uint_gt(after, 0);
	world_leave(&w, 0);
	settle(&w, 10000);
	ck_assert(specs_get_service(look(&w, 1, "web"), &got));
	ck_assert_mem_eq(&got.policy, &v.policy, sizeof v.policy);
	ck_assert_uint_eq(got.digest, 1);
	ck_assert_uint_eq(got.run_digest, 2);
	ck_assert_uint_eq(got.source_digest, 3);
	ck_assert_str_eq(got.source_file, "web.yaml");
	ck_assert_str_eq(got.source_node, "n0");
	ck_assert_uint_eq(got.body.size, 4);
	ck_assert_mem_eq(got.body.data, "body", 4);
	/* The other two ways to name instances. */
	memset(v.policy.instances, 0, sizeof v.policy.instances);
	for (int i = 0; i < 2; i++) {
		v.policy.naming = i ? NAMING_REPLICAS : NAMING_ONE;
		v.policy.instance_count = i ? 3 : 1;
		specs_set_service(world_enter(&w, 0), "web", &v, &after);
		world_leave(&w, 0);
		ck_assert(specs_get_service(look(&w, 0, "web"), &got));
		ck_assert_mem_eq(&got.policy, &v.policy, sizeof v.policy);
	}
	world_fini(&w);
}
END_TEST

/* What no parser gives, a peer may: of another version, or with a bug. */
START_TEST(test_service_from_afar)
{
	struct world w;
	world_init(&w, 1, ROWS, 1);
	struct core *c = world_enter(&w, 0);
	struct service_value v = sample_service(), got;
	char long_name[SERVICE_NAME_MAX + 2];
	uint64_t after;
	memset(long_name, 'x', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	v.policy.naming = NAMING_LIST;
	v.policy.instance_count = 1;
	memset(v.policy.instances, 0, sizeof v.policy.instances);
	strcpy(v.policy.instances, long_name);
	specs_set_service(c, "web", &v, &after);
	ck_assert(
		!specs_get_service(specs_find(c, ENTRY_SERVICE, "web"), &got));
	v.policy.instances[SERVICE_NAME_MAX] = '\0';
	specs_set_service(c, "web", &v, &after);
	ck_assert(specs_get_service(specs_find(c, ENTRY_SERVICE, "web"), &got));
	specs_set_service(c, long_name, &v, &after);
	ck_assert(!specs_get_service(
		specs_find(c, ENTRY_SERVICE, long_name), &got));
	v.policy.restart.max_delay_ms = POLICY_MS_MAX;
	specs_set_service(c, "web", &v, &after);
	ck_assert(specs_get_service(specs_find(c, ENTRY_SERVICE, "web"), &got));
	v.policy.restart.max_delay_ms++;
	specs_set_service(c, "web", &v, &after);
	ck_assert(
		!specs_get_service(specs_find(c, ENTRY_SERVICE, "web"), &got));
	world_leave(&w, 0);
	world_fini(&w);
}
END_TEST

/* The table of decoded services never shows another version, or another
 * service, than what decoding the entry gives now; it has fewer lines than
 * there are services here, and slots are used again. */
START_TEST(test_service_table)
{
	struct world w;
	world_init(&w, 1, 512, 1);
	struct service_value v = sample_service();
	char name[32];
	for (unsigned step = 0; step < 2000; step++) {
		struct core *c = world_enter(&w, 0);
		uint64_t after;
		snprintf(name, sizeof name, "s%u",
			(unsigned)prng_below(&w.prng, 300));
		v.digest = step;
		v.policy.stop_timeout_ms = step;
		if (prng_chance(&w.prng, 1, 4))
			specs_delete(c, ENTRY_SERVICE, name, &after);
		else
			specs_set_service(c, name, &v, &after);
		if (prng_chance(&w.prng, 1, 20))
			specs_set(c, ENTRY_SERVICE, name,
				(struct bytes){"\xff\xff", 2}, &after);
		const struct entry *e = NULL;
		unsigned seen = 0;
		while ((e = specs_walk(c, ENTRY_SERVICE, e)) && seen++ < 200) {
			struct service_value fresh, kept;
			bool is_sound = specs_get_service(e, &fresh);
			ck_assert(specs_service(c, e, &kept) == is_sound);
			if (is_sound)
				ck_assert_mem_eq(&kept, &fresh, sizeof kept);
		}
		world_leave(&w, 0);
	}
	world_fini(&w);
}
END_TEST

START_TEST(test_other_values)
{
	struct world w;
	world_init(&w, 1, ROWS, 1);
	struct core *c = world_enter(&w, 0);
	uint64_t after;
	struct override_value o = {true, 3, 7, 5, "n1", 9};
	struct override_value o2;
	specs_set_override(c, "web@1", &o, &after);
	ck_assert(specs_get_override(
		specs_find(c, ENTRY_OVERRIDE, "web@1"), &o2));
	ck_assert(o2.is_stopped && o2.word_generation == 3 &&
		  o2.restart_generation == 7 && o2.anyway_generation == 5 &&
		  o2.move_generation == 9);
	ck_assert_str_eq(o2.move_to, "n1");
	uint64_t stored = after;
	ck_assert_int_eq(
		specs_set_override(c, "web@1", &o, &after), REPLY_UNCHANGED);
	ck_assert_uint_eq(after, stored);
	struct node_value n = {INTENT_DRAINING, 12345, "disk", true, 3};
	struct node_value n2;
	specs_set_node(c, "n0", &n, &after);
	ck_assert(specs_get_node(specs_find(c, ENTRY_NODE, "n0"), &n2));
	ck_assert(n2.intent == INTENT_DRAINING && n2.is_forced &&
		  n2.deadline_wall_ms == 12345 && n2.max_parallel == 3);
	ck_assert_str_eq(n2.reason, "disk");
	/* All defaults encode to no bytes at all; still an entry. */
	memset(&o, 0, sizeof o);
	ck_assert_int_eq(specs_set_override(c, "x", &o, &after), REPLY_OK);
	ck_assert(specs_get_override(specs_find(c, ENTRY_OVERRIDE, "x"), &o2));
	/* Nonsense is kept and relayed, and not acted upon. */
	specs_set(
		c, ENTRY_SERVICE, "bad", (struct bytes){"\xff\xff", 2}, &after);
	struct service_value v;
	ck_assert(!specs_get_service(specs_find(c, ENTRY_SERVICE, "bad"), &v));
	world_leave(&w, 0);
	world_fini(&w);
}
END_TEST

/* --- Key/value --- */

static enum reply_code
kv_set(struct world *w, unsigned node, const char *key, const char *value)
{
	uint64_t after;
	struct core *c = world_enter(w, node);
	enum reply_code code = specs_set(
		c, ENTRY_KV, key, (struct bytes){value, strlen(value)}, &after);
	world_leave(w, node);
	return code;
}

static bool
kv_says(const struct world *w, unsigned node, const char *key,
	const char *value)
{
	const struct entry *e = specs_find(w->nodes[node].c, ENTRY_KV, key);
	return e && e->value.size == strlen(value) &&
	       !memcmp(e->value.data, value, e->value.size);
}

static void
kv_settle(struct world *w)
{
	bool are_equal = false;
	for (int i = 0; i < 1000 && !are_equal; i++) {
		world_pass(w);
		are_equal = true;
		for (unsigned n = 1; n < w->count; n++)
			are_equal &= specs_kv_root(w->nodes[n].c) ==
				     specs_kv_root(w->nodes[0].c);
	}
	ck_assert_msg(are_equal, "roots of key/value still differ");
	for (unsigned n = 0; n < w->count; n++)
		specs_check(w->nodes[n].c);
}

/* What is written while a host is away gets there by the tree of its own; the
 * desired state does not notice. */
START_TEST(test_kv_is_apart)
{
	struct world w;
	char key[RUNTIME_NAME_MAX + 2], value[KV_VALUE_MAX + 2];
	memset(key, 'k', sizeof key);
	memset(value, 'v', sizeof value);
	key[RUNTIME_NAME_MAX + 1] = value[KV_VALUE_MAX + 1] = '\0';
	world_init(&w, 3, ROWS, 1);
	world_link_all(&w);
	set(&w, 0, "web", "1");
	settle(&w, 10000);
	uint64_t root = specs_root(w.nodes[1].c);
	world_cut(&w, 0, 2);
	world_cut(&w, 1, 2);
	ck_assert_int_eq(kv_set(&w, 0, key, "x"), REPLY_INVALID);
	key[RUNTIME_NAME_MAX] = '\0';
	ck_assert_int_eq(kv_set(&w, 0, key, value), REPLY_INVALID);
	value[KV_VALUE_MAX] = '\0';
	ck_assert_int_eq(kv_set(&w, 0, key, value), REPLY_OK);
	ck_assert_int_eq(kv_set(&w, 0, key, value), REPLY_UNCHANGED);
	ck_assert_int_eq(kv_set(&w, 1, "a/b", "from one"), REPLY_OK);
	ck_assert_int_eq(kv_set(&w, 2, "a/b", "from two"), REPLY_OK);
	world_pass_ms(&w, 100);
	ck_assert(kv_says(&w, 1, key, value));
	world_link(&w, 0, 2);
	kv_settle(&w);
	ck_assert(kv_says(&w, 2, key, value));
	for (unsigned n = 0; n < 3; n++) {
		ck_assert(kv_says(&w, n, "a/b", "from two"));
		ck_assert_uint_eq(specs_root(w.nodes[n].c), root);
	}
	world_fini(&w);
}
END_TEST

/* A host that does not know key/value is not told of it, and agrees with the
 * others about all else. */
START_TEST(test_kv_and_an_old_host)
{
	struct world w;
	world_init(&w, 2, ROWS, 1);
	for (unsigned n = 0; n < 2; n++)
		w.nodes[n].c->members.items[1].version = 1;
	kv_set(&w, 0, "k", "v");
	set(&w, 0, "web", "1");
	world_link_all(&w);
	settle(&w, 10000);
	kv_set(&w, 0, "k", "w");
	world_pass_ms(&w, 5000);
	check_equal(&w);
	ck_assert_uint_eq(w.nodes[1].c->specs.kv_count, 0);
	ck_assert_uint_eq(w.nodes[1].c->specs.refused, 0);
	world_fini(&w);
}
END_TEST

/* Key/value takes a part of the room; a deleted key gives its value back. */
START_TEST(test_kv_leaves_room)
{
	struct world w;
	world_init(&w, 1, ROWS, 1);
	char key[32];
	int count = 0;
	enum reply_code code;
	do {
		snprintf(key, sizeof key, "k%d", count++);
		code = kv_set(&w, 0, key, "v");
	} while (code == REPLY_OK);
	ck_assert_int_eq(code, REPLY_FULL);
	ck_assert_uint_eq(w.nodes[0].c->specs.kv_count,
		w.nodes[0].c->limits.entries_max / 2);
	ck_assert_int_eq(set(&w, 0, "web", "1"), REPLY_OK);
	uint64_t after;
	struct core *c = world_enter(&w, 0);
	ck_assert_int_eq(specs_delete(c, ENTRY_KV, "k0", &after), REPLY_OK);
	world_leave(&w, 0);
	ck_assert_uint_eq(c->specs.kv_size, c->specs.kv_count - 1);
	specs_check(c);
	world_fini(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("specs");
	TCase *t = tcase_create("specs");
	tcase_set_timeout(t, 120);
	tcase_add_test(t, test_last_writer_wins);
	tcase_add_test(t, test_clock_survives);
	tcase_add_test(t, test_clock_stays_near);
	tcase_add_test(t, test_future_is_parked);
	tcase_add_test(t, test_repair_is_small);
	tcase_add_test(t, test_horizon);
	tcase_add_test(t, test_full);
	tcase_add_test(t, test_service_value);
	tcase_add_test(t, test_service_from_afar);
	tcase_add_test(t, test_service_table);
	tcase_add_test(t, test_other_values);
	tcase_add_test(t, test_kv_is_apart);
	tcase_add_test(t, test_kv_and_an_old_host);
	tcase_add_test(t, test_kv_leaves_room);
	tcase_add_loop_test(t, test_random, 0, SEEDS);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
