/* kv get, set, delete, list: small texts that every node holds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "ctl/ctl.h"

#define VALUE_MAX 4096

int
cmd_kv_get(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	char path[API_PATH_SIZE];
	json_t *document;
	path_format(path, sizeof(path), "/v1/kv", argv[0], "");
	int code = ctl_get(ctl, path, &document);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(document);
	else
		printf("%s\n", get_text(document, "value"));
	json_decref(document);
	return EXIT_DONE;
}

/* Reads the value from standard input, without the end of its last line.
 * EXIT_DONE, or an exit code; everything was said. */
static int
read_value(struct ctl *ctl, char value[VALUE_MAX + 2])
{
	size_t size = 0;
	while (size < VALUE_MAX + 2) {
		ssize_t n =
			read(STDIN_FILENO, value + size, VALUE_MAX + 2 - size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err_sys(&ctl->err, -errno, "standard input");
			return ctl_fail(ctl, EXIT_FAILED);
		}
		if (n == 0)
			break;
		size += (size_t)n;
	}
	if (size && value[size - 1] == '\n')
		size--;
	if (size > VALUE_MAX)
		err_set(&ctl->err, -E2BIG,
			"standard input: more than the %d bytes that a key "
			"holds",
			VALUE_MAX);
	else if (memchr(value, '\0', size))
		err_set(&ctl->err, -EINVAL,
			"standard input: a value is a text and has no NUL");
	else {
		value[size] = '\0';
		return EXIT_DONE;
	}
	return ctl_fail(ctl, EXIT_FAILED);
}

/* Adds "?if=VERSION" if that was asked for. */
static void
add_condition(struct ctl *ctl, char *path, size_t size)
{
	if (!ctl->opt.condition)
		return;
	size_t used = strlen(path);
	snprintf(path + used, size - used, "?if=");
	(void)http_escape(path, size, ctl->opt.condition);
}

/* What was done, in one line. */
static int
write_key(struct ctl *ctl, const char *method, const char *key, json_t *body)
{
	char path[API_PATH_SIZE];
	json_t *document = NULL;
	path_format(path, sizeof(path), "/v1/kv", key, "");
	add_condition(ctl, path, sizeof(path));
	int code = ctl_call(ctl, method, path, body, &document);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	const char *result = get_text(document, "result");
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(document);
	else if (strcmp(method, "DELETE") == 0)
		tell(ctl, "%s  deleted", key);
	else
		tell(ctl, "%s  version %s%s", key,
			get_text(document, "version"),
			strcmp(result, "unchanged") == 0 ? " (unchanged)" : "");
	json_decref(document);
	return EXIT_DONE;
}

int
cmd_kv_set(struct ctl *ctl, int argc, char **argv)
{
	char value[VALUE_MAX + 2];
	const char *text = value;
	if (argc == 2)
		text = argv[1];
	else if (read_value(ctl, value) != EXIT_DONE)
		return EXIT_FAILED;
	json_t *body = json_pack("{s:s}", "value", text);
	if (body)
		return write_key(ctl, "PUT", argv[0], body);
	err_set(&ctl->err, -EILSEQ, "the value is not UTF-8");
	return ctl_fail(ctl, EXIT_FAILED);
}

int
cmd_kv_delete(struct ctl *ctl, int argc, char **argv)
{
	int code = EXIT_DONE;
	for (int i = 0; i < argc && code == EXIT_DONE; i++)
		code = write_key(ctl, "DELETE", argv[i], NULL);
	return code;
}

/* A value as a cell: on one line, and without what a terminal obeys. */
static void
add_value(struct table *t, const char *value)
{
	char *line = strdup(value);
	CHECK(line);
	for (char *at = line; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = ' ';
	table_add(t, or_dash(line));
	free(line);
}

static void
list_table(struct ctl *ctl, const json_t *keys)
{
	static const char *const headers[] = {
		"KEY", "+VERSION", "+BY", "+AGE", "VALUE", NULL};
	struct table t;
	size_t i;
	json_t *o;
	table_init(&t, headers);
	json_array_foreach(keys, i, o)
	{
		char age[32];
		table_add(&t, get_text(o, "key"));
		table_add(&t, get_text(o, "version"));
		table_add(&t, get_text(o, "writer"));
		table_add(&t, age_text(o, "modified", age, sizeof(age)));
		add_value(&t, get_text(o, "value"));
	}
	show_table(ctl, &t);
}

int
cmd_kv_list(struct ctl *ctl, int argc, char **argv)
{
	char path[API_PATH_SIZE] = "/v1/kv";
	json_t *document;
	if (argc) {
		strcpy(path, "/v1/kv?match=");
		(void)http_escape(path, sizeof(path), argv[0]);
	}
	int code = ctl_get(ctl, path, &document);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	const json_t *keys = json_object_get(document, "keys");
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(document);
	else if (ctl->opt.output == OUTPUT_NAME)
		show_names(keys, "key");
	else
		list_table(ctl, keys);
	json_decref(document);
	return EXIT_DONE;
}
