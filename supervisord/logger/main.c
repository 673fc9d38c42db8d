#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "logger/journal.h"
#include "logger/session.h"
#include "sys/conf.h"
#include "sys/kproto.h"
#include "sys/say.h"

#define EXIT_USAGE 2

static const char usage[] =
	"usage: skep-logger [-c CONF] [--log-dir DIR] [--journal SOCKET]\n"
	"                   [--system]\n"
	"Started by skepd, with its socket as descriptor 3.  The directory\n"
	"given here goes before log_dir of skep.conf, which is not read "
	"then.\n";

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

/* Waking up does not interrupt what runs: neither the service that is just
 * printing, nor the start of one that skepd tells us of.  Our share of the
 * processor stays the same. */
static void
wait_for_others(void)
{
	static const struct sched_param none;
	sched_setscheduler(0, SCHED_BATCH, &none);
}

/* What the command line says. */
struct options {
	const char *conf;    /* NULL: the usual place */
	const char *log_dir; /* NULL: as skep.conf says */
	const char *journal; /* journald's socket */
};

/* False when the command line is wrong. */
static bool
read_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{"journal", required_argument, NULL, 'j'},
		{"log-dir", required_argument, NULL, 'd'},
		{"system", no_argument, NULL, 's'},
		{0},
	};
	int c;
	while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (c == 'd')
			o->log_dir = optarg;
		else if (c == 'j')
			o->journal = optarg;
		else if (c == 'c')
			o->conf = optarg;
		else if (c == 's')
			conf_use_system();
		else
			return false;
	}
	return optind == argc;
}

/* The log directory of skep.conf, or NULL after a line that says why not. */
static const char *
read_conf(const char *path)
{
	static struct conf conf;
	struct err err = {""};
	if (conf_load(path, &conf, &err) < 0) {
		say(SAY_ERROR, "%s", err.text);
		return NULL;
	}
	return conf.node.log_dir;
}

/* Whether the keeper that started us speaks as we do; see kproto.h. */
static bool
is_version_known(void)
{
	const char *text = getenv(KPROTO_VARIABLE);
	if (!text || strtoul(text, NULL, 10) == KPROTO_VERSION)
		return true;
	say(SAY_ERROR,
		"skepd, which runs, speaks version %s of the protocol between "
		"them, and this skep-logger, which is installed, version %u: "
		"unless skepd replaces itself now, restart it (systemctl "
		"restart skepd; services run on)",
		text, KPROTO_VERSION);
	return false;
}

int
main(int argc, char **argv)
{
	struct options o = {NULL, NULL, JOURNAL_PATH};
	if (!read_options(argc, argv, &o)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	say_init("skep-logger", SAY_INFO);
	if (!is_version_known())
		return KPROTO_EXIT_VERSION;
	ignore_signals();
	raise_files_limit();
	wait_for_others();
	umask(0027);
	if (!o.log_dir)
		o.log_dir = read_conf(o.conf);
	return o.log_dir ? session_run(KPROTO_FD, o.log_dir, o.journal)
			 : EXIT_FAILURE;
}
