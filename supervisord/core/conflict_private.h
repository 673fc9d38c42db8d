/* What the files of the conflicts share with those who show them: the texts. */
#ifndef SKEP_CORE_CONFLICT_PRIVATE_H
#define SKEP_CORE_CONFLICT_PRIVATE_H

#include "core/core_private.h"
#include "core/text.h"
#include "core/view.h"

/* Fills in what any host keeps of the instance that 'out' names. */
void conflict_fill_view(const struct core *c, struct instance_view *out);
/* One line about that, if there is any. */
void conflict_add_text(
	const struct core *c, const struct instance_view *v, struct text *t);

#endif
