/* Messages that somebody here asked for, and what came back.
 *
 * A request is a MAIL input; its ANSWERs go to 'on_answer' as they come and its
 * REPLY to 'done', once.
 */
#ifndef SKEP_NODE_MAIL_H
#define SKEP_NODE_MAIL_H

#include <stdint.h>

#include "node/node.h"

struct mails;

/* One ANSWER; all of it is borrowed. */
typedef void mail_answer_fn(void *context, const struct effect_answer *answer);

struct mails *mails_new(struct node *n);
/* Forgets all who wait. */
void mails_free(struct mails *m);

/* Steps with 'in' (MAIL_SEND to MAIL_ANSWER), whose number is filled in here.
 * The functions may be called before this returns.  Returns the number, or 0
 * when 'done' was called. */
uint64_t mail_ask(struct node *n, struct input *in, mail_answer_fn *on_answer,
	node_reply_fn *done, void *context);
/* Forgets who waits for a request. */
void mail_cancel(struct node *n, uint64_t request);

/* The core's ANSWER. */
void mail_on_answer(struct node *n, const struct effect_answer *answer);

#endif
