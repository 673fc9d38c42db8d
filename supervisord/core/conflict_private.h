/* What the files of the conflicts share: the table and its records
 * (conflict.c), the copy that goes on from the state of another
 * (conflict_adopt.c), or from that and its own (conflict_join.c), and what
 * people hear (conflict_view.c).
 */
#ifndef SKEP_CORE_CONFLICT_PRIVATE_H
#define SKEP_CORE_CONFLICT_PRIVATE_H

#include "core/core_private.h"
#include "core/text.h"
#include "core/view.h"

/* As 'conflict_find', to be changed. */
struct conflict *conflict_of(const struct core *c, const char *name);
/* The same; makes one.  NULL when the table is full. */
struct conflict *conflict_make(struct core *c, const char *name);
/* The next row of 'name' behind 'row' (NULL: the first) with a word, of
 * another host that is present and tells of its present life. */
const struct row *conflict_next_word(const struct core *c, const char *name,
	const struct row *row, struct conflict_word *out);

/* Writes what is kept and joined down ('stored' is the number). */
void conflict_record(struct core *c, struct conflict *k);
/* Its copy here starts from its own from now on. */
void conflict_take_own(
	struct core *c, struct instance *inst, const struct lost *own);
/* Enters a phase. */
void adopt_enter(
	struct core *c, struct conflict *k, enum adopt_phase phase, mono until);
/* Whether the host that 'k' names says that it keeps that state; what it says.
 */
bool adopt_find_listed(
	const struct core *c, const struct conflict *k, struct lost *out);
/* What was claimed is given, and the copy here is stopped: from now on it is
 * joined with 'own'. */
void join_begin(struct core *c, struct conflict *k, struct instance *inst,
	const struct lost *own);
/* Its starts from both fail: it starts from its own. */
void join_fall_back(struct core *c, struct instance *inst);

/* Gives up what the copy here was to go on from, in whatever phase. */
void adopt_stop(struct core *c, struct conflict *k, struct instance *inst);
/* The same, if it cannot go on from it any more. */
void adopt_review(struct core *c, struct conflict *k, struct instance *inst,
	const struct service_value *service);
/* The phases that are over. */
void adopt_on_tick(struct core *c);

/* Fills in what any host keeps of the instance that 'out' names. */
void conflict_fill_view(const struct core *c, struct instance_view *out);
/* One line about that, if there is any. */
void conflict_add_text(
	const struct core *c, const struct instance_view *v, struct text *t);

#endif
