/* The values of entries: structs to bytes and back.
 *
 * The bytes of an entry are relayed as they came, so fields that this
 * version does not know survive; decoding takes what it knows.
 */
#include <pb_encode.h>
#include <string.h>

#include "base/name.h"
#include "core/specs_private.h"

#define SIGNAL_MAX 64

/* --- Names of instances: a packed list here, repeated texts there --- */

/* Writes the first 'count' of the texts that stand one behind the other. */
static bool
encode_texts(pb_ostream_t *out, const pb_field_t *field, const char *text,
	uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		size_t length = strlen(text);
		if (!pb_encode_tag_for_field(out, field) ||
			!pb_encode_string(out, (const pb_byte_t *)text, length))
			return false;
		text += length + 1;
	}
	return true;
}

static bool
encode_instances(pb_ostream_t *out, const pb_field_t *field, void *const *arg)
{
	const struct spec_policy *p = *arg;
	uint32_t count = p->naming == NAMING_LIST ? p->instance_count : 0;
	return encode_texts(out, field, p->instances, count);
}

static bool
decode_instance(pb_istream_t *in, const pb_field_t *field, void **arg)
{
	(void)field;
	struct specs_names *names = *arg;
	struct spec_policy *p = names->policy;
	size_t length = in->bytes_left;
	if (length == 0 || length > SERVICE_NAME_MAX ||
		length >= POLICY_INSTANCES_SIZE - names->used ||
		p->instance_count >= REPLICAS_MAX)
		return false;
	char *name = p->instances + names->used;
	if (!pb_read(in, (pb_byte_t *)name, length) ||
		memchr(name, '\0', length))
		return false;
	names->used += length + 1;
	p->instance_count++;
	return true;
}

static bool
encode_groups(pb_ostream_t *out, const pb_field_t *field, void *const *arg)
{
	const struct spec_policy *p = *arg;
	return encode_texts(out, field, p->groups, p->group_count);
}

static bool
decode_group(pb_istream_t *in, const pb_field_t *field, void **arg)
{
	(void)field;
	struct specs_names *names = *arg;
	struct spec_policy *p = names->policy;
	size_t length = in->bytes_left, at;
	if (length >= POLICY_GROUPS_SIZE - names->groups_used ||
		p->group_count >= POLICY_GROUPS_MAX)
		return false;
	char *name = p->groups + names->groups_used;
	if (!pb_read(in, (pb_byte_t *)name, length) ||
		name_fault((struct bytes){name, length}, GROUP_NAME_MAX, &at))
		return false;
	names->groups_used += length + 1;
	p->group_count++;
	return true;
}

/* --- Policies --- */

static void
depends_to_wire(const struct spec_policy *p, skep_ServicePolicy *msg)
{
	_Static_assert(sizeof msg->depends / sizeof *msg->depends ==
			       POLICY_DEPENDS_MAX,
		"every dependency fits");
	msg->depends_count = (pb_size_t)p->depend_count;
	for (uint32_t i = 0; i < p->depend_count; i++) {
		memcpy(msg->depends[i].service, p->depends[i].service,
			sizeof msg->depends[i].service);
		msg->depends[i].condition = p->depends[i].condition;
	}
}

