#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_stub.h"

#define SEEDS 300
#define NAMES 12
#define STEPS 120
#define ROWS  512

static void
name_of(char *out, size_t size, unsigned i)
{
	snprintf(out, size, "svc@%u", i);
}

static void
put(struct world *w, unsigned node, const char *name, uint64_t epoch)
{
	struct core *c = world_enter(w, node);
	struct row_value v = {.kind = ROW_INSTANCE,
		.state = ROW_READY,
		.epoch = epoch,
		.pid = 7};
	ck_assert(registry_put(c, name, &v, 0));
	world_leave(w, node);
}

static void delete (struct world *w, unsigned node, const char *name)
{
	registry_delete(world_enter(w, node), ROW_INSTANCE, name);
	world_leave(w, node);
}

static void
set_ready(struct world *w, unsigned node)
{
	registry_set_ready(world_enter(w, node));
	world_leave(w, node);
}

static const struct row *
look(const struct world *w, unsigned at, unsigned origin, const char *name)
{
	return registry_find(
		w->nodes[at].c, ROW_INSTANCE, name, world_id(w, at, origin));
}

static const struct origin *
log_at(const struct world *w, unsigned at, unsigned origin)
{
	return &w->nodes[at].c->registry.origins[world_id(w, at, origin)];
}

/* What a replica shows of an origin is what the origin shows of itself. */
static bool
is_equal(const struct world *w, unsigned at, unsigned origin)
{
	const struct origin *truth = log_at(w, origin, origin);
	const struct origin *log = log_at(w, at, origin);
	if (truth->position == 0 && !truth->is_ready)
		return log->row_count == 0;
	if (truth->position != log->position ||
		truth->checksum != log->checksum || truth->gc != log->gc ||
		truth->row_count != log->row_count ||
		truth->is_ready != log->is_ready)
		return false;
	const struct core *c = w->nodes[origin].c;
	const struct row *row = NULL;
	while ((row = registry_walk(c, MEMBER_SELF, row)) != NULL) {
		const struct row *copy = look(w, at, origin, row->name);
		if (!copy || copy->seq != row->seq ||
			copy->value.epoch != row->value.epoch ||
			copy->value.state != row->value.state)
			return false;
	}
	return true;
}

static bool
are_all_equal(const struct world *w)
{
	for (unsigned i = 0; i < w->count; i++)
		for (unsigned j = 0; j < w->count; j++)
			if (!is_equal(w, i, j))
				return false;
	return true;
}

static void
check_all(const struct world *w)
{
	for (unsigned i = 0; i < w->count; i++)
		registry_check(w->nodes[i].c);
}

/* Runs until all replicas are equal; fails after 'ms'. */
static void
settle(struct world *w, int64_t ms)
{
	for (; ms > 0 && !are_all_equal(w); ms -= 10)
		world_pass(w);
	ck_assert_msg(are_all_equal(w), "replicas still differ");
	check_all(w);
}

/* Runs until host 'at' has all of the log of 'origin'. */
static void
settle_pair(struct world *w, unsigned at, unsigned origin, int64_t ms)
{
	for (; ms > 0 && !is_equal(w, at, origin); ms -= 10)
		world_pass(w);
	ck_assert(is_equal(w, at, origin));
}

/* Two hosts are linked, and the first words over that link are all that 'from'
 * holds. */
static void
answer_all(struct world *w, unsigned from, unsigned to)
{
	skep_Pull pull = {.wants_all = true};
	world_link(w, from, to);
	world_drain(w);
	struct core *c = world_enter(w, from);
	registry_on_recv(c, world_id(w, from, to), WIRE_PULL,
		wire_encode(&c->fx, WIRE_PULL, &pull));
	world_leave(w, from);
}

/* What one replica has shown of one name so far. */
struct seen {
	uint64_t incarnation;
	uint64_t seq;
	uint64_t gone_at; /* how far the log had come when it vanished */
	bool was_visible;
};

/* A row never goes back.  What vanished was deleted below what the log then
 * held, and comes back only as a put that is newer than all of that: R4. */
