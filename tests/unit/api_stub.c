#include "api_stub.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/duty.h"
#include "core/instance.h"
#include "core/rebalance.h"
#include "core/settings.h"
#include "core/tracked.h"
#include "node/orders.h"
#include "node/recording.h"
#include "node/status_sources.h"
#include "node/tracks.h"

struct stub stub;

static struct member members[2] = {
	{.name = "alpha", .state = MEMBER_ALIVE, .incarnation = 7},
	{.name = "beta", .state = MEMBER_ALIVE, .incarnation = 9},
};

static struct entry services[2] = {
	{.kind = ENTRY_SERVICE, .name = "web", .stamp = 11, .writer = "beta"},
	{.kind = ENTRY_SERVICE, .name = "db", .stamp = 12, .writer = "alpha"},
};

static const struct entry kv_entry = {.kind = ENTRY_KV,
	.name = "a/b",
	.stamp = 0x18bcfe5687b0000,
	.writer = "beta",
	.value = {"v", 1}};

static struct row rows[2] = {
	{.origin = 0,
		.seq = 2,
		.name = "web@2",
		.value = {.kind = ROW_INSTANCE, .state = ROW_READY}},
	{.origin = 0,
		.seq = 5,
		.name = "web@1",
		.value = {.kind = ROW_INSTANCE, .state = ROW_READY}},
};

static const struct row tracked_row = {.origin = 1,
	.seq = 2,
	.name = "proc",
	.value = {.kind = ROW_TRACKED, .state = ROW_READY, .pid = 4711}};

static struct row peer_row = {.origin = 1,
	.seq = 1,
	.name = "db",
	.value = {.kind = ROW_INSTANCE, .state = ROW_HANDOFF}};

static struct instance_view
instance(const char *name, const char *state, const char *node)
{
	struct instance_view v = {.name = name,
		.is_declared = true,
		.is_wanted = true,
		.state = state,
		.node = node,
		.duty = node,
		.epoch = 3,
		.pid = 77,
		.since_wall_ms = 1700000000123,
		.why = ""};
	snprintf(v.service, sizeof(v.service), "%.*s", (int)strcspn(name, "@"),
		name);
	return v;
}

static struct node_view
node(const char *name, bool is_self)
{
	return (struct node_view){.name = name,
		.state = "alive",
		.reason = "",
		.progress = "",
		.address = "127.0.0.1:7400",
		.hold = "",
		.hold_text = "",
		.hold_left_ms = -1,
		.is_self = is_self,
		.heard_ms = is_self ? -1 : 120,
		.weight = 100,
		.version = "0.1.0"};
}

void
stub_reset(void)
{
	memset(&stub, 0, sizeof(stub));
	stub.instances[0] = instance("db", "backoff", "alpha");
	strcpy(stub.instances[0].why, "starts again in 4s");
	stub.instances[1] = instance("web@1", "ready", "alpha");
	stub.instances[2] = instance("web@2", "ready", "beta");
	stub.instances[2].has_checkpoints = true;
	stub.instance_count = 3;
	stub.checkpoint = (struct checkpoint_view){.is_held = true,
		.wanted = 2,
		.named = 2,
		.have = 1,
		.every_ms = 10000,
		.age_ms = 61007,
		.loss_ms = 2500,
		.acked = {.epoch = 2,
			.number = CHECKPOINT_LAST,
			.wall_ms = 1700000000123},
		.newest = {.epoch = 3,
			.number = 8,
			.size = 4096,
			.wall_ms = 1700000010000},
		.next = {.epoch = 3,
			.number = 7,
			.size = 4000,
			.wall_ms = 1700000009000},
		.next_node = "alpha",
		.is_late = true};
	stub.nodes[0] = node("alpha", true);
	stub.nodes[1] = node("beta", false);
	stub.node_count = 2;
	stub.cluster = (struct cluster_view){.cluster = "prod",
		.node = "alpha",
		.members = 2,
		.alive = 2,
		.instances = 3,
		.ready = 2,
		.hold = "lonely",
		.hold_text = "lost beta",
		.hold_left_ms = 7000};
	stub.plan_index = 0xabc;
	list_init(&stub.followers);
}

