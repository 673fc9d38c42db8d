/* Recordings of this node's core: begin, look, end, fetch. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "node/api_private.h"
#include "node/recording.h"

#define READ_SIZE 16384

static const char *
phase_name(enum recording_phase phase)
{
	switch (phase) {
	case RECORDING_NONE:
		return "none";
	case RECORDING_WANTED:
		return "wanted";
	case RECORDING_RUNS:
		return "recording";
	case RECORDING_ENDED:
		return "ended";
	}
	return "none";
}

/* Turns an error of recording.h into an answer. */
static void
refuse(struct call *c, int code, const struct err *err)
{
	enum reply_code reply = code == -EBUSY	  ? REPLY_CONFLICT
				: code == -ENOENT ? REPLY_NOT_FOUND
				: code == -EINVAL ? REPLY_INVALID
						  : REPLY_FAILED;
	call_reply_code(c, reply, err->text);
}

static void
answer(struct call *c, int code, const struct err *err)
{
	if (code)
		refuse(c, code, err);
	else
		call_reply_code(c, REPLY_OK, "");
}

void
api_get_record(struct call *c)
{
	struct recording_view v;
	recording_view(c->api->node, &v);
	json_t *o = json_object();
	api_json_put(o, "state", phase_name(v.phase));
	api_json_put(o, "why", v.why);
	api_json_put_int(o, "size", (int64_t)v.size);
	api_json_put_int(o, "steps", (int64_t)v.steps);
	call_reply_json(c, MHD_HTTP_OK, o);
}

/* Reads a number from a body; false (replied) if it is none. */
static bool
body_number(struct call *c, json_t *body, const char *key, int64_t *out)
{
	json_t *value = json_object_get(body, key);
	if (!value)
		return true;
	if (json_is_integer(value) && json_integer_value(value) >= 0) {
		*out = json_integer_value(value);
		return true;
	}
	call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
		"'%s' must be a number, not below 0", key);
	return false;
}

void
api_post_record(struct call *c)
{
	static const char *const keys[] = {"for_ms", "max_size", NULL};
	struct err err = {0};
	int64_t for_ms = 0, size = (int64_t)RECORDING_SIZE_DEFAULT;
	json_t *body = call_body_object(c, keys);
	if (!body)
		return;
	bool is_good = body_number(c, body, "for_ms", &for_ms) &&
		       body_number(c, body, "max_size", &size);
	json_decref(body);
	if (!is_good)
		return;
	int code = recording_ask(c->api->node, (uint64_t)size, for_ms, &err);
	if (code)
		refuse(c, code, &err);
	else
		call_reply_code(c, REPLY_OK, "");
}

void
api_delete_record(struct call *c)
{
	struct err err = {0};
	answer(c, recording_end(c->api->node, &err), &err);
}

void
api_delete_recording(struct call *c)
{
	struct err err = {0};
	answer(c, recording_remove(c->api->node, &err), &err);
}

/* --- The file --- */

static void
file_refill(struct stream *s)
{
	char block[READ_SIZE];
	const int *fd = s->owner;
	ssize_t size = read(*fd, block, sizeof(block));
	if (size > 0)
		stream_add(s, block, (size_t)size);
	else if (size == 0)
		stream_end(s);
	else
		stream_break(s);
}

static void
file_close(struct stream *s)
{
	int *fd = s->owner;
	close(*fd);
	free(fd);
}

void
api_get_recording(struct call *c)
{
	struct err err = {0};
	int code = recording_open(c->api->node, &err);
	if (code < 0) {
		refuse(c, code, &err);
		return;
	}
	int *fd = malloc(sizeof(*fd));
	CHECK(fd);
	*fd = code;
	call_stream(c, "application/octet-stream", fd, file_refill, file_close);
}
