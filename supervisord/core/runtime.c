#include "core/runtime.h"

#include <string.h>

#include "base/buddy.h"
#include "base/name.h"
#include "base/name_part.h"
#include "core/core_private.h"
#include "core/depends.h"

void
runtime_init(struct core *c)
{
	slots_init(&c->runtime.pending,
		arena_take(
			&c->arena, RUNTIME_PENDING_MAX, sizeof(struct pending)),
		RUNTIME_PENDING_MAX, sizeof(struct pending));
}

size_t
runtime_need(const struct core_limits *limits)
{
	(void)limits;
	return arena_need(RUNTIME_PENDING_MAX, sizeof(struct pending));
}

bool
runtime_has(struct core *c, const char *name)
{
	struct service_value s;
	const struct entry *e = specs_find(c, ENTRY_SERVICE, name);
	return e && specs_service(c, e, &s) && s.is_runtime;
}

/* --- What is no service at run time --- */

static const char *
name_complaint(struct core *c, const char *name)
{
	size_t at;
	const struct bytes text = {name, strlen(name)};
	const char *why = name_fault(text, RUNTIME_NAME_MAX, &at);
	if (why)
		return effects_format(&c->fx,
			"that is no name: %s, at byte %u (names are 1 to %u "
			"bytes of UTF-8 without control characters)",
			why, (uint64_t)at, (uint64_t)RUNTIME_NAME_MAX);
	if (!name_is_of_several(name))
		return NULL;
	return effects_format(&c->fx,
		"%s reads as an instance of a service, as SERVICE@INSTANCE "
		"does; put something else in place of the '@'",
		effects_text(&c->fx, name));
}

static const char *
policy_complaint(const struct input_spec_set *in)
{
	const struct spec_policy *p = in->policy;
	bool has_state = p->handoff.is_present || p->checkpoint.is_present;
	if (p->naming != NAMING_ONE)
		return "a service given at run time is one instance: "
		       "'replicas' and 'instances' are for declared ones";
	if (has_state && (strlen(in->name) > RUNTIME_STATE_NAME_MAX ||
				 !name_is_file(in->name)))
		return "a service with 'handoff' or 'checkpoint' needs a name "
		       "of at most 127 letters, digits and \"._@-\", the first "
		       "a letter or digit: its state is kept in files";
	return NULL;
}

/* Whether any host takes the name of a service. */
static bool
is_old_name(const char *name)
{
	return strlen(name) <= SERVICE_NAME_MAX && name_is_file(name) &&
	       !strchr(name, '@');
}

/* Why that cannot be, or NULL. */
static const char *
complaint(
	struct core *c, const struct input_spec_set *in, enum reply_code *code)
{
	*code = REPLY_INVALID;
	const char *why = name_complaint(c, in->name);
	if (!why)
		why = policy_complaint(in);
	if (!why)
		why = depends_circle(c, in->name, in->policy);
	const char *old = tracked_old_host(c);
	if (why || !old || is_old_name(in->name))
		return why;
	*code = REPLY_UNSUPPORTED;
	return effects_format(&c->fx,
		"not supported yet: %s runs an older version that knows no "
		"such names of services; upgrade it first",
		old);
}

/* --- Registering --- */

/* Who has the name, for people. */
static const char *
place_text(struct core *c, const char *name, const struct claim_answer *a)
{
	if (a->pid)
		return tracked_place_text(c, a->node, a->pid);
	member_id holder = duty_holder(c, name, NULL);
	const char *node =
		holder != MEMBER_NONE ? member_get(c, holder)->name : a->node;
	const char *kind =
		runtime_has(c, name) || !specs_find(c, ENTRY_SERVICE, name)
			? "registered"
			: "declared as a service";
	return effects_format(&c->fx, "it is %s%s%s", kind,
		node[0] ? ", on " : ", and runs nowhere yet",
		node[0] ? node : "");
}