static void
watch(const struct world *w, struct seen seen[NODES_MAX][NODES_MAX][NAMES])
{
	for (unsigned i = 0; i < w->count; i++)
		for (unsigned j = 0; j < w->count; j++)
			for (unsigned k = 0; k < NAMES; k++) {
				struct seen *s = &seen[i][j][k];
				char name[32];
				name_of(name, sizeof name, k);
				const struct row *row = look(w, i, j, name);
				uint64_t inc = log_at(w, i, j)->incarnation;
				if (inc != s->incarnation)
					*s = (struct seen){.incarnation = inc};
				if (row && s->was_visible)
					ck_assert(row->seq >= s->seq);
				else if (row)
					ck_assert(row->seq > s->gone_at);
				else if (s->was_visible)
					s->gone_at = log_at(w, i, j)->top;
				s->was_visible = row != NULL;
				if (row)
					s->seq = row->seq;
			}
}

static void
random_event(struct world *w, bool allows_restart)
{
	unsigned i = (unsigned)prng_below(&w->prng, w->count);
	unsigned j = (unsigned)prng_below(&w->prng, w->count);
	char name[32];
	name_of(name, sizeof name, (unsigned)prng_below(&w->prng, NAMES));
	switch (prng_below(&w->prng, 12)) {
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
	case 5:
		delete (w, i, name);
		return;
	case 6:
		if (allows_restart && prng_chance(&w->prng, 1, 3)) {
			world_stop(w, i);
			world_start(w, i);
		}
		return;
	case 7:
		set_ready(w, i);
		return;
	default:
		put(w, i, name, prng_below(&w->prng, 1000) + 1);
		return;
	}
}

START_TEST(test_random)
{
	struct world w;
	static struct seen seen[NODES_MAX][NODES_MAX][NAMES];
	memset(seen, 0, sizeof seen);
	world_init(&w, 2 + (unsigned)_i % 4, ROWS, (uint64_t)_i + 1);
	bool allows_restart = _i % 2;
	for (unsigned i = 0; i < w.count; i++)
		set_ready(&w, i);
	for (unsigned step = 0; step < STEPS; step++) {
		random_event(&w, allows_restart);
		/* Long enough at times for tombstones to be collected. */
		world_pass_ms(&w, prng_chance(&w.prng, 1, 10) ? 2000 : 20);
		/* A restarted host forgets what it has shown. */
		if (!allows_restart)
			watch(&w, seen);
	}
	for (unsigned i = 0; i < w.count; i++)
		set_ready(&w, i);
	world_link_all(&w);
	settle(&w, 30000);
	for (unsigned i = 0; i < w.count; i++)
		ck_assert_uint_eq(w.nodes[i].c->registry.mismatches, 0);
	for (unsigned i = 0; i < w.count; i++)
		ck_assert_uint_eq(w.nodes[i].c->registry.refused, 0);
	world_fini(&w);
}
END_TEST

/* A replica that was away while a tombstone was collected is reset, and the
 * deleted row does not come back. */
START_TEST(test_reset_below_gc)
{
	struct world w;
	world_init(&w, 3, ROWS, 1);
	set_ready(&w, 0);
	put(&w, 0, "a", 1);
	put(&w, 0, "b", 1);
	world_link_all(&w);
	settle(&w, 10000);
	world_cut(&w, 0, 2);
	world_cut(&w, 1, 2);
	delete (&w, 0, "a");
	put(&w, 0, "c", 1);
	for (int i = 0; i < 1000 && registry_gc(w.nodes[0].c) == 0; i++)
		world_pass(&w);
	ck_assert_uint_eq(registry_gc(w.nodes[0].c), 3);
	ck_assert_ptr_nonnull(look(&w, 2, 0, "a"));
	world_pass_ms(&w, 1000); /* until the other replica collected too */
	ck_assert_uint_eq(log_at(&w, 1, 0)->gc, 3);
	/* From a third host: any replica can serve any log. */
	world_link(&w, 1, 2);
	for (int i = 0; i < 1000 && look(&w, 2, 0, "a"); i++)
		world_pass(&w);
	ck_assert_ptr_null(look(&w, 2, 0, "a"));
	ck_assert_ptr_nonnull(look(&w, 2, 0, "b"));
	ck_assert_ptr_nonnull(look(&w, 2, 0, "c"));
	world_link(&w, 0, 2);
	settle(&w, 10000);
	world_fini(&w);
}
END_TEST

