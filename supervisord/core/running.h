/* What runs here, said to all while this host's disk stands still.
 *
 * Rows wait for the disk; so does what a host answers to those who ask for
 * them. While the disk stands still, others lack its rows, and after the gate's
 * bound (duty.h) they would begin what runs here.  That a process runs is a
 * fact and waits for no STORE.  So a host whose STOREs have waited for a second
 * says every two seconds which of its instances have a process, and who hears
 * it begins none of these for as long as it may be said again.
 *
 * It is no row: it is not kept, decides no epoch and is not passed on.  An
 * older host skips it, and goes by the bound.
 */
#ifndef SKEP_CORE_RUNNING_H
#define SKEP_CORE_RUNNING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "core/core.h"
#include "core/member.h"

struct instance;

struct running {
	mono said_at;  /* last; so long ago that it does not matter: never */
	uint32_t skip; /* instances that the last message had room for */
};

void running_init(struct core *c);
void running_on_tick(struct core *c);
mono running_deadline(const struct core *c);
/* WIRE_RUNNING. */
void running_on_recv(struct core *c, member_id from, struct bytes body);

/* Whether a present host said lately that it runs there. */
bool running_is_said(const struct core *c, const struct instance *inst);

#endif
