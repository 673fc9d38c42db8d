#include "tests/sim/record.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "core/trace.h"
#include "tests/sim/world_observe.h"

/* What one host writes. */
struct host_file {
	FILE *file; /* NULL before its first start */
	uint32_t start;
	uint64_t steps;
};

/* The observer's own. */
struct recorder {
	const char *folder;
	struct host_file *files; /* by host, owned */
	uint32_t count;
	struct trace_head head;
	unsigned char record[TRACE_RECORD_MAX];
};

static void
put(struct host_file *f, struct bytes record)
{
	CHECK(record.data);
	CHECK(fwrite(record.data, 1, record.size, f->file) == record.size);
}

static void
end_file(struct recorder *r, struct host_file *f, const char *why)
{
	struct trace_end end = {.steps = f->steps};
	if (!f->file)
		return;
	snprintf(end.why, sizeof end.why, "%s", why);
	put(f, trace_write_end(r->record, sizeof r->record, &end));
	CHECK(fclose(f->file) == 0);
	f->file = NULL;
}

static void
begin_file(struct recorder *r, struct host_file *f, const struct world *w,
	uint32_t host)
{
	char path[4096];
	const struct host *h = &w->hosts[host];
	snprintf(path, sizeof path, "%s/%llu-%s-%u.skeptrc", r->folder,
		(unsigned long long)w->seed, h->name, h->starts);
	*f = (struct host_file){fopen(path, "wb"), h->starts, 0};
	if (!f->file) {
		perror(path);
		exit(2);
	}
	CHECK(!w->on_minority);
	CHECK(trace_head_of(h->core, 1700000000000 + w->now.ms, &r->head));
	put(f, trace_write_head(r->record, sizeof r->record, &r->head));
}

/* The file of the current start of 'host'. */
static struct host_file *
file_of(struct recorder *r, const struct world *w, uint32_t host)
{
	if (host >= r->count) {
		size_t size = (host + 1) * sizeof *r->files;
		r->files = realloc(r->files, size);
		CHECK(r->files);
		while (r->count <= host)
			r->files[r->count++] = (struct host_file){0};
	}
	struct host_file *f = &r->files[host];
	if (f->start != w->hosts[host].starts) {
		end_file(r, f, "the host's node ended");
		begin_file(r, f, w, host);
	}
	return f;
}

static void
on_step(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx, void *context)
{
	struct recorder *r = context;
	struct host_file *f = file_of(r, w, host);
	put(f, trace_write_input(r->record, sizeof r->record, in));
	put(f, trace_write_effects(r->record, sizeof r->record, fx));
	f->steps++;
}

static void
on_end(struct world *w, void *context)
{
	(void)w;
	struct recorder *r = context;
	for (uint32_t i = 0; i < r->count; i++)
		end_file(r, &r->files[i], "the world ended");
	free(r->files);
	free(r);
}

void
world_record(struct world *w, const char *folder)
{
	if (!folder)
		return;
	struct recorder *r = calloc(1, sizeof *r);
	CHECK(r);
	r->folder = folder;
	world_observe(w, &(struct world_observer){.name = "record",
				 .on_step = on_step,
				 .on_end = on_end,
				 .context = r});
}
