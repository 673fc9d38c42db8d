/* The books that the checkers share, and what they count. */
#include "tests/sim/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "core/instance.h"
#include "core/running.h"

/* When more frames than these need a retransmission, silence for as long as
 * makes a host suspect comes from the network. */
#define LOSSY_PERMILLE 50

/* --- Hosts and pairs --- */

static struct check_host *
host_at(struct check *k, uint32_t host)
{
	while (k->host_count <= host) {
		k->hosts =
			array_add(k->hosts, &k->host_count, sizeof *k->hosts);
		struct check_host *h = &k->hosts[k->host_count - 1];
		h->troubled_at = h->moved_at = h->down_at = k->w->now;
	}
	return &k->hosts[host];
}

static uint64_t
pair_key(uint32_t a, uint32_t b)
{
	return a < b ? hash_mix(a, b) : hash_mix(b, a);
}

static void
hurt_pair(struct check *k, uint32_t a, uint32_t b)
{
	uint32_t *at = keys_at(&k->pairs, pair_key(a, b));
	if (!*at) {
		k->pair_at = array_add(
			k->pair_at, &k->pair_count, sizeof *k->pair_at);
		*at = k->pair_count;
	}
	k->pair_at[*at - 1] = k->w->now;
}

static int64_t
min_ms(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t
check_calm_ms(const struct check *k, uint32_t host)
{
	if (host >= k->host_count || !k->w->hosts[host].is_running)
		return 0;
	const struct check_host *h = &k->hosts[host];
	if (k->w->hosts[host].read_bytes_per_s)
		return 0; /* it cannot know what it has not read */
	int64_t ms = min_ms(mono_diff(k->w->now, h->troubled_at),
		mono_diff(k->w->now, k->w->hosts[host].mute_at));
	return ms > 0 ? ms : 0;
}

bool
check_is_paired(const struct check *k, const char *name, uint32_t source,
	uint32_t target)
{
	const struct core *c = k->w->hosts[source].core;
	const struct handoff *h = c ? handoff_find(c, name) : NULL;
	return h && h->state == HANDOFF_PAIRED &&
	       (target == WORLD_NO_HOST ||
		       !strcmp(h->peer_name, k->w->hosts[target].name));
}

bool
check_is_told(const struct check *k, const char *name, uint32_t target)
{
	for (uint32_t i = 0; i < k->host_count; i++)
		if (k->w->hosts[i].core && check_is_paired(k, name, i, target))
			return true;
	return false;
}

bool
check_is_awaited(const struct check *k, const char *name, uint32_t host)
{
	struct service_value v;
	struct core *c = k->w->hosts[host].core;
	const struct instance *i = c ? instance_find(c, name) : NULL;
	return i && instance_is_live(i) && i->state != INSTANCE_READY &&
	       instance_service(c, i, &v) && v.policy.handoff.starts_first;
}

/* Whether a host dials another with success: as a member, or as one to join.
 * The one look into what a host thinks: that nobody forgets a member is M1 to
 * M8's. */
static bool
dials(const struct check *k, uint32_t from, uint32_t to)
{
	const struct core *c = k->w->hosts[from].core;
	const struct host *other = &k->w->hosts[to];
	member_id id = c ? member_find(c, other->config.node) : MEMBER_NONE;
	if (!world_can_dial(k->w, from, to))
		return false;
	if (id != MEMBER_NONE && member_get(c, id)->state != MEMBER_LEFT)
		return true;
	for (uint32_t i = 0; c && i < c->config.join_count; i++)
		if (!strcmp(c->config.join[i], other->address))
			return true;
	return false;
}

int64_t
check_pair_ms(const struct check *k, uint32_t a, uint32_t b)
{
	int64_t ms = min_ms(check_calm_ms(k, a), check_calm_ms(k, b));
	/* One may have left, and whom it shall join are gone too. */
	if (ms == 0 || (!dials(k, a, b) && !dials(k, b, a)))
		return 0;
	if (k->w->stall_permille > LOSSY_PERMILLE)
		return 0;
	ms = min_ms(ms, mono_diff(k->w->now, k->hosts[a].moved_at));
	ms = min_ms(ms, mono_diff(k->w->now, k->hosts[b].moved_at));
	uint32_t at = keys_get(&k->pairs, pair_key(a, b));
	return at ? min_ms(ms, mono_diff(k->w->now, k->pair_at[at - 1])) : ms;
}

bool
check_is_behind_stalled(const struct world *w, uint32_t host)
{
	for (uint32_t i = 0; i < w->count; i++) {
		const struct host *h = &w->hosts[i];
		bool is_passing =
			h->is_running && h->core &&
			!(h->is_aside && h->core->members.stall.is_on);
		if (i != host && is_passing && world_is_open(w, i, host) &&
			world_is_open(w, host, i))
			return false;
	}
	return true;
}

bool
check_runs_unseen(struct world *w, uint32_t duty, const char *name)
{
	const struct core *c = w->hosts[duty].core;
	const struct instance *i = c ? instance_find(c, name) : NULL;
	if (!i || !running_is_said(c, i))
		return false;
	uint32_t x = world_find(w, member_get(c, i->runs_at)->name);
	const struct process *p = world_process(w, x, name);
	return p && p->phase < PROCESS_EXITED;
}

uint64_t
check_root_key(const uint8_t root[DIGEST_SIZE])
{
	return hash_bytes(root, DIGEST_SIZE, 0);
}

struct core *
check_core(const struct check *k, uint32_t host)
{
	const struct host *h = &k->w->hosts[host];
	return h->core && !h->is_aside && !h->core->members.has_left ? h->core
								     : NULL;
}

uint32_t
check_host_of(const struct check *k, const char *name)
{
	return world_find(k->w, name);
}

enum row_state
check_row_before(const struct check *k, uint32_t host, const char *name)
{
	if (host >= k->host_count)
		return ROW_NONE;
	return (enum row_state)keys_get(
		&k->hosts[host].rows, hash_text(name, 0));
}

/* --- What happens --- */

/* Something is done to a host now.  One that stands still goes on doing so:
 * it is troubled until then. */
static void
trouble(struct check_host *h, mono now)
{
	if (h->troubled_at.ms < now.ms)
		h->troubled_at = now;
}

static void
on_fault(struct world *w, const struct world_fault_event *e, void *context)
{
	struct check *k = context;
	if (e->a == WORLD_NO_HOST) {
		for (uint32_t i = 0; i < w->count; i++)
			trouble(host_at(k, i), w->now);
		return;
	}
	struct check_host *h = host_at(k, e->a);
	switch (e->what) {
	case WORLD_FAULT_REINSTALL:
	case WORLD_FAULT_RESTORE:
		k->has_lost_disk = true;
		break;
	case WORLD_FAULT_CRASH:
	case WORLD_FAULT_KILL:
	case WORLD_FAULT_POWER:
		h->down_at = h->troubled_at = w->now;
		break;
	case WORLD_FAULT_START:
		h->seen = h->log = 0;
		keys_fini(&h->rows);
		h->troubled_at = w->now;
		break;
	case WORLD_FAULT_PAUSE:
		h->troubled_at = mono_add(w->now, e->number);
		break;
	case WORLD_FAULT_CUT:
	case WORLD_FAULT_HEAL:
	case WORLD_FAULT_STREAM:
		if (e->b != WORLD_NO_HOST)
			hurt_pair(k, e->a, e->b);
		break;
	case WORLD_FAULT_PARTITION:
		h->moved_at = w->now;
		break;
	case WORLD_FAULT_DISK:	/* a bad one excuses nothing later: who has */
	case WORLD_FAULT_CLOCK: /* it still speaks; nor what a clock shows */
	case WORLD_FAULT_OTHER:
		trouble(h, w->now);
		break;
	}
}

/* Takes the rows of one list that are new. */
static void
take_rows(struct check_host *h, const struct list *head)
{
	const struct list *at = head->prev;
	for (; at != head; at = at->prev) {
		const struct row *row = container_of(at, struct row, in_log);
		if (row->seq <= h->seen)
			return;
		if (row->value.kind != ROW_INSTANCE)
			continue;
		*keys_at(&h->rows, hash_text(row->name, 0)) =
			row->is_deleted ? ROW_NONE : row->value.state;
	}
}

/* The last of all observers: from here on the step is "before". */
static void
on_step(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx, void *context)
{
	struct check *k = context;
	struct check_host *h = host_at(k, host);
	const struct core *c = w->hosts[host].core;
	const struct origin *own = &c->registry.origins[MEMBER_SELF];
	(void)in;
	(void)fx;
	k->stats->steps++;
	if (own->position == h->seen)
		return;
	take_rows(h, &own->log);
	take_rows(h, &own->tombs);
	h->seen = own->position;
}

static void
on_phase(struct world *w, enum world_phase phase, void *context)
{
	struct check *k = context;
	(void)w;
	k->phase = phase;
}

static void
add_disk(struct disk_counts *to, const struct disk_counts *from)
{
	to->late += from->late;
	to->refused += from->refused;
	to->errors += from->errors;
	to->lost += from->lost;
	to->torn += from->torn;
	to->kept += from->kept;
}

static void
on_end(struct world *w, void *context)
{
	struct check *k = context;
	add_disk(&k->stats->disk, &w->disk_counts);
	k->stats->simulated_ms += (uint64_t)(w->now.ms - 1000000);
	k->stats->worlds++;
	for (uint32_t i = 0; i < k->host_count; i++)
		keys_fini(&k->hosts[i].rows);
	free(k->hosts);
	keys_fini(&k->pairs);
	keys_fini(&k->lost);
	keys_fini(&k->served);
	free(k->pair_at);
	free(k);
}

struct check *
check_attach(struct world *w, struct check_stats *stats)
{
	struct check *k = calloc(1, sizeof *k);
	CHECK(k);
	k->w = w;
	k->stats = stats;
	check_member(k);
	check_registry(k);
	check_specs(k);
	check_place(k);
	check_service(k);
	check_handoff(k);
	check_sealed(k);
	check_conflict(k);
	check_checkpoint(k);
	check_path(k);
	check_message(k);
	check_rebalance(k);
	check_names(k);
	check_engine(k);
	world_observe(w, &(struct world_observer){
				 .name = "books",
				 .on_step = on_step,
				 .on_fault = on_fault,
				 .on_phase = on_phase,
				 .on_end = on_end,
				 .context = k,
			 });
	return k;
}

struct world *
check_world(uint64_t seed)
{
	static _Thread_local struct check_stats stats;
	struct world *w = world_new(seed);
	check_attach(w, &stats);
	return w;
}

/* --- What was counted --- */

void
check_times_add(struct check_times *t, int64_t ms)
{
	int64_t at = ms / CHECK_UNIT_MS;
	t->count++;
	t->sum_ms += ms;
	t->max_ms = ms > t->max_ms ? ms : t->max_ms;
	t->buckets[at < CHECK_TIMES ? at : CHECK_TIMES - 1]++;
}

static void
add_times(struct check_times *to, const struct check_times *from)
{
	to->count += from->count;
	to->sum_ms += from->sum_ms;
	to->max_ms = from->max_ms > to->max_ms ? from->max_ms : to->max_ms;
	for (unsigned i = 0; i < CHECK_TIMES; i++)
		to->buckets[i] += from->buckets[i];
}

void
check_stats_add(struct check_stats *to, const struct check_stats *from)
{
	to->steps += from->steps;
	to->simulated_ms += from->simulated_ms;
	to->worlds += from->worlds;
	to->starts += from->starts;
	to->deaths += from->deaths;
	to->false_deaths += from->false_deaths;
	to->duplicates += from->duplicates;
	to->unexcused += from->unexcused;
	to->lost += from->lost;
	to->handoffs += from->handoffs;
	to->dropped += from->dropped;
	to->adopted += from->adopted;
	to->rebalances += from->rebalances;
	add_disk(&to->disk, &from->disk);
	add_times(&to->detection, &from->detection);
	add_times(&to->failover, &from->failover);
	add_times(&to->duplicate, &from->duplicate);
}

int64_t
check_times_at(const struct check_times *t, unsigned percent)
{
	uint64_t below = 0;
	for (unsigned i = 0; i < CHECK_TIMES - 1; i++) {
		below += t->buckets[i];
		if (below * 100 >= t->count * percent && below)
			return (i + 1) * CHECK_UNIT_MS;
	}
	return t->max_ms;
}

static void
print_times(const struct check_times *t, const char *what, FILE *out)
{
	fprintf(out, "%-34s %10llu times", what, (unsigned long long)t->count);
	if (t->count)
		fprintf(out,
			", half within %.1f s, 90 %% %.1f s, 99 %% %.1f s, "
			"all %.1f s",
			(double)check_times_at(t, 50) / 1000,
			(double)check_times_at(t, 90) / 1000,
			(double)check_times_at(t, 99) / 1000,
			(double)t->max_ms / 1000);
	fputc('\n', out);
}

static void
print_number(const char *what, uint64_t n, FILE *out)
{
	fprintf(out, "%-34s %10llu\n", what, (unsigned long long)n);
}

void
check_stats_print(const struct check_stats *s, FILE *out)
{
	fprintf(out, "%-34s %10.2f\n", "simulated hours",
		(double)s->simulated_ms / 3600000);
	print_number("worlds", s->worlds, out);
	print_number("steps", s->steps, out);
	print_number("starts", s->starts, out);
	print_number("services lost", s->lost, out);
	print_number("duplicates without a reason", s->unexcused, out);
	print_number("duplicates in partitions", s->duplicates, out);
	print_number("deaths declared", s->deaths, out);
	print_number("... of hosts that ran", s->false_deaths, out);
	if (s->rebalances)
		print_number("moved to a better host", s->rebalances, out);
	print_number("states moved", s->handoffs, out);
	print_number("states given up at conflicts", s->dropped, out);
	print_number("states gone on from after one", s->adopted, out);
	print_number("writes late by a second", s->disk.late, out);
	print_number("... refused for want of room", s->disk.refused, out);
	print_number("... failed by I/O errors", s->disk.errors, out);
	print_number("... lost with power or node", s->disk.lost, out);
	print_number("... of these torn", s->disk.torn, out);
	print_number("... kept, and nobody was told", s->disk.kept, out);
	print_times(&s->detection, "host gone until it is DEAD", out);
	print_times(&s->failover, "process lost until the next runs", out);
	print_times(&s->duplicate, "two copies until one", out);
}
