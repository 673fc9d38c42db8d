#include "node/mailbox.h"

#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/list.h"
#include "core/instance.h"
#include "node/mail.h"
#include "node/mailbox_private.h"
#include "node/node.h"
#include "node/whose.h"
#include "sys/say.h"

/* Connections, as mailbox.h says. */
#define CLIENTS_MAX SKEP_MAIL_CONNECTIONS_ALL_MAX
#define EACH_MAX    SKEP_MAIL_CONNECTIONS_MAX
#define PAUSE_S	    0.2	 /* after running out of descriptors */
#define ROUNDS_MAX  16	 /* packets of one before others have a turn */
#define BUFFER_SIZE (4 * SKEP_MAIL_PACKET_MAX)
#define WAITING_MAX 64 /* packets that wait for a reader */

/* --- Room --- */

/* The run of a name that is here, 0 for none. */
static uint64_t
epoch_of(const struct node *n, const char *name)
{
	const struct instance *i = instance_find(n->core, name);
	return i && instance_is_live(i) ? i->epoch : 0;
}

/* How many messages the connections of a name take now. */
static uint32_t
room_of(const struct mailboxes *m, const char *name)
{
	uint64_t epoch = epoch_of(m->node, name);
	uint32_t room = 0;
	list_each (it, &m->clients) {
		const struct mail_client *k =
			container_of(it, struct mail_client, link);
		if (!k->is_ending && k->epoch == epoch &&
			list_is_empty(&k->pending) && !strcmp(k->name, name))
			room += k->room;
	}
	return room;
}

static void
tell(struct mailboxes *m, enum mail_op op, const char *name, uint64_t number,
	bool is_ok)
{
	struct input in = {.kind = INPUT_MAIL};
	in.mail = (struct input_mail){
		.op = op,
		.from = name,
		.to = "",
		.number = number,
		.is_ok = is_ok,
		.room = room_of(m, name),
	};
	node_step(m->node, &in);
}

/* --- Sending --- */

static void
forget_packet(struct mail_packet *p)
{
	list_remove(&p->link);
	free(p);
}

