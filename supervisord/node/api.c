#include "node/api.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "node/api_private.h"
#include "sys/clock.h"
#include "sys/say.h"

/* Bytes of a body that is refused anyway and still read, so that its sender
 * gets to see the refusal. */
#define DISCARD_MAX (8 * API_BODY_MAX)
#define BEAT_S	    10.0

static void
run(struct api *api)
{
	MHD_UNSIGNED_LONG_LONG ms = 0;
	api->is_woken = false;
	MHD_run(api->daemon);
	ev_timer_stop(api->node->loop, &api->timer);
	if (!api->is_woken && MHD_get_timeout(api->daemon, &ms) != MHD_YES)
		return;
	ev_timer_set(&api->timer, (double)ms / 1000.0, 0.0);
	ev_timer_start(api->node->loop, &api->timer);
}

static void
on_io(struct ev_loop *loop, struct ev_io *w, int revents)
{
	(void)loop;
	(void)revents;
	run(container_of(w, struct api, io));
}

static void
on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	run(container_of(w, struct api, timer));
}

static void
on_beat(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	struct api *api = container_of(w, struct api, beat);
	list_each_safe (it, &api->streams) {
		struct stream *s = container_of(it, struct stream, link);
		if (s->beat && s->out.size == 0)
			stream_add(s, s->beat, strlen(s->beat));
	}
}

/* MHD says that a client came or left. */
static void
on_connection(void *context, struct MHD_Connection *connection,
	void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	struct api *api = context;
	struct api_client *client = *socket_context;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (client)
			api_idle_on_left(&api->idle, client);
		free(client);
		*socket_context = NULL;
		return;
	}
	client = calloc(1, sizeof(*client));
	if (!client)
		return;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	client->fd = info->connect_fd;
	int rc = api_peer_read(&client->peer, &api->groups, client->fd);
	if (rc < 0)
		say(SAY_WARNING, "api: cannot tell who connects: %s",
			strerror(-rc));
	api_idle_on_came(&api->idle, client);
	*socket_context = client;
}

/* What is known of a connection since it came, or NULL. */
static struct api_client *
client_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

int
call_fd(const struct call *c)
{
	return MHD_get_connection_info(
		c->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
		->connect_fd;
}

static enum MHD_Result
queue(struct call *c)
{
	enum MHD_Result rc =
		MHD_queue_response(c->connection, c->status, c->response);
	MHD_destroy_response(c->response);
	c->response = NULL;
	return rc;
}

static void
refuse_route(struct call *c, const char *method, const char *path,
	const char *allowed, const char *fault)
{
	if (fault) {
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"%.128s%s: %s", path, strlen(path) > 128 ? "..." : "",
			fault);
		return;
	}
	if (!*allowed) {
		call_reply_error(c, MHD_HTTP_NOT_FOUND, "not_found",
			"there is no %s", path);
		return;
	}
	call_reply_error(c, MHD_HTTP_METHOD_NOT_ALLOWED, "method_not_allowed",
		"%s takes %s, not %s", path, allowed, method);
	MHD_add_response_header(c->response, MHD_HTTP_HEADER_ALLOW, allowed);
}

static void
refuse_role(struct call *c, enum api_role role)
{
	c->api->refused++;
	call_reply_error(c, MHD_HTTP_FORBIDDEN, "forbidden",
		"uid %u may not do this; it needs to be root or in the group "
		"of api.%s of skep.conf",
		(unsigned)c->peer.uid, api_role_key(role));
}

static enum api_role
role_needed(const struct call *c)
{
	if (c->route->handle == api_post_node_verb)
		return api_node_verb_role(c->captures[1]);
	return c->route->role;
}

