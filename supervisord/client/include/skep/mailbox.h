/* The mailbox of a service: packets on the socket at $SKEP_MAILBOX.
 *
 * A service connects to the SOCK_SEQPACKET socket whose path it has in
 * SKEP_MAILBOX.  The kernel says who connects: a process of a service speaks
 * for its instance, and for no other.  It may have several connections, up to
 * SKEP_MAIL_CONNECTIONS_MAX, and all services of a host together
 * SKEP_MAIL_CONNECTIONS_ALL_MAX; skepd gives each message to one of those that
 * have room.  When skep-node starts again the connection ends: connect again,
 * and say RECV again.
 *
 * A DONE with tag 0 is about the connection, which ends: with the code
 * SKEP_MAIL_NOT_ALLOWED for good, this process belongs to no service; with
 * SKEP_MAIL_FULL there are too many now, and nothing was read from this one:
 * try again after a while (libskep does after 0.2 s, and twice as long each
 * time, 5 s at most).
 *
 * A packet is a header, then 'name_size' bytes of a name, then 'text_size'
 * bytes of a text, then the body, which is the rest; without NULs.  Numbers
 * are in the order of bytes of this host.  A body has SKEP_MAIL_BODY_MAX bytes
 * at most.
 *
 *   to skepd                          from skepd
 *   RECV  'number' more messages      MESSAGE  for each, as they come
 *         can be taken
 *   SEND, CALL      'name' = to whom  ANSWER   to a CALL that succeeds; to a
 *   PUBLISH,        'name' = group             MULTICALL for each member
 *   MULTICALL                         DONE     behind those, to each request
 *   REPLY 'number' of a MESSAGE                with a 'tag'
 *
 * 'tag' is the asker's own and comes back; 0: no DONE is wanted.  In requests
 * the text is the name of who speaks: its own or empty; another is refused.
 * Unknown flags are refused.
 */
#ifndef SKEP_MAILBOX_H
#define SKEP_MAILBOX_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SKEP_MAIL_BODY_MAX   65536
#define SKEP_MAIL_PACKET_MAX (SKEP_MAIL_BODY_MAX + 1024)
#define SKEP_MAIL_ROOM_MAX   1024 /* RECVs that are open at a time */
/* Connections of one instance, and of all of a host. */
#define SKEP_MAIL_CONNECTIONS_MAX     256
#define SKEP_MAIL_CONNECTIONS_ALL_MAX 4096

/* What a packet is. */
enum skep_mail_op {
	SKEP_MAIL_RECV = 1,
	SKEP_MAIL_SEND,
	SKEP_MAIL_CALL,
	SKEP_MAIL_PUBLISH,
	SKEP_MAIL_MULTICALL,
	SKEP_MAIL_REPLY,
	SKEP_MAIL_MESSAGE = 64,
	SKEP_MAIL_ANSWER,
	SKEP_MAIL_DONE
};

/* How it ended: 'code' of ANSWER and DONE.  The text says more. */
enum skep_mail_code {
	SKEP_MAIL_OK,
	SKEP_MAIL_NOT_FOUND,	/* nothing has that name, or it has ended */
	SKEP_MAIL_INVALID,	/* the request makes no sense */
	SKEP_MAIL_NOT_ALLOWED,	/* it does not speak for that name */
	SKEP_MAIL_MAILBOX_FULL, /* it does not take what it has */
	SKEP_MAIL_FULL,		/* a table of this host is full */
	SKEP_MAIL_NO_NODE,	/* a host is not linked */
	SKEP_MAIL_TIMEOUT,	/* nobody took it, or answered, in time */
	SKEP_MAIL_UNKNOWN,	/* it may have arrived, or not */
	SKEP_MAIL_FAILED
};

/* Bits of 'flags'. */
#define SKEP_MAIL_ACK  1u /* SEND: sent again until it arrives; DONE says so */
#define SKEP_MAIL_ASKS 2u /* MESSAGE: an answer is waited for */

/* How a packet begins. */
struct skep_mail_header {
	uint16_t op;	     /* enum skep_mail_op */
	uint16_t flags;	     /* SKEP_MAIL_ACK, _ASKS */
	uint16_t code;	     /* enum skep_mail_code */
	uint16_t name_size;  /* bytes of the name behind the header */
	uint16_t text_size;  /* bytes of the text behind the name */
	uint16_t reserved;   /* 0 */
	uint32_t tag;	     /* the asker's own */
	uint32_t timeout_ms; /* of a request; 0: 30 s */
	uint32_t reserved2;  /* 0 */
	uint64_t number;     /* RECV: how many; MESSAGE, REPLY: which */
};

/* In a MESSAGE the name is that of its sender, empty for an operator; the text
 * is the group that it was published to, or empty. */

#ifdef __cplusplus
}
#endif

#endif
