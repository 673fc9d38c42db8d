/* The capabilities of a service, in its child: see capabilities(7).
 *
 * With a list all sets become exactly that list: bounding, permitted,
 * effective, inheritable, and ambient, so that a program of an ordinary user
 * has them after exec and nothing can add to them.  Without a list nothing is
 * touched: the switch to the user drops them, and root keeps its own.
 */
#ifndef SKEP_KEEPER_CAPS_H
#define SKEP_KEEPER_CAPS_H

#include <stdint.h>

#include "sys/err.h"
#include "sys/kproto.h"

/* The list as a mask, bit N for capability N.  -EINVAL names what is none. */
int caps_read(const struct kproto_texts *texts, uint64_t *out, struct err *err);

/* Before the switch to the user: bounds what can ever be had, and keeps what
 * there is over the switch. */
int caps_before_switch(uint64_t mask, struct err *err);

/* After it: has exactly 'mask'. */
int caps_after_switch(uint64_t mask, struct err *err);

#endif
