/* Older states that lie beside the state_path of each instance that this host
 * knows of, as one array of JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "node/api_private.h"
#include "node/aside.h"
#include "node/feeds.h"
#include "node/pool.h"
#include "spec/spec.h"

/* A state_path on this host. */
struct place {
	struct list link;
	char name[INSTANCE_NAME_MAX + 1];
	char *path;
};

/* One reader.  Its job cannot be called off: a feed that is closed before lives
 * until that is done. */
struct aside_reader {
	struct feed feed;
	struct pool_job job;
	struct list places;
	char host[NODE_NAME_MAX + 1];
	json_t *list; /* the job's, while that runs */
	const struct place *now;
	bool is_done;
	bool is_closed;
	struct api_text text;
	size_t taken;
};

/* --- Where to look --- */

static bool
has_place(const struct aside_reader *r, const char *path)
{
	list_each (it, &r->places)
		if (strcmp(container_of(it, struct place, link)->path, path) ==
			0)
			return true;
	return false;
}

/* The state_path from the root on, as a start on this host has it; malloced. */
static char *
path_of(const struct spec *spec, const char *full, const char *host)
{
	char service[INSTANCE_NAME_MAX + 1];
	struct spec_names names = {
		.service = service, .full = full, .host = host};
	struct spec_launch launch;
	if (spec_split_name(full, service, &names.instance) < 0)
		return NULL;
	spec_expand(spec, &names, &launch);
	const char *path = launch.state_path;
	bool is_whole = *path == '/';
	size_t size = strlen(path) + strlen(launch.working_dir) + 2;
	char *out = malloc(size);
	CHECK(out);
	snprintf(out, size, "%s%s%s", is_whole ? "" : launch.working_dir,
		is_whole ? "" : "/", path);
	spec_launch_fini(&launch);
	return out;
}

static void
add_place(struct aside_reader *r, const struct spec *spec, const char *full)
{
	char *path = path_of(spec, full, r->host);
	if (!path || has_place(r, path)) {
		free(path);
		return;
	}
	struct place *p = calloc(1, sizeof *p);
	CHECK(p);
	snprintf(p->name, sizeof p->name, "%s", full);
	p->path = path;
	list_append(&r->places, &p->link);
}

/* The places of the instances of one service that 'name' means; "": all. */
static void
add_service(struct aside_reader *r, struct core *core,
	const struct entry *entry, const char *name)
{
	struct service_value value;
	struct instance_view v;
	struct spec *spec;
	struct err ignored;
	uint32_t cursor = 0;
	if (!specs_get_service(entry, &value) ||
		!value.policy.handoff.has_state_path ||
		spec_from_body(
			value.body.data, value.body.size, &spec, &ignored) < 0)
		return;
	while (view_instance_next(core, &cursor, &v))
		if (strcmp(v.service, entry->name) == 0 &&
			(!*name || api_name_matches(name, &v)))
			add_place(r, spec, v.name);
	spec_free(spec);
}

/* --- Looking --- */

static void
add_item(void *context, const struct aside_item *item)
{
	struct aside_reader *r = context;
	json_t *o = json_object();
	api_json_put(o, "host", r->host);
	api_json_put(o, "name", r->now->name);
	api_json_put(o, "path", item->path);
	api_json_put_int(o, "epoch", (int64_t)item->epoch);
	api_json_put_bool(o, "folder", item->is_folder);
	json_object_set_new(o, "size",
		item->size < 0 ? json_null() : json_integer(item->size));
	api_json_put_time(o, "since", item->wall_ms);
	api_json_put(o, "error", item->error);
	json_array_append_new(r->list, o);
}

/* On a thread of the pool. */
static void
run_walk(struct pool_job *job)
{
	struct aside_reader *r = container_of(job, struct aside_reader, job);
	list_each (it, &r->places) {
		r->now = container_of(it, struct place, link);
		aside_walk(r->now->path, add_item, r);
	}
}

static void
reader_free(struct aside_reader *r)
{
	list_each_safe (it, &r->places) {
		struct place *p = container_of(it, struct place, link);
		free(p->path);
		free(p);
	}
	json_decref(r->list);
	api_text_fini(&r->text);
	free(r);
}

static void
walk_done(struct pool_job *job, bool is_dropped)
{
	struct aside_reader *r = container_of(job, struct aside_reader, job);
	r->is_done = true;
	if (r->is_closed) {
		reader_free(r);
		return;
	}
	if (is_dropped)
		return;
	api_text_add_line(&r->text, json_incref(r->list));
	r->feed.is_begun = true;
	feed_end(&r->feed, REPLY_OK, "%s", "");
	feed_tell(&r->feed);
}

static size_t
aside_read(struct feed *f, void *buffer, size_t max)
{
	struct aside_reader *r = container_of(f, struct aside_reader, feed);
	return api_text_take(&r->text, &r->taken, buffer, max);
}

static void
aside_close(struct feed *f)
{
	struct aside_reader *r = container_of(f, struct aside_reader, feed);
	r->is_closed = true;
	if (r->is_done)
		reader_free(r);
}

static const struct feed_ops aside_ops = {aside_read, aside_close};

enum reply_code
feed_aside_open(struct node *n, const struct query *query, struct feed **out,
	char *text)
{
	enum reply_code code = feeds_need_readers(n, text);
	if (code != REPLY_OK)
		return code;
	struct aside_reader *r = calloc(1, sizeof *r);
	CHECK(r);
	r->feed.ops = &aside_ops;
	r->job = (struct pool_job){.run = run_walk, .done = walk_done};
	r->list = json_array();
	list_init(&r->places);
	snprintf(r->host, sizeof r->host, "%s", n->conf.node.name);
	const struct entry *e = NULL;
	while ((e = specs_walk(n->core, ENTRY_SERVICE, e)))
		add_service(r, n->core, e, query->name);
	*out = &r->feed;
	pool_submit(n->readers, &r->job);
	return REPLY_OK;
}