/* 0, or -errno: -EAGAIN. */
static int
write_packet(const struct mail_client *k, const void *data, size_t size)
{
	ssize_t n = send(k->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? -errno : 0;
}

static void
watch(struct mail_client *k)
{
	int events = EV_READ | (list_is_empty(&k->pending) ? 0 : EV_WRITE);
	struct ev_loop *loop = k->boxes->node->loop;
	ev_io_stop(loop, &k->io);
	ev_io_set(&k->io, k->fd, events);
	ev_io_start(loop, &k->io);
}

/* Ends when the stack is unwound: the caller may be in the middle of it. */
static void
end_client(struct mail_client *k)
{
	struct ev_loop *loop = k->boxes->node->loop;
	if (k->is_ending)
		return;
	k->is_ending = true;
	ev_io_stop(loop, &k->io);
	ev_feed_event(loop, &k->reaper, EV_CUSTOM);
}

/* Whether it has gone to the kernel, or waits for its reader; 'number' is that
 * of a DELIVER, or 0. */
static bool
put_packet(struct mail_client *k, const void *data, size_t size,
	uint64_t number, bool *is_written)
{
	int rc = list_is_empty(&k->pending) ? write_packet(k, data, size)
					    : -EAGAIN;
	*is_written = rc == 0;
	if (rc == 0)
		return true;
	if (rc != -EAGAIN || k->pending_count >= WAITING_MAX) {
		end_client(k);
		return false;
	}
	struct mail_packet *p = malloc(sizeof *p + size);
	if (!p) {
		end_client(k);
		return false;
	}
	p->number = number;
	p->size = size;
	memcpy(p->data, data, size);
	list_init(&p->link);
	list_append(&k->pending, &p->link);
	k->pending_count++;
	watch(k);
	return true;
}

/* Puts header, name, text and body into one packet. */
static size_t
pack(unsigned char *out, struct skep_mail_header *h, const char *name,
	const char *text, struct bytes body)
{
	size_t name_size = strlen(name), text_size = strlen(text);
	h->name_size = (uint16_t)name_size;
	h->text_size = (uint16_t)text_size;
	size_t size = sizeof *h;
	CHECK(size + name_size + text_size + body.size <= SKEP_MAIL_PACKET_MAX);
	memcpy(out, h, sizeof *h);
	memcpy(out + size, name, name_size);
	size += name_size;
	memcpy(out + size, text, text_size);
	size += text_size;
	if (body.size)
		memcpy(out + size, body.data, body.size);
	return size + body.size;
}

void
mail_client_say(struct mail_client *k, struct skep_mail_header *h,
	const char *name, const char *text, struct bytes body)
{
	bool is_written;
	if (k->is_ending)
		return;
	size_t size = pack(k->boxes->buffer, h, name, text, body);
	put_packet(k, k->boxes->buffer, size, 0, &is_written);
}

/* The connection that gets the next message for a name: they take turns. */
static struct mail_client *
choose(struct mailboxes *m, const char *name, uint64_t epoch)
{
	list_each (it, &m->clients) {
		struct mail_client *k =
			container_of(it, struct mail_client, link);
		if (k->is_ending || k->room == 0 || k->epoch != epoch ||
			!list_is_empty(&k->pending) || strcmp(k->name, name))
			continue;
		list_remove(&k->link);
		list_append(&m->clients, &k->link);
		return k;
	}
	return NULL;
}

void
mailboxes_deliver(struct mailboxes *m, const struct effect_deliver *e)
{
	struct mail_client *k = choose(m, e->name, e->epoch);
	bool is_written = false;
	struct skep_mail_header h = {
		.op = SKEP_MAIL_MESSAGE,
		.flags = e->is_call ? SKEP_MAIL_ASKS : 0,
		.number = e->number,
	};
	if (!k) {
		tell(m, MAIL_DELIVERED, e->name, e->number, false);
		return;
	}
	k->room--;
	size_t size = pack(m->buffer, &h, e->from, e->group, e->body);
	bool is_kept = put_packet(k, m->buffer, size, e->number, &is_written);
	if (is_written || !is_kept)
		tell(m, MAIL_DELIVERED, e->name, e->number, is_written);
}

/* --- Connections --- */

static void
free_client(struct mail_client *k)
{
	struct mailboxes *m = k->boxes;
	ev_io_stop(m->node->loop, &k->io);
	mail_client_forget_asks(k);
	list_remove(&k->link);
	m->count--;
	close(k->fd);
	/* What it was given and did not take is another one's. */
	while (!list_is_empty(&k->pending)) {
		struct mail_packet *p =
			container_of(k->pending.next, struct mail_packet, link);
		uint64_t number = p->number;
		forget_packet(p);
		if (number)
			tell(m, MAIL_DELIVERED, k->name, number, false);
	}
	tell(m, MAIL_ROOM, k->name, 0, false);
	free(k);
}

static void
on_reap(struct ev_loop *loop, ev_prepare *w, int events)
{
	(void)loop;
	(void)events;
	free_client(w->data);
}

/* Writes what waits, as far as it goes. */
static void
flush(struct mail_client *k)
{
	while (!list_is_empty(&k->pending)) {
		struct mail_packet *p =
			container_of(k->pending.next, struct mail_packet, link);
		int rc = write_packet(k, p->data, p->size);
		if (rc == -EAGAIN)
			return;
		if (rc < 0) {
			end_client(k);
			return;
		}
		uint64_t number = p->number;
		forget_packet(p);
		k->pending_count--;
		if (number)
			tell(k->boxes, MAIL_DELIVERED, k->name, number, true);
	}
	watch(k);
	tell(k->boxes, MAIL_ROOM, k->name, 0, false);
}

/* Reads one packet; false when there is none. */
static bool
read_one(struct mail_client *k)
{
	unsigned char *packet = k->boxes->incoming;
	ssize_t size = recv(k->fd, packet, SKEP_MAIL_PACKET_MAX + 1,
		MSG_DONTWAIT | MSG_TRUNC);
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (size <= 0) {
		end_client(k);
		return false;
	}
	if ((size_t)size > SKEP_MAIL_PACKET_MAX ||
		!mail_client_read(k, packet, (size_t)size))
		end_client(k);
	return !k->is_ending;
}

static void
on_io(struct ev_loop *loop, ev_io *w, int events)
{
	struct mail_client *k = w->data;
	(void)loop;
	if (events & EV_WRITE)
		flush(k);
	/* Who does not read its answers is not heard. */
	for (int i = 0; i < ROUNDS_MAX && !k->is_ending &&
			list_is_empty(&k->pending) && read_one(k);
		i++)
		;
}

void
mail_client_take(struct mail_client *k, uint64_t count)
{
	uint64_t room = k->room + count;
	if (count > SKEP_MAIL_ROOM_MAX || room > SKEP_MAIL_ROOM_MAX)
		room = SKEP_MAIL_ROOM_MAX;
	k->room = (uint32_t)room;
	tell(k->boxes, MAIL_ROOM, k->name, 0, false);
}

/* Who is no service, or finds no room, is told so, and let go.  What it said
 * meanwhile is read, for else the kernel would take the reason away from it. */
static void
refuse(struct mailboxes *m, int fd, enum skep_mail_code code, const char *why)
{
	struct skep_mail_header h = {
		.op = SKEP_MAIL_DONE, .code = (uint16_t)code};
	size_t size = pack(m->buffer, &h, "", why, (struct bytes){NULL, 0});
	shutdown(fd, SHUT_RD);
	for (int i = 0; i < ROUNDS_MAX; i++)
		if (recv(fd, m->incoming, sizeof m->incoming, MSG_DONTWAIT) <=
			0)
			break;
	(void)!send(fd, m->buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

/* Whether one more of that name may come: nobody takes all the room. */
static bool
has_place(const struct mailboxes *m, const char *name)
{
	size_t count = 0;
	list_each (it, &m->clients) {
		const struct mail_client *k =
			container_of(it, struct mail_client, link);
		count += strcmp(k->name, name) == 0;
	}
	return m->count < CLIENTS_MAX && count < EACH_MAX;
}

static void
admit(struct mailboxes *m, int fd)
{
	struct ucred who;
	socklen_t size = sizeof who;
	char name[INSTANCE_NAME_MAX + 1];
	int buffer = BUFFER_SIZE;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0 ||
		whose_peer(m->node, fd, who.pid, 0, name) != WHOSE_INSTANCE) {
		refuse(m, fd, SKEP_MAIL_NOT_ALLOWED,
			"this process belongs to no service of this "
			"host: ask skepctl instead");
		return;
	}
	struct mail_client *k =
		has_place(m, name) ? calloc(1, sizeof *k) : NULL;
	if (!k) {
		refuse(m, fd, SKEP_MAIL_FULL,
			"too many connections to mailboxes");
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	k->boxes = m;
	k->fd = fd;
	k->epoch = epoch_of(m->node, name);
	memcpy(k->name, name, sizeof k->name);
	list_init(&k->pending);
	list_init(&k->asks);
	list_init(&k->link);
	list_append(&m->clients, &k->link);
	m->count++;
	ev_io_init(&k->io, on_io, fd, EV_READ);
	ev_prepare_init(&k->reaper, on_reap);
	k->io.data = k->reaper.data = k;
	ev_io_start(m->node->loop, &k->io);
}

static void
on_accept(struct ev_loop *loop, ev_io *w, int events)
{
	struct mailboxes *m = w->data;
	(void)events;
	for (int i = 0; i < ROUNDS_MAX; i++) {
		int fd = accept4(
			m->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
			ev_io_stop(loop, &m->io);
			ev_timer_start(loop, &m->pause);
		}
		if (fd < 0)
			return;
		admit(m, fd);
	}
}

/* There may be descriptors again. */
static void
on_pause(struct ev_loop *loop, ev_timer *w, int events)
{
	struct mailboxes *m = w->data;
	(void)events;
	ev_io_start(loop, &m->io);
}

struct mailboxes *
mailboxes_new(struct node *n, int fd)
{
	struct mailboxes *m = calloc(1, sizeof *m);
	CHECK(m);
	m->node = n;
	m->fd = fd;
	list_init(&m->clients);
	ev_io_init(&m->io, on_accept, fd, EV_READ);
	ev_timer_init(&m->pause, on_pause, PAUSE_S, 0.);
	m->io.data = m->pause.data = m;
	if (fd >= 0)
		ev_io_start(n->loop, &m->io);
	return m;
}

void
mailboxes_free(struct mailboxes *m)
{
	if (!m)
		return;
	if (m->fd >= 0) {
		ev_io_stop(m->node->loop, &m->io);
		ev_timer_stop(m->node->loop, &m->pause);
		close(m->fd);
	}
	list_each_safe (it, &m->clients) {
		struct mail_client *k =
			container_of(it, struct mail_client, link);
		ev_clear_pending(m->node->loop, &k->reaper);
		free_client(k);
	}
	free(m);
}

size_t
mailboxes_count(const struct mailboxes *m)
{
	return m->count;
}