skep_ServicePolicy
specs_policy_to_wire(const struct spec_policy *p)
{
	/* nanopb hands the argument back untouched. */
	union {
		const void *in;
		void *out;
	} arg = {.in = p};
	const struct policy_restart *r = &p->restart;
	const struct policy_handoff *h = &p->handoff;
	skep_ServicePolicy msg = {
		.type = p->type,
		.is_enabled = p->is_enabled,
		.replicas =
			p->naming == NAMING_REPLICAS ? p->instance_count : 0,
		.has_restart = true,
		.restart = {r->policy, r->delay_ms, r->function,
			r->max_delay_ms, r->jitter_percent, r->reset_after_ms,
			r->attempts, r->interval_ms, r->mode},
		.stop_signal = (uint32_t)p->stop_signal,
		.stop_timeout_ms = p->stop_timeout_ms,
		.start_timeout_ms = p->start_timeout_ms,
		.has_handoff = true,
		.handoff = {h->is_present, h->mode, (uint32_t)h->signal,
			h->timeout_ms, h->max_size, h->is_required,
			h->has_command, h->has_state_path, h->starts_first},
		.is_sticky = p->placement.is_sticky,
		.max_per_host = p->placement.max_per_host,
		.success_exit_codes_count = (pb_size_t)p->exit_code_count,
		.kill_mode = p->stops_group,
		.has_partition = true,
		.partition = {p->partition.consistency, p->partition.on_loss,
			p->partition.stop_after_ms},
		.instances = {.funcs.encode = encode_instances, .arg = arg.out},
		.groups = {.funcs.encode = encode_groups, .arg = arg.out},
	};
	msg.has_readiness = p->has_readiness;
	msg.reload_signal = (uint32_t)p->reload_signal;
	msg.has_schedule = true;
	msg.schedule = (skep_SchedulePolicy){
		p->schedule.interval_ms, p->schedule.has_cron};
	msg.has_hooks = true;
	msg.hooks = (skep_HookPolicy){p->hooks.has_post_start,
		p->hooks.has_pre_stop, p->hooks.has_stop_command,
		p->hooks.has_post_stop, p->hooks.timeout_ms,
		p->hooks.has_resolve_conflict};
	const struct policy_checkpoint *k = &p->checkpoint;
	msg.has_checkpoint = k->is_present;
	msg.checkpoint = (skep_CheckpointPolicy){k->is_present, k->has_command,
		k->takeover, (uint32_t)k->signal, k->replicas, k->every_ms,
		k->timeout_ms, k->max_size};
	depends_to_wire(p, &msg);
	memcpy(msg.strategy, p->placement.strategy, sizeof msg.strategy);
	memcpy(msg.pin, p->placement.pin, sizeof msg.pin);
	for (uint32_t i = 0; i < p->exit_code_count; i++)
		msg.success_exit_codes[i] = p->exit_codes[i];
	return msg;
}

static bool
is_duration(int64_t ms)
{
	return ms >= 0 && ms <= POLICY_MS_MAX;
}

static bool
is_restart_sound(const skep_RestartPolicy *r)
{
	return r->policy <= RESTART_NEVER &&
	       r->delay_function <= DELAY_FIBONACCI &&
	       r->mode <= MODE_RESCHEDULE && is_duration(r->delay_ms) &&
	       is_duration(r->max_delay_ms) && r->jitter_percent <= 100 &&
	       is_duration(r->reset_after_ms) && is_duration(r->interval_ms);
}

static bool
are_depends_sound(const skep_ServicePolicy *p)
{
	for (pb_size_t i = 0; i < p->depends_count; i++)
		if (p->depends[i].condition > DEPEND_COMPLETED)
			return false;
	return is_duration(p->schedule.interval_ms) &&
	       is_duration(p->hooks.timeout_ms) &&
	       p->reload_signal <= SIGNAL_MAX;
}

static bool
is_checkpoint_sound(const skep_CheckpointPolicy *k)
{
	return k->takeover <= TAKEOVER_WAIT && k->signal <= SIGNAL_MAX &&
	       k->replicas <= POLICY_HOLDERS_MAX && is_duration(k->every_ms) &&
	       is_duration(k->timeout_ms) &&
	       (!k->is_present || (k->replicas && k->every_ms));
}

static bool
is_policy_sound(const skep_ServicePolicy *p)
{
	return p->type <= TYPE_ONESHOT && p->replicas <= REPLICAS_MAX &&
	       is_restart_sound(&p->restart) && p->stop_signal <= SIGNAL_MAX &&
	       is_duration(p->stop_timeout_ms) &&
	       is_duration(p->start_timeout_ms) &&
	       p->handoff.mode <= HANDOFF_IGNORE &&
	       p->handoff.signal <= SIGNAL_MAX &&
	       is_duration(p->handoff.timeout_ms) &&
	       is_checkpoint_sound(&p->checkpoint) &&
	       p->partition.consistency <= CONSISTENCY_QUORUM &&
	       p->partition.on_loss <= ON_LOSS_STOP &&
	       is_duration(p->partition.stop_after_ms) && are_depends_sound(p);
}