/* The name is ours to write. */
static void
enter(struct core *c, const struct claim *claim, const struct pending *p)
{
	uint64_t after = 0;
	enum reply_code code = specs_set(c, ENTRY_SERVICE, claim->name,
		(struct bytes){p->value, p->size}, &after);
	if (code != REPLY_OK) {
		core_reply(c, claim->request, 0, code,
			"the table of the desired state is full");
		return;
	}
	core_note_by(
		c, NOTE_REGISTERED, claim->name, 0, "a service", &p->actor);
	core_reply(c, claim->request, after, REPLY_OK, "registered");
}

static void
on_claimed(
	struct core *c, const struct claim *claim, const struct claim_answer *a)
{
	struct runtime *r = &c->runtime;
	struct pending *p = slots_get(&r->pending, (uint32_t)claim->start);
	CHECK(p && p->value);
	bool is_there = specs_find(c, ENTRY_SERVICE, claim->name) != NULL;
	if (a->verdict == CLAIM_TAKEN || is_there)
		core_reply(c, claim->request, 0, REPLY_EXISTS,
			place_text(c, claim->name, a));
	else if (a->verdict == CLAIM_GRANTED)
		enter(c, claim, p);
	else
		claim_reply_undecided(c, claim, a);
	buddy_give(c->specs.values, p->value);
	p->value = NULL;
	slots_give(&r->pending, p);
	r->count--;
}

/* The value of the entry in the making, kept until its claim is answered. */
static struct pending *
keep(struct core *c, const struct input_spec_set *in)
{
	struct service_value v = {
		.digest = in->digest,
		.run_digest = in->run_digest,
		.policy = *in->policy,
		.body = in->body,
		.is_runtime = true,
	};
	strcpy(v.source_node, c->config.node);
	struct bytes value = specs_encode_service(c, &v);
	struct pending *p = value.data ? slots_take(&c->runtime.pending) : NULL;
	if (!p)
		return NULL;
	*p = (struct pending){.size = value.size, .actor = in->actor};
	p->value = buddy_take(c->specs.values, value.size);
	if (!p->value) {
		slots_give(&c->runtime.pending, p);
		return NULL;
	}
	memcpy(p->value, value.data, value.size);
	c->runtime.count++;
	return p;
}

void
runtime_on_set(struct core *c, const struct input_spec_set *in)
{
	enum reply_code code;
	const char *why = complaint(c, in, &code);
	if (why) {
		core_reply(c, in->request, 0, code, why);
		return;
	}
	struct pending *p = keep(c, in);
	struct claim *claim =
		p ? claim_begin(c, CLAIM_SERVICE, in->name, in->timeout_ms,
			    (struct bytes){NULL, 0}, on_claimed)
		  : NULL;
	if (claim) {
		claim->request = in->request;
		claim->start = slots_index(&c->runtime.pending, p);
		return;
	}
	if (p) {
		buddy_give(c->specs.values, p->value);
		slots_give(&c->runtime.pending, p);
		c->runtime.count--;
	}
	core_reply(c, in->request, 0, REPLY_FULL,
		"too many names are being registered: try again");
}

/* --- Unregistering --- */

bool
runtime_on_unregister(struct core *c, const struct input_request *r)
{
	const struct instance *i = instance_find(c, r->name);
	const char *service = i && i->is_declared ? i->service : r->name;
	if (!specs_find(c, ENTRY_SERVICE, service))
		return false;
	if (!runtime_has(c, service)) {
		core_reply(c, r->id, 0, REPLY_INVALID,
			effects_format(&c->fx,
				"it belongs to the declared service %s, which "
				"'skepctl delete %s' removes",
				service, service));
		return true;
	}
	uint64_t after = 0;
	enum reply_code code = operate_delete_service(c, service, &after);
	if (code == REPLY_OK)
		core_note_by(c, NOTE_UNREGISTERED, service, 0, "a service",
			&r->actor);
	core_reply(c, r->id, after, code,
		code == REPLY_OK ? "unregistered"
				 : "too much at once: try again");
	return true;
}
