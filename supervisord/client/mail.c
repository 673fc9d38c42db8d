/* A mailbox that connects again.
 *
 * One epoll descriptor holds the connection, when there is one, and a timer; it
 * is what the user polls.  The timer is due when something waits here that no
 * packet will tell of: messages that came amid a request, or the next attempt
 * to connect.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "client/packet.h"
#include "skep/mail.h"

/* Between two attempts to connect. */
#define AGAIN_MS 100
/* The same where too many are connected: doubled each time, up to this;
 * mailbox.h says the same. */
#define CROWDED_MS 5000
/* A request without a timeout of its own; mailbox.h says the same. */
#define REQUEST_MS 30000
/* What skepd waits for is over; its word for it may take so long. */
#define LATE_MS 1000

/* A message that waits. */
struct mail {
	struct mail *next;
	uint64_t number;
	uint64_t generation; /* of the connection that brought it */
	bool asks;
	char *from, *group; /* in 'data', as is the body behind them */
	void *body;
	size_t size;
	char data[];
};

/* The request under way. */
struct request {
	uint32_t tag;
	bool is_done;
	enum skep_mail_code code;
	skep_answer_fn *fn; /* NULL: no answer is wanted */
	void *context;
};

struct skep_mail {
	struct sockaddr_un address;
	unsigned room;
	int epoll, timer, fd; /* 'fd' -1: no connection */
	uint64_t generation;  /* of the connections, from 1 */
	int64_t again_at;     /* ms; no attempt to connect before */
	int64_t pause_ms;     /* before the next one */
	bool is_crowded;      /* skepd had no room for the last one */
	struct mail *first;   /* that wait */
	struct mail **last;
	unsigned waiting;
	unsigned owed; /* that could be taken, and were not asked for yet */
	struct mail *taken; /* what was handed out last, or NULL */
	uint32_t tag;
	struct request *request; /* NULL: none */
	int refused;		 /* 0, or -EACCES: skepd said so */
	char why[1025];
	union {
		struct skep_mail_header h;
		char packet[SKEP_MAIL_PACKET_MAX + 1];
	} in;
	/* Of an answer: who, and the text behind it; the body of one to a call.
	 */
	char from[SKEP_MAIL_PACKET_MAX + 2];
	struct skep_answer answer;
	char answer_body[SKEP_MAIL_PACKET_MAX];
};

static int64_t
now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
say_why(struct skep_mail *m, int code, const char *text, size_t size)
{
	if (size > sizeof m->why - 1)
		size = sizeof m->why - 1;
	memcpy(m->why, text, size);
	m->why[size] = '\0';
	return code;
}

static int
tell(struct skep_mail *m, int code, const char *text)
{
	return say_why(m, code, text, strlen(text));
}

/* --- The timer --- */

/* Makes the timer due in so many milliseconds; < 0: never. */
static void
arm(struct skep_mail *m, int64_t ms)
{
	struct itimerspec t = {{0, 0}, {0, 0}};
	if (ms >= 0) {
		t.it_value.tv_sec = ms / 1000;
		t.it_value.tv_nsec = (long)(ms % 1000) * 1000000 + 1;
	}
	timerfd_settime(m->timer, 0, &t, NULL);
}

/* Makes it due for the next attempt to connect. */
static void
arm_dial(struct skep_mail *m)
{
	int64_t left = m->again_at - now_ms();
	if (m->fd >= 0 || m->refused)
		arm(m, -1);
	else
		arm(m, left > 0 ? left : 0);
}

/* Makes it due for what no packet will tell of. */
static void
arm_next(struct skep_mail *m)
{
	if (m->first)
		arm(m, 0);
	else
		arm_dial(m);
}

/* --- The connection --- */