/* R12: two hosts that were apart and differ in some rows of many exchange
 * those rows and a few bytes for each host, not the logs. */
START_TEST(test_reconcile_is_small)
{
	static const unsigned differ[] = {0, 10, 100};
	struct world w;
	char name[32];
	const unsigned all = 400;
	world_init(&w, 3, 2 * ROWS, 1);
	set_ready(&w, 0);
	for (unsigned k = 0; k < all; k++) {
		name_of(name, sizeof name, k);
		put(&w, 0, name, k + 1);
	}
	world_link_all(&w);
	settle(&w, 10000);
	world_cut(&w, 0, 1);
	world_cut(&w, 2, 1);
	unsigned d = differ[_i];
	for (unsigned k = 0; k < d; k++) {
		name_of(name, sizeof name, k * (all / 100));
		if (k % 5 == 4)
			delete (&w, 0, name);
		else
			put(&w, 0, name, 1000 + k);
	}
	world_pass_ms(&w, 300); /* told to the third host */
	world_drain(&w);
	size_t before = w.bytes;
	world_link(&w, 0, 1);
	for (int i = 0; i < 100 && !is_equal(&w, 1, 0); i++)
		world_pass(&w);
	ck_assert(is_equal(&w, 1, 0));
	size_t bytes = w.bytes - before;
	/* A row here is below 64 bytes; a position in a Pull below 64, too. */
	ck_assert_uint_le(bytes, d * 64 + 3 * 2 * 64 + 256);
	world_fini(&w);
}
END_TEST

/* Tombstones that nobody confirms go after ten minutes. */
START_TEST(test_gc_by_age)
{
	struct world w;
	world_init(&w, 2, ROWS, 1);
	world_link(&w, 0, 1);
	put(&w, 0, "a", 1);
	settle(&w, 10000);
	w.nodes[0].c->members.items[1].link = 0; /* half open, still alive */
	delete (&w, 0, "a");
	world_pass_ms(&w, 2000);
	ck_assert_uint_eq(registry_gc(w.nodes[0].c), 0);
	w.now.ms += 600000;
	world_pass_ms(&w, 2000);
	ck_assert_uint_eq(registry_gc(w.nodes[0].c), 2);
	world_fini(&w);
}
END_TEST

/* The rows of a host that starts again stay visible until its new log is
 * ready; then what it no longer has is gone. */
START_TEST(test_new_incarnation)
{
	struct world w;
	world_init(&w, 2, ROWS, 1);
	world_link(&w, 0, 1);
	set_ready(&w, 0);
	put(&w, 0, "kept", 1);
	put(&w, 0, "lost", 1);
	settle(&w, 10000);
	world_stop(&w, 0);
	world_start(&w, 0);
	world_link(&w, 0, 1);
	put(&w, 0, "kept", 2);
	world_pass_ms(&w, 3000);
	ck_assert_uint_eq(look(&w, 1, 0, "kept")->value.epoch, 1);
	ck_assert_ptr_nonnull(look(&w, 1, 0, "lost"));
	ck_assert_uint_eq(registry_epoch_max(w.nodes[1].c, "kept"), 2);
	ck_assert(registry_is_complete(w.nodes[1].c, world_id(&w, 1, 0)));
	set_ready(&w, 0);
	settle(&w, 5000);
	ck_assert_uint_eq(look(&w, 1, 0, "kept")->value.epoch, 2);
	ck_assert_ptr_null(look(&w, 1, 0, "lost"));
	world_fini(&w);
}
END_TEST

