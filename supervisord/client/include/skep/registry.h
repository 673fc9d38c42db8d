/* registry.h: where is NAME? -- answered from this host's memory.
 *
 * skep-node keeps a file, run_dir/registry, that holds every name of the
 * cluster with its host; this library maps it and reads.  A lookup is a few
 * loads: no system call, no lock, nothing that another process could delay,
 * whatever becomes of skep-node meanwhile.  Link with `pkg-config --libs skep`.
 *
 * What is found is what this host's node knew last.  'skep_registry_get_info'
 * says how long ago that was: when skep-node does not run, lookups go on with
 * what it left, and the age grows.  Who needs the owner's own word asks it:
 * `skepctl where --authoritative`.
 *
 * A name is here while something of that name is held on a host that is
 * present.  Each name has one entry: of several copies, which a partition may
 * leave for a while, the one that will be kept.
 *
 * Threads: a handle belongs to one thread at a time; each may have its own,
 * which costs address space and no memory.  A child after fork(2) may use what
 * it inherits.  Nothing here keeps a signal from coming.
 *
 * Errors: 0 or more, or -errno as described; nothing is printed.
 */
#ifndef SKEP_REGISTRY_H
#define SKEP_REGISTRY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Room for the texts and a NUL, in whole words. */
#define SKEP_NAME_SIZE 256
#define SKEP_HOST_SIZE 72
#define SKEP_META_SIZE 520

/* What a name is of. */
enum skep_kind {
	SKEP_KIND_SERVICE = 1, /* an instance of a service of skep's */
	SKEP_KIND_TRACKED = 2, /* a process that registered itself */
};

/* What it does, in the words of `skepctl status`. */
enum skep_state {
	SKEP_STATE_STARTING = 1,
	SKEP_STATE_READY = 2,
	SKEP_STATE_STOPPING = 3,
	SKEP_STATE_BACKOFF = 4, /* waits before its next start */
	SKEP_STATE_HANDOFF = 5, /* moves to another host */
	SKEP_STATE_EXITED = 6,	/* ended by itself, and stays so */
	SKEP_STATE_FAILED = 7,	/* no attempt is left */
};

/* One name and what is known of it. */
struct skep_entry {
	char name[SKEP_NAME_SIZE];
	char host[SKEP_HOST_SIZE]; /* the node's name in the cluster */
	char meta[SKEP_META_SIZE]; /* a JSON object, or "", also
				      where a service has more than
				      512 bytes of it */
	int kind;		   /* enum skep_kind */
	int state;		   /* enum skep_state; later versions may have
				      more of both */
	uint32_t pid;		   /* on that host; 0: none at the moment */
	uint64_t epoch;		   /* rises with each start of this name */
	int64_t since_ms;	   /* when 'state' began: wall clock, ms since
				      1970, of that host */
	uint64_t private_[4];	   /* the library's own */
};

/* The registry as a whole. */
struct skep_registry_info {
	uint64_t names;	    /* that are in it */
	int64_t age_ms;	    /* since skep-node last said that it is alive,
			       which it does every second */
	int is_lacking;	    /* not all names found room in run_dir: an -ENOENT
			       says nothing; ask `skepctl where` */
	uint64_t file_size; /* bytes */
	uint64_t private_[4];
};

struct skep_registry;

/* Maps the registry at 'path'; NULL: what SKEP_REGISTRY names, else the one
 * beside the SKEP_SOCKET that services are given, else /run/skep/registry.
 * -ENOENT: there is none, since skep-node has not run yet;
 * -EACCES; -EPROTO: of a version that this library does not know, restart this
 * program with the library that came with skep-node; -EBADMSG: no registry.
 * On success the caller closes '*out'. */
int skep_registry_open(const char *path, struct skep_registry **out);

/* Unmaps it; NULL is accepted. */
void skep_registry_close(struct skep_registry *registry);

/* Finds 'name': 0 and '*out', or -ENOENT, which leaves '*out' as it was.
 * -EINVAL: no name is empty or longer than 255 bytes.  -EBADMSG: the file makes
 * no sense.  No system call, but when skep-node began a new file since, which
 * is then mapped (and when that cannot be, the old one serves on). */
int skep_registry_lookup(struct skep_registry *registry, const char *name,
	struct skep_entry *out);

/* The next name that begins with 'prefix' ("": all of them); '*entry' is zeroed
 * before the first call and holds the one before later on.  1 and '*entry', or
 * 0 at the end.  The order is none that means anything.
 *
 *	struct skep_entry e = {0};
 *	while ((code = skep_registry_next(r, "sensor-", &e)) > 0)
 *		puts(e.name);
 *
 * A name that is there from the first call to the last is given once, whatever
 * changes meanwhile; one that comes or goes in between may be.  -ESTALE: the
 * order is another one since skep-node lost its file; begin again.  All names
 * are looked at: with a million that takes some 50 ms. */
int skep_registry_next(struct skep_registry *registry, const char *prefix,
	struct skep_entry *entry);

/* The same for names that match 'pattern' as `skepctl list` has it: '*', '?',
 * '[a-z]', '[^x]', '\'; -EINVAL when it is not well-formed. */
int skep_registry_match(struct skep_registry *registry, const char *pattern,
	struct skep_entry *entry);

/* The next member of 'group', as its name is known; '*entry' is zeroed before
 * the first call and holds the one before later on.  1 and '*entry', or 0 at
 * the end, which for a group that nobody is in comes at once.  The order is
 * none that means anything.  Members that start or stop are given too: see
 * 'state'.
 *
 * Who is in the group from the first call to the last is given once, whatever
 * changes meanwhile; who comes or goes in between may be.  -ESTALE: the order
 * is another one since skep-node began a new file; begin again.  -EINVAL: no
 * group has such a name.  What that takes grows with the group and nothing
 * else. */
int skep_registry_members(struct skep_registry *registry, const char *group,
	struct skep_entry *entry);

/* Waits until anything has changed since '*seen' was given by this function,
 * at most 'timeout_ms' (-1: for ever; 0 only looks): 1 and '*seen', or 0.  The
 * first call, with '*seen' 0, returns 1 at once: watch first, look then.
 * -EINTR after a signal whose handler was set without SA_RESTART.  It sleeps in
 * the kernel and does not poll. */
int skep_registry_watch(
	struct skep_registry *registry, uint64_t *seen, int timeout_ms);

/* Waits until 'name' is something else than '*entry' says, an answer of before
 * or zeroed: 1 and '*entry' with what it is now, 'name' being "" when it is not
 * there; or 0 and '*entry' unchanged after 'timeout_ms'.  Otherwise as
 * 'skep_registry_watch'.  Who looks late sees the last of several changes. */
int skep_registry_watch_name(struct skep_registry *registry, const char *name,
	struct skep_entry *entry, int timeout_ms);

/* How the registry is. */
void skep_registry_get_info(
	struct skep_registry *registry, struct skep_registry_info *out);

/* The words of `skepctl status`; "unknown" for what this library does not
 * know. */
const char *skep_state_name(int state);

#ifdef __cplusplus
}
#endif

#endif
