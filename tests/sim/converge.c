#include "tests/sim/converge.h"

#include <stdio.h>
#include <string.h>

#include "core/view.h"
#include "tests/sim/world_view.h"

#define FOR_EVER_MS 100000000
#define LOOK_MS	    200	  /* between two looks at the core */
#define HEARD_MS    500	  /* what was said is heard everywhere */
#define PEOPLE_MS   15000 /* ... of the people who run it */
/* Rest lasts so long: what waits to be tried again (five seconds, a move that
 * failed) is tried, and the state that a move left behind is dropped. */
#define REST_MS 6000
/* What is to move by rebalancing within this is waited for. */
#define DUE_MS 60000
/* What behaves answers its handoff signal in time. */
#define ANSWER_MS 10

/* --- Who is in the core --- */

static bool
is_awake(const struct storm *s, uint32_t host)
{
	const struct host *h = &s->w->hosts[host];
	return h->is_running && h->paused_until.ms <= s->w->now.ms;
}

/* Whether all of skepd was told to end there: it does not come to rest. */
static bool
is_ending(const struct storm *s, uint32_t host)
{
	const struct host *h = &s->w->hosts[host];
	return h->is_running && h->core->duty.is_ending;
}

/* Whether it is on its way out of the cluster, or out. */
static bool
is_leaving(const struct storm *s, uint32_t host)
{
	const struct core *c = s->w->hosts[host].core;
	return s->hosts[host].has_left ||
	       (c && (c->members.is_leaving || c->members.has_left));
}

static bool
is_way_open(const struct storm *s, uint32_t a, uint32_t b)
{
	return world_is_open(s->w, a, b) && world_is_open(s->w, b, a);
}

/* Hosts of the core that 'host', outside, can talk with. */
static uint32_t
count_ways(const struct storm *s, uint32_t host)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->w->count; i++)
		n += s->hosts[i].is_core && is_way_open(s, i, host);
	return n;
}

/* Whether the core hears of 'host' by way of one of which it hears. */
static bool
has_witness(const struct storm *s, uint32_t host)
{
	for (uint32_t i = 0; i < s->w->count; i++)
		if (s->hosts[i].is_heard && is_way_open(s, i, host))
			return true;
	return false;
}

/* Finds of whom the core hears, however many stand between. */
static void
survey(struct storm *s)
{
	bool is_more = true;
	for (uint32_t i = 0; i < s->w->count; i++)
		s->hosts[i].is_heard = s->hosts[i].is_core;
	while (is_more) {
		is_more = false;
		for (uint32_t i = 0; i < s->w->count; i++) {
			if (s->hosts[i].is_heard || !is_awake(s, i) ||
				!has_witness(s, i))
				continue;
			s->hosts[i].is_heard = is_more = true;
		}
	}
}

static bool
is_severed(const struct storm *s, uint32_t host)
{
	return !s->hosts[host].is_heard;
}

static bool
is_hanging(const struct storm *s, uint32_t host)
{
	return !s->hosts[host].is_core && !is_severed(s, host);
}

static bool
has_hanging(const struct storm *s)
{
	for (uint32_t i = 0; i < s->w->count; i++)
		if (is_hanging(s, i))
			return true;
	return false;
}

static uint32_t
core_count(const struct storm *s)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->w->count; i++)
		n += s->hosts[i].is_core;
	return n;
}

static uint32_t
first_core(const struct storm *s)
{
	uint32_t i = 0;
	while (!s->hosts[i].is_core)
		i++;
	return i;
}

static void
choose_core(struct storm *s, struct prng *p)
{
	uint32_t size = s->config.core ? s->config.core : s->w->count;
	for (uint32_t n = core_count(s); n < size && n < s->w->count;) {
		uint32_t i = any(p, s->w->count);
		n += !s->hosts[i].is_core;
		s->hosts[i].is_core = true;
	}
	/* Whom all of them can talk with is one of them. */
	for (uint32_t i = 0; i < s->w->count; i++)
		if (is_awake(s, i) && !is_leaving(s, i) &&
			count_ways(s, i) == core_count(s))
			s->hosts[i].is_core = true;
}

