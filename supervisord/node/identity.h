/* Who this host is: what is made once and what rises.
 *
 * 'node-id' in state_dir is written at the first start and stays.  'boot'
 * holds the kernel's boot id and a counter that rises when that changed, so
 * the others can tell a host that booted from a node that restarted.
 */
#ifndef SKEP_NODE_IDENTITY_H
#define SKEP_NODE_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "sys/err.h"

struct identity {
	uint64_t node_id; /* for ever; never 0 */
	uint64_t boot;	  /* 1 at the first boot with skep */
	uint64_t nonce;	  /* of this start; never 0 */
	uint64_t seed;	  /* for the core's generator */
};

/* Reads, or makes and keeps, the identity.  'boot_id' is the kernel's. */
int identity_load(const char *state_dir, const char *boot_id,
	struct identity *out, struct err *err);

/* Where others dial this host: 'advertise' if there is one, else the address
 * of 'listen', else the first address of an interface that is up and not
 * loopback, else loopback; with the port of 'listen'. */
int identity_address(const char *advertise, const char *listen,
	char out[static ADDRESS_MAX + 1], struct err *err);

#endif
