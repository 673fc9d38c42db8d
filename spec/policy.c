#include "spec/policy.h"

#include "base/check.h"
#include "spec/spec.h"

/* Copies a text whose length the parser has checked. */
static void
copy_text(char *out, size_t size, const char *text)
{
	size_t length = strlen(text);
	CHECK(length < size);
	memcpy(out, text, length + 1);
}

static void
fill_naming(const struct spec *spec, struct spec_policy *out)
{
	out->instance_count = (uint32_t)spec_instance_count(spec);
	out->naming = spec->instances.count ? NAMING_LIST
		      : spec->replicas	    ? NAMING_REPLICAS
					    : NAMING_ONE;
	size_t used = 0;
	for (size_t i = 0; i < spec->instances.count; i++) {
		const char *name = spec->instances.items[i];
		copy_text(out->instances + used, sizeof out->instances - used,
			name);
		used += strlen(name) + 1;
	}
}

static void
fill_restart(const struct spec_restart *r, struct policy_restart *out)
{
	out->policy = (enum restart_policy)r->policy;
	out->function = (enum restart_function)r->function;
	out->mode = (enum restart_mode)r->mode;
	out->delay_ms = r->delay_ms;
	out->max_delay_ms = r->max_delay_ms;
	out->jitter_percent = (uint32_t)r->jitter;
	out->reset_after_ms = r->reset_after_ms;
	out->attempts = (uint32_t)r->attempts;
	out->interval_ms = r->interval_ms;
}

static void
fill_handoff(const struct spec_handoff *h, struct policy_handoff *out)
{
	if (!h->is_present)
		return;
	out->is_present = true;
	out->mode = (enum handoff_mode)h->mode;
	out->signal = h->signal;
	out->timeout_ms = h->timeout_ms;
	out->max_size = h->max_size;
	out->is_required = h->is_required;
	out->has_command = h->command.count > 0;
	out->has_state_path = h->state_path[0] != '\0';
	out->starts_first = h->order == HANDOFF_START_FIRST;
}

static void
fill_checkpoint(const struct spec *spec, struct policy_checkpoint *out)
{
	const struct spec_checkpoint *k = &spec->checkpoint;
	if (!k->is_present)
		return;
	out->is_present = true;
	out->has_command = k->command.count > 0;
	out->takeover = (enum checkpoint_takeover)k->takeover;
	out->signal = k->signal;
	out->replicas = (uint32_t)k->replicas;
	out->every_ms = k->every_ms;
	out->timeout_ms = spec->handoff.timeout_ms;
	out->max_size = spec->handoff.max_size;
}

static void
fill_placement(const struct spec_placement *p, struct policy_placement *out)
{
	copy_text(out->strategy, sizeof out->strategy, p->strategy);
	copy_text(out->pin, sizeof out->pin, p->pin);
	out->is_sticky = p->is_sticky;
	out->max_per_host = (uint32_t)p->max_per_host;
}

static void
fill_depends(const struct spec_depends *d, struct spec_policy *out)
{
	CHECK(d->count <= POLICY_DEPENDS_MAX);
	for (size_t i = 0; i < d->count; i++) {
		struct policy_depend *to = &out->depends[out->depend_count++];
		copy_text(to->service, sizeof to->service, d->items[i].service);
		to->condition = (enum depend_condition)d->items[i].condition;
	}
}

static void
fill_groups(const struct spec_texts *groups, struct spec_policy *out)
{
	size_t used = 0;
	for (size_t i = 0; i < groups->count; i++) {
		copy_text(out->groups + used, sizeof out->groups - used,
			groups->items[i]);
		used += strlen(groups->items[i]) + 1;
	}
	out->group_count = (uint32_t)groups->count;
}

static void
fill_schedule(const struct spec_schedule *s, struct policy_schedule *out)
{
	out->interval_ms = s->interval_ms;
	out->has_cron = s->cron[0] != '\0';
}

static void
fill_hooks(const struct spec *spec, struct policy_hooks *out)
{
	out->has_post_start = spec->hooks.post_start.count > 0;
	out->has_pre_stop = spec->hooks.pre_stop.count > 0;
	out->has_stop_command = spec->stop_command.count > 0;
	out->has_post_stop = spec->hooks.post_stop.count > 0;
	out->has_resolve_conflict = spec->hooks.resolve_conflict.count > 0;
	out->timeout_ms = spec->hooks.timeout_ms;
}

void
spec_policy_from(const struct spec *spec, struct spec_policy *out)
{
	memset(out, 0, sizeof *out);
	fill_naming(spec, out);
	out->is_enabled = spec->is_enabled;
	out->type = (enum policy_type)spec->type;
	fill_restart(&spec->restart, &out->restart);
	out->stop_signal = spec->stop_signal;
	out->stop_timeout_ms = spec->stop_timeout_ms;
	out->stops_group = spec->kill_mode == KILL_CONTROL_GROUP;
	out->start_timeout_ms = spec->start_timeout_ms;
	out->has_readiness = spec->readiness.is_present;
	out->reload_signal = spec->reload_signal;
	fill_depends(&spec->depends_on, out);
	fill_schedule(&spec->schedule, &out->schedule);
	fill_groups(&spec->groups, out);
	fill_hooks(spec, &out->hooks);
	fill_handoff(&spec->handoff, &out->handoff);
	fill_checkpoint(spec, &out->checkpoint);
	fill_placement(&spec->placement, &out->placement);
	out->partition.consistency =
		(enum policy_consistency)spec->partition.consistency;
	out->partition.on_loss = (enum policy_on_loss)spec->partition.on_loss;
	out->partition.stop_after_ms = spec->partition.stop_after_ms;
	memcpy(out->exit_codes, spec->success_exit_codes.items,
		spec->success_exit_codes.count);
	out->exit_code_count = (uint32_t)spec->success_exit_codes.count;
}
