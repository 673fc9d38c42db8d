/* Starts that rest for a moment.
 *
 * Every host decides by what it has heard (duty.h).  As long as a host starts
 * what was its own all the time nobody else does; but when a start becomes
 * this host's, the one whose it was may have begun it, with its row on the way.
 * That a host is dead takes longer to find out than any row takes; where such a
 * change is known at once the start rests, so that the row comes first:
 *
 *   a refusal of this host ran out
 *                         those of several run out within moments, and each
 *                         may be the first to see its own gone
 *   a refusal of this host is taken back, by an operator or another spec
 *                         the next one may be trying, if one has not refused
 *   others of its service left a place here, with 'max_per_host'
 *                         another one may have begun it while we were full
 *   a host that is here got another verdict or weight: a drain, an undrain
 *                         whose it was a moment ago may have begun it; not
 *                         where that very host gave it up since.  What this
 *                         host was told of it others may hear from it alone,
 *                         once its disk has it: until then the start rests
 *
 * A row that takes longer than the rest (a link that breaks, a disk that
 * stalls) still leaves two copies, of which one ends (duty_is_beaten).
 */
#ifndef SKEP_CORE_REST_H
#define SKEP_CORE_REST_H

#include <stdbool.h>

#include "base/mono.h"
#include "core/member.h"

struct core;
struct instance;
struct service_value;

#define START_REST_MS 1000

/* What host last got another verdict, and when. */
struct rest {
	mono changed_at;
	member_id changed; /* MEMBER_NONE: several, within a rest */
	uint64_t told;	   /* the STORE that others may have to wait for */
	bool is_awaited;   /* a start rests until then */
};

void rest_init(struct core *c);

/* A present host may be given more, less or nothing from now on. */
void rest_on_host(struct core *c, member_id id);
/* The disk has more than before. */
void rest_on_stored(struct core *c);
/* Another host holds an instance that is held nowhere here. */
void rest_on_held(struct instance *inst, member_id holder);
/* No host holds it any more. */
void rest_on_freed(struct core *c, struct instance *inst);
/* An instance left its place on this host. */
void rest_on_left(struct core *c, const char *instance);
/* This one rests from now on. */
void rest_begin(struct core *c, struct instance *inst);

/* Whether a host that could run what this one has refused has not refused it
 * too: it may be trying. */
bool rest_is_tried(struct core *c, const struct instance *inst,
	const struct service_value *service);

/* Until when the start of one that is held nowhere rests: in the past for most,
 * MONO_NEVER while it waits for the disk, after which duty looks again. */
mono rest_until(struct core *c, const struct instance *inst,
	const struct service_value *service);

#endif
