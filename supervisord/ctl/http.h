/* A small HTTP/1.1 client for one kind of server: ours, on a Unix socket.
 *
 * One request per connection, no redirects, no compression.  The parser is a
 * machine of its own, fed with whatever bytes arrive, so that it can be
 * tested and fuzzed without a socket.  It understands Content-Length,
 * chunked bodies (extensions and trailers are skipped) and a body that ends
 * with the connection.
 *
 * Errors: -ECONNREFUSED, -ENOENT and others of connect(2); -ETIMEDOUT when
 * the deadline passed; -EBADMSG for an answer that is no HTTP; -EPIPE for one
 * that was cut off; what a body callback returned.
 */
#ifndef SKEP_CTL_HTTP_H
#define SKEP_CTL_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/err.h"

#define HTTP_LINE_MAX	 8192 /* bytes of one line of a head */
#define HTTP_HEADERS_MAX 100  /* lines of one head */

/* Takes a piece of the body; not 0 ends the parsing with that value. */
typedef int http_body_fn(void *context, const void *data, size_t size);

enum http_state {
	HTTP_STATUS_LINE,
	HTTP_HEADER,
	HTTP_BODY,	  /* 'left' bytes of it to come */
	HTTP_BODY_TO_END, /* ends with the connection */
	HTTP_CHUNK_SIZE,
	HTTP_CHUNK,	/* 'left' bytes of it to come */
	HTTP_CHUNK_END, /* the empty line behind it */
	HTTP_TRAILER,
	HTTP_DONE,
	HTTP_BAD,
};

/* One answer in the making. */
struct http_parser {
	enum http_state state;
	unsigned status; /* 0 until the status line is here */
	bool is_chunked;
	bool has_length;
	uint64_t left;		  /* bytes, see the states */
	unsigned headers;	  /* lines seen */
	char line[HTTP_LINE_MAX]; /* the line being collected */
	size_t line_size;
	http_body_fn *on_body;
	void *context;
};

/* Starts an answer; 'on_body' gets its body. */
void http_parser_init(
	struct http_parser *p, http_body_fn *on_body, void *context);

/* Feeds 'size' bytes.  0, -EBADMSG, or what 'on_body' returned.  Bytes after
 * the end of the answer are ignored. */
int http_parser_feed(struct http_parser *p, const void *data, size_t size);

/* The connection ended.  0 if the answer is whole, -EPIPE if it was cut. */
int http_parser_end(struct http_parser *p);

/* One request. */
struct http_request {
	const char *method;
	const char *path; /* escaped, with its query */
	const void *body; /* NULL for none */
	size_t body_size;
	const char *body_type; /* Content-Type, with a body */
	int64_t timeout_ms;    /* for silence; < 0: none */
};

/* Connects to the Unix socket, sends, and parses the answer into 'p' (which
 * the caller has initialised). */
int http_call(const char *socket_path, const struct http_request *request,
	struct http_parser *p, struct err *err);

/* Appends 'text' to a path or query in 'out' (a NUL-terminated text in 'size'
 * bytes), escaped.  False when it does not fit. */
bool http_escape(char *out, size_t size, const char *text);

#endif
