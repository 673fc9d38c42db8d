/* A member of a group: answers each message that asks with its own name.
 *
 *	answerer
 */
#include <skep/mail.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 16

int
main(void)
{
	const char *name = getenv("SKEP_NAME");
	struct skep_mail *m;
	struct skep_message message;
	int code = name ? skep_mail_open(NULL, ROOM, &m) : -1;
	if (code < 0) {
		fprintf(stderr, "answerer: no SKEP_MAILBOX, no SKEP_NAME\n");
		return 1;
	}
	while ((code = skep_mail_next(m, &message, -1)) > 0)
		if (message.asks)
			skep_mail_reply(m, &message, name, strlen(name));
	fprintf(stderr, "answerer: %s\n", skep_mail_why(m));
	return 1;
}