/* Sends one packet; 0, -EAGAIN, or why there is no connection any more. */
static int
put(struct skep_mail *m, struct skep_mail_header *h, const char *name,
	const void *body, size_t size)
{
	ssize_t n;
	do
		n = packet_send(m->fd, h, name, body, size, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* There is room for this connection. */
static void
stay_calm(struct skep_mail *m)
{
	m->is_crowded = false;
	m->pause_ms = AGAIN_MS;
}

static void
hang_up(struct skep_mail *m)
{
	if (m->fd < 0)
		return;
	close(m->fd);
	m->fd = -1;
	if (now_ms() - m->again_at > CROWDED_MS)
		stay_calm(m); /* it was let in, and not a word was said */
	m->again_at = now_ms() + m->pause_ms;
	if (m->request && !m->request->is_done) {
		m->request->is_done = true;
		m->request->code = SKEP_MAIL_UNKNOWN;
		tell(m, 0, "skep-node ended before it said what became of it");
	}
}

/* --- What comes --- */

/* Copies a text and its NUL to '*at', which goes on behind them. */
static char *
copy_text(char **at, const char *text, size_t size)
{
	char *out = *at;
	memcpy(out, text, size);
	out[size] = '\0';
	*at += size + 1;
	return out;
}

static int
keep_message(struct skep_mail *m, const struct packet *p)
{
	struct mail *mail = malloc(
		sizeof *mail + p->h.name_size + p->h.text_size + p->size + 2);
	if (!mail)
		return tell(m, -ENOMEM, "no memory for a message");
	char *at = mail->data;
	mail->next = NULL;
	mail->number = m->in.h.number;
	mail->generation = m->generation;
	mail->asks = m->in.h.flags & SKEP_MAIL_ASKS;
	mail->from = copy_text(&at, p->name, p->h.name_size);
	mail->group = copy_text(&at, p->text, p->h.text_size);
	mail->body = at;
	mail->size = p->size;
	memcpy(mail->body, p->body, p->size);
	*m->last = mail;
	m->last = &mail->next;
	m->waiting++;
	return 0;
}

static void
hand_answer(struct skep_mail *m, const struct packet *p)
{
	char *at = m->from;
	struct skep_answer a = {
		.code = m->in.h.code,
		.from = copy_text(&at, p->name, p->h.name_size),
		.text = copy_text(&at, p->text, p->h.text_size),
		.body = p->body,
		.size = p->size,
	};
	if (m->request->fn)
		m->request->fn(&a, m->request->context);
}

static void
end_request(struct skep_mail *m, const struct packet *p)
{
	m->request->is_done = true;
	m->request->code = m->in.h.code;
	say_why(m, 0, p->text, p->h.text_size);
}

/* skepd has no room for this connection now, and read nothing from it. */
static int
give_way(struct skep_mail *m, const struct packet *p)
{
	m->is_crowded = true;
	m->pause_ms = 2 * m->pause_ms;
	if (m->pause_ms > CROWDED_MS)
		m->pause_ms = CROWDED_MS;
	if (m->request && !m->request->is_done)
		end_request(m, p);
	return say_why(m, -EBUSY, p->text, p->h.text_size);
}

/* What is said to a connection, not to a request. */
static int
take_word(struct skep_mail *m, const struct packet *p)
{
	if (m->in.h.code == SKEP_MAIL_FULL)
		return give_way(m, p);
	if (m->in.h.code != SKEP_MAIL_NOT_ALLOWED)
		return 0;
	m->refused = -EACCES;
	return say_why(m, -EACCES, p->text, p->h.text_size);
}

/* Whether a packet is about the request under way. */
static bool
is_awaited(const struct skep_mail *m)
{
	return m->request && m->in.h.tag && m->in.h.tag == m->request->tag;
}

/* 0, or -EACCES, -EBADMSG, -EBUSY, -ENOMEM. */
static int
take(struct skep_mail *m, size_t size)
{
	struct packet p;
	if (!packet_cut(m->in.packet, size, &p))
		return -EBADMSG;
	if (m->in.h.op == SKEP_MAIL_DONE && !m->in.h.tag)
		return take_word(m, &p);
	stay_calm(m);
	switch (m->in.h.op) {
	case SKEP_MAIL_MESSAGE:
		return keep_message(m, &p);
	case SKEP_MAIL_ANSWER:
		if (is_awaited(m))
			hand_answer(m, &p);
		return 0;
	case SKEP_MAIL_DONE:
		if (is_awaited(m))
			end_request(m, &p);
		return 0;
	default:
		return 0; /* of a later version */
	}
}

/* Takes what has come: 0 when that was all, or -EACCES, -ENOMEM. */
static int
take_all(struct skep_mail *m)
{
	bool was_reset = false;
	while (m->fd >= 0) {
		ssize_t n = recv(
			m->fd, m->in.packet, sizeof m->in.packet, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		/* What was said before stands behind the reset. */
		if (n < 0 && errno == ECONNRESET && !was_reset) {
			was_reset = true;
			continue;
		}
		if (n < 0 && errno == EAGAIN)
			return 0;
		int code = n > 0 ? take(m, (size_t)n) : -EBADMSG;
		if (code < 0)
			hang_up(m);
		if (code == -ENOMEM || code == -EACCES)
			return code;
	}
	return m->refused;
}

/* Hangs up; what was said before is heard, for it may be the reason. */
static void
end_connection(struct skep_mail *m)
{
	(void)take_all(m);
	hang_up(m);
}

/* --- Connecting --- */

/* Says that so many more messages can be taken; what the other end does not
 * hear now is said with the next ones. */
static void
ask_for(struct skep_mail *m, unsigned count)
{
	m->owed += count;
	struct skep_mail_header h = {.op = SKEP_MAIL_RECV, .number = m->owed};
	if (m->fd < 0 || m->owed == 0)
		return;
	int code = put(m, &h, "", NULL, 0);
	if (code == 0)
		m->owed = 0;
	else if (code != -EAGAIN && code != -ENOBUFS)
		end_connection(m);
}

/* Connects if it is time to; whether there is a connection. */
static bool
dial(struct skep_mail *m)
{
	if (m->fd >= 0 || m->refused)
		return m->fd >= 0;
	if (now_ms() < m->again_at)
		return false;
	int fd = socket(
		AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct epoll_event e = {.events = EPOLLIN};
	m->again_at = now_ms() + AGAIN_MS;
	if (fd < 0)
		return false;
	if (connect(fd, (const struct sockaddr *)&m->address,
		    sizeof m->address) < 0 ||
		epoll_ctl(m->epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
		close(fd);
		return false;
	}
	m->fd = fd;
	m->generation++;
	m->owed = 0;
	ask_for(m, m->room - m->waiting - (m->taken != NULL));
	return m->fd >= 0;
}

/* Waits until something has come, or the timer is due, or 'until' (ms; < 0:
 * for ever) is over; also until a packet can be sent, if 'puts'.  0, or
 * -ETIMEDOUT, -EINTR. */
static int
wait_for(struct skep_mail *m, int64_t until, bool puts)
{
	int64_t left = until < 0 ? -1 : until - now_ms();
	if (until >= 0 && left <= 0)
		return -ETIMEDOUT;
	struct pollfd p[] = {
		{m->epoll, POLLIN, 0}, {puts ? m->fd : -1, POLLOUT, 0}};
	int n = poll(p, 2, left > 60000 ? 60000 : (int)left);
	if (n < 0)
		return -errno;
	return 0;
}

/* --- Messages --- */

int
skep_mail_open(const char *path, unsigned room, struct skep_mail **out)
{
	if (!path)
		path = getenv("SKEP_MAILBOX");
	if (!path || !*path)
		return -ENOENT;
	struct skep_mail *m = calloc(1, sizeof *m);
	if (!m)
		return -ENOMEM;
	m->address.sun_family = AF_UNIX;
	m->room = room;
	m->last = &m->first;
	m->fd = m->timer = -1;
	m->pause_ms = AGAIN_MS;
	m->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (m->epoll >= 0)
		m->timer = timerfd_create(
			CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	struct epoll_event e = {.events = EPOLLIN};
	int code = 0;
	if (strlen(path) >= sizeof m->address.sun_path ||
		room > SKEP_MAIL_ROOM_MAX)
		code = -EINVAL;
	else if (m->timer < 0 ||
		 epoll_ctl(m->epoll, EPOLL_CTL_ADD, m->timer, &e) < 0)
		code = -errno;
	if (code < 0) {
		skep_mail_close(m);
		return code;
	}
	strcpy(m->address.sun_path, path);
	dial(m);
	arm_next(m);
	*out = m;
	return 0;
}

static void
free_taken(struct skep_mail *m)
{
	free(m->taken);
	m->taken = NULL;
}

void
skep_mail_close(struct skep_mail *m)
{
	if (!m)
		return;
	while (m->first) {
		free_taken(m);
		m->taken = m->first;
		m->first = m->first->next;
	}
	free_taken(m);
	if (m->fd >= 0)
		close(m->fd);
	if (m->timer >= 0)
		close(m->timer);
	if (m->epoll >= 0)
		close(m->epoll);
	free(m);
}

int
skep_mail_fd(const struct skep_mail *m)
{
	return m->epoll;
}

const char *
skep_mail_why(const struct skep_mail *m)
{
	return m->why;
}

/* Hands out the first that waits. */
static void
hand_message(struct skep_mail *m, struct skep_message *out)
{
	struct mail *mail = m->first;
	m->first = mail->next;
	if (!m->first)
		m->last = &m->first;
	m->waiting--;
	m->taken = mail;
	*out = (struct skep_message){
		.from = mail->from,
		.group = mail->group,
		.body = mail->body,
		.size = mail->size,
		.asks = mail->asks,
		.private_ = {mail->number, mail->generation},
	};
}

/* What was handed out is done with: another one may come. */
static void
give_room(struct skep_mail *m)
{
	if (!m->taken)
		return;
	free_taken(m);
	ask_for(m, 1);
}

int
skep_mail_next(struct skep_mail *m, struct skep_message *out, int timeout_ms)
{
	int64_t until = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	m->why[0] = '\0';
	give_room(m);
	for (;;) {
		dial(m);
		int code = m->first ? 0 : take_all(m);
		if (m->first)
			hand_message(m, out);
		bool is_here = m->taken != NULL;
		arm_next(m);
		if (is_here || code < 0)
			return is_here ? 1 : code;
		code = wait_for(m, until, m->owed > 0);
		ask_for(m, 0);
		if (code < 0)
			return code == -ETIMEDOUT ? 0 : code;
	}
}

/* --- Requests --- */

/* Sends a packet, waiting until it can be sent, and taking what comes
 * meanwhile; 'generation' is the connection that it has to be, 0: any.  0, a
 * code, or -errno. */
static int
deliver(struct skep_mail *m, struct skep_mail_header *h, const char *name,
	const void *body, size_t size, uint64_t generation, int64_t until)
{
	for (;;) {
		int code = take_all(m);
		if (code < 0)
			return code;
		bool is_open = m->fd >= 0 || (!generation && dial(m));
		if (generation && (!is_open || m->generation != generation))
			return tell(m, SKEP_MAIL_UNKNOWN,
				"skep-node began anew since that was asked");
		code = is_open ? put(m, h, name, body, size) : -EAGAIN;
		if (code == 0)
			return 0;
		if (code == -EMSGSIZE)
			return tell(m, SKEP_MAIL_INVALID, "it is too long");
		if (code != -EAGAIN && code != -ENOBUFS)
			end_connection(m);
		arm_dial(m);
		code = wait_for(m, until, m->fd >= 0);
		if (code == -ETIMEDOUT && m->is_crowded && m->fd < 0)
			return tell(m, SKEP_MAIL_FULL,
				"too many connections to mailboxes");
		if (code == -ETIMEDOUT)
			return tell(m, SKEP_MAIL_NO_NODE,
				"skep-node does not run, or does not hear");
		if (code < 0)
			return code;
	}
}

/* Waits for the end of the request under way. */
static int
finish(struct skep_mail *m, int64_t until)
{
	for (;;) {
		int code = take_all(m);
		if (code < 0)
			return code;
		if (m->request->is_done)
			return (int)m->request->code;
		arm(m, -1);
		code = wait_for(m, until, false);
		if (code == -ETIMEDOUT)
			return tell(m, SKEP_MAIL_TIMEOUT,
				"skep-node did not say what became of it");
		if (code < 0)
			return code;
	}
}

/* One request, from its first packet to its end. */
static int
ask(struct skep_mail *m, struct skep_mail_header *h, const char *name,
	const void *body, size_t size, struct request *request)
{
	int64_t until = now_ms() + LATE_MS +
			(h->timeout_ms ? h->timeout_ms : REQUEST_MS);
	m->why[0] = '\0';
	if (!*name || strlen(name) > 255 || size > SKEP_MAIL_BODY_MAX)
		return tell(m, SKEP_MAIL_INVALID,
			size > SKEP_MAIL_BODY_MAX ? "it is too long"
						  : "that is no name");
	request->tag = m->tag = m->tag == UINT32_MAX ? 1 : m->tag + 1;
	h->tag = request->tag;
	int code = deliver(m, h, name, body, size, 0, until);
	m->request = request;
	if (code == 0)
		code = finish(m, until);
	m->request = NULL;
	arm_next(m);
	return code;
}

int
skep_mail_reply(struct skep_mail *m, const struct skep_message *to,
	const void *body, size_t size)
{
	struct skep_mail_header h = {
		.op = SKEP_MAIL_REPLY, .number = to->private_[0]};
	if (!to->asks)
		return tell(m, SKEP_MAIL_INVALID, "nobody waits for an answer");
	if (size > SKEP_MAIL_BODY_MAX)
		return tell(m, SKEP_MAIL_INVALID, "it is too long");
	m->why[0] = '\0';
	int code = deliver(
		m, &h, "", body, size, to->private_[1], now_ms() + REQUEST_MS);
	arm_next(m);
	return code;
}

int
skep_mail_send(struct skep_mail *m, const char *name, const void *body,
	size_t size, unsigned flags, unsigned timeout_ms)
{
	struct request request = {0};
	struct skep_mail_header h = {.op = SKEP_MAIL_SEND,
		.flags = (uint16_t)flags,
		.timeout_ms = timeout_ms};
	return ask(m, &h, name, body, size, &request);
}

int
skep_mail_publish(struct skep_mail *m, const char *group, const void *body,
	size_t size, unsigned timeout_ms)
{
	struct request request = {0};
	struct skep_mail_header h = {
		.op = SKEP_MAIL_PUBLISH, .timeout_ms = timeout_ms};
	return ask(m, &h, group, body, size, &request);
}

/* Keeps the one answer of a call: another packet will stand in its place. */
static void
keep_answer(const struct skep_answer *answer, void *context)
{
	struct skep_mail *m = context;
	m->answer = *answer;
	memcpy(m->answer_body, answer->body, answer->size);
	m->answer.body = m->answer_body;
}

int
skep_mail_call(struct skep_mail *m, const char *name, const void *body,
	size_t size, unsigned timeout_ms, struct skep_answer *out)
{
	struct request request = {.fn = keep_answer, .context = m};
	struct skep_mail_header h = {
		.op = SKEP_MAIL_CALL, .timeout_ms = timeout_ms};
	m->answer = (struct skep_answer){
		.code = SKEP_MAIL_FAILED, .from = "", .text = "", .body = ""};
	int code = ask(m, &h, name, body, size, &request);
	*out = m->answer;
	return code;
}

int
skep_mail_multicall(struct skep_mail *m, const char *group, const void *body,
	size_t size, unsigned timeout_ms, skep_answer_fn *fn, void *context)
{
	struct request request = {.fn = fn, .context = context};
	struct skep_mail_header h = {
		.op = SKEP_MAIL_MULTICALL, .timeout_ms = timeout_ms};
	return ask(m, &h, group, body, size, &request);
}
