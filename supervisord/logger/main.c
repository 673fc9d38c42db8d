#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "logger/session.h"
#include "sys/kproto.h"
#include "sys/say.h"

#define EXIT_USAGE 2

static const char usage[] =
	"usage: skep-logger --log-dir DIR\n"
	"Started by skepd, with its socket as descriptor 3.\n";

/* Signals that would end it before the output is drained, or for a file that
 * became too large.  It leaves when the keeper's socket ends. */
static void
ignore_signals(void)
{
	static const int signals[] = {
		SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGXFSZ};
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		signal(signals[i], SIG_IGN);
}

/* Two descriptors are needed per instance: as many as we may have. */
static void
raise_files_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* The log directory from the command line, NULL if it is wrong. */
static const char *
read_options(int argc, char **argv)
{
	static const struct option options[] = {
		{"log-dir", required_argument, NULL, 'd'},
		{0},
	};
	const char *dir = NULL;
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'd')
			return NULL;
		dir = optarg;
	}
	return optind == argc ? dir : NULL;
}

int
main(int argc, char **argv)
{
	const char *dir = read_options(argc, argv);
	if (!dir) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	say_init("skep-logger", SAY_INFO);
	ignore_signals();
	raise_files_limit();
	umask(0027);
	return session_run(KPROTO_FD, dir);
}
