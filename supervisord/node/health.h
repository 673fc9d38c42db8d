/* Whether instances are well: asks them, as their specs say.
 *
 * One watch per running start whose spec has a readiness by probe, or a
 * liveness.  A watch asks for readiness from STARTED on, for liveness from the
 * moment the core calls it ready until it is stopped.  Thresholds are counted
 * here; the core hears of the outcome only: NEWS_READY, and NEWS_SICK with
 * the sentence what was wrong.
 *
 * Exec probes are run by the keeper, as the service's user and in its cgroup;
 * HTTP and TCP ones by skep-prober.  One probe of a watch is under way at a
 * time; the next comes 'period' after the beginning of the last one, or when
 * that is over.
 */
#ifndef SKEP_NODE_HEALTH_H
#define SKEP_NODE_HEALTH_H

#include <ev.h>
#include <stdint.h>

#include "core/effect.h"
#include "core/input.h"
#include "node/keeper_link.h"

struct health;

/* What the watches say; an input for the core. */
typedef void health_fn(void *context, struct input *in);

/* 'host' is this host's name, for specifiers; borrowed, as 'keeper'. */
struct health *health_new(struct ev_loop *loop, struct keeper *keeper,
	const char *host, health_fn *say, void *context);
void health_free(struct health *h);

/* A start of 'name' is on its way, with this canonical body: what was watched
 * of it before is forgotten. */
void health_on_start(
	struct health *h, const char *name, uint64_t epoch, struct bytes body);
/* The same for one that runs already, in which case nothing else is heard of
 * its beginning. */
void health_on_found(
	struct health *h, const struct input_found *found, struct bytes body);
/* Reports of the keeper and words of the core, as they pass by. */
void health_on_input(struct health *h, const struct input *in);
void health_on_note(struct health *h, const struct effect_note *note);
/* The end of an exec probe. */
void health_on_ran(
	struct health *h, const char *name, const struct kproto_ran *ran);

#endif
