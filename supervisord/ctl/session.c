#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "ctl/ctl.h"
#include "sys/conf.h"

#define ANSWER_MAX	(1u << 30)
#define CALL_TIMEOUT_MS 60000
#define HOST_SOCKET	"/run/skep/skepd.sock"

void
ctl_find_socket(struct ctl *ctl)
{
	const char *socket = ctl->opt.socket;
	if (!socket)
		socket = getenv("SKEP_SOCKET");
	if (socket && *socket) {
		snprintf(ctl->socket, sizeof(ctl->socket), "%s", socket);
		return;
	}
	/* An ordinary user has a skepd of its own, or else asks the host's. */
	struct conf *conf = malloc(sizeof(*conf));
	CHECK(conf);
	if (conf_load(NULL, conf, &ctl->err) == 0)
		snprintf(ctl->socket, sizeof(ctl->socket), "%s/skepd.sock",
			conf->node.run_dir);
	free(conf);
	if (!*ctl->socket || (access(ctl->socket, F_OK) < 0 &&
				     access(HOST_SOCKET, F_OK) == 0))
		strcpy(ctl->socket, HOST_SOCKET);
}

/* A body in the making. */
struct answer {
	char *data;
	size_t size;
	size_t capacity;
};

static int
collect(void *context, const void *data, size_t size)
{
	struct answer *a = context;
	if (a->size + size > ANSWER_MAX)
		return -EFBIG;
	if (a->size + size + 1 > a->capacity) {
		a->capacity = 2 * (a->size + size + 1);
		a->data = realloc(a->data, a->capacity);
		CHECK(a->data);
	}
	memcpy(a->data + a->size, data, size);
	a->size += size;
	a->data[a->size] = '\0';
	return 0;
}

/* The exit code for what the connection did. */
static int
code_for_errno(int rc)
{
	switch (-rc) {
	case EACCES:
	case EPERM:
		return EXIT_NOT_PERMITTED;
	case ETIMEDOUT:
		return EXIT_TIMEOUT;
	case ECONNREFUSED:
	case ENOENT:
	case ENOTSOCK:
	case EPIPE:
	case ECONNRESET:
	case EAGAIN:
		return EXIT_UNREACHABLE;
	default:
		return EXIT_FAILED;
	}
}

/* "Not found" is an answer to 'status' and 'where', a failure elsewhere. */
static int
code_for_status(const struct ctl *ctl)
{
	bool is_question = strcmp(ctl->command->name, "status") == 0 ||
			   strcmp(ctl->command->name, "where") == 0;
	switch (ctl->status) {
	case 401:
	case 403:
		return EXIT_NOT_PERMITTED;
	case 404:
		return is_question ? EXIT_NOT_RUNNING : EXIT_FAILED;
	case 408:
	case 504:
		return EXIT_TIMEOUT;
	default:
		return EXIT_FAILED;
	}
}

/* Turns an answer that is no success into ctl->err and an exit code. */
static int
refused(struct ctl *ctl, const struct answer *a)
{
	json_t *document =
		a->data ? json_loadb(a->data, a->size, 0, NULL) : NULL;
	json_t *error = json_object_get(document, "error");
	const char *message = get_text(error, "message");
	snprintf(ctl->code, sizeof(ctl->code), "%s", get_text(error, "code"));
	err_set(&ctl->err, -EREMOTEIO, "%s",
		*message ? message : "skepd refused without a reason");
	json_decref(document);
	return code_for_status(ctl);
}

/* How long a call may take. */
static int64_t
timeout_of(const struct ctl *ctl)
{
	return ctl->opt.timeout_ms > 0 ? ctl->opt.timeout_ms : CALL_TIMEOUT_MS;
}

