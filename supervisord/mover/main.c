#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mover/mover.h"
#include "sys/units.h"

#define SIZE_MAX_DEFAULT ((uint64_t)1 << 30) /* as handoff.max_size */
#define EXIT_USAGE	 2

static const char usage[] =
	"usage: skep-mover get [--max-size SIZE] DIR\n"
	"       skep-mover put [--max-size SIZE] [--framed] DIR\n"
	"get sends DIR/state to standard output as a state stream; put writes\n"
	"DIR/state-in from standard input.\n";

/* Reads the options behind the verb; false when they are wrong. */
static bool
read_options(int argc, char **argv, struct mover_job *job)
{
	static const struct option options[] = {
		{"max-size", required_argument, NULL, 'm'},
		{"framed", no_argument, NULL, 'f'},
		{0},
	};
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'm' && units_parse_size(optarg, &job->size_max) == 0)
			continue;
		if (c != 'f')
			return false;
		job->is_framed = true;
	}
	if (argc - optind != 1)
		return false;
	job->dir = argv[optind];
	return true;
}

int
main(int argc, char **argv)
{
	struct mover_job job = {.size_max = SIZE_MAX_DEFAULT};
	struct err err = {""};
	const char *verb = argc > 1 ? argv[1] : "";
	bool is_get = strcmp(verb, "get") == 0;
	bool is_put = strcmp(verb, "put") == 0;
	bool is_ok = (is_get || is_put) &&
		     read_options(argc - 1, argv + 1, &job) &&
		     !(is_get && job.is_framed);
	if (!is_ok) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	int r = is_get ? mover_get(&job, STDOUT_FILENO, &err)
		       : mover_put(&job, STDIN_FILENO, &err);
	if (r < 0)
		fprintf(stderr, "skep-mover: %s\n", err.text);
	return r < 0 ? 1 : 0;
}
