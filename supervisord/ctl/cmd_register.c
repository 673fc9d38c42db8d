/* register NAME -- COMMAND: a service that is given at run time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "ctl/ctl.h"

#define ANSWER_MS 15000 /* for what skepd does besides waiting */

/* The text as JSON; NULL: it is not UTF-8, which was said. */
static json_t *
text_of(struct ctl *ctl, const char *what, const char *text)
{
	json_t *json = json_string(text);
	if (!json) {
		err_set(&ctl->err, -EILSEQ, "%s: it is not UTF-8", what);
		ctl_fail(ctl, EXIT_FAILED);
	}
	return json;
}

/* The words of the command; NULL: said. */
static json_t *
words_of(struct ctl *ctl, int argc, char **argv)
{
	json_t *words = json_array();
	for (int i = 0; i < argc; i++) {
		json_t *word = text_of(ctl, "the command", argv[i]);
		if (!word) {
			json_decref(words);
			return NULL;
		}
		json_array_append_new(words, word);
	}
	return words;
}

/* What is asked for; NULL: said. */
static json_t *
body_of(struct ctl *ctl, int argc, char **argv)
{
	char timeout[32];
	json_t *name = text_of(ctl, "the name", argv[0]);
	json_t *command = name ? words_of(ctl, argc - 1, argv + 1) : NULL;
	if (!command) {
		json_decref(name);
		return NULL;
	}
	json_t *body = json_object();
	json_object_set_new(body, "name", name);
	json_object_set_new(body, "command", command);
	if (ctl->opt.user)
		json_object_set_new(body, "user", json_string(ctl->opt.user));
	if (ctl->opt.is_find)
		json_object_set_new(body, "find", json_true());
	if (ctl->opt.timeout_ms > 0) {
		snprintf(timeout, sizeof(timeout), "%lldms",
			(long long)ctl->opt.timeout_ms);
		json_object_set_new(body, "timeout", json_string(timeout));
		ctl->opt.timeout_ms += ANSWER_MS;
	}
	return body;
}

int
register_service(struct ctl *ctl, int argc, char **argv)
{
	json_t *document = NULL;
	json_t *body = body_of(ctl, argc, argv);
	if (!body)
		return EXIT_FAILED;
	if (!put_meta(ctl, body)) {
		json_decref(body);
		return ctl_fail(ctl, EXIT_USAGE);
	}
	int code = ctl_call(ctl, "POST", "/v1/names", body, &document);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(document);
	else
		tell(ctl, "%s  %s on %s, pid %lld", argv[0],
			get_text(document, "result"),
			or_dash(get_text(document, "node")),
			(long long)get_int(document, "pid"));
	json_decref(document);
	return EXIT_DONE;
}
