/* mail.h: messages to and from this service, by name.
 *
 * What a service does at its mailbox (mailbox.h has the packets, for who wants
 * to do it alone): take messages, answer them, and send, call and publish, to
 * whatever runs under a name in the cluster.  Only processes of services have
 * a mailbox; others use `skepctl send` and the like.  Link with
 * `pkg-config --libs skep`.
 *
 * When skep-node starts again the connection ends; it is made anew, without a
 * word.  Messages that were taken before are handed out all the same; who asked
 * in one of them waits in vain, and a reply to it says SKEP_MAIL_UNKNOWN.
 * Where too many are connected (mailbox.h) it is tried again, too, and requests
 * end with SKEP_MAIL_FULL until one is let in.
 *
 * What waits here is bounded: 'room' messages, which are asked for as they are
 * handed out.  Those that come while a request is under way wait for the next
 * 'skep_mail_next'.
 *
 * Threads: a handle belongs to one thread at a time; each may have its own, and
 * every message comes to one of them.  After fork(2) only one of the two
 * processes may use it.  No signal is raised (SIGPIPE), none is kept away.
 *
 * Errors: -errno, or a code above 0 of enum skep_mail_code, which tells how a
 * request ended; `skep_mail_why` has its sentence.  Nothing is printed.
 */
#ifndef SKEP_MAIL_H
#define SKEP_MAIL_H

#include <stddef.h>
#include <stdint.h>

#include "skep/mailbox.h"

#ifdef __cplusplus
extern "C" {
#endif

struct skep_mail;

/* A message.  Its texts and bytes are the handle's, until the next message is
 * asked for or the handle is closed. */
struct skep_message {
	const char *from;  /* its sender's name; "": an operator */
	const char *group; /* that it was published to, or "" */
	const void *body;
	size_t size;	      /* of 'body', in bytes */
	int asks;	      /* its sender waits for an answer */
	uint64_t private_[2]; /* the library's own */
};

/* An answer.  Its texts and bytes are the handle's, until the next call of any
 * function with it. */
struct skep_answer {
	enum skep_mail_code code; /* else than OK: why there is none */
	const char *from;	  /* who answers, or ought to */
	const char *text;	  /* the sentence to 'code', or "" */
	const void *body;
	size_t size; /* of 'body', in bytes */
};

/* Makes a handle for the mailbox at 'path' (NULL: SKEP_MAILBOX) that holds
 * 'room' messages at most; 0: it only sends.  It connects when it must.
 *
 *	-ENOENT	  there is no path: this is no service of skep's
 *	-EINVAL	  the path is too long, or 'room' above SKEP_MAIL_ROOM_MAX
 *	-ENOMEM, -EMFILE and what else the kernel says
 */
int skep_mail_open(const char *path, unsigned room, struct skep_mail **out);
/* Ends it; NULL is accepted. */
void skep_mail_close(struct skep_mail *m);

/* A descriptor for poll(2) and the like, the same for as long as the handle
 * lives: readable when 'skep_mail_next' with a timeout of 0 has something to
 * do, which may be to connect. */
int skep_mail_fd(const struct skep_mail *m);

/* Waits for a message, for 'timeout_ms' (< 0: for ever): 1, 0 when none came,
 * or
 *
 *	-EACCES	  skepd says that this process is no service's
 *	-EINTR	  a signal came
 *	-ENOMEM
 */
int skep_mail_next(
	struct skep_mail *m, struct skep_message *out, int timeout_ms);

/* Answers a message that asks, once: 0, or a code; SKEP_MAIL_INVALID: it does
 * not ask. */
int skep_mail_reply(struct skep_mail *m, const struct skep_message *to,
	const void *body, size_t size);

/* Sends to what runs under a name.  With SKEP_MAIL_ACK in 'flags' until it has
 * arrived, once; else it went, and what became of it is nobody's to know.  This
 * and the next ones wait for 'timeout_ms' at most (0: 30 s). */
int skep_mail_send(struct skep_mail *m, const char *name, const void *body,
	size_t size, unsigned flags, unsigned timeout_ms);
/* Sends to each member of a group. */
int skep_mail_publish(struct skep_mail *m, const char *group, const void *body,
	size_t size, unsigned timeout_ms);
/* Asks what runs under a name, and waits for its answer. */
int skep_mail_call(struct skep_mail *m, const char *name, const void *body,
	size_t size, unsigned timeout_ms, struct skep_answer *out);

/* Gets each answer of a 'skep_mail_multicall'; borrowed during the call.  It
 * must not use the handle. */
typedef void skep_answer_fn(const struct skep_answer *answer, void *context);
/* Asks each member of a group; 'fn' gets what each said, or why it did not. */
int skep_mail_multicall(struct skep_mail *m, const char *group,
	const void *body, size_t size, unsigned timeout_ms, skep_answer_fn *fn,
	void *context);

/* The sentence to the last code or error, "" if there was none; the handle's.
 */
const char *skep_mail_why(const struct skep_mail *m);

#ifdef __cplusplus
}
#endif

#endif
