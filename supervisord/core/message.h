/* Messages to names and groups: from any host, one hop, every wait bounded.
 *
 * Here, at the sender's host, a message stands in the stream of the name that
 * it is for until its end is known.  A stream sends in order, to one host at a
 * time: the one whose row holds the name.  While that moves, starts, or is not
 * linked, its messages wait.  There, at the host where the name runs, it
 * stands in the name's inbox until its process takes it (ROOM says how many it
 * takes now), and the receipt tells its end:
 *
 *   WAITING --> SENT --> receipt "taken":   done, or TAKEN, if an answer is
 *      ^          |                         wanted
 *      |          |----> receipt "refused": mailbox full, or never read
 *      '----------'----> receipt "elsewhere": back into its place
 *
 * Letters from one host to another carry numbers that rise.  Whoever has seen a
 * number takes none that is not above it, and keeps the last RECEIPTS_MAX
 * receipts: a letter that is sent again on a new link of the same two lives is
 * taken once and answered with the receipt that it had.  So is sent again what
 * waits for a receipt ('is_acked', calls).  Between other lives nobody knows:
 * its sender hears REPLY_UNKNOWN, as it does when the host is lost.  Without
 * 'is_acked' a message goes once, and its sender hears when it went.
 *
 * Messages of one sender to one name arrive in the order in which they were
 * sent, some possibly missing.  (What was given up, because its host was lost
 * or cut off, may still be taken there, by the copy that runs there.)  One that
 * comes back from a host after a later one was taken there is not sent again:
 * its sender hears that it failed.
 *
 * To a group: 'publish' sends one letter to each host that has members, which
 * gives it to those that run there and have room.  'multicall' is a call to
 * each member, and tells of each what it said or why it did not.
 *
 * Bounds: of messages and bytes in all, in a stream, and in an inbox.  A full
 * inbox harms its own name alone.  Messages live in memory: those that a node
 * which ends has not delivered are lost, and other hosts hear so.
 */
#ifndef SKEP_CORE_MESSAGE_H
#define SKEP_CORE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mono.h"
#include "base/slots.h"
#include "core/core.h"
#include "core/effect.h"
#include "core/member.h"

#define STREAM_MAX	    256	    /* messages to one name, of one host */
#define STREAM_BYTES_MAX    1048576 /* ... and their bytes */
#define INBOX_MAX	    1024    /* messages of all hosts to one name */
#define INBOX_BYTES_MAX	    4194304
#define RECEIPTS_MAX	    1024 /* kept for each host */

struct input_mail;
struct instance;

/* The bytes of a message, which several may share. */
struct mail_body {
	uint32_t uses;
	uint32_t size;
	unsigned char data[];
};

/* A request that waits for all of its messages. */
struct mail_request {
	struct list messages; /* struct outgoing, by in_request */
	uint64_t id;	      /* the shell's */
	uint32_t answered;
	uint32_t failed;
	bool is_open; /* more messages may come */
	bool is_many; /* of a group: each is told by an ANSWER */
};

enum message_state { MESSAGE_WAITING, MESSAGE_SENT, MESSAGE_TAKEN };

/* One message of a sender here. */
struct outgoing {
	struct list in_stream;	/* stream.messages; TAKEN: none */
	struct list in_all;	/* messages.all */
	struct list in_request; /* mail_request.messages, or none */
	struct list in_sent;	/* SENT: mail_peer.sent, by 'seq' */
	struct map_link by_id;
	struct stream *stream;
	struct mail_request *request; /* NULL: nobody waits any more */
	struct mail_body *body;
	const char *name; /* it is for, in 'names', used */
	const char *from; /* the same; "" stands for itself */
	uint64_t id;
	enum message_state state;
	bool is_call;
	bool is_acked;
	bool is_back;		 /* WAITING: a host gave it back */
	member_id to;		 /* SENT, TAKEN */
	uint64_t to_incarnation; /* of the log of that host */
	uint64_t seq;
	mono deadline;
};