static struct policy_restart
restart_from_wire(const skep_RestartPolicy *r)
{
	return (struct policy_restart){
		.policy = (enum restart_policy)r->policy,
		.function = (enum restart_function)r->delay_function,
		.mode = (enum restart_mode)r->mode,
		.delay_ms = r->delay_ms,
		.max_delay_ms = r->max_delay_ms,
		.jitter_percent = r->jitter_percent,
		.reset_after_ms = r->reset_after_ms,
		.attempts = r->attempts,
		.interval_ms = r->interval_ms,
	};
}

static struct policy_checkpoint
checkpoint_from_wire(const skep_CheckpointPolicy *k)
{
	return (struct policy_checkpoint){
		.is_present = k->is_present,
		.has_command = k->has_command,
		.takeover = (enum checkpoint_takeover)k->takeover,
		.signal = (int32_t)k->signal,
		.replicas = k->replicas,
		.every_ms = k->every_ms,
		.timeout_ms = k->timeout_ms,
		.max_size = k->max_size,
	};
}

static struct policy_handoff
handoff_from_wire(const skep_HandoffPolicy *h)
{
	return (struct policy_handoff){
		.is_present = h->is_present,
		.mode = (enum handoff_mode)h->mode,
		.signal = (int32_t)h->signal,
		.timeout_ms = h->timeout_ms,
		.max_size = h->max_size,
		.is_required = h->is_required,
		.has_command = h->has_command,
		.has_state_path = h->has_state_path,
		.starts_first = h->starts_first,
	};
}

static void
depends_from_wire(const skep_ServicePolicy *msg, struct spec_policy *p)
{
	p->depend_count = msg->depends_count;
	for (pb_size_t i = 0; i < msg->depends_count; i++) {
		memcpy(p->depends[i].service, msg->depends[i].service,
			sizeof p->depends[i].service);
		p->depends[i].condition =
			(enum depend_condition)msg->depends[i].condition;
	}
}

static struct policy_hooks
hooks_from_wire(const skep_HookPolicy *h)
{
	return (struct policy_hooks){
		.has_post_start = h->has_post_start,
		.has_pre_stop = h->has_pre_stop,
		.has_stop_command = h->has_stop_command,
		.has_post_stop = h->has_post_stop,
		.has_resolve_conflict = h->has_resolve_conflict,
		.timeout_ms = h->timeout_ms,
	};
}

void
specs_policy_names(struct specs_names *names, struct spec_policy *p,
	skep_ServicePolicy *msg)
{
	*names = (struct specs_names){.policy = p};
	msg->instances =
		(pb_callback_t){.funcs.decode = decode_instance, .arg = names};
	msg->groups =
		(pb_callback_t){.funcs.decode = decode_group, .arg = names};
}