void
stub_answer(uint32_t number, enum reply_code code, const char *text)
{
	struct stub_asked *a = &stub.asked[number];
	node_reply_fn *done = a->done;
	a->done = NULL;
	if (done)
		done(a->context, code, text);
}

static void
tell_event(uint64_t id, const char *kind, const char *name, const char *text)
{
	struct event e = {.id = id,
		.wall_ms = 1700000000000,
		.kind = kind,
		.name = name,
		.text = text,
		.host = ""};
	list_each_safe (it, &stub.followers) {
		struct event_follower *f =
			container_of(it, struct event_follower, link);
		f->on_event(f, &e);
	}
}

void
stub_event(uint64_t id, const char *name, const char *text)
{
	tell_event(id, "ready", name, text);
}

void
stub_missed(uint64_t id, const char *name, const char *text)
{
	tell_event(id, EVENTS_MISSED, name, text);
}

/* --- what the core would say --- */

bool
view_instance_next(struct core *c, uint32_t *cursor, struct instance_view *out)
{
	(void)c;
	uint32_t times = stub.instance_times ? stub.instance_times : 1;
	if (*cursor >= stub.instance_count * times)
		return false;
	*out = stub.instances[(*cursor)++ % stub.instance_count];
	return true;
}

bool
view_instance(struct core *c, const char *name, struct instance_view *out)
{
	uint32_t cursor = 0;
	while (view_instance_next(c, &cursor, out))
		if (strcmp(out->name, name) == 0)
			return true;
	return false;
}

/* No other than the first. */
bool
view_late_next(struct core *c, const struct entry **cursor,
	struct instance_view *out)
{
	(void)c;
	bool is_first = !*cursor;
	*cursor = services;
	*out = stub.instances[0];
	return is_first && out->has_late_move;
}

/* The group "all" has every instance in it, in this order. */
bool
view_group_next(const struct core *c, const char *group,
	const struct membership **cursor, struct group_view *out)
{
	static const struct membership told[8];
	uint32_t i = *cursor ? (uint32_t)(*cursor - told) + 1 : 0;
	(void)c;
	if (strcmp(group, "all") != 0 || i >= stub.instance_count)
		return false;
	*cursor = &told[i];
	const struct instance_view *v = &stub.instances[i];
	*out = (struct group_view){.member = v->name,
		.node = v->node,
		.pid = v->pid,
		.epoch = v->epoch,
		.state = v->state,
		.is_ready = strcmp(v->state, "ready") == 0,
		.since_wall_ms = v->since_wall_ms};
	return true;
}

void
view_mail(const struct core *c, struct mail_view *out)
{
	(void)c;
	*out = (struct mail_view){1, 2, 3, 4, 5, 6};
}

bool
view_checkpoint(struct core *c, const char *name, struct checkpoint_view *out)
{
	struct instance_view v;
	if (!view_instance(c, name, &v) || !v.has_checkpoints)
		return false;
	*out = stub.checkpoint;
	return true;
}

bool
view_why(struct core *c, const char *name, char *buffer, size_t size)
{
	struct instance_view v;
	if (!view_instance(c, name, &v))
		return false;
	snprintf(buffer, size, "%s runs on %s by rank.", name, v.node);
	return true;
}

bool
view_is_refused(struct core *c, const char *name)
{
	(void)c;
	(void)name;
	return false;
}

bool
view_is_at_rest(struct core *c, const char *name)
{
	struct instance_view v;
	return view_instance(c, name, &v) && strcmp(v.state, "failed") == 0;
}

uint32_t
view_node_count(const struct core *c)
{
	(void)c;
	return stub.node_count;
}

bool
view_node(struct core *c, uint32_t index, struct node_view *out)
{
	(void)c;
	*out = stub.nodes[index];
	return true;
}

void
view_cluster(struct core *c, struct cluster_view *out)
{
	(void)c;
	*out = stub.cluster;
}

void
moves_walk(struct node *n, move_each_fn *each, void *context)
{
	(void)n;
	for (uint32_t i = 0; i < stub.move_count; i++)
		each(context, &stub.moves[i]);
}

void
moves_walk_sizes(struct node *n, size_each_fn *each, void *context)
{
	(void)n;
	if (stub.has_sizes)
		each(context, "web@1", 4096, 60000);
}

