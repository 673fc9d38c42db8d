/* How a service ended, in the words of systemd: SERVICE_RESULT, EXIT_CODE and
 * EXIT_STATUS of systemd.exec(5), for post_stop.
 *
 * "success" is an exit with 0, and an end by one of the signals that ask for
 * it (HUP, INT, PIPE, TERM), as systemd has it by default; success_exit_codes
 * is the node's to judge and not known here.  One deviation: an end that no
 * skepd saw is "unknown" and has neither code nor status.
 */
#ifndef SKEP_KEEPER_RESULT_H
#define SKEP_KEEPER_RESULT_H

#include <stddef.h>

#include "keeper/instance.h"

/* Writes up to three "KEY=value"; returns how many. */
size_t result_write(const struct instance *i, char out[][64]);

#endif
