/* Commands of a service that run beside it: its hooks and exec probes.
 *
 * Each is a child of ours, born like the service itself (its user after the
 * same [policy] checks, its limits, its environment) in a cgroup of its own
 * beneath the instance's, IID/skep-COMMAND, so that it counts as a part of the
 * instance and yet can be killed alone.  Where there are no cgroups its
 * process group stands in for that.
 *
 * Hooks write to the service's log.  What a probe writes goes nowhere but for
 * its last line, which comes back in RAN.  Besides the service's variables a
 * command has MAINPID while there is a leader, and post_stop has
 * SERVICE_RESULT, EXIT_CODE and EXIT_STATUS as systemd defines them; how a
 * service ended that nobody saw end is "unknown" and has the first alone.
 *
 * When a command ends, RAN is said.  What it left behind goes into the
 * instance's own cgroup and stays with it, except that what a probe, post_stop
 * or a command that ran out of its time leaves is killed to the last process.
 * A run does not outlive its skepd: the next one kills what it finds, and the
 * node's own bound goes on.
 */
#ifndef SKEP_KEEPER_RUN_H
#define SKEP_KEEPER_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "keeper/instance.h"
#include "sys/kproto.h"

struct keeper;

/* Carries out one RUN; answers by RAN. */
void run_start(struct keeper *k, const struct kproto_run *r);

/* A child was reaped: whether it was a command. */
bool run_on_exit(struct keeper *k, pid_t pid, int status);

/* Whether that process is a command that runs. */
bool run_has_pid(struct keeper *k, pid_t pid);

/* Whether something that ran for 'iid' after its end is still there: a start
 * must wait for that. */
bool run_is_left(struct keeper *k, uint64_t iid);

/* Kills the commands that run for 'iid'; they are still answered. */
void run_kill_all(struct keeper *k, uint64_t iid);

/* Kills what commands under an earlier skepd left of an adopted instance, whose
 * cgroup is open if it has one. */
void run_clear(struct instance *i);

/* Ends all of them. */
void run_fini(struct keeper *k);

#endif
