#include "node/message.h"

#include <pb_encode.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

void
message_send(struct conn *c, uint16_t type, const pb_msgdesc_t *fields,
	const void *msg, uint32_t tag, struct bytes data)
{
	uint8_t head[MESSAGE_HEAD_MAX];
	pb_ostream_t out = pb_ostream_from_buffer(head, sizeof head);
	bool is_ok = pb_encode(&out, fields, msg);
	if (is_ok && data.size > 0)
		is_ok = pb_encode_tag(&out, PB_WT_STRING, tag) &&
			pb_encode_varint(&out, data.size);
	CHECK(is_ok);
	conn_send(c, type, (struct bytes){head, out.bytes_written}, data);
}

void
message_send_hello(struct conn *c, const char *cluster, const char *node,
	enum wire_purpose purpose)
{
	skep_Hello hello = skep_Hello_init_zero;
	hello.version = WIRE_VERSION;
	hello.version_min = WIRE_VERSION_MIN;
	hello.is_bulk = true;
	hello.purpose = purpose;
	snprintf(hello.cluster, sizeof hello.cluster, "%s", cluster);
	snprintf(hello.node, sizeof hello.node, "%s", node);
	message_send(
		c, WIRE_HELLO, skep_Hello_fields, &hello, 0, (struct bytes){0});
}

const char *
message_refusal(const skep_Hello *hello, const char *cluster)
{
	if (strcmp(hello->cluster, cluster) != 0)
		return "this host belongs to another cluster";
	if (hello->version < WIRE_VERSION_MIN ||
		hello->version_min > WIRE_VERSION)
		return "no common version of the protocol";
	return NULL;
}

void
message_send_refuse(struct conn *c, const char *reason)
{
	skep_Refuse refuse = skep_Refuse_init_zero;
	snprintf(refuse.reason, sizeof refuse.reason, "%s", reason);
	message_send(c, WIRE_REFUSE, skep_Refuse_fields, &refuse, 0,
		(struct bytes){0});
}
