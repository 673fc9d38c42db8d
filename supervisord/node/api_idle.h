/* Clients of the API that ask nothing.
 *
 * Places are bounded (api.h), and who connects and says nothing, or never ends
 * a request, keeps one until its time is over.  So that nobody who does ask
 * waits for that: once few places are left, each client that comes costs the
 * one that has been silent for longest its own.  Whose request is whole is not
 * silent until it was answered.
 */
#ifndef SKEP_NODE_API_IDLE_H
#define SKEP_NODE_API_IDLE_H

#include "base/list.h"
#include "node/api_role.h"

/* A connection. */
struct api_client {
	struct api_peer peer;
	int fd;		  /* the library's */
	struct list idle; /* api_idle.clients; of its own while it is served */
};

struct api_idle {
	struct list
		clients; /* the one that has been silent for longest first */
	unsigned count;	 /* connections, whether they are silent or not */
	unsigned max;	 /* places */
};

void api_idle_init(struct api_idle *idle, unsigned max);
/* One came, and another one may have to go: its connection is shut down, and
 * the library will say that it ended. */
void api_idle_on_came(struct api_idle *idle, struct api_client *client);
/* It sent something, or was answered. */
void api_idle_on_said(struct api_idle *idle, struct api_client *client);
/* Its request is whole. */
void api_idle_on_asked(struct api_client *client);
void api_idle_on_left(struct api_idle *idle, struct api_client *client);

#endif
