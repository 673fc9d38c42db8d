#include "api_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/pool.h"

char directory[] = "/tmp/skep-api-XXXXXX";
struct sockaddr_un address = {.sun_family = AF_UNIX};
struct node *node;
struct api *api;

void
setup(void)
{
	struct err err;
	strcpy(directory, "/tmp/skep-api-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chmod(directory, 0755), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/sock",
		directory);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(
		bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(chmod(address.sun_path, 0666), 0);
	ck_assert_int_eq(listen(fd, 4096), 0);
	stub_reset();
	node = calloc(1, sizeof(*node));
	node->loop = ev_loop_new(EVFLAG_AUTO);
	node->is_booted = true;
	node->weaker_why = "";
	strcpy(node->conf.node.log_dir, directory);
	strcpy(node->conf.node.name, "alpha");
	api = api_new(node, fd, -1, &err);
	ck_assert_msg(api, "%s", err.text);
}

void
teardown(void)
{
	char command[128];
	api_free(api);
	pool_free(node->readers);
	node->readers = NULL;
	ev_loop_destroy(node->loop);
	free(node);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	ck_assert_int_eq(system(command), 0);
}

int
on_body(void *context, const void *data, size_t size)
{
	struct client *c = context;
	c->body = realloc(c->body, c->size + size + 1);
	memcpy(c->body + c->size, data, size);
	c->size += size;
	c->body[c->size] = '\0';
	return 0;
}

struct client *
client_new(void)
{
	struct client *c = calloc(1, sizeof(*c));
	http_parser_init(&c->parser, on_body, c);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(c->fd, 0);
	ck_assert_int_eq(
		connect(c->fd, (struct sockaddr *)&address, sizeof(address)),
		0);
	return c;
}

void
client_free(struct client *c)
{
	close(c->fd);
	free(c->body);
	free(c);
}

void
turn(void)
{
	ev_run(node->loop, EVRUN_NOWAIT);
}

void
client_read(struct client *c)
{
	char buffer[65536];
	ssize_t n;
	while ((n = recv(c->fd, buffer, sizeof(buffer), 0)) > 0)
		ck_assert_int_eq(
			http_parser_feed(&c->parser, buffer, (size_t)n), 0);
	if (n == 0 || errno == ECONNRESET)
		c->is_closed = true;
}

bool
is_answered(struct client *c)
{
	client_read(c);
	return c->parser.state == HTTP_DONE || c->is_closed;
}

void
client_send(struct client *c, const char *data, size_t size)
{
	while (size) {
		ssize_t n = send(c->fd, data, size, MSG_NOSIGNAL);
		turn();
		client_read(c);
		if (c->parser.state == HTTP_DONE || c->is_closed)
			return;
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n < 0)
			return;
		data += n;
		size -= (size_t)n;
	}
}

void
client_ask(struct client *c, const char *method, const char *path,
	const char *body)
{
	char head[4096];
	size_t size = body ? strlen(body) : 0;
	snprintf(head, sizeof(head),
		"%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
		method, path, size);
	client_send(c, head, strlen(head));
	if (body)
		client_send(c, body, size);
}

unsigned
ask(const char *method, const char *path, const char *body, json_t **out)
{
	struct client *c = client_new();
	client_ask(c, method, path, body);
	UNTIL(is_answered(c));
	unsigned status = c->parser.status;
	*out = json_loadb(c->body ? c->body : "", c->size, 0, NULL);
	client_free(c);
	return status;
}

const char *
text_at(json_t *o, const char *first, const char *second)
{
	const char *text = json_string_value(
		json_object_get(json_object_get(o, first), second));
	return text ? text : "";
}
