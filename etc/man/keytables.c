/* Writes what the tables of keys say, for people.
 *
 *   keytables spec    the list of keys of skep.yaml(5), as mdoc
 *   keytables conf    the list of keys of skep.conf(5), as mdoc
 *   keytables sample  a whole skep.conf in which every default stands as a
 *                     comment: etc/skep.conf is this text
 *
 * The manual pages take the lists in while they are built, so they cannot
 * say anything else than the parsers do.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "spec/keys.h"
#include "sys/conf.h"
#include "sys/event_kinds.h"
#include "sys/units.h"

#define WIDTH 78 /* columns of the sample */

/* Text as mdoc shows it unchanged. */
static void
put_escaped(const char *text)
{
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '"')
			fputs("\\(dq", stdout);
		else
			putchar(*text);
	}
}

/* One argument of a macro. */
static void
put_argument(const char *text)
{
	fputs(" \"\\&", stdout);
	put_escaped(text);
	putchar('"');
}

/* A line of running text. */
static void
put_line(const char *text)
{
	fputs("\\&", stdout);
	put_escaped(text);
	putchar('\n');
}

static void
put_words(const struct key_word *w)
{
	const char *bar = "";
	for (; w->word; w++) {
		if (w->kind == WORD_LATER)
			continue;
		printf("%s%s", bar, w->word);
		bar = " | ";
	}
}

static const char *
type_name(enum key_type type)
{
	static const char *const names[KEY_TYPE_COUNT] = {
		[KEY_BLOCK] = "block",
		[KEY_TEXT] = "text",
		[KEY_BOOL] = "true | false",
		[KEY_INT] = "number",
		[KEY_PERCENT] = "percentage",
		[KEY_UMASK] = "octal number",
		[KEY_SIGNAL] = "signal",
		[KEY_DURATION] = "duration",
		[KEY_SIZE] = "size",
		[KEY_COMMAND] = "command",
		[KEY_TEXTS] = "list of texts",
		[KEY_CODES] = "list of numbers",
		[KEY_PAIRS] = "map of texts",
		[KEY_RLIMITS] = "map of limits",
		[KEY_DEPENDS] = "map of services",
	};
	CHECK(type < KEY_TYPE_COUNT && names[type]);
	return names[type];
}

static void
put_durations(int64_t min, int64_t max)
{
	char low[32], high[32];
	printf("From %s to %s.\n",
		min ? units_format_duration(min, low, sizeof low) : "0",
		units_format_duration(max, high, sizeof high));
}

static void
put_notes(const struct spec_key *key)
{
	if (key->flags & KEY_REQUIRED)
		puts("It must be given.");
	if (key->flags & KEY_EXPANDS)
		puts("Specifiers are replaced.");
	if (key->type == KEY_INT || key->type == KEY_PERCENT)
		printf("From %lld to %lld.\n", (long long)key->min,
			(long long)key->max);
	if (key->type == KEY_DURATION)
		put_durations(key->min, key->max);
	if (key->fallback && *key->fallback) {
		printf("Default:\n.Ql");
		put_argument(key->fallback);
		printf(" .\n");
	}
}

static void
put_spec_key(const struct spec_key *key)
{
	fputs(".It Cm", stdout);
	put_argument(key->path);
	fputs(" No : ", stdout);
	if (key->type == KEY_WORD)
		put_words(key->words);
	else
		fputs(type_name(key->type), stdout);
	putchar('\n');
	put_line(key->help);
	put_notes(key);
}

static void
put_later(const struct spec_key *key)
{
	fputs(".It Cm", stdout);
	put_argument(key->path);
	putchar('\n');
	put_line(key->help);
}

static void
write_spec(void)
{
	size_t count;
	const struct spec_key *keys = spec_keys(&count);
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < count; i++)
		if (keys[i].type != KEY_LATER)
			put_spec_key(&keys[i]);
	puts(".El\n.Ss Not supported yet\n"
	     "These keys are refused, and not ignored, until a later version "
	     "brings what they\npromise.\n.Bl -tag -width Ds");
	for (size_t i = 0; i < count; i++)
		if (keys[i].type == KEY_LATER)
			put_later(&keys[i]);
	puts(".El");
}

static void
put_conf_doc(const struct conf_doc *d)
{
	fputs(".It Cm", stdout);
	put_argument(d->key);
	printf(" No = %s\n", d->form);
	put_line(d->help);
	if (!d->is_supported)
		puts("Not supported yet.");
	if (*d->range)
		puts(d->range);
	if (!*d->fallback)
		return;
	printf("Default:\n.Ql");
	put_argument(d->fallback);
	printf(" .\n");
}

static void
write_conf(void)
{
	struct conf_doc d;
	const char *section = "";
	for (size_t i = 0; conf_doc_get(i, &d); i++) {
		if (strcmp(section, d.section) != 0) {
			printf("%s.Ss [%s]\n.Bl -tag -width Ds\n",
				*section ? ".El\n" : "", d.section);
			section = d.section;
		}
		put_conf_doc(&d);
	}
	puts(".El\n.Ss Kinds of events\n.Bl -tag -width Ds -compact");
	for (const struct event_kind *k = event_kinds; k->name; k++) {
		fputs(".It Cm", stdout);
		put_argument(k->name);
		putchar('\n');
		put_line(k->help);
	}
	puts(".El");
}

/* A sentence as comment lines. */
static void
put_comment(const char *text)
{
	size_t column = 0;
	while (*text) {
		size_t length = strcspn(text, " ");
		if (column && column + 1 + length > WIDTH) {
			putchar('\n');
			column = 0;
		}
		column += (size_t)printf(
			"%s%.*s", column ? " " : "; ", (int)length, text);
		text += length;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static void
put_sample_key(const struct conf_doc *d)
{
	put_comment(d->help);
	if (d->has_words)
		printf("; One of: %s\n", d->form);
	if (*d->range)
		put_comment(d->range);
	if (!d->is_supported)
		puts("; (Not supported yet.)");
	printf(";%s =%s%s\n", d->key, *d->fallback ? " " : "", d->fallback);
}

static void
write_sample(void)
{
	struct conf_doc d;
	const char *section = "";
	puts("; skep.conf: what this host is told; see skep.conf(5).  Every "
	     "default stands\n; here as a comment.");
	for (size_t i = 0; conf_doc_get(i, &d); i++) {
		if (strcmp(section, d.section) != 0)
			printf("\n[%s]\n", d.section);
		section = d.section;
		put_sample_key(&d);
	}
}

int
main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";
	if (strcmp(what, "spec") == 0)
		write_spec();
	else if (strcmp(what, "conf") == 0)
		write_conf();
	else if (strcmp(what, "sample") == 0)
		write_sample();
	else {
		fputs("usage: keytables spec | conf | sample\n", stderr);
		return 2;
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
