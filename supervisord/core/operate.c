#include "core/operate.h"

#include <string.h>

#include "core/core_private.h"
#include "core/depends.h"
#include "core/kv.h"
#include "core/wire.h"

void
operate_init(struct core *c)
{
	memset(&c->operate, 0, sizeof c->operate);
}

/* Replies that this went wrong. */
static void
refuse(struct core *c, uint64_t request, enum reply_code code, const char *text)
{
	core_reply(c, request, 0, code, text);
}

/* Replies with what specs said; success waits for the disk. */
static void
answer(struct core *c, uint64_t request, enum reply_code code, uint64_t after,
	const char *text)
{
	if (code == REPLY_OK)
		core_reply(c, request, after, REPLY_OK, text);
	else if (code == REPLY_UNCHANGED)
		core_reply(c, request, after, REPLY_UNCHANGED, "unchanged");
	else
		core_reply(c, request, 0, code,
			code == REPLY_FULL
				? "the table of the desired state is full"
				: "the desired state was not written");
}

static void
note_operator(struct core *c, const struct input_request *r)
{
	core_note_by(c, NOTE_OPERATOR, r->name, 0,
		effects_format(&c->fx, "%s%s%s", request_op_name(r->op),
			r->arg[0] ? " " : "", effects_text(&c->fx, r->arg)),
		&r->actor);
}

/* The same for an operator's word, which is history once it is accepted. */
static void
answer_operator(struct core *c, const struct input_request *r,
	enum reply_code code, uint64_t after)
{
	if (code == REPLY_OK)
		note_operator(c, r);
	answer(c, r->id, code, after, "");
}

/* --- Services --- */

/* What stands in the way of a declaration by a file, or NULL. */
static const char *
file_conflict(struct core *c, const struct input_spec_set *in,
	const struct service_value *there)
{
	if (!in->source.is_initial || !there)
		return NULL;
	if (in->source.last_digest && there->digest == in->source.last_digest)
		return NULL;
	return effects_format(&c->fx,
		"%s is declared differently in the cluster: %s on %s changes "
		"nothing; use skepctl apply -f to make it so",
		effects_text(&c->fx, in->name),
		effects_text(&c->fx, in->source.file), c->config.node);
}

static void
fill_service(const struct core *c, const struct input_spec_set *in,
	struct service_value *v)
{
	memset(v, 0, sizeof *v);
	v->digest = in->digest;
	v->run_digest = in->run_digest;
	v->policy = *in->policy;
	v->body = in->body;
	size_t length = strlen(in->source.file);
	if (length < sizeof v->source_file)
		memcpy(v->source_file, in->source.file, length + 1);
	strcpy(v->source_node, c->config.node);
	v->source_digest = in->digest;
}

/* Who has a name that a service, or an instance of it, would have; or NULL. */
static const struct row *
name_holder(const struct core *c, const struct input_spec_set *in)
{
	const struct row *row = tracked_find(c, in->name);
	for (uint32_t n = 0; !row && n < in->policy->instance_count; n++) {
		char full[INSTANCE_NAME_MAX + 1];
		policy_instance_name(in->policy, in->name, n, full);
		row = tracked_find(c, full);
	}
	return row;
}

