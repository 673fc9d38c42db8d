/* Operators' words: SPEC_SET, SPEC_DEL and the REQUESTs about services and
 * hosts.  Most of them become desired state (an override of a service, an
 * intent for a host), so that they are durable, replicated and obeyed by
 * whoever holds the thing; only a signal travels to its host as a message.
 * Every request ends in exactly one REPLY, at the latest after
 * FORWARD_TIMEOUT_MS.
 */
#ifndef SKEP_CORE_OPERATE_H
#define SKEP_CORE_OPERATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/mono.h"
#include "core/core.h"
#include "core/member.h"

#define FORWARDS_MAX	   64
#define FORWARD_TIMEOUT_MS 5000

/* A request that waits for another host's answer. */
struct forward {
	uint64_t request; /* the shell's number; 0: unused */
	uint64_t number;  /* ours on the wire */
	member_id to;
	mono deadline;
};

struct operate {
	uint32_t forward_count; /* of these, in use: each step looks here */
	struct forward forwards[FORWARDS_MAX];
	uint64_t next_number;
};

struct core;

void operate_init(struct core *c);
void operate_on_spec_set(struct core *c, const struct input_spec_set *in);
void operate_on_spec_del(struct core *c, const struct input_spec_del *in);
/* Removes a service, and what operators said of it; '*after' is the STORE with
 * which it is gone. */
enum reply_code operate_delete_service(
	struct core *c, const char *name, uint64_t *after);
void operate_on_request(struct core *c, const struct input_request *r);
/* Sends a request on to the host that holds the thing; its answer is ours. */
void operate_forward(
	struct core *c, const struct input_request *r, member_id to);
/* Forward and ForwardReply from a member. */
void operate_on_recv(
	struct core *c, member_id from, uint16_t type, struct bytes body);
void operate_on_tick(struct core *c);
mono operate_deadline(const struct core *c);

#endif
