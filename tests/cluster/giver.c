/* Gives out consecutive numbers: the service of the accountant's test.
 *
 *   giver PORT STARTS
 *
 * Whoever connects to PORT gets one line "SERIES NUMBER EPOCH HOST NAME", and
 * that number is given.  A series begins with 1 where no state came with us,
 * and has the epoch of that start as its name; its last number is all the
 * state there is, in memory alone.  Each start adds a line to STARTS:
 *
 *   start NAME EPOCH HOST SERIES NUMBER MICROSECONDS
 *
 * with the last number that was given before, 0 for a new series.  After the
 * handoff nobody is let in.  At SIGUSR2 it leaves a checkpoint and works on; a
 * line with "kept" in place of "start" says so.
 */
#include <skep/skep.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

struct giver {
	uint64_t series, number; /* the last one that was given */
	const char *name, *host, *epoch, *starts;
	int listener; /* -1: handed off */
};

static int
fail(const char *what, int code)
{
	fprintf(stderr, "giver: %s: %s\n", what, strerror(-code));
	return 1;
}

static const char *
variable(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : "-";
}

/* 'text' is not closed with a zero by the state file. */
static int
parse_state(struct giver *g, const char *data, size_t size)
{
	char text[64] = "";
	if (size >= sizeof text)
		return -EINVAL;
	memcpy(text, data, size);
	return sscanf(text, "%" SCNu64 " %" SCNu64, &g->series, &g->number) == 2
		       ? 0
		       : -EINVAL;
}

static int
load(struct giver *g)
{
	void *data;
	size_t size;
	int code = skep_state_load(&data, &size);
	if (code == 0)
		g->series = strtoull(g->epoch, NULL, 10);
	else if (code == 1)
		code = parse_state(g, data, size);
	free(data);
	return code;
}

/* One write at the end of the file, so that lines of others stay whole. */
static int
tell(const struct giver *g, const char *what)
{
	char line[512];
	struct timespec now;
	int fd = open(g->starts, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	clock_gettime(CLOCK_REALTIME, &now);
	int n = snprintf(line, sizeof line,
		"%.5s %.63s %.20s %.63s %" PRIu64 " %" PRIu64 " %lld\n", what,
		g->name, g->epoch, g->host, g->series, g->number,
		(long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	int code = write(fd, line, (size_t)n) == n ? 0 : -EIO;
	close(fd);
	return code;
}

static int
open_listener(const char *port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 ||
		listen(fd, 64) < 0) {
		int code = -errno;
		close(fd);
		return code;
	}
	return fd;
}

/* Once it is counted it may have been given, whatever becomes of the line. */
static void
give(struct giver *g)
{
	char line[256];
	int fd = accept4(g->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	g->number++;
	int n = snprintf(line, sizeof line,
		"%" PRIu64 " %" PRIu64 " %.20s %.63s %.63s\n", g->series,
		g->number, g->epoch, g->host, g->name);
	(void)!write(fd, line, (size_t)n);
	close(fd);
}

static size_t
write_state(const struct giver *g, char state[64])
{
	int n = snprintf(
		state, 64, "%" PRIu64 " %" PRIu64 "\n", g->series, g->number);
	return (size_t)n;
}

/* A state that cannot be written, as on a full disk, does not leave; then it
 * is as if nobody had asked. */
static void
hand_off(struct giver *g)
{
	char state[64];
	int code = skep_state_save(state, write_state(g, state));
	if (code < 0) {
		fail("the state", code);
		skep_answer_ignore();
		return;
	}
	close(g->listener);
	g->listener = -1;
}

/* One that cannot be written leaves the one before. */
static void
keep(const struct giver *g)
{
	char state[64];
	int code = skep_checkpoint_save(state, write_state(g, state));
	if (code < 0)
		fail("the checkpoint", code);
	else
		tell(g, "kept");
}

static void
serve(struct giver *g)
{
	for (;;) {
		struct pollfd fds[] = {
			{.fd = skep_signal_fd(), .events = POLLIN},
			{.fd = g->listener, .events = POLLIN},
		};
		if (poll(fds, 2, -1) < 0)
			continue;
		int signal = fds[0].revents ? skep_wait(0) : 0;
		if (signal == SIGTERM)
			return;
		if (signal == SIGUSR1 && g->listener >= 0)
			hand_off(g);
		else if (signal == SIGUSR2 && g->listener >= 0)
			keep(g);
		else if (signal == 0 && fds[1].revents)
			give(g);
	}
}

int
main(int argc, char **argv)
{
	struct giver g = {.name = variable("SKEP_NAME"),
		.host = variable("SKEP_NODE"),
		.epoch = variable("SKEP_EPOCH")};
	if (argc != 3) {
		fputs("usage: giver PORT STARTS\n", stderr);
		return 2;
	}
	g.starts = argv[2];
	skep_catch(SIGUSR1);
	skep_catch(SIGUSR2);
	skep_catch(SIGTERM);
	int code = load(&g);
	if (code < 0)
		return fail("the state that came", code);
	g.listener = open_listener(argv[1]);
	if (g.listener < 0)
		return fail(argv[1], g.listener);
	code = tell(&g, "start");
	if (code < 0)
		return fail(argv[2], code);
	serve(&g);
	return 0;
}
