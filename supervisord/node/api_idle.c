#include "node/api_idle.h"

#include <sys/socket.h>

#include "base/check.h"
#include "sys/say.h"

/* So many of all places are left when the silent ones begin to go: as many as
 * may come before the library has seen one off. */
#define SPARE 16

void
api_idle_init(struct api_idle *idle, unsigned max)
{
	list_init(&idle->clients);
	idle->count = 0;
	idle->max = max;
}

/* Closes the one that has been silent for longest. */
static void
close_one(struct api_idle *idle)
{
	static struct say_limit limit;
	if (list_is_empty(&idle->clients))
		return;
	struct api_client *c =
		container_of(idle->clients.next, struct api_client, idle);
	list_remove(&c->idle);
	shutdown(c->fd, SHUT_RDWR);
	say_limited(&limit, 1, SAY_WARNING,
		"api: %u of %u clients are there: those that ask nothing are "
		"closed (uid %u, pid %d)",
		idle->count, idle->max, (unsigned)c->peer.uid,
		(int)c->peer.pid);
}

void
api_idle_on_came(struct api_idle *idle, struct api_client *client)
{
	list_init(&client->idle);
	if (++idle->count > idle->max - idle->max / SPARE)
		close_one(idle);
	list_append(&idle->clients, &client->idle);
}

void
api_idle_on_said(struct api_idle *idle, struct api_client *client)
{
	list_remove(&client->idle);
	list_append(&idle->clients, &client->idle);
}

void
api_idle_on_asked(struct api_client *client)
{
	list_remove(&client->idle);
}

void
api_idle_on_left(struct api_idle *idle, struct api_client *client)
{
	CHECK(idle->count > 0);
	idle->count--;
	list_remove(&client->idle);
}
