/* The dump store: states of services on this host's disk.
 *
 *   STATE_DIR/dumps/ROOT            a state, bytes as the service wrote them
 *   STATE_DIR/dumps/ROOT.for.NAME   instance NAME needs that state; in it
 *                                   stands the epoch of the run that left it
 *                                   on this host, or nothing: it was fetched
 *   STATE_DIR/dumps/ROOT.part.NAME  a state on its way here, chunks missing
 *   STATE_DIR/dumps/ROOT.old.NAME   what instance NAME left here when it went:
 *                                   chunks of its next state are looked for in
 *                                   it (dumps_private.h)
 *   STATE_DIR/dumps/seal.NAME.tmp   a state being sealed; gone at next start;
 *                                   seal-running. of a run that goes on
 *
 * ROOT is the state's digest in hex:
 *
 *   digest(i) = SHA-256 of chunk i (STATE_CHUNK_SIZE; the last is shorter)
 *   root      = SHA-256 of digest(0) .. digest(n-1), size (u64, LE)
 *
 * Two instances with the same state share the file; it goes with the last
 * of them.  A file appears under its root only when it is whole, verified
 * and durable.
 *
 * All functions block and are for worker threads, but for those marked.
 * They may run at the same time, except two for the same ROOT and NAME.
 * Errors: 0 or -errno, with a sentence.
 */
#ifndef SKEP_NODE_DUMPS_H
#define SKEP_NODE_DUMPS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "sys/err.h"

#define DUMPS_PATH_MAX 4096
/* Of an instance whose states are kept; such a name is its file's name, see
 * base/name_part.h. */
#define DUMPS_NAME_MAX 127

/* The digests of a state's chunks. */
struct manifest {
	uint64_t size;	  /* of the state */
	uint64_t count;	  /* chunks */
	uint8_t *digests; /* 'count' times DIGEST_SIZE bytes, on the heap */
};

/* One store. */
struct dumps {
	char dir[DUMPS_PATH_MAX];
	pthread_mutex_t mutex;	 /* keeps 'drop' apart from new references */
	atomic_bool is_stopping; /* long work gives up */
	/* Of the large state that was sealed last, so that it need not be read
	 * once more before it travels; no chunks: of none. */
	struct manifest sealed;
	uint8_t sealed_root[DIGEST_SIZE];
};

/* Opens the store below 'state_dir', makes it if need be, and removes what
 * an earlier life left half done.  For the start, on any thread. */
int dumps_init(struct dumps *d, const char *state_dir, struct err *err);
void dumps_fini(struct dumps *d);

/* Chunks of a state of 'size' bytes, and the bytes of chunk 'index'. */
uint64_t dumps_chunk_count(uint64_t size);
size_t dumps_chunk_size(uint64_t size, uint64_t index);

/* Makes room for the digests of a state of 'size' bytes. */
int manifest_init(struct manifest *m, uint64_t size, struct err *err);
void manifest_fini(struct manifest *m);
/* The root that the digests make; at once. */
void manifest_root(const struct manifest *m, uint8_t root[DIGEST_SIZE]);
/* SHA-256 of 'size' bytes. */
void dumps_digest(const void *data, size_t size, uint8_t digest[DIGEST_SIZE]);

/* Seals the state that comes as a state stream (sys/statestream.h) from 'fd'
 * (borrowed) for 'name', whose run 'epoch' left it, or (0) put it aside; at
 * most 'size_max' bytes (0: any).
 * Errors, and then nothing is stored: -ENODATA when the sender says that there
 * is no state, -EBADMSG when it says why it does not give it or gives what is
 * none, -EINVAL for a name that is none.  After any other the state is where it
 * was, as after -EPIPE, when the sender was gone before its end, and another
 * try may go better. */
int dumps_seal(struct dumps *d, const char *name, uint64_t epoch,
	uint64_t size_max, int fd, uint8_t root_out[DIGEST_SIZE],
	uint64_t *size_out, struct err *err);

/* Fills '*out', for which it reads the whole state unless it was just sealed;
 * -EBADMSG when the file no longer is what its name says.  Whoever gets a chunk
 * checks it in any case. */
int dumps_read_manifest(struct dumps *d, const uint8_t root[DIGEST_SIZE],
	struct manifest *out, struct err *err);

/* Reads chunk 'index' into 'data' (STATE_CHUNK_SIZE bytes). */
int dumps_read_chunk(struct dumps *d, const uint8_t root[DIGEST_SIZE],
	uint64_t index, void *data, size_t *size_out, struct err *err);

/* Opens the part of 'root' for 'name', as far as it came, takes what an old
 * copy has of it, and finds which chunks are there: 'has[i]' is set for each.
 * Returns the descriptor; -ENOSPC when the disk has no room for the rest. */
int dumps_open_part(struct dumps *d, const uint8_t root[DIGEST_SIZE],
	const char *name, const struct manifest *m, bool *has, struct err *err);

/* Writes chunk 'index' into a part; -EBADMSG when its digest is another. */
int dumps_write_chunk(int fd, const struct manifest *m, uint64_t index,
	const void *data, size_t size, struct err *err);

/* Syncs a part whose chunks are all there, verifies all of it once more and
 * gives it its name. */
int dumps_finish_part(struct dumps *d, const uint8_t root[DIGEST_SIZE],
	const char *name, int fd, const struct manifest *m, struct err *err);

/* Takes a state that is already here for 'name' as well; -ENOENT when there
 * is none, -EBADMSG when it is damaged (it is then removed). */
int dumps_share(struct dumps *d, const uint8_t root[DIGEST_SIZE],
	const char *name, struct err *err);

/* Forgets that 'name' needs 'root'; the last one takes the file with it, but
 * for the old copy that is kept of what a run left here. */
int dumps_drop(struct dumps *d, const uint8_t root[DIGEST_SIZE],
	const char *name, struct err *err);

/* Opens a state for reading; at once, on any thread. */
int dumps_open(
	struct dumps *d, const uint8_t root[DIGEST_SIZE], struct err *err);

/* Calls 'each' for every state and every name that needs it, with the epoch of
 * the run that left it, or 0; at once. */
typedef void dumps_each_fn(void *context, const char *name, uint64_t epoch,
	const uint8_t root[DIGEST_SIZE], uint64_t size);
int dumps_list(
	struct dumps *d, dumps_each_fn *each, void *context, struct err *err);

#endif
