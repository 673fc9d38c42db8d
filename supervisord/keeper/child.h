/* From fork to exec: what happens in the process that becomes a service.
 *
 * Everything that can block or that only the service's user may do is done
 * here and not in the keeper: name look-ups, the policy check on what they
 * gave, the work directory, the state, the environment file.  The keeper
 * hears by 'child_report's on a CLOEXEC socket: which step it is at ("user" if
 * nothing came; only of steps that may stand still, since each message costs
 * the start some time), who it resolved to, what failed; end of file after STEP
 * "exec" means that the program runs.  One byte comes back: the record is
 * written.  The program is not executed before that, nor when the keeper is
 * gone; nor is pre_start, or what else stands before it, which this process
 * runs and bounds itself.
 */
#ifndef SKEP_KEEPER_CHILD_H
#define SKEP_KEEPER_CHILD_H

#include <stdint.h>

#include "keeper/dirs.h"
#include "keeper/ids.h"
#include "keeper/options.h"
#include "sys/kproto.h"

/* The steps, in their order; texts go to people in START_FAILED. */
#define CHILD_STEPS(X)                                                         \
	X(CHILD_FORK, "fork")                                                  \
	X(CHILD_USER, "user")                                                  \
	X(CHILD_POLICY, "policy")                                              \
	X(CHILD_OUTPUT, "output")                                              \
	X(CHILD_WORK_DIR, "work_dir")                                          \
	X(CHILD_RLIMITS, "rlimits")                                            \
	X(CHILD_OOM, "oom_score_adj")                                          \
	X(CHILD_NICE, "nice")                                                  \
	X(CHILD_SWITCH, "switch_user")                                         \
	X(CHILD_STATE, "state")                                                \
	X(CHILD_ENV_FILE, "env_file")                                          \
	X(CHILD_WORKING_DIR, "working_dir")                                    \
	X(CHILD_PRE_START, "pre_start")                                        \
	X(CHILD_EXEC, "exec")                                                  \
	X(CHILD_RESTORE, "handoff.restore") /* before pre_start; its number    \
					       and that of the next are the    \
					       last, for a child may be of an  \
					       earlier version */              \
	X(CHILD_RESOLVE, "hooks.resolve_conflict") /* before both */

enum child_step {
#define X(name, text) name,
	CHILD_STEPS(X)
#undef X
};

/* The step's word. */
const char *child_step_name(enum child_step step);

enum child_report_kind { CHILD_AT_STEP, CHILD_IS, CHILD_FAILED, CHILD_ASIDE };

/* One message on the socket; CHILD_AT_STEP ends before 'blame'. */
struct child_report {
	enum child_report_kind kind;
	enum child_step step;
	enum kproto_blame blame; /* CHILD_FAILED */
	int code;		 /* CHILD_FAILED: errno or 0 */
	uid_t uid;		 /* CHILD_IS */
	gid_t gid;
	size_t group_count;
	gid_t groups[IDS_GROUPS_MAX];
	char text[512]; /* CHILD_FAILED: the sentence; CHILD_ASIDE: what an
			   older state is called now */
};

/* What the child needs; all borrowed from the keeper's memory before the
 * fork.  Of descriptors it has these, dirs->work, and no other. */
struct child_plan {
	const struct kproto_start *start;
	const struct options *options;
	const struct dirs *dirs;
	int report_fd; /* our end of the socket, CLOEXEC */
	int fifo_fd;   /* the instance's FIFO, else -1 */
	int lock_fd;   /* what the service is to hold open, CLOEXEC */
	int state_fd;  /* has_state: what SKEP_STATE_IN gets, else -1 */
	int theirs_fd; /* has_theirs: what is joined with it, else -1 */
	int output_fd; /* a command's output, -1: as the service's */
	int ready_fd;  /* the FIFO for KREADY_FD, else -1 */
	const struct kproto_texts *command; /* for child_run_command */
	const char *const *variables;	    /* more of them, "KEY=value", NULL
					       at the end; or NULL */
};

/* Takes one report in; false at the end of file, or when none is there, with
 * -errno (0: the end) in 'rc'. */
bool child_hear(int report_fd, struct child_report *out, int *rc);

/* Becomes the service or reports and exits with 127. */
_Noreturn void child_run(const struct child_plan *plan);

/* Becomes one of the start's commands instead.  It says who it is and what
 * fails as above, and waits for nothing. */
_Noreturn void child_run_command(const struct child_plan *plan);

#endif
