/* What the parts of messages share: senders here (message.c), requests and
 * groups (message_ask.c), what runs here (message_inbox.c).
 */
#ifndef SKEP_CORE_MESSAGE_PRIVATE_H
#define SKEP_CORE_MESSAGE_PRIVATE_H

#include "core/core_private.h"
#include "core/wire.h"

/* While somebody waits for a row or a link, rows are looked at so often. */
#define MAIL_POLL_MS 25

/* A letter as it comes to a host: from another one, or from itself. */
struct letter {
	member_id origin;
	uint64_t life;
	uint64_t seq;
	uint64_t id;
	bool is_call;
	const char *to;
	const char *from;
	const char *group;
	int64_t left_ms;
	struct mail_body *body; /* borrowed */
};

/* What becomes of a letter at once. */
enum letter_fate {
	LETTER_KEPT,	  /* a receipt follows */
	LETTER_ELSEWHERE, /* its name does not run here */
	LETTER_FULL,	  /* its inbox, or all that is here, is full */
};

/* Copies bytes for a message (one use); NULL when there is no room. */
struct mail_body *mail_body_take(struct core *c, struct bytes b);
void mail_body_use(struct mail_body *b);
void mail_body_give(struct core *c, struct mail_body *b);

/* A text in 'names', used; "" for "". */
const char *mail_text_take(struct core *c, const char *text);
void mail_text_give(struct core *c, const char *text);

/* Makes a message of a request and enters it into its stream, which the caller
 * pumps; NULL: '*code' and '*text' say why. */
struct outgoing *message_new(struct core *c, const struct input_mail *in,
	const char *to, struct mail_body *body, struct mail_request *r,
	enum reply_code *code, const char **text);
/* Sends what can go, and forgets the stream if it is empty. */
void message_pump(struct core *c, struct stream *s);
/* The stream of a name, or NULL. */
struct stream *message_stream(const struct core *c, const char *name);
/* The end of a message: tells who waits for it, and forgets it.  Its stream
 * stays until it is pumped. */
void message_end(struct core *c, struct outgoing *m, enum reply_code code,
	const char *text, struct bytes body);
/* What became of a letter of this host: 'to' tells. */
void message_on_receipt(struct core *c, member_id to, uint64_t id,
	enum reply_code code, bool is_elsewhere);
/* What was answered to one. */
void message_on_answer(struct core *c, member_id from, uint64_t id,
	enum reply_code code, struct bytes body);

/* A message of this request came to its end. */
void mail_request_tell(struct core *c, struct outgoing *m, enum reply_code code,
	const char *text, struct bytes body);
void mail_on_send(struct core *c, const struct input_mail *in);
void mail_on_publish(struct core *c, const struct input_mail *in);
void mail_on_multicall(struct core *c, const struct input_mail *in);

/* Takes a letter for a name here. */
enum letter_fate inbox_accept(struct core *c, const struct letter *l);
/* Gives a copy to every member of a group that runs here; returns to how many
 * it could. */
uint32_t inbox_publish(struct core *c, const struct letter *l);
void inbox_on_letter(struct core *c, member_id from, struct bytes body);
void inbox_on_mail(struct core *c, const struct input_mail *in);
void inbox_on_linked(struct core *c, member_id id);
/* Drops what nobody waits for any more; returns when to look again. */
mono inbox_expire(struct core *c);
void inbox_check(const struct core *c);

#endif
