/* apply, plan, validate, delete: the desired state. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "ctl/ctl.h"
#include "spec/advice.h"
#include "spec/spec.h"

/* A file of services: its bytes, and what they say. */
struct source {
	char *data;
	size_t size;
	struct spec_set *set;
};

static void
source_fini(struct source *s)
{
	spec_set_free(s->set);
	free(s->data);
}

static int
read_all(int fd, const char *name, struct source *s, struct err *err)
{
	size_t capacity = SPEC_FILE_MAX + 1;
	s->data = malloc(capacity);
	CHECK(s->data);
	while (s->size < capacity) {
		ssize_t n = read(fd, s->data + s->size, capacity - s->size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, -errno, "%s", name);
		if (n == 0)
			return 0;
		s->size += (size_t)n;
	}
	return err_set(
		err, -E2BIG, "%s: larger than %u bytes", name, SPEC_FILE_MAX);
}

/* Where advice is about. */
struct advised {
	const char *file;
	const char *service;
};

static void
show_advice(void *context, const char *text)
{
	const struct advised *a = context;
	fprintf(stderr, "skepctl: warning: %s: %s: %s\n", a->file, a->service,
		text);
}

static void
advise(const char *file, const struct spec_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		struct advised a = {file, set->items[i]->name};
		advice_give(set->items[i], show_advice, &a);
	}
}

/* Reads and checks a file, "-" for standard input, before skepd is asked, so
 * that its mistakes are told with their place in the file. */
static int
source_load(struct source *s, const char *path, struct err *err)
{
	*s = (struct source){0};
	bool is_stdin = strcmp(path, "-") == 0;
	const char *name = is_stdin ? "standard input" : path;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "%s", path);
	int rc = read_all(fd, name, s, err);
	if (!is_stdin)
		close(fd);
	if (rc == 0)
		rc = spec_parse_buffer(name, s->data, s->size, &s->set, err);
	if (rc < 0)
		source_fini(s);
	else
		advise(name, s->set);
	return rc;
}

static void
add_query(char *path, size_t size, const char *key, const char *value)
{
	size_t used = strlen(path);
	snprintf(path + used, size - used,
		"%c%s=", strchr(path, '?') ? '&' : '?', key);
	(void)http_escape(path, size, value);
}

static json_t *
find_named(const json_t *list, const char *name)
{
	size_t i;
	json_t *o;
	json_array_foreach(list, i,
		o) if (strcmp(get_text(o, "name"), name) == 0) return o;
	return NULL;
}

/* A wait for the services of a file. */
struct applied {
	struct progress progress;
	unsigned ready;
	unsigned total;
};

static void
on_ready(struct ctl *ctl, void *context, const char *name)
{
	struct applied *a = context;
	progress_line(ctl, &a->progress, "%s  ready", name);
	progress_set(ctl, &a->progress, name, ++a->ready, a->total);
}

/* Waits for all services of the file; a line as each becomes ready. */
static int
wait_applied(struct ctl *ctl, const struct spec_set *set)
{
	struct applied a = {.total = (unsigned)set->count};
	const char **names = calloc(set->count + 1, sizeof(*names));
	CHECK(names);
	for (size_t i = 0; i < set->count; i++)
		names[i] = set->items[i]->name;
	progress_set(ctl, &a.progress, "", 0, a.total);
	int code = wait_all_ready(ctl, names, set->count, on_ready, &a);
	progress_end(ctl, &a.progress);
	free(names);
	return code;
}

static void
show_applied(struct ctl *ctl, const json_t *document)
{
	const json_t *list = json_object_get(document, "services");
	size_t i;
	json_t *o;
	if (ctl->opt.output == OUTPUT_JSON) {
		show_json(document);
		return;
	}
	if (ctl->opt.output == OUTPUT_NAME) {
		show_names(list, "name");
		return;
	}
	json_array_foreach(list, i, o)
	{
		const char *result = get_text(o, "result");
		const char *message = get_text(o, "message");
		tell(ctl, "%s  %s%s%s", get_text(o, "name"),
			strcmp(result, "ok") == 0 ? "applied" : result,
			*message ? ": " : "", message);
	}
}

