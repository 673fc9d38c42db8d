/* The head of a recording: how a core was born. */
#include <string.h>

#include "core/core_private.h"
#include "core/trace_private.h"
#include "core/wire.h"

/* trace.options states in numbers what the headers state in names. */
#define SAME_SIZE(message, field, size)                                        \
	_Static_assert(sizeof((skep_##message *)0)->field == (size),           \
		"trace.options and the headers differ in " #message            \
		"." #field)
#define SAME_COUNT(message, field, count)                                      \
	SAME_SIZE(message, field,                                              \
		(count) * sizeof((skep_##message *)0)->field[0])
SAME_SIZE(TracePair, key, KEY_MAX + 1);
SAME_SIZE(TracePair, key, LABEL_MAX + 1);
SAME_SIZE(TracePair, value, TRACE_TEXT_MAX + 1);
SAME_SIZE(TraceConfig, node, NODE_NAME_MAX + 1);
SAME_SIZE(TraceConfig, cluster, CLUSTER_NAME_MAX + 1);
SAME_SIZE(TraceConfig, address, ADDRESS_MAX + 1);
SAME_SIZE(TraceConfig, join, sizeof((struct core_config *)0)->join);
SAME_SIZE(TraceConfig, version, sizeof((struct core_config *)0)->version);
SAME_COUNT(TraceConfig, labels, LABELS_MAX);
SAME_COUNT(TraceConfig, settings, TRACE_SETTINGS_MAX);
SAME_COUNT(TraceHead, strategies, STRATEGIES_MAX);
SAME_SIZE(TraceStrategy, name, sizeof((struct trace_strategy *)0)->name);
SAME_SIZE(TraceEnd, why, NOTE_TEXT_MAX + 1);
SAME_SIZE(TraceInput, root.bytes, DIGEST_SIZE);

/* Copies a text that has at most 'size' - 1 characters; false if more. */
static bool
copy_text(char *to, size_t size, const char *from)
{
	size_t length = strlen(from);
	if (length >= size)
		return false;
	memcpy(to, from, length + 1);
	return true;
}

/* Copies the settings into the head's own memory. */
static bool
copy_settings(const char *const *from, struct trace_head *head)
{
	uint32_t count = 0;
	head->config.settings = head->pairs;
	for (; from && from[count]; count++) {
		size_t size = count % 2 ? TRACE_TEXT_MAX + 1 : KEY_MAX + 1;
		if (count == 2 * TRACE_SETTINGS_MAX ||
			!copy_text(head->texts[count], size, from[count]))
			return false;
		head->pairs[count] = head->texts[count];
	}
	head->pairs[count] = NULL;
	return count % 2 == 0;
}

bool
trace_head_of(const struct core *c, int64_t wall_ms, struct trace_head *out)
{
	memset(out, 0, sizeof *out);
	out->wall_ms = wall_ms;
	out->limits = c->limits;
	out->config = c->config;
	out->strategy_count = c->place.strategy_count;
	for (uint32_t i = 0; i < c->place.strategy_count; i++) {
		const struct place_strategy *s = &c->place.strategies[i];
		out->strategies[i].version = s->ops->version;
		memcpy(out->strategies[i].name, s->name, sizeof s->name);
	}
	return copy_settings(c->config.settings, out);
}

/* --- Writing --- */

static void
config_to_wire(const struct core_config *c, skep_TraceConfig *msg)
{
	memcpy(msg->node, c->node, sizeof msg->node);
	memcpy(msg->cluster, c->cluster, sizeof msg->cluster);
	memcpy(msg->address, c->address, sizeof msg->address);
	memcpy(msg->join, c->join, sizeof msg->join);
	memcpy(msg->version, c->version, sizeof msg->version);
	msg->join_count = (pb_size_t)c->join_count;
	msg->node_id = c->node_id;
	msg->boot = c->boot;
	msg->nonce = c->nonce;
	msg->weight = c->weight;
	msg->seed = c->seed;
	msg->labels_count = (pb_size_t)c->label_count;
	for (uint32_t i = 0; i < c->label_count; i++) {
		memcpy(msg->labels[i].key, c->labels[i].key, LABEL_MAX + 1);
		memcpy(msg->labels[i].value, c->labels[i].value, LABEL_MAX + 1);
	}
}

static bool
settings_to_wire(const char *const *pairs, skep_TraceConfig *msg)
{
	pb_size_t count = 0;
	for (; pairs && pairs[0] && pairs[1]; pairs += 2, count++) {
		if (count == TRACE_SETTINGS_MAX)
			return false;
		skep_TracePair *pair = &msg->settings[count];
		if (!copy_text(pair->key, sizeof pair->key, pairs[0]) ||
			!copy_text(pair->value, sizeof pair->value, pairs[1]))
			return false;
	}
	msg->settings_count = count;
	return true;
}

bool
trace_encode_head(pb_ostream_t *out, const struct trace_head *head)
{
	const struct core_limits *l = &head->limits;
	skep_TraceHead msg = {
		.format = TRACE_FORMAT,
		.wall_ms = head->wall_ms,
		.has_limits = true,
		.limits = {l->members_max, l->instances_max, l->rows_max,
			l->entries_max, l->bodies_size, l->effects_max,
			l->effects_size},
		.has_config = true,
		.strategies_count = (pb_size_t)head->strategy_count,
	};
	for (uint32_t i = 0; i < head->strategy_count; i++) {
		msg.strategies[i].version = head->strategies[i].version;
		memcpy(msg.strategies[i].name, head->strategies[i].name,
			sizeof msg.strategies[i].name);
	}
	config_to_wire(&head->config, &msg.config);
	return settings_to_wire(head->config.settings, &msg.config) &&
	       pb_encode(out, skep_TraceHead_fields, &msg);
}

/* --- Reading --- */

/* Within what any host could be given, so that no size overflows. */
static bool
are_limits_sound(const skep_TraceLimits *l)
{
	const uint32_t items = 1u << 28;
	const uint64_t size = (uint64_t)1 << 40;
	return l->members_max >= 1 && l->members_max <= 65536 &&
	       l->instances_max >= 1 && l->instances_max <= items &&
	       l->rows_max >= 1 && l->rows_max <= items &&
	       l->entries_max >= 1 && l->entries_max <= items &&
	       l->bodies_size >= 4096 && l->bodies_size <= size &&
	       l->effects_max >= 1 && l->effects_max <= items &&
	       l->effects_size >= FRAME_MAX && l->effects_size <= size;
}

static void
config_from_wire(const skep_TraceConfig *msg, struct core_config *c)
{
	memcpy(c->node, msg->node, sizeof c->node);
	memcpy(c->cluster, msg->cluster, sizeof c->cluster);
	memcpy(c->address, msg->address, sizeof c->address);
	memcpy(c->join, msg->join, sizeof c->join);
	memcpy(c->version, msg->version, sizeof c->version);
	c->join_count = msg->join_count;
	c->node_id = msg->node_id;
	c->boot = msg->boot;
	c->nonce = msg->nonce;
	c->weight = msg->weight;
	c->seed = msg->seed;
	c->label_count = msg->labels_count;
	for (uint32_t i = 0; i < c->label_count; i++) {
		memcpy(c->labels[i].key, msg->labels[i].key, LABEL_MAX + 1);
		memcpy(c->labels[i].value, msg->labels[i].value, LABEL_MAX);
	}
}

static void
settings_from_wire(const skep_TraceConfig *msg, struct trace_head *head)
{
	uint32_t count = 0;
	for (pb_size_t i = 0; i < msg->settings_count; i++) {
		const skep_TracePair *pair = &msg->settings[i];
		memcpy(head->texts[count], pair->key, sizeof pair->key);
		memcpy(head->texts[count + 1], pair->value, sizeof pair->value);
		head->pairs[count] = head->texts[count];
		head->pairs[count + 1] = head->texts[count + 1];
		count += 2;
	}
	head->pairs[count] = NULL;
	head->config.settings = head->pairs;
}

const char *
trace_decode_head(struct bytes body, struct trace_head *head)
{
	skep_TraceHead msg = skep_TraceHead_init_zero;
	memset(head, 0, sizeof *head);
	if (!wire_decode_message(skep_TraceHead_fields, body, &msg))
		return "its head is not of the form";
	if (msg.format != TRACE_FORMAT)
		return "it is in a format that this skep does not know";
	if (!msg.has_config || !msg.config.node[0] || !msg.config.cluster[0])
		return "its head does not say whose it is";
	if (!msg.has_limits || !are_limits_sound(&msg.limits))
		return "the limits in its head make no sense";
	head->wall_ms = msg.wall_ms;
	head->limits = (struct core_limits){msg.limits.members_max,
		msg.limits.instances_max, msg.limits.rows_max,
		msg.limits.entries_max, msg.limits.bodies_size,
		msg.limits.effects_max, msg.limits.effects_size, 0};
	head->strategy_count = msg.strategies_count;
	for (uint32_t i = 0; i < head->strategy_count; i++) {
		head->strategies[i].version = msg.strategies[i].version;
		memcpy(head->strategies[i].name, msg.strategies[i].name,
			sizeof msg.strategies[i].name);
	}
	config_from_wire(&msg.config, &head->config);
	settings_from_wire(&msg.config, head);
	return NULL;
}
