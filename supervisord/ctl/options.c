#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "sys/units.h"

/* How an option's value is read. */
enum kind {
	KIND_FLAG,
	KIND_TEXT,
	KIND_DURATION,
	KIND_COUNT,
	KIND_OUTPUT,
	KIND_SIZE
};

/* One option. */
struct option {
	char letter; /* 0: none */
	const char *name;
	const char *value; /* what usage calls its value; NULL: a flag */
	enum kind kind;
	size_t offset;	/* of its member in struct options */
	bool is_common; /* every command takes it */
	const char *help;
};

#define AT(member) offsetof(struct options, member)

static const struct option options[] = {
	{'o', "output", "FORMAT", KIND_OUTPUT, AT(output), true,
		"table, wide, json or name"},
	{'q', "quiet", NULL, KIND_FLAG, AT(is_quiet), true,
		"say nothing but what was asked for"},
	{'s', "socket", "PATH", KIND_TEXT, AT(socket), true,
		"where skepd listens"},
	{0, "timeout", "DURATION", KIND_DURATION, AT(timeout_ms), true,
		"wait no longer than this"},
	{'h', "help", NULL, KIND_FLAG, AT(is_help), true, "show this"},
	{'V', "version", NULL, KIND_FLAG, AT(is_version), true,
		"show the version"},
	{0, "wait", NULL, KIND_FLAG, AT(is_wait), false,
		"return when it is done, not when it is accepted"},
	{'f', "file", "FILE", KIND_TEXT, AT(file), false,
		"the services, or what to register; - for standard input"},
	{0, "prune", NULL, KIND_FLAG, AT(is_prune), false,
		"delete every service of the cluster that FILE lacks"},
	{0, "check-index", "INDEX", KIND_TEXT, AT(check_index), false,
		"only if nothing changed since the plan with this index"},
	{'f', "follow", NULL, KIND_FLAG, AT(is_follow), false,
		"go on with what comes"},
	{'n', "lines", "N", KIND_COUNT, AT(lines), false, "the last N"},
	{0, "since", "TIME", KIND_TEXT, AT(since), false,
		"10m ago, or 2026-01-31T10:00:00Z"},
	{0, "node", "NODE", KIND_TEXT, AT(node), false,
		"of this node, whoever runs it"},
	{0, "drain", NULL, KIND_FLAG, AT(is_drain), false,
		"move everything away first"},
	{0, "self", NULL, KIND_FLAG, AT(is_self), false,
		"the node that answers"},
	{0, "deadline", "DURATION", KIND_DURATION, AT(deadline_ms), false,
		"give up what has not moved by then"},
	{0, "force", NULL, KIND_FLAG, AT(is_force), false,
		"stop what cannot move"},
	{0, "max-parallel", "N", KIND_COUNT, AT(max_parallel), false,
		"so many move at a time"},
	{0, "dry-run", NULL, KIND_FLAG, AT(is_dry_run), false,
		"say what would happen"},
	{0, "detach", NULL, KIND_FLAG, AT(is_detach), false, "do not watch it"},
	{0, "monitor", NULL, KIND_FLAG, AT(is_monitor), false,
		"watch a drain that is under way"},
	{'m', "reason", "TEXT", KIND_TEXT, AT(reason), false,
		"shown in status and events"},
	{'v', "verbose", NULL, KIND_FLAG, AT(is_verbose), false,
		"every input and every effect"},
	{0, "until", "STEP", KIND_TEXT, AT(until), false,
		"end behind this step, or this time: 12, or 90s"},
	{0, "check", NULL, KIND_FLAG, AT(is_check), false,
		"no lines; verify the core's invariants as well"},
	{0, "plugin-dir", "FOLDER", KIND_TEXT, AT(plugin_dir), false,
		"where placement strategies are loaded from"},
	{0, "for", "DURATION", KIND_DURATION, AT(for_ms), false,
		"end by itself after this time"},
	{0, "max-size", "SIZE", KIND_SIZE, AT(max_size), false,
		"end by itself before it is larger than this"},
	{0, "stop", NULL, KIND_FLAG, AT(is_stop), false,
		"end the one that is under way, and fetch it"},
	{0, "find", NULL, KIND_FLAG, AT(is_find), false,
		"whoever has the name is as good"},
	{0, "user", "USER", KIND_TEXT, AT(user), false, "run it as this user"},
	{0, "if", "VERSION", KIND_TEXT, AT(condition), false,
		"only if that is its version"},
	{0, "pid", "PID", KIND_COUNT, AT(pid), false, "of a process here"},
	{0, "meta", "META", KIND_TEXT, AT(meta), false,
		"what is said of it: a JSON object, or KEY=VALUE to find it"},
	{0, "authoritative", NULL, KIND_FLAG, AT(is_authoritative), false,
		"ask the node that decides about the name"},
	{0, "ack", NULL, KIND_FLAG, AT(is_acked), false,
		"return when it has arrived, and send it again until then"},
	{'y', "yes", NULL, KIND_FLAG, AT(is_yes), false, "do not ask"},
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

/* Whether 'name' is one of the words of 'list'. */
static bool
is_listed(const char *list, const char *name)
{
	size_t size = strlen(name);
	while (*list) {
		size_t word = strcspn(list, " ");
		if (word == size && strncmp(list, name, size) == 0)
			return true;
		list += word + (list[word] == ' ');
	}
	return false;
}

static bool
takes(const struct command *command, const struct option *o)
{
	return o->is_common ||
	       (command && is_listed(command->options, o->name));
}

static void
print_options(const struct command *command, FILE *out)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const struct option *o = &options[i];
		char text[48];
		if (!takes(command, o))
			continue;
		snprintf(text, sizeof(text), "%c%c%s--%s%s%s",
			o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
			o->letter ? ", " : "  ", o->name, o->value ? " " : "",
			o->value ? o->value : "");
		fprintf(out, "  %-26s %s\n", text, o->help);
	}
}

