/* Orders that are about all of skepd on this host, carried out by the
 * keeper: to end, and to be replaced by another program. */
#ifndef SKEP_NODE_ORDERS_H
#define SKEP_NODE_ORDERS_H

#include "node/node.h"

/* Has the keeper replaced by the program that is installed now.  'done' is
 * called once, before anything ends.  Returns a number for node_cancel. */
uint64_t node_reexec(struct node *n, node_reply_fn *done, void *context);

/* The keeper's answer: NULL, or why it stays. */
void node_on_going(struct node *n, const char *why);

/* Has the keeper stop all services and end; 'done' is called before. */
uint64_t node_shutdown(struct node *n, node_reply_fn *done, void *context);

/* Writes down that this host takes instances again when it is next started,
 * for a drain that is meant for one shutdown only. */
int node_undrain_later(struct node *n, struct err *err);

/* Does so, if it was written down. */
void node_undrain_if_due(struct node *n);

#endif
