#include "keeper/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELPER_USER "skep"

static const char usage[] =
	"usage: skepd [-c CONF] [--libexec-dir DIR] [--helper-user NAME] "
	"[--foreground]\n"
	"             [-v] [--check-config] [--version] [--help]\n"
	"\n"
	"Starts services and keeps them; skepctl talks to it.  It stays in "
	"the foreground.\n"
	"\n"
	"  -c, --config CONF      the skep.conf to read\n"
	"  --libexec-dir DIR      where skep-node, skep-logger and skep-mover "
	"are\n"
	"  --helper-user NAME     as whom root runs them (skep)\n"
	"  --foreground           what it does anyway\n"
	"  -v, --verbose          say more\n"
	"  --check-config         read skep.conf, say whether it is good, and "
	"end\n";

enum { OPT_LIBEXEC = 256, OPT_USER, OPT_FOREGROUND, OPT_CHECK, OPT_VERSION };

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"libexec-dir", required_argument, NULL, OPT_LIBEXEC},
	{"helper-user", required_argument, NULL, OPT_USER},
	{"foreground", no_argument, NULL, OPT_FOREGROUND},
	{"verbose", no_argument, NULL, 'v'},
	{"check-config", no_argument, NULL, OPT_CHECK},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static enum options_next
bad_usage(void)
{
	fputs(usage, stderr);
	return OPTIONS_BAD;
}

/* Makes a directory's path absolute; false when it is not there. */
static bool
set_libexec(struct options *o, const char *path)
{
	if (realpath(path, o->libexec_dir))
		return true;
	fprintf(stderr, "skepd: --libexec-dir %s: %s\n", path, strerror(errno));
	return false;
}

enum options_next
options_parse(struct options *o, int argc, char **argv)
{
	int c;
	memset(o, 0, sizeof *o);
	o->helper_user = HELPER_USER;
	snprintf(o->libexec_dir, sizeof o->libexec_dir, "%s", SKEP_LIBEXECDIR);
	while ((c = getopt_long(argc, argv, "c:vh", long_options, NULL)) !=
		-1) {
		switch (c) {
		case 'c':
			o->conf_arg = optarg;
			break;
		case OPT_LIBEXEC:
			if (!set_libexec(o, optarg))
				return OPTIONS_BAD;
			break;
		case OPT_USER:
			o->helper_user = optarg;
			break;
		case OPT_FOREGROUND:
			break;
		case 'v':
			o->is_verbose = true;
			break;
		case OPT_CHECK:
			o->is_check = true;
			break;
		case OPT_VERSION:
			printf("skepd %s\n", PACKAGE_VERSION);
			return OPTIONS_DONE;
		case 'h':
			fputs(usage, stdout);
			return OPTIONS_DONE;
		default:
			return bad_usage();
		}
	}
	return optind == argc ? OPTIONS_RUN : bad_usage();
}

int
options_load(struct options *o, struct err *err)
{
	char path[PATH_MAX];
	int rc = conf_load(o->conf_arg, &o->conf, err);
	if (rc < 0 || !o->conf.path[0])
		return rc;
	if (!realpath(o->conf.path, path))
		return err_sys(err, -errno, "%s", o->conf.path);
	if (strlen(path) >= sizeof o->conf.path)
		return err_set(
			err, -ENAMETOOLONG, "%s: the path is too long", path);
	strcpy(o->conf.path, path);
	return 0;
}
