/* skepctl: one command, one or a few requests to skepd, one table.
 *
 * Commands live in one table (commands.c) that dispatches, prints the help,
 * and is compared with skepctl(1) by a test.  A command gets its words and
 * the options, and returns the exit code.  Whatever it asks goes through
 * 'ctl_get' and its relatives, which turn every refusal into one sentence on
 * standard error and the fitting code.
 */
#ifndef SKEP_CTL_CTL_H
#define SKEP_CTL_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ctl/http.h"
#include "ctl/table.h"
#include "sys/err.h"

/* Exit codes, as in skepctl(1). */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_CHANGES = 1, /* plan */
	EXIT_USAGE = 2,
	EXIT_NOT_RUNNING = 3,
	EXIT_NOT_PERMITTED = 4,
	EXIT_TIMEOUT = 5,
	EXIT_UNREACHABLE = 7,
	EXIT_PLAN_ERROR = 255,
};

enum output { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_JSON, OUTPUT_NAME };

/* Every option there is; a command accepts those it lists. */
struct options {
	enum output output;
	bool is_quiet;
	bool is_wait;
	bool is_help;
	bool is_version;
	bool is_prune;
	bool is_follow;
	bool is_force;
	bool is_dry_run;
	bool is_detach;
	bool is_monitor;
	bool is_yes;
	bool is_self;
	bool is_drain;
	bool is_verbose;
	bool is_check;
	bool is_stop;
	bool is_find;
	bool is_acked;
	int64_t timeout_ms;   /* -1: the command's default */
	int64_t deadline_ms;  /* 0: none */
	int64_t for_ms;	      /* 0: no limit */
	uint64_t max_size;    /* bytes; 0: the server's default */
	int64_t lines;	      /* -1: the server's default */
	int64_t max_parallel; /* -1: any */
	const char *socket;
	const char *file;
	const char *check_index;
	const char *since;
	const char *node;
	const char *reason;
	const char *until;
	const char *plugin_dir;
	const char *condition; /* kv: a version */
	bool is_authoritative;
	int64_t pid;	  /* -1: none */
	const char *meta; /* register: a JSON object; list: KEY=VALUE */
	const char *user;
};

struct command;

/* One run. */
struct ctl {
	struct options opt;
	const struct command *command;
	const char *group; /* instead: the first word of some; or NULL */
	char socket[320]; /* where skepd listens */
	bool is_tty;	  /* standard output is a terminal */
	bool is_colour;
	unsigned status; /* HTTP status of the last answer, 0: none */
	char code[64];	 /* its error code, "" for none */
	struct err err;	 /* what went wrong last */
	int record_fd;	 /* debug record: the file in the making */
};

/* One command.  'args' is what usage shows; 'words_min' and 'words_max'
 * bound the arguments after the command's own words. */
struct command {
	const char *name; /* one or two words */
	const char *args;
	const char *help;
	const char *options; /* names, apart from the common ones */
	int words_min;
	int words_max;
	int (*run)(struct ctl *ctl, int argc, char **argv);
};

/* --- options.c --- */

/* Takes the options out of 'argv' (which keeps its words, in order) and
 * finds the command.  EXIT_DONE to go on; '*argc' and 'argv' are then the
 * command's own words.  Otherwise the exit code; everything was said. */