void
operate_on_spec_set(struct core *c, const struct input_spec_set *in)
{
	struct service_value there, v;
	if (in->is_runtime) {
		runtime_on_set(c, in);
		return;
	}
	const struct entry *e = specs_find(c, ENTRY_SERVICE, in->name);
	bool has = e && specs_get_service(e, &there);
	const char *done = e ? "changed" : "created";
	if (has && there.digest == in->digest) {
		core_reply(c, in->request, e->store_seq, REPLY_UNCHANGED,
			"unchanged");
		return;
	}
	if (has && there.is_runtime) {
		refuse(c, in->request, REPLY_CONFLICT,
			effects_format(&c->fx,
				"%s was registered at run time: 'skepctl "
				"unregister %s' comes first",
				effects_text(&c->fx, in->name),
				effects_text(&c->fx, in->name)));
		return;
	}
	const char *conflict = file_conflict(c, in, has ? &there : NULL);
	if (conflict) {
		core_note(c, NOTE_DECLARED_DIFFERENTLY, in->name, 0, conflict);
		refuse(c, in->request, REPLY_CONFLICT, conflict);
		return;
	}
	const struct row *row = e ? NULL : name_holder(c, in);
	if (row) {
		refuse(c, in->request, REPLY_EXISTS,
			effects_format(&c->fx, "the name %s is not free: %s",
				effects_text(&c->fx, row->name),
				tracked_place_text(c,
					member_get(c, row->origin)->name,
					row->value.pid)));
		return;
	}
	const char *circle = depends_circle(c, in->name, in->policy);
	if (circle) {
		refuse(c, in->request, REPLY_INVALID, circle);
		return;
	}
	fill_service(c, in, &v);
	uint64_t after = 0;
	enum reply_code code = specs_set_service(c, in->name, &v, &after);
	if (code == REPLY_OK)
		core_note_by(c, NOTE_APPLIED, in->name, 0,
			in->source.file[0]
				? effects_text(&c->fx, in->source.file)
				: "",
			&in->actor);
	answer(c, in->request, code, after, done);
}

/* The overrides of a service and of its instances go with it; returns the STORE
 * with which they are gone for good: one that outlived its service would hold
 * for a later one of that name. */
static uint64_t
delete_overrides(struct core *c, const char *service)
{
	uint64_t after;
	specs_delete(c, ENTRY_OVERRIDE, service, &after);
	const struct instance *i = instance_of_service(c, service);
	for (; i; i = instance_next_of_service(c, i))
		specs_delete(c, ENTRY_OVERRIDE, i->name, &after);
	return c->store_seq;
}

enum reply_code
operate_delete_service(struct core *c, const char *name, uint64_t *after)
{
	enum reply_code code = specs_delete(c, ENTRY_SERVICE, name, after);
	if (code == REPLY_OK)
		*after = delete_overrides(c, name);
	return code;
}

void
operate_on_spec_del(struct core *c, const struct input_spec_del *in)
{
	uint64_t after = 0;
	enum reply_code code = operate_delete_service(c, in->name, &after);
	if (code == REPLY_NOT_FOUND) {
		refuse(c, in->request, code,
			effects_format(&c->fx, "there is no service %s",
				effects_text(&c->fx, in->name)));
		return;
	}
	if (code == REPLY_OK)
		core_note_by(c, NOTE_DELETED, in->name, 0, "", &in->actor);
	answer(c, in->request, code, after, "deleted");
}

/* Whether 'name' is a declared service or instance; replies if not. */
static bool
is_known(struct core *c, const struct input_request *r)
{
	const struct instance *i = instance_find(c, r->name);
	if (specs_find(c, ENTRY_SERVICE, r->name) || (i && i->is_declared))
		return true;
	refuse(c, r->id, REPLY_NOT_FOUND,
		effects_format(&c->fx, "there is no service or instance %s",
			effects_text(&c->fx, r->name)));
	return false;
}

/* Reads the override of 'name', or an empty one. */
static void
override_of(const struct core *c, const char *name, struct override_value *o)
{
	const struct entry *e = specs_find(c, ENTRY_OVERRIDE, name);
	memset(o, 0, sizeof *o);
	if (e && !specs_get_override(e, o))
		memset(o, 0, sizeof *o);
}

/* Whether an instance has come to rest and needs a push to start. */
static bool
is_at_rest(const struct core *c, const char *instance)
{
	const struct row *r = registry_first(c, ROW_INSTANCE, instance);
	for (; r; r = registry_next(c, r))
		if (r->value.state == ROW_EXITED ||
			r->value.state == ROW_FAILED ||
			r->value.state == ROW_BACKOFF ||
			r->value.state == ROW_REFUSED)
			return true;
	return false;
}

/* The instances that a word about 'name' is for: first, next. */
static struct instance *
first_meant(const struct core *c, const char *name)
{
	struct instance *one = instance_find(c, name);
	bool is_service = !one || strcmp(one->service, name) == 0;
	return is_service ? instance_of_service(c, name) : one;
}

