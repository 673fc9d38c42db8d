#include "spec/expand.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/name.h"
#include "base/name_part.h"

const char *
expand_find_unknown(const char *text)
{
	for (const char *s = strchr(text, '%'); s; s = strchr(s + 2, '%'))
		if (s[1] == '\0' || !strchr("ipnH%", s[1]))
			return s;
	return NULL;
}

static const char *
find_value(const struct spec_names *names, char specifier)
{
	switch (specifier) {
	case 'i':
		return names->instance;
	case 'p':
		return names->service;
	case 'n':
		return names->full;
	case 'H':
		return names->host;
	case '%':
		return "%";
	default:
		UNREACHABLE();
	}
}

/* Writes the expansion of 'text' to 'out' unless that is NULL; returns its
 * length. */
static size_t
expand_into(const char *text, const struct spec_names *names, char *out)
{
	size_t length = 0;
	while (*text) {
		const char *value = text;
		size_t size = 1;
		if (*text == '%') {
			value = find_value(names, text[1]);
			size = strlen(value);
			text++;
		}
		if (out)
			memcpy(out + length, value, size);
		length += size;
		text++;
	}
	return length;
}

static char *
expand(const char *text, const struct spec_names *names, struct pool *pool)
{
	char *out = pool_take(pool, expand_into(text, names, NULL) + 1);
	expand_into(text, names, out);
	return out;
}

static struct spec_texts
expand_texts(const struct spec_texts *texts, const struct spec_names *names,
	struct pool *pool)
{
	char **items = pool_take(pool, (texts->count + 1) * sizeof *items);
	for (size_t i = 0; i < texts->count; i++)
		items[i] = expand(texts->items[i], names, pool);
	return (struct spec_texts){items, texts->count};
}

static struct spec_pairs
expand_pairs(const struct spec_pairs *pairs, const struct spec_names *names,
	struct pool *pool)
{
	struct spec_pair *items =
		pool_take(pool, (pairs->count + 1) * sizeof *items);
	for (size_t i = 0; i < pairs->count; i++) {
		items[i].key = pool_text(pool, pairs->items[i].key);
		items[i].value = expand(pairs->items[i].value, names, pool);
	}
	return (struct spec_pairs){items, pairs->count};
}

static struct spec_probe
expand_probe(const struct spec_probe *probe, const struct spec_names *names,
	struct pool *pool)
{
	struct spec_probe out = *probe;
	out.exec = expand_texts(&probe->exec, names, pool);
	out.http_path = expand(probe->http_path, names, pool);
	out.http_host = pool_text(pool, probe->http_host);
	out.tcp_host = pool_text(pool, probe->tcp_host);
	return out;
}

void
spec_expand(const struct spec *spec, const struct spec_names *names,
	struct spec_launch *out)
{
	*out = (struct spec_launch){0};
	struct pool *pool = &out->pool;
	out->description = expand(spec->description, names, pool);
	out->command = expand_texts(&spec->command, names, pool);
	out->environment = expand_pairs(&spec->environment, names, pool);
	out->working_dir = expand(spec->working_dir, names, pool);
	out->env_file = expand(spec->env_file, names, pool);
	out->stop_command = expand_texts(&spec->stop_command, names, pool);
	out->hooks.pre_start =
		expand_texts(&spec->hooks.pre_start, names, pool);
	out->hooks.post_start =
		expand_texts(&spec->hooks.post_start, names, pool);
	out->hooks.pre_stop = expand_texts(&spec->hooks.pre_stop, names, pool);
	out->hooks.post_stop =
		expand_texts(&spec->hooks.post_stop, names, pool);
	out->hooks.resolve_conflict =
		expand_texts(&spec->hooks.resolve_conflict, names, pool);
	out->hooks.timeout_ms = spec->hooks.timeout_ms;
	out->handoff_command =
		expand_texts(&spec->handoff.command, names, pool);
	out->handoff_restore =
		expand_texts(&spec->handoff.restore, names, pool);
	out->checkpoint_command =
		expand_texts(&spec->checkpoint.command, names, pool);
	out->state_path = expand(spec->handoff.state_path, names, pool);
	out->readiness = expand_probe(&spec->readiness.probe, names, pool);
	out->liveness = expand_probe(&spec->liveness.probe, names, pool);
}

void
spec_launch_fini(struct spec_launch *launch)
{
	pool_fini(&launch->pool);
	*launch = (struct spec_launch){0};
}

size_t
spec_instance_count(const struct spec *spec)
{
	if (spec->instances.count)
		return spec->instances.count;
	return spec->replicas ? (size_t)spec->replicas : 1;
}

const char *
spec_instance_name(
	const struct spec *spec, size_t i, char out[INSTANCE_NAME_MAX + 1])
{
	size_t size = INSTANCE_NAME_MAX + 1;
	CHECK(i < spec_instance_count(spec));
	if (spec->instances.count)
		snprintf(out, size, "%s@%s", spec->name,
			spec->instances.items[i]);
	else if (spec->replicas)
		snprintf(out, size, "%s@%zu", spec->name, i + 1);
	else
		snprintf(out, size, "%s", spec->name);
	return out;
}

int
spec_split_name(const char *full, char service[INSTANCE_NAME_MAX + 1],
	const char **instance)
{
	if (!name_is_runtime((struct bytes){full, strlen(full)}))
		return -EINVAL;
	size_t length = name_service_length(full);
	memcpy(service, full, length);
	service[length] = '\0';
	*instance = full[length] ? full + length + 1 : full;
	return 0;
}
