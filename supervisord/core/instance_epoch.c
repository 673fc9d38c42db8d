/* Which epoch a start takes: one that nobody took before.
 *
 * The highest epoch of an instance is always in somebody's row: a host that
 * gives an instance up leaves its row behind, as PAST, until a present host's
 * row has a higher one; and both are on disk.  (A tombstone says the epoch as
 * well, but a boot of its host forgets it.)
 *
 * While all known hosts are present, it is one above all that is known: the
 * gate has seen to it that what they know is known here.  A host that is away
 * may have started the instance without anybody hearing of it.  Then a new
 * block of epochs lies
 *
 *   above those that it may have reserved when it was last heard: the block
 *   it was in, and one more (a host that was the last holder itself knows
 *   that there is no such host), and
 *
 *   on this host's own places: blocks are numbered, and host i of n takes
 *   numbers that are i modulo 2^k >= n.  So two hosts that do so one after
 *   the other, the second without having heard of the first, do not meet, and
 *
 *   above the clock of epochs: heartbeats tell the highest epoch, of whatever
 *   instance, that their sender reserved or was told of (Lamport, 1978).
 *
 * The same after a host that forgot, with its disk, what it had started; that
 * is so when nobody's row says as much as this host has on its own.  And the
 * same while a present host announces rows that do not come, because they wait
 * for its disk: what it started is not known then, its clock is.  A restart in
 * place goes on in its block only above the clock, too.  The same where what
 * ended while no node ran here goes on before their rows have come.
 *
 * It is above that of each checkpoint that anybody tells of, too.
 *
 * So epochs rise along all ways on which hosts hear of each other.  A run that
 * nobody heard of, of a host that was cut off all the time, may have a higher
 * epoch than one that began later elsewhere; the two never have the same one.
 * What this does not cover is hosts that know different members and start an
 * instance without having heard of each other.
 */
#include <string.h>

#include "core/core_private.h"

/* Blocks that a host may have reserved since it was last heard. */
#define UNHEARD_BLOCKS 2
/* Places, at least: a few hosts more or less change nothing. */
#define PLACES_MIN 8
/* Rows that were announced so long ago are not just on their way. */
#define LACKING_MS 5000
/* What a heartbeat tells beyond is no epoch that anybody came to by starting
 * things, and would leave us none. */
#define CLOCK_MAX (EPOCH_MAX / 2)

/* --- The clock --- */

static uint64_t
max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t
instance_epoch_clock(const struct core *c)
{
	return max(c->instances.epoch_own, c->instances.epoch_heard);
}

void
instance_advance_clock(struct core *c, const struct instance *inst)
{
	uint64_t *own = &c->instances.epoch_own;
	*own = max(*own, max(inst->epoch_used, inst->epoch_reserved));
}

void
instance_hear_clock(struct core *c, uint64_t clock)
{
	uint64_t *heard = &c->instances.epoch_heard;
	if (clock <= CLOCK_MAX)
		*heard = max(*heard, clock);
}

/* Whether a present host tells of rows, and they do not come. */
static bool
has_untold(const struct core *c)
{
	for (member_id id = 1; id < c->members.count; id++)
		if (member_is_present(c, id) &&
			registry_lacking_ms(c, id) >= LACKING_MS)
			return true;
	return false;
}

/* Whether it goes on here without the gate, right after a boot, while what a
 * present host knows is still on its way. */
static bool
is_unheard(const struct core *c, const struct instance *i)
{
	if (i->last_owner[0])
		return false; /* it was given, or waited for the gate */
	for (member_id id = 1; id < c->members.count; id++)
		if (member_is_present(c, id) && !registry_is_complete(c, id))
			return true;
	return false;
}

/* --- The next epoch --- */

/* The largest epoch that any host may have used.  Another's STOPPED row may
 * come from its disk, which knows the first of a block only. */
static uint64_t
known(const struct core *c, const char *name)
{
	uint64_t last =
		max(registry_epoch_max(c, name), checkpoint_epoch_max(c, name));
	const struct row *r = registry_first(c, ROW_INSTANCE, name);
	for (; r; r = registry_next(c, r))
		if (r->origin != MEMBER_SELF && r->value.state == ROW_STOPPED &&
			r->value.epoch + EPOCH_BLOCK - 1 > last)
			last = r->value.epoch + EPOCH_BLOCK - 1;
	return last;
}

