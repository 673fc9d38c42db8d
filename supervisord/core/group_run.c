/* What runs here and the groups it is in: by spec, and by a word. */
#include <string.h>

#include "base/hash.h"
#include "base/name.h"
#include "core/group_private.h"

/* Whether a process of it runs, and has not come to its end. */
static bool
is_running(const struct instance *i)
{
	switch (i->state) {
	case INSTANCE_STARTING:
	case INSTANCE_READY:
	case INSTANCE_STOPPING:
	case INSTANCE_HANDOFF:
		return i->pid != 0;
	case INSTANCE_IDLE:
	case INSTANCE_CLEANING:
	case INSTANCE_BACKOFF:
	case INSTANCE_EXITED:
	case INSTANCE_FAILED:
		return false;
	case INSTANCE_STATE_COUNT:
		break;
	}
	UNREACHABLE();
}

static bool
is_declared_in(const struct spec_policy *p, const char *group)
{
	const char *at = p->groups;
	for (uint32_t n = 0; n < p->group_count; n++, at += strlen(at) + 1)
		if (strcmp(at, group) == 0)
			return true;
	return false;
}

/* What runs here: an instance, or a process that has a name. */
struct run {
	const char *name;
	uint64_t epoch;
	uint32_t pid;
	const struct instance *instance; /* or NULL */
};

static struct run
run_of(const struct instance *i)
{
	return (struct run){i->name, i->epoch, i->pid, i};
}

/* What runs here under that name; false: nothing. */
static bool
find_run(const struct core *c, const char *name, struct run *out)
{
	const struct instance *i = instance_find(c, name);
	const struct row *row =
		registry_find(c, ROW_TRACKED, name, MEMBER_SELF);
	if (i && is_running(i))
		*out = run_of(i);
	else if (row)
		*out = (struct run){name, row->value.epoch, row->value.pid,
			NULL};
	return (i && is_running(i)) || row;
}

/* Says here that a run is in a group.  False when there is no room. */
static bool
put(struct core *c, const char *text, const struct run *run)
{
	const struct row *old = registry_find(c, ROW_MEMBER, text, MEMBER_SELF);
	bool is_same = old && old->value.epoch == run->epoch;
	struct row_value v = {
		.kind = ROW_MEMBER,
		.state = ROW_READY,
		.epoch = run->epoch,
		.pid = run->pid,
		.since_wall_ms =
			is_same ? old->value.since_wall_ms : c->wall_ms,
	};
	return registry_put(c, text, &v, 0);
}

/* Writes the name of the row that says that 'member' is in 'group'. */
static void
join_names(const char *group, const char *member, char out[ROW_NAME_MAX + 1])
{
	size_t head = strlen(group), tail = strlen(member);
	CHECK(head <= GROUP_NAME_MAX && tail <= RUNTIME_NAME_MAX);
	memcpy(out, group, head);
	out[head] = ROW_GROUP_END;
	memcpy(out + head + 1, member, tail + 1);
}

/* It joined by a word, in that run. */
static void
set_joined(struct core *c, struct membership *m, uint64_t epoch)
{
	m->joined = epoch;
	list_remove(&m->in_joined);
	list_append(&c->groups.joined, &m->in_joined);
}

/* Forgets that it joined by a word. */
static void
unjoin(struct core *c, struct membership *m)
{
	if (!m->joined)
		return;
	m->joined = 0;
	list_remove(&m->in_joined);
	core_store(c, TABLE_GROUP, (struct bytes){m->text, strlen(m->text)},
		(struct bytes){NULL, 0});
}

/* What it is in by now: goes, unless this run is still to be in it. */
static void
review(struct core *c, const struct run *run, const struct spec_policy *p,
	bool runs)
{
	struct map *by_member = &c->groups.by_member;
	struct map_link *l =
		map_first(by_member, hash_text(run->name, NAME_SEED));
	while (l) {
		struct membership *m =
			container_of(l, struct membership, by_member);
		l = map_next(by_member, l);
		if (strcmp(m->member, run->name) != 0)
			continue;
		if (!runs || m->joined != run->epoch)
			unjoin(c, m);
		if (m->joined)
			put(c, m->text, run);
		else if (!runs || !p || !is_declared_in(p, m->group->text))
			registry_delete(c, ROW_MEMBER, m->text);
	}
}

/* As above, of one that nobody speaks of any more. */
static void
sweep(struct core *c, const char *member)
{
	struct map *by_member = &c->groups.by_member;
	struct map_link *l = map_first(by_member, hash_text(member, NAME_SEED));
	while (l) {
		struct membership *m =
			container_of(l, struct membership, by_member);
		l = map_next(by_member, l);
		if (strcmp(m->member, member) == 0)
			group_drop_if_idle(c, m);
	}
}

void
group_follow(struct core *c, const struct instance *inst)
{
	struct service_value s;
	bool runs = is_running(inst);
	bool has_spec = runs && instance_service(c, inst, &s);
	const struct run run = run_of(inst);
	review(c, &run, has_spec ? &s.policy : NULL, runs);
	sweep(c, inst->name);
	const char *at = s.policy.groups;
	for (uint32_t n = 0; has_spec && n < s.policy.group_count; n++) {
		char text[ROW_NAME_MAX + 1];
		join_names(at, inst->name, text);
		if (!put(c, text, &run))
			c->groups.full++;
		at += strlen(at) + 1;
	}
}

