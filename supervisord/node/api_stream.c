/* Replies without end: the connection sleeps while there is nothing to say. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "node/api_private.h"

static ssize_t
stream_read(void *context, uint64_t position, char *buffer, size_t max)
{
	(void)position;
	struct stream *s = context;
	if (s->call->is_gone)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (s->out.size == 0 && !s->is_ended && s->refill)
		s->refill(s);
	if (s->out.size == 0 && s->is_ended)
		return s->is_broken ? MHD_CONTENT_READER_END_WITH_ERROR
				    : MHD_CONTENT_READER_END_OF_STREAM;
	if (s->out.size == 0) {
		call_suspend(s->call);
		return 0;
	}
	size_t size = s->out.size < max ? s->out.size : max;
	memcpy(buffer, s->out.data, size);
	api_text_drop(&s->out, size);
	return (ssize_t)size;
}

static void
stream_free(void *context)
{
	struct stream *s = context;
	list_remove(&s->link);
	s->close(s);
	s->call->stream = NULL;
	(void)call_release(s->call);
	api_text_fini(&s->out);
	free(s);
}

struct stream *
call_stream(struct call *c, const char *type, void *owner,
	void (*refill)(struct stream *), void (*close)(struct stream *))
{
	struct stream *s = calloc(1, sizeof(*s));
	CHECK(s);
	*s = (struct stream){
		.call = c, .owner = owner, .refill = refill, .close = close};
	list_append(&c->api->streams, &s->link);
	call_hold(c);
	c->stream = s;
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, 16384, stream_read, s, stream_free);
	CHECK(response);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(
		response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	call_ready(c, MHD_HTTP_OK, response);
	return s;
}

void
stream_add(struct stream *s, const void *data, size_t size)
{
	if (s->is_ended)
		return;
	if (s->out.size + size > API_STREAM_MAX) {
		stream_break(s);
		return;
	}
	api_text_add(&s->out, data, size);
	call_resume(s->call);
}

void
stream_end(struct stream *s)
{
	s->is_ended = true;
	call_resume(s->call);
}

void
stream_break(struct stream *s)
{
	s->is_broken = true;
	stream_end(s);
}

void
stream_wake(struct stream *s)
{
	call_resume(s->call);
}
