/* Prometheus text format, version 0.0.4. */
#include <string.h>

#include "node/api_private.h"

static void
family(struct api_text *out, const char *name, const char *type,
	const char *help)
{
	api_text_printf(
		out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value with what the format wants escaped. */
static void
label(struct api_text *out, const char *key, const char *value)
{
	api_text_printf(out, "%s=\"", key);
	for (; *value; value++) {
		if (*value == '\n')
			api_text_add(out, "\\n", 2);
		else if (*value == '"' || *value == '\\')
			api_text_printf(out, "\\%c", *value);
		else
			api_text_add(out, value, 1);
	}
	api_text_add(out, "\"", 1);
}

static void
gauge(struct api_text *out, const char *name, const char *help, uint64_t value)
{
	family(out, name, "gauge", help);
	api_text_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void
counter(struct api_text *out, const char *name, const char *help,
	uint64_t value)
{
	family(out, name, "counter", help);
	api_text_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void
instance_state(struct api_text *out, const struct instance_view *v)
{
	api_text_add(out, "skep_service_state{", 19);
	label(out, "service", v->service);
	api_text_add(out, ",", 1);
	label(out, "instance", v->name);
	api_text_add(out, ",", 1);
	label(out, "state", v->state);
	api_text_add(out, ",", 1);
	label(out, "node", v->node);
	api_text_add(out, "} 1\n", 4);
}

static void
instance_restarts(struct api_text *out, const struct instance_view *v)
{
	api_text_add(out, "skep_service_restarts_total{", 28);
	label(out, "service", v->service);
	api_text_add(out, ",", 1);
	label(out, "instance", v->name);
	api_text_printf(out, "} %u\n", v->restarts);
}

static void
each_instance(struct api_text *out, struct core *core,
	void (*fn)(struct api_text *out, const struct instance_view *v))
{
	uint32_t cursor = 0;
	struct instance_view v;
	while (view_instance_next(core, &cursor, &v))
		fn(out, &v);
}

/* One sample of those that have checkpoints. */
static void
checkpoint_sample(struct api_text *out, const char *name,
	const struct instance_view *v, int64_t ms)
{
	api_text_printf(out, "%s{", name);
	label(out, "service", v->service);
	api_text_add(out, ",", 1);
	label(out, "instance", v->name);
	api_text_printf(out, "} %lld", (long long)(ms / 1000));
	if (ms % 1000)
		api_text_printf(out, ".%03d", (int)(ms % 1000));
	api_text_add(out, "\n", 1);
}

static void
checkpoints(struct api_text *out, struct core *core)
{
	struct api_text late = {0};
	struct instance_view v;
	struct checkpoint_view k;
	uint32_t cursor = 0;
	family(out, "skep_checkpoint_age_seconds", "gauge",
		"Age of an instance's last checkpoint that counts.");
	family(&late, "skep_checkpoint_late", "gauge",
		"Whether no checkpoint has counted for too long.");
	while (view_instance_next(core, &cursor, &v)) {
		if (!v.has_checkpoints || !view_checkpoint(core, v.name, &k))
			continue;
		if (k.age_ms >= 0)
			checkpoint_sample(out, "skep_checkpoint_age_seconds",
				&v, k.age_ms);
		checkpoint_sample(
			&late, "skep_checkpoint_late", &v, k.is_late * 1000);
	}
	api_text_add(out, late.data, late.size);
	api_text_fini(&late);
}

static void
nodes(struct api_text *out, struct core *core)
{
	family(out, "skep_node_alive", "gauge",
		"Whether this host believes the node to be alive.");
	uint32_t count = view_node_count(core);
	for (uint32_t i = 0; i < count; i++) {
		struct node_view v;
		if (!view_node(core, i, &v))
			continue;
		api_text_add(out, "skep_node_alive{", 16);
		label(out, "node", v.name);
		api_text_printf(out, "} %d\n", strcmp(v.state, "alive") == 0);
	}
}

static void
cluster(struct api_text *out, struct core *core)
{
	struct cluster_view v;
	view_cluster(core, &v);
	gauge(out, "skep_cluster_members", "Hosts on the member list.",
		v.members);
	gauge(out, "skep_cluster_members_alive", "Hosts that are alive.",
		v.alive);
	gauge(out, "skep_cluster_instances", "Instances known.", v.instances);
	gauge(out, "skep_cluster_instances_ready", "Instances ready.", v.ready);
	gauge(out, "skep_cluster_instances_unplaced",
		"Instances that no host may run.", v.unplaced);
	gauge(out, "skep_cluster_holds",
		"Whether this host holds (forming, lonely).", *v.hold != '\0');
	counter(out, "skep_replica_resets_total",
		"Replicas that the audit reset.", v.resets);
	counter(out, "skep_frames_unknown_total",
		"Messages of a type that this version does not know.",
		v.unknown_frames);
}

static void
messages(struct api_text *out, struct core *core)
{
	struct mail_view v;
	view_mail(core, &v);
	gauge(out, "skep_messages_waiting",
		"Messages of senders here whose end is not known", v.waiting);
	counter(out, "skep_messages_sent_total", "Messages sent to other hosts",
		v.sent);
	counter(out, "skep_messages_taken_total",
		"Messages that services here have taken", v.taken);
	counter(out, "skep_messages_refused_total",
		"Messages that found no room, time, or name here", v.refused);
	counter(out, "skep_messages_again_total",
		"Messages that came a second time and were left out", v.again);
	counter(out, "skep_messages_lost_total",
		"Messages of senders here of which nobody knows the end",
		v.lost);
}

void
api_get_metrics(struct call *c)
{
	struct api_text out = {0};
	struct core *core = c->api->node->core;
	family(&out, "skep_build_info", "gauge", "The version that runs.");
	api_text_printf(
		&out, "skep_build_info{version=\"%s\"} 1\n", PACKAGE_VERSION);
	cluster(&out, core);
	nodes(&out, core);
	family(&out, "skep_service_state", "gauge",
		"1 for the state that an instance is in.");
	each_instance(&out, core, instance_state);
	family(&out, "skep_service_restarts_total", "counter",
		"Restarts since the instance came to its host.");
	each_instance(&out, core, instance_restarts);
	checkpoints(&out, core);
	messages(&out, core);
	counter(&out, "skep_api_requests_total",
		"Requests that reached a handler.", c->api->requests);
	counter(&out, "skep_api_refused_total",
		"Requests refused for lack of a role.", c->api->refused);
	call_reply_text(c, "text/plain; version=0.0.4; charset=utf-8", &out);
}