/* --- Healing --- */

static void
heal_services(struct storm *s)
{
	for (uint32_t i = 0; i < s->w->behaviour_count; i++) {
		struct behaviour *b = &s->w->behaviours[i];
		b->is_deaf = b->is_dying = false;
		b->is_dump_failing = b->is_fetch_failing = false;
		b->state_size = 0;
		b->blame = (enum start_blame)0;
		b->answer = ANSWER_RESUME;
		b->answer_ms = ANSWER_MS;
		b->run_ms = 0;
		b->status = 0;
	}
}

static void
heal_way(struct storm *s, uint32_t from, uint32_t to)
{
	world_cut(s->w, from, to, false);
	world_stall(s->w, from, to, 0);
	world_set_dial(s->w, from, to, (enum link_down_reason)0);
	world_set_latency(s->w, from, to, 0, -1);
	world_cut_bulk(s->w, from, to, false);
}

static void
heal_host(struct storm *s, uint32_t host)
{
	struct host *h = &s->w->hosts[host];
	for (uint32_t i = 0; i < s->w->count; i++)
		if (s->hosts[i].is_core && i != host) {
			heal_way(s, i, host);
			heal_way(s, host, i);
		}
	world_partition(s->w, host, 0);
	world_starve(s->w, host, 0);
	world_slow_reader(s->w, host, 0);
	world_stall_disk(s->w, host, 0);
	world_disk_set(s->w, host, &(struct disk_faults){0});
	world_clock_rate(s->w, host, 0);
	world_freeze(s->w, host, 0);
	if (is_ending(s, host))
		world_kill(s->w, host);
	if (!h->is_running)
		world_start(s->w, host);
	/* What is on its way out, perhaps since before it was switched off,
	 * does not come to rest as a member: people install it anew. */
	if (is_leaving(s, host)) {
		world_power_off(s->w, host);
		world_reinstall(s->w, host);
		s->hosts[host].has_left = false;
		world_start(s->w, host);
	}
}

/* Whether a host counts another one in: then it dials it by itself. */
static bool
is_known(const struct storm *s, uint32_t a, uint32_t b)
{
	const struct core *c = s->w->hosts[a].core;
	member_id id = member_find(c, s->w->hosts[b].name);
	return id != MEMBER_NONE && member_get(c, id)->state != MEMBER_LEFT;
}

/* What was installed anew may have nobody of the core in its skep.conf, while
 * nobody there counts it as a member any more: people tell it where to go. */
static void
introduce(struct storm *s, uint32_t host)
{
	uint32_t other = WORLD_NO_HOST;
	for (uint32_t i = 0; i < s->w->count; i++) {
		if (i == host || !s->hosts[i].is_core)
			continue;
		if (is_known(s, i, host) || is_known(s, host, i))
			return;
		other = i;
	}
	if (other != WORLD_NO_HOST)
		world_request(
			s->w, host, REQUEST_JOIN, s->w->hosts[other].address);
}

static void
freeze_host(struct storm *s, uint32_t host)
{
	struct host *h = &s->w->hosts[host];
	if ((is_leaving(s, host) || is_ending(s, host)) && h->is_powered)
		world_power_off(s->w, host);
	else if (h->is_running && !is_awake(s, host))
		world_pause(s->w, host, FOR_EVER_MS);
}

void
converge_heal(struct storm *s, struct prng *p)
{
	choose_core(s, p);
	s->w->latency_min_ms = 0;
	s->w->latency_max_ms = 3;
	world_set_stalls(s->w, 0);
	heal_services(s);
	for (uint32_t i = 0; i < s->w->count; i++)
		if (s->hosts[i].is_core)
			heal_host(s, i);
		else
			freeze_host(s, i);
	for (uint32_t i = 0; i < s->w->count; i++)
		if (s->hosts[i].is_core)
			introduce(s, i);
	for (uint32_t i = 0; i < s->w->count; i++)
		s->w->hosts[i].is_aside = !s->hosts[i].is_core;
}

