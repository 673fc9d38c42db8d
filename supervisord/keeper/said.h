/* What services say of themselves, made fit for one line for people. */
#ifndef SKEP_KEEPER_SAID_H
#define SKEP_KEEPER_SAID_H

/* The most that is passed on, in bytes without the NUL. */
#define SAID_MAX 200

/* Replaces control characters by spaces and takes spaces off the end.  Other
 * bytes stay as they are: whoever shows them knows what to do with them. */
void said_clean(char *text);

#endif