/* A line of the list of commands. */
static void
print_command(const struct command *c, FILE *out)
{
	char text[64];
	if (!c->help)
		return;
	snprintf(text, sizeof(text), "%s %s", c->name, c->args);
	fprintf(out, "  %-34s %s\n", text, c->help);
}

void
usage_print_group(const char *group, FILE *out)
{
	const struct command *c;
	fprintf(out, "usage: skepctl %s COMMAND [ARGUMENT...] [OPTION...]\n\n",
		group);
	for (size_t i = 0; (c = command_at(i)); i++)
		if (command_is_in(c, group))
			print_command(c, out);
	fprintf(out, "\nskepctl %s COMMAND --help shows the options of one.\n",
		group);
}

void
usage_print(const struct command *command, FILE *out)
{
	const struct command *c;
	if (command) {
		/* Behind a "--" there are none: these say where. */
		bool has_options = strstr(command->args, "[OPTION...]");
		fprintf(out, "usage: skepctl %s%s%s%s\n", command->name,
			*command->args ? " " : "", command->args,
			has_options ? "" : " [OPTION...]");
		print_options(command, out);
		return;
	}
	fprintf(out, "usage: skepctl COMMAND [ARGUMENT...] [OPTION...]\n\n");
	for (size_t i = 0; (c = command_at(i)); i++)
		print_command(c, out);
	fprintf(out, "\n");
	print_options(NULL, out);
	fprintf(out, "\nskepctl COMMAND --help shows the options of one.\n");
}