/* The people who run a core: hosts that nobody reaches are said to be down,
 * as their documentation tells them, and drains are over. */
static void
tend(struct storm *s)
{
	uint32_t at = first_core(s);
	for (uint32_t i = 0; i < s->w->count; i++) {
		const char *name = s->w->hosts[i].name;
		if (is_severed(s, i))
			world_request(s->w, at, REQUEST_CONFIRM_DOWN, name);
		else
			world_request(s->w, at, REQUEST_UNDRAIN, name);
	}
}

/* --- At rest --- */

/* Whether host 'a' has all rows that 'b', known there as 'id', has written. */
static bool
has_all_rows(const struct storm *s, uint32_t a, uint32_t b, member_id id)
{
	const struct origin *there = &s->w->hosts[a].core->registry.origins[id];
	const struct core *of = s->w->hosts[b].core;
	return there->position == of->registry.origins[MEMBER_SELF].position;
}

/* What host 'a' of the core thinks of 'b'. */
static const char *
opinion_trouble(struct storm *s, uint32_t a, uint32_t b, char *out)
{
	const char *who = s->w->hosts[a].name, *about = s->w->hosts[b].name;
	const struct core *c = s->w->hosts[a].core;
	member_id id = member_find(c, about);
	bool is_known = id != MEMBER_NONE;
	if (s->hosts[b].is_core &&
		(!is_known || member_get(c, id)->state != MEMBER_ALIVE ||
			!member_get(c, id)->link))
		return world_say(
			out, "%s: %s is well, and not linked", who, about);
	if (s->hosts[b].is_core && !has_all_rows(s, a, b, id))
		return world_say(
			out, "%s does not have all rows of %s", who, about);
	if (is_severed(s, b) && is_known && member_is_present(c, id))
		return world_say(
			out, "%s: %s is gone, and called present", who, about);
	return NULL;
}

static const char *
member_trouble(struct storm *s, uint32_t a, char *out)
{
	const struct core *c = s->w->hosts[a].core;
	const char *name = s->w->hosts[a].name, *why = NULL;
	if (member_hold_now(c) != HOLD_NONE)
		return world_say(
			out, "%s holds: %s", name, c->members.hold_text);
	if (!has_hanging(s) && !member_is_view_agreed(c))
		return world_say(out, "%s: others see other members", name);
	if (c->members.view_digest !=
		s->w->hosts[first_core(s)].core->members.view_digest)
		return world_say(out, "%s: the core sees other members", name);
	/* What one wrote who stands outside, and is hardly heard, may come to
	 * the others one by one, and late. */
	if (specs_root(c) != specs_root(s->w->hosts[first_core(s)].core))
		return world_say(out, "%s: the core wants other things", name);
	for (uint32_t b = 0; b < s->w->count && !why; b++)
		if (b != a)
			why = opinion_trouble(s, a, b, out);
	return why;
}

/* Whether host 'b' says the same of an instance as 'v'. */
static bool
is_same_there(struct core *b, const struct instance_view *v)
{
	struct instance_view there;
	if (!view_instance(b, v->name, &there))
		return !v->node[0];
	return !strcmp(there.state, v->state) && !strcmp(there.node, v->node) &&
	       there.epoch == v->epoch;
}

static const char *
agreement(struct storm *s, uint32_t a, const struct instance_view *v, char *out)
{
	for (uint32_t b = 0; b < s->w->count; b++) {
		if (b == a || !s->hosts[b].is_core ||
			is_same_there(s->w->hosts[b].core, v))
			continue;
		return world_say(out,
			"%s says that %s is %s on '%s' epoch %llu, %s does not",
			s->w->hosts[a].name, v->name, v->state, v->node,
			(unsigned long long)v->epoch, s->w->hosts[b].name);
	}
	return NULL;
}

/* Whether its disk stands still, so that it neither ends a start nor begins
 * one, nor says what it wrote or ended, nor passes on what others did. */
static bool
is_stalled(const struct storm *s, uint32_t host)
{
	return is_hanging(s, host) &&
	       s->w->hosts[host].core->members.stall.is_on;
}

