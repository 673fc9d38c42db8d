/* The cluster settings, decoded: replicated entries of kind ENTRY_SETTING
 * over built-in defaults.  Everything that placement or detection depends on
 * is in here and not in skep.conf, so that all hosts decide alike; the digest
 * rides in the heartbeat.
 */
#ifndef SKEP_CORE_SETTINGS_H
#define SKEP_CORE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hours.h"
#include "core/core.h"
#include "core/specs.h"

enum on_minority {
	MINORITY_TAKEOVER, /* availability first */
	MINORITY_KEEP,	   /* its own services only */
	MINORITY_FREEZE,   /* changes nothing */
	MINORITY_STOP,	   /* stops its services */
};

/* Whether what runs moves to a host that ranks higher (rebalance.h). */
enum rebalance_mode {
	REBALANCE_OFF,
	REBALANCE_AUTO,	  /* by itself */
	REBALANCE_MANUAL, /* when an operator asks */
};

#define PATTERNS_SIZE 1024

/* The key of the number of the last pass of rebalancing. */
#define SETTING_REBALANCE_PASS "rebalance_pass"

struct settings {
	uint32_t expect;	/* hosts of a whole cluster; 0: unknown */
	int64_t settle_timeout_ms;
	int64_t failure_timeout_ms;
	int64_t restart_grace_ms;
	int64_t minority_hold_ms;
	enum on_minority on_minority;
	enum rebalance_mode rebalance;
	uint32_t rebalance_max;	   /* moves under way in the cluster */
	int64_t rebalance_hold_ms; /* topology stable for so long first */
	struct hours rebalance_window; /* in which moves begin by themselves */
	uint64_t rebalance_pass;   /* number of the last pass asked for */
	char allow[PATTERNS_SIZE]; /* host patterns, comma separated */
	char deny[PATTERNS_SIZE];
	uint64_t digest;	   /* of all of the above; what later versions
				      added counts only where it was set */
};

struct core;

/* Sets the built-in defaults. */
void settings_init(struct core *c);
/* Rereads all entries; called when one changed. */
void settings_refresh(struct core *c);
/* Writes the seeds of core_config as entries with the smallest stamp there
 * is, so that whatever anybody ever set wins against them; at every BOOT. */
void settings_seed(struct core *c);
/* 'cluster set KEY VALUE': validates, writes, replies. */
void settings_on_request(struct core *c, const struct input_request *r);

/* Checks a value without writing; NULL, or the sentence that says what is
 * wrong (static text). Shared with skep.conf's [defaults] and the API. */
const char *settings_check(const char *key, const char *value);
/* Enumerates the keys for people: NULL after the last. */
const char *settings_key(unsigned index);
/* The value in force as text; 'buffer' holds it. */
const char *settings_text(const struct core *c, const char *key, char *buffer,
	size_t size);

#endif
