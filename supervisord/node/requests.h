/* Who waits for which REPLY of the core. */
#ifndef SKEP_NODE_REQUESTS_H
#define SKEP_NODE_REQUESTS_H

#include <stddef.h>
#include <stdint.h>

#include "core/effect.h"

/* As node_reply_fn. */
typedef void requests_done_fn(
	void *context, enum reply_code code, const char *text);

struct requests;

struct requests *requests_new(void);
/* Forgets all askers; NULL accepted. */
void requests_free(struct requests *r);

/* Remembers who asked under 'id', which is new. */
void requests_add(
	struct requests *r, uint64_t id, requests_done_fn *done, void *context);
/* Forgets; an unknown id is ignored. */
void requests_cancel(struct requests *r, uint64_t id);
/* Tells the asker, once; an unknown id is ignored. */
void requests_answer(struct requests *r, const struct effect_reply *reply);

/* Requests without an answer. */
size_t requests_count(const struct requests *r);

#endif