static struct instance *
next_meant(const struct core *c, const char *name, const struct instance *i)
{
	bool is_service = strcmp(i->service, name) == 0;
	return is_service ? instance_next_of_service(c, i) : NULL;
}

/* Whether 'name' and all instances that it means are stopped, or are not,
 * already: an instance's own word may be the later one. */
static bool
is_told(struct core *c, const char *name, bool is_stopped)
{
	struct override_value o;
	override_of(c, name, &o);
	bool is_told = o.is_stopped == is_stopped;
	struct instance *i = first_meant(c, name);
	for (; i && is_told; i = next_meant(c, name, i)) {
		instance_override(c, i, &o);
		is_told = !i->is_declared || o.is_stopped == is_stopped;
	}
	return is_told;
}

/* Says that 'name' shall be stopped, or shall not. */
static enum reply_code
tell(struct core *c, const char *name, bool is_stopped, uint64_t *after)
{
	struct override_value o;
	if (is_told(c, name, is_stopped)) {
		const struct entry *e = specs_find(c, ENTRY_OVERRIDE, name);
		*after = e ? e->store_seq : 0;
		return REPLY_UNCHANGED;
	}
	override_of(c, name, &o);
	o.is_stopped = is_stopped;
	o.word_generation++;
	return specs_set_override(c, name, &o, after);
}

/* Makes the instances of 'name' that came to rest start once more;
 * REPLY_UNCHANGED if there are none. */
static enum reply_code
push(struct core *c, const char *name, uint64_t *after)
{
	enum reply_code code = REPLY_UNCHANGED;
	struct instance *i = first_meant(c, name);
	for (; i && (code == REPLY_OK || code == REPLY_UNCHANGED);
		i = next_meant(c, name, i)) {
		struct override_value o;
		if (!is_at_rest(c, i->name))
			continue;
		override_of(c, i->name, &o);
		o.is_stopped = false;
		o.restart_generation++;
		code = specs_set_override(c, i->name, &o, after);
	}
	return code;
}

static void
on_start(struct core *c, const struct input_request *r)
{
	uint64_t after = 0;
	enum reply_code code = tell(c, r->name, false, &after);
	if (code == REPLY_OK || code == REPLY_UNCHANGED) {
		enum reply_code pushed = push(c, r->name, &after);
		code = pushed == REPLY_UNCHANGED ? code : pushed;
	}
	answer_operator(c, r, code, after);
}

static void
on_stop(struct core *c, const struct input_request *r)
{
	uint64_t after = 0;
	enum reply_code code = tell(c, r->name, true, &after);
	answer_operator(c, r, code, after);
}

static void
on_restart(struct core *c, const struct input_request *r)
{
	struct override_value o;
	uint64_t after = 0;
	override_of(c, r->name, &o);
	o.is_stopped = false;
	o.restart_generation++;
	o.anyway_generation++;
	enum reply_code code = specs_set_override(c, r->name, &o, &after);
	answer_operator(c, r, code, after);
}

/* The sentence why an instance cannot go to a host, or NULL. */
static const char *
move_obstacle(struct core *c, const struct instance *i, member_id target,
	const char *node)
{
	struct service_value s;
	if (target == MEMBER_NONE)
		return effects_format(&c->fx, "there is no host %s",
			effects_text(&c->fx, node));
	if (!instance_service(c, i, &s))
		return "its spec is not readable here";
	enum place_verdict v = place_verdict(c, i->name, &s, target);
	if (v == PLACE_ELIGIBLE)
		return NULL;
	const char *text = place_verdict_text(v);
	node = effects_text(&c->fx, node);
	if (v != PLACE_REFUSED)
		return effects_format(&c->fx, "%s %s", node, text);
	/* What another host said of it is in its own events only. */
	bool is_here = target == MEMBER_SELF && i->note;
	return effects_format(&c->fx, "%s %s%s%s%s", node, text,
		is_here ? ": " : "; 'skepctl history ",
		effects_text(&c->fx, is_here ? i->note : i->name),
		is_here ? "" : "' says why");
}

