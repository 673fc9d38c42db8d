#include "node/links.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "node/links_private.h"
#include "node/message.h"

#define LOOK_UP_THREADS 4

/* A link; in 'by_handle' until it has ended. */
struct link {
	struct links *links;
	struct map_link in_map;
	uint32_t handle;
	uint32_t dial; /* 0: accepted */
	struct conn *conn;
	char address[ADDRESS_MAX + 1]; /* as dialled, or the other end's */
};

/* A dial on its way. */
struct link_dial {
	struct links *links;
	struct list link;
	struct dial *dial;
	uint32_t number; /* the core's */
	char address[ADDRESS_MAX + 1];
};

static struct link *
find_link(const struct links *links, uint32_t handle)
{
	struct map_link *m = map_first(&links->by_handle, handle);
	for (; m; m = map_next(&links->by_handle, m)) {
		struct link *l = container_of(m, struct link, in_map);
		if (l->handle == handle)
			return l;
	}
	return NULL;
}

static void
on_link_open(void *owner, struct conn *c)
{
	(void)owner;
	(void)c;
	UNREACHABLE(); /* it was open when it became a link */
}

static void
on_link_frame(void *owner, struct conn *c, uint16_t type, struct bytes body)
{
	(void)c;
	struct link *l = owner;
	struct links *links = l->links;
	links->calls->on_frame(links->context, l->handle, type, body);
}

static void
on_link_close(void *owner, struct conn *c, enum conn_end end, const char *text)
{
	(void)c;
	struct link *l = owner;
	struct links *links = l->links;
	uint32_t handle = l->handle;
	uint32_t dial = l->dial;
	say_limited(&links->link_says[end], 1, SAY_NOTICE,
		"link with %s ended: %s", l->address, text);
	map_remove(&links->by_handle, &l->in_map);
	free(l);
	links->calls->on_down(
		links->context, handle, dial, conn_end_reason(end), text);
}

static const struct conn_owner link_calls = {
	.on_open = on_link_open,
	.on_frame = on_link_frame,
	.on_close = on_link_close,
};

/* For a connection that nobody wants any more. */
static void
on_orphan_frame(void *owner, struct conn *c, uint16_t type, struct bytes body)
{
	(void)owner;
	(void)c;
	(void)type;
	(void)body;
}

static void
on_orphan_close(
	void *owner, struct conn *c, enum conn_end end, const char *text)
{
	(void)owner;
	(void)c;
	(void)end;
	(void)text;
}

static const struct conn_owner orphan_calls = {
	.on_open = on_link_open,
	.on_frame = on_orphan_frame,
	.on_close = on_orphan_close,
};

void
links_dismiss(struct conn *c, const char *why)
{
	conn_set_owner(c, &orphan_calls, NULL);
	message_send_refuse(c, why);
	conn_close(c);
}

uint32_t
links_adopt(
	struct links *links, struct conn *c, uint32_t dial, const char *address)
{
	struct link *l = calloc(1, sizeof *l);
	if (!l) {
		conn_set_owner(c, &orphan_calls, NULL);
		conn_abort(c, CONN_END_MEMORY, NULL);
		return 0;
	}
	l->links = links;
	l->handle = ++links->next_handle;
	l->dial = dial;
	l->conn = c;
	snprintf(l->address, sizeof l->address, "%s", address);
	map_insert(&links->by_handle, &l->in_map, l->handle);
	conn_set_owner(c, &link_calls, l);
	links->calls->on_up(links->context, l->handle, dial, l->address);
	return l->handle;
}

static void
dial_done(void *context, struct dial *d, struct conn *c, enum conn_end end,
	const char *text)
{
	(void)d;
	struct link_dial *ld = context;
	struct links *links = ld->links;
	list_remove(&ld->link);
	if (!c) {
		say_limited(&links->link_says[end], 1, SAY_NOTICE,
			"connecting to %s failed: %s", ld->address, text);
		links->calls->on_down(links->context, 0, ld->number,
			conn_end_reason(end), text);
	} else if (links_adopt(links, c, ld->number, ld->address) == 0) {
		links->calls->on_down(links->context, 0, ld->number,
			LINK_CLOSED, conn_end_text(CONN_END_MEMORY));
	}
	free(ld);
}

static void
dial_reached(void *context)
{
	struct link_dial *ld = context;
	struct links *links = ld->links;
	if (links->calls->on_reached)
		links->calls->on_reached(links->context, ld->number);
}

int
links_new(struct ev_loop *loop, struct tls *tls,
	const struct links_calls *calls, void *context, struct links **out,
	struct err *err)
{
	*out = NULL;
	struct links *links = calloc(1, sizeof *links);
	if (!links)
		return err_sys(err, -ENOMEM, "links");
	links->loop = loop;
	links->calls = calls;
	links->context = context;
	links->dialler = (struct dialler){.loop = loop, .tls = tls};
	map_init(&links->by_handle, links->buckets, LINK_BUCKETS);
	list_init(&links->dials);
	list_init(&links->guests);
	int r = pool_new(loop, LOOK_UP_THREADS, &links->dialler.pool, err);
	if (r < 0) {
		free(links);
		return r;
	}
	*out = links;
	return 0;
}

static void
free_all(struct map *by_handle)
{
	struct map_link *m;
	while ((m = map_take_any(by_handle))) {
		struct link *l = container_of(m, struct link, in_map);
		conn_free(l->conn);
		free(l);
	}
}

void
links_free(struct links *links)
{
	if (!links)
		return;
	guests_fini(links);
	list_each_safe (it, &links->dials) {
		struct link_dial *ld = container_of(it, struct link_dial, link);
		dial_cancel(ld->dial);
		list_remove(it);
		free(ld);
	}
	free_all(&links->by_handle);
	pool_free(links->dialler.pool);
	free(links);
}

void
links_open(struct links *links, uint32_t dial, const char *address)
{
	CHECK(dial != 0);
	struct link_dial *ld = calloc(1, sizeof *ld);
	CHECK(ld); /* a few hundred bytes: without them nothing goes on */
	ld->links = links;
	ld->number = dial;
	snprintf(ld->address, sizeof ld->address, "%s", address);
	list_append(&links->dials, &ld->link);
	ld->dial = dial_new(&links->dialler, address, dial_done, ld);
	CHECK(ld->dial);
	dial_set_reached(ld->dial, dial_reached);
}

void
links_send(struct links *links, uint32_t link, uint16_t type, struct bytes body)
{
	struct link *l = find_link(links, link);
	if (l)
		conn_send(l->conn, type, body, (struct bytes){0});
}

void
links_close(struct links *links, uint32_t link, const char *why)
{
	struct link *l = find_link(links, link);
	if (!l)
		return;
	say_limited(&links->link_says[CONN_END_CLOSED], 1, SAY_NOTICE,
		"closing the link with %s: %s", l->address, why);
	conn_close(l->conn);
}

const struct dialler *
links_get_dialler(const struct links *links)
{
	return &links->dialler;
}

unsigned
links_count(const struct links *links)
{
	return (unsigned)links->by_handle.count;
}

unsigned
links_guest_count(const struct links *links)
{
	return links->guest_count;
}
