/* logs, events, history: what was written and what happened. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "ctl/ctl.h"

static void
add_number(char *path, size_t size, const char *key, int64_t value)
{
	size_t used = strlen(path);
	snprintf(path + used, size - used, "%c%s=%lld",
		strchr(path, '?') ? '&' : '?', key, (long long)value);
}

static void
add_text(char *path, size_t size, const char *key, const char *value)
{
	size_t used = strlen(path);
	snprintf(path + used, size - used,
		"%c%s=", strchr(path, '?') ? '&' : '?', key);
	(void)http_escape(path, size, value);
}

static int
print_bytes(void *context, const void *data, size_t size)
{
	(void)context;
	fwrite(data, 1, size, stdout);
	fflush(stdout);
	return ferror(stdout) ? -1 : 0;
}

int
cmd_logs(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	char path[API_PATH_SIZE];
	path_format(path, sizeof(path), "/v1/logs", argv[0], "");
	if (ctl->opt.lines >= 0)
		add_number(path, sizeof(path), "n", ctl->opt.lines);
	if (ctl->opt.is_follow)
		add_number(path, sizeof(path), "follow", 1);
	if (ctl->opt.since)
		add_text(path, sizeof(path), "since", ctl->opt.since);
	if (ctl->opt.output == OUTPUT_JSON)
		add_text(path, sizeof(path), "format", "json");
	if (ctl->opt.node)
		add_text(path, sizeof(path), "node", ctl->opt.node);
	int code = ctl_stream(ctl, path, print_bytes, NULL);
	return code == EXIT_DONE ? code : ctl_fail(ctl, code);
}

/* --- events --- */

/* "2026-01-31 10:00:00.123  alpha  ready  web@1  TEXT (uid 0)" */
static void
print_event(const json_t *o)
{
	const char *time = get_text(o, "time");
	const json_t *actor = json_object_get(o, "actor");
	printf("%.10s %.12s  %-8s %-12s %-20s %s", time,
		strlen(time) > 11 ? time + 11 : "", get_text(o, "host"),
		get_text(o, "kind"), get_text(o, "name"), get_text(o, "text"));
	if (json_is_object(actor))
		printf(" (uid %lld, pid %lld%s%s)",
			(long long)get_int(actor, "uid"),
			(long long)get_int(actor, "pid"),
			*get_text(actor, "host") ? ", on " : "",
			get_text(actor, "host"));
	putchar('\n');
}

/* Lines of a stream as they become whole. */
struct lines {
	struct ctl *ctl;
	char *data;
	size_t size;
};

static void
take_event_line(struct lines *l, const char *line, size_t size)
{
	if (size == 0)
		return; /* a sign of life */
	json_t *o = json_loadb(line, size, 0, NULL);
	if (!o)
		return;
	if (l->ctl->opt.output == OUTPUT_JSON)
		printf("%.*s\n", (int)size, line);
	else if (l->ctl->opt.output == OUTPUT_NAME)
		printf("%s\n", get_text(o, "name"));
	else
		print_event(o);
	json_decref(o);
}

static int
take_events(void *context, const void *data, size_t size)
{
	struct lines *l = context;
	l->data = realloc(l->data, l->size + size + 1);
	CHECK(l->data);
	memcpy(l->data + l->size, data, size);
	l->size += size;
	char *at = l->data;
	char *end;
	while ((end = memchr(at, '\n', l->size - (size_t)(at - l->data)))) {
		take_event_line(l, at, (size_t)(end - at));
		at = end + 1;
	}
	l->size -= (size_t)(at - l->data);
	memmove(l->data, at, l->size);
	fflush(stdout);
	return ferror(stdout) ? -1 : 0;
}

static int
follow_events(struct ctl *ctl, char *path, size_t size)
{
	struct lines lines = {.ctl = ctl};
	add_number(path, size, "follow", 1);
	int code = ctl_stream(ctl, path, take_events, &lines);
	free(lines.data);
	return code == EXIT_DONE ? code : ctl_fail(ctl, code);
}

/* Hosts that could not tell theirs. */
static void
print_missing(const json_t *document)
{
	size_t i;
	json_t *o;
	fflush(stdout);
	json_array_foreach(json_object_get(document, "missing"), i, o)
		fprintf(stderr, "skepctl: events of %s are missing: %s\n",
			get_text(o, "host"), get_text(o, "error"));
}

static int
show_events(struct ctl *ctl, char *path, size_t size)
{
	if (ctl->opt.lines >= 0)
		add_number(path, size, "n", ctl->opt.lines);
	if (ctl->opt.since)
		add_text(path, size, "since", ctl->opt.since);
	if (ctl->opt.node)
		add_text(path, size, "node", ctl->opt.node);
	if (ctl->opt.is_follow)
		return follow_events(ctl, path, size);
	json_t *document;
	int code = ctl_get(ctl, path, &document);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	json_t *list = json_object_get(document, "events");
	size_t i;
	json_t *o;
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(document);
	else if (ctl->opt.output == OUTPUT_NAME)
		show_names(list, "name");
	else
		json_array_foreach(list, i, o) print_event(o);
	print_missing(document);
	json_decref(document);
	return EXIT_DONE;
}

int
cmd_events(struct ctl *ctl, int argc, char **argv)
{
	char path[API_PATH_SIZE] = "/v1/events";
	if (argc)
		add_text(path, sizeof(path), "name", argv[0]);
	return show_events(ctl, path, sizeof(path));
}

int
cmd_history(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	char path[API_PATH_SIZE];
	path_format(path, sizeof(path), "/v1/history", argv[0], "");
	return show_events(ctl, path, sizeof(path));
}
