/* The words that keys of type KEY_WORD know.  Each table is what one key may
 * say, with the value that its member gets; it ends with a word that is NULL.
 */
#ifndef SKEP_SPEC_CHOICES_H
#define SKEP_SPEC_CHOICES_H

#include "spec/keys.h"

extern const struct key_word choice_type[];	   /* type */
extern const struct key_word choice_notify[];	   /* readiness.notify */
extern const struct key_word choice_restart[];	   /* restart.policy */
extern const struct key_word choice_takeover[];	   /* checkpoint.takeover */
extern const struct key_word choice_delay[];	   /* restart.delay_function */
extern const struct key_word choice_exhausted[];   /* restart.mode */
extern const struct key_word choice_kill[];	   /* kill_mode */
extern const struct key_word choice_handoff[];	   /* handoff.mode */
extern const struct key_word choice_order[];	   /* handoff.order */
extern const struct key_word choice_consistency[]; /* partition.consistency */
extern const struct key_word choice_on_loss[];	   /* partition.on_loss */
extern const struct key_word choice_target[];	   /* logs.target */
extern const struct key_word choice_full[];	   /* logs.when_full */

#endif
