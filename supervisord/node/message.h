/* Messages of wire.proto onto a connection, past the core: states in motion
 * (bulk.h) and queries (query.h). */
#ifndef SKEP_NODE_MESSAGE_H
#define SKEP_NODE_MESSAGE_H

#include <stdint.h>

#include "base/cursor.h"
#include "core/wire.h"
#include "node/conn.h"

/* Sends a message whose fields need MESSAGE_HEAD_MAX bytes at most; 'data'
 * goes behind them as the bytes of field 'tag' (empty: without). */
#define MESSAGE_HEAD_MAX 768
void message_send(struct conn *c, uint16_t type, const pb_msgdesc_t *fields,
	const void *msg, uint32_t tag, struct bytes data);

/* Sends our Hello: who we are, and what the connection is for. */
void message_send_hello(struct conn *c, const char *cluster, const char *node,
	enum wire_purpose purpose);
/* Why nobody of 'cluster' serves the one that said 'hello', or NULL. */
const char *message_refusal(const skep_Hello *hello, const char *cluster);
/* Sends a Refuse with this reason; the caller closes. */
void message_send_refuse(struct conn *c, const char *reason);

#endif
