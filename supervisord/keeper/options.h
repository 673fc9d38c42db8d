/* What skepd was told: by its command line and by skep.conf. */
#ifndef SKEP_KEEPER_OPTIONS_H
#define SKEP_KEEPER_OPTIONS_H

#include <limits.h>
#include <stdbool.h>

#include "sys/conf.h"
#include "sys/err.h"

/* All options.  They do not change while skepd runs. */
struct options {
	const char *conf_arg;	    /* -c, borrowed from argv; or NULL */
	char libexec_dir[PATH_MAX]; /* where the helpers are */
	const char *helper_user;    /* as whom root runs them, borrowed */
	bool is_verbose;	    /* -v: debug lines */
	bool is_check;		    /* --check-config: say so and leave */
	struct conf conf;	    /* once options_load was called */
};

/* What is to be done after the command line was read. */
enum options_next {
	OPTIONS_RUN,  /* go on */
	OPTIONS_DONE, /* it was --version or --help: exit 0 */
	OPTIONS_BAD,  /* wrong usage, said on standard error: exit 2 */
};

/* Reads the command line. */
enum options_next options_parse(struct options *o, int argc, char **argv);

/* Reads skep.conf; the path in 'o->conf' is made absolute, since the helpers
 * run elsewhere. */
int options_load(struct options *o, struct err *err);

#endif
