/* register, unregister, and lists of everything that has a name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "ctl/ctl.h"

#define CHUNK_SIZE (4u << 20) /* of lines, in one request */
#define LINE_SIZE  4096	      /* a name of 255 bytes and its metadata */

/* --- register NAME --pid N --- */

bool
put_meta(struct ctl *ctl, json_t *o)
{
	json_error_t error;
	if (!ctl->opt.meta)
		return true;
	json_t *meta =
		json_loads(ctl->opt.meta, JSON_REJECT_DUPLICATES, &error);
	if (meta && json_is_object(meta)) {
		json_object_set_new(o, "meta", meta);
		return true;
	}
	err_set(&ctl->err, -EINVAL, "--meta: '%s' is not a JSON object%s%s",
		ctl->opt.meta, meta ? "" : ": ", meta ? "" : error.text);
	json_decref(meta);
	return false;
}

/* What there is to register, as the server wants it; NULL: what is wrong is in
 * ctl->err. */
static json_t *
word_of(struct ctl *ctl, const char *name)
{
	json_t *o = json_pack(
		"{s:s, s:I}", "name", name, "pid", (json_int_t)ctl->opt.pid);
	if (!o) {
		err_set(&ctl->err, -EILSEQ, "the name is not UTF-8");
		return NULL;
	}
	if (ctl->opt.timeout_ms >= 0) {
		char text[32];
		snprintf(text, sizeof(text), "%lldms",
			(long long)ctl->opt.timeout_ms);
		json_object_set_new(o, "timeout", json_string(text));
	}
	if (put_meta(ctl, o))
		return o;
	json_decref(o);
	return NULL;
}

static int
register_one(struct ctl *ctl, const char *name)
{
	json_t *document = NULL, *word = word_of(ctl, name);
	if (!word)
		return ctl_fail(ctl, EXIT_USAGE);
	/* The server ends the wait, and says for whom. */
	if (ctl->opt.timeout_ms >= 0)
		ctl->opt.timeout_ms += 5000;
	int code = ctl_call(ctl, "POST", "/v1/names", word, &document);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(document);
	else
		tell(ctl, "%s  %s", name, get_text(document, "message"));
	json_decref(document);
	return EXIT_DONE;
}

/* --- register -f FILE --- */

/* The answers to lines, as they come: one to each that is not empty, in their
 * order. */
struct answers {
	struct ctl *ctl;
	char line[LINE_SIZE];
	size_t size;
	const char *next; /* of the lines that were sent, not yet answered */
	size_t left;	  /* bytes there */
	uint64_t number;  /* of the last line before these, in the file */
	uint64_t done;
	uint64_t failed;
};

/* Goes to the next line that is to be answered; false: all were. */
static bool
next_line(struct answers *a)
{
	while (a->left) {
		const char *end = memchr(a->next, '\n', a->left);
		size_t size = end ? (size_t)(end - a->next) : a->left;
		size_t step = size + (end != NULL);
		a->next += step;
		a->left -= step;
		a->number++;
		if (size)
			return true;
	}
	return false;
}

/* What was refused: "FILE:LINE: NAME: why", without a name where the line has
 * none. */
static void
say_refused(const struct answers *a, const json_t *o)
{
	const json_t *error = json_object_get(o, "error");
	const char *name = get_text(o, "name");
	const char *why = error ? get_text(error, "message")
				: "the answer makes no sense";
	fprintf(stderr, "skepctl: %s:%llu: %s%s%s\n", a->ctl->opt.file,
		(unsigned long long)a->number, name, *name ? ": " : "", why);
}

static void
take_answer(struct answers *a)
{
	a->line[a->size] = '\0';
	a->size = 0;
	if (!next_line(a))
		return;
	json_t *o = json_loads(a->line, 0, NULL);
	bool is_done = o && !json_object_get(o, "error");
	a->done += is_done;
	a->failed += !is_done;
	if (a->ctl->opt.output == OUTPUT_JSON)
		printf("%s\n", a->line);
	else if (!is_done)
		say_refused(a, o);
	json_decref(o);
}

