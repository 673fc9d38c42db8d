/* Services that are given at run time: 'register NAME -- COMMAND'.
 *
 * Such a service is an entry of the desired state like any other, marked as
 * given at run time, under a run-time name (base/name.h); its one instance has
 * the same name.  Who may have the name is decided as for every name that is
 * taken at run time (claim.h): of any number of hosts that register it at a
 * time one writes the entry, and the others are told who has it.  So 'find or
 * start' is one word with one winner.
 *
 * From then on nothing is special about it: it belongs to the host that ranks
 * first, is started there, moved, drained and restarted like a declared one.
 * It is not part of a file: 'apply --prune' leaves it alone, a declaration of
 * its name is refused, and 'unregister' takes it away.
 *
 * A name that reads as SERVICE@INSTANCE would be one of another service's
 * instances, and is refused; so are, for a service with a state, names that no
 * file of that name could have.
 *
 * Memory: what waits for its claim is kept in the pool of the desired state.
 */
#ifndef SKEP_CORE_RUNTIME_H
#define SKEP_CORE_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slots.h"
#include "core/core.h"

/* Registrations that wait for their claims, at once. */
#define RUNTIME_PENDING_MAX 1024

/* Characters in the name of a service whose state is kept in files. */
#define RUNTIME_STATE_NAME_MAX 127

/* One of them. */
struct pending {
	void *value; /* of the entry; a block of the pool */
	size_t size;
	struct actor actor; /* of this host: 'host' is NULL */
};

struct runtime {
	struct slots pending; /* of struct pending */
	uint32_t count;	      /* of these, in use */
};

struct core;

void runtime_init(struct core *c);
size_t runtime_need(const struct core_limits *limits);

/* SPEC_SET of a service given at run time.  Answered when it is in the desired
 * state, and durable: REPLY_EXISTS, with where it is, if the name is taken. */
void runtime_on_set(struct core *c, const struct input_spec_set *in);

/* REQUEST_UNREGISTER: replies, if 'name' is that of a service or an instance,
 * of whichever kind; false if there is none. */
bool runtime_on_unregister(struct core *c, const struct input_request *r);

/* Whether the desired state has a service of that name which was given at run
 * time. */
bool runtime_has(struct core *c, const char *name);

#endif
