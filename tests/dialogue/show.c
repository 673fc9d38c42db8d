/* What "show" shows: instances, hosts, and what a host knows of the others. */
#include <stdlib.h>
#include <string.h>

#include "core/view.h"
#include "tests/dialogue/script.h"

static void
show_snapshot(struct script *s, const char *word, const struct snapshot *it)
{
	fprintf(s->out, " %s %llu.", word, (unsigned long long)it->epoch);
	if (it->number == CHECKPOINT_LAST)
		fputs("last", s->out);
	else
		fprintf(s->out, "%llu", (unsigned long long)it->number);
}

static void
show_life(struct script *s, uint32_t host, const struct process *p)
{
	fprintf(s->out, "; %s lives %llu", s->w->hosts[host].name,
		(unsigned long long)p->state.lives);
	if (p->state.work)
		fprintf(s->out, " work %llu",
			(unsigned long long)p->state.work);
	if (p->state.part_count)
		fprintf(s->out, " joined with %u", p->state.part_count);
}

/* What each host keeps of each instance, and what it says was acknowledged. */
static void
show_checkpoints(struct script *s)
{
	for (uint32_t i = 0; i < s->w->count; i++) {
		const struct core *c = s->w->hosts[i].core;
		if (!c)
			continue;
		list_each (l, &c->checkpoints.table.all) {
			const struct checkpoint *k =
				container_of(l, struct checkpoint, head.in_all);
			fprintf(s->out, "%-6s %-10s", s->w->hosts[i].name,
				k->head.name);
			for (uint32_t n = 0; n < k->word.count; n++)
				show_snapshot(
					s, n ? "and" : "has", &k->word.kept[n]);
			if (k->word.is_runner)
				show_snapshot(s, "counts", &k->word.acked);
			for (uint32_t n = 0; n < k->word.holder_count; n++)
				fprintf(s->out, "%s%s", n ? ", " : "; for ",
					k->word.holders[n]);
			fputc('\n', s->out);
		}
	}
}

static void
show_instances(struct script *s)
{
	struct instance_view v;
	struct core *c = s->w->hosts[script_asked(s)].core;
	uint32_t cursor = 0;
	while (view_instance_next(c, &cursor, &v)) {
		fprintf(s->out, "%-10s %-8s %-6s epoch %llu restarts %u",
			v.name, v.state, v.node[0] ? v.node : "-",
			(unsigned long long)v.epoch, v.restarts);
		for (uint32_t i = 0; i < s->w->count; i++) {
			const struct process *p =
				world_process(s->w, i, v.name);
			if (p && p->phase == PROCESS_RUNNING)
				show_life(s, i, p);
		}
		fprintf(s->out, "%s%s\n", v.why[0] ? "; " : "", v.why);
	}
}

static void
show_nodes(struct script *s)
{
	static const char *const intents[] = {"active", "cordoned", "draining"};
	struct node_view v;
	struct core *c = s->w->hosts[script_asked(s)].core;
	for (uint32_t i = 0; i < s->w->count; i++) {
		member_id id = member_find(c, s->w->hosts[i].name);
		if (id == MEMBER_NONE || !view_node(c, id, &v))
			continue;
		fprintf(s->out, "%-6s %-8s %s, %u instances", v.name, v.state,
			intents[v.intent], v.instances);
		if (v.progress[0])
			fprintf(s->out, ", %s %u of %u left, %u stuck",
				v.progress, v.drain_left, v.drain_total,
				v.drain_stuck);
		fprintf(s->out, "%s%s\n", v.hold[0] ? ", " : "", v.hold);
	}
}

/* What it holds of everybody: the count of starts and of refutations in the
 * incarnation, and how often it refuted its own obituary. */
static void
show_members(struct script *s)
{
	const struct core *c = s->w->hosts[script_asked(s)].core;
	for (uint32_t i = 0; i < s->w->count; i++) {
		member_id id = member_find(c, s->w->hosts[i].name);
		if (id == MEMBER_NONE)
			continue;
		const struct member *m = member_get(c, id);
		fprintf(s->out, "%-6s %-8s start %llu refuted %llu", m->name,
			member_state_name(m->state),
			(unsigned long long)member_log_incarnation(
				m->incarnation),
			(unsigned long long)(m->incarnation & 0xffff));
		fprintf(s->out, "%s\n",
			m->is_confirmed_down ? ", confirmed down" : "");
	}
}