int
ctl_send(struct ctl *ctl, const char *method, const char *path,
	const void *body, size_t size, json_t **out)
{
	struct answer answer = {0};
	struct http_parser *parser = malloc(sizeof(*parser));
	CHECK(parser);
	http_parser_init(parser, collect, &answer);
	struct http_request request = {.method = method,
		.path = path,
		.body = body,
		.body_size = size,
		.body_type = "application/yaml",
		.timeout_ms = timeout_of(ctl)};
	int code = EXIT_DONE;
	ctl->code[0] = '\0';
	int rc = http_call(ctl->socket, &request, parser, &ctl->err);
	ctl->status = parser->status;
	free(parser);
	json_t *document = NULL;
	if (rc < 0) {
		code = code_for_errno(rc);
	} else if (ctl->status < 200 || ctl->status >= 300) {
		code = refused(ctl, &answer);
	} else if (out) {
		/* What a service answered may have a NUL in it. */
		document = json_loadb(answer.data ? answer.data : "",
			answer.size, JSON_ALLOW_NUL, NULL);
		if (!document) {
			err_set(&ctl->err, -EBADMSG,
				"skepd's answer is not JSON");
			code = EXIT_FAILED;
		}
	}
	if (out)
		*out = document;
	free(answer.data);
	return code;
}

int
ctl_call(struct ctl *ctl, const char *method, const char *path, json_t *body,
	json_t **out)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	int code =
		ctl_send(ctl, method, path, text, text ? strlen(text) : 0, out);
	free(text);
	return code;
}

int
ctl_get(struct ctl *ctl, const char *path, json_t **out)
{
	return ctl_send(ctl, "GET", path, NULL, 0, out);
}

/* A stream whose head decides whether its body is shown or kept. */
struct streaming {
	struct http_parser parser;
	struct answer refusal;
	http_body_fn *on_body;
	void *context;
};

static int
on_stream(void *context, const void *data, size_t size)
{
	struct streaming *s = context;
	if (s->parser.status >= 200 && s->parser.status < 300)
		return s->on_body(s->context, data, size);
	return collect(&s->refusal, data, size);
}

static int
stream(struct ctl *ctl, const struct http_request *request,
	http_body_fn *on_body, void *context)
{
	struct streaming *s = calloc(1, sizeof(*s));
	CHECK(s);
	s->on_body = on_body;
	s->context = context;
	http_parser_init(&s->parser, on_stream, s);
	int code = EXIT_DONE;
	ctl->code[0] = '\0';
	int rc = http_call(ctl->socket, request, &s->parser, &ctl->err);
	ctl->status = s->parser.status;
	if (rc < 0)
		code = code_for_errno(rc);
	else if (ctl->status < 200 || ctl->status >= 300)
		code = refused(ctl, &s->refusal);
	free(s->refusal.data);
	free(s);
	return code;
}

int
ctl_stream(
	struct ctl *ctl, const char *path, http_body_fn *on_body, void *context)
{
	const struct http_request request = {
		.method = "GET", .path = path, .timeout_ms = -1};
	return stream(ctl, &request, on_body, context);
}

int
ctl_post_lines(struct ctl *ctl, const char *path, const void *lines,
	size_t size, http_body_fn *on_body, void *context)
{
	const struct http_request request = {.method = "POST",
		.path = path,
		.body = lines,
		.body_size = size,
		.body_type = "application/x-ndjson",
		.timeout_ms = timeout_of(ctl)};
	return stream(ctl, &request, on_body, context);
}

int
ctl_fail(struct ctl *ctl, int code)
{
	fflush(stdout);
	fprintf(stderr, "skepctl: %s\n", ctl->err.text);
	return code;
}

void
path_format(char *out, size_t size, const char *prefix, const char *name,
	const char *suffix)
{
	snprintf(out, size, "%s/", prefix);
	/* A name that does not fit exists nowhere: cut, it is not found. */
	(void)http_escape(out, size - 64, name);
	size_t used = strlen(out);
	snprintf(out + used, size - used, "%s%s", *suffix ? "/" : "", suffix);
}