int
cmd_apply(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	struct source source;
	if (!ctl->opt.file)
		return usage_error(ctl, "apply: -f FILE is missing");
	if (source_load(&source, ctl->opt.file, &ctl->err) < 0)
		return ctl_fail(ctl, EXIT_FAILED);
	char path[API_PATH_SIZE] = "/v1/services";
	json_t *document;
	if (ctl->opt.is_prune)
		add_query(path, sizeof(path), "prune", "1");
	if (ctl->opt.check_index)
		add_query(path, sizeof(path), "check_index",
			ctl->opt.check_index);
	int code = ctl_send(
		ctl, "POST", path, source.data, source.size, &document);
	if (code != EXIT_DONE) {
		source_fini(&source);
		return ctl_fail(ctl, code);
	}
	show_applied(ctl, document);
	if (ctl->opt.is_wait)
		code = wait_applied(ctl, source.set);
	json_decref(document);
	source_fini(&source);
	return code;
}

static void
show_plan(struct ctl *ctl, const json_t *document)
{
	static const char *const headers[] = {
		"INSTANCE", "ACTION", "NODE", "SERVICE", "WHY", NULL};
	const json_t *services = json_object_get(document, "services");
	struct table t;
	size_t i;
	json_t *o;
	table_init(&t, headers);
	json_array_foreach(json_object_get(document, "items"), i, o)
	{
		const json_t *service =
			find_named(services, get_text(o, "service"));
		table_add(&t, get_text(o, "instance"));
		table_add(&t, get_text(o, "action"));
		table_add(&t, or_dash(get_text(o, "node")));
		table_add(&t, get_text(service, "action"));
		table_add(&t, get_text(o, "why"));
	}
	show_table(ctl, &t);
	tell(ctl, "%lld changes; apply --check-index %s applies exactly this",
		(long long)get_int(document, "changes"),
		get_text(document, "index"));
}

int
cmd_plan(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	struct source source;
	if (!ctl->opt.file)
		return usage_error(ctl, "plan: -f FILE is missing");
	if (source_load(&source, ctl->opt.file, &ctl->err) < 0)
		return ctl_fail(ctl, EXIT_PLAN_ERROR);
	char path[64] = "/v1/plan";
	json_t *document;
	if (ctl->opt.is_prune)
		add_query(path, sizeof(path), "prune", "1");
	int code = ctl_send(
		ctl, "POST", path, source.data, source.size, &document);
	source_fini(&source);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, EXIT_PLAN_ERROR);
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(document);
	else if (ctl->opt.output == OUTPUT_NAME)
		show_names(json_object_get(document, "items"), "instance");
	else
		show_plan(ctl, document);
	bool has_changes = get_int(document, "changes") > 0;
	json_decref(document);
	return has_changes ? EXIT_CHANGES : EXIT_DONE;
}

static int
validate_one(struct ctl *ctl, const char *path)
{
	struct source source;
	size_t instances = 0;
	if (source_load(&source, path, &ctl->err) < 0)
		return ctl_fail(ctl, EXIT_FAILED);
	for (size_t i = 0; i < source.set->count; i++)
		instances += spec_instance_count(source.set->items[i]);
	tell(ctl, "%s: good: %zu services, %zu instances", path,
		source.set->count, instances);
	source_fini(&source);
	return EXIT_DONE;
}

int
cmd_validate(struct ctl *ctl, int argc, char **argv)
{
	int code = EXIT_DONE;
	for (int i = 0; i < argc; i++)
		if (validate_one(ctl, argv[i]) != EXIT_DONE)
			code = EXIT_FAILED;
	return code;
}

int
cmd_delete(struct ctl *ctl, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		char path[API_PATH_SIZE];
		path_format(path, sizeof(path), "/v1/services", argv[i], "");
		int code = ctl_call(ctl, "DELETE", path, NULL, NULL);
		if (code != EXIT_DONE)
			return ctl_fail(ctl, code);
		tell(ctl, "%s  deleted", argv[i]);
	}
	for (int i = 0; ctl->opt.is_wait && i < argc; i++) {
		int code = wait_stopped(ctl, argv[i]);
		if (code != EXIT_DONE)
			return code;
	}
	return EXIT_DONE;
}