/* The logs that it holds, and how often it had one sent anew. */
static void
show_logs(struct script *s)
{
	const struct core *c = s->w->hosts[script_asked(s)].core;
	for (uint32_t i = 0; i < s->w->count; i++) {
		member_id id = member_find(c, s->w->hosts[i].name);
		if (id == MEMBER_NONE)
			continue;
		const struct origin *o = &c->registry.origins[id];
		fprintf(s->out,
			"%-6s log %llu up to %llu: %u rows, %u tombstones, "
			"gone up to %llu\n",
			s->w->hosts[i].name,
			(unsigned long long)(id == MEMBER_SELF
						     ? c->incarnation
						     : o->incarnation),
			(unsigned long long)o->position, o->row_count,
			o->tombstones, (unsigned long long)o->gc);
	}
}

/* Days and seconds since the story began, of a stamp of the desired state. */
static void
print_stamp(struct script *s, uint64_t stamp)
{
	int64_t ms = (int64_t)(stamp >> 16) - s->born_wall_ms;
	if (stamp == 0)
		fprintf(s->out, "never");
	else
		fprintf(s->out, "day %lld %lld s", (long long)(ms / 86400000),
			(long long)(ms % 86400000 / 1000));
}

/* Its desired state, tombstones too, and its horizon. */
static void
show_specs(struct script *s)
{
	static const char *const kinds[] = {[ENTRY_SERVICE] = "service",
		[ENTRY_OVERRIDE] = "override",
		[ENTRY_NODE] = "node",
		[ENTRY_SETTING] = "setting",
		[ENTRY_KV] = "kv"};
	const struct core *c = s->w->hosts[script_asked(s)].core;
	for (uint32_t i = 0; i < c->specs.entries.mark; i++) {
		const struct entry *e = specs_by_slot(c, i);
		if (!e)
			continue;
		fprintf(s->out, "%s %s%s, by %s, ", kinds[e->kind], e->name,
			e->is_deleted ? " (deleted)" : "", e->writer);
		print_stamp(s, e->stamp);
		fprintf(s->out, "\n");
	}
	fprintf(s->out, "horizon ");
	print_stamp(s, c->specs.realms[REALM_STATE].horizon);
	fprintf(s->out, "\n");
}

/* The names that count, as each running host sees them. */
static void
show_names(struct script *s)
{
	for (uint32_t i = 0; i < s->w->count; i++) {
		const struct core *c = s->w->hosts[i].core;
		if (!c || !s->w->hosts[i].is_running)
			continue;
		for (member_id id = 0; id < c->members.count; id++) {
			const struct row *r = NULL;
			while ((r = registry_walk(c, id, r)) != NULL) {
				if (r->value.kind != ROW_TRACKED ||
					tracked_find(c, r->name) != r)
					continue;
				fprintf(s->out,
					"%s: %s on %s, process %u, epoch %llu",
					s->w->hosts[i].name, r->name,
					member_get(c, id)->name, r->value.pid,
					(unsigned long long)r->value.epoch);
				fprintf(s->out, "%s%.*s\n",
					r->meta_size ? ", " : "",
					(int)r->meta_size,
					(const char *)row_meta(r).data);
			}
		}
	}
}

static int
compare_members(const void *a, const void *b)
{
	const struct group_view *x = a, *y = b;
	return strcmp(x->member, y->member);
}

/* "show group NAME": its members, by name. */
static void
show_group(struct script *s, const char *group)
{
	const struct core *c = s->w->hosts[script_asked(s)].core;
	const struct membership *cursor = NULL;
	struct group_view views[64];
	size_t count = 0;
	while (count < 64 && view_group_next(c, group, &cursor, &views[count]))
		count++;
	qsort(views, count, sizeof *views, compare_members);
	fprintf(s->out, "%s:", group);
	for (size_t i = 0; i < count; i++)
		fprintf(s->out, "%s %s on %s %s epoch %llu", i ? "," : "",
			views[i].member, views[i].node, views[i].state,
			(unsigned long long)views[i].epoch);
	fprintf(s->out, "%s\n", count ? "" : " nobody");
}

void
script_show(struct script *s, char **words, int count)
{
	static const struct {
		const char *word;
		void (*run)(struct script *s);
	} shows[] = {
		{"instances", show_instances},
		{"nodes", show_nodes},
		{"checkpoints", show_checkpoints},
		{"members", show_members},
		{"logs", show_logs},
		{"specs", show_specs},
		{"names", show_names},
	};
	if (count == 3 && !strcmp(words[1], "group")) {
		show_group(s, words[2]);
		return;
	}
	for (size_t i = 0; i < sizeof shows / sizeof *shows; i++)
		if (!strcmp(shows[i].word, words[1])) {
			shows[i].run(s);
			return;
		}
	UNREACHABLE();
}
