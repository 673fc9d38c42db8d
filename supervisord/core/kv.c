#include "core/kv.h"

#include <string.h>

#include "base/name.h"
#include "core/core_private.h"

/* What is wrong with a request, or NULL. */
static const char *
fault_of(struct core *c, const struct input_request *r)
{
	size_t at;
	struct bytes key = {r->name, strlen(r->name)};
	const char *fault = name_fault(key, RUNTIME_NAME_MAX, &at);
	if (fault)
		return effects_format(&c->fx,
			"not a key: %s at byte %u; a key is 1 to %u bytes of "
			"UTF-8 without control characters",
			fault, (uint64_t)at, (uint64_t)RUNTIME_NAME_MAX);
	if (strlen(r->arg) > KV_VALUE_MAX)
		return effects_format(&c->fx,
			"the value has %u bytes; %u are the most that a key "
			"holds",
			(uint64_t)strlen(r->arg), (uint64_t)KV_VALUE_MAX);
	return NULL;
}

static void
on_set(struct core *c, const struct input_request *r)
{
	uint64_t after = 0;
	struct bytes value = {r->arg, strlen(r->arg)};
	enum reply_code code = specs_set(c, ENTRY_KV, r->name, value, &after);
	if (code != REPLY_OK && code != REPLY_UNCHANGED) {
		core_reply(c, r->id, 0, code,
			"key/value is full: delete keys, or raise names_max; a "
			"deleted one keeps its place for a day");
		return;
	}
	const struct entry *e = specs_find(c, ENTRY_KV, r->name);
	CHECK(e);
	core_reply(
		c, r->id, after, code, effects_format(&c->fx, "%x", e->stamp));
}

static void
on_delete(struct core *c, const struct input_request *r)
{
	uint64_t after = 0;
	enum reply_code code = specs_delete(c, ENTRY_KV, r->name, &after);
	const char *text = "";
	if (code == REPLY_NOT_FOUND)
		text = effects_format(&c->fx, "there is no key %s",
			effects_text(&c->fx, r->name));
	else if (code != REPLY_OK)
		text = "too much at once: try again";
	core_reply(c, r->id, after, code, text);
}

void
kv_on_request(struct core *c, const struct input_request *r)
{
	const char *fault = fault_of(c, r);
	if (fault)
		core_reply(c, r->id, 0, REPLY_INVALID, fault);
	else if (r->is_forced)
		core_reply(c, r->id, 0, REPLY_UNSUPPORTED,
			"the mesh has no host that decides for all, so it "
			"cannot write only if the version is still that one: "
			"the last writer wins; leave the condition out");
	else if (r->op == REQUEST_KV_SET)
		on_set(c, r);
	else
		on_delete(c, r);
}