/* Whether its holder waits for the word of the other end of a move, which it
 * cannot ask, or which says nothing that its disk has not: as a target it has
 * what may be the last state (H2), as a source it gave it away for good.  Or it
 * tries a move again and again, because states do not get through. */
static bool
waits_outside(struct storm *s, const struct instance_view *v)
{
	uint32_t x = v->node[0] ? world_find(s->w, v->node) : WORLD_NO_HOST;
	if (x == WORLD_NO_HOST || !s->w->hosts[x].core)
		return false;
	const struct handoff *h = handoff_find(s->w->hosts[x].core, v->name);
	uint32_t peer = h ? world_find(s->w, h->peer_name) : WORLD_NO_HOST;
	if (peer == WORLD_NO_HOST || !(is_hanging(s, peer) || is_hanging(s, x)))
		return false;
	if (h->state == HANDOFF_FROZEN || h->state == HANDOFF_FETCHING)
		return !world_has_bulk(s->w, x, peer);
	return (h->state == HANDOFF_STAGED || h->state == HANDOFF_COMMITTED) &&
	       (!is_way_open(s, x, peer) || is_stalled(s, peer));
}

/* Whether no host of the core may run an instance of this service: it is
 * pinned to one outside, or each host has as many as it may. */
static bool
may_be_unplaced(struct storm *s, uint32_t a, const struct instance_view *v)
{
	struct core *c = s->w->hosts[a].core;
	struct service_value value;
	const struct entry *e = specs_find(c, ENTRY_SERVICE, v->service);
	if (!e || !specs_get_service(e, &value))
		return false;
	if (value.policy.placement.max_per_host)
		return true;
	for (uint32_t i = 0; i < s->w->count; i++) {
		member_id id = member_find(c, s->w->hosts[i].name);
		if (!strcmp(s->w->hosts[i].name, value.policy.placement.pin))
			return is_severed(s, i) || is_hanging(s, i) ||
			       duty_intent(c, id) != INTENT_ACTIVE;
	}
	for (uint32_t i = 0; i < s->w->count; i++)
		if (s->hosts[i].is_core &&
			duty_intent(c, member_find(c, s->w->hosts[i].name)) ==
				INTENT_ACTIVE)
			return false;
	return true;
}

/* Whether a host outside the core is present and cannot do what it ought to:
 * it is stalled, or it knows what others want only from such hosts, or it reads
 * so slowly what they tell it that it does not know. */
static bool
is_unfit(struct storm *s, const char *name)
{
	uint32_t x = name[0] ? world_find(s->w, name) : WORLD_NO_HOST;
	return x != WORLD_NO_HOST && is_hanging(s, x) &&
	       (is_stalled(s, x) || check_is_behind_stalled(s->w, x) ||
		       s->w->hosts[x].read_bytes_per_s != 0);
}

/* Whether such a one holds it, or ought to start it, or whoever ought to start
 * it heard that it runs on one that can say no more than that. */
static bool
is_holder_unfit(struct storm *s, const struct instance_view *v)
{
	uint32_t duty = v->node[0] || !v->duty[0] ? WORLD_NO_HOST
						  : world_find(s->w, v->duty);
	if (duty != WORLD_NO_HOST && check_runs_unseen(s->w, duty, v->name))
		return true;
	return is_unfit(s, v->node[0] ? v->node : v->duty);
}

/* Whether a second copy is on a host that could give way and say so. */
static bool
is_twice(struct storm *s, uint32_t a, const struct instance_view *v)
{
	const struct core *c = s->w->hosts[a].core;
	const struct row *r = registry_first(c, ROW_INSTANCE, v->name);
	for (; v->is_foreign_copy && r; r = registry_next(c, r)) {
		const char *name = member_get(c, r->origin)->name;
		if (row_state_is_held(r->value.state) &&
			member_is_present(c, r->origin) &&
			strcmp(name, v->node) != 0 && !is_unfit(s, name))
			return true;
	}
	return false;
}