bool
view_plan(struct core *c, const char *service, const struct spec_policy *policy,
	uint64_t digest, uint64_t run_digest, uint32_t *cursor,
	struct plan_item *out)
{
	(void)c;
	(void)digest;
	(void)run_digest;
	uint32_t count = policy ? policy->instance_count : 1;
	if (*cursor >= count)
		return false;
	*out = (struct plan_item){.action = policy ? PLAN_START : PLAN_STOP,
		.node = "beta",
		.why = "rank 1"};
	snprintf(out->instance, sizeof(out->instance), "%s#%u", service,
		(*cursor)++);
	return true;
}

uint64_t
view_plan_index(const struct core *c)
{
	(void)c;
	return stub.plan_index;
}

const char *
plan_action_name(enum plan_action action)
{
	return action == PLAN_START ? "start" : "stop";
}

member_id
member_find(const struct core *c, const char *name)
{
	(void)c;
	for (member_id i = 0; i < 2; i++)
		if (strcmp(members[i].name, name) == 0)
			return i;
	return MEMBER_NONE;
}

const struct member *
member_get(const struct core *c, member_id id)
{
	(void)c;
	return &members[id];
}

const char *
member_state_name(enum member_state state)
{
	return state == MEMBER_ALIVE ? "alive" : "other";
}

struct instance *
instance_find(const struct core *c, const char *name)
{
	static struct instance db, other;
	(void)c;
	return strcmp(name, "db") == 0 ? &db : &other;
}

member_id
duty_host_without(struct core *c, struct instance *inst,
	const struct service_value *service, member_id id)
{
	(void)service;
	ck_assert_uint_le(id, 1);
	return inst == instance_find(c, "db") ? MEMBER_NONE : 1 - id;
}

const struct row *
registry_walk(const struct core *c, member_id origin, const struct row *after)
{
	(void)c;
	if (origin != 0 && stub.has_tracked)
		return !after ? &tracked_row : NULL;
	if (origin != 0)
		return !after && stub.is_peer_moving ? &peer_row : NULL;
	return !after ? &rows[0] : after == &rows[0] ? &rows[1] : NULL;
}

void
tracks_register(struct tracks *t, const struct tracks_ask *ask,
	node_reply_fn *done, void *context)
{
	struct input in = {.kind = INPUT_REGISTER};
	(void)t;
	in.enroll = (struct input_register){.name = ask->name,
		.pid = (uint32_t)ask->pid,
		.meta = ask->meta,
		.timeout_ms = ask->timeout_ms,
		.actor = ask->actor};
	node_request(NULL, &in, done, context);
}

bool
tracks_is_owner(const struct tracks *t, const char *name, uid_t uid)
{
	(void)t;
	(void)uid;
	return strcmp(name, "mine") == 0;
}

struct row_value
row_value(const struct row *row)
{
	return (struct row_value){.kind = row->value.kind,
		.state = row->value.state,
		.epoch = row->value.epoch,
		.pid = row->value.pid,
		.since_wall_ms = row->value.since_wall_ms,
		.meta = row_meta(row)};
}

const char *
row_state_name(enum row_state state)
{
	return state == ROW_READY ? "ready" : "other";
}

const struct row *
tracked_find(const struct core *c, const char *name)
{
	(void)c;
	return strcmp(name, "proc") == 0 ? &tracked_row : NULL;
}

const struct entry *
specs_walk(
	const struct core *c, enum entry_kind kind, const struct entry *after)
{
	(void)c;
	if (kind == ENTRY_KV)
		return after ? NULL : &kv_entry;
	if (kind != ENTRY_SERVICE)
		return NULL;
	return !after		       ? &services[0]
	       : after == &services[0] ? &services[1]
				       : NULL;
}

const struct entry *
specs_find(const struct core *c, enum entry_kind kind, const char *name)
{
	const struct entry *e = NULL;
	while ((e = specs_walk(c, kind, e)))
		if (strcmp(e->name, name) == 0)
			return e;
	return NULL;
}

