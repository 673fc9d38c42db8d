/* A counter that moves from host to host and loses no number.
 *
 *   counter [-r RATE] [-m] FILE
 *
 * It counts RATE times a second (100) and appends every number to FILE, one
 * line "NUMBER SECONDS NODE" each.  This is all that a service needs to move
 * with its state:
 *
 *   start     $SKEP_STATE_IN names a file: go on from what stands in it
 *   SIGUSR1   hand off: write the state beside, fsync, rename it to
 *             $SKEP_STATE_OUT, and do nothing more
 *   SIGTERM   end
 *
 * The signals are blocked and taken between two numbers, so that the state is
 * always exactly what was written to FILE.  With -m it keeps mute when it is
 * asked to hand off, which is what a service that hangs looks like.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND	 INT64_C(1000000000)
#define RATE_MAX 100000

struct counter {
	uint64_t number; /* the last one that was written */
	int64_t period;	 /* nanoseconds from one to the next */
	int fd;		 /* FILE, for appending */
	const char *node;
	bool is_mute;	/* never answers */
	bool is_silent; /* handed off: no more numbers */
	sigset_t signals;
};

static int
fail(const char *what)
{
	fprintf(stderr, "counter: %s: %s\n", what, strerror(errno));
	return 1;
}

static int64_t
now_of(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

/* Reads the last number from the state that came with us, if any did. */
static int
load_state(struct counter *c)
{
	const char *path = getenv("SKEP_STATE_IN");
	if (!path || !*path)
		return 0;
	FILE *file = fopen(path, "re");
	if (!file)
		return -1;
	unsigned long long number;
	int found = fscanf(file, "%llu", &number);
	fclose(file);
	if (found != 1) {
		errno = EINVAL;
		return -1;
	}
	c->number = number;
	return 0;
}

/* Writes the state to 'path' so that it is on the disk. */
static int
write_state(const struct counter *c, const char *path)
{
	FILE *file = fopen(path, "we");
	if (!file)
		return -1;
	bool is_good =
		fprintf(file, "%llu\n", (unsigned long long)c->number) > 0 &&
		fflush(file) == 0 && fsync(fileno(file)) == 0;
	return fclose(file) == 0 && is_good ? 0 : -1;
}

/* The rename is the answer; before it we still count if something fails. */
static void
hand_off(struct counter *c)
{
	char aside[4096];
	const char *path = getenv("SKEP_STATE_OUT");
	if (!path || c->is_mute)
		return;
	int n = snprintf(aside, sizeof aside, "%s.tmp", path);
	if (n < 0 || (size_t)n >= sizeof aside || write_state(c, aside) < 0 ||
		rename(aside, path) < 0) {
		fail(path);
		return;
	}
	c->is_silent = true;
}

static int
write_number(struct counter *c)
{
	char line[256];
	int n = snprintf(line, sizeof line, "%llu %.3f %s\n",
		(unsigned long long)c->number + 1,
		(double)now_of(CLOCK_REALTIME) / (double)SECOND, c->node);
	if (write(c->fd, line, (size_t)n) != n)
		return -1;
	c->number++;
	return 0;
}

/* Waits until 'until' or for a signal; the signal's number, or 0. */
static int
wait_signal(const struct counter *c, int64_t until)
{
	int64_t left = until - now_of(CLOCK_MONOTONIC);
	if (left < 0)
		left = 0;
	if (c->is_silent)
		return sigwaitinfo(&c->signals, NULL);
	struct timespec t = {left / SECOND, left % SECOND};
	int number = sigtimedwait(&c->signals, NULL, &t);
	return number > 0 ? number : 0;
}

static int
count(struct counter *c)
{
	int64_t next = now_of(CLOCK_MONOTONIC);
	for (;;) {
		int number = wait_signal(c, next);
		if (number == SIGTERM || number == SIGINT)
			return 0;
		if (number == SIGUSR1) {
			hand_off(c);
		} else if (!c->is_silent && next <= now_of(CLOCK_MONOTONIC)) {
			if (write_number(c) < 0)
				return fail("write");
			next += c->period;
		}
	}
}

static int
usage(void)
{
	fputs("usage: counter [-r RATE] [-m] FILE\n", stderr);
	return 2;
}

int
main(int argc, char **argv)
{
	struct counter c = {.period = SECOND / 100};
	int option;
	while ((option = getopt(argc, argv, "r:m")) != -1) {
		long rate = option == 'r' ? strtol(optarg, NULL, 10) : 1;
		if (option == '?' || rate < 1 || rate > RATE_MAX)
			return usage();
		if (option == 'm')
			c.is_mute = true;
		else
			c.period = SECOND / rate;
	}
	if (optind + 1 != argc)
		return usage();
	sigemptyset(&c.signals);
	sigaddset(&c.signals, SIGUSR1);
	sigaddset(&c.signals, SIGTERM);
	sigaddset(&c.signals, SIGINT);
	sigprocmask(SIG_BLOCK, &c.signals, NULL);
	c.node = getenv("SKEP_NODE");
	if (!c.node)
		c.node = "-";
	if (load_state(&c) < 0)
		return fail(getenv("SKEP_STATE_IN"));
	c.fd = open(
		argv[optind], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (c.fd < 0)
		return fail(argv[optind]);
	return count(&c);
}
