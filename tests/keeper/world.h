/* A real skepd in a directory of its own, whose node and logger we play. */
#ifndef SKEP_TESTS_KEEPER_WORLD_H
#define SKEP_TESTS_KEEPER_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sys/ipc.h"
#include "sys/kproto.h"

#define WORLD_WAIT_MS 30000 /* for anything that must happen */

/* The skepd and our ends. */
struct world {
	char dir[64]; /* run, state, log, libexec, skep.conf */
	pid_t keeper;
	int listener;	  /* where stand-ins report */
	int node, logger; /* their sockets, -1 while they are away */
	pid_t node_pid, logger_pid;
	struct kproto_welcome welcome;
	struct ipc_message message; /* the last that was received */
	int log_fds[16];	    /* FIFOs from LOG_OPEN, by iid below 16 */
	unsigned log_closed;	    /* bit per iid from LOG_CLOSE */
	char ready_line[64];	    /* of the last LOG_OPEN */
	bool is_logger_mute;	    /* do not say LOG_READY */
	void (*before_exec)(void);  /* in the process that becomes skepd */
};

/* Whether we run as root, and the user that services have then. */
extern bool world_is_root;
const char *world_user(void);

/* Makes the directory, writes 'policy' into [policy], starts skepd, and
 * waits for node and logger. */
void world_start(struct world *w, const char *policy);

/* Makes the directory and no more, for what comes before the first start. */
void world_prepare(struct world *w, const char *policy);

/* Starts skepd (again) in the directory. */
void world_run_keeper(struct world *w);

/* Waits for a new node and takes its greeting up to SYNCED, counting the
 * INSTANCEs into 'instances' and keeping CRASHED (both may be NULL). */
void world_greet(struct world *w, struct kproto_instance *instances,
	unsigned *count, struct kproto_crash *crash);

/* SIGKILL to skepd, and the ends of its helpers are closed. */
void world_kill_keeper(struct world *w);

/* SIGTERM to skepd; it must end well.  The node leaves all stops to it. */
void world_stop_keeper(struct world *w);

/* Removes everything. */
void world_remove(struct world *w);

/* Both. */
void world_end(struct world *w);

/* A file with this in it, as START takes it; the caller's. */
int world_make_state(const char *text);

/* Starts 'argv' as 'iid'; fields of 's' that are set stay. */
void world_send_start(struct world *w, struct kproto_start *s, uint64_t iid,
	const char *const *argv, int state_fd);
/* The same with so many states. */
void world_send_states(struct world *w, struct kproto_start *s, uint64_t iid,
	const char *const *argv, const int *states, unsigned count);

/* A shell's argv for 'world_send_start'. */
#define SH(script) ((const char *const[]){"/bin/sh", "-c", (script), NULL})

/* Starts a script as 'iid' and waits until it runs; its pid. */
pid_t world_start_script(struct world *w, uint64_t iid, const char *script);

/* EXITED with that wait status and EMPTY must come next. */
void world_expect_end(struct world *w, uint64_t iid, int status);

/* 'text' must have that line. */
void world_ck_line(const char *text, const char *line);

/* KILL, FORGET, COLLECT. */
void world_send_event(
	struct world *w, uint16_t type, uint64_t iid, uint64_t epoch);
void world_send_signal(struct world *w, const struct kproto_signal *s);

/* As world_expect, for a message of any type. */
void world_receive(struct world *w);

/* Answers PINGs and serves the logger until the node gets a message, which
 * must be of 'type'. */
void world_expect(struct world *w, uint16_t type);
struct kproto_event world_expect_event(struct world *w, uint16_t type);
struct kproto_failure world_expect_failure(struct world *w, uint16_t type);
struct kproto_news world_expect_news(
	struct world *w, enum kproto_news_kind kind);

/* The logger says that the line of 'iid' came. */
void world_send_matched(struct world *w, uint64_t iid, uint64_t epoch);

/* Serves sockets for one round. */
void world_serve(struct world *w);

/* The same, answering the node's PINGs; no other message may come for it. */
void world_serve_node(struct world *w);

/* Reads what is logged of 'iid' until 'until' is in it; the caller's. */
char *world_read_log(struct world *w, uint64_t iid, const char *until);

/* Waits until the file in our directory has a number, and gives it. */
pid_t world_read_pid(struct world *w, const char *name);

/* Waits until the process is gone. */
void world_wait_gone(pid_t pid);

#endif
