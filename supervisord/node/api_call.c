/* What handlers read from a request, and how they answer it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "node/api_private.h"

void
call_ready(struct call *c, unsigned status, struct MHD_Response *response)
{
	CHECK(response && !c->response);
	c->status = status;
	c->response = response;
	call_resume(c);
}

static void
reply_buffer(struct call *c, unsigned status, const char *type, char *data,
	size_t size)
{
	if (c->is_gone) {
		free(data);
		return;
	}
	struct MHD_Response *response =
		MHD_create_response_from_buffer_with_free_callback(
			size, data, free);
	CHECK(response);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(
		response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	call_ready(c, status, response);
}

void
call_reply_json(struct call *c, unsigned status, json_t *json)
{
	struct api_text out = {0};
	api_text_add_line(&out, json);
	reply_buffer(c, status, "application/json", out.data, out.size);
}

void
call_reply_text(struct call *c, const char *type, struct api_text *text)
{
	api_text_add(text, "", 0);
	reply_buffer(c, MHD_HTTP_OK, type, text->data, text->size);
	*text = (struct api_text){0};
}

void
call_reply_error(struct call *c, unsigned status, const char *code,
	const char *format, ...)
{
	char message[2048];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	json_t *error = json_object();
	api_json_put(error, "code", code);
	api_json_put(error, "message", message);
	json_t *document = json_object();
	json_object_set_new(document, "error", error);
	call_reply_json(c, status, document);
}

void
call_reply_code(struct call *c, enum reply_code code, const char *text)
{
	unsigned status = (unsigned)reply_code_http(code);
	if (status >= 400) {
		call_reply_error(c, status, reply_code_name(code), "%s", text);
		return;
	}
	json_t *document = json_object();
	api_json_put(document, "result", reply_code_name(code));
	api_json_put(document, "message", text);
	call_reply_json(c, status, document);
}

const char *
call_query(struct call *c, const char *key)
{
	return MHD_lookup_connection_value(
		c->connection, MHD_GET_ARGUMENT_KIND, key);
}

bool
call_query_flag(struct call *c, const char *key)
{
	const char *value;
	if (MHD_lookup_connection_value_n(c->connection, MHD_GET_ARGUMENT_KIND,
		    key, strlen(key), &value, NULL) != MHD_YES)
		return false;
	return !value || !*value || strcmp(value, "1") == 0 ||
	       strcmp(value, "true") == 0 || strcmp(value, "yes") == 0;
}

static bool
has_only_keys(struct call *c, json_t *object, const char *const *keys)
{
	const char *key;
	json_t *value;
	json_object_foreach(object, key, value)
	{
		size_t i = 0;
		while (keys[i] && strcmp(keys[i], key) != 0)
			i++;
		if (keys[i])
			continue;
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"unknown key '%s' in the body", key);
		return false;
	}
	return true;
}

json_t *
call_body_object(struct call *c, const char *const *keys)
{
	json_error_t error;
	if (c->body.size == 0)
		return json_object();
	json_t *object = json_loadb(
		c->body.data, c->body.size, JSON_REJECT_DUPLICATES, &error);
	if (!object) {
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"the body is not JSON: line %d: %s", error.line,
			error.text);
		return NULL;
	}
	if (!json_is_object(object)) {
		json_decref(object);
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"the body must be a JSON object");
		return NULL;
	}
	if (!has_only_keys(c, object, keys)) {
		json_decref(object);
		return NULL;
	}
	return object;
}
