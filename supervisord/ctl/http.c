#include "ctl/http.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys/clock.h"

void
http_parser_init(struct http_parser *p, http_body_fn *on_body, void *context)
{
	memset(p, 0, sizeof(*p));
	p->on_body = on_body;
	p->context = context;
}

static int
bad(struct http_parser *p)
{
	p->state = HTTP_BAD;
	return -EBADMSG;
}

/* "HTTP/1.1 200 OK" */
static int
take_status_line(struct http_parser *p)
{
	const char *line = p->line;
	if (strncmp(line, "HTTP/1.", 7) != 0 || !line[7] || line[8] != ' ')
		return bad(p);
	for (int i = 9; i < 12; i++)
		if (line[i] < '0' || line[i] > '9')
			return bad(p);
	if (line[12] != ' ' && line[12] != '\0')
		return bad(p);
	p->status = (unsigned)((line[9] - '0') * 100 + (line[10] - '0') * 10 +
			       (line[11] - '0'));
	if (p->status < 100)
		return bad(p);
	p->state = HTTP_HEADER;
	return 0;
}

/* The value of header 'name' if 'line' is that header, or NULL. */
static const char *
header_value(const char *line, const char *name)
{
	size_t size = strlen(name);
	if (strncasecmp(line, name, size) != 0 || line[size] != ':')
		return NULL;
	return line + size + 1 + strspn(line + size + 1, " \t");
}

/* Reads digits of 'base' up to a byte that is none; false for none at all or
 * a number above 2^62. */
static bool
read_number(const char *text, unsigned base, uint64_t *out, const char **end)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t value = 0;
	const char *p = text;
	for (; *p; p++) {
		char c = *p >= 'A' && *p <= 'F' ? (char)(*p + 32) : *p;
		const char *digit = strchr(digits, c);
		if (!digit || (unsigned)(digit - digits) >= base)
			break;
		if (value >> 58)
			return false;
		value = value * base + (unsigned)(digit - digits);
	}
	*out = value;
	*end = p;
	return p > text;
}

/* The head is complete: what comes now? */
static void
begin_body(struct http_parser *p)
{
	if (p->status < 200) { /* 100 Continue: the real head follows */
		p->status = 0;
		p->headers = 0;
		p->state = HTTP_STATUS_LINE;
	} else if (p->status == 204 || p->status == 304) {
		p->state = HTTP_DONE;
	} else if (p->is_chunked) {
		p->state = HTTP_CHUNK_SIZE;
	} else if (p->has_length) {
		p->state = p->left ? HTTP_BODY : HTTP_DONE;
	} else {
		p->state = HTTP_BODY_TO_END;
	}
}

static int
take_header(struct http_parser *p)
{
	if (p->line[0] == '\0') {
		begin_body(p);
		return 0;
	}
	if (++p->headers > HTTP_HEADERS_MAX || !strchr(p->line, ':'))
		return bad(p);
	const char *value = header_value(p->line, "Content-Length");
	const char *end;
	if (value) {
		if (p->has_length || !read_number(value, 10, &p->left, &end) ||
			end[strspn(end, " \t")])
			return bad(p);
		p->has_length = true;
	}
	value = header_value(p->line, "Transfer-Encoding");
	if (value && strcasecmp(value, "chunked") != 0)
		return bad(p);
	p->is_chunked |= value != NULL;
	return 0;
}

static int
take_chunk_size(struct http_parser *p)
{
	const char *end;
	if (!read_number(p->line, 16, &p->left, &end))
		return bad(p);
	if (*end && *end != ';' && *end != ' ' && *end != '\t')
		return bad(p);
	p->state = p->left ? HTTP_CHUNK : HTTP_TRAILER;
	return 0;
}

/* A whole line is in 'line', without its end. */
static int
take_line(struct http_parser *p)
{
	switch (p->state) {
	case HTTP_STATUS_LINE:
		return take_status_line(p);
	case HTTP_HEADER:
		return take_header(p);
	case HTTP_CHUNK_SIZE:
		return take_chunk_size(p);
	case HTTP_CHUNK_END:
		if (p->line[0])
			return bad(p);
		p->state = HTTP_CHUNK_SIZE;
		return 0;
	case HTTP_TRAILER:
		if (!p->line[0])
			p->state = HTTP_DONE;
		else if (++p->headers > HTTP_HEADERS_MAX)
			return bad(p);
		return 0;
	case HTTP_BODY:
	case HTTP_BODY_TO_END:
	case HTTP_CHUNK:
	case HTTP_DONE:
	case HTTP_BAD:
		break;
	}
	return bad(p);
}

static bool
is_in_lines(const struct http_parser *p)
{
	return p->state == HTTP_STATUS_LINE || p->state == HTTP_HEADER ||
	       p->state == HTTP_CHUNK_SIZE || p->state == HTTP_CHUNK_END ||
	       p->state == HTTP_TRAILER;
}

static int
feed_line_byte(struct http_parser *p, char c)
{
	if (c == '\0')
		return bad(p);
	if (c != '\n') {
		if (p->line_size + 1 >= sizeof(p->line))
			return bad(p);
		p->line[p->line_size++] = c;
		return 0;
	}
	if (p->line_size && p->line[p->line_size - 1] == '\r')
		p->line_size--;
	p->line[p->line_size] = '\0';
	p->line_size = 0;
	return take_line(p);
}