static void
on_move(struct core *c, const struct input_request *r)
{
	struct override_value o;
	uint64_t after = 0;
	struct instance *i = instance_find(c, r->name);
	if (!i) {
		refuse(c, r->id, REPLY_INVALID,
			"name one instance, for example web@1");
		return;
	}
	const char *obstacle =
		move_obstacle(c, i, member_find(c, r->arg), r->arg);
	if (obstacle) {
		refuse(c, r->id, REPLY_INVALID, obstacle);
		return;
	}
	override_of(c, r->name, &o);
	memcpy(o.move_to, r->arg, strlen(r->arg) + 1);
	o.move_generation++;
	enum reply_code code = specs_set_override(c, r->name, &o, &after);
	answer_operator(c, r, code, after);
}

/* --- Signals: the one word that travels --- */

static void
signal_here(struct core *c, const struct instance *i, int64_t signal)
{
	struct effect *e = effects_add(&c->fx, EFFECT_SIGNAL);
	e->signal.name = effects_text(&c->fx, i->name);
	e->signal.epoch = i->epoch;
	e->signal.signal = (int)signal;
}

static void
forget(struct core *c, struct forward *f)
{
	CHECK(c->operate.forward_count > 0);
	f->request = 0;
	c->operate.forward_count--;
}

static struct forward *
free_forward(struct core *c)
{
	for (unsigned n = 0; n < FORWARDS_MAX; n++)
		if (c->operate.forwards[n].request == 0)
			return &c->operate.forwards[n];
	return NULL;
}

void
operate_forward(struct core *c, const struct input_request *r, member_id to)
{
	struct forward *f = free_forward(c);
	if (!f || member_get(c, to)->link == 0) {
		refuse(c, r->id, REPLY_FAILED,
			f ? "the host that holds it is not linked at present"
			  : "too many requests are under way");
		return;
	}
	skep_Forward m = skep_Forward_init_zero;
	c->operate.forward_count++;
	*f = (struct forward){
		.request = r->id,
		.number = ++c->operate.next_number,
		.to = to,
		.deadline = mono_add(c->now, FORWARD_TIMEOUT_MS),
	};
	m.request = f->number;
	m.op = (uint32_t)r->op;
	m.number = r->number;
	m.uid = r->actor.uid;
	m.pid = r->actor.pid;
	strncpy(m.name, r->name, sizeof m.name - 1);
	if (r->arg)
		strncpy(m.arg, r->arg, sizeof m.arg - 1);
	strcpy(m.host, c->config.node);
	member_send(
		c, to, WIRE_FORWARD, wire_encode(&c->fx, WIRE_FORWARD, &m), 0);
}

static void
on_signal(struct core *c, const struct input_request *r)
{
	struct instance *i = instance_find(c, r->name);
	member_id holder = duty_holder(c, r->name, NULL);
	if (!i || holder == MEMBER_NONE) {
		refuse(c, r->id, i ? REPLY_CONFLICT : REPLY_INVALID,
			i ? "it does not run"
			  : "name one instance, for example web@1");
		return;
	}
	if (holder != MEMBER_SELF) {
		operate_forward(c, r, holder);
		return;
	}
	if (!instance_is_live(i)) {
		refuse(c, r->id, REPLY_CONFLICT, "it does not run");
		return;
	}
	signal_here(c, i, r->number);
	note_operator(c, r);
	core_reply(c, r->id, 0, REPLY_OK, "");
}

/* Its reload_signal, as any other signal. */
static void
on_reload(struct core *c, const struct input_request *r)
{
	struct service_value s;
	struct input_request signal = *r;
	struct instance *i = instance_find(c, r->name);
	if (i && instance_service(c, i, &s) && s.policy.reload_signal == 0) {
		refuse(c, r->id, REPLY_INVALID,
			"it has no reload_signal; use restart");
		return;
	}
	signal.op = REQUEST_SIGNAL;
	signal.number = i ? s.policy.reload_signal : 0;
	on_signal(c, &signal);
}