int
usage_error(struct ctl *ctl, const char *format, ...)
{
	va_list args;
	fprintf(stderr, "skepctl: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	if (ctl->group)
		usage_print_group(ctl->group, stderr);
	else if (ctl->command)
		usage_print(ctl->command, stderr);
	else
		fprintf(stderr, "Try 'skepctl --help'.\n");
	return EXIT_USAGE;
}

static int
parse_output(struct ctl *ctl, const char *text, enum output *out)
{
	static const char *const names[] = {"table", "wide", "json", "name"};
	for (int i = 0; i < 4; i++) {
		if (strcmp(names[i], text) != 0)
			continue;
		*out = (enum output)i;
		return EXIT_DONE;
	}
	return usage_error(
		ctl, "-o: '%s' is not one of table, wide, json, name", text);
}

static int
parse_count(struct ctl *ctl, const char *name, const char *text, int64_t *out)
{
	char *end;
	errno = 0;
	*out = strtoll(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno)
		return usage_error(
			ctl, "--%s: '%s' is not a number", name, text);
	return EXIT_DONE;
}

static int
set_value(struct ctl *ctl, const struct option *o, const char *text)
{
	void *member = (char *)&ctl->opt + o->offset;
	switch (o->kind) {
	case KIND_FLAG:
		*(bool *)member = true;
		return EXIT_DONE;
	case KIND_TEXT:
		*(const char **)member = text;
		return EXIT_DONE;
	case KIND_DURATION:
		if (units_parse_duration(text, member) < 0)
			return usage_error(ctl,
				"--%s: '%s' is not a duration like 10s or 5m",
				o->name, text);
		return EXIT_DONE;
	case KIND_COUNT:
		return parse_count(ctl, o->name, text, member);
	case KIND_SIZE:
		if (units_parse_size(text, member) < 0)
			return usage_error(ctl,
				"--%s: '%s' is not a size like 64MiB", o->name,
				text);
		return EXIT_DONE;
	case KIND_OUTPUT:
		return parse_output(ctl, text, member);
	}
	return EXIT_DONE;
}

/* The option with this name ('size' characters) or letter that the command
 * takes; NULL if there is none. */
static const struct option *
find_option(const struct command *command, const char *name, size_t size,
	char letter)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const struct option *o = &options[i];
		if (!takes(command, o))
			continue;
		if (letter && o->letter == letter)
			return o;
		if (!letter && strlen(o->name) == size &&
			strncmp(o->name, name, size) == 0)
			return o;
	}
	return NULL;
}

/* "--name", "--name=value" or "--name value". */
static int
parse_long(struct ctl *ctl, char **argv, int argc, int *i)
{
	const char *name = argv[*i] + 2;
	size_t size = strcspn(name, "=");
	const struct option *o = find_option(ctl->command, name, size, 0);
	if (!o)
		return usage_error(
			ctl, "there is no option --%.*s here", (int)size, name);
	if (!o->value && name[size])
		return usage_error(ctl, "--%s takes no value", o->name);
	if (!o->value)
		return set_value(ctl, o, NULL);
	if (name[size])
		return set_value(ctl, o, name + size + 1);
	if (++*i == argc)
		return usage_error(ctl, "--%s needs a value", o->name);
	return set_value(ctl, o, argv[*i]);
}

/* "-qf", "-nN" or "-n N". */
static int
parse_short(struct ctl *ctl, char **argv, int argc, int *i)
{
	for (const char *p = argv[*i] + 1; *p; p++) {
		const struct option *o = find_option(ctl->command, NULL, 0, *p);
		int rc;
		if (!o)
			return usage_error(
				ctl, "there is no option -%c here", *p);
		if (!o->value) {
			rc = set_value(ctl, o, NULL);
			if (rc)
				return rc;
			continue;
		}
		if (p[1])
			return set_value(ctl, o, p + 1);
		if (++*i == argc)
			return usage_error(ctl, "-%c needs a value", *p);
		return set_value(ctl, o, argv[*i]);
	}
	return EXIT_DONE;
}

