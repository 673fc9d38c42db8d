#include "tests/sim/swarm.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tests/sim/storm.h"

static const char *const minorities[] = {"takeover", "keep", "freeze", "stop"};

/* The word "starve": what every node gets of its CPU, and how many of a
 * thousand frames need a retransmission. */
#define STARVE_PERCENT	20
#define STARVE_PERMILLE 30

#define MINORITIES (sizeof minorities / sizeof *minorities)

const struct maker *
maker_at(uint32_t i)
{
	static const struct maker *const tables[] = {fault_host_makers,
		fault_net_makers, fault_stream_makers, fault_machine_makers,
		fault_process_makers, work_spec_makers, work_node_makers,
		work_service_makers, work_mail_makers, work_names_makers};
	for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
		for (const struct maker *m = tables[t]; m->name; m++)
			if (i-- == 0)
				return m;
	return NULL;
}

/* --- Drawing --- */

/* The mean of a maker, if it were on. */
static int64_t
draw_mean(uint64_t seed, const struct maker *m, bool *is_on)
{
	struct prng p;
	prng_init(&p, hash_mix(seed, hash_text(m->name, 1)));
	*is_on = any(&p, 2);
	return any_scale(&p, m->mean_min_ms, m->mean_max_ms);
}

static int64_t
mean_of(uint64_t seed, const struct maker *m)
{
	bool is_on;
	return draw_mean(seed, m, &is_on);
}

void
swarm_draw(struct storm_config *c, uint64_t seed, uint32_t nodes)
{
	struct prng p;
	prng_init(&p, hash_mix(seed, hash_text("swarm", 1)));
	memset(c, 0, sizeof *c);
	c->seed = seed;
	c->version = SWARM_VERSION;
	c->nodes = 1 + any(&p, 9);
	if (nodes)
		c->nodes = nodes;
	c->storm_ms = any_scale(&p, 30000, 300000);
	c->services = (uint32_t)any_scale(&p, 3, 16);
	/* Availability first is the default, and half of all storms. */
	c->minority = any(&p, 2) ? 0 : any(&p, MINORITIES);
	c->latency_min_ms = any(&p, 3) ? 0 : any(&p, 30);
	c->latency_max_ms = c->latency_min_ms + any_scale(&p, 1, 100);
	c->core = any(&p, 2) ? 0 : 1 + any(&p, c->nodes);
	for (uint32_t i = 0; maker_at(i); i++) {
		bool is_on;
		int64_t mean_ms = draw_mean(seed, maker_at(i), &is_on);
		is_on = is_on && !maker_at(i)->is_asked;
		c->mean_ms[i] = is_on ? mean_ms : 0;
	}
}

/* --- Words --- */

/* "90s", "250ms", "2m", "1h" or a bare number; -1 for anything else. */
static int64_t
parse_ms(const char *text)
{
	char *end;
	int64_t n = strtoll(text, &end, 10);
	if (end == text || n < 0)
		return -1;
	if (!strcmp(end, "ms"))
		return n;
	if (!strcmp(end, "s"))
		return n * 1000;
	if (!strcmp(end, "m"))
		return n * 60000;
	return strcmp(end, "h") ? -1 : n * 3600000;
}

static void
set_all(struct storm_config *c, bool is_work, bool is_on)
{
	const struct maker *m;
	for (uint32_t i = 0; (m = maker_at(i)); i++)
		if (m->is_work == is_work)
			c->mean_ms[i] =
				is_on && !m->is_asked ? mean_of(c->seed, m) : 0;
}

static bool
parse_delay(struct storm_config *c, const char *value)
{
	char *end;
	c->latency_min_ms = strtoll(value, &end, 10);
	if (*end != '-')
		return false;
	c->latency_max_ms = strtoll(end + 1, &end, 10);
	return !*end && c->latency_min_ms >= 0 &&
	       c->latency_max_ms >= c->latency_min_ms;
}

static bool
parse_minority(struct storm_config *c, const char *value)
{
	for (uint32_t i = 0; i < MINORITIES; i++)
		if (!strcmp(minorities[i], value)) {
			c->minority = i;
			return true;
		}
	return false;
}

