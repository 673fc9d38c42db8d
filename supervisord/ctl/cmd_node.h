/* What the commands about nodes share. */
#ifndef SKEP_CTL_CMD_NODE_H
#define SKEP_CTL_CMD_NODE_H

#include <stddef.h>

struct ctl;

/* Asks for the name of the node that answers.  EXIT_DONE, or the exit code
 * with ctl->err set and not yet said. */
int node_self(struct ctl *ctl, char *out, size_t size);

#endif
