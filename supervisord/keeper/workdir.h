/* The directory in which a service leaves its state: state_dir/work/IID.
 * Only a start with a handoff or with a state makes it: on a disk that is the
 * dearest part of a start.
 *
 * It belongs to the service's user, so nothing in it is trusted: the keeper
 * looks at names only and follows no link.  The files it knows are "state"
 * (the answer "resume"), "state.restart", "state.ignore", "state-in" and, while
 * two states are joined, "state-in.skep-mine", -theirs, -joined;
 * "state.part", which is $SKEP_STATE_OUT for handoff.command and becomes
 * "state" when that has ended well, so that half of a state is none;
 * "checkpoint", which counts when something was renamed to it, and its part;
 * "state.skep-unsealed", what could not be collected, for people; and "placed",
 * by which skep-mover knows which state it has put at state_path: it stays from
 * start to start, as that does.
 */
#ifndef SKEP_KEEPER_WORKDIR_H
#define SKEP_KEEPER_WORKDIR_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "keeper/dirs.h"
#include "sys/err.h"
#include "sys/kproto.h"

/* The directory's path. */
void workdir_path(const struct dirs *d, uint64_t iid, char out[PATH_MAX]);

/* Makes it if need be, gives it to 'uid' and 'gid', and removes what an
 * earlier start left there, so that no old answer is taken for a new one.
 * The node has collected by then whatever it wants to keep. */
int workdir_prepare(const struct dirs *d, uint64_t iid, uid_t uid, gid_t gid,
	struct err *err);

/* For a start that needs none: removes what an earlier one left there. */
void workdir_clear(const struct dirs *d, uint64_t iid);

/* What stood there before a run was asked: it is no answer to that.  0: not
 * there.  In the order ignore, restart, state: keeper/record.c keeps them. */
#define WORKDIR_ANSWERS 3
struct workdir_marks {
	uint32_t marks[WORKDIR_ANSWERS];
};
void workdir_mark_answers(
	const struct dirs *d, uint64_t iid, struct workdir_marks *out);

/* The answer that stands there now, 0 for none; 'before' may be NULL. */
int workdir_read_answer(
	const struct dirs *d, uint64_t iid, const struct workdir_marks *before);

/* Gives a state that was collected and could not be sealed the name that is
 * written to 'path', for people; the one that has it already goes.  False when
 * there is none. */
bool workdir_keep_unsealed(
	const struct dirs *d, uint64_t iid, char path[PATH_MAX]);

/* Makes the directory, so that it can be watched before the service has it; the
 * start gives it to its user. */
void workdir_make(const struct dirs *d, uint64_t iid);

/* Whether something stands where the checkpoint should, and its removal: before
 * a command, which may write none and end well. */
bool workdir_has_checkpoint(const struct dirs *d, uint64_t iid);
void workdir_clear_checkpoint(const struct dirs *d, uint64_t iid);

/* Removes an "ignore" of an earlier handoff of the same run: who gave it works
 * on, and may answer otherwise when it is asked again.  The other answers are
 * the last words of a run.  A directory of that name stays, and counts. */
void workdir_clear_ignore(const struct dirs *d, uint64_t iid);

/* Removes what a command left half written, a directory or a large file without
 * waiting for it: they are for the keeper itself.  Gives what one wrote its
 * name. */
enum workdir_part { WORKDIR_STATE, WORKDIR_CHECKPOINT };
void workdir_clear_part(
	const struct dirs *d, uint64_t iid, enum workdir_part what);
void workdir_take_part(
	const struct dirs *d, uint64_t iid, enum workdir_part what);

/* Takes it aside, so that its name is free at once, and removes it with all
 * that is in it in a process of its own: a tree may be large. */
void workdir_remove(const struct dirs *d, uint64_t iid);

/* Removes, in a process of its own, what a crash left taken aside. */
void workdir_sweep(const struct dirs *d);

#endif