/* A host that starts again with nothing clears its rows by being ready. */
START_TEST(test_new_incarnation_empty)
{
	struct world w;
	world_init(&w, 2, ROWS, 1);
	world_link(&w, 0, 1);
	put(&w, 0, "lost", 1);
	settle(&w, 10000);
	world_stop(&w, 0);
	world_start(&w, 0);
	set_ready(&w, 0);
	world_link(&w, 0, 1);
	settle(&w, 5000);
	ck_assert_ptr_null(look(&w, 1, 0, "lost"));
	world_fini(&w);
}
END_TEST

/* The audit notices a flipped bit, counts, says so and fetches the log. */
START_TEST(test_audit)
{
	struct world w;
	world_init(&w, 2, ROWS, 1);
	world_link(&w, 0, 1);
	put(&w, 0, "a", 1);
	put(&w, 0, "b", 1);
	settle(&w, 10000);
	struct origin *log =
		&w.nodes[1].c->registry.origins[world_id(&w, 1, 0)];
	struct row *row = container_of(log->log.next, struct row, in_log);
	row->value.epoch = 99;
	log->checksum += 1;
	for (int i = 0; i < 500 && !is_equal(&w, 1, 0); i++) {
		world_pass(&w);
		ck_assert_ptr_nonnull(look(&w, 1, 0, "a"));
	}
	/* The books of the broken log do not balance; what replaced them
	 * does. */
	ck_assert(is_equal(&w, 1, 0));
	ck_assert_uint_eq(w.nodes[1].c->registry.resets, 1);
	ck_assert_uint_eq(w.nodes[1].notes, 1);
	world_fini(&w);
}
END_TEST

/* What is on its way from one host to another of this type is lost. */
static void
lose(struct world *w, unsigned from, unsigned to, uint16_t type)
{
	struct parcel **at = &w->queues[from][to];
	while (*at) {
		struct parcel *p = *at;
		if (p->type != type) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		free(p->body);
		free(p);
	}
}

/* An origin announces its log and gives nothing of it, for it waits for its
 * disk; of three others that are linked one has it, and is asked in its turn,
 * whatever chance would do. */
START_TEST(test_held_back)
{
	struct world w;
	world_init(&w, 5, ROWS, (uint64_t)_i + 1);
	set_ready(&w, 0);
	put(&w, 0, "a", 1);
	world_link(&w, 0, 1);
	settle_pair(&w, 1, 0, 10000);
	for (unsigned i = 0; i < 5; i++)
		if (i != 2)
			world_link(&w, 2, i);
	lose(&w, 2, 1, WIRE_PULL); /* of all that it has */
	for (int ms = 0; ms < 5000 && !look(&w, 2, 0, "a"); ms += 10) {
		world_pass(&w);
		lose(&w, 0, 2, WIRE_BATCH);
	}
	ck_assert(is_equal(&w, 2, 0));
	check_all(&w);
	world_fini(&w);
}
END_TEST

/* A log of many batches: to a joiner, to one that is far behind, and to one
 * whose position was collected; no row is ever missing meanwhile. */
START_TEST(test_long_log)
{
	enum { MANY = 12000 };
	struct world w;
	char name[32];
	world_init(&w, 3, 3 * MANY, 1);
	for (unsigned i = 0; i < MANY; i++) {
		name_of(name, sizeof name, i);
		put(&w, 0, name, 1);
	}
	set_ready(&w, 0);
	world_link(&w, 0, 1);
	world_pass_ms(&w, 500); /* while the first chain is under way */
	world_link_all(&w);
	settle(&w, 20000);
	/* One host goes; enough changes that it is collected below. */
	world_cut(&w, 0, 2);
	world_cut(&w, 1, 2);
	for (unsigned i = 0; i < MANY; i++) {
		name_of(name, sizeof name, i);
		if (i % 3 == 0)
			delete (&w, 0, name);
		else
			put(&w, 0, name, 2);
	}
	world_pass_ms(&w, 3000);
	ck_assert_uint_gt(registry_gc(w.nodes[0].c), MANY);
	world_link(&w, 1, 2);
	world_link(&w, 0, 2);
	for (int i = 0; i < 2000 && !are_all_equal(&w); i++) {
		world_pass(&w);
		ck_assert_ptr_nonnull(look(&w, 2, 0, "svc@1"));
	}
	settle(&w, 10);
	ck_assert_uint_eq(log_at(&w, 2, 0)->row_count, MANY / 3 * 2);
	world_fini(&w);
}
END_TEST

