/* send, call, publish, multicall: by the API, or inside a service by its
 * mailbox; recv and reply, which only a service can. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/check.h"
#include "ctl/mailbox.h"
#include "sys/clock.h"

#define ANSWER_MS  5000 /* on top of a message's own time */
#define AGAIN_MS   200	/* from one attempt to connect to the next */
#define CROWDED_MS 5000 /* the longest such time, while there is no room */
#define AWAY_MS	   5000 /* so long skep-node may take to start again */

/* What is to be sent. */
struct letter {
	size_t size;
	unsigned char data[SKEP_MAIL_BODY_MAX + 1];
};

/* From the argument, or from standard input. */
static int
read_letter(struct ctl *ctl, const char *argument, struct letter *out)
{
	if (argument) {
		out->size = strlen(argument);
		if (out->size <= SKEP_MAIL_BODY_MAX)
			memcpy(out->data, argument, out->size);
	} else {
		out->size = fread(out->data, 1, sizeof out->data, stdin);
		if (ferror(stdin)) {
			err_sys(&ctl->err, -errno, "standard input");
			return ctl_fail(ctl, EXIT_FAILED);
		}
	}
	if (out->size <= SKEP_MAIL_BODY_MAX)
		return EXIT_DONE;
	err_set(&ctl->err, -EMSGSIZE, "a message has %d bytes at most",
		SKEP_MAIL_BODY_MAX);
	return ctl_fail(ctl, EXIT_FAILED);
}

/* --- What came back --- */

static json_t *
base64(const void *data, size_t size)
{
	char *letters = malloc(BASE64_SIZE(size));
	CHECK(letters);
	base64_write(data, size, letters);
	json_t *text = json_string(letters);
	free(letters);
	return text;
}

/* Puts bytes in as 'key', or as 'key64' where they are no UTF-8. */
static void
put_body(json_t *o, const char *key, const char *key64,
	const struct mailbox_packet *p)
{
	json_t *text = json_stringn((const char *)p->body, p->body_size);
	if (text)
		json_object_set_new(o, key, text);
	else
		json_object_set_new(o, key64, base64(p->body, p->body_size));
}

static json_t *
answer_json(const struct mailbox_packet *p)
{
	json_t *o = json_pack("{s:s, s:s, s:s}", "name", p->name, "code",
		mailbox_code_name(p->h.code), "message", p->text);
	if (p->h.code == SKEP_MAIL_OK)
		put_body(o, "answer", "answer_base64", p);
	return o;
}

/* What a table shows of an answer: a text as it is, and other bytes, or a NUL,
 * at which a cell would end, as base64. */
static void
add_answer(struct table *t, const json_t *a)
{
	char *cell;
	const json_t *answer = json_object_get(a, "answer");
	const char *text = get_text(a, "answer");
	size_t size = json_string_length(answer);
	if (answer && strlen(text) == size) {
		table_add(t, text);
		return;
	}
	json_t *made = answer ? base64(text, size) : NULL;
	int n = asprintf(&cell, "base64:%s",
		made ? json_string_value(made) : get_text(a, "answer_base64"));
	CHECK(n >= 0);
	table_add(t, cell);
	free(cell);
	json_decref(made);
}

static void
show_answers(struct ctl *ctl, const json_t *answers)
{
	static const char *const headers[] = {"NAME", "RESULT", "ANSWER", NULL};
	struct table t;
	size_t i;
	json_t *a;
	table_init(&t, headers);
	json_array_foreach(answers, i, a)
	{
		bool is_ok = strcmp(get_text(a, "code"), "ok") == 0;
		table_add(&t, get_text(a, "name"));
		table_paint(&t, is_ok ? PAINT_GOOD : PAINT_BAD,
			get_text(a, "code"));
		if (is_ok)
			add_answer(&t, a);
		else
			table_add(&t, get_text(a, "message"));
	}
	show_table(ctl, &t);
}

/* The bytes of the answer to a call, as they are. */
static int
show_answer(struct ctl *ctl, const json_t *answers)
{
	const json_t *a = json_array_get(answers, 0);
	const json_t *text = json_object_get(a, "answer");
	const char *letters = get_text(a, "answer_base64");
	size_t size = json_string_length(text);
	if (text) {
		fwrite(json_string_value(text), 1, size, stdout);
		return EXIT_DONE;
	}
	char *bytes = malloc(BASE64_ROOM(strlen(letters)) + 1);
	CHECK(bytes);
	bool is_good =
		*letters && base64_read(letters, strlen(letters), bytes, &size);
	if (is_good)
		fwrite(bytes, 1, size, stdout);
	free(bytes);
	if (is_good)
		return EXIT_DONE;
	err_set(&ctl->err, -EBADMSG, "skepd's answer has no answer in it");
	return ctl_fail(ctl, EXIT_FAILED);
}