static int
on_answers(void *context, const void *data, size_t size)
{
	struct answers *a = context;
	const char *text = data;
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\n')
			take_answer(a);
		else if (a->size + 1 < sizeof(a->line))
			a->line[a->size++] = text[i];
	}
	return 0;
}

/* Sends whole lines and takes their answers, which must be as many. */
static int
send_lines(struct answers *a, const char *data, size_t size)
{
	if (!size)
		return EXIT_DONE;
	a->next = data;
	a->left = size;
	a->size = 0;
	int code =
		ctl_post_lines(a->ctl, "/v1/names", data, size, on_answers, a);
	if (!next_line(a))
		return code;
	if (code == EXIT_DONE) {
		err_set(&a->ctl->err, -EBADMSG,
			"skepd answered fewer lines than it was sent");
		code = EXIT_FAILED;
	}
	fprintf(stderr,
		"skepctl: %s:%llu: this line was not answered, and none behind "
		"it\n",
		a->ctl->opt.file, (unsigned long long)a->number);
	return code;
}

/* Fills the buffer up; EXIT_DONE, or what is wrong in ctl->err. */
static int
read_more(struct ctl *ctl, FILE *in, char *buffer, size_t *used, bool *is_over)
{
	size_t n = fread(buffer + *used, 1, CHUNK_SIZE - *used, in);
	*used += n;
	*is_over = n == 0;
	if (ferror(in)) {
		err_sys(&ctl->err, -errno, "%s", ctl->opt.file);
		return EXIT_FAILED;
	}
	if (*used == CHUNK_SIZE && !memchr(buffer, '\n', *used)) {
		err_set(&ctl->err, -EMSGSIZE, "%s: a line is too long",
			ctl->opt.file);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

/* Sends a file in pieces of whole lines, each when the one before it was
 * answered. */
static int
send_file(struct ctl *ctl, FILE *in, struct answers *a)
{
	char *buffer = malloc(CHUNK_SIZE);
	size_t used = 0;
	int code = EXIT_DONE;
	CHECK(buffer);
	for (bool is_over = false; !is_over && code == EXIT_DONE;) {
		code = read_more(ctl, in, buffer, &used, &is_over);
		if (code != EXIT_DONE)
			break;
		char *end = memrchr(buffer, '\n', used);
		size_t whole = end ? (size_t)(end - buffer) + 1 : 0;
		if (is_over)
			whole = used;
		code = send_lines(a, buffer, whole);
		memmove(buffer, buffer + whole, used - whole);
		used -= whole;
	}
	free(buffer);
	return code;
}

static int
register_file(struct ctl *ctl)
{
	bool is_stdin = strcmp(ctl->opt.file, "-") == 0;
	FILE *in = is_stdin ? stdin : fopen(ctl->opt.file, "re");
	struct answers a = {.ctl = ctl};
	if (!in) {
		err_sys(&ctl->err, -errno, "%s", ctl->opt.file);
		return ctl_fail(ctl, EXIT_FAILED);
	}
	int code = send_file(ctl, in, &a);
	if (!is_stdin)
		fclose(in);
	if (code != EXIT_DONE)
		code = ctl_fail(ctl, code);
	tell(ctl, "%llu done, %llu refused", (unsigned long long)a.done,
		(unsigned long long)a.failed);
	if (code != EXIT_DONE)
		return code;
	return a.failed ? EXIT_FAILED : EXIT_DONE;
}

int
cmd_register(struct ctl *ctl, int argc, char **argv)
{
	bool is_process = ctl->opt.file || ctl->opt.pid >= 0;
	if (is_process && (ctl->opt.is_find || ctl->opt.user))
		return usage_error(ctl,
			"register: --find and --user are about a service, "
			"whose command stands behind --");
	if (ctl->opt.file && !argc && ctl->opt.pid < 0 && !ctl->opt.meta)
		return register_file(ctl);
	if (ctl->opt.file)
		return usage_error(ctl,
			"-f: its lines name the processes, and say their meta");
	if (!argc)
		return usage_error(ctl, "register: which name?");
	if (argc > 1 && ctl->opt.pid < 0)
		return register_service(ctl, argc, argv);
	if (argc > 1)
		return usage_error(ctl,
			"register: --pid for a process, or a command behind "
			"-- for a service");
	if (ctl->opt.pid < 0)
		return usage_error(ctl, "register: --pid, or a command behind "
					"--, is missing");
	return register_one(ctl, argv[0]);
}

int
cmd_unregister(struct ctl *ctl, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		char path[API_PATH_SIZE];
		json_t *document = NULL;
		path_format(path, sizeof(path), "/v1/names", argv[i], "");
		int code = ctl_call(ctl, "DELETE", path, NULL, &document);
		if (code != EXIT_DONE)
			return ctl_fail(ctl, code);
		if (ctl->opt.output == OUTPUT_JSON)
			show_json(document);
		else
			tell(ctl, "%s  unregistered", argv[i]);
		json_decref(document);
	}
	return EXIT_DONE;
}

/* --- list PATTERN --- */

static int
compare(const void *a, const void *b)
{
	json_t *const *x = a;
	json_t *const *y = b;
	return strcmp(get_text(*x, "name"), get_text(*y, "name"));
}

static void
list_table(struct ctl *ctl, const json_t *names)
{
	static const char *const headers[] = {"NAME", "NODE", "STATE", "KIND",
		"+PID", "+SINCE", "META", NULL};
	size_t count = json_array_size(names);
	json_t **items = calloc(count + 1, sizeof(*items));
	struct table t;
	CHECK(items);
	for (size_t i = 0; i < count; i++)
		items[i] = json_array_get(names, i);
	qsort(items, count, sizeof(*items), compare);
	table_init(&t, headers);
	for (size_t i = 0; i < count; i++) {
		char text[32];
		const json_t *meta = json_object_get(items[i], "meta");
		char *said = json_object_size(meta)
				     ? json_dumps(meta, JSON_COMPACT)
				     : NULL;
		table_add(&t, get_text(items[i], "name"));
		table_add(&t, or_dash(get_text(items[i], "node")));
		table_add(&t, get_text(items[i], "state"));
		table_add(&t, get_text(items[i], "kind"));
		snprintf(text, sizeof(text), "%lld",
			(long long)get_int(items[i], "pid"));
		table_add(&t, text);
		table_add(&t, age_text(items[i], "since", text, sizeof(text)));
		table_add(&t, said ? said : "-");
		free(said);
	}
	show_table(ctl, &t);
	free(items);
}

/* Adds "WORD" and the text, escaped, to a path. */
static bool
add(char *path, size_t size, const char *word, const char *text)
{
	size_t used = strlen(path);
	int n = snprintf(path + used, size - used, "%s", word);
	return n >= 0 && (size_t)n < size - used &&
	       http_escape(path, size, text);
}

/* "?match=PATTERN&meta.KEY=VALUE". */
static bool
make_path(struct ctl *ctl, const char *pattern, char *path, size_t size)
{
	char key[256];
	const char *meta = ctl->opt.meta;
	const char *value = meta ? strchr(meta, '=') : NULL;
	path[0] = '\0';
	if (!add(path, size, "/v1/names?match=", pattern))
		return false;
	if (!meta)
		return true;
	if (!value || value == meta || (size_t)(value - meta) >= sizeof(key))
		return false;
	memcpy(key, meta, (size_t)(value - meta));
	key[value - meta] = '\0';
	return add(path, size, "&meta.", key) &&
	       add(path, size, "=", value + 1);
}

int
cmd_list_names(struct ctl *ctl, int argc, char **argv)
{
	char path[API_PATH_SIZE];
	json_t *document;
	if (!make_path(ctl, argc ? argv[0] : "*", path, sizeof(path)))
		return usage_error(ctl, "--meta: it is KEY=VALUE");
	int code = ctl_get(ctl, path, &document);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	const json_t *names = json_object_get(document, "names");
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(document);
	else if (ctl->opt.output == OUTPUT_NAME)
		show_names(names, "name");
	else
		list_table(ctl, names);
	json_decref(document);
	return EXIT_DONE;
}