/* Whether a wanted instance may stay as 'v' says. */
static bool
is_at_rest(struct storm *s, uint32_t a, const struct instance_view *v)
{
	if (!strcmp(v->state, "unplaced"))
		return may_be_unplaced(s, a, v);
	bool is_waiting =
		!strcmp(v->state, "pending") || !strcmp(v->state, "backoff");
	uint32_t x = world_find(s->w, v->node[0] ? v->node : v->duty);
	if (is_holder_unfit(s, v) || waits_outside(s, v) ||
		(is_waiting && x != WORLD_NO_HOST &&
			check_waits_for_checkpoint(s->w, x, v->name)))
		return true;
	return !strcmp(v->state, "ready") || !strcmp(v->state, "exited") ||
	       !strcmp(v->state, "failed");
}

/* Whether 'ready' is true. */
static bool
is_really_ready(struct storm *s, const struct instance_view *v)
{
	for (uint32_t i = 0; i < s->w->count; i++) {
		if (strcmp(s->w->hosts[i].name, v->node) != 0)
			continue;
		if (is_hanging(s, i))
			return true;
		const struct process *p = world_process(s->w, i, v->name);
		return p && p->phase == PROCESS_RUNNING && p->epoch == v->epoch;
	}
	return false;
}

/* Whether a move of it is under way at host 'a', other than one that waits
 * for a host which only some can talk with. */
static bool
is_moved_here(struct storm *s, uint32_t a, const char *name)
{
	const struct handoff *h = handoff_find(s->w->hosts[a].core, name);
	return h && !is_hanging(s, world_find(s->w, h->peer_name));
}

static const char *
instance_trouble(
	struct storm *s, uint32_t a, const struct instance_view *v, char *out)
{
	const char *why = NULL;
	bool is_ready = !strcmp(v->state, "ready");
	if (is_twice(s, a, v))
		why = "is held twice";
	else if (v->is_wanted && !is_at_rest(s, a, v))
		why = "is wanted and not at rest";
	else if (!v->is_wanted && v->node[0] && strcmp(v->state, "stopped") &&
		 !is_holder_unfit(s, v) && !waits_outside(s, v))
		why = "is not wanted and still held";
	else if (is_ready && v->is_wanted &&
		 v->run_digest != v->wanted_digest && !is_holder_unfit(s, v))
		why = "runs an old spec";
	else if (is_ready && !is_really_ready(s, v))
		why = "is called ready and has no process";
	else if (is_moved_here(s, a, v->name))
		why = "is being moved";
	else if (world_goes_on(s->w->hosts[a].core, v->name))
		why = "is to go on from another state";
	if (!why)
		return agreement(s, a, v, out);
	return world_say(out, "%s says: %s (%s on '%s', %s) %s",
		s->w->hosts[a].name, v->name, v->state, v->node, v->why, why);
}

/* One process against what its host says about its instance. */
static const char *
process_trouble(
	struct storm *s, uint32_t host, const struct process *p, char *out)
{
	struct instance_view v;
	struct core *c = s->w->hosts[host].core;
	bool is_right = view_instance(c, p->name, &v) &&
			!strcmp(v.node, s->w->hosts[host].name) &&
			v.epoch == p->epoch && !strcmp(v.state, "ready");
	is_right = is_right &&
		   !check_is_misplaced(s->w, host, instance_find(c, p->name)) &&
		   !check_is_due(s->w, host, instance_find(c, p->name), DUE_MS);
	if (p->phase >= PROCESS_EXITED || is_right)
		return NULL;
	return world_say(out, "%s epoch %llu runs on %s, and should not",
		p->name, (unsigned long long)p->epoch, s->w->hosts[host].name);
}

static const char *
host_trouble(struct storm *s, uint32_t a, char *out)
{
	struct host *h = &s->w->hosts[a];
	struct instance_view v;
	uint32_t cursor = 0;
	const char *why = member_trouble(s, a, out);
	while (!why && view_instance_next(h->core, &cursor, &v))
		why = instance_trouble(s, a, &v, out);
	for (size_t i = 0; i < h->process_count && !why; i++)
		why = process_trouble(s, a, &h->processes[i], out);
	return why;
}