/* Whether it held the instance last, as far as anybody knows. */
static bool
is_last_holder(const struct core *c, const struct instance *i)
{
	if (!i->is_remembered || i->last_owner[0])
		return false;
	const struct row *r = registry_first(c, ROW_INSTANCE, i->name);
	for (; r; r = registry_next(c, r))
		if (r->origin != MEMBER_SELF && r->value.epoch > i->epoch)
			return false;
	return true;
}

/* The row of the host that it was given to, or was last seen at, or NULL. */
static const struct row *
owner_row(const struct core *c, const struct instance *i)
{
	return registry_find_at(c, i->name, i->last_owner);
}

/* Whether it tells of that time; the first of a block may be all that it tells
 * after a boot. */
static bool
is_owner_heard(const struct core *c, const struct instance *i)
{
	const struct row *r = owner_row(c, i);
	return r && r->value.epoch + 2 * (EPOCH_BLOCK - 1) >= i->epoch_owner;
}

uint64_t
instance_ran_elsewhere(const struct core *c, const struct instance *inst)
{
	uint64_t ran = registry_ran_max(c, inst->name);
	bool is_silent = inst->last_owner[0] && !is_owner_heard(c, inst);
	return is_silent ? max(ran, inst->epoch_owner) : ran;
}

bool
instance_become_stranger(struct core *c, struct instance *inst, uint64_t before)
{
	bool is_news = !inst->is_stranger || !inst->stay ||
		       before > inst->epoch_before;
	inst->is_stranger = true;
	if (!inst->stay)
		inst->stay = (uint64_t)c->wall_ms;
	return is_news;
}

bool
instance_look_before(
	struct core *c, struct instance *i, const struct service_value *service)
{
	uint64_t before = instance_ran_elsewhere(c, i);
	if (i->is_stranger && before < i->epoch_before)
		before = i->epoch_before; /* who told that may be forgotten */
	bool is_old = !i->staged && service->policy.handoff.has_state_path &&
		before > i->epoch_ran;
	bool is_news = is_old && instance_become_stranger(c, i, before);
	i->epoch_before = before;
	return is_news;
}

/* Whether a known host is away, and this host's place among all of them. */
static bool
has_absent(const struct core *c, uint64_t *place_out, uint64_t *places_out)
{
	const struct member_table *t = &c->members;
	bool is_any_away = false;
	*place_out = 0;
	*places_out = PLACES_MIN;
	while (*places_out < t->count)
		*places_out *= 2;
	for (member_id id = 1; id < t->count; id++) {
		if (t->items[id].state == MEMBER_LEFT)
			continue;
		is_any_away |= !member_is_present(c, id);
		*place_out += strcmp(t->items[id].name, c->config.node) < 0;
	}
	return is_any_away;
}

/* Whether no present host says in a row as much as is known here: whoever did
 * has lost its disk, and with it epochs that nobody heard of. */
static bool
is_memory_lost(const struct core *c, const struct instance *i)
{
	uint64_t max = 0;
	const struct row *r = registry_first(c, ROW_INSTANCE, i->name);
	for (; r; r = registry_next(c, r))
		if (member_is_present(c, r->origin) && r->value.epoch > max &&
			!checkpoint_is_keeper(r))
			max = r->value.epoch;
	/* A row of before a boot, or what is known since one, is no more exact
	 * than a block. */
	return max == 0 ? i->epoch_used > 0
			: i->epoch_used > max + EPOCH_BLOCK - 1;
}

