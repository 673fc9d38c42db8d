#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mover/mover.h"
#include "sys/units.h"

#define SIZE_MAX_DEFAULT ((uint64_t)1 << 30) /* as handoff.max_size */
#define EXIT_USAGE	 2
#define EXIT_ALREADY	 3 /* lay: what is made of the two is in its place */
#define SAID_SIZE	 400
#define MEMORY_MAX	 ((rlim_t)512 << 20) /* bytes */

static const char usage[] =
	"usage: skep-mover get|checkpoint [--max-size SIZE] [--path PATH] DIR\n"
	"       skep-mover put [--max-size SIZE] [--framed] DIR\n"
	"       skep-mover put [--max-size SIZE] --path PATH [--epoch EPOCH]\n"
	"                      [--root DIGEST] DIR\n"
	"       skep-mover lay --as mine|theirs [--path PATH] [--root DIGEST] "
	"DIR\n"
	"       skep-mover join [--path PATH] [--root DIGEST] [--epoch EPOCH] "
	"DIR\n"
	"       skep-mover aside --path PATH [--epoch EPOCH]\n"
	"                        [--stay NUMBER --before EPOCH] DIR\n"
	"get sends DIR/state (checkpoint: DIR/checkpoint), or PATH, to "
	"standard\noutput as a state stream; put\n"
	"writes DIR/state-in, or PATH, from standard input; aside gives what "
	"stands\nat PATH another name.  lay writes one of two states beside "
	"their place, join\nputs there what was made of them.\n";

static bool
take_number(uint64_t *out)
{
	char *end;
	*out = strtoull(optarg, &end, 10);
	return *optarg && !*end;
}

/* Takes one option; false when it is wrong. */
static bool
take_option(int c, struct mover_job *job)
{
	switch (c) {
	case 'm':
		return units_parse_size(optarg, &job->size_max) == 0;
	case 'f':
		job->is_framed = true;
		return true;
	case 'p':
		job->path = optarg;
		return optarg[0] == '/';
	case 'r':
		job->root = optarg;
		return true;
	case 'e':
		return take_number(&job->epoch);
	case 's':
		return take_number(&job->stay);
	case 'b':
		return take_number(&job->before);
	case 'a':
		job->side = strcmp(optarg, "mine") == 0 ? MOVER_MINE_SUFFIX
							: MOVER_THEIRS_SUFFIX;
		return strcmp(optarg, "mine") == 0 ||
		       strcmp(optarg, "theirs") == 0;
	default: /* getopt's own '?' */
		return false;
	}
}

/* Reads the options behind the verb; false when they are wrong. */
static bool
read_options(int argc, char **argv, struct mover_job *job)
{
	static const struct option options[] = {
		{"max-size", required_argument, NULL, 'm'},
		{"framed", no_argument, NULL, 'f'},
		{"path", required_argument, NULL, 'p'},
		{"root", required_argument, NULL, 'r'},
		{"epoch", required_argument, NULL, 'e'},
		{"stay", required_argument, NULL, 's'},
		{"before", required_argument, NULL, 'b'},
		{"as", required_argument, NULL, 'a'},
		{0},
	};
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!take_option(c, job))
			return false;
	if (argc - optind != 1)
		return false;
	job->dir = argv[optind];
	return true;
}

static int
run_get(const struct mover_job *job, struct err *err)
{
	return mover_get(job, STDOUT_FILENO, err);
}

static int
run_checkpoint(const struct mover_job *job, struct err *err)
{
	struct mover_job it = *job;
	it.is_checkpoint = true;
	return mover_get(&it, STDOUT_FILENO, err);
}

static void
tell(const char *said)
{
	if (*said)
		puts(said);
}

static int
run_put(const struct mover_job *job, struct err *err)
{
	char said[SAID_SIZE];
	if (!job->path)
		return mover_put(job, STDIN_FILENO, err);
	int r = mover_place(job, STDIN_FILENO, said, sizeof said, err);
	if (r == 0)
		tell(said);
	return r;
}

static int
run_aside(const struct mover_job *job, struct err *err)
{
	char said[SAID_SIZE];
	int r = mover_set_aside(job, said, sizeof said, err);
	if (r == 0)
		tell(said);
	return r;
}

static int
run_lay(const struct mover_job *job, struct err *err)
{
	return mover_lay(job, STDIN_FILENO, err);
}

static int
run_join(const struct mover_job *job, struct err *err)
{
	char said[SAID_SIZE];
	int r = mover_join(job, said, sizeof said, err);
	if (r == 0)
		tell(said);
	return r;
}

/* What can be asked for. */
static const struct verb {
	const char *name;
	int (*run)(const struct mover_job *job, struct err *err);
	bool needs_path;
	bool takes_frames;
	bool needs_side;
} verbs[] = {
	{"get", run_get, false, false, false},
	{"checkpoint", run_checkpoint, false, false, false},
	{"put", run_put, false, true, false},
	{"aside", run_aside, true, false, false},
	{"lay", run_lay, false, false, true},
	{"join", run_join, false, false, false},
};

static const struct verb *
find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* Neither a tree nor an archive makes us take more than this, however many
 * names or holes it has.  What a sanitizer takes cannot be bounded so. */
static void
limit_memory(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	struct rlimit limit;
	if (getrlimit(RLIMIT_DATA, &limit) == 0 &&
		limit.rlim_cur > MEMORY_MAX) {
		limit.rlim_cur = MEMORY_MAX;
		setrlimit(RLIMIT_DATA, &limit);
	}
#endif
}

int
main(int argc, char **argv)
{
	struct mover_job job = {.size_max = SIZE_MAX_DEFAULT};
	struct err err = {""};
	const struct verb *v = argc > 1 ? find_verb(argv[1]) : NULL;
	bool is_ok = v && read_options(argc - 1, argv + 1, &job) &&
		     (job.path || !v->needs_path) &&
		     (job.side != NULL) == v->needs_side &&
		     (!job.is_framed || (v->takes_frames && !job.path));
	if (!is_ok) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	limit_memory();
	umask(077); /* modes are set in the end */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	int r = v->run(&job, &err);
	if (r == -EALREADY)
		return EXIT_ALREADY;
	if (r < 0)
		fprintf(stderr, "skep-mover: %s\n", mover_clean(&err));
	return r < 0 ? 1 : 0;
}
