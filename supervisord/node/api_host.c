/* What concerns all of skepd on this host. */
#include "node/api_private.h"
#include "node/orders.h"

void
api_post_reexec(struct call *c)
{
	static const char *const keys[] = {NULL};
	json_t *body = call_body_object(c, keys);
	if (!body)
		return;
	json_decref(body);
	call_order(c, node_reexec);
}

/* POST /v1/shutdown {"undrain": false}: with true the next start of skepd
 * ends the drain that came before. */
void
api_post_shutdown(struct call *c)
{
	static const char *const keys[] = {"undrain", NULL};
	struct err err = {""};
	json_t *body = call_body_object(c, keys);
	if (!body)
		return;
	json_t *undrain = json_object_get(body, "undrain");
	if (undrain && !json_is_boolean(undrain))
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"'undrain' must be true or false");
	else if (json_is_true(undrain) &&
		 node_undrain_later(c->api->node, &err) < 0)
		call_reply_error(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "failed",
			"%s", err.text);
	else
		call_order(c, node_shutdown);
	json_decref(body);
}