bool
specs_policy_from_wire(const skep_ServicePolicy *msg, struct spec_policy *p)
{
	if (!is_policy_sound(msg))
		return false;
	if (p->instance_count > 0) {
		p->naming = NAMING_LIST;
	} else {
		p->naming = msg->replicas ? NAMING_REPLICAS : NAMING_ONE;
		p->instance_count = msg->replicas ? msg->replicas : 1;
	}
	p->is_enabled = msg->is_enabled;
	p->type = (enum policy_type)msg->type;
	p->restart = restart_from_wire(&msg->restart);
	p->stop_signal = (int32_t)msg->stop_signal;
	p->stop_timeout_ms = msg->stop_timeout_ms;
	p->stops_group = msg->kill_mode != 0;
	p->start_timeout_ms = msg->start_timeout_ms;
	p->has_readiness = msg->has_readiness;
	p->reload_signal = (int32_t)msg->reload_signal;
	depends_from_wire(msg, p);
	p->schedule.interval_ms = msg->schedule.interval_ms;
	p->schedule.has_cron = msg->schedule.has_cron;
	p->hooks = hooks_from_wire(&msg->hooks);
	p->handoff = handoff_from_wire(&msg->handoff);
	p->checkpoint = checkpoint_from_wire(&msg->checkpoint);
	memcpy(p->placement.strategy, msg->strategy, sizeof msg->strategy);
	memcpy(p->placement.pin, msg->pin, sizeof msg->pin);
	p->placement.is_sticky = msg->is_sticky;
	p->placement.max_per_host = msg->max_per_host;
	p->partition.consistency =
		(enum policy_consistency)msg->partition.consistency;
	p->partition.on_loss = (enum policy_on_loss)msg->partition.on_loss;
	p->partition.stop_after_ms = msg->partition.stop_after_ms;
	p->exit_code_count = msg->success_exit_codes_count;
	for (uint32_t i = 0; i < p->exit_code_count; i++)
		p->exit_codes[i] = (uint8_t)msg->success_exit_codes[i];
	return true;
}

/* --- The four kinds --- */

bool
specs_get_service(const struct entry *e, struct service_value *out)
{
	CHECK(e->kind == ENTRY_SERVICE);
	memset(out, 0, sizeof *out);
	struct wire_slice body = {.whole = e->value};
	struct specs_names names;
	skep_ServiceValue msg = skep_ServiceValue_init_zero;
	msg.body = wire_borrow(&body);
	specs_policy_names(&names, &out->policy, &msg.policy);
	if (!wire_decode_message(skep_ServiceValue_fields, e->value, &msg) ||
		!msg.has_policy ||
		!specs_policy_from_wire(&msg.policy, &out->policy))
		return false;
	/* Behind a longer one no '@' fits. */
	if (out->policy.naming != NAMING_ONE &&
		strlen(e->name) > SERVICE_NAME_MAX)
		return false;
	out->digest = msg.digest;
	out->run_digest = msg.run_digest;
	out->body = body.found;
	memcpy(out->source_file, msg.source_file, sizeof msg.source_file);
	memcpy(out->source_node, msg.source_node, sizeof msg.source_node);
	out->source_digest = msg.source_digest;
	out->is_runtime = msg.is_runtime;
	return true;
}

bool
specs_get_override(const struct entry *e, struct override_value *out)
{
	CHECK(e->kind == ENTRY_OVERRIDE);
	memset(out, 0, sizeof *out);
	skep_OverrideValue msg = skep_OverrideValue_init_zero;
	if (!wire_decode_message(skep_OverrideValue_fields, e->value, &msg))
		return false;
	out->is_stopped = msg.is_stopped;
	out->word_generation = msg.word_generation;
	out->restart_generation = msg.restart_generation;
	out->anyway_generation = msg.anyway_generation;
	out->move_generation = msg.move_generation;
	memcpy(out->move_to, msg.move_to, sizeof out->move_to);
	return true;
}

bool
specs_get_node(const struct entry *e, struct node_value *out)
{
	CHECK(e->kind == ENTRY_NODE);
	memset(out, 0, sizeof *out);
	skep_NodeValue msg = skep_NodeValue_init_zero;
	if (!wire_decode_message(skep_NodeValue_fields, e->value, &msg) ||
		msg.intent > INTENT_DRAINING || msg.deadline_wall_ms < 0)
		return false;
	out->intent = (enum node_intent)msg.intent;
	out->deadline_wall_ms = msg.deadline_wall_ms;
	out->is_forced = msg.is_forced;
	out->max_parallel = msg.max_parallel;
	memcpy(out->reason, msg.reason, sizeof out->reason);
	return true;
}

bool
specs_get_setting(const struct entry *e, const char **value_out, char *buffer,
	size_t size)
{
	CHECK(e->kind == ENTRY_SETTING);
	skep_SettingValue msg = skep_SettingValue_init_zero;
	if (!wire_decode_message(skep_SettingValue_fields, e->value, &msg))
		return false;
	size_t length = strlen(msg.value);
	if (length >= size)
		return false;
	memcpy(buffer, msg.value, length + 1);
	*value_out = buffer;
	return true;
}