/* Shows a document as the API has it; 1 when somebody did not answer. */
static int
show(struct ctl *ctl, const json_t *o, const char *verb)
{
	const json_t *answers = json_object_get(o, "answers");
	size_t i;
	json_t *a;
	bool is_many = strcmp(verb, "multicall") == 0;
	int code = EXIT_DONE;
	json_array_foreach(answers, i,
		a) if (strcmp(get_text(a, "code"), "ok") != 0) code =
		EXIT_FAILED;
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(o);
	else if (is_many && ctl->opt.output == OUTPUT_NAME)
		show_names(answers, "name");
	else if (is_many)
		show_answers(ctl, answers);
	else if (strcmp(verb, "call") == 0)
		return code ? code : show_answer(ctl, answers);
	else if (*get_text(o, "message"))
		tell(ctl, "%s", get_text(o, "message"));
	return code;
}

/* --- By the API --- */

static int
by_api(struct ctl *ctl, const char *kind, const char *to, const char *verb,
	const struct letter *letter)
{
	char path[1280];
	json_t *o = NULL;
	path_format(path, sizeof path - 64, kind, to, verb);
	size_t used = strlen(path);
	snprintf(path + used, sizeof path - used, "?ack=%d", ctl->opt.is_acked);
	used = strlen(path);
	if (ctl->opt.timeout_ms > 0)
		snprintf(path + used, sizeof path - used, "&timeout_ms=%lld",
			(long long)ctl->opt.timeout_ms);
	/* The message's time is skepd's to watch. */
	ctl->opt.timeout_ms =
		ANSWER_MS +
		(ctl->opt.timeout_ms > 0 ? ctl->opt.timeout_ms : 30000);
	int rc = ctl_send(ctl, "POST", path, letter->data, letter->size, &o);
	if (rc)
		return ctl_fail(ctl, rc);
	rc = show(ctl, o, verb);
	json_decref(o);
	return rc;
}

/* --- By the mailbox --- */

/* Collects what comes until the end of the request. */
static int
await(struct ctl *ctl, int fd, const char *verb, int64_t timeout_ms)
{
	static struct mailbox_packet p;
	json_t *answers = json_array();
	int rc;
	while ((rc = mailbox_recv(ctl, fd, timeout_ms, &p)) == 0 &&
		p.h.op == SKEP_MAIL_ANSWER)
		json_array_append_new(answers, answer_json(&p));
	if (rc == 0 && p.h.code != SKEP_MAIL_OK) {
		err_set(&ctl->err, -EREMOTEIO, "%s", p.text);
		rc = ctl_fail(ctl, mailbox_exit_code(p.h.code));
	} else if (rc == 0) {
		json_t *o = json_pack("{s:s, s:s, s:O}", "result", "ok",
			"message", p.text, "answers", answers);
		rc = show(ctl, o, verb);
		json_decref(o);
	} else {
		rc = ctl_fail(ctl,
			rc == -ETIMEDOUT ? EXIT_TIMEOUT : EXIT_UNREACHABLE);
	}
	json_decref(answers);
	return rc;
}

static int
by_mailbox(struct ctl *ctl, struct skep_mail_header *h, const char *to,
	const char *verb, const struct letter *letter)
{
	int64_t ms = ctl->opt.timeout_ms > 0 ? ctl->opt.timeout_ms : 30000;
	int fd = mailbox_open(ctl);
	if (fd < 0)
		return ctl_fail(ctl, EXIT_UNREACHABLE);
	h->tag = 1;
	h->timeout_ms = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
	int rc = mailbox_send(ctl, fd, h, to, letter->data, letter->size);
	rc = rc < 0 ? ctl_fail(ctl, EXIT_UNREACHABLE)
		    : await(ctl, fd, verb, ms + ANSWER_MS);
	close(fd);
	return rc;
}

static int
post(struct ctl *ctl, int argc, char **argv, enum skep_mail_op op,
	const char *kind, const char *verb)
{
	static struct letter letter;
	struct skep_mail_header h = {.op = (uint16_t)op,
		.flags = ctl->opt.is_acked ? SKEP_MAIL_ACK : 0};
	int rc = read_letter(ctl, argc > 1 ? argv[1] : NULL, &letter);
	if (rc)
		return rc;
	if (strlen(argv[0]) > 255) {
		err_set(&ctl->err, -EINVAL, "a name has 255 bytes at most");
		return ctl_fail(ctl, EXIT_FAILED);
	}
	return mailbox_is_here() && !ctl->opt.socket
		       ? by_mailbox(ctl, &h, argv[0], verb, &letter)
		       : by_api(ctl, kind, argv[0], verb, &letter);
}

int
cmd_send(struct ctl *ctl, int argc, char **argv)
{
	return post(ctl, argc, argv, SKEP_MAIL_SEND, "/v1/names", "send");
}

int
cmd_call(struct ctl *ctl, int argc, char **argv)
{
	return post(ctl, argc, argv, SKEP_MAIL_CALL, "/v1/names", "call");
}

int
cmd_publish(struct ctl *ctl, int argc, char **argv)
{
	return post(
		ctl, argc, argv, SKEP_MAIL_PUBLISH, "/v1/groups", "publish");
}

