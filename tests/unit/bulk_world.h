/* Two hosts in one process whose bulk connections lead to each other: alpha
 * seals, beta fetches.  One world for a test; all of it is borrowed. */
#ifndef SKEP_TESTS_BULK_WORLD_H
#define SKEP_TESTS_BULK_WORLD_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "net_world.h"
#include "node/bulk.h"
#include "node/dumps_private.h"

#define MIB 1048576u

extern struct ev_loop *loop;
extern struct end a, b;	       /* alpha, beta */
extern struct bulk *from, *to; /* at a, at b */
extern char top[];	       /* above their directories */
extern char dir_a[64], dir_b[64];

/* How the last seal and fetch went. */
struct sealed {
	unsigned count;
	int result;
	uint8_t root[DIGEST_SIZE];
	uint64_t size;
	char text[ERR_TEXT_SIZE];
};
struct fetched {
	unsigned finals, reports;
	bool is_ok;
	uint64_t bytes;
	char text[ERR_TEXT_SIZE];
};
extern struct sealed sealed;
extern struct fetched fetched;

/* The chunk of the state that is another than it was. */
extern uint64_t changed_chunk;

/* What passes the man in the middle. */
struct middle {
	int listen_fd;
	char address[32];
	pid_t pid;
};
extern struct middle middle;

/* The fixture. */
void setup(void);
void teardown(void);

/* The bytes a second that the next host to be started sends; 0: any. */
extern uint64_t world_rate;

/* Another start of a host. */
struct bulk *start_bulk(struct end *e, const char *dir, const char *node);

/* What seals and fetches report to. */
void on_sealed(void *context, int result, const uint8_t root[DIGEST_SIZE],
	uint64_t size, const char *text);
void on_report(void *context, const struct bulk_report *r);

/* Writes a state stream of 'size' bytes into a file; returns it, rewound. */
int make_stream(uint64_t size, bool is_cut);

/* Has alpha seal what a run left, which must do. */
void seal(uint64_t size);

/* Has beta fetch what was sealed last. */
void fetch(const char *address);

/* Fetches it; the bytes that came over the link. */
size_t fetch_and_count(void);

/* Asserts that what was sealed last is there, byte for byte. */
void check_state(struct bulk *bulk);

/* The path in a host's directory of what was sealed last. */
void write_path(char *path, size_t size, const char *dir, const char *tail);

/* How many files a host has of states, and whether that is none. */
unsigned count_files(const char *dir);
bool is_bare(void *context);

/* Serves one connection; it breaks after 'budget' bytes from the far end.
 * Returns the bytes that were left. */
size_t carry(const char *far, size_t budget);

/* Whether there is something to read from the descriptor. */
bool is_readable(void *context);

#endif
