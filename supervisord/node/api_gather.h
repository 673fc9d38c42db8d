/* One question to several hosts, each of which answers with an array of JSON:
 * the arrays become one list.
 *
 * Who does not answer within GATHER_WAIT_S, refuses, or says what makes no
 * sense, is listed with the reason instead; what it would have said is
 * missing, and that is told.  The gathering belongs to a call.
 */
#ifndef SKEP_NODE_API_GATHER_H
#define SKEP_NODE_API_GATHER_H

#include <jansson.h>

#include "node/api_private.h"

#define GATHER_WAIT_S 3.0
#define GATHER_MAX    (4u << 20) /* bytes of one host's answer */

/* All have answered, or their time is up: 'list' holds their objects, in the
 * order in which the hosts were named, 'missing' {host, error} of each host
 * whose are not among them.  Both are taken; the call is to be answered. */
typedef void gather_fn(struct call *c, json_t *list, json_t *missing);

/* Asks the hosts named in 'hosts' (an array of texts, taken), perhaps none.
 * 'done' is called once, perhaps before this returns, and not when the asker
 * has gone.  Uses the call's 'data'. */
void call_gather(struct call *c, const struct query *query, json_t *hosts,
	gather_fn *done);

#endif
