/* What the files of the node's shell share; see node.h. */
#ifndef SKEP_NODE_NODE_PRIVATE_H
#define SKEP_NODE_NODE_PRIVATE_H

#include "node/keeper_link.h"
#include "node/links.h"
#include "node/node.h"

/* What the command line says. */
struct node_options {
	const char *conf_path;	   /* NULL: as the keeper says */
	const char *plugin_folder; /* $(libdir)/skep, or --plugin-dir */
	bool is_verbose;
};

/* boot.c: greets the keeper, opens everything, boots the core.  On error the
 * caller still calls 'node_close'. */
int node_open(struct node *n, const struct node_options *o, struct err *err);
/* Ends everything that is open, in the order that keeps what is owed. */
void node_close(struct node *n);

/* carry.c: carries out one effect; an apply_fn. */
void node_carry(void *context, const struct effect *e);

/* node.c: what happens, as inputs. */
void node_on_news(void *context, struct input *in);
extern const struct keeper_hooks node_keeper_calls;
extern const struct links_calls node_links_calls;
void node_on_stored(void *context, uint64_t seq);
void node_on_store_broken(void *context, const char *why);
void node_tick_init(struct node *n);

/* states.c: states of services, between keeper, disk and network. */
int states_open_bulk(struct node *n, struct err *err);
void states_close(struct node *n);
void states_dump(struct node *n, const struct effect_dump *dump);
void states_on_mover(struct node *n, const char *name, uint64_t epoch,
	bool is_checkpoint, int socket, const char *why);
void states_fetch(struct node *n, const struct effect_fetch *fetch);
void states_drop(struct node *n, const struct effect_drop *drop);
/* A descriptor of a sealed state, for a start; -errno with a sentence. */
int states_open(
	struct node *n, const uint8_t root[DIGEST_SIZE], struct err *err);

#endif
