/* Inside the control API: a request's life, and what handlers use.
 *
 * A handler is called once, when the whole body is here, and ends in exactly
 * one of: call_reply_* at once; call_ask, whose answer replies later; or
 * call_stream.  The connection is suspended in between; a watcher notices an
 * asker that goes away.  A call outlives its connection only while somebody
 * holds it ('holds'): then it is 'is_gone' and replies do nothing.
 */
#ifndef SKEP_NODE_API_PRIVATE_H
#define SKEP_NODE_API_PRIVATE_H

#include <ev.h>
#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "core/input.h"
#include "node/api.h"
#include "node/api_idle.h"
#include "node/api_role.h"
#include "node/events.h"
#include "node/node.h"
#include "node/query.h"

struct call;
struct stream;

/* A text that grows; 'data' is malloced and always ends in a NUL. */
struct api_text {
	char *data;
	size_t size; /* bytes without the NUL */
	size_t capacity;
};

void api_text_add(struct api_text *t, const void *data, size_t size);
void api_text_printf(struct api_text *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Adds a document, or any other value, as all of them are written: compact,
 * with its keys in order.  'json' is taken. */
void api_text_add_json(struct api_text *t, json_t *json);
/* The same and the end of the line. */
void api_text_add_line(struct api_text *t, json_t *json);
/* Takes 'size' bytes away from the front. */
void api_text_drop(struct api_text *t, size_t size);
/* For readers at their own pace: copies at most 'max' bytes that stand behind
 * the first '*taken', which then counts them too; returns how many. */
size_t api_text_take(
	const struct api_text *t, size_t *taken, void *buffer, size_t max);
void api_text_fini(struct api_text *t);

/* One path. */
struct api_route {
	const char *method;
	const char *path; /* '*' stands for one segment */
	enum api_role role;
	void (*handle)(struct call *c);
};

/* Why nothing of a body is kept. */
enum body_fault {
	BODY_FINE,
	BODY_TOO_LARGE, /* it grew past API_BODY_MAX */
	BODY_NO_ROOM,	/* all of them grew past API_BODIES_MAX */
};

#define CAPTURES_MAX 2
#define CAPTURE_SIZE 512

/* One request. */
struct call {
	struct list link; /* in api.calls */
	struct api *api;
	struct MHD_Connection *connection; /* NULL once it is gone */
	const struct api_route *route;
	struct api_peer peer;
	char *path; /* as it came, without the query; malloced */
	bool is_admitted;
	char captures[CAPTURES_MAX][CAPTURE_SIZE]; /* what '*' stood for */
	struct api_text body;
	size_t body_size; /* of which so much came, kept or not */
	mono body_until;  /* when it must be whole */
	enum body_fault body_fault;
	bool is_handled;      /* the handler was called */
	bool is_suspended;
	bool is_gone;	      /* nobody waits for the answer */
	unsigned holds;	      /* callbacks that cannot be cancelled */
	struct list asks;     /* requests to the core under way */
	struct ev_io watcher; /* sees the asker leave while suspended */
	unsigned status;      /* of 'response' */
	struct MHD_Response *response; /* ready to be queued, or NULL */
	struct stream *stream;	       /* what follows, or NULL */
	void *data; /* the handler's own, freed by 'data_free' */
	void (*data_free)(void *data);
};

/* The server. */
struct api {
	struct node *node;
	struct MHD_Daemon *daemon;
	struct ev_io io;       /* MHD's epoll descriptor */
	struct ev_timer timer; /* MHD's next timeout */
	bool is_woken;	       /* a call was resumed since MHD ran */
	struct ev_timer beat;  /* signs of life in silent streams */
	struct api_groups groups;
	struct api_idle idle;
	struct list calls;   /* every live struct call */
	struct list streams; /* every live struct stream */
	size_t body_bytes;   /* of the bodies of all calls */
	int64_t body_ms;     /* a body must be whole within that time */
	uint64_t requests;   /* counted, for /metrics */
	uint64_t refused;    /* for lack of a role */
};

/* Replies.  'json' is taken. */
void call_reply_json(struct call *c, unsigned status, json_t *json);
/* Replies with a text of this type; 'text' is taken and left empty. */
void call_reply_text(struct call *c, const char *type, struct api_text *text);
void call_reply_error(struct call *c, unsigned status, const char *code,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Replies with what the core said: {"result", "message"} or an error. */
void call_reply_code(struct call *c, enum reply_code code, const char *text);

/* What the core answers to one of a call's requests. */
typedef void call_answer_fn(
	struct call *c, size_t index, enum reply_code code, const char *text);
/* Steps the core with a request; 'fn' (NULL: call_reply_code) gets 'index'
 * back, perhaps before this returns. */
void call_ask(
	struct call *c, struct input *in, call_answer_fn *fn, size_t index);
/* The same with the desired state of one service, as an operator's word. */
struct spec;
void call_ask_spec(struct call *c, const struct spec *spec, call_answer_fn *fn,
	size_t index);
/* The same with a service that is given at run time, as 'name': not every such
 * name can stand in a spec. */
void call_ask_runtime(struct call *c, const struct spec *spec, const char *name,
	int64_t timeout_ms, call_answer_fn *fn);
/* The same for what is no request to the core (orders.h). */
typedef uint64_t call_order_fn(
	struct node *n, node_reply_fn *done, void *context);
void call_order(struct call *c, call_order_fn *order);
/* Who asks, for events. */
struct actor call_actor(const struct call *c);
/* The descriptor of its connection, which is not gone. */
int call_fd(const struct call *c);

/* Puts the connection to sleep until 'call_resume', and watches for an asker
 * who goes away; resuming one that is awake does nothing. */
void call_suspend(struct call *c);
void call_resume(struct call *c);
/* Makes 'response' (taken) the answer and wakes the connection. */
void call_ready(struct call *c, unsigned status, struct MHD_Response *response);

/* Keeps the call alive for a callback that cannot be cancelled. */
void call_hold(struct call *c);
/* Ends that; returns false when the asker is gone (the call may be freed). */
bool call_release(struct call *c);

/* Reads a query argument; NULL if it was not given. */
const char *call_query(struct call *c, const char *key);
/* Whether it was given as 1, true, yes or without a value. */
bool call_query_flag(struct call *c, const char *key);
/* Reads the body as a JSON object (an empty one as {}) that has no keys but
 * those in the NULL-terminated 'keys'; the caller frees it.  NULL: an error
 * was replied. */
json_t *call_body_object(struct call *c, const char *const *keys);

/* A reply without end: bytes are added as they come. */
struct stream {
	struct list link; /* in api.streams */
	struct call *call;
	struct api_text out; /* not yet sent */
	bool is_ended;	     /* 'out' is the rest */
	bool is_broken;	     /* and more is missing: the connection breaks */
	const char *beat;    /* sent when silent, NULL for none */
	void *owner;	     /* the handler's own */
	/* 'out' ran empty: add more, end, or return and wait (NULL: wait). */
	void (*refill)(struct stream *s);
	void (*close)(struct stream *s); /* frees 'owner'; not NULL */
};

/* Starts a stream as the call's reply.  The stream is the call's. */
struct stream *call_stream(struct call *c, const char *type, void *owner,
	void (*refill)(struct stream *), void (*close)(struct stream *));
/* Adds bytes and wakes the connection; cuts a reader off that is too slow. */
void stream_add(struct stream *s, const void *data, size_t size);
/* No more will come. */
void stream_end(struct stream *s);
/* No more will come, though there should: behind what was added the reader
 * finds a connection that broke off. */
void stream_break(struct stream *s);
/* Asks for a 'refill' as soon as the connection can take it. */
void stream_wake(struct stream *s);

/* --- api_route.c --- */

/* Finds the route of a request, whose path is as it came: what is escaped in a
 * segment is no separator ("%2F" is part of a name).  Fills the captures.
 * NULL: none; then '*allowed_out' names the methods that the path has, "" for
 * no such path, and '*fault_out' says what is wrong with the path itself, or
 * is NULL. */
const struct api_route *api_route_find(const char *method, const char *path,
	char captures[CAPTURES_MAX][CAPTURE_SIZE], const char **allowed_out,
	const char **fault_out);

/* --- api_json.c: the core's views as documents --- */

json_t *api_json_text(const char *text); /* never NULL for bad UTF-8 */
void api_json_put(json_t *o, const char *key, const char *text);
void api_json_put_int(json_t *o, const char *key, int64_t value);
void api_json_put_bool(json_t *o, const char *key, bool value);
void api_json_put_hex(json_t *o, const char *key, uint64_t value);
/* 'key' in RFC 3339 and 'key'_ms; null when 'wall_ms' is 0. */
void api_json_put_time(json_t *o, const char *key, int64_t wall_ms);
json_t *api_json_node(const struct node_view *v);
json_t *api_json_cluster(const struct cluster_view *v);
json_t *api_json_checkpoint(const struct checkpoint_view *v);
/* Metadata, as they are kept; {} where there are none. */
json_t *api_json_meta(struct bytes meta);
/* An event that happened on 'host'. */
json_t *api_json_event(const struct event *e, const char *host);
/* Reads "10m" (ago) or RFC 3339 into wall milliseconds; false if neither. */
bool api_parse_since(const char *text, int64_t *wall_ms_out);

/* --- api_rows.c: instances as text, which may be many --- */

/* A JSON array without its end; all zero: none was added. */
struct api_rows {
	struct api_text text;
	size_t count;
	bool has_meta;	/* they say what their services say of themselves */
	int64_t second; /* that 'second_text' is of */
	char second_text[24];
};

/* 'core' is asked for what the view only hints at. */
void api_rows_add(struct api_rows *rows, struct core *core,
	const struct instance_view *v);
/* Replies with 'o' (taken) and 'rows' (left empty) as its "instances". */
void call_reply_rows(struct call *c, json_t *o, struct api_rows *rows);

/* --- handlers, by file --- */

/* api_get.c */
void api_get_status(struct call *c);
void api_get_services(struct call *c);
void api_get_service(struct call *c);
void api_get_instances(struct call *c);
void api_get_nodes(struct call *c);
void api_get_node(struct call *c);
void api_get_name(struct call *c);
/* api_names.c: processes with names; a POST or DELETE looks itself at what the
 * asker may. */
void api_get_names(struct call *c);
void api_post_names(struct call *c);
void api_delete_name(struct call *c);
/* Answers with the process that has the name; false: there is none. */
bool api_get_tracked(struct call *c);
/* Answers with what the host says that decides about the name. */
void api_locate(struct call *c);
void api_get_why(struct call *c);
void api_get_cluster(struct call *c);
void api_get_health(struct call *c);
/* api_mail.c: false: the verb is another one */
bool api_post_name_mail(struct call *c);
bool api_post_group_mail(struct call *c);
/* api_group.c */
void api_get_group(struct call *c);
void api_post_group(struct call *c);
/* api_record.c */
void api_get_record(struct call *c);
void api_post_record(struct call *c);
void api_delete_record(struct call *c);
void api_get_recording(struct call *c);
void api_delete_recording(struct call *c);
/* api_dump.c, api_metrics.c */
void api_get_dump(struct call *c);
void api_post_reexec(struct call *c);
void api_post_shutdown(struct call *c);
void api_get_rebalance(struct call *c);
void api_post_rebalance(struct call *c);
void api_get_metrics(struct call *c);
/* api_spec.c */
void api_post_services(struct call *c);
void api_post_plan(struct call *c);
void api_post_validate(struct call *c);
void api_delete_service(struct call *c);
/* api_verb.c */
void api_post_name_verb(struct call *c);
void api_post_node_verb(struct call *c);
void api_post_nodes(struct call *c);
void api_put_cluster(struct call *c);
/* api_kv.c */
void api_get_kv(struct call *c);
void api_get_kv_key(struct call *c);
void api_put_kv_key(struct call *c);
void api_delete_kv_key(struct call *c);
/* api_events.c, api_logs.c */
void api_get_events(struct call *c);
void api_get_history(struct call *c);
void api_get_logs(struct call *c);

/* api_plan_drain.c: says what a drain of this node would do, and does
 * nothing. */
void api_dry_drain(struct call *c, const char *node);
/* api_moves.c */
void api_get_moves(struct call *c);
void api_get_aside(struct call *c);

/* --- api_peer_feed.c: other hosts --- */

/* Asks the host 'node' by this view of it, or this host itself.  REPLY_OK and
 * '*out', or a refusal and 'text' (at least NOTE_TEXT_MAX + 1 bytes). */
enum reply_code api_feed_open(struct api *api, const char *node,
	const struct query *query, struct feed **out, char *text);
/* Finds a host by name; false: there is none. */
bool api_find_node(struct api *api, const char *name, struct node_view *out);
/* The same; when there is none the call is answered. */
bool call_find_node(struct call *c, const char *name, struct node_view *out);
/* Whether a host can be asked, as far as this one knows. */
bool api_is_reachable(const struct node_view *v);

/* Whether 'instance' is 'name' itself or an instance of the service 'name'. */
bool api_name_matches(const char *name, const struct instance_view *v);

/* Role that the verb of /v1/nodes/NODE/VERB needs; ROLE_NONE: no such verb. */
enum api_role api_node_verb_role(const char *verb);

#endif