bool
specs_get_service(const struct entry *e, struct service_value *out)
{
	(void)e;
	const char *body =
		stub.body ? stub.body : "{\"command\":[\"/bin/true\"]}";
	*out = (struct service_value){
		.digest = 1, .run_digest = 2, .body = {body, strlen(body)}};
	out->policy.handoff.has_state_path = stub.body;
	out->policy.is_enabled = true;
	out->policy.handoff.is_present = stub.has_state;
	return true;
}

bool
specs_service(struct core *c, const struct entry *e, struct service_value *out)
{
	(void)c;
	return specs_get_service(e, out);
}

bool
specs_get_override(const struct entry *e, struct override_value *out)
{
	(void)e;
	(void)out;
	return false;
}

/* Beta is not through with the third pass, and web@1 is to go there. */
uint64_t
rebalance_pass_number(const struct core *c)
{
	(void)c;
	return 3;
}

bool
rebalance_host_next(
	const struct core *c, uint32_t *cursor, struct rebalance_host *out)
{
	(void)c;
	if (*cursor == 2)
		return false;
	*out = (struct rebalance_host){.name = members[*cursor].name,
		.moving = *cursor,
		.is_through = *cursor == 0};
	++*cursor;
	return true;
}

bool
rebalance_view_next(
	struct core *c, uint32_t *cursor, struct rebalance_item *out)
{
	(void)c;
	*out = (struct rebalance_item){.name = "web@1",
		.from = "alpha",
		.to = "beta",
		.goes = true,
		.why = "it belongs there by rank"};
	return (*cursor)++ == 0;
}

const char *
settings_key(unsigned index)
{
	return index == 0 ? "expect" : NULL;
}

const char *
settings_text(const struct core *c, const char *key, char *buffer, size_t size)
{
	(void)c;
	(void)key;
	snprintf(buffer, size, "3");
	return buffer;
}

const char *
reply_code_name(enum reply_code code)
{
	static const char *const names[] = {
#define X(code, name, http) [code] = name,
		REPLY_CODES(X)
#undef X
	};
	return names[code];
}

int
reply_code_http(enum reply_code code)
{
	static const int https[] = {
#define X(code, name, http) [code] = http,
		REPLY_CODES(X)
#undef X
	};
	return https[code];
}

/* --- what the rest of the node would do --- */

static uint64_t
take_order(enum stub_order order, node_reply_fn *done, void *context)
{
	stub.order = order;
	done(context, stub.code, "so it will be");
	return 1;
}

uint64_t
node_reexec(struct node *n, node_reply_fn *done, void *context)
{
	(void)n;
	return take_order(STUB_REEXEC, done, context);
}

uint64_t
node_shutdown(struct node *n, node_reply_fn *done, void *context)
{
	(void)n;
	return take_order(STUB_SHUTDOWN, done, context);
}

int
node_undrain_later(struct node *n, struct err *err)
{
	(void)n;
	(void)err;
	stub.is_undrained_later = true;
	return 0;
}

uint64_t
node_request(
	struct node *n, struct input *in, node_reply_fn *done, void *context)
{
	(void)n;
	struct stub_asked *a = &stub.asked[stub.asked_count++];
	*a = (struct stub_asked){
		.kind = in->kind, .done = done, .context = context};
	const char *name = in->kind == INPUT_SPEC_SET	? in->spec_set.name
			   : in->kind == INPUT_SPEC_DEL ? in->spec_del.name
			   : in->kind == INPUT_REGISTER ? in->enroll.name
							: in->request.name;
	snprintf(a->name, sizeof(a->name), "%s", name);
	a->actor = in->kind == INPUT_SPEC_SET	? in->spec_set.actor
		   : in->kind == INPUT_SPEC_DEL ? in->spec_del.actor
		   : in->kind == INPUT_REGISTER ? in->enroll.actor
						: in->request.actor;
	if (in->kind == INPUT_REQUEST) {
		a->op = in->request.op;
		a->number = in->request.number;
		a->is_forced = in->request.is_forced;
		a->max_parallel = in->request.max_parallel;
		snprintf(a->arg, sizeof(a->arg), "%s", in->request.arg);
	}
	uint32_t number = stub.asked_count;
	if (!stub.answers_later)
		stub_answer(number - 1, stub.code, "");
	return number;
}

/* A message: 'arg' is what it says.  To those that answer, web@1 does, in bytes
 * that are no text, and web@2 does not. */
