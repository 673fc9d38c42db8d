#include "spec/choices.h"

#include "spec/spec.h"

const struct key_word choice_type[] = {
	{"simple", TYPE_SIMPLE, WORD_USUAL},
	{"oneshot", TYPE_ONESHOT, WORD_USUAL},
	{"notify", SPEC_TYPE_NOTIFY, WORD_USUAL},
	{0},
};

const struct key_word choice_notify[] = {
	{"none", 0, WORD_USUAL},
	{"systemd", 1, WORD_USUAL},
	{0},
};

const struct key_word choice_restart[] = {
	{"always", RESTART_ALWAYS, WORD_USUAL},
	{"on-failure", RESTART_ON_FAILURE, WORD_USUAL},
	{"never", RESTART_NEVER, WORD_USUAL},
	{"permanent", RESTART_ALWAYS, WORD_ALIAS},
	{"transient", RESTART_ON_FAILURE, WORD_ALIAS},
	{"temporary", RESTART_NEVER, WORD_ALIAS},
	{0},
};

const struct key_word choice_takeover[] = {
	{"newest", TAKEOVER_NEWEST, WORD_USUAL},
	{"wait", TAKEOVER_WAIT, WORD_USUAL},
	{0},
};

const struct key_word choice_delay[] = {
	{"constant", DELAY_CONSTANT, WORD_USUAL},
	{"linear", DELAY_LINEAR, WORD_USUAL},
	{"exponential", DELAY_EXPONENTIAL, WORD_USUAL},
	{"fibonacci", DELAY_FIBONACCI, WORD_USUAL},
	{0},
};

const struct key_word choice_exhausted[] = {
	{"fail", MODE_FAIL, WORD_USUAL},
	{"delay", MODE_DELAY, WORD_USUAL},
	{"reschedule", MODE_RESCHEDULE, WORD_USUAL},
	{0},
};

const struct key_word choice_kill[] = {
	{"mixed", KILL_MIXED, WORD_USUAL},
	{"control-group", KILL_CONTROL_GROUP, WORD_USUAL},
	{0},
};

const struct key_word choice_handoff[] = {
	{"resume", HANDOFF_RESUME, WORD_USUAL},
	{"restart", HANDOFF_RESTART, WORD_USUAL},
	{"ignore", HANDOFF_IGNORE, WORD_USUAL},
	{0},
};

const struct key_word choice_order[] = {
	{"stop-first", HANDOFF_STOP_FIRST, WORD_USUAL},
	{"start-first", HANDOFF_START_FIRST, WORD_USUAL},
	{0},
};

const struct key_word choice_consistency[] = {
	{"availability", CONSISTENCY_AVAILABILITY, WORD_USUAL},
	{"quorum", CONSISTENCY_QUORUM, WORD_LATER},
	{0},
};

const struct key_word choice_on_loss[] = {
	{"keep", ON_LOSS_KEEP, WORD_USUAL},
	{"stop", ON_LOSS_STOP, WORD_LATER},
	{0},
};

const struct key_word choice_target[] = {
	{"file", LOG_FILE, WORD_USUAL},
	{"null", LOG_NULL, WORD_USUAL},
	{"inherit", LOG_INHERIT, WORD_USUAL},
	{"journal", LOG_JOURNAL, WORD_USUAL},
	{0},
};

const struct key_word choice_full[] = {
	{"block", WHEN_FULL_BLOCK, WORD_USUAL},
	{"drop", WHEN_FULL_DROP, WORD_USUAL},
	{0},
};