int options_parse(struct ctl *ctl, int *argc, char **argv);
/* Prints the usage of one command, or of all. */
void usage_print(const struct command *command, FILE *out);
/* Prints the commands that begin with this word. */
void usage_print_group(const char *group, FILE *out);
/* Says what is wrong and how the command is used; returns EXIT_USAGE. */
int usage_error(struct ctl *ctl, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* --- commands.c --- */

/* Finds the command that 'argv' begins with; '*words' is how many of them
 * name it.  NULL if there is none. */
const struct command *command_find(int argc, char **argv, int *words);
/* Walks the table; NULL ends. */
const struct command *command_at(size_t index);
/* The same word if there are commands that begin with it ("node"), or NULL. */
const char *command_group(const char *word);
bool command_is_in(const struct command *command, const char *group);
/* What may be meant by 'word', of the verbs of 'group', or (NULL) of the first
 * words of commands; NULL: nothing is near. */
const char *command_nearest(const char *word, const char *group);

/* --- session.c --- */

/* Finds the socket: -s, SKEP_SOCKET, run_dir of skep.conf. */
void ctl_find_socket(struct ctl *ctl);
/* One request.  EXIT_DONE and '*out' (the caller frees; NULL is accepted as
 * 'out'), or the exit code, with ctl->err set and not yet said. */
int ctl_call(struct ctl *ctl, const char *method, const char *path,
	json_t *body, json_t **out);
/* As above with a text as body. */
int ctl_send(struct ctl *ctl, const char *method, const char *path,
	const void *body, size_t size, json_t **out);
/* GET. */
int ctl_get(struct ctl *ctl, const char *path, json_t **out);
/* GET of a text that goes to 'on_body' as it comes; no timeout. */
int ctl_stream(struct ctl *ctl, const char *path, http_body_fn *on_body,
	void *context);
/* POST of lines, each a JSON document, that are answered by lines. */
int ctl_post_lines(struct ctl *ctl, const char *path, const void *lines,
	size_t size, http_body_fn *on_body, void *context);
/* Says ctl->err on standard error; returns 'code'. */
int ctl_fail(struct ctl *ctl, int code);
/* Room for a path with a name of 255 bytes, each of them escaped, and a query.
 */
#define API_PATH_SIZE 1536
/* Builds "PREFIX/NAME/SUFFIX" with the name escaped; 'suffix' may be "". */
void path_format(char *out, size_t size, const char *prefix, const char *name,
	const char *suffix);

/* --- show.c --- */

/* Text of a member; "" when it is missing or no text. */
const char *get_text(const json_t *o, const char *key);
int64_t get_int(const json_t *o, const char *key);
bool get_bool(const json_t *o, const char *key);
/* "3d 4h" since 'key'_ms; "-" without one. */
const char *age_text(
	const json_t *o, const char *key, char *buffer, size_t size);
/* "12.5 MiB", for people; less is never rounded up. */
const char *bytes_text(int64_t bytes, char *buffer, size_t size);
/* Prints a document as it is. */
void show_json(const json_t *o);
/* Prints 'key' of every object of a list, a line each. */
void show_names(const json_t *list, const char *key);
/* Prints and ends a table as the options want it. */
void show_table(struct ctl *ctl, struct table *t);
/* "-" for an empty text. */
const char *or_dash(const char *text);
/* Prints one line, unless -q. */
void tell(struct ctl *ctl, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* --- aside.c --- */

/* The older states beside a state_path, of what 'name' means (NULL: of all) on
 * 'node' (NULL: on all); appended to 'list'.  A skepd that is too old to tell
 * has none. */
void aside_get(
	struct ctl *ctl, const char *name, const char *node, json_t *list);
/* A line for each, with the path that 'rm -r' takes. */
void aside_show(const json_t *list);

/* --- moves.c --- */

/* The moves away from 'node', or (NULL) all that are under way, as one object
 * by instance; the caller frees.  Empty where the host that gives is not
 * reached, or a skepd is too old to tell: progress is a courtesy. */
json_t *moves_get(struct ctl *ctl, const char *node);
/* "12.5 MiB of 100.0 MiB, 50.1 MiB/s"; "" when there is no state on its way,
 * or it is not known how large it is. */
const char *moves_text(const json_t *move, char *buffer, size_t size);

/* --- waiting.c --- */

/* Whether what is waited for holds: 1 yes, 0 not yet, or -exit code. */
typedef int wait_fn(struct ctl *ctl, void *context);
/* Asks again and again (100 ms to 500 ms) until it holds or --timeout (60 s)
 * passes.  skepd away for a moment is no failure.  Says why it failed. */
int wait_until(struct ctl *ctl, const char *what, wait_fn *fn, void *context);
/* How long that waits at most. */
int64_t wait_limit_ms(const struct ctl *ctl);
/* No instance of 'name' is held by a host any more. */
int wait_stopped(struct ctl *ctl, const char *name);
/* Asks on a terminal; true there for "y", and with -y.  Without a terminal:
 * false, and says that -y is needed. */
bool confirm(struct ctl *ctl, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* One line that changes on a terminal, a line per change elsewhere. */
struct progress {
	bool is_bar;   /* a bar is on the screen */
	unsigned done; /* as last shown */
	unsigned total;
	char what[128];
};
void progress_set(struct ctl *ctl, struct progress *p, const char *what,
	unsigned done, unsigned total);
/* A line about one thing; the bar is drawn again below it. */
void progress_line(struct ctl *ctl, struct progress *p, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void progress_end(struct ctl *ctl, struct progress *p);

/* --- ready.c --- */

/* The instances of 'name' in '*out'; EXIT_DONE and NULL when it is unknown. */
int instances_get(struct ctl *ctl, const char *name, json_t **out);
/* What keeps an instance from running, from its row or else its history; "" if
 * nobody says. */
void reason_get(struct ctl *ctl, const json_t *o, char *out, size_t size);
/* Called for each name as it becomes ready. */
typedef void ready_fn(struct ctl *ctl, void *context, const char *name);
/* All instances of these names ready, with their wanted digests.  Says which
 * are not, and why; EXIT_FAILED as soon as those cannot become so by
 * themselves. */
int wait_all_ready(struct ctl *ctl, const char *const *names, size_t count,
	ready_fn *on_ready, void *context);
int wait_ready(struct ctl *ctl, const char *name);

/* --- cmd_*.c --- */

/* 'register NAME -- COMMAND': 'argv' is the name and the command. */
int register_service(struct ctl *ctl, int argc, char **argv);
/* Puts what --meta says, if it was given, into a word of 'register'; false: it
 * is no JSON object, and ctl->err says so. */
bool put_meta(struct ctl *ctl, json_t *o);

int cmd_help(struct ctl *ctl, int argc, char **argv);
int cmd_status(struct ctl *ctl, int argc, char **argv);
int cmd_list(struct ctl *ctl, int argc, char **argv);
int cmd_where(struct ctl *ctl, int argc, char **argv);
int cmd_why(struct ctl *ctl, int argc, char **argv);
int cmd_version(struct ctl *ctl, int argc, char **argv);
int cmd_apply(struct ctl *ctl, int argc, char **argv);
int cmd_plan(struct ctl *ctl, int argc, char **argv);
int cmd_validate(struct ctl *ctl, int argc, char **argv);
int cmd_delete(struct ctl *ctl, int argc, char **argv);
int cmd_start(struct ctl *ctl, int argc, char **argv);
int cmd_stop(struct ctl *ctl, int argc, char **argv);
int cmd_restart(struct ctl *ctl, int argc, char **argv);
int cmd_reload(struct ctl *ctl, int argc, char **argv);
int cmd_enable(struct ctl *ctl, int argc, char **argv);
int cmd_disable(struct ctl *ctl, int argc, char **argv);
int cmd_signal(struct ctl *ctl, int argc, char **argv);
int cmd_move(struct ctl *ctl, int argc, char **argv);
int cmd_logs(struct ctl *ctl, int argc, char **argv);
int cmd_events(struct ctl *ctl, int argc, char **argv);
int cmd_history(struct ctl *ctl, int argc, char **argv);
int cmd_send(struct ctl *ctl, int argc, char **argv);
int cmd_call(struct ctl *ctl, int argc, char **argv);
int cmd_publish(struct ctl *ctl, int argc, char **argv);
int cmd_multicall(struct ctl *ctl, int argc, char **argv);
int cmd_recv(struct ctl *ctl, int argc, char **argv);
int cmd_reply(struct ctl *ctl, int argc, char **argv);
int cmd_group_members(struct ctl *ctl, int argc, char **argv);
int cmd_group_join(struct ctl *ctl, int argc, char **argv);
int cmd_group_leave(struct ctl *ctl, int argc, char **argv);
int cmd_register(struct ctl *ctl, int argc, char **argv);
int cmd_unregister(struct ctl *ctl, int argc, char **argv);
/* list PATTERN, list --meta KEY=VALUE */
int cmd_list_names(struct ctl *ctl, int argc, char **argv);
int cmd_node_list(struct ctl *ctl, int argc, char **argv);
int cmd_node_show(struct ctl *ctl, int argc, char **argv);
int cmd_node_cordon(struct ctl *ctl, int argc, char **argv);
int cmd_node_uncordon(struct ctl *ctl, int argc, char **argv);
int cmd_node_undrain(struct ctl *ctl, int argc, char **argv);
int cmd_node_join(struct ctl *ctl, int argc, char **argv);
int cmd_node_leave(struct ctl *ctl, int argc, char **argv);
int cmd_node_forget(struct ctl *ctl, int argc, char **argv);
int cmd_node_confirm_down(struct ctl *ctl, int argc, char **argv);
int cmd_shutdown(struct ctl *ctl, int argc, char **argv);
int cmd_reexec(struct ctl *ctl, int argc, char **argv);
int cmd_drain(struct ctl *ctl, int argc, char **argv);
int cmd_rebalance(struct ctl *ctl, int argc, char **argv);
int cmd_cluster_show(struct ctl *ctl, int argc, char **argv);
int cmd_cluster_set(struct ctl *ctl, int argc, char **argv);
int cmd_wait(struct ctl *ctl, int argc, char **argv);
int cmd_register(struct ctl *ctl, int argc, char **argv);
int cmd_unregister(struct ctl *ctl, int argc, char **argv);
int cmd_kv_get(struct ctl *ctl, int argc, char **argv);
int cmd_kv_set(struct ctl *ctl, int argc, char **argv);
int cmd_kv_delete(struct ctl *ctl, int argc, char **argv);
int cmd_kv_list(struct ctl *ctl, int argc, char **argv);
int cmd_keygen(struct ctl *ctl, int argc, char **argv);
int cmd_replay(struct ctl *ctl, int argc, char **argv);
int cmd_debug_record(struct ctl *ctl, int argc, char **argv);
int cmd_debug_dump(struct ctl *ctl, int argc, char **argv);

#endif