/* Looks at a new request before its body comes. */
static void
admit(struct call *c, const char *method, const char *path)
{
	const char *allowed, *fault;
	c->is_admitted = true;
	c->body_until = mono_add(clock_mono(), c->api->body_ms);
	c->route = api_route_find(method, path, c->captures, &allowed, &fault);
	if (!c->route) {
		refuse_route(c, method, path, allowed, fault);
		return;
	}
	enum api_role role = role_needed(c);
	if (c->peer.role < role) {
		refuse_role(c, role);
		return;
	}
	const char *length = MHD_lookup_connection_value(
		c->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
	if (length && strtoull(length, NULL, 10) > API_BODY_MAX)
		call_reply_error(c, MHD_HTTP_CONTENT_TOO_LARGE, "too_large",
			"a body is at most %u bytes", API_BODY_MAX);
}

static struct call *
call_new(struct api *api, struct MHD_Connection *connection)
{
	struct call *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->api = api;
	c->connection = connection;
	list_init(&c->asks);
	list_append(&api->calls, &c->link);
	const struct api_client *client = client_of(connection);
	if (client)
		c->peer = client->peer;
	return c;
}

/* The first that is known of a request: its path and query as they came.  The
 * library decodes the path before it hands it on, and of a "%2F" nothing would
 * be left to tell it from a slash. */
static void *
on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
	struct call *c = call_new(context, connection);
	if (!c)
		return NULL;
	c->path = strndup(uri, strcspn(uri, "?"));
	CHECK(c->path);
	return c;
}

/* Forgets a body, and gives back what it took of the room for all. */
static void
drop_body(struct call *c)
{
	CHECK(c->api->body_bytes >= c->body.size);
	c->api->body_bytes -= c->body.size;
	api_text_fini(&c->body);
	c->body = (struct api_text){0};
}

/* Whether there is room for more among all bodies.  Who may only look leaves
 * half of it to others: they are to have their say however many of those send
 * slowly. */
static bool
has_room(const struct call *c, size_t more)
{
	size_t max = c->peer.role < ROLE_OPERATE ? API_BODIES_MAX / 2
						 : API_BODIES_MAX;
	return c->api->body_bytes + more <= max;
}

/* Keeps more of a body, or nothing of it from now on. */
static void
add_to_body(struct call *c, const char *data, size_t size)
{
	if (c->body_fault != BODY_FINE)
		return;
	if (c->body.size + size > API_BODY_MAX)
		c->body_fault = BODY_TOO_LARGE;
	else if (!has_room(c, size))
		c->body_fault = BODY_NO_ROOM;
	if (c->body_fault != BODY_FINE) {
		drop_body(c);
		return;
	}
	api_text_add(&c->body, data, size);
	c->api->body_bytes += size;
}

static enum MHD_Result
take_body(struct call *c, const char *data, size_t *size)
{
	static struct say_limit limit;
	c->body_size += *size;
	add_to_body(c, data, *size);
	*size = 0;
	if (!mono_reached(c->body_until, clock_mono()))
		return c->body_size <= DISCARD_MAX ? MHD_YES : MHD_NO;
	say_limited(&limit, 1, SAY_WARNING,
		"api: a body was not whole within %d s: its connection is "
		"closed (uid %u, pid %d)",
		API_BODY_S, (unsigned)c->peer.uid, (int)c->peer.pid);
	return MHD_NO;
}

static void
refuse_body(struct call *c)
{
	if (c->body_fault == BODY_TOO_LARGE)
		call_reply_error(c, MHD_HTTP_CONTENT_TOO_LARGE, "too_large",
			"a body is at most %u bytes", API_BODY_MAX);
	else
		call_reply_error(c, MHD_HTTP_SERVICE_UNAVAILABLE, "busy",
			"the bodies of other requests take all room that there "
			"is for them: try again");
}

/* Whether a route changes or plans something, which needs the whole store. */
static bool
is_for_the_core(const struct api_route *route)
{
	return strcmp(route->method, "GET") != 0 &&
	       route->handle != api_post_validate;
}

static void
handle(struct call *c)
{
	c->is_handled = true;
	c->api->requests++;
	if (c->body_fault != BODY_FINE)
		refuse_body(c);
	else if (!c->api->node->is_booted && is_for_the_core(c->route))
		call_reply_error(c, MHD_HTTP_SERVICE_UNAVAILABLE, "starting",
			"the node has not read its store yet: try again");
	else
		c->route->handle(c);
}

/* Wakes a connection; the library takes notice in its next run, which nothing
 * else would cause. */
static void
resume(struct call *c)
{
	struct api *api = c->api;
	c->is_suspended = false;
	ev_io_stop(api->node->loop, &c->watcher);
	MHD_resume_connection(c->connection);
	api->is_woken = true;
	ev_timer_stop(api->node->loop, &api->timer);
	ev_timer_set(&api->timer, 0.0, 0.0);
	ev_timer_start(api->node->loop, &api->timer);
}