int
cmd_multicall(struct ctl *ctl, int argc, char **argv)
{
	return post(ctl, argc, argv, SKEP_MAIL_MULTICALL, "/v1/groups",
		"multicall");
}

/* --- recv, reply --- */

/* "NUMBER SENDER", a line; then the message as it is. */
static void
show_message(struct ctl *ctl, const struct mailbox_packet *p)
{
	bool asks = p->h.flags & SKEP_MAIL_ASKS;
	if (ctl->opt.output == OUTPUT_JSON) {
		json_t *o = json_pack("{s:I, s:s, s:s, s:b}", "number",
			asks ? (json_int_t)p->h.number : 0, "from", p->name,
			"group", p->text, "asks", asks);
		put_body(o, "text", "text_base64", p);
		show_json(o);
		json_decref(o);
		return;
	}
	if (!ctl->opt.is_quiet)
		printf("%llu %s\n", asks ? (unsigned long long)p->h.number : 0,
			or_dash(p->name));
	fwrite(p->body, 1, p->body_size, stdout);
	fflush(stdout);
}

/* Asks for one message; 'timeout_ms' < 0: waits for ever. */
static int
take_message(struct ctl *ctl, int64_t timeout_ms, struct mailbox_packet *out)
{
	struct skep_mail_header h = {.op = SKEP_MAIL_RECV, .number = 1};
	int fd = mailbox_open(ctl);
	if (fd < 0)
		return fd;
	int rc = mailbox_send(ctl, fd, &h, "", "", 0);
	if (rc == 0)
		rc = mailbox_recv(ctl, fd, timeout_ms, out);
	close(fd);
	return rc;
}

/* Says once that nobody is there: the socket may be none that ever comes.  What
 * waits for ever waits on, and is not told so by silence. */
static void
tell_away(const struct ctl *ctl, mono away_since, bool *is_told)
{
	if (*is_told || mono_diff(clock_mono(), away_since) < AWAY_MS)
		return;
	*is_told = true;
	fprintf(stderr, "skepctl: %s: no skep-node there for %d s; waits on\n",
		ctl->err.text, AWAY_MS / 1000);
}

/* Waits through a restart of skep-node, as skep-mail(3) does: no message is
 * lost by asking again.  So it does where there is no room for a connection,
 * and asks less and less often then. */
static int
await_message(struct ctl *ctl, struct mailbox_packet *p)
{
	bool has_limit = ctl->opt.timeout_ms > 0;
	mono limit = mono_add(clock_mono(), ctl->opt.timeout_ms);
	int pause = AGAIN_MS;
	bool is_told = false;
	mono here_at = clock_mono();
	for (;;) {
		int64_t left = has_limit ? mono_diff(limit, clock_mono()) : -1;
		int rc = take_message(ctl, has_limit && left < 1 ? 1 : left, p);
		bool is_away = rc == -EPIPE || rc == -ECONNRESET ||
			       rc == -ECONNREFUSED || rc == -ENOENT;
		bool is_full = rc == 0 && p->h.op == SKEP_MAIL_DONE &&
			       p->h.code == SKEP_MAIL_FULL;
		if (rc == -ECONNREFUSED || rc == -ENOENT)
			tell_away(ctl, here_at, &is_told);
		else
			here_at = clock_mono();
		left = has_limit ? mono_diff(limit, clock_mono()) : INT64_MAX;
		if ((!is_away && !is_full) || left <= pause)
			return rc;
		poll(NULL, 0, pause);
		pause = !is_full ? AGAIN_MS
				 : (2 * pause < CROWDED_MS ? 2 * pause
							   : CROWDED_MS);
	}
}

int
cmd_recv(struct ctl *ctl, int argc, char **argv)
{
	static struct mailbox_packet p;
	(void)argc;
	(void)argv;
	int rc = await_message(ctl, &p);
	if (rc < 0)
		return ctl_fail(ctl,
			rc == -ETIMEDOUT ? EXIT_TIMEOUT : EXIT_UNREACHABLE);
	if (p.h.op == SKEP_MAIL_MESSAGE) {
		show_message(ctl, &p);
		return EXIT_DONE;
	}
	err_set(&ctl->err, -EREMOTEIO, "%s", p.text);
	return ctl_fail(ctl, mailbox_exit_code(p.h.code));
}

int
cmd_reply(struct ctl *ctl, int argc, char **argv)
{
	static struct letter letter;
	char *end;
	struct skep_mail_header h = {.op = SKEP_MAIL_REPLY};
	h.number = strtoull(argv[0], &end, 10);
	if (!*argv[0] || *end || h.number == 0)
		return usage_error(ctl,
			"'%s' is not the number of a message that asks",
			argv[0]);
	int rc = read_letter(ctl, argc > 1 ? argv[1] : NULL, &letter);
	return rc ? rc : by_mailbox(ctl, &h, "", "reply", &letter);
}