/* Says that these words are no command, and what may be meant. */
static int
unknown_command(struct ctl *ctl, char **words)
{
	ctl->command = NULL;
	ctl->group = command_group(words[0]);
	const char *wrong = ctl->group ? words[1] : words[0];
	const char *best = command_nearest(wrong, ctl->group);
	return usage_error(ctl, "there is no command '%s%s%s'%s%s%s%s%s",
		ctl->group ? ctl->group : "", ctl->group ? " " : "", wrong,
		best ? "; did you mean '" : "",
		best && ctl->group ? ctl->group : "",
		best && ctl->group ? " " : "", best ? best : "",
		best ? "'?" : "");
}

/* The command stands in the first words that are no options; a common option
 * in front may have a value of its own. */
static int
find_command(struct ctl *ctl, int argc, char **argv)
{
	char *words[2];
	int count = 0;
	for (int i = 1; i < argc && count < 2; i++) {
		if (strcmp(argv[i], "--") == 0)
			break;
		if (argv[i][0] != '-' || !argv[i][1]) {
			words[count++] = argv[i];
			continue;
		}
		const struct option *o =
			argv[i][1] == '-'
				? find_option(NULL, argv[i] + 2,
					  strlen(argv[i] + 2), 0)
				: find_option(NULL, NULL, 0,
					  argv[i][strlen(argv[i]) - 1]);
		if (o && o->value)
			i++;
	}
	int used;
	ctl->command = command_find(count, words, &used);
	if (ctl->command || count == 0)
		return EXIT_DONE;
	if (count == 1)
		ctl->group = command_group(words[0]);
	return ctl->group ? EXIT_DONE : unknown_command(ctl, words);
}

/* Takes the words that name the command off the front. */
static int
drop_command_words(struct ctl *ctl, int count, char **words)
{
	int used = 0;
	(void)command_find(count, words, &used);
	memmove(words, words + used, sizeof(*words) * (size_t)(count - used));
	(void)ctl;
	return count - used;
}

static int
check_words(struct ctl *ctl, int count, char **words)
{
	if (count < ctl->command->words_min)
		return usage_error(
			ctl, "%s: something is missing", ctl->command->name);
	if (count > ctl->command->words_max)
		return usage_error(ctl, "%s: '%s' is too much",
			ctl->command->name, words[ctl->command->words_max]);
	return EXIT_DONE;
}

int
options_parse(struct ctl *ctl, int *argc, char **argv)
{
	int count = 0;
	bool is_plain = false; /* after "--" */
	int rc = find_command(ctl, *argc, argv);
	for (int i = 1; i < *argc && rc == EXIT_DONE; i++) {
		if (is_plain || argv[i][0] != '-' || !argv[i][1])
			argv[count++] = argv[i];
		else if (strcmp(argv[i], "--") == 0)
			is_plain = true;
		else if (argv[i][1] == '-')
			rc = parse_long(ctl, argv, *argc, &i);
		else
			rc = parse_short(ctl, argv, *argc, &i);
	}
	if (rc != EXIT_DONE || ctl->opt.is_help || ctl->opt.is_version)
		return rc;
	if (ctl->group)
		return usage_error(
			ctl, "%s: its command is missing", ctl->group);
	if (!ctl->command)
		return usage_error(ctl, "a command is missing");
	*argc = drop_command_words(ctl, count, argv);
	if (!ctl->command->help)
		return EXIT_DONE; /* refused whatever follows */
	return check_words(ctl, *argc, argv);
}

int
cmd_help(struct ctl *ctl, int argc, char **argv)
{
	int used = 0;
	const char *group = argc == 1 ? command_group(argv[0]) : NULL;
	const struct command *command = command_find(argc, argv, &used);
	bool is_known = command && used == argc;
	if (group)
		usage_print_group(group, stdout);
	else if (is_known || argc == 0)
		usage_print(command, stdout);
	else if (command)
		return usage_error(ctl, "help: '%s' is too much", argv[used]);
	else
		return unknown_command(ctl, argv);
	return EXIT_DONE;
}
