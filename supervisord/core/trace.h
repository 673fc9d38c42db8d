/* Recordings: what one core was told, in bytes, and back.
 *
 * The state of a core is a function of its configuration and of its inputs
 * since birth (core/input.h), so a recording begins with a birth, never in
 * the middle: a head with everything that 'core_new' got, then every input
 * with its payloads and both clocks, each followed by a digest of every
 * effect.  A fresh core that is stepped with the inputs either gives the
 * same digests or differs at a step, an input and an effect that can be
 * named.  trace.proto documents the bytes.
 *
 * This is the codec only: skep-node writes recordings (node/recorder.h),
 * 'skepctl replay' steps them, the simulator does both.
 *
 * What a reader checks: form, bounds, checksums, the range of every enum,
 * texts, the order of a node's life, and that time does not go back.  It does
 * not know what a core's history makes impossible (a STORED for what was
 * never stored): replaying such a recording ends in a panic that names the
 * step, as it would have in the node that it claims to come from.
 *
 * Memory: what is read is borrowed from the recording's bytes.  Errors are
 * results with a sentence.
 */
#ifndef SKEP_CORE_TRACE_H
#define SKEP_CORE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "core/core.h"
#include "core/place.h"
#include "spec/policy.h"

#define TRACE_FORMAT	   1
#define TRACE_MAGIC	   "skeptrc\n" /* without its NUL */
#define TRACE_MAGIC_SIZE   8
#define TRACE_RECORD_MAX   (2u << 20) /* bytes of one record, framing too */
#define TRACE_SETTINGS_MAX 64
#define TRACE_TEXT_MAX	   255 /* characters of a setting's value */

enum trace_kind { TRACE_HEAD = 1, TRACE_INPUT, TRACE_EFFECTS, TRACE_END };

/* A strategy that the recorded core had. */
struct trace_strategy {
	char name[32];
	uint32_t version;
};

/* How the recorded core was born.  Large: not for small stacks. */
struct trace_head {
	int64_t wall_ms; /* when */
	struct core_limits limits;
	struct core_config config; /* 'version' is the writer's */
	struct trace_strategy strategies[STRATEGIES_MAX];
	uint32_t strategy_count;
	/* Where 'config.settings' points to in a head that was read. */
	const char *pairs[2 * TRACE_SETTINGS_MAX + 1];
	char texts[2 * TRACE_SETTINGS_MAX][TRACE_TEXT_MAX + 1];
};

/* Why a recording ended, and how long it was. */
struct trace_end {
	char why[NOTE_TEXT_MAX + 1];
	uint64_t steps;
};

/* --- Writing --- */

/* Fills the head of a core that has its strategies and took no input yet;
 * false when its settings are more than a head can hold. */
bool trace_head_of(
	const struct core *c, int64_t wall_ms, struct trace_head *out);

/* Each writes one record into 'capacity' bytes at 'buffer' and returns it;
 * empty when it does not fit.  The first one writes the magic too. */
struct bytes trace_write_head(
	void *buffer, size_t capacity, const struct trace_head *head);
struct bytes trace_write_input(
	void *buffer, size_t capacity, const struct input *in);
struct bytes trace_write_effects(
	void *buffer, size_t capacity, const struct effects *fx);
struct bytes trace_write_end(
	void *buffer, size_t capacity, const struct trace_end *end);

/* The digest of one effect: over all that it says, not over addresses. */
uint32_t trace_effect_digest(const struct effect *e);

/* --- Reading --- */

/* An input that was read, with what the bytes could not hold in place. */
struct trace_input {
	struct input in;
	struct spec_policy policy; /* SPEC_SET's */
};

/* The recorded effects of one step; borrowed. */
struct trace_effects {
	const unsigned char *list;
	uint32_t count;
};

enum trace_result {
	TRACE_OK,
	TRACE_DONE, /* the end was read, and nothing stands behind it */
	TRACE_CUT,  /* the bytes break off; all before was read */
	TRACE_BAD,  /* this is no recording, or a damaged one */
};

/* A position in a recording. */
struct trace_reader {
	struct reader in;
	size_t size;	      /* of the whole, bytes */
	enum trace_kind last; /* of the record before; 0: none */
	bool is_booted;	      /* BOOT was read */
	int64_t now_ms;	      /* of the last input */
	uint64_t steps;	      /* inputs read */
	const char *why;      /* after TRACE_CUT and TRACE_BAD: a sentence
				 without a full stop, static */
};

/* One record. */
struct trace_item {
	enum trace_kind kind;
	struct trace_input input;     /* TRACE_INPUT */
	struct trace_effects effects; /* TRACE_EFFECTS */
	struct trace_end end;	      /* TRACE_END */
};

/* Starts reading 'bytes' (borrowed) and reads the head. */
enum trace_result trace_open(
	struct trace_reader *r, struct bytes bytes, struct trace_head *head);
/* Reads the next record. */
enum trace_result trace_next(struct trace_reader *r, struct trace_item *item);
/* Where the next record begins, for sentences: bytes from the start. */
size_t trace_offset(const struct trace_reader *r);

/* Reads the body of one input alone; NULL, or why it makes no sense. */
const char *trace_read_input(struct bytes body, struct trace_input *out);

/* --- Comparing --- */

/* The first place where two lists of effects part. */
struct trace_difference {
	uint32_t index;	   /* of the effect */
	uint32_t recorded; /* how many there were, and are now */
	uint32_t now;
	/* Kinds at 'index'; EFFECT_KIND_COUNT where there is none. */
	enum effect_kind kind_recorded;
	enum effect_kind kind_now;
};

/* Whether a step gave what was recorded; otherwise fills '*out'. */
bool trace_is_same(const struct trace_effects *recorded,
	const struct effects *fx, struct trace_difference *out);

#endif
