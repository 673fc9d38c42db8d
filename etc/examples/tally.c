/* The counter once more, with skep.h: a service that says how it is, gives
 * signs of life, and moves with its state.
 *
 *   tally FILE
 *
 * It counts a hundred times a second and appends every number to FILE, one
 * line "NUMBER NODE" each.  See tally.yaml.
 */
#include <skep/skep.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>

#define PERIOD_MS 10

static int
fail(const char *what, int code)
{
	fprintf(stderr, "tally: %s: %s\n", what, strerror(-code));
	return 1;
}

/* Takes the last number over from where it ran before. */
static int
load(uint64_t *number)
{
	void *data;
	size_t size;
	int code = skep_state_load(&data, &size);
	if (code == 1 && size == sizeof *number)
		memcpy(number, data, size);
	else if (code == 1)
		code = -EINVAL;
	free(data);
	return code;
}

static int
count(int fd, uint64_t *number)
{
	char line[320];
	const char *node = getenv("SKEP_NODE");
	int n = snprintf(line, sizeof line, "%" PRIu64 " %.255s\n", *number + 1,
		node ? node : "-");
	if (write(fd, line, (size_t)n) != n)
		return -errno;
	*number += 1;
	return 0;
}

/* Says how far it is, and that it lives. */
static void
tell(uint64_t number)
{
	char text[40];
	snprintf(text, sizeof text, "at %" PRIu64, number);
	skep_status(text);
	skep_watchdog();
}

/* Counts until it is asked to stop.  From the handoff on it is silent, but
 * alive: the watchdog waits for it until its end. */
static int
work(int fd, uint64_t number)
{
	bool is_silent = false;
	int signal, code = 0;
	for (int turn = 0; code == 0; turn++) {
		signal = skep_wait(PERIOD_MS);
		if (signal == SIGTERM)
			return skep_stopping() < 0;
		if (signal == SIGUSR1) {
			code = skep_state_save(&number, sizeof number);
			is_silent = true;
		} else if (signal == 0 && !is_silent) {
			code = count(fd, &number);
		}
		if (turn % 32 == 0)
			tell(number);
	}
	return fail("counting", code);
}

int
main(int argc, char **argv)
{
	uint64_t number = 0;
	if (argc != 2) {
		fputs("usage: tally FILE\n", stderr);
		return 2;
	}
	int code = skep_catch(SIGUSR1);
	if (code == 0)
		code = skep_catch(SIGTERM);
	if (code == 0)
		code = load(&number);
	if (code < 0)
		return fail("its state", code);
	int fd = open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail(argv[1], -errno);
	skep_ready();
	return work(fd, number);
}
