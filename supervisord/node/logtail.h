/* The output of one instance as a sequence of pieces: where to begin, and on
 * from there over rotations.
 *
 * A tail is asked for the next piece again and again.  It begins with the last
 * 'count' lines, or with what came since a time or an epoch; times and epochs
 * are known from the marks of skep-logger (sys/logmarks.h), to a second, and
 * where there are none from the files' own times.  Lines come as they are, or
 * each as a JSON object that tells when, where and from which epoch.
 *
 * Threads: a tail belongs to one at a time.  Everything may block on the disk.
 */
#ifndef SKEP_NODE_LOGTAIL_H
#define SKEP_NODE_LOGTAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "node/api_private.h"
#include "node/logpart.h"
#include "node/query.h"
#include "sys/err.h"

#define LOGTAIL_PIECE	 65536	     /* bytes read at once */
#define LOGTAIL_LINE_MAX 32768	     /* longer ones are cut in JSON */
#define LOGTAIL_LOOK_MAX (16u << 20) /* bytes searched for the last lines */
#define LOGTAIL_MARKS	 64	     /* read at once */

/* What a step came to. */
enum logtail_step {
	LOGTAIL_MORE,	/* there may be more at once */
	LOGTAIL_WAITS,	/* nothing more at present */
	LOGTAIL_ENDED,	/* as WAITS, and the last epoch here has ended */
	LOGTAIL_OVER,	/* nothing more, and nobody follows */
	LOGTAIL_FAILED, /* 'err' says why */
};

/* Marks in the order of the file, read ahead. */
struct logtail_marks {
	struct logmark read[LOGTAIL_MARKS];
	size_t count;	/* in 'read' */
	size_t next;	/* the one behind 'current' */
	uint64_t first; /* number of read[0] */
	struct logmark current;
};

/* One reader. */
struct logtail {
	char dir_path[4096];
	char name[LOGPART_NAME_MAX];  /* "NAME.log" */
	char host[NODE_NAME_MAX + 1]; /* for JSON */
	struct query query;	      /* what was asked */
	int dir;		      /* -1: not yet open */
	struct logpart part;	      /* fd -1: not yet begun */
	bool is_last_look;	      /* its file is done: once more to the
					 end, then the next */
	struct api_text line;	      /* JSON: of a line that is not whole */
	uint64_t line_at;	      /* where that begins */
	struct logtail_marks marks;
};

/* Prepares it; nothing is opened yet. */
void logtail_init(struct logtail *t, const char *dir, const char *host,
	const struct query *query);
void logtail_fini(struct logtail *t);

/* Appends the next piece to 'out'.  -ENOENT, as 'code_out', when there are no
 * files of that name. */
enum logtail_step logtail_next(
	struct logtail *t, struct api_text *out, int *code_out);

/* The place behind the whole of what was put out so far; false: unknown. */
bool logtail_tell(struct logtail *t, uint64_t *file, uint64_t *at);

/* --- logtail_seek.c --- */

/* Opens the file where the answer begins, at the place where it begins.
 * -EAGAIN: what was asked for has not begun yet. */
int logtail_seek(struct logtail *t);

#endif
