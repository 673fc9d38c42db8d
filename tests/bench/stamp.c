/* The service of the benches: says when it lives.
 *
 *   stamp FIFO NAME [STATE_SIZE]
 *
 * Each line it writes into FIFO is "NAME PID WHAT NANOSECONDS" on the
 * monotonic clock: 'start' as its first act, 'leave' as the first signal that
 * ends its work arrives.  With STATE_SIZE it answers SIGUSR1 with that many
 * bytes of state, and takes them back at its next start.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *fifo;
static const char *name;

static void
stamp(const char *what)
{
	struct timespec t;
	char line[200];
	clock_gettime(CLOCK_MONOTONIC, &t);
	int size = snprintf(line, sizeof line, "%s %d %s %lld\n", name,
		getpid(), what, (long long)t.tv_sec * 1000000000 + t.tv_nsec);
	int fd = open(fifo, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, line, (size_t)size) != size)
		exit(1);
	close(fd);
}

/* Bytes that no other run has: what is the same would not travel again. */
static void
fill(char *state, size_t size)
{
	uint64_t x = (uint64_t)getpid() << 32 | (uint64_t)time(NULL);
	for (size_t at = 0; at + sizeof x <= size; at += sizeof x) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(state + at, &x, sizeof x);
	}
}

/* Writes the state aside and gives it its name. */
static void
write_state(const char *state, size_t size)
{
	const char *path = getenv("SKEP_STATE_OUT");
	char aside[4096];
	if (!path)
		exit(1);
	snprintf(aside, sizeof aside, "%s.tmp", path);
	int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, state, size) != (ssize_t)size ||
		rename(aside, path) < 0)
		exit(1);
	close(fd);
}

/* Maps and touches the state it was given; there may be none. */
static void
read_state(void)
{
	const char *path = getenv("SKEP_STATE_IN");
	struct stat st;
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
		return;
	if (mmap(NULL, (size_t)st.st_size, PROT_READ,
		    MAP_PRIVATE | MAP_POPULATE, fd, 0) == MAP_FAILED)
		exit(1);
	close(fd);
}

int
main(int argc, char **argv)
{
	sigset_t signals;
	int sig;
	if (argc < 3)
		return 2;
	fifo = argv[1];
	name = argv[2];
	size_t state_size = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	if (state_size)
		sigaddset(&signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	char *state = malloc(state_size + 1);
	if (!state)
		return 1;
	if (state_size)
		read_state();
	stamp("start");
	fill(state, state_size);
	sigwait(&signals, &sig);
	stamp("leave");
	if (sig == SIGUSR1) {
		write_state(state, state_size);
		sigwait(&signals, &sig);
	}
	return 0;
}