/* Whether nobody can read an answer any more; a client that only closed its
 * sending side still waits. */
static bool
is_hung_up(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

/* The asker of a suspended call closed its end, or sent more.  What it sent
 * is the next request's; only a closed end is news. */
static void
on_watched(struct ev_loop *loop, struct ev_io *w, int revents)
{
	(void)revents;
	struct call *c = container_of(w, struct call, watcher);
	char byte;
	ssize_t n = recv(w->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	ev_io_stop(loop, w);
	if (n > 0 || !is_hung_up(w->fd))
		return;
	c->is_gone = true;
	resume(c);
}

void
call_suspend(struct call *c)
{
	CHECK(!c->is_suspended);
	int fd = call_fd(c);
	c->is_suspended = true;
	MHD_suspend_connection(c->connection);
	ev_io_init(&c->watcher, on_watched, fd, EV_READ);
	ev_io_start(c->api->node->loop, &c->watcher);
}

void
call_resume(struct call *c)
{
	if (c->is_suspended)
		resume(c);
}

static enum MHD_Result
on_request(void *context, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *data,
	size_t *data_size, void **call)
{
	(void)version;
	(void)url;
	(void)context;
	struct call *c = *call;
	struct api_client *client = client_of(connection);
	if (!c)
		return MHD_NO;
	if (client && !c->is_handled)
		api_idle_on_said(&c->api->idle, client);
	if (!c->is_admitted) {
		admit(c, method, c->path);
		return c->response ? queue(c) : MHD_YES;
	}
	if (*data_size)
		return take_body(c, data, data_size);
	if (c->is_gone)
		return MHD_NO;
	if (!c->is_handled) {
		if (client)
			api_idle_on_asked(client);
		handle(c);
	}
	if (c->response)
		return queue(c);
	call_suspend(c);
	return MHD_YES;
}

/* One request to the core under way. */
struct ask {
	struct list link; /* in call.asks */
	struct call *call;
	call_answer_fn *fn;
	size_t index;
	uint64_t id;
	bool is_sent; /* 'id' is known */
	bool is_done;
};

static void
call_maybe_free(struct call *c)
{
	if (c->connection || c->holds)
		return;
	if (c->data_free)
		c->data_free(c->data);
	free(c->path);
	free(c);
}

static void
drop_asks(struct call *c)
{
	list_each_safe (it, &c->asks) {
		struct ask *ask = container_of(it, struct ask, link);
		list_remove(&ask->link);
		if (!ask->is_sent) {
			ask->is_done = true;
			continue;
		}
		node_cancel(c->api->node, ask->id);
		free(ask);
	}
}

static void
on_completed(void *context, struct MHD_Connection *connection, void **call,
	enum MHD_RequestTerminationCode code)
{
	(void)code;
	struct call *c = *call;
	struct api_client *client = client_of(connection);
	if (client)
		api_idle_on_said(&((struct api *)context)->idle, client);
	if (!c)
		return;
	*call = NULL;
	ev_io_stop(c->api->node->loop, &c->watcher);
	drop_asks(c);
	drop_body(c); /* now: a call that is held may outlive the API */
	c->is_gone = true;
	c->connection = NULL;
	list_remove(&c->link);
	if (c->response)
		MHD_destroy_response(c->response);
	c->response = NULL;
	call_maybe_free(c);
}

static void
on_mhd_log(void *context, const char *format, va_list args)
{
	static struct say_limit limit;
	char line[256];
	(void)context;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	say_limited(&limit, 5, SAY_INFO, "api: %s", line);
}

/* Half of the descriptors that there may be stay for the rest of the node. */
static unsigned
clients_max(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 256;
	if (limit.rlim_cur / 2 > API_CLIENTS_MAX)
		return API_CLIENTS_MAX;
	return limit.rlim_cur < 32 ? 16 : (unsigned)(limit.rlim_cur / 2);
}

static int
start_daemon(struct api *api, int fd, struct err *err)
{
	api->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME, 0,
		NULL, NULL, on_request, api,
		/* First, so that nothing is logged by the library itself. */
		MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL,
		MHD_OPTION_URI_LOG_CALLBACK, on_uri, api,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, api, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
		api, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)API_IDLE_S,
		MHD_OPTION_CONNECTION_LIMIT, api->idle.max,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)16384,
		MHD_OPTION_END);
	if (!api->daemon)
		return err_set(err, -EIO,
			"api: libmicrohttpd does not start on the control "
			"socket");
	return 0;
}