static const char *
trouble(struct storm *s, char *out)
{
	const char *why = NULL;
	survey(s);
	for (uint32_t a = 0; a < s->w->count && !why; a++)
		if (s->hosts[a].is_core)
			why = host_trouble(s, a, out);
	return why;
}

static void
print_members(struct storm *s, uint32_t a)
{
	const struct core *c = s->w->hosts[a].core;
	printf("%s%s%s%s, hold '%s', desired state %016llx, wall %lld%s\n",
		s->w->hosts[a].name, s->hosts[a].is_core ? " (core)" : "",
		is_hanging(s, a) ? " (hanging)" : "",
		s->w->hosts[a].read_bytes_per_s ? " (reads slowly)" : "",
		member_hold_name(member_hold_now(c)),
		(unsigned long long)specs_root(c), (long long)c->wall_ms,
		c->duty.is_draining ? ", drains" : "");
	for (member_id id = 1; id < c->members.count; id++) {
		const struct member *m = member_get(c, id);
		printf("  %s %s inc %llx%s%s intent %d\n", m->name,
			member_state_name(m->state),
			(unsigned long long)m->incarnation,
			m->link ? " linked" : "",
			registry_is_complete(c, id) ? "" : " log incomplete",
			(int)duty_intent(c, id));
	}
}

void
converge_print(struct storm *s)
{
	char why[1024];
	struct instance_view v;
	for (uint32_t a = 0; a < s->w->count; a++) {
		struct core *c = s->w->hosts[a].core;
		uint32_t cursor = 0;
		if (!c)
			continue;
		print_members(s, a);
		while (view_instance_next(c, &cursor, &v)) {
			if (!strcmp(v.state, "ready") && !v.is_foreign_copy &&
				v.run_digest == v.wanted_digest)
				continue;
			printf("  %s %s on '%s' epoch %llu, duty '%s'%s: ",
				v.name, v.state, v.node,
				(unsigned long long)v.epoch, v.duty,
				v.is_wanted ? ", wanted" : "");
			const struct instance *i = instance_find(c, v.name);
			if (i)
				printf("%s%s%s%s ",
					duty_waits_for_owner(c, i)
						? "(waits for owner)"
						: "",
					i->is_refused ? "(refused)" : "",
					list_is_empty(&i->in_dirty)
						? ""
						: "(in a list)",
					i->is_remembered ? "(remembered)" : "");
			view_why(c, v.name, why, sizeof why);
			printf("%s\n", why);
		}
	}
}

/* How often a host of the core said that a move was over: its source drops the
 * state when that is durable. */
static uint64_t
count_moved(const struct storm *s)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < s->w->count; i++)
		if (s->hosts[i].is_core)
			n += s->w->hosts[i].notes[NOTE_MOVED];
	return n;
}

int64_t
converge_wait(struct storm *s, char out[static 512])
{
	mono start = s->w->now;
	int64_t limit_ms =
		CONVERGE_BASE_MS + CONVERGE_HOST_MS * (int64_t)s->w->count;
	mono people_at = mono_add(start, PEOPLE_MS);
	out[0] = '\0';
	world_run(s->w, HEARD_MS);
	mono since = s->w->now;
	uint64_t moved = count_moved(s);
	while (trouble(s, out) || mono_diff(s->w->now, since) < REST_MS) {
		bool is_troubled = out[0];
		if (is_troubled && mono_diff(s->w->now, start) >= limit_ms)
			return -1;
		if (is_troubled && mono_reached(people_at, s->w->now)) {
			tend(s);
			people_at = mono_add(s->w->now, PEOPLE_MS);
		}
		world_run(s->w, is_troubled ? LOOK_MS : REST_MS);
		if (is_troubled || count_moved(s) != moved)
			since = s->w->now;
		moved = count_moved(s);
		out[0] = '\0';
	}
	for (uint32_t i = 0; i < s->w->count; i++)
		if (s->hosts[i].is_core)
			core_check(s->w->hosts[i].core);
	return mono_diff(since, start);
}