void
group_forget(struct core *c, const char *name)
{
	review(c, &(struct run){.name = name}, NULL, false);
	sweep(c, name);
}

/* --- By a word --- */

/* How many groups it is in by a word. */
static unsigned
count_joined(const struct core *c, const char *member)
{
	unsigned count = 0;
	const struct map *by_member = &c->groups.by_member;
	struct map_link *l = map_first(by_member, hash_text(member, NAME_SEED));
	for (; l; l = map_next(by_member, l)) {
		const struct membership *m =
			container_of(l, struct membership, by_member);
		count += m->joined && strcmp(m->member, member) == 0;
	}
	return count;
}

static enum reply_code
join(struct core *c, const struct run *run, const char *group,
	const char **text)
{
	char name[ROW_NAME_MAX + 1];
	join_names(group, run->name, name);
	struct membership *m = group_membership(c, name);
	if (m && m->joined == run->epoch) {
		*text = "it is in that group already";
		return REPLY_UNCHANGED;
	}
	if (count_joined(c, run->name) >= GROUPS_OF_ONE_MAX) {
		*text = effects_format(&c->fx,
			"it is in %u groups, and may be in no more",
			(uint64_t)GROUPS_OF_ONE_MAX);
		return REPLY_FULL;
	}
	m = group_enter(c, name);
	if (!m || !put(c, name, run)) {
		if (m)
			group_drop_if_idle(c, m);
		*text = "the registry is full: raise names_max";
		return REPLY_FULL;
	}
	unsigned char epoch[8];
	for (int n = 0; n < 8; n++)
		epoch[n] = (unsigned char)(run->epoch >> (8 * n));
	set_joined(c, m, run->epoch);
	core_store(c, TABLE_GROUP, (struct bytes){m->text, strlen(m->text)},
		(struct bytes){epoch, sizeof epoch});
	return REPLY_OK;
}

static enum reply_code
leave(struct core *c, const struct run *run, const char *group,
	const char **text)
{
	struct service_value s;
	char name[ROW_NAME_MAX + 1];
	join_names(group, run->name, name);
	struct membership *m = group_membership(c, name);
	bool is_declared = run->instance &&
			   instance_service(c, run->instance, &s) &&
			   is_declared_in(&s.policy, group);
	if (m)
		unjoin(c, m);
	if (is_declared) {
		*text = "it is in that group by its spec: take it out of "
			"'groups' there";
		return REPLY_CONFLICT;
	}
	if (!m || !registry_find(c, ROW_MEMBER, name, MEMBER_SELF)) {
		if (m)
			group_drop_if_idle(c, m);
		*text = "it is not in that group";
		return REPLY_UNCHANGED;
	}
	registry_delete(c, ROW_MEMBER, name);
	return REPLY_OK;
}

enum reply_code
group_word(struct core *c, enum request_op op, const char *member,
	const char *group, const char **text)
{
	size_t at;
	struct run run;
	const char *fault = name_fault(
		(struct bytes){group, strlen(group)}, GROUP_NAME_MAX, &at);
	*text = "";
	if (fault) {
		*text = effects_format(&c->fx, "a group's name %s, at byte %u",
			fault, (uint64_t)at);
		return REPLY_INVALID;
	}
	if (!find_run(c, member, &run)) {
		*text = "it does not run: only what runs is in a group";
		return REPLY_CONFLICT;
	}
	return op == REQUEST_GROUP_JOIN ? join(c, &run, group, text)
					: leave(c, &run, group, text);
}

/* --- Earlier lives --- */

void
group_on_load(struct core *c, struct bytes key, struct bytes value)
{
	char name[ROW_NAME_MAX + 1];
	const unsigned char *epoch = value.data;
	if (key.size > ROW_NAME_MAX || value.size < 8)
		return;
	memcpy(name, key.data, key.size);
	name[key.size] = '\0';
	const char *end = strchr(name, ROW_GROUP_END);
	if (strlen(name) != key.size || !end || end - name > GROUP_NAME_MAX ||
		c->groups.memberships.count >= c->limits.rows_max / 2)
		return;
	uint64_t joined = 0;
	for (int n = 0; n < 8; n++)
		joined |= (uint64_t)epoch[n] << (8 * n);
	struct membership *m = joined ? group_enter(c, name) : NULL;
	if (m)
		set_joined(c, m, joined);
}

/* Those whose member did not outlive the last node are forgotten. */
void
group_on_boot(struct core *c)
{
	list_each_safe (it, &c->groups.joined) {
		struct membership *m =
			container_of(it, struct membership, in_joined);
		struct run run;
		bool is_here = find_run(c, m->member, &run) &&
			       run.epoch == m->joined;
		/* Of an instance it is said when that is published. */
		if (is_here && (run.instance || put(c, m->text, &run)))
			continue;
		unjoin(c, m);
		group_drop_if_idle(c, m);
	}
}