/* The messages of this host to one name. */
struct stream {
	struct map_link by_name;
	struct list in_all;   /* messages.streams */
	struct list messages; /* in the order of their sending */
	const char *name;     /* in 'names', used */
	uint32_t count;
	uint32_t bytes;
	uint32_t waiting; /* of 'count' */
	uint32_t back;	  /* of these */
	member_id at;	  /* where those are that are SENT */
	uint64_t unsure;  /* the last that ended SENT: it may be taken yet */
};

/* A letter for a name here. */
struct item {
	struct list in_inbox;
	struct inbox *inbox;
	struct mail_body *body;
	const char *from; /* as in message */
	const char *group;
	member_id origin;
	uint64_t incarnation; /* of the letter */
	uint64_t seq;	      /* 0: no receipt */
	uint64_t id;
	bool is_call;	 /* an answer is wanted */
	uint64_t number; /* given out with DELIVER; 0: not yet */
	uint64_t epoch;  /* ... to that run */
	mono deadline;
};

/* What waits for one name here. */
struct inbox {
	struct map_link by_name;
	struct list in_all; /* messages.inboxes */
	struct list items;  /* in their coming; given ones first */
	const char *name;   /* in 'names', used */
	uint64_t epoch;	    /* of the run that it is for */
	uint32_t count;
	uint32_t bytes;
	uint32_t given; /* of 'count', DELIVERED not yet */
	uint32_t room;	/* DELIVERs that are allowed */
};

/* A call that a process here has taken and not yet answered. */
struct inbound {
	struct list in_all;
	struct map_link by_number;
	const char *name; /* in 'names', used */
	uint64_t epoch;
	uint64_t number;
	member_id origin;
	uint64_t incarnation;
	uint64_t id;
	mono deadline;
	struct mail_body *body; /* what it said, while no link stands */
	enum reply_code code;
};

/* A receipt that was given. */
struct receipt {
	uint64_t seq;
	uint8_t code;
	bool is_elsewhere;
};

/* What passes between this host and another one. */
struct mail_peer {
	struct list sent;	  /* struct outgoing, by 'seq' */
	uint64_t next_seq;	  /* the last that was used */
	uint64_t incarnation;	  /* whose letters these are: */
	uint64_t seen;		  /* the highest number */
	struct receipt *receipts; /* RECEIPTS_MAX, by number */
};

struct messages {
	struct slots slots;    /* struct outgoing */
	struct slots requests; /* struct mail_request */
	struct slots streams;
	struct slots items;
	struct slots inboxes;
	struct slots inbounds;
	struct map by_id;   /* messages */
	struct map by_name; /* streams */
	struct map inbox_by_name;
	struct map by_number; /* inbounds */
	struct list all;
	struct list all_streams;
	struct list all_inboxes;
	struct list all_inbounds;
	struct buddy *bodies;
	struct mail_peer *peers; /* members_max, index = member_id */
	bool *marks;		 /* members_max; scratch */
	uint64_t last_id;
	uint64_t last_number;
	mono look_at;	  /* no deadline is earlier */
	mono poll_at;	  /* somebody waits for a row or a link */
	uint64_t sent;	  /* counted, for status: letters sent, */
	uint64_t taken;	  /* given to processes here, */
	uint64_t refused; /* refused here, */
	uint64_t again;	  /* seen again */
	uint64_t lost;	  /* known to be lost, or not known to have come */
};

void message_init(struct core *c);
size_t message_need(const struct core_limits *limits);

/* A client's word, or a mailbox's. */
void message_on_mail(struct core *c, const struct input_mail *in);
/* Letter, Receipt, Answer from a member. */
void message_on_recv(
	struct core *c, member_id from, uint16_t type, struct bytes body);
/* A member's link came up, or ended. */
void message_on_linked(struct core *c, member_id id);
void message_on_unlinked(struct core *c, member_id id);
/* An instance here is in another state. */
void message_follow(struct core *c, const struct instance *inst);
void message_on_tick(struct core *c);
mono message_deadline(const struct core *c);

/* Audits the tables; panics where they are inconsistent. */
void message_check(const struct core *c);

#endif