/* A log of many batches comes from its origin; in the midst of that another
 * host sends an older copy of it, whole: no row falls back, and none that was
 * deleted is back (R3, R4). */
START_TEST(test_chains_cross)
{
	enum { MANY = 24000, NEWER = 20000 };
	struct world w;
	char name[32];
	world_init(&w, 3, 3 * MANY, 1);
	for (unsigned i = 0; i < MANY; i++) {
		name_of(name, sizeof name, i);
		put(&w, 0, name, 1);
	}
	set_ready(&w, 0);
	world_link(&w, 0, 1);
	settle_pair(&w, 1, 0, 20000);
	world_cut(&w, 0, 1);
	delete (&w, 0, "svc@0");
	for (unsigned i = 1; i < NEWER; i++) {
		name_of(name, sizeof name, i);
		put(&w, 0, name, 2);
	}
	const struct origin *log = log_at(&w, 2, 0);
	world_link(&w, 0, 2);
	for (int i = 0; i < 2000 && !look(&w, 2, 0, "svc@1"); i++)
		world_pass(&w);
	ck_assert_uint_eq(look(&w, 2, 0, "svc@1")->value.epoch, 2);
	ck_assert(!log->has_end);
	world_cut(&w, 0, 2);
	answer_all(&w, 1, 2);
	for (int i = 0; i < 50 && !look(&w, 2, 0, "svc@8000"); i++)
		world_pass(&w);
	ck_assert_uint_eq(look(&w, 2, 0, "svc@8000")->value.epoch, 1);
	ck_assert_uint_eq(look(&w, 2, 0, "svc@1")->value.epoch, 2);
	ck_assert_ptr_null(look(&w, 2, 0, "svc@0"));
	world_link_all(&w);
	settle(&w, 20000);
	world_fini(&w);
}
END_TEST

/* The rows of a dead host stay, travel to others, and go when forgotten. */
START_TEST(test_forget)
{
	struct world w;
	world_init(&w, 3, ROWS, 1);
	world_link(&w, 0, 1);
	set_ready(&w, 0);
	put(&w, 0, "a", 5);
	world_pass_ms(&w, 3000);
	world_stop(&w, 0);
	world_link(&w, 1, 2);
	world_pass_ms(&w, 6000);
	ck_assert_ptr_nonnull(look(&w, 1, 0, "a"));
	ck_assert_ptr_nonnull(look(&w, 2, 0, "a"));
	ck_assert_uint_eq(registry_epoch_max(w.nodes[2].c, "a"), 5);
	registry_on_forget(world_enter(&w, 2), world_id(&w, 2, 0));
	world_leave(&w, 2);
	world_pass_ms(&w, 12000);
	ck_assert_ptr_null(look(&w, 2, 0, "a"));
	world_start(&w, 0);
	put(&w, 0, "a", 6);
	set_ready(&w, 0);
	world_link_all(&w);
	settle(&w, 10000);
	ck_assert_uint_eq(look(&w, 2, 0, "a")->value.epoch, 6);
	world_fini(&w);
}
END_TEST

/* A host with a long log begins anew: the others get all of it, and what
 * changes behind it. */
START_TEST(test_long_log_anew)
{
	enum { MANY = 12000 };
	struct world w;
	char name[32];
	world_init(&w, 3, 4 * MANY, 1);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			name_of(name, sizeof name, i);
			put(&w, 0, name, 1);
		}
		set_ready(&w, 0);
		world_link_all(&w);
		settle(&w, 20000);
		delete (&w, 0, "svc@3");
		settle(&w, 5000);
		if (round)
			break;
		world_stop(&w, 0);
		world_pass_ms(&w, 500);
		world_start(&w, 0);
	}
	world_fini(&w);
}
END_TEST