/* Hands over what belongs to the body; returns how much, or < 0. */
static int64_t
feed_body(struct http_parser *p, const char *data, size_t size)
{
	bool is_bounded = p->state != HTTP_BODY_TO_END;
	if (is_bounded && size > p->left)
		size = (size_t)p->left;
	int rc = p->on_body ? p->on_body(p->context, data, size) : 0;
	if (rc)
		return rc < 0 ? rc : -ECANCELED;
	if (!is_bounded)
		return (int64_t)size;
	p->left -= size;
	if (p->left == 0)
		p->state = p->state == HTTP_CHUNK ? HTTP_CHUNK_END : HTTP_DONE;
	return (int64_t)size;
}

int
http_parser_feed(struct http_parser *p, const void *data, size_t size)
{
	const char *at = data;
	const char *end = at + size;
	while (at < end && p->state != HTTP_DONE) {
		if (p->state == HTTP_BAD)
			return -EBADMSG;
		if (is_in_lines(p)) {
			int rc = feed_line_byte(p, *at++);
			if (rc)
				return rc;
			continue;
		}
		int64_t taken = feed_body(p, at, (size_t)(end - at));
		if (taken < 0)
			return (int)taken;
		at += taken;
	}
	return 0;
}

int
http_parser_end(struct http_parser *p)
{
	if (p->state == HTTP_BODY_TO_END)
		p->state = HTTP_DONE;
	return p->state == HTTP_DONE ? 0 : -EPIPE;
}

/* --- over a socket --- */

static int
open_socket(const char *path, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(err, -ENAMETOOLONG,
			"the socket's path is too long: %s", path);
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, -errno, "socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int rc = -errno;
		close(fd);
		return err_sys(err, rc, "cannot reach skepd at %s", path);
	}
	return fd;
}

static int
wait_for(int fd, short events, int64_t timeout_ms, struct err *err)
{
	mono deadline = timeout_ms < 0 ? MONO_NEVER
				       : mono_add(clock_mono(), timeout_ms);
	for (;;) {
		struct pollfd p = {.fd = fd, .events = events};
		int64_t left = mono_diff(deadline, clock_mono());
		int ms = timeout_ms < 0 ? -1 : left < 0 ? 0 : (int)left;
		int rc = poll(&p, 1, ms);
		if (rc > 0)
			return 0;
		if (rc == 0)
			return err_set(err, -ETIMEDOUT,
				"skepd did not answer in time");
		if (errno != EINTR)
			return err_sys(err, -errno, "poll");
	}
}

/* Sends all of it.  A server that refuses early stops reading and answers:
 * then the rest is not needed. */
static int
send_all(int fd, const void *data, size_t size, int64_t timeout_ms,
	struct err *err)
{
	const char *at = data;
	while (size) {
		ssize_t n = send(fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0) {
			at += n;
			size -= (size_t)n;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(err, -errno, "send");
		int rc = wait_for(fd, POLLOUT, timeout_ms, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int
receive(int fd, struct http_parser *p, int64_t timeout_ms, struct err *err)
{
	char buffer[65536];
	while (p->state != HTTP_DONE) {
		int rc = wait_for(fd, POLLIN, timeout_ms, err);
		if (rc < 0)
			return rc;
		ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			rc = http_parser_end(p);
			return rc < 0 ? err_set(err, rc,
						"skepd closed the connection")
				      : 0;
		}
		rc = http_parser_feed(p, buffer, (size_t)n);
		if (rc == -EBADMSG)
			err_set(err, rc, "what listens there is not skepd");
		if (rc < 0)
			return rc;
	}
	return 0;
}

int
http_call(const char *socket_path, const struct http_request *request,
	struct http_parser *p, struct err *err)
{
	char head[4096];
	int size = snprintf(head, sizeof(head),
		"%s %s HTTP/1.1\r\nHost: skepd\r\nConnection: close\r\n"
		"Content-Length: %zu\r\n%s%s%s\r\n",
		request->method, request->path, request->body_size,
		request->body ? "Content-Type: " : "",
		request->body ? request->body_type : "",
		request->body ? "\r\n" : "");
	if (size < 0 || (size_t)size >= sizeof(head))
		return err_set(err, -E2BIG, "the request is too long");
	int fd = open_socket(socket_path, err);
	if (fd < 0)
		return fd;
	int rc = send_all(fd, head, (size_t)size, request->timeout_ms, err);
	if (rc == 0 && request->body)
		rc = send_all(fd, request->body, request->body_size,
			request->timeout_ms, err);
	if (rc == 0)
		rc = receive(fd, p, request->timeout_ms, err);
	close(fd);
	return rc;
}

bool
http_escape(char *out, size_t size, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~@";
	size_t used = strlen(out);
	for (; *text; text++) {
		bool is_plain = strchr(plain, *text) != NULL;
		if (used + (is_plain ? 1 : 3) >= size)
			return false;
		if (is_plain)
			out[used++] = *text;
		else
			used += (size_t)snprintf(
				out + used, 4, "%%%02X", (unsigned char)*text);
		out[used] = '\0';
	}
	return true;
}
