/* The sentence that says where a name is: "it is registered on HOST, process
 * PID, STATE", without what is not known.
 *
 * Replies travel between hosts as a code and a sentence.  tracked.c writes this
 * one; who answers programs takes it apart here.  A pure function of the text.
 */
#ifndef SKEP_CORE_TRACKED_PLACE_H
#define SKEP_CORE_TRACKED_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"

#define TRACKED_PLACE_HOST    "it is registered on "
#define TRACKED_PLACE_SERVICE "it is the name of a declared service"
#define TRACKED_PLACE_PROCESS ", process "

#define TRACKED_STATE_MAX 15

/* What such a sentence says. */
struct tracked_place {
	char node[NODE_NAME_MAX + 1];	   /* "": nowhere */
	uint32_t pid;			   /* 0: not known */
	char state[TRACKED_STATE_MAX + 1]; /* as in status; "": not known */
};

/* Takes a sentence apart; false, and all empty: it is another one. */
bool tracked_place_read(const char *text, struct tracked_place *out);

#endif