/* Rows of a kind that only newer hosts know are carried along: they count into
 * checksums, go on to a third host, are deleted, and nobody is shown them. */
START_TEST(test_unknown_kind)
{
	struct world w;
	world_init(&w, 3, 64, 1);
	char name[ROW_NAME_MAX + 1];
	memset(name, 'n', ROW_NAME_MAX);
	name[ROW_NAME_MAX] = '\0';
	struct row_value v = {.kind = (enum row_kind)77, .state = ROW_READY};
	struct core *own = world_enter(&w, 0);
	ck_assert(registry_put(own, name, &v, 0));
	world_leave(&w, 0);
	world_link(&w, 0, 1);
	world_pass_ms(&w, 2000);
	world_link(&w, 1, 2);
	world_pass_ms(&w, 12000);
	const struct core *c = w.nodes[2].c;
	ck_assert_uint_eq(log_at(&w, 2, 0)->row_count, 1);
	ck_assert_uint_eq(
		log_at(&w, 2, 0)->checksum, log_at(&w, 0, 0)->checksum);
	ck_assert_ptr_null(registry_first(c, ROW_INSTANCE, name));
	ck_assert_ptr_nonnull(registry_first(c, v.kind, name));
	registry_delete(world_enter(&w, 0), v.kind, name);
	world_leave(&w, 0);
	world_pass_ms(&w, 12000);
	ck_assert_uint_eq(log_at(&w, 2, 0)->row_count, 0);
	check_all(&w);
	world_fini(&w);
}
END_TEST

/* Several hosts claim one name; a full table says so and heals. */
START_TEST(test_queries_and_full)
{
	struct world w;
	char name[32];
	world_init(&w, 2, 8, 1);
	world_link(&w, 0, 1);
	put(&w, 0, "x", 1);
	put(&w, 1, "x", 2);
	settle(&w, 10000);
	const struct core *c = w.nodes[0].c;
	unsigned count = 0;
	for (const struct row *r = registry_first(c, ROW_INSTANCE, "x"); r;
		r = registry_next(c, r))
		count++;
	ck_assert_uint_eq(count, 2);
	ck_assert_ptr_null(registry_first(c, ROW_NODE, "x"));
	uint64_t marks = w.nodes[0].marks;
	put(&w, 0, "x", 1); /* says nothing new */
	ck_assert_uint_eq(w.nodes[0].marks, marks);
	struct row_value v = {.kind = ROW_INSTANCE, .state = ROW_READY};
	struct core *own = world_enter(&w, 0);
	for (unsigned i = 0; i < 6; i++) {
		name_of(name, sizeof name, i);
		ck_assert(registry_put(own, name, &v, 0));
	}
	ck_assert(!registry_put(own, "one too many", &v, 0));
	world_leave(&w, 0);
	settle(&w, 10000);
	put(&w, 1, "x", 3); /* an old row always finds its room */
	settle(&w, 10000);
	world_fini(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("registry");
	TCase *t = tcase_create("registry");
	tcase_set_timeout(t, 120);
	tcase_add_test(t, test_reset_below_gc);
	tcase_add_loop_test(t, test_reconcile_is_small, 0, 3);
	tcase_add_test(t, test_gc_by_age);
	tcase_add_test(t, test_new_incarnation);
	tcase_add_test(t, test_new_incarnation_empty);
	tcase_add_test(t, test_audit);
	tcase_add_loop_test(t, test_held_back, 0, 20);
	tcase_add_test(t, test_long_log);
	tcase_add_test(t, test_chains_cross);
	tcase_add_test(t, test_forget);
	tcase_add_test(t, test_long_log_anew);
	tcase_add_test(t, test_unknown_kind);
	tcase_add_test(t, test_queries_and_full);
	tcase_add_loop_test(t, test_random, 0, SEEDS);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
