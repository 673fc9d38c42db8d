/* A command of the administrator's that is told of this host's events.
 *
 * [events] of skep.conf names it and says of what it hears: kinds, and patterns
 * over names.  It gets one event as a line of JSON at its standard input, as
 * 'skepctl -o json events' shows it, and runs as the user of skep-node, one at
 * a time; after ALERT_TIMEOUT_S it is killed.  At most ALERT_WAIT_MAX events
 * wait for it; what comes beyond that is counted, and the next line says how
 * many these were ("missed").  What waits is lost when the node ends: who needs
 * all follows the events by their ids.
 */
#ifndef SKEP_NODE_ALERT_H
#define SKEP_NODE_ALERT_H

#define ALERT_TIMEOUT_S 30
#define ALERT_WAIT_MAX	256

struct node;
struct alert;

/* Begins to listen, as n->conf says; NULL when it names no command. */
struct alert *alert_open(struct node *n);

/* Stops; a command that runs runs on.  NULL is accepted. */
void alert_close(struct alert *a);

#endif
