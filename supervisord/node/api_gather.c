#include "node/api_gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define READ_SIZE 16384

/* One host's answer. */
struct part {
	struct list link; /* in gather.parts */
	struct gather *gather;
	char host[NODE_NAME_MAX + 1];
	struct feed *feed; /* NULL: it is over */
	struct api_text text;
	json_t *list; /* NULL: none */
	char error[NOTE_TEXT_MAX + 1];
};

struct gather {
	struct call *call;
	gather_fn *done;
	struct list parts;
	struct ev_timer wait;
	bool is_asked; /* all of them were */
	bool is_over;
};

static struct ev_loop *
loop_of(const struct gather *g)
{
	return g->call->api->node->loop;
}

/* Ends one host's part with its list, or with why there is none. */
static void
part_end(struct part *p, const char *error)
{
	if (error)
		snprintf(p->error, sizeof p->error, "%s", error);
	else
		p->list = json_loadb(p->text.data ? p->text.data : "",
			p->text.size, 0, NULL);
	if (!error && !json_is_array(p->list)) {
		json_decref(p->list);
		p->list = NULL;
		snprintf(p->error, sizeof p->error,
			"what it answers makes no sense");
	}
	feed_close(p->feed);
	p->feed = NULL;
	api_text_fini(&p->text);
}

/* Reads what there is. */
static void
part_read(struct part *p)
{
	char block[READ_SIZE];
	size_t size;
	while (p->feed && (size = feed_read(p->feed, block, sizeof block))) {
		api_text_add(&p->text, block, size);
		if (p->text.size > GATHER_MAX)
			part_end(p, "its answer is too long");
	}
	if (p->feed && p->feed->is_ended)
		part_end(p, p->feed->code == REPLY_OK ? NULL : p->feed->text);
}

static void
take_part(const struct part *p, json_t *list, json_t *missing)
{
	if (p->list) {
		json_array_extend(list, p->list);
		return;
	}
	json_t *o = json_object();
	api_json_put(o, "host", p->host);
	api_json_put(o, "error", p->error);
	json_array_append_new(missing, o);
}

/* Answers the call, if all parts are there. */
static void
finish(struct gather *g)
{
	if (g->is_over || !g->is_asked)
		return;
	list_each (it, &g->parts)
		if (container_of(it, struct part, link)->feed)
			return;
	g->is_over = true;
	ev_timer_stop(loop_of(g), &g->wait);
	if (g->call->is_gone)
		return;
	json_t *list = json_array();
	json_t *missing = json_array();
	list_each (it, &g->parts)
		take_part(container_of(it, struct part, link), list, missing);
	g->done(g->call, list, missing);
}

static void
on_more(struct feed *f)
{
	struct part *p = f->owner;
	part_read(p);
	finish(p->gather);
}

static void
on_late(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	struct gather *g = container_of(w, struct gather, wait);
	list_each (it, &g->parts) {
		struct part *p = container_of(it, struct part, link);
		if (p->feed)
			part_end(p, "it did not answer in time");
	}
	finish(g);
}

static void
gather_free(void *data)
{
	struct gather *g = data;
	ev_timer_stop(loop_of(g), &g->wait);
	list_each_safe (it, &g->parts) {
		struct part *p = container_of(it, struct part, link);
		feed_close(p->feed);
		api_text_fini(&p->text);
		json_decref(p->list);
		list_remove(it);
		free(p);
	}
	free(g);
}

static void
ask(struct gather *g, const struct query *query, const char *host)
{
	char text[NOTE_TEXT_MAX + 1] = "";
	struct part *p = calloc(1, sizeof *p);
	CHECK(p);
	p->gather = g;
	snprintf(p->host, sizeof p->host, "%s", host);
	list_append(&g->parts, &p->link);
	if (api_feed_open(g->call->api, host, query, &p->feed, text)) {
		part_end(p, text);
		return;
	}
	p->feed->owner = p;
	p->feed->on_more = on_more;
	part_read(p);
}

void
call_gather(struct call *c, const struct query *query, json_t *hosts,
	gather_fn *done)
{
	struct gather *g = calloc(1, sizeof *g);
	CHECK(g);
	g->call = c;
	g->done = done;
	list_init(&g->parts);
	c->data = g;
	c->data_free = gather_free;
	ev_timer_init(&g->wait, on_late, GATHER_WAIT_S, 0.);
	ev_timer_start(loop_of(g), &g->wait);
	size_t i;
	json_t *host;
	json_array_foreach(hosts, i, host)
		ask(g, query, json_string_value(host));
	json_decref(hosts);
	g->is_asked = true;
	finish(g);
}