static void
start_watchers(struct api *api)
{
	struct ev_loop *loop = api->node->loop;
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	ev_io_init(&api->io, on_io, info->epoll_fd, EV_READ);
	ev_io_start(loop, &api->io);
	ev_timer_init(&api->timer, on_timer, 0.0, 0.0);
	ev_timer_start(loop, &api->timer);
	ev_timer_init(&api->beat, on_beat, BEAT_S, BEAT_S);
	ev_timer_start(loop, &api->beat);
}

struct api *
api_new(struct node *n, int control_fd, int tcp_fd, struct err *err)
{
	if (tcp_fd >= 0) {
		err_set(err, -ENOTSUP, "api.listen: not supported yet");
		return NULL;
	}
	struct api *api = calloc(1, sizeof(*api));
	if (!api) {
		err_sys(err, -ENOMEM, "api");
		return NULL;
	}
	api->node = n;
	api->body_ms = API_BODY_S * 1000;
	list_init(&api->calls);
	list_init(&api->streams);
	api_idle_init(&api->idle, clients_max());
	/* A role whose group is missing is nobody's; no reason to be mute. */
	const struct conf_api *conf = &n->conf.api;
	struct err missing;
	if (api_groups_resolve(&api->groups, conf->read_group,
		    conf->operate_group, conf->admin_group, &missing) < 0)
		say(SAY_WARNING, "%s", missing.text);
	if (start_daemon(api, control_fd, err) < 0) {
		free(api);
		return NULL;
	}
	start_watchers(api);
	return api;
}

void
api_free(struct api *api)
{
	if (!api)
		return;
	list_each (it, &api->calls) {
		struct call *c = container_of(it, struct call, link);
		c->is_gone = true;
		call_resume(c);
	}
	ev_io_stop(api->node->loop, &api->io);
	ev_timer_stop(api->node->loop, &api->timer);
	ev_timer_stop(api->node->loop, &api->beat);
	MHD_stop_daemon(api->daemon);
	CHECK(list_is_empty(&api->calls));
	CHECK(list_is_empty(&api->streams));
	CHECK(api->body_bytes == 0);
	free(api);
}

struct actor
call_actor(const struct call *c)
{
	return (struct actor){
		.uid = (uint32_t)c->peer.uid, .pid = (uint32_t)c->peer.pid};
}

void
call_hold(struct call *c)
{
	c->holds++;
}

bool
call_release(struct call *c)
{
	CHECK(c->holds > 0);
	c->holds--;
	if (!c->is_gone)
		return true;
	call_maybe_free(c);
	return false;
}

static void
on_answer(void *context, enum reply_code code, const char *text)
{
	struct ask *ask = context;
	ask->is_done = true;
	list_remove(&ask->link);
	if (!ask->call->is_gone) {
		if (ask->fn)
			ask->fn(ask->call, ask->index, code, text);
		else
			call_reply_code(ask->call, code, text);
	}
	if (ask->is_sent)
		free(ask);
}

static struct ask *
ask_new(struct call *c, call_answer_fn *fn, size_t index)
{
	struct ask *ask = calloc(1, sizeof(*ask));
	CHECK(ask);
	ask->call = c;
	ask->fn = fn;
	ask->index = index;
	list_append(&c->asks, &ask->link);
	return ask;
}

/* The answer may have come before its number is known. */
static void
ask_sent(struct ask *ask, uint64_t id)
{
	ask->id = id;
	ask->is_sent = true;
	if (ask->is_done)
		free(ask);
}

void
call_ask(struct call *c, struct input *in, call_answer_fn *fn, size_t index)
{
	struct ask *ask = ask_new(c, fn, index);
	ask_sent(ask, node_request(c->api->node, in, on_answer, ask));
}

void
call_order(struct call *c, call_order_fn *order)
{
	struct ask *ask = ask_new(c, NULL, 0);
	ask_sent(ask, order(c->api->node, on_answer, ask));
}