uint64_t
instance_next_epoch(
	const struct core *c, const struct instance *inst, bool is_lost)
{
	uint64_t place, places;
	const uint64_t heard = c->instances.epoch_heard;
	uint64_t last =
		max(known(c, inst->name), max(inst->epoch, inst->epoch_floor));
	bool is_ours = is_last_holder(c, inst);
	bool is_untold = has_untold(c);
	bool is_in_block = is_ours && last < inst->epoch_reserved &&
			   (!is_untold || heard <= inst->epoch_reserved);
	bool is_any_away = has_absent(c, &place, &places) || is_untold ||
			   is_unheard(c, inst);
	is_lost |= !is_ours && is_memory_lost(c, inst);
	if (!is_lost && (is_in_block || !is_any_away))
		return last + 1;
	CHECK(place < places);
	if (!is_ours)
		last += UNHEARD_BLOCKS * EPOCH_BLOCK;
	last = max(last, heard);
	/* The first of a block above 'last', on one of our places. */
	uint64_t block = (last + EPOCH_BLOCK - 1) / EPOCH_BLOCK;
	uint64_t step = (place + places - block % places) % places;
	return (block + step) * EPOCH_BLOCK + 1;
}

void
instance_use_epoch(struct instance *inst, uint64_t epoch)
{
	if (inst->epoch_used < epoch)
		inst->epoch_used = epoch;
}

/* --- What is given up --- */

/* Whether that was news. */
static bool
learn_holder(
	struct core *c, struct instance *inst, const char *node, uint64_t epoch)
{
	const uint64_t last = epoch + EPOCH_BLOCK - 1;
	instance_use_epoch(inst, epoch);
	/* The floor may be one of our own epochs. */
	if (epoch <= inst->epoch_floor && epoch <= inst->epoch_owner &&
		strcmp(inst->last_owner, node) == 0)
		return false;
	instance_set_owner(c, inst, node);
	if (epoch > inst->epoch_floor)
		inst->epoch_floor = last;
	if (epoch > inst->epoch_owner)
		inst->epoch_owner = last;
	return true;
}

void
instance_saw_holder(
	struct core *c, struct instance *inst, const char *node, uint64_t epoch)
{
	CHECK(inst->state == INSTANCE_IDLE);
	bool is_outdone = inst->is_past && epoch >= inst->epoch_used;
	inst->is_past &= !is_outdone;
	if (learn_holder(c, inst, node, epoch) || is_outdone)
		instance_store_owner(c, inst);
	if (is_outdone)
		instance_publish(c, inst);
}

void
instance_hear_owner(struct core *c, struct instance *inst)
{
	const struct row *r = owner_row(c, inst);
	CHECK(inst->state == INSTANCE_IDLE);
	if (!r || row_ran(r) >= inst->epoch_owner ||
		inst->epoch_owner > r->value.epoch + EPOCH_BLOCK - 1)
		return;
	if (row_run(r)->unran == 0)
		return; /* the rest of its block, which we do not know */
	inst->epoch_owner = row_ran(r);
	instance_store_owner(c, inst);
}

void
instance_give(
	struct core *c, struct instance *inst, const char *node, uint64_t epoch)
{
	learn_holder(c, inst, node, epoch);
	instance_disown(c, inst);
}

/* Whether a present host's row says as much as is known here: then ours may
 * go. */
static bool
is_outdone(const struct core *c, const struct instance *i)
{
	const struct row *r = registry_first(c, ROW_INSTANCE, i->name);
	for (; r; r = registry_next(c, r))
		if (r->origin != MEMBER_SELF &&
			r->value.epoch >= i->epoch_used &&
			!checkpoint_is_keeper(r) &&
			member_is_present(c, r->origin))
			return true;
	return false;
}

void
instance_raise_floor(struct instance *inst)
{
	if (inst->epoch_floor < inst->epoch_used)
		inst->epoch_floor = inst->epoch_used;
	/* The rest of the block may be taken elsewhere. */
	inst->epoch_reserved = inst->epoch_used;
}

void
instance_disown(struct core *c, struct instance *inst)
{
	CHECK(inst->state == INSTANCE_IDLE);
	CHECK(inst->epoch <= inst->epoch_used);
	inst->is_remembered = false;
	inst->is_refused = false;
	inst->fresh = inst->began = inst->used = 0;
	instance_raise_floor(inst);
	inst->is_past = inst->is_declared && !is_outdone(c, inst);
	instance_drop_staged(c, inst);
	instance_arm(c, inst, MONO_NEVER);
	instance_store_owner(c, inst);
	instance_publish(c, inst);
}
