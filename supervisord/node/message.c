#include "node/message.h"

#include <pb_encode.h>
#include <stdio.h>

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
message_send_refuse(struct conn *c, const char *reason)
{
	skep_Refuse refuse = skep_Refuse_init_zero;
	snprintf(refuse.reason, sizeof refuse.reason, "%s", reason);
	message_send(c, WIRE_REFUSE, skep_Refuse_fields, &refuse, 0,
		(struct bytes){0});
}