static bool
parse_count(const char *value, uint32_t low, uint32_t high, uint32_t *out)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);
	if (end == value || *end || n < low || n > high)
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool
parse_option(struct storm_config *c, const char *key, const char *value)
{
	if (!strcmp(key, "storm"))
		return (c->storm_ms = parse_ms(value)) > 0;
	if (!strcmp(key, "v"))
		return parse_count(value, 1, SWARM_VERSION, &c->version);
	if (!strcmp(key, "services"))
		return parse_count(value, 1, 32, &c->services);
	if (!strcmp(key, "first"))
		return parse_count(value, 0, 100, &c->first_percent);
	if (!strcmp(key, "programs"))
		return parse_count(value, 0, 100, &c->programs_percent);
	if (!strcmp(key, "checkpoints"))
		return parse_count(value, 0, 100, &c->checkpoints_percent);
	if (!strcmp(key, "joins"))
		return parse_count(value, 0, 100, &c->joins_percent);
	if (!strcmp(key, "rebalance"))
		return parse_count(value, 0, 3600, &c->rebalance_s);
	if (!strcmp(key, "core"))
		return parse_count(value, 0, STORM_NODES_MAX, &c->core);
	if (!strcmp(key, "minority"))
		return parse_minority(c, value);
	if (!strcmp(key, "starve"))
		return parse_count(value, 0, 100, &c->starve_percent);
	if (!strcmp(key, "loss-like"))
		return parse_count(value, 0, 1000, &c->stall_permille);
	if (!strcmp(key, "delay"))
		return parse_delay(c, value);
	const struct maker *m;
	for (uint32_t i = 0; (m = maker_at(i)); i++)
		if (!strcmp(key, m->name))
			return (c->mean_ms[i] = parse_ms(value)) > 0;
	return false;
}

static bool
parse_word(struct storm_config *c, char *word)
{
	char *value = strchr(word, '=');
	const struct maker *m;
	if (value) {
		*value = '\0';
		bool is_good = parse_option(c, word, value + 1);
		*value = '=';
		return is_good;
	}
	if (!strcmp(word, "all") || !strcmp(word, "none"))
		return set_all(c, false, *word == 'a'), true;
	if (!strcmp(word, "work") || !strcmp(word, "idle"))
		return set_all(c, true, *word == 'w'), true;
	if (!strcmp(word, "starve")) {
		set_all(c, false, false);
		set_all(c, true, false);
		c->starve_percent = STARVE_PERCENT;
		c->stall_permille = STARVE_PERMILLE;
		return true;
	}
	for (uint32_t i = 0; (m = maker_at(i)); i++)
		if (!strcmp(word, m->name)) {
			c->mean_ms[i] = mean_of(c->seed, m);
			return true;
		}
	return false;
}

const char *
swarm_parse(struct storm_config *c, char *words)
{
	char *rest = words;
	for (char *word; (word = strtok_r(NULL, " ,\t\n", &rest));)
		if (!parse_word(c, word))
			return word;
	return NULL;
}

void
swarm_print(const struct storm_config *c, char out[SWARM_LINE_MAX])
{
	const struct maker *m;
	int n = snprintf(out, SWARM_LINE_MAX,
		"%llu %u v=%u none idle storm=%lldms services=%u core=%u "
		"minority=%s delay=%lld-%lld starve=%u loss-like=%u",
		(unsigned long long)c->seed, c->nodes, c->version,
		(long long)c->storm_ms, c->services, c->core,
		minorities[c->minority], (long long)c->latency_min_ms,
		(long long)c->latency_max_ms, c->starve_percent,
		c->stall_permille);
	if (c->programs_percent)
		n += snprintf(out + n, (size_t)(SWARM_LINE_MAX - n),
			" programs=%u", c->programs_percent);
	if (c->checkpoints_percent)
		n += snprintf(out + n, (size_t)(SWARM_LINE_MAX - n),
			" checkpoints=%u", c->checkpoints_percent);
	if (c->joins_percent)
		n += snprintf(out + n, (size_t)(SWARM_LINE_MAX - n),
			" joins=%u", c->joins_percent);
	if (c->rebalance_s)
		n += snprintf(out + n, (size_t)(SWARM_LINE_MAX - n),
			" rebalance=%u", c->rebalance_s);
	if (c->first_percent)
		n += snprintf(out + n, (size_t)(SWARM_LINE_MAX - n),
			" first=%u", c->first_percent);
	for (uint32_t i = 0; (m = maker_at(i)); i++) {
		CHECK(n > 0 && n < SWARM_LINE_MAX);
		if (c->mean_ms[i])
			n += snprintf(out + n, (size_t)(SWARM_LINE_MAX - n),
				" %s=%lldms", m->name,
				(long long)c->mean_ms[i]);
	}
	CHECK(n < SWARM_LINE_MAX);
}