void
node_cancel(struct node *n, uint64_t request)
{
	(void)n;
	stub.asked[request - 1].done = NULL;
	stub.asked[request - 1].is_cancelled = true;
}

void
events_follow(struct node *n, struct event_follower *f)
{
	(void)n;
	list_append(&stub.followers, &f->link);
	stub.followers_now++;
}

void
events_unfollow(struct node *n, struct event_follower *f)
{
	(void)n;
	list_remove(&f->link);
	stub.followers_now--;
}

void
events_query(struct node *n, const char *name, uint64_t since_id,
	int64_t since_wall_ms, uint32_t count_max, bool has_missed,
	events_done_fn *done, void *context)
{
	(void)n;
	(void)has_missed;
	(void)name;
	(void)since_id;
	(void)since_wall_ms;
	(void)count_max;
	stub.query_done = done;
	stub.query_context = context;
}

void
node_quarantine_walk(struct node *n, quarantine_fn *fn, void *context)
{
	(void)n;
	struct quarantine_item item = {.digest = 5,
		.kind = "frame",
		.name = "beta",
		.text = "crashed twice"};
	fn(context, &item);
}

void
specdir_errors_walk(struct node *n, specdir_error_fn *fn, void *context)
{
	(void)n;
	struct specdir_error e = {
		.file = "a.yaml", .text = "a.yaml:1:2: bad \xff"};
	fn(context, &e);
}

bool
node_schedule_fault(
	const struct node *n, const char *service, char *out, size_t size)
{
	(void)n;
	if (!stub.schedule_fault || strcmp(service, "db") != 0)
		return false;
	snprintf(out, size, "%s", stub.schedule_fault);
	return true;
}

/* --- the other host --- */

static size_t
peer_read(struct feed *f, void *buffer, size_t max)
{
	struct stub_peer *p = f->owner ? &stub.peer : NULL;
	size_t size = p && p->text ? strlen(p->text) : 0;
	if (size > max)
		size = max;
	if (size) {
		memcpy(buffer, p->text, size);
		p->text += size;
	}
	return size;
}

static void
peer_close(struct feed *f)
{
	(void)f;
	stub.peer.is_open = false;
}

static const struct feed_ops peer_ops = {peer_read, peer_close};

struct feed *
queries_ask(struct queries *q, const char *name, const char *where,
	const struct query *query)
{
	(void)q;
	(void)where;
	struct stub_peer *p = &stub.peer;
	ck_assert(!p->is_open);
	p->feed = (struct feed){.ops = &peer_ops};
	p->is_open = true;
	p->asked++;
	p->query = *query;
	p->text = NULL;
	snprintf(p->node, sizeof(p->node), "%s", name);
	if (!stub.has_peer)
		feed_end(&p->feed, REPLY_NO_NODE, "%s: no way to it", name);
	return &p->feed;
}

void
stub_peer_gives(const char *text, bool is_end, enum reply_code code)
{
	struct stub_peer *p = &stub.peer;
	ck_assert(p->is_open);
	p->text = text;
	p->feed.is_begun = p->feed.is_begun || code == REPLY_OK || *text;
	if (is_end)
		feed_end(&p->feed, code, "beta: %s",
			code == REPLY_OK ? "" : "it fell silent");
	feed_tell(&p->feed);
}

/* --- Recordings: there are none --- */

void
recording_view(struct node *n, struct recording_view *out)
{
	(void)n;
	*out = (struct recording_view){.phase = RECORDING_NONE};
}

int
recording_ask(
	struct node *n, uint64_t size_max, int64_t for_ms, struct err *err)
{
	(void)n;
	stub.record_size = size_max;
	stub.record_ms = for_ms;
	return size_max < 1000 ? err_set(err, -EINVAL, "too small") : 0;
}

int
recording_end(struct node *n, struct err *err)
{
	(void)n;
	return err_set(err, -ENOENT, "there is no recording here");
}

int
recording_remove(struct node *n, struct err *err)
{
	return recording_end(n, err);
}

int
recording_open(struct node *n, struct err *err)
{
	(void)n;
	int fd = stub.record_path ? open(stub.record_path, O_RDONLY) : -1;
	return fd < 0 ? err_set(err, -EBUSY, "the recording goes on") : fd;
}