/* Encodes a value and writes it as an entry. */
static enum reply_code
set(struct core *c, enum entry_kind kind, const char *name,
	const pb_msgdesc_t *fields, const void *msg, uint64_t *after_out)
{
	*after_out = 0;
	if (!effects_has_room(&c->fx, 1, SPEC_VALUE_MAX))
		return REPLY_FULL;
	size_t start = c->fx.pool_used;
	struct bytes value = wire_encode_message(&c->fx, fields, msg);
	/* An empty message is a value too: all defaults. */
	if (!value.data)
		return REPLY_INVALID;
	CHECK(value.size == c->fx.pool_used - start);
	return specs_set(c, kind, name, value, after_out);
}

/* Copies a text that may be longer than its field; it is cut. */
static void
copy_text(char *to, size_t size, const char *from)
{
	size_t length = strnlen(from, size - 1);
	memcpy(to, from, length);
	to[length] = '\0';
}

struct bytes
specs_encode_service(struct core *c, const struct service_value *v)
{
	if (v->body.size > SPEC_BODY_MAX ||
		!effects_has_room(&c->fx, 1, SPEC_VALUE_MAX))
		return (struct bytes){NULL, 0};
	skep_ServiceValue msg = {
		.digest = v->digest,
		.run_digest = v->run_digest,
		.has_policy = true,
		.policy = specs_policy_to_wire(&v->policy),
		.body = wire_lend(&v->body),
		.source_digest = v->source_digest,
		.is_runtime = v->is_runtime,
	};
	copy_text(msg.source_file, sizeof msg.source_file, v->source_file);
	copy_text(msg.source_node, sizeof msg.source_node, v->source_node);
	return wire_encode_message(&c->fx, skep_ServiceValue_fields, &msg);
}

enum reply_code
specs_set_service(struct core *c, const char *name,
	const struct service_value *v, uint64_t *after_out)
{
	*after_out = 0;
	if (v->body.size > SPEC_BODY_MAX)
		return REPLY_INVALID;
	struct bytes value = specs_encode_service(c, v);
	if (!value.data)
		return REPLY_FULL;
	return specs_set(c, ENTRY_SERVICE, name, value, after_out);
}

enum reply_code
specs_set_override(struct core *c, const char *name,
	const struct override_value *v, uint64_t *after_out)
{
	skep_OverrideValue msg = {
		.is_stopped = v->is_stopped,
		.word_generation = v->word_generation,
		.restart_generation = v->restart_generation,
		.anyway_generation = v->anyway_generation,
		.move_generation = v->move_generation,
	};
	copy_text(msg.move_to, sizeof msg.move_to, v->move_to);
	return set(c, ENTRY_OVERRIDE, name, skep_OverrideValue_fields, &msg,
		after_out);
}

enum reply_code
specs_set_node(struct core *c, const char *name, const struct node_value *v,
	uint64_t *after_out)
{
	skep_NodeValue msg = {
		.intent = v->intent,
		.deadline_wall_ms = v->deadline_wall_ms,
		.is_forced = v->is_forced,
		.max_parallel = v->max_parallel,
	};
	copy_text(msg.reason, sizeof msg.reason, v->reason);
	return set(c, ENTRY_NODE, name, skep_NodeValue_fields, &msg, after_out);
}

enum reply_code
specs_set_setting(
	struct core *c, const char *key, const char *value, uint64_t *after_out)
{
	*after_out = 0;
	skep_SettingValue msg = skep_SettingValue_init_zero;
	if (strlen(value) > SETTING_VALUE_MAX)
		return REPLY_INVALID;
	copy_text(msg.value, sizeof msg.value, value);
	return set(c, ENTRY_SETTING, key, skep_SettingValue_fields, &msg,
		after_out);
}
