/* What the files of the checkpoints share: the table, records and words
 * (checkpoint.c), their bytes (checkpoint_word.c), the runner
 * (checkpoint_take.c), those who hold, and who starts from one
 * (checkpoint_hold.c).
 */
#ifndef SKEP_CORE_CHECKPOINT_PRIVATE_H
#define SKEP_CORE_CHECKPOINT_PRIVATE_H

#include "core/core_private.h"

/* As 'checkpoint_find', to be changed. */
struct checkpoint *checkpoint_of(const struct core *c, const char *name);
/* The same; makes one.  NULL when the table is full. */
struct checkpoint *checkpoint_make(struct core *c, const char *name);
/* Forgets all of it, states too; its slot is free. */
void checkpoint_end(struct core *c, struct checkpoint *k);
/* None is being taken now. */
void checkpoint_rest(struct checkpoint *k);
/* Writes its record ('stored' is the number). */
void checkpoint_record(struct core *c, struct checkpoint *k);
/* Something of it is due at 'at'. */
void checkpoint_arm(struct core *c, mono at);
/* Keeps one more; what it makes superfluous goes.  False when it is not newer
 * than what is kept. */
bool checkpoint_keep(
	struct core *c, struct checkpoint *k, const struct snapshot *s);
/* The newest that is kept is damaged: it goes. */
void checkpoint_lose(struct core *c, struct checkpoint *k);
/* Lets go of all that is kept and of what is on its way. */
void checkpoint_drop_all(struct core *c, struct checkpoint *k);
/* Publishes our word. */
void checkpoint_publish(struct core *c, struct checkpoint *k);
/* The next row of 'name' behind 'row' (NULL: the first) with a word, of
 * another host that is present and tells of its present life. */
const struct row *checkpoint_next_word(const struct core *c, const char *name,
	const struct row *row, struct checkpoint_word *out);

/* The bytes of a record.  'room' has 'size' bytes; 256 are enough. */
struct bytes checkpoint_write_record(
	const struct checkpoint_word *word, void *room, size_t size);
/* Reads one; false when it makes no sense. */
bool checkpoint_read_record(struct bytes value, struct checkpoint_word *out);
/* The bytes of a word, for the row that it goes into.  'room' has ROW_META_MAX
 * bytes. */
struct bytes checkpoint_write_word(
	const struct checkpoint_word *word, bool is_keeper, void *room);

/* The runner's side. */
void checkpoint_run(struct core *c, struct checkpoint *k, struct instance *inst,
	const struct service_value *service);
void checkpoint_run_on_tick(struct core *c, struct checkpoint *k,
	struct instance *inst, const struct service_value *service);
/* When something of it is due. */
mono checkpoint_due(const struct core *c, const struct checkpoint *k);

/* The holder's side. */
void checkpoint_hold(
	struct core *c, struct checkpoint *k, struct instance *inst);
void checkpoint_hold_on_tick(struct core *c, struct checkpoint *k);

#endif