/* That nothing runs under a name; a service has its instances' names. */
static const char *
unnamed(struct core *c, const char *name)
{
	const struct instance *i = instance_of_service(c, name);
	const char *copy = effects_text(&c->fx, name);
	if (!specs_find(c, ENTRY_SERVICE, name) || !i)
		return effects_format(&c->fx, "nothing is named %s", copy);
	return effects_format(&c->fx,
		"%s is a service: name one instance, for example %s", copy,
		effects_text(&c->fx, i->name));
}

/* Into a group and out of it: on the host where it runs. */
static void
on_group(struct core *c, const struct input_request *r)
{
	member_id holder = duty_holder(c, r->name, NULL);
	const struct row *row = tracked_find(c, r->name);
	const char *text = "";
	if (holder == MEMBER_NONE && row)
		holder = row->origin;
	if (!instance_find(c, r->name) && !row) {
		refuse(c, r->id, REPLY_NOT_FOUND, unnamed(c, r->name));
		return;
	}
	if (holder != MEMBER_SELF && holder != MEMBER_NONE) {
		operate_forward(c, r, holder);
		return;
	}
	enum reply_code code = group_word(c, r->op, r->name, r->arg, &text);
	if (code == REPLY_OK)
		note_operator(c, r);
	core_reply(c, r->id, c->store_seq, code, text);
}

/* What another host's operator wants of what runs here. */
static enum reply_code
obey(struct core *c, const skep_Forward *m, const char **text)
{
	struct instance *i = instance_find(c, m->name);
	if (m->op == REQUEST_GROUP_JOIN || m->op == REQUEST_GROUP_LEAVE)
		return group_word(
			c, (enum request_op)m->op, m->name, m->arg, text);
	if (m->op == REQUEST_UNREGISTER) {
		const struct actor actor = {m->uid, m->pid, m->host};
		bool was_here = tracked_unregister_here(c, m->name, &actor);
		*text = was_here ? "unregistered"
				 : "it is not registered there any more";
		return was_here ? REPLY_OK : REPLY_NOT_FOUND;
	}
	bool can = m->op == REQUEST_SIGNAL && i && instance_is_live(i) &&
		   m->number >= 1 && m->number <= 64;
	*text = can ? "" : "it does not run there any more";
	if (can)
		signal_here(c, i, m->number);
	return can ? REPLY_OK : REPLY_CONFLICT;
}

static void
on_forward(struct core *c, member_id from, struct bytes body)
{
	skep_Forward m = skep_Forward_init_zero;
	if (!wire_decode(WIRE_FORWARD, body, &m))
		return;
	skep_ForwardReply a = skep_ForwardReply_init_zero;
	const char *text;
	a.request = m.request;
	a.code = obey(c, &m, &text);
	strncpy(a.text, text, sizeof a.text - 1);
	if (a.code == REPLY_OK && m.op != REQUEST_UNREGISTER) {
		const struct instance *i = instance_find(c, m.name);
		core_note_by(c, NOTE_OPERATOR, m.name, i ? i->epoch : 0,
			request_op_name((enum request_op)m.op),
			&(struct actor){m.uid, m.pid, m.host});
	}
	member_send(c, from, WIRE_FORWARD_REPLY,
		wire_encode(&c->fx, WIRE_FORWARD_REPLY, &a), 0);
}

static void
on_forward_reply(struct core *c, member_id from, struct bytes body)
{
	skep_ForwardReply m = skep_ForwardReply_init_zero;
	if (!wire_decode(WIRE_FORWARD_REPLY, body, &m) ||
		m.code >= REPLY_CODE_COUNT)
		return;
	for (unsigned n = 0; n < FORWARDS_MAX; n++) {
		struct forward *f = &c->operate.forwards[n];
		if (f->request == 0 || f->number != m.request || f->to != from)
			continue;
		core_reply(c, f->request, 0, (enum reply_code)m.code,
			effects_text(&c->fx, m.text));
		forget(c, f);
	}
}

void
operate_on_recv(
	struct core *c, member_id from, uint16_t type, struct bytes body)
{
	if (type == WIRE_FORWARD)
		on_forward(c, from, body);
	else
		on_forward_reply(c, from, body);
}

void
operate_on_tick(struct core *c)
{
	for (unsigned n = 0; c->operate.forward_count && n < FORWARDS_MAX;
		n++) {
		struct forward *f = &c->operate.forwards[n];
		if (f->request == 0 || !mono_reached(f->deadline, c->now))
			continue;
		core_reply(c, f->request, 0, REPLY_TIMEOUT,
			"the host that holds it did not answer");
		forget(c, f);
	}
}

mono
operate_deadline(const struct core *c)
{
	mono at = MONO_NEVER;
	for (unsigned n = 0; c->operate.forward_count && n < FORWARDS_MAX; n++)
		if (c->operate.forwards[n].request)
			at = mono_min(at, c->operate.forwards[n].deadline);
	return at;
}

/* --- Hosts --- */

static void
set_intent(
	struct core *c, const struct input_request *r, enum node_intent intent)
{
	struct node_value v = {.intent = intent,
		.is_forced = r->is_forced,
		.max_parallel = r->max_parallel};
	uint64_t after = 0;
	if (member_find(c, r->name) == MEMBER_NONE) {
		refuse(c, r->id, REPLY_NOT_FOUND,
			effects_format(&c->fx, "there is no host %s",
				effects_text(&c->fx, r->name)));
		return;
	}
	size_t length = strlen(r->arg);
	if (length >= sizeof v.reason)
		length = sizeof v.reason - 1;
	memcpy(v.reason, r->arg, length);
	if (intent == INTENT_DRAINING && r->number > 0)
		v.deadline_wall_ms = mono_add((mono){c->wall_ms}, r->number).ms;
	enum reply_code code = specs_set_node(c, r->name, &v, &after);
	answer_operator(c, r, code, after);
}

/* Signals and moves are for services; does this word need a known one? */
static bool
is_about_service(enum request_op op)
{
	return op == REQUEST_START || op == REQUEST_STOP ||
	       op == REQUEST_RESTART || op == REQUEST_SIGNAL ||
	       op == REQUEST_RELOAD || op == REQUEST_MOVE;
}

void
operate_on_request(struct core *c, const struct input_request *r)
{
	if (is_about_service(r->op) && !is_known(c, r))
		return;
	switch (r->op) {
	case REQUEST_START:
		on_start(c, r);
		break;
	case REQUEST_STOP:
		on_stop(c, r);
		break;
	case REQUEST_RESTART:
		on_restart(c, r);
		break;
	case REQUEST_SIGNAL:
		on_signal(c, r);
		break;
	case REQUEST_RELOAD:
		on_reload(c, r);
		break;
	case REQUEST_MOVE:
		on_move(c, r);
		break;
	case REQUEST_CORDON:
		set_intent(c, r, INTENT_CORDONED);
		break;
	case REQUEST_DRAIN:
		set_intent(c, r, INTENT_DRAINING);
		break;
	case REQUEST_UNCORDON:
	case REQUEST_UNDRAIN:
		set_intent(c, r, INTENT_ACTIVE);
		break;
	case REQUEST_JOIN:
		member_on_join(c, r);
		break;
	case REQUEST_LEAVE:
		member_on_leave(c, r);
		break;
	case REQUEST_FORGET:
		member_on_forget(c, r);
		break;
	case REQUEST_CONFIRM_DOWN:
		member_on_confirm_down(c, r);
		break;
	case REQUEST_CLUSTER_SET:
		settings_on_request(c, r);
		break;
	case REQUEST_REBALANCE:
		rebalance_on_request(c, r);
		break;
	case REQUEST_UNREGISTER:
		if (!runtime_on_unregister(c, r))
			tracked_on_unregister(c, r);
		break;
	case REQUEST_LOCATE:
		tracked_on_locate(c, r);
		break;
	case REQUEST_GROUP_JOIN:
	case REQUEST_GROUP_LEAVE:
		on_group(c, r);
		break;
	case REQUEST_KV_SET:
	case REQUEST_KV_DELETE:
		kv_on_request(c, r);
		break;
	case REQUEST_OP_COUNT:
		UNREACHABLE();
	}
}
